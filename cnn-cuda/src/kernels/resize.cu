// Upsampling by whole factors, of maps as in `pool.cu`: (images, rows, columns, channels).

extern "C" __global__ void nearest(const T *x, T *y, Upsample up) {
    int out_height = up.height * up.down, out_width = up.width * up.right;
    EACH(i, (index)up.images * out_height * out_width * up.channels) {
        int channel = i % up.channels;
        index pixel = i / up.channels;
        int column = pixel % out_width;
        pixel /= out_width;
        int row = pixel % out_height;
        index from = (pixel / out_height * up.height + row / up.down) * up.width + column / up.right;
        y[i] = x[from * up.channels + channel];
    }
}

extern "C" __global__ void nearest_gradient(const T *g, T *to, Upsample up) {
    int out_height = up.height * up.down, out_width = up.width * up.right;
    EACH(i, (index)up.images * up.height * up.width * up.channels) {
        int channel = i % up.channels;
        index pixel = i / up.channels;
        int column = pixel % up.width;
        pixel /= up.width;
        int row = pixel % up.height;
        index image = pixel / up.height;
        A sum = 0;
        for (int a = 0; a < up.down; a++) {
            for (int b = 0; b < up.right; b++) {
                index at = (image * out_height + row * up.down + a) * out_width + column * up.right + b;
                sum += get(g[at * up.channels + channel]);
            }
        }
        to[i] = put(sum);
    }
}

// Where an output value stands between two input values.
struct Between {
    int low, high;
    A share;
};

__device__ inline Between between(int out, int factor, int size) {
    double at = (out + 0.5) / factor - 0.5;
    at = at > 0 ? at : 0;
    int low = (int)at;
    low = low < size - 1 ? low : size - 1;
    Between found = {low, low + 1 < size - 1 ? low + 1 : size - 1, (A)(at - low)};
    return found;
}

extern "C" __global__ void bilinear(const T *x, T *y, Upsample up) {
    int out_height = up.height * up.down, out_width = up.width * up.right;
    EACH(i, (index)up.images * out_height * out_width * up.channels) {
        int channel = i % up.channels;
        index pixel = i / up.channels;
        int column = pixel % out_width;
        pixel /= out_width;
        int row = pixel % out_height;
        index image = pixel / out_height;
        Between v = between(row, up.down, up.height), h = between(column, up.right, up.width);
        const T *low = x + (image * up.height + v.low) * up.width * up.channels + channel;
        const T *high = x + (image * up.height + v.high) * up.width * up.channels + channel;
        index left = (index)h.low * up.channels, right = (index)h.high * up.channels;
        A upper = get(low[left]) * (1 - h.share) + get(low[right]) * h.share;
        A lower = get(high[left]) * (1 - h.share) + get(high[right]) * h.share;
        y[i] = put(upper * (1 - v.share) + lower * v.share);
    }
}

// How much of an input value an output value has, along one axis.
__device__ inline A share_of(int in, int out, int factor, int size) {
    Between found = between(out, factor, size);
    return (found.low == in ? 1 - found.share : A(0)) + (found.high == in ? found.share : A(0));
}

extern "C" __global__ void bilinear_gradient(const T *g, T *to, Upsample up) {
    int out_height = up.height * up.down, out_width = up.width * up.right;
    EACH(i, (index)up.images * up.height * up.width * up.channels) {
        int channel = i % up.channels;
        index pixel = i / up.channels;
        int column = pixel % up.width;
        pixel /= up.width;
        int row = pixel % up.height;
        index image = pixel / up.height;
        // An output reads at most one row above and one below: those within a factor and a half.
        int top = (row - 1) * up.down, bottom = (row + 2) * up.down;
        int left = (column - 1) * up.right, right = (column + 2) * up.right;
        A sum = 0;
        for (int a = top > 0 ? top : 0; a < bottom && a < out_height; a++) {
            A down = share_of(row, a, up.down, up.height);
            if (down == 0) continue;
            for (int b = left > 0 ? left : 0; b < right && b < out_width; b++) {
                A across = share_of(column, b, up.right, up.width);
                index at = (image * out_height + a) * out_width + b;
                if (across != 0) sum += down * across * get(g[at * up.channels + channel]);
            }
        }
        to[i] = put(sum);
    }
}
