// The CUDA language for a host compiler: included before every device source. See README.md.
//
// Two words outlive the preprocessor, for rewrite.cpp to find: __standin_global__ marks kernels,
// __standin_shared__ marks shared memory.
#pragma once

// NVRTC knows no <stdint.h>, and sources for it define such types themselves, int64_t as long long. glibc's int64_t is
// long, and <math.h> brings it; keep it out until a source includes <stdint.h>.
#define int64_t standin_glibc_int64_t
#include <math.h>
#undef int64_t
#undef _BITS_STDINT_INTN_H

#define CUDA_STANDIN 1
#define __CUDACC__ 1
#define __CUDA_ARCH__ 900
#define __CUDACC_VER_MAJOR__ 13
#define __CUDACC_VER_MINOR__ 0

#define __global__ __standin_global__
#define __shared__ __standin_shared__
#define __launch_bounds__(...) __standin_bounds__(__VA_ARGS__)
#define __maxnreg__(n)
#define __cluster_dims__(...)
#define __grid_constant__
#define __device__
#define __host__
#define __constant__
#define __managed__
#define __forceinline__ inline __attribute__((always_inline))
#define __noinline__ __attribute__((noinline))
#define __align__(n) __attribute__((aligned(n)))
#define __restrict__ __restrict

#include "device_vector.h"

// Set by the executor (fibers.cpp) before it switches to a thread.
extern uint3 threadIdx, blockIdx;
extern dim3 blockDim, gridDim;
constexpr int warpSize = 32;

namespace standin {

struct Kernel;
extern void* dynamic_shared;       // of the block that runs
extern unsigned long block_count;  // of the blocks that have run, this one included

// Stands after the declaration of shared memory: the first thread of a block to come there finds garbage.
inline void fresh_shared(unsigned long* filled, void* memory, unsigned long size) {
  if (*filled == block_count) return;
  *filled = block_count;
  __builtin_memset(memory, 0xff, size);
}

void add_kernel(const void* function, void (*call)(const void*, void**), int count, const unsigned long* sizes,
                unsigned max_threads);

// A static object of this type stands after each kernel; rewrite.cpp puts it there.
struct Register {
  template <class... A>
  explicit Register(void (*function)(A...), unsigned max_threads = 1024, unsigned = 0, unsigned = 0) {
    static const unsigned long sizes[] = {sizeof(A)..., 0};
    add_kernel(reinterpret_cast<const void*>(function), call<A...>, sizeof...(A), sizes, max_threads);
  }

  template <class... A>
  static void call(const void* function, void** params) {
    auto typed = reinterpret_cast<void (*)(A...)>(const_cast<void*>(function));
    unpack(typed, params, static_cast<Indices<sizeof...(A)>*>(nullptr));
  }

 private:
  template <unsigned... I>
  struct Sequence {};
  template <unsigned N, unsigned... I>
  struct Build : Build<N - 1, N - 1, I...> {};
  template <unsigned... I>
  struct Build<0, I...> {
    using type = Sequence<I...>;
  };
  template <unsigned N>
  using Indices = typename Build<N>::type;

  template <class... A, unsigned... I>
  static void unpack(void (*function)(A...), void** params, Sequence<I...>*) {
    function(*static_cast<A*>(params[I])...);
  }
};

// What a thread does at a barrier or a warp operation: it says what it wants, lets the others run, and goes on
// when all have come.
enum class Warp { sync, shuffle, ballot, match, sum, min_signed, min_unsigned, max_signed, max_unsigned, bit_and, bit_or, bit_xor };
unsigned block_barrier(bool predicate, unsigned* arrived);  // how many had a true predicate
unsigned long long warp(Warp operation, unsigned mask, unsigned long long value, unsigned source);
unsigned lane();
unsigned active_mask();
[[noreturn]] void trap(int error, const char* message);

template <class T>
T shuffle(unsigned mask, T value, unsigned source) {
  static_assert(sizeof(T) <= 8, "shuffles move at most 8 bytes");
  unsigned long long bits = 0;
  __builtin_memcpy(&bits, &value, sizeof(T));
  bits = warp(Warp::shuffle, mask, bits, source);
  __builtin_memcpy(&value, &bits, sizeof(T));
  return value;
}

}  // namespace standin

inline void __syncthreads() { standin::block_barrier(false, nullptr); }
inline int __syncthreads_count(int predicate) { return int(standin::block_barrier(predicate != 0, nullptr)); }
inline int __syncthreads_or(int predicate) { return standin::block_barrier(predicate != 0, nullptr) != 0; }
inline int __syncthreads_and(int predicate) {
  unsigned arrived;
  unsigned count = standin::block_barrier(predicate != 0, &arrived);
  return count == arrived;
}
inline void __syncwarp(unsigned mask = 0xffffffffu) { standin::warp(standin::Warp::sync, mask, 0, 0); }
inline unsigned __activemask() { return standin::active_mask(); }
inline unsigned __ballot_sync(unsigned mask, int predicate) {
  return unsigned(standin::warp(standin::Warp::ballot, mask, predicate != 0, 0));
}
inline int __any_sync(unsigned mask, int predicate) { return __ballot_sync(mask, predicate) != 0; }
inline int __all_sync(unsigned mask, int predicate) { return __ballot_sync(mask, !predicate) == 0; }

template <class T>
T __shfl_sync(unsigned mask, T value, int source, int width = 32) {
  unsigned lane = standin::lane(), segment = lane & ~unsigned(width - 1);
  return standin::shuffle(mask, value, segment | (unsigned(source) & unsigned(width - 1)));
}
template <class T>
T __shfl_up_sync(unsigned mask, T value, unsigned delta, int width = 32) {
  unsigned lane = standin::lane(), segment = lane & ~unsigned(width - 1);
  return standin::shuffle(mask, value, lane - segment >= delta ? lane - delta : lane);
}
template <class T>
T __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = 32) {
  unsigned lane = standin::lane(), segment = lane & ~unsigned(width - 1);
  return standin::shuffle(mask, value, lane - segment + delta < unsigned(width) ? lane + delta : lane);
}
template <class T>
T __shfl_xor_sync(unsigned mask, T value, int bits, int width = 32) {
  unsigned lane = standin::lane(), source = lane ^ unsigned(bits), segment = lane & ~unsigned(width - 1);
  return standin::shuffle(mask, value, source < segment + unsigned(width) ? source : lane);
}
template <class T>
unsigned __match_any_sync(unsigned mask, T value) {
  static_assert(sizeof(T) <= 8, "matches compare at most 8 bytes");
  unsigned long long bits = 0;
  __builtin_memcpy(&bits, &value, sizeof(T));
  return unsigned(standin::warp(standin::Warp::match, mask, bits, 0));
}
#define STANDIN_REDUCE(NAME, T, OPERATION) \
  inline T NAME(unsigned mask, T value) { return T(standin::warp(standin::Warp::OPERATION, mask, (unsigned long long)(long long)value, 0)); }
STANDIN_REDUCE(__reduce_add_sync, unsigned, sum)
STANDIN_REDUCE(__reduce_add_sync, int, sum)
STANDIN_REDUCE(__reduce_min_sync, unsigned, min_unsigned)
STANDIN_REDUCE(__reduce_min_sync, int, min_signed)
STANDIN_REDUCE(__reduce_max_sync, unsigned, max_unsigned)
STANDIN_REDUCE(__reduce_max_sync, int, max_signed)
STANDIN_REDUCE(__reduce_and_sync, unsigned, bit_and)
STANDIN_REDUCE(__reduce_or_sync, unsigned, bit_or)
STANDIN_REDUCE(__reduce_xor_sync, unsigned, bit_xor)
#undef STANDIN_REDUCE

// All threads take turns on one host thread, so memory is always in order.
inline void __threadfence() {}
inline void __threadfence_block() {}
inline void __threadfence_system() {}
inline void __nanosleep(unsigned) {}
[[noreturn]] inline void __trap() { standin::trap(719, "__trap()"); }

extern "C" int printf(const char*, ...);
extern "C" [[noreturn]] void __assert_fail(const char*, const char*, unsigned, const char*) noexcept(true);
#ifndef assert
#define assert(condition) ((condition) ? void() : __assert_fail(#condition, __FILE__, __LINE__, __func__))
#endif

#include "device_atomic.h"
#include "device_math.h"
