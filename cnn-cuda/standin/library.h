// What the stand-ins for CUDA's libraries share: the link to libcuda and numbers of several types.
#pragma once
#include <cstdint>
#include <functional>

#include "include/standin_small_float.h"

#define LIBRARY_API extern "C" __attribute__((visibility("default"))) int

// In libcuda: runs work that was given to a stream, or records it if the stream captures.
extern "C" int standin_submit(void* stream, std::function<void()> work);

namespace standin {

// Loops that matter are compiled for AVX2 also. Not for FMA: results should not depend on the CPU.
#if defined(__x86_64__)
#define STANDIN_FAST __attribute__((target_clones("default", "avx2"), optimize("O3")))
#else
#define STANDIN_FAST
#endif

struct Half {
  uint16_t bits;
  operator float() const { return decode<5, 10>(bits); }
  static Half from(double v) { return {uint16_t(encode<5, 10>(v))}; }
};
struct Bfloat {
  uint16_t bits;
  operator float() const { return __builtin_bit_cast(float, uint32_t(bits) << 16); }
  static Bfloat from(double v) { return {uint16_t(encode<8, 7>(v))}; }
};
template <class T>
T convert(double v) {
  if constexpr (sizeof(T) == 2) return T::from(v);
  else return T(v);
}

}  // namespace standin
