#!/usr/bin/env bash
# The project against its peers, on the CPU or on a GPU: see compare/README.md.
set -euo pipefail
cd "$(dirname "$0")/compare"

if [[ "${1:-}" = gpu ]]; then
    # A PyTorch that is there, with CUDA, torchvision and safetensors; and this project's worker, built now if it is not given.
    worker="${GPU_WORKER:-}"
    if [[ -z "$worker" ]]; then
        cargo build --release --manifest-path ../Cargo.toml --bin gpu --features cudnn ||
            cargo build --release --manifest-path ../Cargo.toml --bin gpu --features cuda
        worker="$(cd ../.. && pwd)/target/release/gpu"
    fi
    PYTHONPATH="$PWD" exec "${PYTHON:-python3}" -m harness gpu --worker "$worker" "${@:2}"
fi

if [[ "${1:-}" != inference && "${1:-}" != training ]]; then
    echo "usage: benches/compare.sh inference [--networks a,b] [--engines a,b] [--threads 1,2] [--batch 1,8]" >&2
    echo "                                    [--rounds n] [--quick]" >&2
    echo "       benches/compare.sh gpu       [--networks a,b] [--engines a,b] [--precisions f32,tf32,bf16] [--batch 1,32] [--rounds n]" >&2
    echo "       benches/compare.sh training  [--networks a,b] [--engines a,b] [--threads 1,2] [--rounds n] [--quick]" >&2
    exit 2
fi

made="$(cd ../.. && pwd)/target/compare"
python="$made/venv/bin/python"
mkdir -p "$made"

# The peers from Python. One that cannot be had is missing in the table, and the others run.
if ! cmp -s requirements.txt "$made/venv/requirements.txt"; then
    echo "installing the peers into target/compare/venv"
    # A PyTorch that the system has is taken if it is the pinned one; pip installs it otherwise.
    python3 -m venv --system-site-packages "$made/venv"
    if "$python" -m pip install --quiet -r requirements.txt; then
        cp requirements.txt "$made/venv/requirements.txt"
    else
        while read -r package; do
            "$python" -m pip install --quiet "$package" || echo "cannot be had: $package" >&2
        done < <(grep -v '^#' requirements.txt)
    fi
fi

# This project and the peers in Rust; without those if their crates cannot be had.
build=(cargo build --quiet --release --target-dir "$made/cargo")
nice -n 10 "${build[@]}" || nice -n 10 "${build[@]}" --no-default-features

PYTHONPATH="$PWD" exec "$python" -m harness "$@"
