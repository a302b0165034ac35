#!/bin/sh
# compile.sh OUT.so SOURCE [g++ options]: compiles device code to a module that the stand-in for libcuda loads.
# It stands in the folder that setup.sh made, beside the tools that setup.sh built.
set -e
here=$(dirname "$0")
out=$1 src=$2
shift 2
cxx=${CXX:-g++}
tmp=$out.$$
trap 'rm -f "$tmp.i" "$tmp.cpp" "$tmp.so"' EXIT
"$cxx" -E -x c++ -std=c++17 -include "$here/device/device.h" -I "$here/device/include" "$@" "$src" > "$tmp.i"
"$here/rewrite" < "$tmp.i" > "$tmp.cpp"
# No gnu-unique and -Bsymbolic: templates of the same name in two modules are two things. No contraction: the same
# results on every CPU. No strict aliasing: device code reads floats as integers.
"$cxx" -x c++ -fpreprocessed -std=c++17 -O2 -w -fPIC -shared -fno-gnu-unique -fno-strict-aliasing -ffp-contract=off -fno-math-errno \
  -fno-exceptions -fno-ipa-icf -Wl,-Bsymbolic "$tmp.cpp" -x none "$here/fibers.o" -o "$tmp.so"
mv -f "$tmp.so" "$out"
