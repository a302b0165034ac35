// What every kernel starts from. The host defines before it: SCALAR_F32, SCALAR_F64 or SCALAR_BF16, what maps hold; and
// INDEX, `int` or `long long`, in which values are counted.

typedef unsigned int u32;
typedef unsigned long long u64;
typedef INDEX index;

// T: what maps hold. A: what sums are made in. P: what biases, factors and statistics hold.
#if defined(SCALAR_F64)
typedef double T;
typedef double A;
typedef double P;
__device__ inline A get(T value) { return value; }
__device__ inline T put(A value) { return value; }
#elif defined(SCALAR_BF16)
struct alignas(2) T {
    unsigned short bits;
};
typedef float A;
typedef float P;
__device__ inline A get(T value) { return __uint_as_float((u32)value.bits << 16); }
// Rounds to the nearest, halves to even; NaN stays NaN.
__device__ inline T put(A value) {
    u32 bits = __float_as_uint(value);
    T to;
    to.bits = value != value ? 0x7fff : (unsigned short)((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
    return to;
}
#else
typedef float T;
typedef float A;
typedef float P;
__device__ inline A get(T value) { return value; }
__device__ inline T put(A value) { return value; }
#endif

// The threads of a block, where a kernel does not say otherwise.
#define THREADS 256

// Values i that this thread has, of `count`, in a grid of any size.
#define EACH(i, count)                                                                     \
    for (index i = (index)blockIdx.x * blockDim.x + threadIdx.x; i < (index)(count); \
         i += (index)gridDim.x * blockDim.x)

__device__ inline A minus_infinity() {
#if defined(SCALAR_F64)
    return __longlong_as_double(0xfff0000000000000LL);
#else
    return __uint_as_float(0xff800000u);
#endif
}

__device__ inline A warp_sum(A value) {
    for (int distance = 16; distance > 0; distance >>= 1) value += __shfl_xor_sync(0xffffffffu, value, distance);
    return value;
}

// The sums of a block of THREADS threads, for all of its threads. May be called again and again.
template <int K>
__device__ inline void block_sums(A (&values)[K]) {
    __shared__ A parts[THREADS / 32][K];
    int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    __syncthreads();
    for (int k = 0; k < K; k++) {
        A sum = warp_sum(values[k]);
        if (lane == 0) parts[warp][k] = sum;
    }
    __syncthreads();
    for (int k = 0; k < K; k++) {
        values[k] = 0;
        for (int part = 0; part < THREADS / 32; part++) values[k] += parts[part][k];
    }
}

// The mean of some values, and the sum of their squared distances from it (Welford 1962; Chan, Golub & LeVeque 1983).
struct Moments {
    A count, mean, squares;
};

__device__ inline void add(Moments &all, A value) {
    all.count += 1;
    A distance = value - all.mean;
    all.mean += distance / all.count;
    all.squares += distance * (value - all.mean);
}

__device__ inline void merge(Moments &all, Moments more) {
    if (more.count == 0) return;
    A count = all.count + more.count, distance = more.mean - all.mean, share = more.count / count;
    all.mean += distance * share;
    all.squares += more.squares + distance * distance * all.count * share;
    all.count = count;
}

// The moments of all that a warp has, for its first lane.
__device__ inline void warp_moments(Moments &moments) {
    for (int distance = 16; distance > 0; distance >>= 1) {
        Moments more;
        more.count = __shfl_xor_sync(0xffffffffu, moments.count, distance);
        more.mean = __shfl_xor_sync(0xffffffffu, moments.mean, distance);
        more.squares = __shfl_xor_sync(0xffffffffu, moments.squares, distance);
        merge(moments, more);
    }
}

__device__ inline void block_moments(Moments &moments) {
    __shared__ Moments parts[THREADS / 32];
    warp_moments(moments);
    __syncthreads();
    if (threadIdx.x % 32 == 0) parts[threadIdx.x / 32] = moments;
    __syncthreads();
    moments = parts[0];
    for (int part = 1; part < THREADS / 32; part++) merge(moments, parts[part]);
}

__device__ inline A inverse_deviation(P variance, double eps) { return 1 / sqrt((A)variance + (A)eps); }

// What follows a layer: a function of each value, and its parameter.
enum { IDENTITY, RELU, RELU6, LEAKY_RELU, ELU, GELU, SILU, HARD_SWISH, HARD_SIGMOID, SIGMOID, TANH };

__device__ inline A clamped(A x, A low, A high) { return x < low ? low : x > high ? high : x; }

__device__ inline A logistic(A x) { return 1 / (1 + exp(-x)); }

__device__ inline A normal_distribution(A x) { return A(0.5) * (1 + erf(x * A(0.70710678118654752440))); }

// Written so that NaN is passed on.
__device__ inline A activate(int function, A parameter, A x) {
    switch (function) {
    case RELU: return x <= 0 ? A(0) : x;
    case RELU6: return clamped(x, 0, 6);
    case LEAKY_RELU: return x > 0 ? x : parameter * x;
    case ELU: return x <= 0 ? parameter * expm1(x) : x;
    case GELU: return x * normal_distribution(x);
    case SILU: return x / (1 + exp(-x));
    case HARD_SWISH: return x * clamped(x + 3, 0, 6) / 6;
    case HARD_SIGMOID: return clamped(x + 3, 0, 6) / 6;
    case SIGMOID: return logistic(x);
    case TANH: return tanh(x);
    default: return x;
    }
}

// The gradient of what went in, given `x`, which did, `y`, which came out, and the gradient of `y`.
__device__ inline A activate_gradient(int function, A parameter, A x, A y, A g) {
    switch (function) {
    case RELU: return x <= 0 ? A(0) : g;
    case RELU6: return x <= 0 || x >= 6 ? A(0) : g;
    case LEAKY_RELU: return x > 0 ? g : parameter * g;
    case ELU: return x <= 0 ? g * parameter * exp(x) : g;
    case GELU: return g * (normal_distribution(x) + x * A(0.39894228040143267794) * exp(A(-0.5) * x * x));
    case SILU: {
        A s = logistic(x);
        return g * s * (1 + x * (1 - s));
    }
    case HARD_SWISH: return x <= -3 ? A(0) : x >= 3 ? g : g * (x / 3 + A(0.5));
    case HARD_SIGMOID: return x > -3 && x < 3 ? g / 6 : A(0);
    case SIGMOID: return g * y * (1 - y);
    case TANH: return g * (1 - y * y);
    default: return g;
    }
}
