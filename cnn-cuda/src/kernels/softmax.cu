// Softmax over the channels, and the cross-entropy of it.

// One thread for each pixel: neighbours read neighbours.
extern "C" __global__ void softmax_pixels(const T *x, T *y, Planes planes) {
    EACH(i, (index)planes.batch * planes.plane) {
        index at = i / planes.plane * planes.channels * planes.plane + i % planes.plane;
        A top = minus_infinity(), sum = 0;
        for (int c = 0; c < planes.channels; c++) {
            A value = get(x[at + (index)c * planes.plane]);
            top = value > top ? value : top;
        }
        for (int c = 0; c < planes.channels; c++) sum += exp(get(x[at + (index)c * planes.plane]) - top);
        for (int c = 0; c < planes.channels; c++) {
            index j = at + (index)c * planes.plane;
            y[j] = put(exp(get(x[j]) - top) / sum);
        }
    }
}

extern "C" __global__ void softmax_pixels_gradient(const T *y, const T *g, T *to, Planes planes) {
    EACH(i, (index)planes.batch * planes.plane) {
        index at = i / planes.plane * planes.channels * planes.plane + i % planes.plane;
        A mean = 0;
        for (int c = 0; c < planes.channels; c++) {
            index j = at + (index)c * planes.plane;
            mean += get(y[j]) * get(g[j]);
        }
        for (int c = 0; c < planes.channels; c++) {
            index j = at + (index)c * planes.plane;
            to[j] = put(get(y[j]) * (get(g[j]) - mean));
        }
    }
}

// The largest of a block's values, for all of its threads.
__device__ inline A block_max(A value) {
    __shared__ A parts[THREADS / 32];
    for (int distance = 16; distance > 0; distance >>= 1) {
        A other = __shfl_xor_sync(0xffffffffu, value, distance);
        value = other > value ? other : value;
    }
    __syncthreads();
    if (threadIdx.x % 32 == 0) parts[threadIdx.x / 32] = value;
    __syncthreads();
    for (int part = 0; part < THREADS / 32; part++) value = parts[part] > value ? parts[part] : value;
    return value;
}

struct Row {
    A top, sum;
};

// The largest logit and the sum of the exponentials below it.
__device__ inline Row row_sums(const T *row, int classes) {
    Row found;
    found.top = minus_infinity();
    for (int c = threadIdx.x; c < classes; c += THREADS) {
        A value = get(row[c]);
        found.top = value > found.top ? value : found.top;
    }
    found.top = block_max(found.top);
    A sums[1] = {0};
    for (int c = threadIdx.x; c < classes; c += THREADS) sums[0] += exp(get(row[c]) - found.top);
    block_sums(sums);
    found.sum = sums[0];
    return found;
}

// A block for each row of classes side by side.
extern "C" __global__ void softmax_rows(const T *x, T *y, Planes planes) {
    const T *row = x + (index)blockIdx.x * planes.channels;
    Row found = row_sums(row, planes.channels);
    for (int c = threadIdx.x; c < planes.channels; c += THREADS) {
        y[(index)blockIdx.x * planes.channels + c] = put(exp(get(row[c]) - found.top) / found.sum);
    }
}

extern "C" __global__ void softmax_rows_gradient(const T *y, const T *g, T *to, Planes planes) {
    index at = (index)blockIdx.x * planes.channels;
    A mean[1] = {0};
    for (int c = threadIdx.x; c < planes.channels; c += THREADS) mean[0] += get(y[at + c]) * get(g[at + c]);
    block_sums(mean);
    for (int c = threadIdx.x; c < planes.channels; c += THREADS) {
        to[at + c] = put(get(y[at + c]) * (get(g[at + c]) - mean[0]));
    }
}

// The loss of each sample. `labels` or `targets` is null.
extern "C" __global__ void cross_entropy(
    const T *logits, const u32 *labels, const T *targets, A *losses, int classes, double smoothing) {
    index at = (index)blockIdx.x * classes;
    Row found = row_sums(logits + at, classes);
    A log_sum = log(found.sum);
    A sums[2] = {0, 0};
    for (int c = threadIdx.x; c < classes; c += THREADS) {
        A below = log_sum + (found.top - get(logits[at + c]));
        if (labels) {
            if (c == (int)labels[blockIdx.x]) sums[0] += below;
        } else {
            sums[0] += get(targets[at + c]) * below;
        }
        // Without smoothing, a logit of minus infinity may stand anywhere else.
        if (smoothing != 0) sums[1] += below;
    }
    block_sums(sums);
    if (threadIdx.x == 0) {
        losses[blockIdx.x] = (1 - (A)smoothing) * sums[0] + (A)smoothing / classes * sums[1];
    }
}

// The mean of the samples' losses, by one block.
extern "C" __global__ void mean_loss(const A *losses, T *to, int count) {
    A sums[1] = {0};
    for (int i = threadIdx.x; i < count; i += THREADS) sums[0] += losses[i];
    block_sums(sums);
    if (threadIdx.x == 0) to[0] = put(sums[0] / count);
}

// The gradient of the mean loss by the logits, times `g[0]`.
extern "C" __global__ void cross_entropy_gradient(
    const T *logits, const u32 *labels, const T *targets, const T *g, T *to, int classes, double smoothing) {
    index at = (index)blockIdx.x * classes;
    Row found = row_sums(logits + at, classes);
    // The softmax counts as often as the target adds up to: once, but for rounding, or where it is no distribution.
    A weight[1] = {0};
    if (targets) {
        for (int c = threadIdx.x; c < classes; c += THREADS) weight[0] += get(targets[at + c]);
        block_sums(weight);
    } else {
        weight[0] = 1;
    }
    A scale = get(g[0]) / (A)gridDim.x, kept = 1 - (A)smoothing;
    A factor = scale * ((A)smoothing + kept * weight[0]) / found.sum, even = scale * (A)smoothing / classes;
    for (int c = threadIdx.x; c < classes; c += THREADS) {
        A wanted = labels ? (c == (int)labels[blockIdx.x] ? A(1) : A(0)) : get(targets[at + c]);
        to[at + c] = put(factor * exp(get(logits[at + c]) - found.top) - even - scale * kept * wanted);
    }
}
