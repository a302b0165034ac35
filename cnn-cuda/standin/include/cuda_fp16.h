// A stand-in for CUDA's cuda_fp16.h: the part in use, with the same names and roundings.
#pragma once
#include "standin_small_float.h"

struct __half_raw {
  unsigned short x;
};

struct __half {
  unsigned short __x;
  __half() = default;
  __half(double v) : __x((unsigned short)standin::encode<5, 10>(v)) {}
  __half(float v) : __half(double(v)) {}
  __half(__half_raw raw) : __x(raw.x) {}
  STANDIN_FROM_NUMBERS(__half)
  operator float() const { return standin::decode<5, 10>(__x); }
  operator __half_raw() const { return {__x}; }
};
using half = __half;
STANDIN_SMALL_OPERATORS(__half)
STANDIN_SMALL_PAIRS(__half, __half2)
using half2 = __half2;

inline __half __float2half(float v) { return __half(v); }
inline __half __float2half_rn(float v) { return __half(v); }
inline __half __double2half(double v) { return __half(v); }
inline float __half2float(__half v) { return float(v); }
inline __half __int2half_rn(int v) { return __half(v); }
inline __half __uint2half_rn(unsigned v) { return __half(v); }
inline int __half2int_rn(__half v) { return __float2int_rn(float(v)); }
inline int __half2int_rz(__half v) { return __float2int_rz(float(v)); }
inline unsigned short __half_as_ushort(__half v) { return v.__x; }
inline short __half_as_short(__half v) { return short(v.__x); }
inline __half __ushort_as_half(unsigned short v) { return __half(__half_raw{v}); }
inline __half __short_as_half(short v) { return __half(__half_raw{(unsigned short)v}); }

inline __half2 __halves2half2(__half x, __half y) { return {x, y}; }
inline __half2 make_half2(__half x, __half y) { return {x, y}; }
inline __half2 __half2half2(__half v) { return {v, v}; }
inline __half2 __float2half2_rn(float v) { return {__half(v), __half(v)}; }
inline __half2 __floats2half2_rn(float x, float y) { return {__half(x), __half(y)}; }
inline __half2 __float22half2_rn(float2 v) { return {__half(v.x), __half(v.y)}; }
inline float2 __half22float2(__half2 v) { return {float(v.x), float(v.y)}; }
inline __half __low2half(__half2 v) { return v.x; }
inline __half __high2half(__half2 v) { return v.y; }
inline float __low2float(__half2 v) { return float(v.x); }
inline float __high2float(__half2 v) { return float(v.y); }
