// Atomics and cached loads. Threads take turns on one host thread and switch only at barriers, so a plain
// read and write is atomic. The overloads are CUDA's, no more: what nvcc refuses should not compile here.
#pragma once

#define STANDIN_ATOMIC1(NAME, T, RESULT)                   \
  inline T NAME(T* address, T value) {                     \
    T old = *address;                                      \
    *address = RESULT;                                     \
    return old;                                            \
  }                                                        \
  inline T NAME##_block(T* address, T value) { return NAME(address, value); } \
  inline T NAME##_system(T* address, T value) { return NAME(address, value); }

#define STANDIN_ATOMIC_INTEGERS(NAME, RESULT) \
  STANDIN_ATOMIC1(NAME, int, RESULT)          \
  STANDIN_ATOMIC1(NAME, unsigned, RESULT)     \
  STANDIN_ATOMIC1(NAME, unsigned long long, RESULT)

STANDIN_ATOMIC_INTEGERS(atomicAdd, old + value)
STANDIN_ATOMIC1(atomicAdd, float, old + value)
STANDIN_ATOMIC1(atomicAdd, double, old + value)
STANDIN_ATOMIC1(atomicSub, int, old - value)
STANDIN_ATOMIC1(atomicSub, unsigned, old - value)
STANDIN_ATOMIC_INTEGERS(atomicExch, value)
STANDIN_ATOMIC1(atomicExch, float, value)
STANDIN_ATOMIC_INTEGERS(atomicMin, value < old ? value : old)
STANDIN_ATOMIC1(atomicMin, long long, value < old ? value : old)
STANDIN_ATOMIC_INTEGERS(atomicMax, value > old ? value : old)
STANDIN_ATOMIC1(atomicMax, long long, value > old ? value : old)
STANDIN_ATOMIC_INTEGERS(atomicAnd, old & value)
STANDIN_ATOMIC_INTEGERS(atomicOr, old | value)
STANDIN_ATOMIC_INTEGERS(atomicXor, old ^ value)
STANDIN_ATOMIC1(atomicInc, unsigned, old >= value ? 0 : old + 1)
STANDIN_ATOMIC1(atomicDec, unsigned, old == 0 || old > value ? value : old - 1)

#define STANDIN_CAS(T)                                                                                \
  inline T atomicCAS(T* address, T compare, T value) {                                                \
    T old = *address;                                                                                 \
    if (old == compare) *address = value;                                                             \
    return old;                                                                                       \
  }                                                                                                   \
  inline T atomicCAS_block(T* address, T compare, T value) { return atomicCAS(address, compare, value); } \
  inline T atomicCAS_system(T* address, T compare, T value) { return atomicCAS(address, compare, value); }
STANDIN_CAS(int)
STANDIN_CAS(unsigned)
STANDIN_CAS(unsigned long long)
STANDIN_CAS(unsigned short)
#undef STANDIN_CAS
#undef STANDIN_ATOMIC_INTEGERS

#define STANDIN_LOAD(NAME) \
  template <class T>       \
  inline T NAME(const T* p) { return *p; }
STANDIN_LOAD(__ldg)
STANDIN_LOAD(__ldca)
STANDIN_LOAD(__ldcg)
STANDIN_LOAD(__ldcs)
STANDIN_LOAD(__ldlu)
STANDIN_LOAD(__ldcv)
#undef STANDIN_LOAD

namespace standin {
template <class T>
struct Same { using type = T; };  // keeps the value's type out of deduction
}
#define STANDIN_STORE(NAME) \
  template <class T>        \
  inline void NAME(T* p, typename standin::Same<T>::type value) { *p = value; }
STANDIN_STORE(__stcs)
STANDIN_STORE(__stcg)
STANDIN_STORE(__stwb)
STANDIN_STORE(__stwt)
#undef STANDIN_STORE
