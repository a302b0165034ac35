#!/usr/bin/env bash
# Everything that needs a GPU, in one command: the tests, then the benchmark.
#
#   benches/gpu.sh              on a machine with a GPU, Rust and CUDA's toolkit
#   benches/gpu.sh pack FILE    anywhere: builds it all and packs it, for a machine that has a GPU and PyTorch and no Rust. There,
#                               in a copy of this repository:  GPU_PACK=FILE benches/gpu.sh
#
# What it finds goes to $OUT, or target/gpu. Arguments after the first are those of `compare.sh gpu`.
set -euo pipefail
cd "$(dirname "$0")/.."
features=cnn-tests/cudnn,cnn-train/cuda
names=(cuda models language optimizers)

build() {
    cargo build --release --locked -p cnn-benches --bin gpu --features cudnn
    # Debug information of test programs would be hundreds of megabytes.
    tests=()
    for name in "${names[@]}"; do tests+=(--test "$name"); done
    CARGO_PROFILE_RELEASE_STRIP=true cargo test --release --locked --no-run --features "$features" "${tests[@]}" \
        --message-format json | grep -o '"executable":"[^"]*"' | cut -d'"' -f4
}

if [[ "${1:-}" = pack ]]; then
    pack="$(mktemp -d)"
    trap 'rm -rf "$pack"' EXIT
    built="$(build)"
    for name in "${names[@]}"; do
        cp "$(grep "/$name-[0-9a-f]*$" <<< "$built")" "$pack/$name"
    done
    cp target/release/gpu "$pack/gpu"
    strip "$pack"/*
    tar czf "$2" -C "$pack" .
    ls -l "$2"
    exit
fi

out="${OUT:-$PWD/target/gpu}"
mkdir -p "$out"
python="${PYTHON:-python3}"
# CUDA's libraries that PyTorch brings, where the system has none.
bundled="$("$python" -c 'import os, nvidia
print(":".join(d for p in nvidia.__path__ for d in (p + "/cu13/lib", p + "/cudnn/lib") if os.path.isdir(d)))' 2> /dev/null || true)"
export LD_LIBRARY_PATH="$bundled${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}:/usr/local/cuda/lib64"
if [[ -n "${GPU_PACK:-}" ]]; then
    programs="$(mktemp -d)"
    tar xzf "$GPU_PACK" -C "$programs"
    export GPU_WORKER="$programs/gpu"
    for name in "${names[@]}"; do
        folder=tests
        [[ "$name" = optimizers ]] && folder=cnn-train
        echo "== $name"
        (cd "$folder" && CARGO_MANIFEST_DIR="$PWD" "$programs/$name" --nocapture --test-threads 4) 2>&1 | tee "$out/$name.log" | grep -v "^references\|ok$" || true
    done
else
    tests=()
    for name in "${names[@]}"; do tests+=(--test "$name"); done
    cargo test --release --locked --features "$features" "${tests[@]}" -- --nocapture 2>&1 | tee "$out/tests.log"
fi
PYTHON="$python" benches/compare.sh gpu --out "$out/gpu.json" "$@" 2>&1 | tee "$out/gpu.log"
