// What a compiled device module (a shared object) and the stand-in for libcuda tell each other.
#pragma once
#include <cstddef>
#include <cstdint>

namespace standin {

// One kernel of a module. Modules keep them in a list that static constructors fill.
struct Kernel {
  const void* function;
  void (*call)(const void* function, void** params);  // unpacks the parameters and calls
  int param_count;
  const size_t* param_sizes;
  unsigned max_threads;  // from __launch_bounds__, 1024 without
  const Kernel* next;
};

enum class Order { forward, reverse, shuffle };

struct Launch {
  const Kernel* kernel;
  const char* name;
  unsigned grid[3], block[3];
  unsigned dynamic_shared;
  void** params;
  Order order;
};

}  // namespace standin

// A module exports these two. The number changes whenever one of the structures above does, so that a module
// from an older stand-in is refused, not misread.
extern "C" const standin::Kernel* standin_kernels_1();
extern "C" int standin_run_1(const standin::Launch* launch);  // a CUresult: 0, or why the kernel died
