// What the parts of the stand-in for cuDNN share: descriptors, and tensors as dense vectors.
#pragma once
#include <vector>

#include "library.h"

namespace standin::dnn {

enum Status {
  success = 0,
  not_initialized = 1001,
  bad_parameter = 2000,
  bad_workspace = 2006,  // too small
  bad_shape = 2008,
  not_supported = 3000,
  not_supported_type = 3003,
  execution_failed = 5000,
};
enum Type { f32 = 0, f64 = 1, f16 = 2, bf16 = 9 };
enum Format { nchw = 0, nhwc = 1 };

inline bool known(int type) { return type == f32 || type == f64 || type == f16 || type == bf16; }

// A tensor's or a filter's descriptor. The dimensions are in the order N, C, then space, whatever the strides.
struct Tensor {
  int type = f32, rank = 0;
  int64_t size[8] = {}, stride[8] = {};

  int64_t count() const {
    int64_t n = 1;
    for (int i = 0; i < rank; i++) n *= size[i];
    return n;
  }
  // Packed strides, in the order of the format.
  void pack(int format) {
    int64_t step = 1;
    if (format == nhwc) {
      stride[1] = 1;
      step = size[1];
    }
    for (int i = rank - 1; i >= 0; i--) {
      if (format == nhwc && i == 1) continue;
      stride[i] = step;
      step *= size[i];
    }
  }
};

struct Activation {
  int mode = 1;
  double coefficient = 0;
  double operator()(double v) const;
};

struct Convolution {
  int rank = 0;  // of space
  int padding[6] = {}, step[6] = {}, dilation[6] = {};
  int mode = 1;  // 0 flips the filter, 1 does not
  int type = f32;
  int groups = 1;
  int math = 0;
};

struct Handle {
  void* stream = nullptr;
};

// Calls f(position in a dense tensor, offset by the strides) for each element.
template <class F>
void each(const Tensor& t, F f) {
  int64_t index[8] = {}, offset = 0;
  for (int64_t i = 0, n = t.count(); i < n; i++) {
    f(i, offset);
    for (int d = t.rank - 1; d >= 0; d--) {
      offset += t.stride[d];
      if (++index[d] < t.size[d]) break;
      offset -= t.stride[d] * t.size[d];
      index[d] = 0;
    }
  }
}

template <class S, class F>
void load_from(const Tensor& t, const void* from, std::vector<F>& to) {
  each(t, [&](int64_t i, int64_t at) { to[size_t(i)] = F(static_cast<const S*>(from)[at]); });
}
template <class F>
std::vector<F> load(const Tensor& t, const void* from) {
  std::vector<F> result(size_t(t.count()));
  switch (t.type) {
    case f32: load_from<float>(t, from, result); break;
    case f64: load_from<double>(t, from, result); break;
    case f16: load_from<Half>(t, from, result); break;
    default: load_from<Bfloat>(t, from, result); break;
  }
  return result;
}

template <class S, class F>
void store_to(const Tensor& t, void* to, const std::vector<F>& from, double alpha, double beta) {
  each(t, [&](int64_t i, int64_t offset) {
    S* at = static_cast<S*>(to) + offset;
    double value = alpha * double(from[size_t(i)]);
    if (beta != 0) value += beta * double(*at);  // with beta 0 what was there is not read: it may be NaN
    *at = convert<S>(value);
  });
}
template <class F>
void store(const Tensor& t, void* to, const std::vector<F>& from, double alpha, double beta) {
  switch (t.type) {
    case f32: store_to<float>(t, to, from, alpha, beta); break;
    case f64: store_to<double>(t, to, from, alpha, beta); break;
    case f16: store_to<Half>(t, to, from, alpha, beta); break;
    default: store_to<Bfloat>(t, to, from, alpha, beta); break;
  }
}

// alpha and beta are double for double tensors and float for the others.
inline double scalar(const void* at, int type) { return type == f64 ? *static_cast<const double*>(at) : *static_cast<const float*>(at); }

int submit(void* handle, std::function<void()> work);

}  // namespace standin::dnn
