// A stand-in for cuDNN: convolutions, by their definition. 16-bit types accumulate in float.
#include <algorithm>
#include <array>

#include "cudnn.h"

using namespace standin;
using namespace standin::dnn;

namespace {

constexpr size_t workspace = 512;  // asked for so that callers have to bring one; not used

// A convolution's sizes, with space in three dimensions.
struct Shape {
  int64_t batch, groups, in_channels, out_channels;  // channels of one group
  std::array<int64_t, 3> in, filter, out, padding, step, dilation;
  bool flip;
};

int describe(const Tensor& x, const Tensor& w, const Convolution& c, const Tensor& y, Shape* s) {
  int space = c.rank;
  if (space < 1 || space > 3 || x.rank != space + 2 || w.rank != space + 2 || y.rank != space + 2) return bad_parameter;
  for (int type : {x.type, w.type, y.type, c.type})
    if (!known(type) || (type == f64) != (x.type == f64)) return not_supported_type;
  if (x.type != w.type) return not_supported_type;
  s->batch = x.size[0];
  s->groups = c.groups;
  s->in_channels = w.size[1];
  s->out_channels = w.size[0] / c.groups;
  if (c.groups < 1 || w.size[0] % c.groups != 0 || x.size[1] != w.size[1] * c.groups) return bad_shape;
  if (y.size[0] != x.size[0] || y.size[1] != w.size[0]) return bad_shape;
  s->flip = c.mode == 0;
  for (int i = 0; i < 3; i++) {
    int d = i - (3 - space);  // the last dimensions are the given ones
    auto at = size_t(i);
    if (d < 0) {
      s->in[at] = s->filter[at] = s->out[at] = s->step[at] = s->dilation[at] = 1;
      s->padding[at] = 0;
      continue;
    }
    s->in[at] = x.size[d + 2];
    s->filter[at] = w.size[d + 2];
    s->out[at] = y.size[d + 2];
    s->padding[at] = c.padding[d];
    s->step[at] = c.step[d];
    s->dilation[at] = c.dilation[d];
    if (s->out[at] != 1 + (s->in[at] + 2 * s->padding[at] - (1 + (s->filter[at] - 1) * s->dilation[at])) / s->step[at]) return bad_shape;
  }
  return success;
}

// The part of an output row whose inputs exist, for one column of the filter.
struct Row {
  int64_t x, w, y;  // dense positions of the first input, the weight, the first output
  int64_t count, step;
};

// Calls f with each Row: all that any of the three convolutions has to multiply and add.
template <class F>
void rows(const Shape& s, F f) {
  int64_t in = s.in[0] * s.in[1] * s.in[2], out = s.out[0] * s.out[1] * s.out[2], window = s.filter[0] * s.filter[1] * s.filter[2];
  auto inside = [&](int d, int64_t o, int64_t k) {
    auto at = size_t(d);
    int64_t i = o * s.step[at] - s.padding[at] + k * s.dilation[at];
    return i >= 0 && i < s.in[at] ? i : -1;
  };
  for (int64_t n = 0; n < s.batch; n++)
    for (int64_t g = 0; g < s.groups; g++)
      for (int64_t k = 0; k < s.out_channels; k++)
        for (int64_t c = 0; c < s.in_channels; c++)
          for (int64_t at = 0; at < window; at++) {
            int64_t k2 = at % s.filter[2], k1 = at / s.filter[2] % s.filter[1], k0 = at / s.filter[2] / s.filter[1];
            int64_t x0 = ((n * s.groups + g) * s.in_channels + c) * in, y0 = ((n * s.groups + g) * s.out_channels + k) * out;
            int64_t w0 = ((g * s.out_channels + k) * s.in_channels + c) * window + (s.flip ? window - 1 - at : at);
            // Outputs from first to last have an input in this row.
            int64_t reach = k2 * s.dilation[2] - s.padding[2], first = reach < 0 ? (-reach + s.step[2] - 1) / s.step[2] : 0;
            int64_t last = std::min(s.out[2], (s.in[2] - reach + s.step[2] - 1) / s.step[2]);
            if (first >= last) continue;
            for (int64_t o0 = 0; o0 < s.out[0]; o0++)
              for (int64_t o1 = 0; o1 < s.out[1]; o1++) {
                int64_t i0 = inside(0, o0, k0), i1 = inside(1, o1, k1);
                if (i0 < 0 || i1 < 0) continue;
                f(Row{x0 + (i0 * s.in[1] + i1) * s.in[2] + first * s.step[2] + reach, w0, y0 + (o0 * s.out[1] + o1) * s.out[2] + first,
                      last - first, s.step[2]});
              }
          }
}

template <class F>
std::vector<F> forward(const Shape& s, const std::vector<F>& x, const std::vector<F>& w, size_t outputs) {
  std::vector<F> y(outputs);
  rows(s, [&](const Row& r) {
    const F* from = &x[size_t(r.x)];
    F *to = &y[size_t(r.y)], weight = w[size_t(r.w)];
    for (int64_t i = 0; i < r.count; i++) to[i] += weight * from[i * r.step];
  });
  return y;
}

template <class F>
std::vector<F> backward_data(const Shape& s, const std::vector<F>& w, const std::vector<F>& dy, size_t inputs) {
  std::vector<F> dx(inputs);
  rows(s, [&](const Row& r) {
    const F* from = &dy[size_t(r.y)];
    F *to = &dx[size_t(r.x)], weight = w[size_t(r.w)];
    for (int64_t i = 0; i < r.count; i++) to[i * r.step] += weight * from[i];
  });
  return dx;
}

template <class F>
std::vector<F> backward_filter(const Shape& s, const std::vector<F>& x, const std::vector<F>& dy, size_t weights) {
  std::vector<F> dw(weights);
  rows(s, [&](const Row& r) {
    const F *a = &x[size_t(r.x)], *b = &dy[size_t(r.y)];
    F sum = 0;
    for (int64_t i = 0; i < r.count; i++) sum += a[i * r.step] * b[i];
    dw[size_t(r.w)] += sum;
  });
  return dw;
}

// Runs work<float> or work<double>.
template <class W>
int submit_as(void* handle, int type, W work) {
  if (type == f64) return dnn::submit(handle, [=] { work(double()); });
  return dnn::submit(handle, [=] { work(float()); });
}

// What cudnnGetConvolution...Algorithm_v7 returns.
struct Performance {
  int algorithm, status;
  float time;
  size_t memory;
  int determinism, math, reserved[3];
};
int algorithms(int requested, int* returned, Performance* results) {
  *returned = std::min(requested, 2);
  for (int i = 0; i < *returned; i++) results[i] = {1 - i, success, float(i + 1), workspace, 1, 0, {}};
  return requested > 0 ? success : bad_parameter;
}

}  // namespace

LIBRARY_API cudnnGetConvolutionForwardAlgorithmMaxCount(void*, int* count) {
  *count = 2;
  return success;
}
LIBRARY_API cudnnGetConvolutionBackwardDataAlgorithmMaxCount(void*, int* count) {
  *count = 2;
  return success;
}
LIBRARY_API cudnnGetConvolutionBackwardFilterAlgorithmMaxCount(void*, int* count) {
  *count = 2;
  return success;
}
LIBRARY_API cudnnGetConvolutionForwardAlgorithm_v7(void*, const Tensor* x, const Tensor* w, const Convolution* c, const Tensor* y,
                                                   int requested, int* returned, Performance* results) {
  Shape s;
  if (int error = describe(*x, *w, *c, *y, &s)) return error;
  return algorithms(requested, returned, results);
}
LIBRARY_API cudnnGetConvolutionBackwardDataAlgorithm_v7(void*, const Tensor* w, const Tensor* dy, const Convolution* c, const Tensor* dx,
                                                        int requested, int* returned, Performance* results) {
  Shape s;
  if (int error = describe(*dx, *w, *c, *dy, &s)) return error;
  return algorithms(requested, returned, results);
}
LIBRARY_API cudnnGetConvolutionBackwardFilterAlgorithm_v7(void*, const Tensor* x, const Tensor* dy, const Convolution* c, const Tensor* dw,
                                                          int requested, int* returned, Performance* results) {
  Shape s;
  if (int error = describe(*x, *dw, *c, *dy, &s)) return error;
  return algorithms(requested, returned, results);
}
LIBRARY_API cudnnGetConvolutionForwardWorkspaceSize(void*, const Tensor* x, const Tensor* w, const Convolution* c, const Tensor* y, int,
                                                    size_t* size) {
  Shape s;
  *size = workspace;
  return describe(*x, *w, *c, *y, &s);
}
LIBRARY_API cudnnGetConvolutionBackwardDataWorkspaceSize(void*, const Tensor* w, const Tensor* dy, const Convolution* c, const Tensor* dx, int,
                                                         size_t* size) {
  Shape s;
  *size = workspace;
  return describe(*dx, *w, *c, *dy, &s);
}
LIBRARY_API cudnnGetConvolutionBackwardFilterWorkspaceSize(void*, const Tensor* x, const Tensor* dy, const Convolution* c, const Tensor* dw,
                                                           int, size_t* size) {
  Shape s;
  *size = workspace;
  return describe(*x, *dw, *c, *dy, &s);
}

LIBRARY_API cudnnConvolutionForward(void* handle, const void* alpha, const Tensor* x_of, const void* x, const Tensor* w_of, const void* w,
                                    const Convolution* c, int, void* space, size_t space_size, const void* beta, const Tensor* y_of, void* y) {
  Shape s;
  if (int error = describe(*x_of, *w_of, *c, *y_of, &s)) return error;
  if (!space || space_size < workspace) return bad_workspace;
  double a = scalar(alpha, y_of->type), b = scalar(beta, y_of->type);
  return submit_as(handle, x_of->type, [=, x_of = *x_of, w_of = *w_of, y_of = *y_of](auto zero) {
    using F = decltype(zero);
    store(y_of, y, forward(s, load<F>(x_of, x), load<F>(w_of, w), size_t(y_of.count())), a, b);
  });
}

LIBRARY_API cudnnConvolutionBackwardData(void* handle, const void* alpha, const Tensor* w_of, const void* w, const Tensor* dy_of,
                                         const void* dy, const Convolution* c, int, void* space, size_t space_size, const void* beta,
                                         const Tensor* dx_of, void* dx) {
  Shape s;
  if (int error = describe(*dx_of, *w_of, *c, *dy_of, &s)) return error;
  if (!space || space_size < workspace) return bad_workspace;
  double a = scalar(alpha, dx_of->type), b = scalar(beta, dx_of->type);
  return submit_as(handle, dx_of->type, [=, dx_of = *dx_of, w_of = *w_of, dy_of = *dy_of](auto zero) {
    using F = decltype(zero);
    store(dx_of, dx, backward_data(s, load<F>(w_of, w), load<F>(dy_of, dy), size_t(dx_of.count())), a, b);
  });
}

LIBRARY_API cudnnConvolutionBackwardFilter(void* handle, const void* alpha, const Tensor* x_of, const void* x, const Tensor* dy_of,
                                           const void* dy, const Convolution* c, int, void* space, size_t space_size, const void* beta,
                                           const Tensor* dw_of, void* dw) {
  Shape s;
  if (int error = describe(*x_of, *dw_of, *c, *dy_of, &s)) return error;
  if (!space || space_size < workspace) return bad_workspace;
  double a = scalar(alpha, dw_of->type), b = scalar(beta, dw_of->type);
  return submit_as(handle, x_of->type, [=, x_of = *x_of, dw_of = *dw_of, dy_of = *dy_of](auto zero) {
    using F = decltype(zero);
    store(dw_of, dw, backward_filter(s, load<F>(x_of, x), load<F>(dy_of, dy), size_t(dw_of.count())), a, b);
  });
}

LIBRARY_API cudnnConvolutionBiasActivationForward(void* handle, const void* alpha1, const Tensor* x_of, const void* x, const Tensor* w_of,
                                                  const void* w, const Convolution* c, int algorithm, void* space, size_t space_size,
                                                  const void* alpha2, const Tensor* z_of, const void* z, const Tensor* bias_of,
                                                  const void* bias, const Activation* activation, const Tensor* y_of, void* y) {
  Shape s;
  if (int error = describe(*x_of, *w_of, *c, *y_of, &s)) return error;
  if (!space || space_size < workspace) return bad_workspace;
  // The real one knows these two, and identity with one algorithm only.
  bool relu = activation->mode == 1, identity = activation->mode == 5 && algorithm == 1;
  if (!relu && !identity) return not_supported;
  if (bias_of->size[1] != y_of->size[1] || bias_of->count() != y_of->size[1]) return bad_shape;
  if (!std::equal(z_of->size, z_of->size + z_of->rank, y_of->size)) return bad_shape;
  double a1 = scalar(alpha1, y_of->type), a2 = scalar(alpha2, y_of->type);
  return submit_as(handle, x_of->type, [=, x_of = *x_of, w_of = *w_of, z_of = *z_of, bias_of = *bias_of, y_of = *y_of,
                                        activation = *activation](auto zero) {
    using F = decltype(zero);
    std::vector<F> sum = forward(s, load<F>(x_of, x), load<F>(w_of, w), size_t(y_of.count()));
    std::vector<F> biases = load<F>(bias_of, bias), others;
    if (a2 != 0) others = load<F>(z_of, z);
    int64_t channels = y_of.size[1], space = y_of.count() / y_of.size[0] / channels;
    for (size_t i = 0; i < sum.size(); i++) {
      F value = F(a1) * sum[i] + (a2 != 0 ? F(a2) * others[i] : F(0)) + biases[i / size_t(space) % size_t(channels)];
      sum[i] = F(activation(double(value)));
    }
    store(y_of, y, sum, 1, 0);
  });
}
