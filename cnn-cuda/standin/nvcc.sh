#!/bin/sh
# A stand-in for nvcc, for building candle-kernels. With STANDIN_COMPILE set (to compile.sh) every .cu becomes a shared
# object that runs on the CPU, and the "PTX" names it; without, the PTX is a comment. Objects are empty, save one
# that defines candle-kernels' extern "C" functions (for quantised models) as abort(), so that links succeed.
set -e
# cudaforge, which calls this, keeps results by the source alone. Forget what another nvcc made.
if [ "${1:-}" = --version ] && [ -n "${OUT_DIR:-}" ] && [ "$(cat "$OUT_DIR/made-by" 2>/dev/null)" != "$0" ]; then
  rm -f "$OUT_DIR/.cudaforge_cache.json"
  echo "$0" > "$OUT_DIR/made-by"
fi
out= dir= mode= src= objects=
while [ $# -gt 0 ]; do
  case "$1" in
    --version) printf '%s\n' 'stand-in for nvcc' - - 'Cuda compilation tools, release 13.0, V13.0.0'; exit 0;;
    --list-gpu-code) echo sm_90; exit 0;;
    --ptx) mode=ptx;;
    -c) mode=object;;
    --lib) mode=library;;
    -o) out=$2; shift;;
    --output-directory) dir=$2; shift;;
    --default-stream|-Xcompiler|-ccbin) shift;;
    *.cu) src=$1;;
    *.o) objects="$objects $1";;
  esac
  shift
done
name=$(basename "$src" .cu)
case "$mode:$name" in
  ptx:quantized) echo '// stand-in module: none' > "$dir/$name.ptx";;  # inline PTX; nobody here uses it
  ptx:*)
    if [ -n "$STANDIN_COMPILE" ]; then
      # Beside the PTX, which lives as long as the program that includes it.
      "$STANDIN_COMPILE" "$dir/$name.so" "$src"
      echo "// stand-in module: $dir/$name.so" > "$dir/$name.ptx"
    else
      echo "// stand-in for $name.cu" > "$dir/$name.ptx"
    fi;;
  object:moe_gguf)
    { echo '#include <stdlib.h>'
      grep -oE 'pub fn [A-Za-z_0-9]+' src/ffi.rs | awk '{ print "void " $3 "(void){ abort(); }" }'
    } | ${CC:-cc} -x c -fPIC -w -c -o "$out" - ;;
  object:*) echo | ${CC:-cc} -x c -c -o "$out" - ;;
  library:*) rm -f "$out"; ${AR:-ar} crs "$out" $objects ;;
esac
