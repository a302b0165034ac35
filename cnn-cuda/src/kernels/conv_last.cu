// What convolutions of maps with their channels last need beside the products: weights in the order that a kernel wants, their
// gradients in the order of the variable, and the weight's gradient of a depthwise convolution.

// One weight: its place in the order [group][output][tap][input] that is gone through here.
struct Weight {
    int group, output, y, x, input;

    __device__ Weight(const Pack &pack, index i, int inputs) {
        input = i % inputs;
        i /= inputs;
        x = i % pack.taps_x;
        i /= pack.taps_x;
        y = i % pack.taps_y;
        i /= pack.taps_y;
        output = i % pack.outputs;
        group = i / pack.outputs;
    }
};

// A variable's weight, of f32, rounded and in another order, with zeros for inputs that are no channels.
extern "C" __global__ void pack_weight(const float *from, T *to, Pack pack, index count) {
    EACH(i, count) {
        Weight at(pack, i, pack.inputs);
        wide source = pack.from_offset + at.group * pack.from_group + at.output * pack.from_out +
                      at.input * pack.from_in + at.y * pack.from_y + at.x * pack.from_x;
        wide target = at.group * pack.to_group + at.output * pack.to_out + at.input * pack.to_in + at.y * pack.to_y +
                      at.x * pack.to_x;
        to[target] = put(at.input < pack.channels ? (A)from[source] : A(0));
    }
}

// Adds the parts of a weight's gradient up, each [group][output][tap][input], in the order of the variable. A block has 32
// values, and eight parts at a time.
extern "C" __global__ void unpack_gradient(const A *from, P *to, Pack pack, int parts, index count) {
    __shared__ A lines[THREADS / 32][32];
    int lane = threadIdx.x % 32, line = threadIdx.x / 32;
    index i = (index)blockIdx.x * 32 + lane, all = count / pack.channels * pack.inputs, place = 0;
    A sum = 0;
    if (i < count) {
        Weight at(pack, i, pack.channels);
        place = at.group * pack.from_group + at.output * pack.from_out + at.input * pack.from_in + at.y * pack.from_y +
                at.x * pack.from_x;
        from += i / pack.channels * pack.inputs + at.input;
        for (int part = line; part < parts; part += THREADS / 32) sum += from[part * all];
    }
    lines[line][lane] = sum;
    __syncthreads();
    if (line != 0 || i >= count) return;
    for (int other = 1; other < THREADS / 32; other++) sum += lines[other][lane];
    to[place] = (P)sum;
}

// Depthwise convolutions with an output channel for each input channel, of which there are whole stretches: a thread has VALUES
// channels of a pixel. Weights are [tap][channel].
extern "C" __global__ void depthwise_wide(
    const T *source, const T *weight, const P *bias, const T *residual, T *target, Product p, int function,
    double parameter) {
    int stretches = p.groups / VALUES;
    index plane = (index)p.out_height * p.out_width;
    EACH(i, plane * p.images * stretches) {
        int channel = i % stretches * VALUES;
        index m = i / stretches, image = m / plane;
        int at = (int)(m % plane);
        int y = at / p.out_width * p.stride_y - p.lead_y, x = at % p.out_width * p.stride_x - p.lead_x;
        const T *from = source + image * p.source_image + channel;
        A sums[VALUES];
#pragma unroll
        for (int v = 0; v < VALUES; v++) sums[v] = bias ? (A)bias[channel + v] : A(0);
        for (int a = 0; a < p.taps_y; a++) {
            int row = y + a * p.step_y;
            if (row < 0 || row >= p.height) continue;
            for (int b = 0; b < p.taps_x; b++) {
                int column = x + b * p.step_x;
                if (column < 0 || column >= p.width) continue;
                Some<VALUES> values = load<VALUES>(from, row * p.source_y + column * p.source_x);
                Some<VALUES> factors = load<VALUES>(weight, channel + a * p.weight_y + b * p.weight_x);
#pragma unroll
                for (int v = 0; v < VALUES; v++) sums[v] += get(values.values[v]) * get(factors.values[v]);
            }
        }
        index to = m * p.groups + channel;
        Some<VALUES> added, out;
        if (residual) added = load<VALUES>(residual, to);
#pragma unroll
        for (int v = 0; v < VALUES; v++) {
            if (residual) sums[v] += get(added.values[v]);
            out.values[v] = put(activate(function, (A)parameter, sums[v]));
        }
        *(Some<VALUES> *)(target + to) = out;
    }
}

// Its gradient by the input: each pixel gathers from the windows that saw it.
extern "C" __global__ void depthwise_input_gradient_wide(const T *weight, const T *g, T *to, Product p) {
    int stretches = p.groups / VALUES;
    index plane = (index)p.height * p.width;
    EACH(i, plane * p.images * stretches) {
        int channel = i % stretches * VALUES;
        index m = i / stretches, image = m / plane;
        int at = (int)(m % plane), y = at / p.width + p.lead_y, x = at % p.width + p.lead_x;
        const T *from = g + image * p.target_image + channel;
        A sums[VALUES] = {};
        for (int a = 0; a < p.taps_y; a++) {
            int row = y - a * p.step_y;
            if (row < 0 || row % p.stride_y != 0 || row / p.stride_y >= p.out_height) continue;
            for (int b = 0; b < p.taps_x; b++) {
                int column = x - b * p.step_x;
                if (column < 0 || column % p.stride_x != 0 || column / p.stride_x >= p.out_width) continue;
                Some<VALUES> values =
                    load<VALUES>(from, row / p.stride_y * p.target_y + column / p.stride_x * p.target_x);
                Some<VALUES> factors = load<VALUES>(weight, channel + a * p.weight_y + b * p.weight_x);
#pragma unroll
                for (int v = 0; v < VALUES; v++) sums[v] += get(values.values[v]) * get(factors.values[v]);
            }
        }
        Some<VALUES> out;
#pragma unroll
        for (int v = 0; v < VALUES; v++) out.values[v] = put(sums[v]);
        *(Some<VALUES> *)(to + m * p.groups + channel) = out;
    }
}

// The weight's gradient of a depthwise convolution: a block has 32 output channels, eight pixels at a time and so many taps of
// the kernel; `gridDim.y` parts share the pixels. `to` is [part][channel][tap].
#define TAPS 9

extern "C" __global__ void depthwise_weight_gradient(const T *source, const T *g, A *to, Product p) {
    __shared__ A lines[THREADS / 32][32][TAPS];
    int lane = threadIdx.x % 32, line = threadIdx.x / 32, channel = blockIdx.x * 32 + lane;
    int taps = p.taps_y * p.taps_x, first_tap = blockIdx.z * TAPS, channels = p.groups * p.outputs;
    index plane = (index)p.out_height * p.out_width, count = plane * p.images;
    index share = (count + gridDim.y - 1) / gridDim.y, begin = share * blockIdx.y;
    index end = begin + share < count ? begin + share : count;
    A sums[TAPS] = {};
    if (channel < channels) {
        source += channel / p.outputs;
        g += channel;
        for (index m = begin + line; m < end; m += THREADS / 32) {
            index image = m / plane;
            int at = (int)(m % plane), y = at / p.out_width, x = at % p.out_width;
            A gradient = get(g[image * p.target_image + y * p.target_y + x * p.target_x]);
            const T *from = source + image * p.source_image;
            int top = y * p.stride_y - p.lead_y, left = x * p.stride_x - p.lead_x;
            int down = first_tap / p.taps_x, right = first_tap % p.taps_x;
#pragma unroll
            for (int tap = 0; tap < TAPS; tap++) {
                int row = top + down * p.step_y, column = left + right * p.step_x;
                bool inside = down < p.taps_y && row >= 0 && row < p.height && column >= 0 && column < p.width;
                if (inside) sums[tap] += get(from[row * p.source_y + column * p.source_x]) * gradient;
                if (++right == p.taps_x) right = 0, down++;
            }
        }
    }
#pragma unroll
    for (int tap = 0; tap < TAPS; tap++) lines[line][lane][tap] = sums[tap];
    __syncthreads();
    for (int i = threadIdx.x; i < 32 * TAPS; i += THREADS) {
        int tap = i % TAPS, other = i / TAPS;
        if (first_tap + tap >= taps || blockIdx.x * 32 + other >= channels) continue;
        A sum = 0;
        for (int k = 0; k < THREADS / 32; k++) sum += lines[k][other][tap];
        to[((index)blockIdx.y * channels + blockIdx.x * 32 + other) * taps + first_tap + tap] = sum;
    }
}
