// A stand-in for cuDNN: handles, descriptors, and the small operations that cudarc has.
#include "cudnn.h"

#include <algorithm>
#include <cmath>
#include <limits>

using namespace standin;
using namespace standin::dnn;

namespace {

struct Pooling {
  int mode = 0, rank = 0;
  int window[6] = {}, padding[6] = {}, step[6] = {};
};

struct Reduction {
  int operation = 0, indices = 0;
};

template <class T>
int create(T** descriptor) {
  *descriptor = new T;
  return success;
}
template <class T>
int destroy(T* descriptor) {
  delete descriptor;
  return success;
}

int set_sizes(Tensor* t, int type, int rank, const int* sizes) {
  if (rank < 4 || rank > 8) return not_supported;  // as the real one: unused dimensions are 1
  t->type = type;
  t->rank = rank;
  for (int i = 0; i < rank; i++) {
    if (sizes[i] <= 0) return bad_parameter;
    t->size[i] = sizes[i];
  }
  return known(type) ? success : not_supported_type;
}

}  // namespace

double Activation::operator()(double v) const {
  switch (mode) {
    case 0: return 1 / (1 + std::exp(-v));
    case 1: return v > 0 || v != v ? v : 0;
    case 2: return std::tanh(v);
    case 3: return std::min(std::max(v, 0.0), coefficient);
    case 4: return v > 0 ? v : coefficient * std::expm1(v);
    case 6: return v / (1 + std::exp(-coefficient * v));
    default: return v;
  }
}

int dnn::submit(void* handle, std::function<void()> work) {
  if (!handle) return not_initialized;
  return standin_submit(static_cast<Handle*>(handle)->stream, std::move(work)) ? execution_failed : success;
}

extern "C" __attribute__((visibility("default"))) size_t cudnnGetVersion() { return 91900; }
extern "C" __attribute__((visibility("default"))) size_t cudnnGetCudartVersion() { return 13000; }
extern "C" __attribute__((visibility("default"))) const char* cudnnGetErrorString(int status) {
  return status == success ? "CUDNN_STATUS_SUCCESS" : "a CUDNN_STATUS error";
}
LIBRARY_API cudnnOpsVersionCheck() { return success; }
LIBRARY_API cudnnCnnVersionCheck() { return success; }
LIBRARY_API cudnnAdvVersionCheck() { return success; }
LIBRARY_API cudnnCreate(Handle** handle) { return create(handle); }
LIBRARY_API cudnnDestroy(Handle* handle) { return destroy(handle); }
LIBRARY_API cudnnSetStream(Handle* handle, void* stream) {
  handle->stream = stream;
  return success;
}
LIBRARY_API cudnnGetStream(Handle* handle, void** stream) {
  *stream = handle->stream;
  return success;
}

LIBRARY_API cudnnCreateTensorDescriptor(Tensor** t) { return create(t); }
LIBRARY_API cudnnDestroyTensorDescriptor(Tensor* t) { return destroy(t); }
LIBRARY_API cudnnSetTensor4dDescriptor(Tensor* t, int format, int type, int n, int c, int h, int w) {
  const int sizes[] = {n, c, h, w};
  if (format != nchw && format != nhwc) return not_supported;
  int status = set_sizes(t, type, 4, sizes);
  t->pack(format);
  return status;
}
LIBRARY_API cudnnSetTensorNdDescriptor(Tensor* t, int type, int rank, const int* sizes, const int* strides) {
  int status = set_sizes(t, type, rank, sizes);
  if (!status) std::copy(strides, strides + rank, t->stride);
  return status;
}
LIBRARY_API cudnnSetTensorNdDescriptorEx(Tensor* t, int format, int type, int rank, const int* sizes) {
  if (format != nchw && format != nhwc) return not_supported;
  int status = set_sizes(t, type, rank, sizes);
  t->pack(format);
  return status;
}
LIBRARY_API cudnnSetTensor4dDescriptorEx(Tensor* t, int type, int n, int c, int h, int w, int sn, int sc, int sh, int sw) {
  const int sizes[] = {n, c, h, w}, strides[] = {sn, sc, sh, sw};
  return cudnnSetTensorNdDescriptor(t, type, 4, sizes, strides);
}

LIBRARY_API cudnnCreateFilterDescriptor(Tensor** t) { return create(t); }
LIBRARY_API cudnnDestroyFilterDescriptor(Tensor* t) { return destroy(t); }
LIBRARY_API cudnnSetFilterNdDescriptor(Tensor* t, int type, int format, int rank, const int* sizes) {
  return cudnnSetTensorNdDescriptorEx(t, format, type, rank, sizes);
}
LIBRARY_API cudnnSetFilter4dDescriptor(Tensor* t, int type, int format, int k, int c, int h, int w) {
  const int sizes[] = {k, c, h, w};
  return cudnnSetFilterNdDescriptor(t, type, format, 4, sizes);
}

LIBRARY_API cudnnCreateConvolutionDescriptor(Convolution** c) { return create(c); }
LIBRARY_API cudnnDestroyConvolutionDescriptor(Convolution* c) { return destroy(c); }
LIBRARY_API cudnnSetConvolutionNdDescriptor(Convolution* c, int rank, const int* padding, const int* step, const int* dilation, int mode, int type) {
  if (rank < 1 || rank > 6) return bad_parameter;
  c->rank = rank;
  for (int i = 0; i < rank; i++) {
    if (padding[i] < 0 || step[i] < 1 || dilation[i] < 1) return bad_parameter;
    c->padding[i] = padding[i];
    c->step[i] = step[i];
    c->dilation[i] = dilation[i];
  }
  c->mode = mode;
  c->type = type;
  return success;
}
LIBRARY_API cudnnSetConvolution2dDescriptor(Convolution* c, int pad_h, int pad_w, int step_h, int step_w, int dilation_h, int dilation_w,
                                            int mode, int type) {
  const int padding[] = {pad_h, pad_w}, step[] = {step_h, step_w}, dilation[] = {dilation_h, dilation_w};
  return cudnnSetConvolutionNdDescriptor(c, 2, padding, step, dilation, mode, type);
}
LIBRARY_API cudnnSetConvolutionGroupCount(Convolution* c, int groups) {
  c->groups = groups;
  return groups > 0 ? success : bad_parameter;
}
LIBRARY_API cudnnSetConvolutionMathType(Convolution* c, int math) {
  c->math = math;
  return success;
}

LIBRARY_API cudnnCreateActivationDescriptor(Activation** a) { return create(a); }
LIBRARY_API cudnnDestroyActivationDescriptor(Activation* a) { return destroy(a); }
LIBRARY_API cudnnSetActivationDescriptor(Activation* a, int mode, int, double coefficient) {
  a->mode = mode;
  a->coefficient = coefficient;
  return success;
}
LIBRARY_API cudnnActivationForward(void* handle, const Activation* a, const void* alpha, const Tensor* x_of, const void* x, const void* beta,
                                   const Tensor* y_of, void* y) {
  double scale = scalar(alpha, y_of->type), keep = scalar(beta, y_of->type);
  if (a->mode == 5) return not_supported;
  if (x_of->count() != y_of->count()) return bad_shape;
  return submit(handle, [=, a = *a, x_of = *x_of, y_of = *y_of] {
    std::vector<double> values = load<double>(x_of, x);
    for (double& v : values) v = a(v);
    store(y_of, y, values, scale, keep);
  });
}

LIBRARY_API cudnnSoftmaxForward(void* handle, int algorithm, int mode, const void* alpha, const Tensor* x_of, const void* x, const void* beta,
                                const Tensor* y_of, void* y) {
  double scale = scalar(alpha, y_of->type), keep = scalar(beta, y_of->type);
  if (x_of->count() != y_of->count()) return bad_shape;
  return submit(handle, [=, x_of = *x_of, y_of = *y_of] {
    std::vector<double> values = load<double>(x_of, x);
    // Over all of an image, or over the channels of each place in it.
    int64_t images = x_of.size[0], channels = x_of.size[1], space = x_of.count() / images / channels;
    if (mode == 0) channels *= space, space = 1;
    for (int64_t n = 0; n < images; n++)
      for (int64_t s = 0; s < space; s++) {
        double* first = &values[size_t(n * channels * space + s)];
        double most = -INFINITY, sum = 0;
        for (int64_t c = 0; c < channels; c++) most = std::max(most, first[c * space]);
        for (int64_t c = 0; c < channels; c++) sum += std::exp(first[c * space] - most);
        for (int64_t c = 0; c < channels; c++) {
          double v = first[c * space] - most;
          first[c * space] = algorithm == 2 ? v - std::log(sum) : std::exp(v) / sum;
        }
      }
    store(y_of, y, values, scale, keep);
  });
}

LIBRARY_API cudnnCreatePoolingDescriptor(Pooling** p) { return create(p); }
LIBRARY_API cudnnDestroyPoolingDescriptor(Pooling* p) { return destroy(p); }
LIBRARY_API cudnnSetPoolingNdDescriptor(Pooling* p, int mode, int, int rank, const int* window, const int* padding, const int* step) {
  if (rank < 1 || rank > 3) return not_supported;
  p->mode = mode;
  p->rank = rank;
  std::copy(window, window + rank, p->window);
  std::copy(padding, padding + rank, p->padding);
  std::copy(step, step + rank, p->step);
  return success;
}
LIBRARY_API cudnnSetPooling2dDescriptor(Pooling* p, int mode, int nan, int h, int w, int pad_h, int pad_w, int step_h, int step_w) {
  const int window[] = {h, w}, padding[] = {pad_h, pad_w}, step[] = {step_h, step_w};
  return cudnnSetPoolingNdDescriptor(p, mode, nan, 2, window, padding, step);
}
LIBRARY_API cudnnPoolingForward(void* handle, const Pooling* p, const void* alpha, const Tensor* x_of, const void* x, const void* beta,
                                const Tensor* y_of, void* y) {
  double scale = scalar(alpha, y_of->type), keep = scalar(beta, y_of->type);
  if (x_of->rank != p->rank + 2 || y_of->rank != x_of->rank || x_of->size[0] != y_of->size[0] || x_of->size[1] != y_of->size[1])
    return bad_shape;
  for (int d = 0; d < p->rank; d++)
    if (y_of->size[d + 2] != 1 + (x_of->size[d + 2] + 2 * p->padding[d] - p->window[d]) / p->step[d]) return bad_shape;
  return submit(handle, [=, p = *p, x_of = *x_of, y_of = *y_of] {
    std::vector<double> from = load<double>(x_of, x), to(size_t(y_of.count()));
    int64_t window = 1, in = 1, out = 1;
    for (int d = 0; d < p.rank; d++) window *= p.window[d], in *= x_of.size[d + 2], out *= y_of.size[d + 2];
    for (int64_t i = 0; i < y_of.count(); i++) {
      double most = -INFINITY, sum = 0;
      int64_t count = 0;
      for (int64_t k = 0; k < window; k++) {
        int64_t o = i % out, w = k, at = 0, step = 1;
        bool inside = true;
        for (int d = p.rank - 1; d >= 0; d--) {
          int64_t place = o % y_of.size[d + 2] * p.step[d] - p.padding[d] + w % p.window[d];
          inside = inside && place >= 0 && place < x_of.size[d + 2];
          at += place * step;
          step *= x_of.size[d + 2];
          o /= y_of.size[d + 2];
          w /= p.window[d];
        }
        if (!inside) continue;
        double v = from[size_t(i / out * in + at)];
        most = v > most || v != v ? v : most;
        sum += v;
        count++;
      }
      bool maximum = p.mode == 0 || p.mode == 3;
      to[size_t(i)] = maximum ? most : sum / double(p.mode == 1 ? window : count);
    }
    store(y_of, y, to, scale, keep);
  });
}

LIBRARY_API cudnnCreateReduceTensorDescriptor(Reduction** r) { return create(r); }
LIBRARY_API cudnnDestroyReduceTensorDescriptor(Reduction* r) { return destroy(r); }
LIBRARY_API cudnnSetReduceTensorDescriptor(Reduction* r, int operation, int, int, int indices, int) {
  r->operation = operation;
  r->indices = indices;
  return indices == 0 ? success : not_supported;  // where the maximum was is not kept
}
LIBRARY_API cudnnGetReductionIndicesSize(void*, const Reduction*, const Tensor*, const Tensor*, size_t* size) {
  *size = 0;
  return success;
}
LIBRARY_API cudnnGetReductionWorkspaceSize(void*, const Reduction*, const Tensor*, const Tensor*, size_t* size) {
  *size = 512;
  return success;
}
LIBRARY_API cudnnReduceTensor(void* handle, const Reduction* r, void*, size_t, void*, size_t space_size, const void* alpha, const Tensor* a_of,
                              const void* a, const void* beta, const Tensor* c_of, void* c) {
  if (r->indices != 0) return not_supported;
  if (space_size < 512) return bad_workspace;
  if (a_of->rank != c_of->rank) return bad_shape;
  for (int d = 0; d < a_of->rank; d++)
    if (c_of->size[d] != 1 && c_of->size[d] != a_of->size[d]) return bad_shape;
  double scale = scalar(alpha, c_of->type), keep = scalar(beta, c_of->type);
  int operation = r->operation;
  return submit(handle, [=, a_of = *a_of, c_of = *c_of] {
    constexpr double infinity = std::numeric_limits<double>::infinity();
    bool product = operation == 1 || operation == 8;
    std::vector<double> from = load<double>(a_of, a);
    std::vector<double> to(size_t(c_of.count()), operation == 2 ? infinity : operation == 3 ? -infinity : product ? 1 : 0);
    for (int64_t i = 0; i < a_of.count(); i++) {
      int64_t rest = i, at = 0, step = 1;
      for (int d = a_of.rank - 1; d >= 0; d--) {
        if (c_of.size[d] != 1) at += rest % a_of.size[d] * step;
        step *= c_of.size[d];
        rest /= a_of.size[d];
      }
      double v = from[size_t(i)], &sum = to[size_t(at)];
      switch (operation) {
        case 0: case 5: sum += v; break;
        case 1: sum *= v; break;
        case 2: sum = std::min(sum, v); break;
        case 3: sum = std::max(sum, v); break;
        case 4: sum = std::max(sum, std::fabs(v)); break;
        case 6: sum += std::fabs(v); break;
        case 7: sum += v * v; break;
        default: sum *= v != 0 ? v : 1; break;
      }
    }
    for (double& v : to) {
      if (operation == 5) v *= double(c_of.count()) / double(a_of.count());
      if (operation == 7) v = std::sqrt(v);
    }
    store(c_of, c, to, scale, keep);
  });
}
