// A stand-in for cuBLAS: products of matrices and little else. 16-bit types accumulate in float.
#include <algorithm>
#include <cmath>
#include <vector>

#include "library.h"

using namespace standin;

namespace {

enum Status { success = 0, not_initialized = 1, invalid_value = 7, execution_failed = 13, not_supported = 15 };
enum Type { f32 = 0, f64 = 1, f16 = 2, bf16 = 14 };
enum Compute { compute_16f = 64, compute_32f = 68, compute_64f = 70, compute_32i = 72 };

struct Handle {
  void* stream = nullptr;
  int pointer_mode = 0;  // 0: alpha and beta on the host, 1: on the device
  int math_mode = 0;
};

// One product, C = alpha op(A) op(B) + beta C, all in columns.
struct Product {
  int transpose_a, transpose_b;
  int64_t m, n, k;
  const void* a;
  int type_a;
  int64_t lda;
  const void* b;
  int type_b;
  int64_t ldb;
  void* c;
  int type_c;
  int64_t ldc;
};

template <class T, class F>
void strided_copy(const void* from, int64_t rows, int64_t columns, int64_t row_stride, int64_t column_stride, F* to) {
  auto* source = static_cast<const T*>(from);
  for (int64_t j = 0; j < columns; j++)
    for (int64_t i = 0; i < rows; i++) to[j * rows + i] = F(source[i * row_stride + j * column_stride]);
}

// op(M) or its transpose as a dense matrix in columns.
template <class F>
std::vector<F> dense(const void* from, int type, bool transposed, int64_t ld, int64_t rows, int64_t columns) {
  std::vector<F> result(size_t(rows * columns));
  int64_t row_stride = transposed ? ld : 1, column_stride = transposed ? 1 : ld;
  switch (type) {
    case f32: strided_copy<float>(from, rows, columns, row_stride, column_stride, result.data()); break;
    case f64: strided_copy<double>(from, rows, columns, row_stride, column_stride, result.data()); break;
    case f16: strided_copy<Half>(from, rows, columns, row_stride, column_stride, result.data()); break;
    default: strided_copy<Bfloat>(from, rows, columns, row_stride, column_stride, result.data()); break;
  }
  return result;
}

// sum (m x n) += a (m x k) b (k x n), all dense in columns: four columns at a time, in blocks that stay in cache.
#define STANDIN_MULTIPLY(F)                                                                                 \
  STANDIN_FAST void multiply(const F* a, const F* b, F* sum, int64_t m, int64_t n, int64_t k) {            \
    constexpr int64_t rows = 512, depth = 64;                                                               \
    for (int64_t p0 = 0; p0 < k; p0 += depth)                                                               \
      for (int64_t i0 = 0; i0 < m; i0 += rows)                                                              \
        for (int64_t j = 0; j < n; j += 4) {                                                                \
          int64_t p1 = std::min(p0 + depth, k), count = std::min(rows, m - i0), columns = std::min<int64_t>(4, n - j); \
          for (int64_t p = p0; p < p1; p++) {                                                               \
            const F* __restrict from = a + p * m + i0;                                                      \
            F* __restrict s0 = sum + j * m + i0;                                                            \
            F* __restrict s1 = s0 + m;                                                                      \
            F* __restrict s2 = s1 + m;                                                                      \
            F* __restrict s3 = s2 + m;                                                                      \
            const F* by = b + j * k + p;                                                                    \
            if (columns == 4) {                                                                             \
              F b0 = by[0], b1 = by[k], b2 = by[2 * k], b3 = by[3 * k];                                     \
              for (int64_t i = 0; i < count; i++) {                                                         \
                s0[i] += from[i] * b0;                                                                      \
                s1[i] += from[i] * b1;                                                                      \
                s2[i] += from[i] * b2;                                                                      \
                s3[i] += from[i] * b3;                                                                      \
              }                                                                                             \
            } else {                                                                                        \
              for (int64_t c = 0; c < columns; c++)                                                         \
                for (int64_t i = 0; i < count; i++) s0[c * m + i] += from[i] * by[c * k];                   \
            }                                                                                               \
          }                                                                                                 \
        }                                                                                                   \
  }
STANDIN_MULTIPLY(float)
STANDIN_MULTIPLY(double)

template <class T, class F>
void store(void* to, int64_t ldc, const F* sum, int64_t m, int64_t n, bool transposed, F alpha, F beta) {
  auto* target = static_cast<T*>(to);
  for (int64_t j = 0; j < n; j++)
    for (int64_t i = 0; i < m; i++) {
      F value = alpha * (transposed ? sum[i * n + j] : sum[j * m + i]);
      T* at = target + j * ldc + i;
      if (beta != 0) value += beta * F(*at);  // with beta 0 what was there is not read: it may be NaN
      *at = convert<T>(double(value));
    }
}

template <class F>
void run(const Product& p, F alpha, F beta) {
  // The inner loop goes down the columns of the left matrix; if those are short, compute the transpose.
  bool swap = p.m < 16 && p.n > p.m;
  std::vector<F> sum(size_t(p.m * p.n), F(0));
  if (alpha != 0) {
    if (swap) {
      auto left = dense<F>(p.b, p.type_b, !p.transpose_b, p.ldb, p.n, p.k);
      auto right = dense<F>(p.a, p.type_a, !p.transpose_a, p.lda, p.k, p.m);
      multiply(left.data(), right.data(), sum.data(), p.n, p.m, p.k);
    } else {
      auto left = dense<F>(p.a, p.type_a, p.transpose_a, p.lda, p.m, p.k);
      auto right = dense<F>(p.b, p.type_b, p.transpose_b, p.ldb, p.k, p.n);
      multiply(left.data(), right.data(), sum.data(), p.m, p.n, p.k);
    }
  }
  switch (p.type_c) {
    case f32: store<float>(p.c, p.ldc, sum.data(), p.m, p.n, swap, alpha, beta); break;
    case f64: store<double>(p.c, p.ldc, sum.data(), p.m, p.n, swap, alpha, beta); break;
    case f16: store<Half>(p.c, p.ldc, sum.data(), p.m, p.n, swap, alpha, beta); break;
    default: store<Bfloat>(p.c, p.ldc, sum.data(), p.m, p.n, swap, alpha, beta); break;
  }
}

double scalar(const void* at, int compute) {
  if (compute / 2 == compute_16f / 2) return float(*static_cast<const Half*>(at));
  if (compute / 2 == compute_64f / 2) return *static_cast<const double*>(at);
  return *static_cast<const float*>(at);
}

// All the forms come down to this: `product` gives the i-th.
template <class F>
int gemm(void* handle, int compute, const void* alpha, const void* beta, int count, F product) {
  auto* h = static_cast<Handle*>(handle);
  if (!h) return not_initialized;
  if (compute / 2 == compute_32i / 2) return not_supported;
  for (int i = 0; i < count && i < 1; i++) {
    Product p = product(i);
    if (p.m < 0 || p.n < 0 || p.k < 0 || p.lda < std::max<int64_t>(1, p.transpose_a ? p.k : p.m) ||
        p.ldb < std::max<int64_t>(1, p.transpose_b ? p.n : p.k) || p.ldc < std::max<int64_t>(1, p.m))
      return invalid_value;
    for (int type : {p.type_a, p.type_b, p.type_c})
      if (type != f32 && type != f64 && type != f16 && type != bf16) return not_supported;
  }
  // Scalars on the host are read now, on the device when the work runs.
  bool later = h->pointer_mode == 1;
  double alpha_now = later ? 0 : scalar(alpha, compute), beta_now = later ? 0 : scalar(beta, compute);
  int error = standin_submit(h->stream, [=] {
    double a = later ? scalar(alpha, compute) : alpha_now, b = later ? scalar(beta, compute) : beta_now;
    for (int i = 0; i < count; i++) {
      // Sums in f64, whatever they are said to be made in: the trees of a GPU are closer to that than one long sum in f32.
      run(product(i), a, b);
    }
  });
  return error ? execution_failed : success;
}

template <class T>
constexpr int type_of = sizeof(T) == 8 ? f64 : f32;
template <class T>
constexpr int compute_of = sizeof(T) == 8 ? compute_64f : compute_32f;

size_t size_of(int type) { return type == f64 ? 8 : type == f32 ? 4 : 2; }

const void* plus(const void* p, int64_t elements, int type) { return static_cast<const char*>(p) + elements * int64_t(size_of(type)); }

int strided(void* handle, int ta, int tb, int m, int n, int k, const void* alpha, const void* a, int type_a, int lda, long long stride_a,
            const void* b, int type_b, int ldb, long long stride_b, const void* beta, void* c, int type_c, int ldc, long long stride_c,
            int count, int compute) {
  return gemm(handle, compute, alpha, beta, count, [=](int i) {
    return Product{ta, tb, m, n, k, plus(a, i * stride_a, type_a), type_a, lda, plus(b, i * stride_b, type_b), type_b, ldb,
                   const_cast<void*>(plus(c, i * stride_c, type_c)), type_c, ldc};
  });
}

int batched(void* handle, int ta, int tb, int m, int n, int k, const void* alpha, const void* const* a, int type_a, int lda,
            const void* const* b, int type_b, int ldb, const void* beta, void* const* c, int type_c, int ldc, int count, int compute) {
  return gemm(handle, compute, alpha, beta, count, [=](int i) {
    return Product{ta, tb, m, n, k, a[i], type_a, lda, b[i], type_b, ldb, c[i], type_c, ldc};
  });
}

// y = alpha op(A) x + beta y: x and y as matrices of one row, so that their steps are leading dimensions.
template <class T>
int gemv(void* handle, int transpose, int m, int n, const T* alpha, const T* a, int lda, const T* x, int step_x, const T* beta, T* y, int step_y) {
  if (step_x <= 0 || step_y <= 0) return not_supported;
  int64_t rows = transpose ? n : m, inner = transpose ? m : n;
  return gemm(handle, compute_of<T>, alpha, beta, 1, [=](int) {
    // y^T (1 x rows) = x^T (1 x inner) op(A)^T (inner x rows)
    return Product{0, !transpose, 1, rows, inner, x, type_of<T>, step_x, a, type_of<T>, lda, y, type_of<T>, step_y};
  });
}

template <class T>
int asum(void* handle, int n, const T* x, int step, T* result) {
  auto* h = static_cast<Handle*>(handle);
  if (!h) return not_initialized;
  int error = standin_submit(h->stream, [=] {
    double sum = 0;
    for (int i = 0; i < n; i++) sum += std::fabs(x[int64_t(i) * step]);
    *result = T(sum);
  });
  return error ? execution_failed : success;
}

}  // namespace

LIBRARY_API cublasCreate_v2(void** handle) {
  *handle = new Handle;
  return success;
}
LIBRARY_API cublasDestroy_v2(void* handle) {
  delete static_cast<Handle*>(handle);
  return success;
}
LIBRARY_API cublasGetVersion_v2(void*, int* version) {
  *version = 130000;
  return success;
}
LIBRARY_API cublasSetStream_v2(void* handle, void* stream) {
  static_cast<Handle*>(handle)->stream = stream;
  return success;
}
LIBRARY_API cublasGetStream_v2(void* handle, void** stream) {
  *stream = static_cast<Handle*>(handle)->stream;
  return success;
}
LIBRARY_API cublasSetWorkspace_v2(void*, void*, size_t) { return success; }
LIBRARY_API cublasSetPointerMode_v2(void* handle, int mode) {
  static_cast<Handle*>(handle)->pointer_mode = mode;
  return success;
}
LIBRARY_API cublasGetPointerMode_v2(void* handle, int* mode) {
  *mode = static_cast<Handle*>(handle)->pointer_mode;
  return success;
}
LIBRARY_API cublasSetMathMode(void* handle, int mode) {
  static_cast<Handle*>(handle)->math_mode = mode;
  return success;
}
LIBRARY_API cublasGetMathMode(void* handle, int* mode) {
  *mode = static_cast<Handle*>(handle)->math_mode;
  return success;
}
LIBRARY_API cublasSetAtomicsMode(void*, int) { return success; }

#define GEMM(T, LETTER)                                                                                                              \
  LIBRARY_API cublas##LETTER##gemm_v2(void* handle, int ta, int tb, int m, int n, int k, const T* alpha, const T* a, int lda,        \
                                      const T* b, int ldb, const T* beta, T* c, int ldc) {                                           \
    return strided(handle, ta, tb, m, n, k, alpha, a, type_of<T>, lda, 0, b, type_of<T>, ldb, 0, beta, c, type_of<T>, ldc, 0, 1,     \
                   compute_of<T>);                                                                                                   \
  }                                                                                                                                  \
  LIBRARY_API cublas##LETTER##gemmStridedBatched(void* handle, int ta, int tb, int m, int n, int k, const T* alpha, const T* a,      \
                                                 int lda, long long sa, const T* b, int ldb, long long sb, const T* beta, T* c,      \
                                                 int ldc, long long sc, int count) {                                                 \
    return strided(handle, ta, tb, m, n, k, alpha, a, type_of<T>, lda, sa, b, type_of<T>, ldb, sb, beta, c, type_of<T>, ldc, sc,     \
                   count, compute_of<T>);                                                                                            \
  }                                                                                                                                  \
  LIBRARY_API cublas##LETTER##gemmBatched(void* handle, int ta, int tb, int m, int n, int k, const T* alpha, const T* const* a,      \
                                          int lda, const T* const* b, int ldb, const T* beta, T* const* c, int ldc, int count) {     \
    return batched(handle, ta, tb, m, n, k, alpha, reinterpret_cast<const void* const*>(a), type_of<T>, lda,                         \
                   reinterpret_cast<const void* const*>(b), type_of<T>, ldb, beta, reinterpret_cast<void* const*>(c), type_of<T>,    \
                   ldc, count, compute_of<T>);                                                                                       \
  }                                                                                                                                  \
  LIBRARY_API cublas##LETTER##gemv_v2(void* handle, int t, int m, int n, const T* alpha, const T* a, int lda, const T* x, int sx,    \
                                      const T* beta, T* y, int sy) {                                                                 \
    return gemv(handle, t, m, n, alpha, a, lda, x, sx, beta, y, sy);                                                                 \
  }
GEMM(float, S)
GEMM(double, D)

LIBRARY_API cublasSasum_v2(void* handle, int n, const float* x, int step, float* result) { return asum(handle, n, x, step, result); }
LIBRARY_API cublasDasum_v2(void* handle, int n, const double* x, int step, double* result) { return asum(handle, n, x, step, result); }

LIBRARY_API cublasGemmEx(void* handle, int ta, int tb, int m, int n, int k, const void* alpha, const void* a, int type_a, int lda,
                         const void* b, int type_b, int ldb, const void* beta, void* c, int type_c, int ldc, int compute, int) {
  return strided(handle, ta, tb, m, n, k, alpha, a, type_a, lda, 0, b, type_b, ldb, 0, beta, c, type_c, ldc, 0, 1, compute);
}
LIBRARY_API cublasGemmStridedBatchedEx(void* handle, int ta, int tb, int m, int n, int k, const void* alpha, const void* a, int type_a,
                                       int lda, long long sa, const void* b, int type_b, int ldb, long long sb, const void* beta, void* c,
                                       int type_c, int ldc, long long sc, int count, int compute, int) {
  return strided(handle, ta, tb, m, n, k, alpha, a, type_a, lda, sa, b, type_b, ldb, sb, beta, c, type_c, ldc, sc, count, compute);
}
LIBRARY_API cublasGemmBatchedEx(void* handle, int ta, int tb, int m, int n, int k, const void* alpha, const void* const* a, int type_a,
                                int lda, const void* const* b, int type_b, int ldb, const void* beta, void* const* c, int type_c, int ldc,
                                int count, int compute, int) {
  return batched(handle, ta, tb, m, n, k, alpha, a, type_a, lda, b, type_b, ldb, beta, c, type_c, ldc, count, compute);
}

// Groups of batches. All arrays but those of matrices are on the host.
LIBRARY_API cublasGemmGroupedBatchedEx(void* handle, const int* ta, const int* tb, const int* m, const int* n, const int* k,
                                       const void* alpha, const void* const* a, int type_a, const int* lda, const void* const* b, int type_b,
                                       const int* ldb, const void* beta, void* const* c, int type_c, const int* ldc, int groups,
                                       const int* sizes, int compute) {
  int scalar_type = compute / 2 == compute_64f / 2 ? f64 : compute / 2 == compute_16f / 2 ? f16 : f32;
  for (int g = 0, first = 0; g < groups; first += sizes[g], g++) {
    int status = batched(handle, ta[g], tb[g], m[g], n[g], k[g], plus(alpha, g, scalar_type), a + first, type_a, lda[g], b + first, type_b,
                         ldb[g], plus(beta, g, scalar_type), c + first, type_c, ldc[g], sizes[g], compute);
    if (status) return status;
  }
  return success;
}
