// Norms and the sums over channels that they and biases need.
//
// Maps are (batch, channels, plane). Sums are made in two steps, so that they come out the same in every run: blocks write
// the sums of their parts, and `finish` adds those up in order. Maps whose plane is one value (rows of channels) have
// kernels of their own, in which neighbouring threads have neighbouring channels.

// Which values share statistics.
enum { PER_CHANNEL, PER_GROUP, PER_PIXEL };

__device__ inline index statistic_of(const Norm &norm, index image, int channel, index pixel) {
    switch (norm.kind) {
    case PER_GROUP: return image * (norm.channels / norm.width) + channel / norm.width;
    case PER_PIXEL: return image * norm.plane + pixel;
    default: return channel;
    }
}

// What is summed over a channel. Each has up to two sums.
struct Plain {
    static const int K = 1;
    const T *x;
    __device__ void add(A (&sums)[K], index i, const Norm &, index, int, index) const { sums[0] += get(x[i]); }
};

struct Products {
    static const int K = 1;
    const T *x, *g;
    __device__ void add(A (&sums)[K], index i, const Norm &, index, int, index) const {
        sums[0] += get(x[i]) * get(g[i]);
    }
};

struct Slopes {
    static const int K = 1;
    const T *x, *g;
    __device__ void add(A (&sums)[K], index i, const Norm &, index, int, index) const {
        A value = get(x[i]);
        if (!(value > 0)) sums[0] += value * get(g[i]);
    }
};

// The sums of g and of g x', x' being the normalized input.
struct Normal {
    static const int K = 2;
    const T *x, *g;
    const P *mean, *variance;
    __device__ void add(A (&sums)[K], index i, const Norm &norm, index image, int channel, index pixel) const {
        index s = statistic_of(norm, image, channel, pixel);
        A gradient = get(g[i]);
        sums[0] += gradient;
        sums[1] += gradient * ((get(x[i]) - (A)mean[s]) * inverse_deviation(variance[s], norm.eps));
    }
};

// A block for each channel and each of `gridDim.y` parts of its values. Sums go to `to[k][part][channel]`.
template <class Term>
__device__ inline void sum_planes(const Term &term, A *to, const Norm &norm) {
    int channel = blockIdx.x;
    index count = (index)norm.batch * norm.plane, part = (count + gridDim.y - 1) / gridDim.y;
    index first = part * blockIdx.y, end = first + part < count ? first + part : count;
    A sums[Term::K] = {};
    for (index e = first + threadIdx.x; e < end; e += THREADS) {
        index image = e / norm.plane, pixel = e % norm.plane;
        term.add(sums, (image * norm.channels + channel) * norm.plane + pixel, norm, image, channel, pixel);
    }
    block_sums(sums);
    if (threadIdx.x == 0) {
        for (int k = 0; k < Term::K; k++) {
            to[((index)k * gridDim.y + blockIdx.y) * norm.channels + channel] = sums[k];
        }
    }
}

// Rows of channels: a block has 32 channels and eight rows at a time.
template <class Term>
__device__ inline void sum_rows(const Term &term, A *to, const Norm &norm) {
    __shared__ A parts[Term::K][THREADS / 32][32];
    int lane = threadIdx.x % 32, line = threadIdx.x / 32, channel = blockIdx.x * 32 + lane;
    index part = ((index)norm.batch + gridDim.y - 1) / gridDim.y;
    index first = part * blockIdx.y, end = first + part < norm.batch ? first + part : norm.batch;
    A sums[Term::K] = {};
    if (channel < norm.channels) {
        for (index row = first + line; row < end; row += THREADS / 32) {
            term.add(sums, row * norm.channels + channel, norm, row, channel, 0);
        }
    }
    for (int k = 0; k < Term::K; k++) parts[k][line][lane] = sums[k];
    __syncthreads();
    if (line != 0 || channel >= norm.channels) return;
    for (int k = 0; k < Term::K; k++) {
        A sum = 0;
        for (int i = 0; i < THREADS / 32; i++) sum += parts[k][i][lane];
        to[((index)k * gridDim.y + blockIdx.y) * norm.channels + channel] = sum;
    }
}

extern "C" __global__ void plain_planes(const T *x, A *to, Norm norm) { sum_planes(Plain{x}, to, norm); }
extern "C" __global__ void plain_rows(const T *x, A *to, Norm norm) { sum_rows(Plain{x}, to, norm); }
extern "C" __global__ void products_planes(const T *x, const T *g, A *to, Norm norm) {
    sum_planes(Products{x, g}, to, norm);
}
extern "C" __global__ void products_rows(const T *x, const T *g, A *to, Norm norm) {
    sum_rows(Products{x, g}, to, norm);
}
extern "C" __global__ void slopes_planes(const T *x, const T *g, A *to, Norm norm) {
    sum_planes(Slopes{x, g}, to, norm);
}
extern "C" __global__ void slopes_rows(const T *x, const T *g, A *to, Norm norm) {
    sum_rows(Slopes{x, g}, to, norm);
}
extern "C" __global__ void normal_planes(
    const T *x, const T *g, const P *mean, const P *variance, A *to, Norm norm) {
    sum_planes(Normal{x, g, mean, variance}, to, norm);
}
extern "C" __global__ void normal_rows(const T *x, const T *g, const P *mean, const P *variance, A *to, Norm norm) {
    sum_rows(Normal{x, g, mean, variance}, to, norm);
}

// Adds up `parts` rows of `count` sums, in order, and groups of `width` sums of a row: `to` has `count / width` values.
__device__ inline double finished(const A *sums, int parts, index count, index width, index i) {
    double sum = 0;
    for (int part = 0; part < parts; part++) {
        for (index j = 0; j < width; j++) sum += sums[part * count + i * width + j];
    }
    return sum;
}

extern "C" __global__ void finish(const A *sums, P *to, int parts, index count, index width) {
    EACH(i, count / width) to[i] = (P)finished(sums, parts, count, width, i);
}

// The same, for numbers of the maps' own type.
extern "C" __global__ void finish_rounded(const A *sums, T *to, int parts, index count, index width) {
    EACH(i, count / width) to[i] = put((A)finished(sums, parts, count, width, i));
}

// The moments of each channel, or of each stretch of `plane` values where `batch` is 1: of parts, as (count, mean, squares).
extern "C" __global__ void moments_planes(const T *x, A *to, Norm norm) {
    int channel = blockIdx.x;
    index count = (index)norm.batch * norm.plane, part = (count + gridDim.y - 1) / gridDim.y;
    index first = part * blockIdx.y, end = first + part < count ? first + part : count;
    Moments moments = {0, 0, 0};
    for (index e = first + threadIdx.x; e < end; e += THREADS) {
        index image = e / norm.plane, pixel = e % norm.plane;
        add(moments, get(x[(image * norm.channels + channel) * norm.plane + pixel]));
    }
    block_moments(moments);
    if (threadIdx.x == 0) {
        A *at = to + 3 * ((index)blockIdx.y * norm.channels + channel);
        at[0] = moments.count, at[1] = moments.mean, at[2] = moments.squares;
    }
}

extern "C" __global__ void moments_rows(const T *x, A *to, Norm norm) {
    __shared__ Moments parts[THREADS / 32][32];
    int lane = threadIdx.x % 32, line = threadIdx.x / 32, channel = blockIdx.x * 32 + lane;
    index part = ((index)norm.batch + gridDim.y - 1) / gridDim.y;
    index first = part * blockIdx.y, end = first + part < norm.batch ? first + part : norm.batch;
    Moments moments = {0, 0, 0};
    if (channel < norm.channels) {
        for (index row = first + line; row < end; row += THREADS / 32) {
            add(moments, get(x[row * norm.channels + channel]));
        }
    }
    parts[line][lane] = moments;
    __syncthreads();
    if (line != 0 || channel >= norm.channels) return;
    for (int i = 1; i < THREADS / 32; i++) merge(moments, parts[i][lane]);
    A *at = to + 3 * ((index)blockIdx.y * norm.channels + channel);
    at[0] = moments.count, at[1] = moments.mean, at[2] = moments.squares;
}

extern "C" __global__ void finish_moments(const A *from, P *mean, P *variance, int parts, index count) {
    EACH(i, count) {
        Moments all = {0, 0, 0};
        for (int part = 0; part < parts; part++) {
            const A *at = from + 3 * (part * count + i);
            Moments more = {at[0], at[1], at[2]};
            merge(all, more);
        }
        mean[i] = (P)all.mean;
        variance[i] = (P)(all.squares / all.count);
    }
}

// The moments of each pixel's channels.
extern "C" __global__ void moments_pixels(const T *x, P *mean, P *variance, Norm norm) {
    EACH(i, (index)norm.batch * norm.plane) {
        index at = i / norm.plane * norm.channels * norm.plane + i % norm.plane;
        A sum = 0, squares = 0;
        for (int c = 0; c < norm.channels; c++) sum += get(x[at + (index)c * norm.plane]);
        A middle = sum / norm.channels;
        for (int c = 0; c < norm.channels; c++) {
            A distance = get(x[at + (index)c * norm.plane]) - middle;
            squares += distance * distance;
        }
        mean[i] = (P)middle;
        variance[i] = (P)(squares / norm.channels);
    }
}

// (x - mean) / deviation * weight + bias, plus `residual` where it is not null, and a function of that.
extern "C" __global__ void normalize(
    const T *x, const P *mean, const P *variance, const P *weight, const P *bias, const T *residual, T *y, Norm norm,
    int function, double parameter) {
    EACH(i, (index)norm.batch * norm.channels * norm.plane) {
        index pixel = i % norm.plane, plane = i / norm.plane, image = plane / norm.channels;
        int channel = plane % norm.channels;
        index s = statistic_of(norm, image, channel, pixel);
        A scale = (A)weight[channel] * inverse_deviation(variance[s], norm.eps);
        A value = (get(x[i]) - (A)mean[s]) * scale + (A)bias[channel];
        if (residual) value += get(residual[i]);
        y[i] = put(activate(function, (A)parameter, value));
    }
}

// Of the sums of g and g x' of each channel, the means of w g and w g x' that the input's gradient takes.
extern "C" __global__ void means_of_channels(const P *plain, const P *normal, const P *weight, P *means, Norm norm) {
    A count = (A)norm.batch * norm.plane;
    EACH(i, norm.channels) {
        means[2 * i] = (P)((A)weight[i] * (A)plain[i] / count);
        means[2 * i + 1] = (P)((A)weight[i] * (A)normal[i] / count);
    }
}

// The same of the sums of each plane: means over groups, and the sums over images of each channel.
extern "C" __global__ void means_of_groups(const P *plain, const P *normal, const P *weight, P *means, Norm norm) {
    int groups = norm.channels / norm.width;
    EACH(i, (index)norm.batch * groups) {
        index first = i * norm.width;
        A sums[2] = {0, 0};
        for (int c = 0; c < norm.width; c++) {
            A factor = (A)weight[(first + c) % norm.channels];
            sums[0] += factor * (A)plain[first + c];
            sums[1] += factor * (A)normal[first + c];
        }
        A count = (A)norm.width * norm.plane;
        means[2 * i] = (P)(sums[0] / count), means[2 * i + 1] = (P)(sums[1] / count);
    }
}

extern "C" __global__ void sum_images(const P *sums, P *to, Norm norm) {
    EACH(c, norm.channels) {
        double sum = 0;
        for (int image = 0; image < norm.batch; image++) sum += sums[(index)image * norm.channels + c];
        to[c] = (P)sum;
    }
}

extern "C" __global__ void means_of_pixels(
    const T *x, const T *g, const P *mean, const P *variance, const P *weight, P *means, Norm norm) {
    EACH(i, (index)norm.batch * norm.plane) {
        index at = i / norm.plane * norm.channels * norm.plane + i % norm.plane;
        A middle = (A)mean[i], inverse = inverse_deviation(variance[i], norm.eps), sums[2] = {0, 0};
        for (int c = 0; c < norm.channels; c++) {
            index j = at + (index)c * norm.plane;
            A scaled = (A)weight[c] * get(g[j]);
            sums[0] += scaled;
            sums[1] += scaled * ((get(x[j]) - middle) * inverse);
        }
        means[2 * i] = (P)(sums[0] / norm.channels), means[2 * i + 1] = (P)(sums[1] / norm.channels);
    }
}

// The input's gradient: (w g - mean of w g - x' mean of w g x') / deviation. `means` is null where the statistics were given.
extern "C" __global__ void normalize_gradient(
    const T *x, const T *g, const P *mean, const P *variance, const P *weight, const P *means, T *to, Norm norm) {
    EACH(i, (index)norm.batch * norm.channels * norm.plane) {
        index pixel = i % norm.plane, plane = i / norm.plane, image = plane / norm.channels;
        int channel = plane % norm.channels;
        index s = statistic_of(norm, image, channel, pixel);
        A inverse = inverse_deviation(variance[s], norm.eps);
        A value = (A)weight[channel] * get(g[i]);
        if (means) {
            A normal = (get(x[i]) - (A)mean[s]) * inverse;
            value -= (A)means[2 * s] + normal * (A)means[2 * s + 1];
        }
        to[i] = put(value * inverse);
    }
}
