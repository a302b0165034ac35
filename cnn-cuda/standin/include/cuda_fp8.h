// A stand-in for CUDA's cuda_fp8.h: e4m3, as far as candle's kernels use it.
#pragma once
#include "cuda_bf16.h"
#include "cuda_fp16.h"

typedef unsigned char __nv_fp8_storage_t;
enum __nv_fp8_interpretation_t { __NV_E4M3, __NV_E5M2 };

struct __nv_fp8_e4m3 {
  __nv_fp8_storage_t __x;
  __nv_fp8_e4m3() = default;
  explicit __nv_fp8_e4m3(double v) {
    // No infinity: 448 (0x7e) is the largest, and what is larger becomes it. NaN is 0x7f.
    unsigned bits = v != v ? 0x7f : standin::encode<4, 3>(fmin(fmax(v, -448.0), 448.0));
    __x = __nv_fp8_storage_t(bits);
  }
  explicit __nv_fp8_e4m3(float v) : __nv_fp8_e4m3(double(v)) {}
  explicit __nv_fp8_e4m3(__half v) : __nv_fp8_e4m3(double(float(v))) {}
  explicit __nv_fp8_e4m3(__nv_bfloat16 v) : __nv_fp8_e4m3(double(float(v))) {}
  explicit __nv_fp8_e4m3(int v) : __nv_fp8_e4m3(double(v)) {}
  explicit __nv_fp8_e4m3(unsigned v) : __nv_fp8_e4m3(double(v)) {}
  explicit __nv_fp8_e4m3(long v) : __nv_fp8_e4m3(double(v)) {}
  explicit __nv_fp8_e4m3(long long v) : __nv_fp8_e4m3(double(v)) {}
  explicit operator float() const;
};

inline __half_raw __nv_cvt_fp8_to_halfraw(__nv_fp8_storage_t v, __nv_fp8_interpretation_t) {
  if ((v & 0x7f) == 0x7f) return {0x7fff};
  // All exponents are in use, so the top one is not infinity: decode as if there were one more bit of exponent.
  unsigned exponent = v >> 3 & 15, mantissa = v & 7;
  float magnitude = exponent ? ldexpf(float(8 + mantissa), int(exponent) - 10) : ldexpf(float(mantissa), -9);
  return __half(v & 0x80 ? -magnitude : magnitude);
}
inline __nv_fp8_e4m3::operator float() const { return float(__half(__nv_cvt_fp8_to_halfraw(__x, __NV_E4M3))); }
