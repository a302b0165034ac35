// What the headers for small floats share: rounding to nearest, ties to even, from double (and so, exactly, from
// float and from 32-bit integers), and the operators, which compute in float.
#pragma once

namespace standin {

// Sign, EXPONENT bits and MANTISSA bits, as in IEEE 754. Too large becomes infinite: the carry does it.
template <int EXPONENT, int MANTISSA>
inline unsigned encode(double value) {
  constexpr int bias = (1 << (EXPONENT - 1)) - 1;
  constexpr unsigned infinity = ((1u << EXPONENT) - 1) << MANTISSA;
  constexpr int sign_at = EXPONENT + MANTISSA;
  unsigned long long bits = __builtin_bit_cast(unsigned long long, value);
  unsigned sign = unsigned(bits >> 63) << sign_at;
  int exponent = int(bits >> 52 & 2047) - 1023;
  if (exponent == 1024) return bits << 12 ? infinity | ((1u << MANTISSA) - 1) : sign | infinity;
  if (exponent > bias) return sign | infinity;
  if (exponent < 1 - bias) exponent = 1 - bias;
  // The number of units in the last place, an exact product but for the rounding.
  double unit = __builtin_bit_cast(double, (unsigned long long)(1023 + MANTISSA - exponent) << 52);
  double magnitude = __builtin_bit_cast(double, bits & ~0ull >> 1) * unit;
  return sign | ((unsigned(exponent + bias - 1) << MANTISSA) + unsigned(__builtin_rint(magnitude)));
}

template <int EXPONENT, int MANTISSA>
inline float decode(unsigned bits) {
  constexpr int bias = (1 << (EXPONENT - 1)) - 1;
  unsigned exponent = bits >> MANTISSA & ((1u << EXPONENT) - 1), mantissa = bits & ((1u << MANTISSA) - 1);
  unsigned sign = bits >> (EXPONENT + MANTISSA) << 31;
  if (exponent == (1u << EXPONENT) - 1) return __builtin_bit_cast(float, sign | 0x7f800000u | mantissa << (23 - MANTISSA));
  if (exponent != 0) return __builtin_bit_cast(float, sign | (exponent + 127 - bias) << 23 | mantissa << (23 - MANTISSA));
  float magnitude = float(mantissa) * __builtin_bit_cast(float, unsigned(127 + 1 - bias - MANTISSA) << 23);
  return sign ? -magnitude : magnitude;
}

}  // namespace standin

#define STANDIN_FROM_NUMBERS(TYPE)                        \
  TYPE(int v) : TYPE(double(v)) {}                        \
  TYPE(unsigned v) : TYPE(double(v)) {}                   \
  TYPE(long v) : TYPE(double(v)) {}                       \
  TYPE(unsigned long v) : TYPE(double(v)) {}              \
  TYPE(long long v) : TYPE(double(v)) {}                  \
  TYPE(unsigned long long v) : TYPE(double(v)) {}

#define STANDIN_SMALL_OPERATOR(T, OP)                                     \
  inline T operator OP(T a, T b) { return T(float(a) OP float(b)); }      \
  inline T& operator OP##=(T& a, T b) { return a = a OP b; }
#define STANDIN_SMALL_COMPARE(T, OP) \
  inline bool operator OP(T a, T b) { return float(a) OP float(b); }
#define STANDIN_SMALL_OPERATORS(T)                                        \
  STANDIN_SMALL_OPERATOR(T, +)                                            \
  STANDIN_SMALL_OPERATOR(T, -)                                            \
  STANDIN_SMALL_OPERATOR(T, *)                                            \
  STANDIN_SMALL_OPERATOR(T, /)                                            \
  STANDIN_SMALL_COMPARE(T, ==)                                            \
  STANDIN_SMALL_COMPARE(T, !=)                                            \
  STANDIN_SMALL_COMPARE(T, <)                                             \
  STANDIN_SMALL_COMPARE(T, <=)                                            \
  STANDIN_SMALL_COMPARE(T, >)                                             \
  STANDIN_SMALL_COMPARE(T, >=)                                            \
  inline T operator+(T a) { return a; }                                   \
  inline T operator-(T a) { return T(-float(a)); }                        \
  inline T& operator++(T& a) { return a = a + T(1); }                     \
  inline T& operator--(T& a) { return a = a - T(1); }                     \
  inline T __hadd(T a, T b) { return a + b; }                             \
  inline T __hsub(T a, T b) { return a - b; }                             \
  inline T __hmul(T a, T b) { return a * b; }                             \
  inline T __hdiv(T a, T b) { return a / b; }                             \
  inline T __hneg(T a) { return -a; }                                     \
  inline T __hfma(T a, T b, T c) { return T(double(float(a)) * double(float(b)) + double(float(c))); } \
  inline T __habs(T a) { return T(fabsf(float(a))); }                     \
  inline bool __hisnan(T a) { return float(a) != float(a); }              \
  inline int __hisinf(T a) { float v = float(a); return v == INFINITY ? 1 : v == -INFINITY ? -1 : 0; } \
  inline bool __heq(T a, T b) { return a == b; }                          \
  inline bool __hne(T a, T b) { return a < b || b < a; }                  \
  inline bool __hlt(T a, T b) { return a < b; }                           \
  inline bool __hle(T a, T b) { return a <= b; }                          \
  inline bool __hgt(T a, T b) { return a > b; }                           \
  inline bool __hge(T a, T b) { return a >= b; }                          \
  inline T __hmax(T a, T b) { return T(fmaxf(float(a), float(b))); }      \
  inline T __hmin(T a, T b) { return T(fminf(float(a), float(b))); }      \
  inline T __hmax_nan(T a, T b) { return __hisnan(a) ? a : __hisnan(b) ? b : __hmax(a, b); } \
  inline T __hmin_nan(T a, T b) { return __hisnan(a) ? a : __hisnan(b) ? b : __hmin(a, b); } \
  inline T hsqrt(T a) { return T(sqrtf(float(a))); }                      \
  inline T hrsqrt(T a) { return T(rsqrt(double(float(a)))); }             \
  inline T hrcp(T a) { return T(1.0f / float(a)); }                       \
  inline T hexp(T a) { return T(expf(float(a))); }                        \
  inline T hexp2(T a) { return T(exp2f(float(a))); }                      \
  inline T hlog(T a) { return T(logf(float(a))); }                        \
  inline T hlog2(T a) { return T(log2f(float(a))); }                      \
  inline T hsin(T a) { return T(sinf(float(a))); }                        \
  inline T hcos(T a) { return T(cosf(float(a))); }                        \
  inline T htanh(T a) { return T(tanhf(float(a))); }                      \
  inline T hceil(T a) { return T(ceilf(float(a))); }                      \
  inline T hfloor(T a) { return T(floorf(float(a))); }                    \
  inline T hrint(T a) { return T(rintf(float(a))); }                      \
  inline T htrunc(T a) { return T(truncf(float(a))); }                    \
  STANDIN_ATOMIC1(atomicAdd, T, old + value)

// Pairs: each operation on both halves.
#define STANDIN_SMALL_PAIR_OPERATION(T2, NAME, ONE) \
  inline T2 NAME(T2 a, T2 b) { return T2(ONE(a.x, b.x), ONE(a.y, b.y)); }
#define STANDIN_SMALL_PAIRS(T, T2)                                        \
  struct __attribute__((aligned(4))) T2 {                                 \
    T x, y;                                                               \
    T2() = default;                                                       \
    T2(T x, T y) : x(x), y(y) {}                                          \
  };                                                                      \
  STANDIN_SMALL_PAIR_OPERATION(T2, __hadd2, __hadd)                       \
  STANDIN_SMALL_PAIR_OPERATION(T2, __hsub2, __hsub)                       \
  STANDIN_SMALL_PAIR_OPERATION(T2, __hmul2, __hmul)                       \
  STANDIN_SMALL_PAIR_OPERATION(T2, __h2div, __hdiv)                       \
  STANDIN_SMALL_PAIR_OPERATION(T2, __hmax2, __hmax)                       \
  STANDIN_SMALL_PAIR_OPERATION(T2, __hmin2, __hmin)                       \
  STANDIN_SMALL_PAIR_OPERATION(T2, operator+, __hadd)                     \
  STANDIN_SMALL_PAIR_OPERATION(T2, operator-, __hsub)                     \
  STANDIN_SMALL_PAIR_OPERATION(T2, operator*, __hmul)                     \
  STANDIN_SMALL_PAIR_OPERATION(T2, operator/, __hdiv)                     \
  inline T2 __hfma2(T2 a, T2 b, T2 c) { return T2(__hfma(a.x, b.x, c.x), __hfma(a.y, b.y, c.y)); } \
  STANDIN_ATOMIC1(atomicAdd, T2, old + value)
