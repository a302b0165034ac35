// What the parts of the stand-in for libcuda share. Everything runs at once, in the calling thread, under one mutex.
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

using CUresult = int;
using CUdeviceptr = unsigned long long;
using CUdevice = int;

enum : CUresult {
  CUDA_SUCCESS = 0,
  CUDA_ERROR_INVALID_VALUE = 1,
  CUDA_ERROR_OUT_OF_MEMORY = 2,
  CUDA_ERROR_NOT_INITIALIZED = 3,
  CUDA_ERROR_NO_DEVICE = 100,
  CUDA_ERROR_INVALID_DEVICE = 101,
  CUDA_ERROR_INVALID_CONTEXT = 201,
  CUDA_ERROR_INVALID_PTX = 218,
  CUDA_ERROR_FILE_NOT_FOUND = 301,
  CUDA_ERROR_SHARED_OBJECT_INIT_FAILED = 303,
  CUDA_ERROR_INVALID_HANDLE = 400,
  CUDA_ERROR_ILLEGAL_STATE = 401,
  CUDA_ERROR_NOT_FOUND = 500,
  CUDA_ERROR_NOT_SUPPORTED = 801,
  CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED = 900,
  CUDA_ERROR_STREAM_CAPTURE_INVALIDATED = 901,
  CUDA_ERROR_STREAM_CAPTURE_MERGE = 902,
  CUDA_ERROR_STREAM_CAPTURE_UNMATCHED = 903,
  CUDA_ERROR_STREAM_CAPTURE_UNJOINED = 904,
  CUDA_ERROR_STREAM_CAPTURE_ISOLATION = 905,
  CUDA_ERROR_STREAM_CAPTURE_IMPLICIT = 906,
  CUDA_ERROR_CAPTURED_EVENT = 907,
  CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD = 908,
};

#define CU_API extern "C" __attribute__((visibility("default"))) CUresult

namespace standin {

constexpr unsigned max_threads = 1024, default_shared = 48 << 10, max_shared = 227 << 10;

extern std::recursive_mutex mutex;
using Lock = std::lock_guard<std::recursive_mutex>;

// The error of a kernel that died (an assertion, a trap). As on a device, every later call returns it.
extern CUresult sticky_error;

struct Context {};
Context* current_context();

// Work is a closure; a captured graph is a list of them.
using Work = std::function<CUresult()>;

struct Graph {
  std::vector<Work> work;
  std::vector<CUdeviceptr> memory;  // allocated while capturing; lives as long as the graph
  ~Graph();
};

struct Capture;
Graph* capture_graph(Capture* capture);  // null if the capture is spoilt
struct Stream {
  Capture* capture = nullptr;
  bool legacy = false, blocking = true;  // blocking: waits for the legacy stream
  uint64_t work_done = 0;                // while capturing
};

// The handle's stream, or null if there is none such.
Stream* find_stream(void* handle);

// Runs the work, or records it if the stream is capturing.
CUresult submit(Stream* stream, Work work);

// For calls that a capture in progress forbids: the error, which also spoils the capture, or success.
CUresult forbid_in_capture(CUresult error);

// Allocations. With CUDA_STANDIN_GUARD=1 each ends at an inaccessible page.
CUresult allocate(CUdeviceptr* pointer, size_t size);
CUresult release(CUdeviceptr pointer);
bool on_device(CUdeviceptr pointer, size_t size);
void add_global(CUdeviceptr pointer, size_t size);  // a module's variable, which copies may reach too
// Where an address lies with respect to the nearest allocation, in words.
std::string describe_address(uintptr_t address);

bool environment_flag(const char* name);

// Names the kernel when it touches memory that it may not.
void install_fault_handler();

}  // namespace standin

// For the other libraries (cuBLAS and so on): work on a stream, run now or recorded. Returns a CUresult.
extern "C" __attribute__((visibility("default"))) CUresult standin_submit(void* stream, std::function<void()> work);
