// Batch norm of maps with their channels last, with the residual and the function that follow it, there and back; and sums over
// the pixels of such maps. `norm.batch` is the number of pixels.
//
// A thread has V neighbouring channels: 16 bytes of them, or one where the channels are not so many in whole. Sums are made in two
// steps, so that they come out the same in every run: blocks write the sums of their parts of the pixels, and others add those up.

// A block has so many stretches of channels, and so many pixels at a time.
#define COLUMNS 8
#define LINES (THREADS / COLUMNS)

// The numbers of V channels; `otherwise` where there are none.
template <int V>
__device__ inline void load_numbers(A (&to)[V], const P *from, int channel, A otherwise) {
#pragma unroll
    for (int v = 0; v < V; v++) to[v] = from ? (A)from[channel + v] : otherwise;
}

// What V channels are normalized by.
template <int V>
struct Affine {
    A mean[V], inverse[V], weight[V], bias[V];

    __device__ Affine(
        const P *means, const P *variances, const P *weights, const P *biases, const Norm &norm, int channel) {
        load_numbers(mean, means, channel, 0);
        load_numbers(inverse, variances, channel, 1);
        load_numbers(weight, weights, channel, 1);
        load_numbers(bias, biases, channel, 0);
#pragma unroll
        for (int v = 0; v < V; v++) inverse[v] = 1 / sqrt(inverse[v] + (A)norm.eps);
    }

    __device__ A normal(int v, A x) const { return (x - mean[v]) * inverse[v]; }
};

// The gradient before the function that follows. Where a residual is in it, its output `y` tells the slope, else what it took is
// computed again.
template <int V>
__device__ inline A gated(const Affine<V> &affine, int v, A normal, bool told, A y, A g, int function, A parameter) {
    if (function == IDENTITY) return g;
    if (told) return activate_gradient(function, parameter, y, y, g);
    A x = normal * affine.weight[v] + affine.bias[v];
    bool by_output = function == SIGMOID || function == TANH;
    return activate_gradient(function, parameter, x, by_output ? activate(function, parameter, x) : x, g);
}

// Adds up the lines of a block, and writes the part's sums of each channel: `to[k][part][channel]`.
template <int V, int K>
__device__ inline void write_sums(A (&sums)[K][V], A *to, const Norm &norm) {
    __shared__ A parts[THREADS / 32][COLUMNS][K * V];
    int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
#pragma unroll
    for (int k = 0; k < K; k++)
#pragma unroll
        for (int v = 0; v < V; v++) {
            A sum = sums[k][v];
            for (int distance = COLUMNS; distance < 32; distance <<= 1) sum += __shfl_xor_sync(0xffffffffu, sum, distance);
            if (lane < COLUMNS) parts[warp][lane][k * V + v] = sum;
        }
    __syncthreads();
    for (int i = threadIdx.x; i < COLUMNS * K * V; i += THREADS) {
        int column = i / (K * V), k = i % (K * V) / V;
        int channel = (blockIdx.x * COLUMNS + column) * V + i % V;
        A sum = 0;
        for (int warp = 0; warp < THREADS / 32; warp++) sum += parts[warp][column][i % (K * V)];
        if (channel < norm.channels) to[((index)k * gridDim.y + blockIdx.y) * norm.channels + channel] = sum;
    }
}

// The pixels of a block's part that a thread has: from `first` on, every LINES-th.
struct Share {
    int channel;
    index first, end;

    __device__ Share(const Norm &norm, int values) {
        channel = (blockIdx.x * COLUMNS + threadIdx.x % COLUMNS) * values;
        index part = ((index)norm.batch + gridDim.y - 1) / gridDim.y, begin = part * blockIdx.y;
        end = begin + part < norm.batch ? begin + part : norm.batch;
        first = begin + threadIdx.x / COLUMNS;
        if (channel >= norm.channels) end = first;
    }
};

// The moments of each channel, of parts, as (count, mean, squares).
template <int V>
__device__ inline void moments(const T *x, A *to, const Norm &norm) {
    __shared__ Moments parts[THREADS / 32][COLUMNS][V];
    Share share(norm, V);
    A count = 0, mean[V] = {}, squares[V] = {};
    for (index pixel = share.first; pixel < share.end; pixel += LINES) {
        Some<V> some = load<V>(x, pixel * norm.channels + share.channel);
        count += 1;
        A inverse = 1 / count;
#pragma unroll
        for (int v = 0; v < V; v++) {
            A value = get(some.values[v]), distance = value - mean[v];
            mean[v] += distance * inverse;
            squares[v] += distance * (value - mean[v]);
        }
    }
    int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
#pragma unroll
    for (int v = 0; v < V; v++) {
        Moments all = {count, mean[v], squares[v]};
        for (int distance = COLUMNS; distance < 32; distance <<= 1) {
            Moments more;
            more.count = __shfl_xor_sync(0xffffffffu, all.count, distance);
            more.mean = __shfl_xor_sync(0xffffffffu, all.mean, distance);
            more.squares = __shfl_xor_sync(0xffffffffu, all.squares, distance);
            merge(all, more);
        }
        if (lane < COLUMNS) parts[warp][lane][v] = all;
    }
    __syncthreads();
    for (int i = threadIdx.x; i < COLUMNS * V; i += THREADS) {
        int channel = blockIdx.x * COLUMNS * V + i;
        Moments all = parts[0][i / V][i % V];
        for (int warp = 1; warp < THREADS / 32; warp++) merge(all, parts[warp][i / V][i % V]);
        if (channel >= norm.channels) continue;
        A *at = to + 3 * ((index)blockIdx.y * norm.channels + channel);
        at[0] = all.count, at[1] = all.mean, at[2] = all.squares;
    }
}

// Merges the parts: a block has COLUMNS channels, and LINES parts at a time.
extern "C" __global__ void finish_moments(const A *from, P *mean, P *variance, int parts, int channels) {
    __shared__ Moments lines[LINES][COLUMNS];
    int column = threadIdx.x % COLUMNS, line = threadIdx.x / COLUMNS, channel = blockIdx.x * COLUMNS + column;
    Moments all = {0, 0, 0};
    for (int part = line; part < parts && channel < channels; part += LINES) {
        const A *at = from + 3 * ((index)part * channels + channel);
        Moments more = {at[0], at[1], at[2]};
        merge(all, more);
    }
    lines[line][column] = all;
    __syncthreads();
    if (line != 0 || channel >= channels) return;
    for (int i = 1; i < LINES; i++) merge(all, lines[i][column]);
    mean[channel] = (P)all.mean;
    variance[channel] = (P)(all.squares / all.count);
}

// Adds the parts of sums up: the first to `first`, the second, where there is one, to `second`.
extern "C" __global__ void finish_sums(const A *from, P *first, P *second, int parts, int channels) {
    __shared__ double lines[LINES][COLUMNS];
    int column = threadIdx.x % COLUMNS, line = threadIdx.x / COLUMNS, channel = blockIdx.x * COLUMNS + column;
    from += (index)blockIdx.y * parts * channels;
    double sum = 0;
    for (int part = line; part < parts && channel < channels; part += LINES) {
        sum += from[(index)part * channels + channel];
    }
    lines[line][column] = sum;
    __syncthreads();
    if (line != 0 || channel >= channels) return;
    for (int i = 1; i < LINES; i++) sum += lines[i][column];
    (blockIdx.y == 0 ? first : second)[channel] = (P)sum;
}

// The same of images, in the maps' own type.
extern "C" __global__ void finish_images(const A *from, T *to, int parts, int channels, index count) {
    EACH(i, count) {
        index image = i / channels;
        A sum = 0;
        for (int part = 0; part < parts; part++) sum += from[(image * parts + part) * channels + i % channels];
        to[i] = put(sum);
    }
}

// Moves running statistics towards those of a batch, the variance as an unbiased one.
extern "C" __global__ void observe(
    const P *mean, const P *variance, P *running_mean, P *running_variance, int channels, double momentum,
    double unbiased) {
    EACH(i, channels) {
        running_mean[i] = (P)((A)running_mean[i] * (A)(1 - momentum) + (A)mean[i] * (A)momentum);
        A moved = (A)variance[i] * (A)unbiased * (A)momentum;
        running_variance[i] = (P)((A)running_variance[i] * (A)(1 - momentum) + moved);
    }
}

// A thread goes through all pixels, some apart, with the same channels: their numbers stay in registers.
struct Walk {
    int channel;
    index first, step, count;

    __device__ Walk(const Norm &norm, int values) {
        index stretches = norm.channels / values, threads = (index)gridDim.x * THREADS;
        step = threads / stretches * stretches;
        first = (index)blockIdx.x * THREADS + threadIdx.x;
        count = first < step ? stretches * norm.batch : 0;
        channel = first % stretches * values;
    }
};

// (x - mean) / deviation * weight + bias, plus a residual, and a function of that.
template <int V>
__device__ inline void normalize(
    const T *x, const P *mean, const P *variance, const P *weight, const P *bias, const T *residual, T *y,
    const Norm &norm, int function, A parameter) {
    Walk walk(norm, V);
    if (walk.count == 0) return;
    Affine<V> affine(mean, variance, weight, bias, norm, walk.channel);
    for (index i = walk.first; i < walk.count; i += walk.step) {
        Some<V> from = load<V>(x, i * V), added, to;
        if (residual) added = load<V>(residual, i * V);
#pragma unroll
        for (int v = 0; v < V; v++) {
            A value = affine.normal(v, get(from.values[v])) * affine.weight[v] + affine.bias[v];
            if (residual) value += get(added.values[v]);
            to.values[v] = put(activate(function, parameter, value));
        }
        *(Some<V> *)(y + i * V) = to;
    }
}

// What follows a product that something else made, in place: a term for each channel, a residual, a function.
template <int V>
__device__ inline void end(
    T *x, const P *terms, const T *residual, const Norm &norm, int function, A parameter) {
    Walk walk(norm, V);
    if (walk.count == 0) return;
    A term[V];
    load_numbers(term, terms, walk.channel, 0);
    for (index i = walk.first; i < walk.count; i += walk.step) {
        Some<V> some = load<V>(x, i * V), added;
        if (residual) added = load<V>(residual, i * V);
#pragma unroll
        for (int v = 0; v < V; v++) {
            A value = get(some.values[v]) + term[v];
            if (residual) value += get(added.values[v]);
            some.values[v] = put(activate(function, parameter, value));
        }
        *(Some<V> *)(x + i * V) = some;
    }
}

// The sums of g and g x' of each channel, g being the gradient before the function, and x' the normalized input. `y` is null, or
// tells the slope; g is written to `before` where that is not null.
template <int V>
__device__ inline void gradient_sums(
    const T *x, const T *y, const T *g, const P *mean, const P *variance, const P *weight, const P *bias, T *before,
    A *to, const Norm &norm, int function, A parameter) {
    Share share(norm, V);
    A sums[2][V] = {};
    if (share.first < share.end) {
        Affine<V> affine(mean, variance, weight, bias, norm, share.channel);
        for (index pixel = share.first; pixel < share.end; pixel += LINES) {
            index at = pixel * norm.channels + share.channel;
            Some<V> from = load<V>(x, at), behind = load<V>(g, at), told, out;
            if (y) told = load<V>(y, at);
#pragma unroll
            for (int v = 0; v < V; v++) {
                A normal = affine.normal(v, get(from.values[v]));
                A output = y ? get(told.values[v]) : A(0);
                out.values[v] =
                    put(gated(affine, v, normal, y != 0, output, get(behind.values[v]), function, parameter));
                A gradient = get(out.values[v]);
                sums[0][v] += gradient;
                sums[1][v] += gradient * normal;
            }
            if (before) *(Some<V> *)(before + at) = out;
        }
    }
    write_sums(sums, to, norm);
}

// The input's gradient: (g - mean of g - x' mean of g x') weight / deviation. The sums are null where the statistics were given.
template <int V>
__device__ inline void gradient(
    const T *x, const T *g, const P *mean, const P *variance, const P *weight, const P *bias, const P *plain,
    const P *normal, T *to, const Norm &norm, int function, A parameter) {
    Walk walk(norm, V);
    if (walk.count == 0) return;
    Affine<V> affine(mean, variance, weight, bias, norm, walk.channel);
    A means[2][V];
    load_numbers(means[0], plain, walk.channel, 0);
    load_numbers(means[1], normal, walk.channel, 0);
#pragma unroll
    for (int v = 0; v < V; v++) means[0][v] /= norm.batch, means[1][v] /= norm.batch;
    for (index i = walk.first; i < walk.count; i += walk.step) {
        Some<V> from = load<V>(x, i * V), behind = load<V>(g, i * V), out;
#pragma unroll
        for (int v = 0; v < V; v++) {
            A normal = affine.normal(v, get(from.values[v]));
            A value = gated(affine, v, normal, false, A(0), get(behind.values[v]), function, parameter);
            // As the sums have it.
            value = get(put(value)) - means[0][v] - normal * means[1][v];
            out.values[v] = put(value * affine.weight[v] * affine.inverse[v]);
        }
        *(Some<V> *)(to + i * V) = out;
    }
}

// The sums of g of each channel: of the gradient before a function, if there is one, which is written to `before`.
template <int V>
__device__ inline void sums_of_gradients(
    const T *y, const T *g, T *before, A *to, const Norm &norm, int function, A parameter) {
    Share share(norm, V);
    A sums[1][V] = {};
    for (index pixel = share.first; pixel < share.end; pixel += LINES) {
        index at = pixel * norm.channels + share.channel;
        Some<V> behind = load<V>(g, at), told, out;
        if (y) told = load<V>(y, at);
#pragma unroll
        for (int v = 0; v < V; v++) {
            A value = get(behind.values[v]), output = y ? get(told.values[v]) : A(0);
            if (y) value = activate_gradient(function, parameter, output, output, value);
            out.values[v] = put(value);
            sums[0][v] += get(out.values[v]);
        }
        if (before) *(Some<V> *)(before + at) = out;
    }
    write_sums(sums, to, norm);
}

// The sums of the products of two maps, over the pixels of each channel: of each of `gridDim.z` images.
template <int V>
__device__ inline void sums_of_products(const T *x, const T *g, A *to, const Norm &norm) {
    index image = (index)blockIdx.z * norm.batch * norm.channels;
    x += image, g += image, to += (index)blockIdx.z * gridDim.y * norm.channels;
    Share share(norm, V);
    A sums[1][V] = {};
    for (index pixel = share.first; pixel < share.end; pixel += LINES) {
        index at = pixel * norm.channels + share.channel;
        Some<V> left = load<V>(x, at), right = load<V>(g, at);
#pragma unroll
        for (int v = 0; v < V; v++) sums[0][v] += get(left.values[v]) * get(right.values[v]);
    }
    write_sums(sums, to, norm);
}

#define BOTH(NAME, PARAMETERS, CALL)                                          \
    extern "C" __global__ void NAME##_wide PARAMETERS { NAME<VALUES> CALL; } \
    extern "C" __global__ void NAME##_single PARAMETERS { NAME<1> CALL; }

BOTH(moments, (const T *x, A *to, Norm norm), (x, to, norm))
BOTH(normalize,
     (const T *x, const P *mean, const P *variance, const P *weight, const P *bias, const T *residual, T *y, Norm norm,
      int function, double parameter),
     (x, mean, variance, weight, bias, residual, y, norm, function, (A)parameter))
BOTH(end,
     (T *x, const P *terms, const T *residual, Norm norm, int function, double parameter),
     (x, terms, residual, norm, function, (A)parameter))
BOTH(gradient_sums,
     (const T *x, const T *y, const T *g, const P *mean, const P *variance, const P *weight, const P *bias, T *before,
      A *to, Norm norm, int function, double parameter),
     (x, y, g, mean, variance, weight, bias, before, to, norm, function, (A)parameter))
BOTH(gradient,
     (const T *x, const T *g, const P *mean, const P *variance, const P *weight, const P *bias, const P *plain,
      const P *normal, T *to, Norm norm, int function, double parameter),
     (x, g, mean, variance, weight, bias, plain, normal, to, norm, function, (A)parameter))
BOTH(sums_of_gradients,
     (const T *y, const T *g, T *before, A *to, Norm norm, int function, double parameter),
     (y, g, before, to, norm, function, (A)parameter))
BOTH(sums_of_products, (const T *x, const T *g, A *to, Norm norm), (x, g, to, norm))
