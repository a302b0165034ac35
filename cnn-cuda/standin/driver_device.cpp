// libcuda: initialisation, devices, contexts, errors.
#include <cstdlib>
#include <cstring>
#include <unistd.h>

#include "driver.h"

namespace standin {

std::recursive_mutex mutex;
CUresult sticky_error = CUDA_SUCCESS;

namespace {
bool initialized;
Context primary;
thread_local Context* current;
std::map<int, size_t> limits;

int device_count() {
  const char* count = getenv("CUDA_STANDIN_DEVICES");
  return count ? atoi(count) : 1;
}
CUresult check(CUdevice device) {
  if (!initialized) return CUDA_ERROR_NOT_INITIALIZED;
  return device >= 0 && device < device_count() ? CUDA_SUCCESS : CUDA_ERROR_INVALID_DEVICE;
}

struct ErrorName {
  CUresult error;
  const char* name;
};
const ErrorName error_names[] = {
#include "error_names.inc"  // setup.sh makes it from cudarc's list
};
const char* name_of(CUresult error) {
  for (const ErrorName& one : error_names)
    if (one.error == error) return one.name;
  return nullptr;
}

int attribute(int which) {
  switch (which) {
    case 1: return max_threads;       // threads per block
    case 2: case 3: return 1024;      // block x, y
    case 4: return 64;                // block z
    case 5: return 2147483647;        // grid x
    case 6: case 7: return 65535;     // grid y, z
    case 8: return default_shared;    // shared memory per block
    case 9: return 65536;             // constant memory
    case 10: return 32;               // warp
    case 11: return 2147483647;       // pitch
    case 12: case 82: return 65536;   // registers per block, per multiprocessor
    case 13: return 1000000;          // clock, kHz
    case 14: return 512;              // texture alignment
    case 16: return 4;                // multiprocessors: few, so that grids sized by them stay small
    case 19: case 31: case 41: return 1;  // mapped host memory, concurrent kernels, unified addressing
    case 36: return 1000000;          // memory clock, kHz
    case 37: return 1024;             // memory bus, bits
    case 38: return 32 << 20;         // L2 cache
    case 39: return 2048;             // threads per multiprocessor
    case 40: return 1;                // copy engines
    case 75: return 9;                // compute capability
    case 76: return 0;
    case 78: case 83: return 1;       // stream priorities, managed memory
    case 81: return 228 << 10;        // shared memory per multiprocessor
    case 97: return max_shared;       // shared memory per block on request
    case 106: return 32;              // blocks per multiprocessor
    case 111: return 1024;            // shared memory that the system keeps per block
    case 115: return 1;               // memory pools
    default: return 0;
  }
}
}  // namespace

Context* current_context() { return current; }

bool environment_flag(const char* name) {
  const char* value = getenv(name);
  return value && *value && strcmp(value, "0") != 0;
}

}  // namespace standin

using namespace standin;

CU_API cuInit(unsigned) {
  Lock lock(mutex);
  if (device_count() == 0) return CUDA_ERROR_NO_DEVICE;
  if (!initialized) install_fault_handler();
  initialized = true;
  return CUDA_SUCCESS;
}
CU_API cuDriverGetVersion(int* version) {
  *version = 13000;
  return CUDA_SUCCESS;
}
CU_API cuDeviceGetCount(int* count) {
  if (!initialized) return CUDA_ERROR_NOT_INITIALIZED;
  *count = device_count();
  return CUDA_SUCCESS;
}
CU_API cuDeviceGet(CUdevice* device, int ordinal) {
  *device = ordinal;
  return check(ordinal);
}
CU_API cuDeviceGetName(char* name, int size, CUdevice device) {
  strncpy(name, "stand-in", size_t(size));
  return check(device);
}
CU_API cuDeviceGetUuid_v2(char* uuid, CUdevice device) {
  memset(uuid, 0, 16);
  uuid[15] = char(device);
  return check(device);
}
CU_API cuDeviceGetUuid(char* uuid, CUdevice device) { return cuDeviceGetUuid_v2(uuid, device); }
CU_API cuDeviceTotalMem_v2(size_t* size, CUdevice device) {
  *size = size_t(sysconf(_SC_PHYS_PAGES)) / 2 * size_t(sysconf(_SC_PAGESIZE));
  return check(device);
}
CU_API cuDeviceGetAttribute(int* value, int which, CUdevice device) {
  *value = attribute(which);
  return check(device);
}

CU_API cuDevicePrimaryCtxRetain(Context** context, CUdevice device) {
  *context = &primary;
  return check(device);
}
CU_API cuDevicePrimaryCtxRelease_v2(CUdevice device) { return check(device); }
CU_API cuDevicePrimaryCtxReset_v2(CUdevice device) { return check(device); }
CU_API cuDevicePrimaryCtxSetFlags_v2(CUdevice device, unsigned) { return check(device); }
CU_API cuDevicePrimaryCtxGetState(CUdevice device, unsigned* flags, int* active) {
  *flags = 0;
  *active = 1;
  return check(device);
}
CU_API cuCtxCreate_v4(Context** context, void*, unsigned, CUdevice device) {
  *context = current = new Context;
  return check(device);
}
CU_API cuCtxDestroy_v2(Context* context) {
  if (current == context) current = nullptr;
  delete context;
  return CUDA_SUCCESS;
}
CU_API cuCtxSetCurrent(Context* context) {
  current = context;
  return CUDA_SUCCESS;
}
CU_API cuCtxGetCurrent(Context** context) {
  *context = current;
  return CUDA_SUCCESS;
}
CU_API cuCtxGetDevice(CUdevice* device) {
  *device = 0;
  return current ? CUDA_SUCCESS : CUDA_ERROR_INVALID_CONTEXT;
}
CU_API cuCtxSetFlags(unsigned) { return CUDA_SUCCESS; }
CU_API cuCtxGetFlags(unsigned* flags) {
  *flags = 0;
  return CUDA_SUCCESS;
}
CU_API cuCtxGetApiVersion(Context*, unsigned* version) {
  *version = 13000;
  return CUDA_SUCCESS;
}
CU_API cuCtxGetStreamPriorityRange(int* least, int* greatest) {
  *least = 0;
  *greatest = -5;
  return CUDA_SUCCESS;
}
CU_API cuCtxGetLimit(size_t* value, int which) {
  Lock lock(mutex);
  *value = limits[which];
  return CUDA_SUCCESS;
}
CU_API cuCtxSetLimit(int which, size_t value) {
  Lock lock(mutex);
  limits[which] = value;
  return CUDA_SUCCESS;
}
CU_API cuCtxGetCacheConfig(int* config) {
  *config = 0;
  return CUDA_SUCCESS;
}
CU_API cuCtxSetCacheConfig(int) { return CUDA_SUCCESS; }
CU_API cuCtxSynchronize() {
  Lock lock(mutex);
  if (!current) return CUDA_ERROR_INVALID_CONTEXT;
  if (CUresult error = forbid_in_capture(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED)) return error;
  return sticky_error;
}
CU_API cuProfilerStart() { return CUDA_SUCCESS; }
CU_API cuProfilerStop() { return CUDA_SUCCESS; }

CU_API cuGetErrorName(CUresult error, const char** name) {
  *name = name_of(error);
  return *name ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}
CU_API cuGetErrorString(CUresult error, const char** text) { return cuGetErrorName(error, text); }
