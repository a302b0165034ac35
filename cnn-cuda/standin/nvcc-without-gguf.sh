#!/usr/bin/env bash
# The real nvcc ($REAL_NVCC), except that candle-kernels' kernels for quantised models (GGUF) become host functions that abort.
set -euo pipefail
# cudaforge, which calls this, keeps results by the source alone. Forget what another nvcc made.
if [ "${1:-}" = --version ] && [ -n "${OUT_DIR:-}" ] && [ "$(cat "$OUT_DIR/made-by" 2>/dev/null)" != "$0" ]; then
  rm -f "$OUT_DIR/.cudaforge_cache.json"
  echo "$0" > "$OUT_DIR/made-by"
fi
out= src= object= args=("$@")
while [ $# -gt 0 ]; do
  case "$1" in -c) object=1;; -o) out=$2; shift;; *.cu) src=$1;; esac
  shift
done
if [ -z "${KEEP_GGUF:-}" ]; then
  case "$object:$src" in
    1:*moe/moe_gguf.cu)
      { echo '#include <stdlib.h>'
        grep -oE 'pub fn [A-Za-z_0-9]+' src/ffi.rs | awk '{ print "void " $3 "(void){ abort(); }" }'
      } | ${CC:-cc} -x c -fPIC -ffunction-sections -O1 -w -c -o "$out" -
      exit;;
    1:*moe/moe_*|1:*mmq_gguf/mmq_*|1:*/mmvq_gguf.cu) echo | ${CC:-cc} -x c -c -o "$out" -; exit;;
  esac
fi
exec "$REAL_NVCC" "${args[@]}"
