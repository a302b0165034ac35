// Maps with their channels last, (images, rows, columns, channels): channels and pixels in another order, and parts of maps.
// Values are copied as they are. Neighbouring threads have neighbouring channels of the output.

// The channels of each pixel, seen as `groups` rows, transposed: the gradient is the same of `channels / groups` rows.
extern "C" __global__ void shuffle_channels(const T *x, T *y, index pixels, int channels, int groups) {
    int width = channels / groups;
    EACH(i, pixels * channels) {
        int channel = i % channels;
        y[i] = x[i - channel + channel % groups * width + channel / groups];
    }
}

// Each `factor^2` channels of a pixel as a square of pixels.
extern "C" __global__ void shuffle_pixels(const T *x, T *y, Shuffle shuffle) {
    int factor = shuffle.factor, out_height = shuffle.height * factor, out_width = shuffle.width * factor;
    EACH(i, (index)shuffle.images * out_height * out_width * shuffle.channels) {
        int channel = i % shuffle.channels;
        index pixel = i / shuffle.channels;
        int column = pixel % out_width;
        pixel /= out_width;
        int row = pixel % out_height;
        index from = (pixel / out_height * shuffle.height + row / factor) * shuffle.width + column / factor;
        y[i] = x[((from * shuffle.channels + channel) * factor + row % factor) * factor + column % factor];
    }
}

// The way back, which is the gradient.
extern "C" __global__ void unshuffle_pixels(const T *g, T *to, Shuffle shuffle) {
    int factor = shuffle.factor, out_height = shuffle.height * factor, out_width = shuffle.width * factor;
    EACH(i, (index)shuffle.images * out_height * out_width * shuffle.channels) {
        int right = i % factor;
        index rest = i / factor;
        int down = rest % factor;
        rest /= factor;
        int channel = rest % shuffle.channels;
        rest /= shuffle.channels;
        int column = rest % shuffle.width;
        rest /= shuffle.width;
        int row = rest % shuffle.height;
        index image = rest / shuffle.height;
        index from = (image * out_height + row * factor + down) * out_width + column * factor + right;
        to[i] = g[from * shuffle.channels + channel];
    }
}

// The rows and columns of a map from `top` and `left` on; both may be negative, and there are zeros outside of the map.
extern "C" __global__ void frame(const T *x, T *y, Frame frame) {
    EACH(i, (index)frame.images * frame.out_height * frame.out_width * frame.channels) {
        int channel = i % frame.channels;
        index pixel = i / frame.channels;
        int column = pixel % frame.out_width + frame.left;
        pixel /= frame.out_width;
        int row = pixel % frame.out_height + frame.top;
        index image = pixel / frame.out_height;
        bool inside = row >= 0 && row < frame.height && column >= 0 && column < frame.width;
        index from = (image * frame.height + row) * frame.width + column;
        y[i] = inside ? x[from * frame.channels + channel] : put(A(0));
    }
}
