// Pooling. A map is seen as (images, rows, columns, channels): one in NCHW order has a channel, and more images.

// The position of a tap of a window, or -1 outside of the map.
__device__ inline int position(const Axis &axis, int window, int tap) {
    int at = window * axis.stride + tap * axis.dilation - axis.before;
    return at >= 0 && at < axis.input ? at : -1;
}

// The window that has this position at this tap, or -1.
__device__ inline int window_at(const Axis &axis, int at, int tap) {
    int from = at + axis.before - tap * axis.dilation;
    if (from < 0 || from % axis.stride != 0) return -1;
    int window = from / axis.stride;
    return window < axis.output ? window : -1;
}

// Whether a value takes the place of the maximum: the first in scan order stays, and NaN, once seen, wins.
__device__ inline bool replaces(A value, A maximum) { return value > maximum || value != value; }

struct Best {
    int place;
    A value;
};

// The maximum of a window, and where it stands in its map.
__device__ inline Best best(const T *x, const Pool &pool, index base, int row, int column) {
    Best best = {-1, minus_infinity()};
    for (int i = 0; i < pool.rows.kernel; i++) {
        int y = position(pool.rows, row, i);
        if (y < 0) continue;
        for (int j = 0; j < pool.columns.kernel; j++) {
            int at = position(pool.columns, column, j);
            if (at < 0) continue;
            int place = y * pool.columns.input + at;
            A value = get(x[base + (index)place * pool.channels]);
            if (best.place < 0 || replaces(value, best.value)) best = {place, value};
        }
    }
    return best;
}

__device__ inline index map_of(const Pool &pool, index image, int channel) {
    return image * pool.rows.input * pool.columns.input * pool.channels + channel;
}

// `places` may be null: where the maxima stand.
extern "C" __global__ void maximum(const T *x, T *y, int *places, Pool pool) {
    EACH(i, (index)pool.images * pool.rows.output * pool.columns.output * pool.channels) {
        int channel = i % pool.channels;
        index pixel = i / pool.channels;
        int column = pixel % pool.columns.output;
        pixel /= pool.columns.output;
        int row = pixel % pool.rows.output;
        Best found = best(x, pool, map_of(pool, pixel / pool.rows.output, channel), row, column);
        y[i] = put(found.value);
        if (places) places[i] = found.place;
    }
}

// Each value gathers from the windows that it won. Without `places` they are looked through again.
extern "C" __global__ void maximum_gradient(const T *x, const int *places, const T *g, T *to, Pool pool) {
    EACH(i, (index)pool.images * pool.rows.input * pool.columns.input * pool.channels) {
        int channel = i % pool.channels;
        index pixel = i / pool.channels;
        int column = pixel % pool.columns.input;
        pixel /= pool.columns.input;
        int row = pixel % pool.rows.input;
        index image = pixel / pool.rows.input;
        int place = row * pool.columns.input + column;
        A sum = 0;
        for (int a = pool.rows.kernel - 1; a >= 0; a--) {
            int window_row = window_at(pool.rows, row, a);
            if (window_row < 0) continue;
            for (int b = pool.columns.kernel - 1; b >= 0; b--) {
                int window_column = window_at(pool.columns, column, b);
                if (window_column < 0) continue;
                index window = (image * pool.rows.output + window_row) * pool.columns.output + window_column;
                window = window * pool.channels + channel;
                int won = places ? places[window]
                                 : best(x, pool, map_of(pool, image, channel), window_row, window_column).place;
                if (won == place) sum += get(g[window]);
            }
        }
        to[i] = put(sum);
    }
}

// What the values of a window are divided by, along one axis.
__device__ inline int divisor(const Axis &axis, int window, int count_padding) {
    int start = window * axis.stride, count = 0;
    for (int tap = 0; tap < axis.kernel; tap++) {
        int at = start + tap * axis.dilation;
        bool counts = count_padding ? at < axis.input + axis.before + axis.after
                                    : at >= axis.before && at < axis.input + axis.before;
        count += counts;
    }
    return count;
}

extern "C" __global__ void average(const T *x, T *y, Pool pool, int count_padding) {
    EACH(i, (index)pool.images * pool.rows.output * pool.columns.output * pool.channels) {
        int channel = i % pool.channels;
        index pixel = i / pool.channels;
        int column = pixel % pool.columns.output;
        pixel /= pool.columns.output;
        int row = pixel % pool.rows.output;
        index base = map_of(pool, pixel / pool.rows.output, channel);
        A sum = 0;
        for (int a = 0; a < pool.rows.kernel; a++) {
            int at_row = position(pool.rows, row, a);
            if (at_row < 0) continue;
            for (int b = 0; b < pool.columns.kernel; b++) {
                int at = position(pool.columns, column, b);
                if (at >= 0) sum += get(x[base + ((index)at_row * pool.columns.input + at) * pool.channels]);
            }
        }
        y[i] = put(sum / (divisor(pool.rows, row, count_padding) * divisor(pool.columns, column, count_padding)));
    }
}

extern "C" __global__ void average_gradient(const T *g, T *to, Pool pool, int count_padding) {
    EACH(i, (index)pool.images * pool.rows.input * pool.columns.input * pool.channels) {
        int channel = i % pool.channels;
        index pixel = i / pool.channels;
        int column = pixel % pool.columns.input;
        pixel /= pool.columns.input;
        int row = pixel % pool.rows.input;
        index image = pixel / pool.rows.input;
        A sum = 0;
        for (int a = pool.rows.kernel - 1; a >= 0; a--) {
            int window_row = window_at(pool.rows, row, a);
            if (window_row < 0) continue;
            int height = divisor(pool.rows, window_row, count_padding);
            for (int b = pool.columns.kernel - 1; b >= 0; b--) {
                int window_column = window_at(pool.columns, column, b);
                if (window_column < 0) continue;
                index window = (image * pool.rows.output + window_row) * pool.columns.output + window_column;
                sum += get(g[window * pool.channels + channel]) /
                       (height * divisor(pool.columns, window_column, count_padding));
            }
        }
        to[i] = put(sum);
    }
}

// The bin from `start` to `end` of an adaptive pooling.
__device__ inline int bin_start(int bin, int size, int bins) { return (int)((long long)bin * size / bins); }
__device__ inline int bin_end(int bin, int size, int bins) {
    return (int)(((long long)(bin + 1) * size + bins - 1) / bins);
}

extern "C" __global__ void adaptive(const T *x, T *y, Bins bins) {
    EACH(i, (index)bins.images * bins.out_height * bins.out_width * bins.channels) {
        int channel = i % bins.channels;
        index pixel = i / bins.channels;
        int column = pixel % bins.out_width;
        pixel /= bins.out_width;
        int row = pixel % bins.out_height;
        index base = pixel / bins.out_height * bins.height * bins.width;
        int top = bin_start(row, bins.height, bins.out_height), bottom = bin_end(row, bins.height, bins.out_height);
        int left = bin_start(column, bins.width, bins.out_width);
        int right = bin_end(column, bins.width, bins.out_width);
        A sum = 0;
        for (int a = top; a < bottom; a++) {
            for (int b = left; b < right; b++) {
                sum += get(x[(base + (index)a * bins.width + b) * bins.channels + channel]);
            }
        }
        y[i] = put(sum / ((bottom - top) * (right - left)));
    }
}

// The bins that have a position: from the one that it ends to the one that it begins.
extern "C" __global__ void adaptive_gradient(const T *g, T *to, Bins bins) {
    EACH(i, (index)bins.images * bins.height * bins.width * bins.channels) {
        int channel = i % bins.channels;
        index pixel = i / bins.channels;
        int column = pixel % bins.width;
        pixel /= bins.width;
        int row = pixel % bins.height;
        index image = pixel / bins.height;
        int first_row = (int)((long long)row * bins.out_height / bins.height);
        int first_column = (int)((long long)column * bins.out_width / bins.width);
        A sum = 0;
        for (int a = first_row; a < bins.out_height && bin_start(a, bins.height, bins.out_height) <= row; a++) {
            int height = bin_end(a, bins.height, bins.out_height) - bin_start(a, bins.height, bins.out_height);
            for (int b = first_column;
                 b < bins.out_width && bin_start(b, bins.width, bins.out_width) <= column; b++) {
                int width = bin_end(b, bins.width, bins.out_width) - bin_start(b, bins.width, bins.out_width);
                index window = (image * bins.out_height + a) * bins.out_width + b;
                sum += get(g[window * bins.channels + channel]) / (height * width);
            }
        }
        to[i] = put(sum);
    }
}
