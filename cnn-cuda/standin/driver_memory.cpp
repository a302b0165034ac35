// libcuda: memory. A device address is a host address. Fresh memory is full of 0xff, which is NaN for floats.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <sys/mman.h>
#include <unistd.h>

#include "driver.h"

namespace standin {

namespace {

constexpr size_t page = 4096, alignment = 256, guarded_alignment = 16;

struct Allocation {
  size_t size;
  void* mapping;  // null if it came from the heap
  size_t mapped;
  bool of_graph;
};
std::map<CUdeviceptr, Allocation> allocations;
std::map<CUdeviceptr, size_t> globals;  // of modules
size_t used;

size_t round_up(size_t size, size_t to) { return (size + to - 1) / to * to; }

const std::pair<const CUdeviceptr, Allocation>* find(CUdeviceptr pointer) {
  auto after = allocations.upper_bound(pointer);
  return after == allocations.begin() ? nullptr : &*--after;
}

void* bytes(CUdeviceptr pointer) { return reinterpret_cast<void*>(pointer); }

// The bytes between the end of an allocation and the page behind it cannot be guarded, but looked at.
void check_slack(CUdeviceptr pointer, const Allocation& allocation) {
  const unsigned char* end = static_cast<unsigned char*>(bytes(pointer)) + allocation.size;
  size_t slack = round_up(allocation.size, guarded_alignment) - allocation.size;
  for (size_t i = 0; i < slack; i++) {
    if (end[i] == 0xff) continue;
    fprintf(stderr, "stand-in: someone wrote %zu bytes behind an allocation of %zu bytes\n", i, allocation.size);
    abort();
  }
}

}  // namespace

CUresult allocate(CUdeviceptr* pointer, size_t size) {
  if (size == 0 || !pointer) return CUDA_ERROR_INVALID_VALUE;
  if (!current_context()) return CUDA_ERROR_INVALID_CONTEXT;
  size_t total = size_t(sysconf(_SC_PHYS_PAGES)) / 2 * size_t(sysconf(_SC_PAGESIZE));
  if (size > total || used + size > total) return CUDA_ERROR_OUT_OF_MEMORY;
  static const bool guard = environment_flag("CUDA_STANDIN_GUARD");
  Allocation allocation{size, nullptr, 0, false};
  char* memory;
  if (guard) {
    size_t aligned = round_up(size, guarded_alignment), data = round_up(aligned, page);
    allocation.mapped = data + 2 * page;
    allocation.mapping = mmap(nullptr, allocation.mapped, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (allocation.mapping == MAP_FAILED) return CUDA_ERROR_OUT_OF_MEMORY;
    char* start = static_cast<char*>(allocation.mapping) + page;
    mprotect(start, data, PROT_READ | PROT_WRITE);
    memset(start, 0xff, data);
    memory = start + data - aligned;
  } else {
    memory = static_cast<char*>(aligned_alloc(alignment, round_up(size, alignment)));
    if (!memory) return CUDA_ERROR_OUT_OF_MEMORY;
    memset(memory, 0xff, size);
  }
  used += size;
  *pointer = reinterpret_cast<CUdeviceptr>(memory);
  allocations[*pointer] = allocation;
  return CUDA_SUCCESS;
}

CUresult release(CUdeviceptr pointer) {
  auto found = allocations.find(pointer);
  if (found == allocations.end()) return CUDA_ERROR_INVALID_VALUE;
  const Allocation& allocation = found->second;
  used -= allocation.size;
  if (allocation.mapping) {
    check_slack(pointer, allocation);
    munmap(allocation.mapping, allocation.mapped);
  } else {
    free(bytes(pointer));
  }
  allocations.erase(found);
  return CUDA_SUCCESS;
}

bool on_device(CUdeviceptr pointer, size_t size) {
  const auto* found = find(pointer);
  if (found && pointer + size <= found->first + found->second.size) return true;
  auto after = globals.upper_bound(pointer);
  return after != globals.begin() && pointer + size <= (--after)->first + after->second;
}

void add_global(CUdeviceptr pointer, size_t size) { globals[pointer] = size; }

std::string describe_address(uintptr_t address) {
  const auto* found = find(address);
  if (!found) return "not in or behind any allocation";
  size_t offset = address - found->first;
  if (offset < found->second.size + 2 * page)
    return "at byte " + std::to_string(offset) + " of an allocation of " + std::to_string(found->second.size) + " bytes";
  auto next = allocations.upper_bound(address);
  if (next != allocations.end() && next->first - address <= 2 * page)
    return std::to_string(next->first - address) + " bytes before an allocation of " + std::to_string(next->second.size) + " bytes";
  return "in no allocation";
}

Graph::~Graph() {
  for (CUdeviceptr pointer : memory) release(pointer);
}

}  // namespace standin

using namespace standin;

namespace {

// What copies and fills have in common. A synchronous one uses the legacy stream, which no capture bears.
CUresult transfer(void* handle, bool synchronous, Work work) {
  Lock lock(mutex);
  if (sticky_error) return sticky_error;
  if (!current_context()) return CUDA_ERROR_INVALID_CONTEXT;
  if (synchronous) {
    if (CUresult error = forbid_in_capture(CUDA_ERROR_STREAM_CAPTURE_IMPLICIT)) return error;
  }
  return submit(find_stream(handle), std::move(work));
}

CUresult copy(void* to, const void* from, size_t size, CUdeviceptr device1, CUdeviceptr device2, void* handle, bool synchronous) {
  Lock lock(mutex);
  if ((device1 && !on_device(device1, size)) || (device2 && !on_device(device2, size))) return CUDA_ERROR_INVALID_VALUE;
  return transfer(handle, synchronous, [=] {
    memmove(to, from, size);
    return CUDA_SUCCESS;
  });
}

template <class T>
CUresult fill(CUdeviceptr to, T value, size_t count, void* handle, bool synchronous) {
  Lock lock(mutex);
  if (!on_device(to, count * sizeof(T))) return CUDA_ERROR_INVALID_VALUE;
  return transfer(handle, synchronous, [=] {
    T* at = static_cast<T*>(bytes(to));
    for (size_t i = 0; i < count; i++) at[i] = value;
    return CUDA_SUCCESS;
  });
}

// Allocation in stream order. In a capture it belongs to the graph: the address is known now, and each launch
// finds fresh memory there.
CUresult allocate_on(CUdeviceptr* pointer, size_t size, void* handle) {
  Lock lock(mutex);
  if (sticky_error) return sticky_error;
  Stream* stream = find_stream(handle);
  if (!stream) return CUDA_ERROR_INVALID_HANDLE;
  if (!stream->capture) return allocate(pointer, size);
  Graph* graph = capture_graph(stream->capture);
  if (!graph) return CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
  if (CUresult error = allocate(pointer, size)) return error;
  allocations[*pointer].of_graph = true;
  graph->memory.push_back(*pointer);
  return submit(stream, [at = bytes(*pointer), size] {
    memset(at, 0xff, size);
    return CUDA_SUCCESS;
  });
}

CUresult release_on(CUdeviceptr pointer, void* handle) {
  Lock lock(mutex);
  if (pointer == 0) return CUDA_SUCCESS;
  Stream* stream = find_stream(handle);
  if (!stream) return CUDA_ERROR_INVALID_HANDLE;
  auto found = allocations.find(pointer);
  if (found == allocations.end()) return CUDA_ERROR_INVALID_VALUE;
  if (!found->second.of_graph) return stream->capture ? CUDA_ERROR_INVALID_VALUE : release(pointer);
  return submit(stream, [at = bytes(pointer), size = found->second.size] {
    memset(at, 0xff, size);
    return CUDA_SUCCESS;
  });
}

uint64_t pool;  // its address is the handle; the value is the release threshold

}  // namespace

CU_API cuMemGetInfo_v2(size_t* free, size_t* total) {
  Lock lock(mutex);
  *total = size_t(sysconf(_SC_PHYS_PAGES)) / 2 * size_t(sysconf(_SC_PAGESIZE));
  *free = *total - used;
  return CUDA_SUCCESS;
}
CU_API cuMemAlloc_v2(CUdeviceptr* pointer, size_t size) {
  Lock lock(mutex);
  if (sticky_error) return sticky_error;
  if (CUresult error = forbid_in_capture(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED)) return error;
  return allocate(pointer, size);
}
CU_API cuMemAllocManaged(CUdeviceptr* pointer, size_t size, unsigned) { return cuMemAlloc_v2(pointer, size); }
CU_API cuMemAllocAsync(CUdeviceptr* pointer, size_t size, void* stream) { return allocate_on(pointer, size, stream); }
CU_API cuMemAllocFromPoolAsync(CUdeviceptr* pointer, size_t size, void*, void* stream) { return allocate_on(pointer, size, stream); }
CU_API cuMemFree_v2(CUdeviceptr pointer) {
  Lock lock(mutex);
  if (pointer == 0) return CUDA_SUCCESS;
  if (CUresult error = forbid_in_capture(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED)) return error;
  return release_on(pointer, nullptr);
}
CU_API cuMemFreeAsync(CUdeviceptr pointer, void* stream) { return release_on(pointer, stream); }

CU_API cuMemHostAlloc(void** pointer, size_t size, unsigned) {
  *pointer = aligned_alloc(page, round_up(size ? size : 1, page));
  return *pointer ? CUDA_SUCCESS : CUDA_ERROR_OUT_OF_MEMORY;
}
CU_API cuMemAllocHost_v2(void** pointer, size_t size) { return cuMemHostAlloc(pointer, size, 0); }
CU_API cuMemFreeHost(void* pointer) {
  free(pointer);
  return CUDA_SUCCESS;
}
CU_API cuMemHostRegister_v2(void*, size_t, unsigned) { return CUDA_SUCCESS; }
CU_API cuMemHostUnregister(void*) { return CUDA_SUCCESS; }
CU_API cuMemHostGetDevicePointer_v2(CUdeviceptr* device, void* host, unsigned) {
  *device = reinterpret_cast<CUdeviceptr>(host);
  return CUDA_SUCCESS;
}
struct MemoryLocation {
  int type, id;
};
CU_API cuMemAdvise_v2(CUdeviceptr, size_t, int, MemoryLocation) { return CUDA_SUCCESS; }
CU_API cuMemPrefetchAsync_v2(CUdeviceptr, size_t, MemoryLocation, unsigned, void*) { return CUDA_SUCCESS; }
CU_API cuMemGetAddressRange_v2(CUdeviceptr* start, size_t* size, CUdeviceptr pointer) {
  Lock lock(mutex);
  if (!on_device(pointer, 0)) return CUDA_ERROR_NOT_FOUND;
  const auto* found = find(pointer);
  if (start) *start = found->first;
  if (size) *size = found->second.size;
  return CUDA_SUCCESS;
}

CU_API cuMemcpyHtoD_v2(CUdeviceptr to, const void* from, size_t size) {
  return copy(bytes(to), from, size, to, 0, nullptr, true);
}
CU_API cuMemcpyHtoDAsync_v2(CUdeviceptr to, const void* from, size_t size, void* stream) {
  return copy(bytes(to), from, size, to, 0, stream, false);
}
CU_API cuMemcpyDtoH_v2(void* to, CUdeviceptr from, size_t size) {
  return copy(to, bytes(from), size, from, 0, nullptr, true);
}
CU_API cuMemcpyDtoHAsync_v2(void* to, CUdeviceptr from, size_t size, void* stream) {
  return copy(to, bytes(from), size, from, 0, stream, false);
}
CU_API cuMemcpyDtoD_v2(CUdeviceptr to, CUdeviceptr from, size_t size) {
  return copy(bytes(to), bytes(from), size, to, from, nullptr, true);
}
CU_API cuMemcpyDtoDAsync_v2(CUdeviceptr to, CUdeviceptr from, size_t size, void* stream) {
  return copy(bytes(to), bytes(from), size, to, from, stream, false);
}
CU_API cuMemcpyAsync(CUdeviceptr to, CUdeviceptr from, size_t size, void* stream) {
  return copy(bytes(to), bytes(from), size, 0, 0, stream, false);
}
CU_API cuMemcpyPeerAsync(CUdeviceptr to, Context*, CUdeviceptr from, Context*, size_t size, void* stream) {
  return copy(bytes(to), bytes(from), size, to, from, stream, false);
}
CU_API cuMemsetD8_v2(CUdeviceptr to, unsigned char value, size_t count) {
  return fill(to, value, count, nullptr, true);
}
CU_API cuMemsetD8Async(CUdeviceptr to, unsigned char value, size_t count, void* stream) {
  return fill(to, value, count, stream, false);
}
CU_API cuMemsetD16_v2(CUdeviceptr to, unsigned short value, size_t count) {
  return fill(to, value, count, nullptr, true);
}
CU_API cuMemsetD16Async(CUdeviceptr to, unsigned short value, size_t count, void* stream) {
  return fill(to, value, count, stream, false);
}
CU_API cuMemsetD32_v2(CUdeviceptr to, unsigned value, size_t count) { return fill(to, value, count, nullptr, true); }
CU_API cuMemsetD32Async(CUdeviceptr to, unsigned value, size_t count, void* stream) {
  return fill(to, value, count, stream, false);
}

// Memory pools: one, which gives all memory back at once.
CU_API cuDeviceGetDefaultMemPool(void** handle, CUdevice) {
  *handle = &pool;
  return CUDA_SUCCESS;
}
CU_API cuDeviceGetMemPool(void** handle, CUdevice device) { return cuDeviceGetDefaultMemPool(handle, device); }
CU_API cuDeviceSetMemPool(CUdevice, void*) { return CUDA_SUCCESS; }
CU_API cuMemPoolCreate(void** handle, const void*) { return cuDeviceGetDefaultMemPool(handle, 0); }
CU_API cuMemPoolDestroy(void*) { return CUDA_SUCCESS; }
CU_API cuMemPoolTrimTo(void*, size_t) { return CUDA_SUCCESS; }
CU_API cuMemPoolGetAttribute(void*, int which, void* value) {
  Lock lock(mutex);
  // 1 to 3 are flags (int), 4 the release threshold, 5 to 8 memory in use (now and at most).
  if (which <= 3) {
    *static_cast<int*>(value) = 1;
  } else {
    *static_cast<uint64_t*>(value) = which == 4 ? pool : used;
  }
  return CUDA_SUCCESS;
}
CU_API cuMemPoolSetAttribute(void*, int which, void* value) {
  Lock lock(mutex);
  if (which == 4) pool = *static_cast<uint64_t*>(value);
  return CUDA_SUCCESS;
}
