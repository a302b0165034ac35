// libcuda: modules, kernels, launches.
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <fstream>
#include <iterator>
#include <link.h>
#include <unistd.h>

#include "driver.h"
#include "module.h"

namespace standin {

namespace {

struct Module;
struct Function {
  std::string name;
  const Kernel* kernel;
  Module* module;
  unsigned dynamic_limit = default_shared;
};

struct Module {
  void* object = nullptr;  // of dlopen; null for a module without kernels
  int (*run)(const Launch*) = nullptr;
  std::map<std::string, Function> functions;
};

const char* running_kernel;

Order order() {
  const char* name = getenv("CUDA_STANDIN_ORDER");
  if (name && strcmp(name, "reverse") == 0) return Order::reverse;
  if (name && strcmp(name, "shuffle") == 0) return Order::shuffle;
  return Order::forward;
}

// "PTX" is a line that names a shared object (nvrtc.cpp and nvcc.sh write it).
CUresult load(Module** result, const std::string& text) {
  if (!current_context()) return CUDA_ERROR_INVALID_CONTEXT;
  const std::string start = "// stand-in module: ";
  if (text.compare(0, start.size(), start) != 0) return CUDA_ERROR_INVALID_PTX;
  std::string path = text.substr(start.size(), text.find('\n') - start.size());
  auto module = std::make_unique<Module>();
  if (path != "none") {
    module->object = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (!module->object) {
      fprintf(stderr, "stand-in: %s\n", dlerror());
      return CUDA_ERROR_FILE_NOT_FOUND;
    }
    auto kernels = reinterpret_cast<const Kernel* (*)()>(dlsym(module->object, "standin_kernels_1"));
    module->run = reinterpret_cast<int (*)(const Launch*)>(dlsym(module->object, "standin_run_1"));
    if (!kernels || !module->run) {
      fprintf(stderr, "stand-in: %s is from another version of the stand-in\n", path.c_str());
      dlclose(module->object);
      return CUDA_ERROR_SHARED_OBJECT_INIT_FAILED;
    }
    for (const Kernel* kernel = kernels(); kernel; kernel = kernel->next) {
      // The symbol's name is also the one that real PTX would have: mangled unless extern "C".
      Dl_info info;
      if (!dladdr(kernel->function, &info) || info.dli_saddr != kernel->function) continue;
      module->functions[info.dli_sname] = {info.dli_sname, kernel, module.get()};
    }
  }
  *result = module.release();
  return CUDA_SUCCESS;
}

CUresult run(Function* function, Launch launch, void** params) {
  launch.params = params;
  launch.name = function->name.c_str();
  running_kernel = launch.name;
  CUresult error = function->module->run(&launch);
  running_kernel = nullptr;
  if (error) sticky_error = error;
  return CUDA_SUCCESS;  // the error shows in the next call, as on a device
}

// A launch's parameters, copied for a graph.
struct Parameters {
  std::vector<std::unique_ptr<std::max_align_t[]>> values;
  std::vector<void*> pointers;
  Parameters(const Kernel& kernel, void** params) {
    for (int i = 0; i < kernel.param_count; i++) {
      size_t size = kernel.param_sizes[i];
      values.push_back(std::make_unique<std::max_align_t[]>(size / sizeof(std::max_align_t) + 1));
      memcpy(values.back().get(), params[i], size);
      pointers.push_back(values.back().get());
    }
  }
};

struct sigaction old_segv, old_bus;

// Says which kernel touched what, and leaves the rest to who handled such signals before: the faulting instruction
// runs again.
void on_fault(int signal, siginfo_t* info, void*) {
  if (running_kernel) {
    char text[300];
    // The processor tells no address when one is misaligned (or not an address at all).
    int size = info->si_code == SI_KERNEL
                   ? snprintf(text, sizeof text, "stand-in: kernel %s made a misaligned access\n", running_kernel)
                   : snprintf(text, sizeof text, "stand-in: kernel %s touched %p, %s\n", running_kernel, info->si_addr,
                              describe_address(reinterpret_cast<uintptr_t>(info->si_addr)).c_str());
    if (write(2, text, size_t(size)) < 0) std::signal(signal, SIG_DFL);
  }
  sigaction(signal, signal == SIGSEGV ? &old_segv : &old_bus, nullptr);
}

}  // namespace

void install_fault_handler() {
  struct sigaction action = {};
  action.sa_sigaction = on_fault;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  sigaction(SIGSEGV, &action, &old_segv);
  sigaction(SIGBUS, &action, &old_bus);
}

}  // namespace standin

using namespace standin;

CU_API cuModuleLoadData(Module** module, const void* image) {
  Lock lock(mutex);
  if (sticky_error) return sticky_error;
  return load(module, static_cast<const char*>(image));
}
CU_API cuModuleLoadDataEx(Module** module, const void* image, unsigned, void*, void**) { return cuModuleLoadData(module, image); }
CU_API cuModuleLoad(Module** module, const char* path) {
  std::ifstream file(path);
  if (!file) return CUDA_ERROR_FILE_NOT_FOUND;
  std::string text(std::istreambuf_iterator<char>(file), {});
  return cuModuleLoadData(module, text.c_str());
}
CU_API cuModuleUnload(Module* module) {
  Lock lock(mutex);
  if (module->object) dlclose(module->object);
  delete module;
  return CUDA_SUCCESS;
}
CU_API cuModuleGetFunction(Function** function, Module* module, const char* name) {
  Lock lock(mutex);
  auto found = module->functions.find(name);
  if (found == module->functions.end()) return CUDA_ERROR_NOT_FOUND;
  *function = &found->second;
  return CUDA_SUCCESS;
}
CU_API cuModuleGetGlobal_v2(CUdeviceptr* pointer, size_t* size, Module* module, const char* name) {
  Lock lock(mutex);
  void* at = module->object ? dlsym(module->object, name) : nullptr;
  Dl_info info;
  const ElfW(Sym)* symbol = nullptr;
  if (!at || !dladdr1(at, &info, reinterpret_cast<void**>(const_cast<ElfW(Sym)**>(&symbol)), RTLD_DL_SYMENT) || !symbol)
    return CUDA_ERROR_NOT_FOUND;
  add_global(reinterpret_cast<CUdeviceptr>(at), symbol->st_size);
  if (pointer) *pointer = reinterpret_cast<CUdeviceptr>(at);
  if (size) *size = symbol->st_size;
  return CUDA_SUCCESS;
}

CU_API cuFuncGetAttribute(int* value, int which, Function* function) {
  switch (which) {
    case 0: *value = int(function->kernel->max_threads); break;  // threads per block
    case 4: *value = 32; break;                                  // registers
    case 5: case 6: *value = 90; break;                          // PTX and binary version
    case 8: *value = int(function->dynamic_limit); break;
    case 9: *value = -1; break;  // preferred shared memory carveout
    default: *value = 0; break;  // static shared, constant and local memory are not known here
  }
  return CUDA_SUCCESS;
}
CU_API cuFuncSetAttribute(Function* function, int which, int value) {
  if (which == 8) {
    if (value < 0 || unsigned(value) > max_shared) return CUDA_ERROR_INVALID_VALUE;
    function->dynamic_limit = unsigned(value);
  }
  return CUDA_SUCCESS;
}
CU_API cuFuncSetCacheConfig(Function*, int) { return CUDA_SUCCESS; }
CU_API cuFuncGetName(const char** name, Function* function) {
  *name = function->name.c_str();
  return CUDA_SUCCESS;
}
CU_API cuFuncGetModule(Module** module, Function* function) {
  *module = function->module;
  return CUDA_SUCCESS;
}

CU_API cuLaunchKernel(Function* function, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x, unsigned block_y,
                      unsigned block_z, unsigned shared, void* handle, void** params, void** extra) {
  Lock lock(mutex);
  if (!function) return CUDA_ERROR_INVALID_HANDLE;
  if (!current_context()) return CUDA_ERROR_INVALID_CONTEXT;
  if (extra) return CUDA_ERROR_NOT_SUPPORTED;
  if (!grid_x || !grid_y || !grid_z || !block_x || !block_y || !block_z) return CUDA_ERROR_INVALID_VALUE;
  if (grid_x > 2147483647u || grid_y > 65535 || grid_z > 65535) return CUDA_ERROR_INVALID_VALUE;
  if (block_x > 1024 || block_y > 1024 || block_z > 64) return CUDA_ERROR_INVALID_VALUE;
  if (block_x * block_y * block_z > function->kernel->max_threads) return CUDA_ERROR_INVALID_VALUE;
  if (shared > function->dynamic_limit) return CUDA_ERROR_INVALID_VALUE;
  if (function->kernel->param_count > 0 && !params) return CUDA_ERROR_INVALID_VALUE;
  Stream* stream = find_stream(handle);
  if (!stream) return CUDA_ERROR_INVALID_HANDLE;
  Launch launch{function->kernel, nullptr, {grid_x, grid_y, grid_z}, {block_x, block_y, block_z}, shared, nullptr, order()};
  if (!stream->capture) return submit(stream, [=] { return run(function, launch, params); });
  auto copied = std::make_shared<Parameters>(*function->kernel, params);
  return submit(stream, [=] { return run(function, launch, copied->pointers.data()); });
}

// Occupancy: what threads and shared memory allow; registers are not known.
CU_API cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(int* blocks, Function*, int threads, size_t shared, unsigned) {
  if (threads <= 0) return CUDA_ERROR_INVALID_VALUE;
  size_t by_threads = 2048 / size_t(threads), by_shared = (228 << 10) / (shared + 1024);
  *blocks = int(std::min<size_t>(32, std::min(by_threads, by_shared)));
  return CUDA_SUCCESS;
}
CU_API cuOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, Function* function, int threads, size_t shared) {
  return cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(blocks, function, threads, shared, 0);
}
CU_API cuOccupancyMaxPotentialBlockSizeWithFlags(int* grid, int* block, Function* function, size_t (*)(int), size_t, int limit, unsigned) {
  int most = int(function->kernel->max_threads);
  *block = limit > 0 ? std::min(limit, most) : most;
  *grid = 4 * (2048 / *block);  // on four multiprocessors
  return CUDA_SUCCESS;
}
CU_API cuOccupancyMaxPotentialBlockSize(int* grid, int* block, Function* function, size_t (*shared)(int), size_t size, int limit) {
  return cuOccupancyMaxPotentialBlockSizeWithFlags(grid, block, function, shared, size, limit, 0);
}
CU_API cuOccupancyAvailableDynamicSMemPerBlock(size_t* size, Function* function, int blocks, int) {
  if (blocks <= 0) return CUDA_ERROR_INVALID_VALUE;
  *size = std::min<size_t>(function->dynamic_limit, size_t(228 << 10) / size_t(blocks) - 1024);
  return CUDA_SUCCESS;
}
