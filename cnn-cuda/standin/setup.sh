#!/bin/sh
# setup.sh MODE DEST: makes a folder with which `cargo ... --features cuda` works without a GPU, a CUDA toolkit or root.
#
#   check    link stubs whose every function fails (cuInit: no device) and a stand-in for nvcc that compiles nothing.
#            Enough to build, to lint, and to run tests that skip without a device. Downloads nothing.
#   emulate  stand-ins that compute on the CPU: CUDA code is compiled by g++ and runs. Needs g++. Downloads nothing.
#   build    the real nvcc, from wheels (about 105 MB, with pip). What it builds runs on a machine with a GPU.
#   full     as build, with NVRTC (about 90 MB more), which compiles kernels without a GPU.
#
# Then:  . DEST/env.sh; LD_LIBRARY_PATH=$CUDA_STUBS cargo test --features cuda
# Never put $CUDA_STUBS on LD_LIBRARY_PATH on a machine with a GPU, save to test without it.
#
# Run it inside the workspace, or give the folder of the crate cudarc as CUDARC_SRC: its lists of functions make the
# stubs. KEEP_GGUF=1 in modes build and full also compiles candle's kernels for quantised models (minutes).
set -eu
mode=${1:?check, emulate, build or full} dest=${2:?where to}
case "$mode" in check|emulate|build|full) ;; *) echo "unknown mode $mode" >&2; exit 2;; esac
here=$(cd "$(dirname "$0")" && pwd)
cc=${CC:-cc} cxx=${CXX:-g++}
# Not newer than the driver of the machine with the GPU: PTX of a later CUDA is refused there.
cuda=13.0 nvcc_version=13.0.88 cccl_version=13.0.85 runtime_version=13.0.96
mkdir -p "$dest/stubs"
dest=$(cd "$dest" && pwd)

# Nothing to do if neither this folder nor the mode nor the lock file changed.
lock=$here/../../Cargo.lock
stamp=$({ echo "$mode $dest"; cat "$here"/* "$here"/include/*.h "$here"/include/cuda/std/limits "$lock" 2>/dev/null || true; } | cksum)
if [ -f "$dest/env.sh" ] && [ "$(cat "$dest/stamp" 2>/dev/null)" = "$stamp" ]; then
  echo "$dest is up to date ($mode)"
  exit 0
fi
rm -f "$dest/stamp"

cudarc=${CUDARC_SRC:-}
if [ -z "$cudarc" ]; then
  cudarc=$(cargo metadata --format-version 1 --locked --all-features | grep -oE '"manifest_path":"[^"]*/cudarc-[0-9.]+/Cargo\.toml"' |
    sed -E '1!d; s/^"manifest_path":"//; s/\/Cargo\.toml"$//')
fi
[ -d "$cudarc/src/driver" ] || { echo "no cudarc at '$cudarc'" >&2; exit 1; }

# functions MODULE: the names that cudarc declares of a library.
functions() {
  grep -ohE '^pub unsafe fn [A-Za-z_0-9]+\(' "$cudarc/src/$1/sys/mod.rs" | sed -E 's/^pub unsafe fn //; s/\(//' |
    grep -vxE 'culib|is_culib_present|load' | sort -u
}

# library MODULE NAME SONAME ERROR [objects]: a library with all of these functions. They return the error, unless
# the objects have them: the stubs are weak.
library() {
  module=$1 name=$2 soname=$3 error=$4
  shift 4
  functions "$module" | awk -v e="$error" '{ print "__attribute__((weak)) int " $1 "(void){ return " e "; }" }' |
    "$cc" -x c -fPIC -O1 -w -c -o "$dest/stubs/$name.o" -
  "$link" -shared -Wl,-soname,"$soname" -o "$dest/stubs/$name.so.new" "$@" "$dest/stubs/$name.o"
  mv -f "$dest/stubs/$name.so.new" "$dest/stubs/$name.so"
  ln -sf "$name.so" "$dest/stubs/$soname"
  rm -f "$dest/stubs/$name.o"
}

driver= nvrtc= curand= cublas= cublaslt= cudnn= link=$cc no_driver=100 no_cublas=1 no_cudnn=1001  # no device, not initialized
if [ "$mode" = emulate ]; then
  rm -rf "$dest/objects" "$dest/device" "$dest/cache"  # of an older stand-in
  mkdir -p "$dest/objects" "$dest/device" "$dest/cache"
  sed -nE 's/^ *(CUDA_(SUCCESS|ERROR_[A-Z_0-9]+)) = ([0-9]+),.*/{\3, "\1"},/p' "$cudarc/src/driver/sys/mod.rs" |
    sort -u > "$dest/objects/error_names.inc"
  for source in "$here"/*.cpp; do
    name=$(basename "$source" .cpp)
    [ "$name" = rewrite ] || "$cxx" -std=c++17 -O3 -Wall -Wextra -fPIC -fvisibility=hidden -fno-strict-aliasing -ffp-contract=off \
      -I "$dest/objects" -c -o "$dest/objects/$name.o" "$source"
  done
  "$cxx" -std=c++17 -O2 -Wall -Wextra -o "$dest/rewrite" "$here/rewrite.cpp"
  cp -f "$dest/objects/fibers.o" "$dest/fibers.o"
  cp -f "$here"/device*.h "$dest/device/"
  cp -rf "$here/include" "$dest/device/"
  cp -f "$here/compile.sh" "$dest/compile.sh"
  o=$dest/objects s=$dest/stubs link=$cxx no_driver=801 no_cublas=15 no_cudnn=3000  # not supported
  driver="$o/driver_device.o $o/driver_memory.o $o/driver_stream.o $o/driver_module.o"
  nvrtc=$o/nvrtc.o
  curand="$o/curand.o $s/libcuda.so"
  cublas="$o/cublas.o $s/libcuda.so"
  cublaslt="$o/cublaslt.o $s/libcuda.so"
  cudnn="$o/cudnn.o $o/cudnn_convolution.o $s/libcuda.so"
fi
# Objects are words: paths with spaces do not work.
library driver   libcuda     libcuda.so.1      $no_driver $driver
library nvrtc    libnvrtc    libnvrtc.so.13    11 $nvrtc
library curand   libcurand   libcurand.so.10   203 $curand
library cublas   libcublas   libcublas.so.13   $no_cublas $cublas
library cublaslt libcublasLt libcublasLt.so.13 $no_cublas $cublaslt
library cudnn    libcudnn    libcudnn.so.9     $no_cudnn $cudnn

home=
case "$mode" in
  check|emulate)
    echo 'int cudart_stub(void){ return 0; }' |
      "$cc" -x c -shared -fPIC -nostdlib -Wl,-soname,libcudart.so.13 -o "$dest/stubs/libcudart.so" -
    ln -sf libcudart.so "$dest/stubs/libcudart.so.13"
    wrapper=$here/nvcc.sh
    ;;
  *)
    nvrtc_wheel=
    [ "$mode" = build ] || nvrtc_wheel="nvidia-cuda-nvrtc==$nvcc_version"
    python3 -m pip install -q --no-deps --no-compile --only-binary=:all: --upgrade --target "$dest/site" \
      "nvidia-cuda-nvcc==$nvcc_version" "nvidia-nvvm==$nvcc_version" "nvidia-cuda-crt==$nvcc_version" \
      "nvidia-cuda-cccl==$cccl_version" "nvidia-cuda-runtime==$runtime_version" $nvrtc_wheel
    home=$dest/site/nvidia/cu13
    chmod +x "$home"/bin/* "$home"/nvvm/bin/* 2>/dev/null || true
    ln -sfn lib "$home/lib64"
    ln -sf "$home/lib/libcudart.so.13" "$dest/stubs/libcudart.so.13"
    ln -sf libcudart.so.13 "$dest/stubs/libcudart.so"
    "$home/bin/nvcc" --version | grep -q "release $cuda,"
    wrapper=$here/nvcc-without-gguf.sh
    ;;
esac
# The build script of candle-kernels runs again when $NVCC changes: its path says what it compiles to.
kind=$mode-$(cat "$wrapper" "$here/module.h" "$here/fibers.cpp" "$here/rewrite.cpp" "$here/compile.sh" "$here"/device*.h \
  "$here"/include/*.h | cksum | cut -d' ' -f1)
rm -rf "$dest/bin"
mkdir -p "$dest/bin/$kind"
cp -f "$wrapper" "$dest/bin/$kind/nvcc"
chmod +x "$dest/bin/$kind/nvcc"

{
  echo "export NVCC='$dest/bin/$kind/nvcc'"
  case "$mode" in
    # What the stand-in for NVRTC gives is of this folder, and nothing to keep elsewhere.
    emulate) echo "export CUDA_STANDIN='$dest' STANDIN_COMPILE='$dest/compile.sh' CNN_CUDA_CACHE=";;
    build) echo "export REAL_NVCC='$home/bin/nvcc' CUDA_HOME='$home'";;
    full) echo "export REAL_NVCC='$home/bin/nvcc' CUDA_HOME='$home' NVRTC_LIBS='$home/lib'";;
  esac
  echo 'export CUDARC_CUDA_VERSION=13000 CUDA_COMPUTE_CAP=${CUDA_COMPUTE_CAP:-90}'
  echo "export CUDA_STUBS='$dest/stubs'"
  echo "export LIBRARY_PATH='$dest/stubs'\${LIBRARY_PATH:+:\$LIBRARY_PATH}"
} > "$dest/env.sh"
echo "$stamp" > "$dest/stamp"
echo "made $dest ($mode); next: . $dest/env.sh"
