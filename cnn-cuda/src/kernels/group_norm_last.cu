// Norms over groups of channels of maps with their channels last, (images, plane, channels).
//
// What a group's values add up to is made in steps, in an order that does not change: blocks write what they find of each
// channel in a part of an image's pixels, and the parts, and the channels of a group, are put together in order.

// Where a thread stands: its channel, and the pixels from `first` to `end` of an image, each so many `lines` after the one
// before. Neighbouring threads have neighbouring channels.
struct Strip {
    index image, first, end;
    int channel, line, lines;
};

// A thread that is left over has no pixels.
__device__ inline Strip strip_of(const GroupNorm &norm) {
    int strips = (norm.channels + norm.across - 1) / norm.across;
    Strip strip;
    strip.image = blockIdx.x / strips;
    strip.channel = blockIdx.x % strips * norm.across + threadIdx.x % norm.across;
    strip.line = threadIdx.x / norm.across, strip.lines = THREADS / norm.across;
    index part = ((index)norm.plane + norm.parts - 1) / norm.parts, first = part * blockIdx.y;
    strip.end = first + part < norm.plane ? first + part : norm.plane;
    strip.first = first + strip.line;
    if (strip.line >= strip.lines || strip.channel >= norm.channels) strip.first = strip.end;
    return strip;
}

__device__ inline index value_of(const GroupNorm &norm, const Strip &strip, index pixel) {
    return (strip.image * norm.plane + pixel) * norm.channels + strip.channel;
}

// Where what was found of a channel in a part is written.
__device__ inline index part_of(const GroupNorm &norm, index image, int part, int channel) {
    return (image * norm.parts + part) * norm.channels + channel;
}

__device__ inline index group_of(const GroupNorm &norm, index image, int channel) {
    return image * (norm.channels / norm.width) + channel / norm.width;
}

// The sums of g and of g x', x' being the normalized input.
struct Sums {
    A plain, normal;
};

__device__ inline void merge(Sums &all, Sums more) { all.plain += more.plain, all.normal += more.normal; }

// What the lines of a block found of each channel, for the first line.
template <class Found>
__device__ inline Found joined(Found found, const Strip &strip, int across) {
    __shared__ Found lines[THREADS];
    lines[threadIdx.x] = found;
    __syncthreads();
    for (int rest = strip.lines; rest > 1; rest = (rest + 1) / 2) {
        int half = (rest + 1) / 2;
        if (strip.line + half < rest) merge(lines[threadIdx.x], lines[threadIdx.x + half * across]);
        __syncthreads();
    }
    return lines[threadIdx.x];
}

// The moments of each channel in each part of an image, as (count, mean, squares).
extern "C" __global__ void channel_moments(const T *x, A *to, GroupNorm norm) {
    Strip strip = strip_of(norm);
    Moments moments = {0, 0, 0};
    for (index pixel = strip.first; pixel < strip.end; pixel += strip.lines) {
        add(moments, get(x[value_of(norm, strip, pixel)]));
    }
    moments = joined(moments, strip, norm.across);
    if (strip.line != 0 || strip.channel >= norm.channels) return;
    A *at = to + 3 * part_of(norm, strip.image, blockIdx.y, strip.channel);
    at[0] = moments.count, at[1] = moments.mean, at[2] = moments.squares;
}

// The group of this warp, of those of all images.
__device__ inline index group_of_warp() { return ((index)blockIdx.x * THREADS + threadIdx.x) / 32; }

// A warp for each group.
extern "C" __global__ void group_moments(const A *from, P *mean, P *variance, GroupNorm norm) {
    int groups = norm.channels / norm.width, lane = threadIdx.x % 32;
    index group = group_of_warp();
    if (group >= (index)norm.images * groups) return;
    Moments all = {0, 0, 0};
    for (index i = lane; i < (index)norm.parts * norm.width; i += 32) {
        int channel = group % groups * norm.width + i % norm.width;
        const A *at = from + 3 * part_of(norm, group / groups, i / norm.width, channel);
        Moments more = {at[0], at[1], at[2]};
        merge(all, more);
    }
    warp_moments(all);
    if (lane != 0) return;
    mean[group] = (P)all.mean;
    variance[group] = (P)(all.squares / all.count);
}

// (x - mean) / deviation * weight + bias, and a function of that. `weight` and `bias` may be null.
extern "C" __global__ void normalize_groups(
    const T *x, const P *mean, const P *variance, const P *weight, const P *bias, T *y, GroupNorm norm, int function,
    double parameter) {
    EACH(i, (index)norm.images * norm.plane * norm.channels) {
        int channel = i % norm.channels;
        index group = group_of(norm, i / norm.channels / norm.plane, channel);
        A scale = inverse_deviation(variance[group], norm.eps);
        if (weight) scale *= (A)weight[channel];
        A value = (get(x[i]) - (A)mean[group]) * scale;
        if (bias) value += (A)bias[channel];
        y[i] = put(activate(function, (A)parameter, value));
    }
}

// The sums of each channel in each part of an image: those of g, and behind them those of g x'.
extern "C" __global__ void channel_sums(
    const T *x, const T *g, const P *mean, const P *variance, A *to, GroupNorm norm) {
    Strip strip = strip_of(norm);
    Sums sums = {0, 0};
    if (strip.first < strip.end) {
        index group = group_of(norm, strip.image, strip.channel);
        A middle = (A)mean[group], inverse = inverse_deviation(variance[group], norm.eps);
        for (index pixel = strip.first; pixel < strip.end; pixel += strip.lines) {
            index i = value_of(norm, strip, pixel);
            A gradient = get(g[i]);
            sums.plain += gradient;
            sums.normal += gradient * ((get(x[i]) - middle) * inverse);
        }
    }
    sums = joined(sums, strip, norm.across);
    if (strip.line != 0 || strip.channel >= norm.channels) return;
    index at = part_of(norm, strip.image, blockIdx.y, strip.channel);
    to[at] = sums.plain;
    to[part_of(norm, norm.images, 0, 0) + at] = sums.normal;
}

// Adds up the parts of both sums of each image and channel.
extern "C" __global__ void image_sums(const A *from, A *to, GroupNorm norm) {
    EACH(i, 2 * (index)norm.images * norm.channels) {
        double sum = 0;
        for (int part = 0; part < norm.parts; part++) {
            sum += from[part_of(norm, i / norm.channels, part, i % norm.channels)];
        }
        to[i] = (A)sum;
    }
}

// Adds up the images of one of both sums: the gradient of the weight, or of the bias.
extern "C" __global__ void all_images(const A *sums, P *to, GroupNorm norm) {
    EACH(channel, norm.channels) {
        double sum = 0;
        for (int image = 0; image < norm.images; image++) sum += sums[(index)image * norm.channels + channel];
        to[channel] = (P)sum;
    }
}

// The means of w g and w g x' of each group, by a warp.
extern "C" __global__ void group_means(const A *sums, const P *weight, A *means, GroupNorm norm) {
    int groups = norm.channels / norm.width, lane = threadIdx.x % 32;
    index group = group_of_warp(), normal = (index)norm.images * norm.channels;
    if (group >= (index)norm.images * groups) return;
    Sums all = {0, 0};
    for (int c = lane; c < norm.width; c += 32) {
        index i = group * norm.width + c;
        A factor = weight ? (A)weight[i % norm.channels] : A(1);
        all.plain += factor * sums[i];
        all.normal += factor * sums[normal + i];
    }
    all.plain = warp_sum(all.plain), all.normal = warp_sum(all.normal);
    if (lane != 0) return;
    A count = (A)norm.width * norm.plane;
    means[2 * group] = all.plain / count, means[2 * group + 1] = all.normal / count;
}

// The input's gradient: (w g - mean of w g - x' mean of w g x') / deviation.
extern "C" __global__ void normalize_groups_gradient(
    const T *x, const T *g, const P *mean, const P *variance, const P *weight, const A *means, T *to,
    GroupNorm norm) {
    EACH(i, (index)norm.images * norm.plane * norm.channels) {
        int channel = i % norm.channels;
        index group = group_of(norm, i / norm.channels / norm.plane, channel);
        A inverse = inverse_deviation(variance[group], norm.eps);
        A normal = (get(x[i]) - (A)mean[group]) * inverse, value = get(g[i]);
        if (weight) value *= (A)weight[channel];
        to[i] = put((value - means[2 * group] - normal * means[2 * group + 1]) * inverse);
    }
}
