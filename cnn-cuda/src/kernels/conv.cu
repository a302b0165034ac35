// Convolutions as products, without the matrix of patches: each tile of the output gathers what it multiplies.
//
// `product` is the convolution, its gradient by the input and the transposed convolution: what differs are the strides and
// which taps are taken. `weight_gradient` sums over the pixels. Both take maps and weights in any order, by strides.

// A tile of M pixels by N channels, by 256 threads; each has M/16 x N/16 values, in fours.
#define DEPTH 8

// The values of one thread's share of a tile of the product.
template <int M, int N>
struct Tile {
    // In registers: every loop over them is unrolled.
    A values[M / 16][N / 16];

    __device__ void clear() {
#pragma unroll
        for (int i = 0; i < M / 16; i++)
#pragma unroll
            for (int j = 0; j < N / 16; j++) values[i][j] = 0;
    }

    __device__ void add(const A (&left)[DEPTH][M], const A (&right)[DEPTH][N], int row, int column) {
#pragma unroll
        for (int k = 0; k < DEPTH; k++) {
            A a[M / 16], b[N / 16];
#pragma unroll
            for (int i = 0; i < M / 16; i++) a[i] = left[k][place(i, row)];
#pragma unroll
            for (int j = 0; j < N / 16; j++) b[j] = right[k][place(j, column)];
#pragma unroll
            for (int i = 0; i < M / 16; i++)
#pragma unroll
                for (int j = 0; j < N / 16; j++) values[i][j] += a[i] * b[j];
        }
    }

    // Where the i-th of a thread's rows or columns stands: fours side by side, sixteen threads' fours after each other.
    __device__ static int place(int i, int thread) { return i / 4 * 64 + thread * 4 + i % 4; }
};

// A pixel of the output: where its window begins in the source, and where it is written.
struct Pixel {
    long long source;
    int y, x;
    bool exists;
};

__device__ inline Pixel pixel_of(const Product &p, index m) {
    Pixel pixel;
    index pixels = (index)p.out_height * p.out_width;
    pixel.exists = m < pixels * p.images;
    index image = m / pixels;
    int at = (int)(m % pixels);
    pixel.y = at / p.out_width * p.stride_y - p.lead_y;
    pixel.x = at % p.out_width * p.stride_x - p.lead_x;
    pixel.source = image * p.source_image;
    return pixel;
}

// One of the factors of a sum: a tap and an input channel.
struct Factor {
    long long source, weight;
    int y, x;
    bool exists;
};

// Where maps have their channels last, so have the factors, and weights their outputs: what is read together stands together.
template <bool LAST>
__device__ inline Factor factor_of(const Product &p, int k) {
    Factor factor;
    int taps = p.taps_y * p.taps_x;
    factor.exists = k < taps * p.inputs;
    int channel = LAST ? k % p.inputs : k / taps, tap = LAST ? k / p.inputs : k % taps;
    int a = tap / p.taps_x, b = tap % p.taps_x;
    factor.y = a * p.step_y, factor.x = b * p.step_x;
    factor.source = (long long)channel * p.source_channel;
    factor.weight = channel * p.weight_in + a * p.weight_y + b * p.weight_x;
    return factor;
}

__device__ inline A source_at(const Product &p, const T *source, const Pixel &pixel, const Factor &factor) {
    int y = pixel.y + factor.y, x = pixel.x + factor.x;
    bool inside = pixel.exists && factor.exists && y >= 0 && y < p.height && x >= 0 && x < p.width;
    return inside ? get(source[pixel.source + factor.source + y * p.source_y + x * p.source_x]) : A(0);
}

template <int M, int N, bool LAST>
__device__ inline void product(
    const Product &p, const T *source, const T *weight, const P *bias, const T *residual, T *target, int function,
    A parameter, A *sums_of_parts, int parts) {
    // A thread reads PER values of each side: of one factor and several pixels, or of one pixel and several factors.
    const int PIXELS = M / 32, OUTPUTS = N / 32;
    __shared__ A left[2][DEPTH][M], right[2][DEPTH][N];
    int thread = threadIdx.x, lane = thread % 32, warp = thread / 32;
    int group = blockIdx.z % p.groups, part = blockIdx.z / p.groups;
    index first = (index)blockIdx.x * M;
    int first_output = blockIdx.y * N, depth = p.taps_y * p.taps_x * p.inputs;
    // Of the factors this block has a part, in whole steps.
    int share = ((depth + parts - 1) / parts + DEPTH - 1) / DEPTH * DEPTH, begin = share * part;
    int end = begin + share < depth ? begin + share : depth;
    source += group * p.inputs * p.source_channel;
    weight += group * p.weight_group + p.weight_offset;

    Pixel pixels[LAST ? 1 : PIXELS];
    if (LAST) {
        pixels[0] = pixel_of(p, first + thread / (256 / M));
    } else {
        for (int i = 0; i < PIXELS; i++) pixels[i] = pixel_of(p, first + lane + 32 * i);
    }

    A from_source[PIXELS], from_weight[OUTPUTS];
    Tile<M, N> tile;
    tile.clear();
    int row = LAST ? thread / 16 : thread % 16, column = LAST ? thread % 16 : thread / 16;
    for (int k = begin, buffer = 0; k < end + DEPTH; k += DEPTH, buffer ^= 1) {
        if (k < end) {
            if (LAST) {
                int from = k + thread % (256 / M) * PIXELS;
                for (int i = 0; i < PIXELS; i++) {
                    from_source[i] = source_at(p, source, pixels[0], factor_of<LAST>(p, from + i));
                }
                Factor factor = factor_of<LAST>(p, k + warp);
                for (int i = 0; i < OUTPUTS; i++) {
                    int output = first_output + lane + 32 * i;
                    bool exists = factor.exists && output < p.outputs;
                    from_weight[i] = exists ? get(weight[factor.weight + output * p.weight_out]) : A(0);
                }
            } else {
                Factor factor = factor_of<LAST>(p, k + warp);
                for (int i = 0; i < PIXELS; i++) from_source[i] = source_at(p, source, pixels[i], factor);
                int output = first_output + thread / (256 / N), from = k + thread % (256 / N) * OUTPUTS;
                for (int i = 0; i < OUTPUTS; i++) {
                    Factor factor = factor_of<LAST>(p, from + i);
                    bool exists = factor.exists && output < p.outputs;
                    from_weight[i] = exists ? get(weight[factor.weight + output * p.weight_out]) : A(0);
                }
            }
        }
        // What was read for this step is multiplied in the next, while that reads.
        if (k > begin) tile.add(left[buffer ^ 1], right[buffer ^ 1], row, column);
        if (k < end) {
            for (int i = 0; i < PIXELS; i++) {
                if (LAST) {
                    left[buffer][thread % (256 / M) * PIXELS + i][thread / (256 / M)] = from_source[i];
                } else {
                    left[buffer][warp][lane + 32 * i] = from_source[i];
                }
            }
            for (int i = 0; i < OUTPUTS; i++) {
                if (LAST) {
                    right[buffer][warp][lane + 32 * i] = from_weight[i];
                } else {
                    right[buffer][thread % (256 / N) * OUTPUTS + i][thread / (256 / N)] = from_weight[i];
                }
            }
        }
        __syncthreads();
    }

#pragma unroll
    for (int i = 0; i < M / 16; i++) {
        index m = first + tile.place(i, row);
        index plane = (index)p.out_height * p.out_width;
        if (m >= plane * p.images) continue;
        A *raw = sums_of_parts ? sums_of_parts + ((index)part * plane * p.images + m) * (p.groups * p.outputs) : 0;
        int at = (int)(m % plane);
        long long base = m / plane * p.target_image + at / p.out_width * p.target_y + at % p.out_width * p.target_x;
#pragma unroll
        for (int j = 0; j < N / 16; j++) {
            int output = first_output + tile.place(j, column);
            if (output >= p.outputs) continue;
            output += group * p.outputs;
            if (raw) {
                raw[output] = tile.values[i][j];
                continue;
            }
            long long to = base + output * p.target_channel + p.target_offset;
            A value = tile.values[i][j];
            if (bias) value += (A)bias[output];
            if (residual) value += get(residual[to]);
            target[to] = put(activate(function, parameter, value));
        }
    }
}

#define PRODUCT(NAME, M, N, LAST)                                                                                  \
    extern "C" __global__ void __launch_bounds__(256, 2) NAME(                                                       \
        const T *source, const T *weight, const P *bias, const T *residual, T *target, Product p, int function,     \
        double parameter, A *sums_of_parts, int parts) {                                                            \
        product<M, N, LAST>(                                                                                        \
            p, source, weight, bias, residual, target, function, (A)parameter, sums_of_parts, parts);               \
    }
PRODUCT(product_first_64, 64, 64, false)
PRODUCT(product_last_64, 64, 64, true)
#if !defined(SCALAR_F64)
// Sums of f64 would not be in registers.
PRODUCT(product_first_128, 128, 128, false)
PRODUCT(product_last_128, 128, 128, true)
#endif

// Adds the parts of a product's sums up, each (pixels, channels), and does what follows.
extern "C" __global__ void finish_product(
    const A *from, const P *bias, const T *residual, T *target, Product p, int function, double parameter, int parts) {
    int channels = p.groups * p.outputs;
    index plane = (index)p.out_height * p.out_width, count = plane * p.images * channels;
    EACH(i, count) {
        int output = i % channels;
        index m = i / channels;
        int at = (int)(m % plane);
        long long to = m / plane * p.target_image + at / p.out_width * p.target_y + at % p.out_width * p.target_x +
                       output * p.target_channel + p.target_offset;
        A value = 0;
        for (int part = 0; part < parts; part++) value += from[part * count + i];
        if (bias) value += (A)bias[output];
        if (residual) value += get(residual[to]);
        target[to] = put(activate(function, (A)parameter, value));
    }
}

// The gradient of the weight: of each output channel and factor the sum over all pixels of what the channel's gradient is
// and what the factor saw. `gridDim.z` is groups times parts; `to` is [part][group][output][factor], in A.
template <bool LAST>
__device__ inline void weight_gradient(const Product &p, const T *source, const T *g, A *to, int parts) {
    const int SIZE = 64, PER = SIZE / 32;
    __shared__ A left[2][DEPTH][SIZE], right[2][DEPTH][SIZE];
    int thread = threadIdx.x, group = blockIdx.z % p.groups, part = blockIdx.z / p.groups;
    int first_output = blockIdx.x * SIZE, first_factor = blockIdx.y * SIZE;
    int factors = p.taps_y * p.taps_x * p.inputs;
    index plane = (index)p.out_height * p.out_width, count = plane * p.images;
    index share = ((count + parts - 1) / parts + DEPTH - 1) / DEPTH * DEPTH;
    index begin = share * part, end = begin + share < count ? begin + share : count;
    source += group * p.inputs * p.source_channel;

    // Channels last: a warp has a pixel, its lanes neighbouring channels. First: eight lanes have neighbouring pixels.
    int deep = LAST ? thread / 32 : thread % DEPTH, wide = LAST ? thread % 32 : thread / DEPTH;
    Factor mine[PER];
    for (int i = 0; i < PER; i++) mine[i] = factor_of<LAST>(p, first_factor + wide + 32 * i);

    A from_gradient[PER], from_source[PER];
    Tile<SIZE, SIZE> tile;
    tile.clear();
    int row = thread / 16, column = thread % 16;
    for (index m = begin, buffer = 0; m < end + DEPTH; m += DEPTH, buffer ^= 1) {
        if (m < end) {
            index at = m + deep;
            Pixel pixel = pixel_of(p, at);
            pixel.exists = pixel.exists && at < end;
            int in_plane = (int)(at % plane);
            long long base =
                at / plane * p.target_image + in_plane / p.out_width * p.target_y + in_plane % p.out_width * p.target_x;
            for (int i = 0; i < PER; i++) {
                int output = first_output + wide + 32 * i;
                bool exists = pixel.exists && output < p.outputs;
                from_gradient[i] = exists ? get(g[base + (group * p.outputs + output) * p.target_channel]) : A(0);
                from_source[i] = source_at(p, source, pixel, mine[i]);
            }
        }
        if (m > begin) tile.add(left[buffer ^ 1], right[buffer ^ 1], row, column);
        if (m < end) {
            for (int i = 0; i < PER; i++) {
                left[buffer][deep][wide + 32 * i] = from_gradient[i];
                right[buffer][deep][wide + 32 * i] = from_source[i];
            }
        }
        __syncthreads();
    }

    to += (long long)(part * p.groups + group) * p.outputs * factors;
#pragma unroll
    for (int i = 0; i < SIZE / 16; i++) {
        int output = first_output + tile.place(i, row);
#pragma unroll
        for (int j = 0; j < SIZE / 16; j++) {
            int factor = first_factor + tile.place(j, column);
            if (output < p.outputs && factor < factors) {
                to[(long long)output * factors + factor] = tile.values[i][j];
            }
        }
    }
}

extern "C" __global__ void __launch_bounds__(256)
    weight_gradient_first(const T *source, const T *g, A *to, Product p, int parts) {
    weight_gradient<false>(p, source, g, to, parts);
}

extern "C" __global__ void __launch_bounds__(256)
    weight_gradient_last(const T *source, const T *g, A *to, Product p, int parts) {
    weight_gradient<true>(p, source, g, to, parts);
}

// Adds the parts of a weight's gradient up, in order. `to` is [group][output][factor] as the parts are.
extern "C" __global__ void add_parts(const A *from, T *to, int parts, index count) {
    EACH(i, count) {
        A sum = 0;
        for (int part = 0; part < parts; part++) sum += from[part * count + i];
        to[i] = put(sum);
    }
}

// Depthwise: an input channel for `outputs` output channels each. Weights are by strides, as above.
extern "C" __global__ void depthwise(
    const T *source, const T *weight, const P *bias, const T *residual, T *target, Product p, int function,
    double parameter) {
    // Threads that follow each other have pixels, or channels where those stand last, that follow each other.
    bool last = p.source_channel == 1;
    int channels = p.groups * p.outputs;
    index plane = (index)p.out_height * p.out_width;
    EACH(i, plane * p.images * channels) {
        int channel = last ? i % channels : i / plane % channels;
        index at = last ? i / channels % plane : i % plane, image = i / channels / plane;
        int y = (int)(at / p.out_width) * p.stride_y - p.lead_y, x = (int)(at % p.out_width) * p.stride_x - p.lead_x;
        int group = channel / p.outputs;
        const T *from = source + image * p.source_image + group * p.source_channel;
        const T *factors = weight + group * p.weight_group + channel % p.outputs * p.weight_out + p.weight_offset;
        A sum = bias ? (A)bias[channel] : A(0);
        for (int a = 0; a < p.taps_y; a++) {
            int row = y + a * p.step_y;
            if (row < 0 || row >= p.height) continue;
            for (int b = 0; b < p.taps_x; b++) {
                int column = x + b * p.step_x;
                if (column < 0 || column >= p.width) continue;
                sum += get(from[row * p.source_y + column * p.source_x]) *
                       get(factors[a * p.weight_y + b * p.weight_x]);
            }
        }
        long long to = image * p.target_image + channel * p.target_channel +
                       (at / p.out_width) * p.target_y + (at % p.out_width) * p.target_x + p.target_offset;
        if (residual) sum += get(residual[to]);
        target[to] = put(activate(function, (A)parameter, sum));
    }
}

// The input's gradient of a depthwise convolution: each value gathers from the windows that saw it. `source` is the input
// and `target` the output of the convolution, whose gradient is `g`.
extern "C" __global__ void depthwise_input_gradient(const T *weight, const T *g, T *to, Product p) {
    bool last = p.source_channel == 1;
    index plane = (index)p.height * p.width;
    EACH(i, plane * p.images * p.groups) {
        int channel = last ? i % p.groups : i / plane % p.groups;
        index at = last ? i / p.groups % plane : i % plane, image = i / p.groups / plane;
        int y = (int)(at / p.width), x = (int)(at % p.width);
        A sum = 0;
        for (int a = 0; a < p.taps_y; a++) {
            int row = y + p.lead_y - a * p.step_y;
            if (row < 0 || row % p.stride_y != 0 || row / p.stride_y >= p.out_height) continue;
            for (int b = 0; b < p.taps_x; b++) {
                int column = x + p.lead_x - b * p.step_x;
                if (column < 0 || column % p.stride_x != 0 || column / p.stride_x >= p.out_width) continue;
                for (int output = 0; output < p.outputs; output++) {
                    sum += get(g[image * p.target_image + (channel * p.outputs + output) * p.target_channel +
                                 row / p.stride_y * p.target_y + column / p.stride_x * p.target_x]) *
                           get(weight[channel * p.weight_group + output * p.weight_out + a * p.weight_y + b * p.weight_x]);
                }
            }
        }
        to[image * p.source_image + channel * p.source_channel + y * p.source_y + x * p.source_x] = put(sum);
    }
}

// The weight's gradient of a depthwise convolution: a block for each channel, tap and part. `to` is [part][channel][tap].
extern "C" __global__ void depthwise_weight_gradient(const T *source, const T *g, A *to, Product p) {
    int taps = p.taps_y * p.taps_x, channel = blockIdx.x / taps, tap = blockIdx.x % taps;
    int step_y = tap / p.taps_x * p.step_y, step_x = tap % p.taps_x * p.step_x;
    index plane = (index)p.out_height * p.out_width, count = plane * p.images;
    index part = (count + gridDim.y - 1) / gridDim.y;
    index first = part * blockIdx.y, end = first + part < count ? first + part : count;
    const T *from = source + channel / p.outputs * p.source_channel;
    const T *gradients = g + channel * p.target_channel;
    A sum[1] = {0};
    for (index m = first + threadIdx.x; m < end; m += THREADS) {
        index image = m / plane;
        int at = (int)(m % plane), y = at / p.out_width, x = at % p.out_width;
        int row = y * p.stride_y - p.lead_y + step_y, column = x * p.stride_x - p.lead_x + step_x;
        if (row < 0 || row >= p.height || column < 0 || column >= p.width) continue;
        sum[0] += get(from[image * p.source_image + row * p.source_y + column * p.source_x]) *
                  get(gradients[image * p.target_image + y * p.target_y + x * p.target_x]);
    }
    block_sums(sum);
    if (threadIdx.x == 0) to[(index)blockIdx.y * gridDim.x + blockIdx.x] = sum[0];
}
