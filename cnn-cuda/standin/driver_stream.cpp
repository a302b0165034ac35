// libcuda: streams, events, stream capture and graphs.
#include <chrono>
#include <cstring>
#include <set>
#include <thread>

#include "driver.h"

namespace standin {

enum class Mode { global, thread_local_, relaxed };

struct Capture {
  std::shared_ptr<Graph> graph = std::make_shared<Graph>();
  Stream* origin;
  Mode mode;
  std::thread::id thread;
  uint64_t id;
  bool spoilt = false;
  // The streams that take part, and how much of each one's work the origin has waited for.
  std::map<Stream*, uint64_t> joined;
};

namespace {

struct Event {
  bool timed, recorded = false;
  std::chrono::steady_clock::time_point time;
  Capture* capture = nullptr;  // it was recorded in
  Stream* stream = nullptr;
  uint64_t work_done = 0;  // of that stream when it was recorded
};

struct Executable {
  std::shared_ptr<Graph> graph;
};

std::set<Stream*> streams;
std::set<Event*> events;
std::set<Capture*> captures;
Stream legacy{nullptr, true, true, 0};
thread_local Mode thread_mode = Mode::global;

CUresult spoil(Capture* capture, CUresult error) {
  capture->spoilt = true;
  return error;
}

void end(Capture* capture) {
  for (auto& [stream, done] : capture->joined) stream->capture = nullptr;
  for (Event* event : events)
    if (event->capture == capture) event->capture = nullptr, event->recorded = false;
  captures.erase(capture);
  delete capture;
}

CUresult run(const Graph& graph) {
  for (const Work& work : graph.work) {
    if (CUresult error = work()) return error;
    if (sticky_error) break;  // the next call tells
  }
  return CUDA_SUCCESS;
}

// The stream of a thread ends with it, and a capture with its stream.
struct PerThread : Stream {
  ~PerThread() {
    Lock lock(mutex);
    if (capture) end(capture);
  }
};
thread_local PerThread per_thread;

}  // namespace

Graph* capture_graph(Capture* capture) { return capture->spoilt ? nullptr : capture->graph.get(); }

Stream* find_stream(void* handle) {
  auto number = reinterpret_cast<uintptr_t>(handle);
  if (number <= 1) return &legacy;
  if (number == 2) return &per_thread;
  auto* stream = static_cast<Stream*>(handle);
  return streams.count(stream) ? stream : nullptr;
}

CUresult submit(Stream* stream, Work work) {
  if (!stream) return CUDA_ERROR_INVALID_HANDLE;
  if (sticky_error) return sticky_error;
  if (stream->capture) {
    if (stream->capture->spoilt) return CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
    stream->capture->graph->work.push_back(std::move(work));
    stream->work_done++;
    return CUDA_SUCCESS;
  }
  if (stream->legacy) {
    // Work on the legacy stream would wait for the streams that capture.
    for (Capture* capture : captures)
      for (auto& [other, done] : capture->joined)
        if (other->blocking) return spoil(capture, CUDA_ERROR_STREAM_CAPTURE_IMPLICIT);
  }
  return work();
}

CUresult forbid_in_capture(CUresult error) {
  if (thread_mode == Mode::relaxed) return CUDA_SUCCESS;
  CUresult result = CUDA_SUCCESS;
  for (Capture* capture : captures) {
    bool mine = capture->thread == std::this_thread::get_id();
    if (capture->mode == Mode::global || (capture->mode == Mode::thread_local_ && mine)) result = spoil(capture, error);
  }
  return result;
}

}  // namespace standin

using namespace standin;

CUresult standin_submit(void* handle, std::function<void()> work) {
  Lock lock(mutex);
  return submit(find_stream(handle), [work = std::move(work)] {
    work();
    return CUDA_SUCCESS;
  });
}

CU_API cuStreamCreate(void** handle, unsigned flags) {
  Lock lock(mutex);
  if (!current_context()) return CUDA_ERROR_INVALID_CONTEXT;
  auto* stream = new Stream;
  stream->blocking = !(flags & 1);
  streams.insert(stream);
  *handle = stream;
  return CUDA_SUCCESS;
}
CU_API cuStreamCreateWithPriority(void** handle, unsigned flags, int) { return cuStreamCreate(handle, flags); }
CU_API cuStreamDestroy_v2(void* handle) {
  Lock lock(mutex);
  auto* stream = static_cast<Stream*>(handle);
  if (!streams.count(stream)) return CUDA_ERROR_INVALID_HANDLE;
  if (stream->capture) end(stream->capture);
  streams.erase(stream);
  delete stream;
  return CUDA_SUCCESS;
}
CU_API cuStreamSynchronize(void* handle) {
  Lock lock(mutex);
  Stream* stream = find_stream(handle);
  if (!stream) return CUDA_ERROR_INVALID_HANDLE;
  if (stream->capture) return spoil(stream->capture, CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
  return sticky_error;
}
CU_API cuStreamQuery(void* handle) { return cuStreamSynchronize(handle); }
CU_API cuStreamGetFlags(void* handle, unsigned* flags) {
  Lock lock(mutex);
  Stream* stream = find_stream(handle);
  if (!stream) return CUDA_ERROR_INVALID_HANDLE;
  *flags = stream->blocking ? 0 : 1;
  return CUDA_SUCCESS;
}
CU_API cuStreamGetPriority(void*, int* priority) {
  *priority = 0;
  return CUDA_SUCCESS;
}
CU_API cuStreamAttachMemAsync(void*, CUdeviceptr, size_t, unsigned) { return CUDA_SUCCESS; }
CU_API cuLaunchHostFunc(void* handle, void (*function)(void*), void* data) {
  Lock lock(mutex);
  return submit(find_stream(handle), [=] {
    function(data);
    return CUDA_SUCCESS;
  });
}

CU_API cuStreamWaitEvent(void* handle, void* event_handle, unsigned) {
  Lock lock(mutex);
  Stream* stream = find_stream(handle);
  auto* event = static_cast<Event*>(event_handle);
  if (!stream || !events.count(event)) return CUDA_ERROR_INVALID_HANDLE;
  if (!event->capture) {
    if (stream->capture && event->recorded) return spoil(stream->capture, CUDA_ERROR_STREAM_CAPTURE_ISOLATION);
    return sticky_error;
  }
  if (stream->capture && stream->capture != event->capture) return spoil(stream->capture, CUDA_ERROR_STREAM_CAPTURE_MERGE);
  if (!stream->capture) {
    if (stream->legacy) return spoil(event->capture, CUDA_ERROR_STREAM_CAPTURE_IMPLICIT);
    // Waiting for captured work makes a stream part of the capture.
    stream->capture = event->capture;
    stream->work_done = 1;
    event->capture->joined[stream] = 0;
  }
  if (stream == event->capture->origin) event->capture->joined[event->stream] = event->work_done;
  return CUDA_SUCCESS;
}

CU_API cuEventCreate(void** handle, unsigned flags) {
  Lock lock(mutex);
  if (!current_context()) return CUDA_ERROR_INVALID_CONTEXT;
  auto* event = new Event;
  event->timed = !(flags & 2);
  events.insert(event);
  *handle = event;
  return CUDA_SUCCESS;
}
CU_API cuEventDestroy_v2(void* handle) {
  Lock lock(mutex);
  auto* event = static_cast<Event*>(handle);
  if (!events.erase(event)) return CUDA_ERROR_INVALID_HANDLE;
  delete event;
  return CUDA_SUCCESS;
}
CU_API cuEventRecord(void* handle, void* stream_handle) {
  Lock lock(mutex);
  auto* event = static_cast<Event*>(handle);
  Stream* stream = find_stream(stream_handle);
  if (!events.count(event) || !stream) return CUDA_ERROR_INVALID_HANDLE;
  event->recorded = true;
  event->capture = stream->capture;
  event->stream = stream;
  event->work_done = stream->work_done;
  event->time = std::chrono::steady_clock::now();
  return sticky_error;
}
CU_API cuEventSynchronize(void* handle) {
  Lock lock(mutex);
  auto* event = static_cast<Event*>(handle);
  if (!events.count(event)) return CUDA_ERROR_INVALID_HANDLE;
  if (event->capture) return spoil(event->capture, CUDA_ERROR_CAPTURED_EVENT);
  return sticky_error;
}
CU_API cuEventQuery(void* handle) { return cuEventSynchronize(handle); }
CU_API cuEventElapsedTime_v2(float* milliseconds, void* start_handle, void* end_handle) {
  Lock lock(mutex);
  auto *start = static_cast<Event*>(start_handle), *end = static_cast<Event*>(end_handle);
  if (!events.count(start) || !events.count(end)) return CUDA_ERROR_INVALID_HANDLE;
  if (start->capture || end->capture) return CUDA_ERROR_CAPTURED_EVENT;
  if (!start->timed || !end->timed || !start->recorded || !end->recorded) return CUDA_ERROR_INVALID_HANDLE;
  *milliseconds = std::chrono::duration<float, std::milli>(end->time - start->time).count();
  return CUDA_SUCCESS;
}
CU_API cuEventElapsedTime(float* milliseconds, void* start, void* end) { return cuEventElapsedTime_v2(milliseconds, start, end); }

CU_API cuStreamBeginCapture_v2(void* handle, int mode) {
  Lock lock(mutex);
  Stream* stream = find_stream(handle);
  if (!stream) return CUDA_ERROR_INVALID_HANDLE;
  if (mode < 0 || mode > 2) return CUDA_ERROR_INVALID_VALUE;
  if (stream->legacy) return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
  if (stream->capture) return CUDA_ERROR_ILLEGAL_STATE;
  static uint64_t count;
  auto* capture = new Capture;
  capture->origin = stream;
  capture->mode = Mode(mode);
  capture->thread = std::this_thread::get_id();
  capture->id = ++count;
  capture->joined[stream] = 0;
  captures.insert(capture);
  stream->capture = capture;
  stream->work_done = 0;
  return CUDA_SUCCESS;
}
CU_API cuStreamEndCapture(void* handle, void** graph) {
  Lock lock(mutex);
  *graph = nullptr;
  Stream* stream = find_stream(handle);
  if (!stream) return CUDA_ERROR_INVALID_HANDLE;
  Capture* capture = stream->capture;
  if (!capture) return CUDA_ERROR_ILLEGAL_STATE;
  if (capture->origin != stream) return spoil(capture, CUDA_ERROR_STREAM_CAPTURE_UNMATCHED);
  if (capture->mode != Mode::relaxed && capture->thread != std::this_thread::get_id())
    return spoil(capture, CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD);
  CUresult error = capture->spoilt ? CUDA_ERROR_STREAM_CAPTURE_INVALIDATED : CUDA_SUCCESS;
  for (auto& [other, done] : capture->joined)
    if (!error && other != stream && done < other->work_done) error = CUDA_ERROR_STREAM_CAPTURE_UNJOINED;
  if (!error) *graph = new std::shared_ptr<Graph>(capture->graph);
  end(capture);
  return error;
}
CU_API cuStreamIsCapturing(void* handle, int* status) {
  Lock lock(mutex);
  Stream* stream = find_stream(handle);
  if (!stream) return CUDA_ERROR_INVALID_HANDLE;
  if (stream->legacy && !captures.empty()) return CUDA_ERROR_STREAM_CAPTURE_IMPLICIT;
  *status = !stream->capture ? 0 : stream->capture->spoilt ? 2 : 1;
  return CUDA_SUCCESS;
}
CU_API cuStreamGetCaptureInfo_v3(void* handle, int* status, uint64_t* id, void** graph, const void** dependencies,
                                 const void** edges, size_t* count) {
  Lock lock(mutex);
  if (CUresult error = cuStreamIsCapturing(handle, status)) return error;
  Stream* stream = find_stream(handle);
  if (id && stream->capture) *id = stream->capture->id;
  // A graph in the making cannot be changed by hand here.
  if (graph) *graph = nullptr;
  if (dependencies) *dependencies = nullptr;
  if (edges) *edges = nullptr;
  if (count) *count = 0;
  return CUDA_SUCCESS;
}
CU_API cuThreadExchangeStreamCaptureMode(int* mode) {
  Mode old = thread_mode;
  thread_mode = Mode(*mode);
  *mode = int(old);
  return CUDA_SUCCESS;
}

// A CUgraph is a shared pointer, as what it becomes shares the work with it.
CU_API cuGraphInstantiateWithFlags(void** executable, void* graph, unsigned long long) {
  Lock lock(mutex);
  if (!graph) return CUDA_ERROR_INVALID_VALUE;
  *executable = new Executable{*static_cast<std::shared_ptr<Graph>*>(graph)};
  return CUDA_SUCCESS;
}
CU_API cuGraphInstantiateWithParams(void** executable, void* graph, void*) { return cuGraphInstantiateWithFlags(executable, graph, 0); }
CU_API cuGraphLaunch(void* executable, void* handle) {
  Lock lock(mutex);
  if (!executable) return CUDA_ERROR_INVALID_VALUE;
  return submit(find_stream(handle), [graph = static_cast<Executable*>(executable)->graph] { return run(*graph); });
}
CU_API cuGraphUpload(void*, void*) { return CUDA_SUCCESS; }
CU_API cuGraphExecDestroy(void* executable) {
  Lock lock(mutex);
  delete static_cast<Executable*>(executable);
  return CUDA_SUCCESS;
}
CU_API cuGraphDestroy(void* graph) {
  Lock lock(mutex);
  delete static_cast<std::shared_ptr<Graph>*>(graph);
  return CUDA_SUCCESS;
}
CU_API cuGraphGetNodes(void* graph, void** nodes, size_t* count) {
  Lock lock(mutex);
  if (nodes) return CUDA_ERROR_NOT_SUPPORTED;
  *count = (*static_cast<std::shared_ptr<Graph>*>(graph))->work.size();
  return CUDA_SUCCESS;
}
