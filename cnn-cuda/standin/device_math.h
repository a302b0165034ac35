// CUDA's device math beyond <math.h>. Intrinsics with less precision on a GPU are exact here.
#pragma once

namespace standin {
template <class To, class From>
inline To bits(From from) {
  static_assert(sizeof(To) == sizeof(From), "same size");
  To to;
  __builtin_memcpy(&to, &from, sizeof to);
  return to;
}
// A GPU's conversions saturate; a C cast out of range is undefined. NaN gives 0 in 32 bits and the lowest
// number in 64.
inline int to_int(double v) { return v != v ? 0 : v <= -2147483648.0 ? -2147483647 - 1 : v >= 2147483647.0 ? 2147483647 : int(v); }
inline unsigned to_uint(double v) { return !(v > 0) ? 0u : v >= 4294967295.0 ? 0xffffffffu : unsigned(v); }
inline long long to_ll(double v) {
  const long long lowest = (long long)(1ull << 63);
  return !(v >= -9223372036854775808.0) ? lowest : v >= 9223372036854775808.0 ? ~lowest : (long long)v;
}
inline unsigned long long to_ull(double v) {
  return v != v ? 1ull << 63 : v <= 0 ? 0 : v >= 18446744073709551616.0 ? ~0ull : (unsigned long long)v;
}
}  // namespace standin

// CUDA's min and max: any two integers of the same rank, the unsigned type if they differ; NaN is ignored.
#define STANDIN_MINMAX(R, A, B)                                                   \
  inline constexpr R min(A a, B b) { return (R)a < (R)b ? (R)a : (R)b; }             \
  inline constexpr R max(A a, B b) { return (R)a > (R)b ? (R)a : (R)b; }
#define STANDIN_MINMAX4(S, U) STANDIN_MINMAX(S, S, S) STANDIN_MINMAX(U, U, U) STANDIN_MINMAX(U, S, U) STANDIN_MINMAX(U, U, S)
STANDIN_MINMAX4(int, unsigned)
STANDIN_MINMAX4(long, unsigned long)
STANDIN_MINMAX4(long long, unsigned long long)
#undef STANDIN_MINMAX4
#undef STANDIN_MINMAX
inline float min(float a, float b) { return fminf(a, b); }
inline float max(float a, float b) { return fmaxf(a, b); }
inline double min(double a, double b) { return fmin(a, b); }
inline double max(double a, double b) { return fmax(a, b); }
inline double min(float a, double b) { return fmin(a, b); }
inline double min(double a, float b) { return fmin(a, b); }
inline double max(float a, double b) { return fmax(a, b); }
inline double max(double a, float b) { return fmax(a, b); }
inline unsigned umin(unsigned a, unsigned b) { return min(a, b); }
inline unsigned umax(unsigned a, unsigned b) { return max(a, b); }

inline float rsqrtf(float v) { return 1.0f / sqrtf(v); }
inline double rsqrt(double v) { return 1.0 / sqrt(v); }
inline float rsqrt(float v) { return rsqrtf(v); }
inline float rcbrtf(float v) { return 1.0f / cbrtf(v); }
inline double rcbrt(double v) { return 1.0 / cbrt(v); }
inline float normcdff(float v) { return float(0.5 * erfc(double(v) * -0.70710678118654752440)); }
inline double normcdf(double v) { return 0.5 * erfc(v * -0.70710678118654752440); }
inline float standin_exp10f(float v) { return float(pow(10.0, double(v))); }
inline float sinpif(float v) { return float(sin(3.14159265358979323846 * remainder(double(v), 2.0))); }
inline float cospif(float v) { return float(cos(3.14159265358979323846 * remainder(double(v), 2.0))); }
inline double sinpi(double v) { return sin(3.14159265358979323846 * remainder(v, 2.0)); }
inline double cospi(double v) { return cos(3.14159265358979323846 * remainder(v, 2.0)); }
inline float fdividef(float a, float b) { return a / b; }

inline float __expf(float v) { return expf(v); }
inline float __exp10f(float v) { return standin_exp10f(v); }
inline float __logf(float v) { return logf(v); }
inline float __log2f(float v) { return log2f(v); }
inline float __log10f(float v) { return log10f(v); }
inline float __sinf(float v) { return sinf(v); }
inline float __cosf(float v) { return cosf(v); }
inline float __tanf(float v) { return tanf(v); }
inline void __sincosf(float v, float* s, float* c) { *s = sinf(v); *c = cosf(v); }
inline float __powf(float a, float b) { return powf(a, b); }
inline float __tanhf(float v) { return tanhf(v); }
inline float __fdividef(float a, float b) { return a / b; }
inline float __saturatef(float v) { return v > 0.0f ? (v < 1.0f ? v : 1.0f) : 0.0f; }  // NaN gives 0

inline float __fadd_rn(float a, float b) { return a + b; }
inline float __fsub_rn(float a, float b) { return a - b; }
inline float __fmul_rn(float a, float b) { return a * b; }
inline float __fdiv_rn(float a, float b) { return a / b; }
inline float __frcp_rn(float v) { return 1.0f / v; }
inline float __fsqrt_rn(float v) { return sqrtf(v); }
inline float __frsqrt_rn(float v) { return float(1.0 / sqrt(double(v))); }
inline float __fmaf_rn(float a, float b, float c) { return fmaf(a, b, c); }
inline double __dadd_rn(double a, double b) { return a + b; }
inline double __dsub_rn(double a, double b) { return a - b; }
inline double __dmul_rn(double a, double b) { return a * b; }
inline double __ddiv_rn(double a, double b) { return a / b; }
inline double __drcp_rn(double v) { return 1.0 / v; }
inline double __dsqrt_rn(double v) { return sqrt(v); }
inline double __fma_rn(double a, double b, double c) { return fma(a, b, c); }

inline unsigned __float_as_uint(float v) { return standin::bits<unsigned>(v); }
inline int __float_as_int(float v) { return standin::bits<int>(v); }
inline float __uint_as_float(unsigned v) { return standin::bits<float>(v); }
inline float __int_as_float(int v) { return standin::bits<float>(v); }
inline long long __double_as_longlong(double v) { return standin::bits<long long>(v); }
inline double __longlong_as_double(long long v) { return standin::bits<double>(v); }
inline int __double2hiint(double v) { return int(__double_as_longlong(v) >> 32); }
inline int __double2loint(double v) { return int(__double_as_longlong(v)); }
inline double __hiloint2double(int high, int low) {
  return __longlong_as_double((long long)((unsigned long long)unsigned(high) << 32 | unsigned(low)));
}

#define STANDIN_ROUNDINGS(FROM, TYPE)                                            \
  inline int __##FROM##2int_rn(TYPE v) { return standin::to_int(rint(v)); }      \
  inline int __##FROM##2int_rz(TYPE v) { return standin::to_int(trunc(v)); }     \
  inline int __##FROM##2int_rd(TYPE v) { return standin::to_int(floor(v)); }     \
  inline int __##FROM##2int_ru(TYPE v) { return standin::to_int(ceil(v)); }      \
  inline unsigned __##FROM##2uint_rn(TYPE v) { return standin::to_uint(rint(v)); }   \
  inline unsigned __##FROM##2uint_rz(TYPE v) { return standin::to_uint(trunc(v)); }  \
  inline unsigned __##FROM##2uint_rd(TYPE v) { return standin::to_uint(floor(v)); }  \
  inline unsigned __##FROM##2uint_ru(TYPE v) { return standin::to_uint(ceil(v)); }   \
  inline long long __##FROM##2ll_rn(TYPE v) { return standin::to_ll(rint(v)); }  \
  inline long long __##FROM##2ll_rz(TYPE v) { return standin::to_ll(trunc(v)); } \
  inline long long __##FROM##2ll_rd(TYPE v) { return standin::to_ll(floor(v)); } \
  inline long long __##FROM##2ll_ru(TYPE v) { return standin::to_ll(ceil(v)); }  \
  inline unsigned long long __##FROM##2ull_rn(TYPE v) { return standin::to_ull(rint(v)); } \
  inline unsigned long long __##FROM##2ull_rz(TYPE v) { return standin::to_ull(trunc(v)); }
STANDIN_ROUNDINGS(float, float)
STANDIN_ROUNDINGS(double, double)
#undef STANDIN_ROUNDINGS
inline float __int2float_rn(int v) { return float(v); }
inline float __uint2float_rn(unsigned v) { return float(v); }
inline float __ll2float_rn(long long v) { return float(v); }
inline float __ull2float_rn(unsigned long long v) { return float(v); }
inline double __int2double_rn(int v) { return v; }
inline double __uint2double_rn(unsigned v) { return v; }
inline double __ll2double_rn(long long v) { return double(v); }
inline double __ull2double_rn(unsigned long long v) { return double(v); }
inline float __double2float_rn(double v) { return float(v); }

inline int __mulhi(int a, int b) { return int((long long)a * b >> 32); }
inline unsigned __umulhi(unsigned a, unsigned b) { return unsigned((unsigned long long)a * b >> 32); }
inline long long __mul64hi(long long a, long long b) { return (long long)((__int128)a * b >> 64); }
inline unsigned long long __umul64hi(unsigned long long a, unsigned long long b) {
  return (unsigned long long)((unsigned __int128)a * b >> 64);
}
inline int __mul24(int a, int b) { return (a << 8 >> 8) * (b << 8 >> 8); }
inline unsigned __umul24(unsigned a, unsigned b) { return (a & 0xffffff) * (b & 0xffffff); }
inline int __popc(unsigned v) { return __builtin_popcount(v); }
inline int __popcll(unsigned long long v) { return __builtin_popcountll(v); }
inline int __clz(int v) { return v ? __builtin_clz(unsigned(v)) : 32; }
inline int __clzll(long long v) { return v ? __builtin_clzll((unsigned long long)v) : 64; }
inline int __ffs(int v) { return __builtin_ffs(v); }
inline int __ffsll(long long v) { return __builtin_ffsll(v); }
inline unsigned __brev(unsigned v) {
  v = (v >> 1 & 0x55555555u) | (v & 0x55555555u) << 1;
  v = (v >> 2 & 0x33333333u) | (v & 0x33333333u) << 2;
  v = (v >> 4 & 0x0f0f0f0fu) | (v & 0x0f0f0f0fu) << 4;
  return __builtin_bswap32(v);
}
inline unsigned long long __brevll(unsigned long long v) {
  return (unsigned long long)__brev(unsigned(v)) << 32 | __brev(unsigned(v >> 32));
}
inline unsigned __byte_perm(unsigned a, unsigned b, unsigned selector) {
  unsigned long long both = (unsigned long long)b << 32 | a;
  unsigned result = 0;
  for (int i = 0; i < 4; i++) {
    unsigned nibble = selector >> (4 * i) & 15;
    unsigned byte = unsigned(both >> (8 * (nibble & 7))) & 255;
    if (nibble & 8) byte = byte & 128 ? 255 : 0;
    result |= byte << (8 * i);
  }
  return result;
}
inline unsigned __funnelshift_l(unsigned low, unsigned high, unsigned shift) {
  return unsigned(((unsigned long long)high << 32 | low) << (shift & 31) >> 32);
}
inline unsigned __funnelshift_r(unsigned low, unsigned high, unsigned shift) {
  return unsigned(((unsigned long long)high << 32 | low) >> (shift & 31));
}
inline int __dp4a(int a, int b, int c) {
  for (int i = 0; i < 32; i += 8) c += (signed char)(a >> i) * (signed char)(b >> i);
  return c;
}
