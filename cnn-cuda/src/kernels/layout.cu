// Maps with their channels last, as plans have them: (pixels, channels), a pixel `pitch` values after the one before. And
// what is done to them value by value.

// From (images, channels, plane) of f32, with zeros for channels that are added.
extern "C" __global__ void to_last(const float *x, T *y, Planes planes, int padded) {
    EACH(i, (index)planes.batch * planes.plane * padded) {
        int channel = i % padded;
        index pixel = i / padded, image = pixel / planes.plane;
        index from = (image * planes.channels + channel) * planes.plane + pixel % planes.plane;
        y[i] = put(channel < planes.channels ? (A)x[from] : A(0));
    }
}

// To (images, channels, plane) of f32; `pitch` values make a pixel.
extern "C" __global__ void to_first(const T *x, float *y, Planes planes, int pitch) {
    EACH(i, (index)planes.batch * planes.channels * planes.plane) {
        index pixel = i % planes.plane, plane = i / planes.plane;
        index image = plane / planes.channels;
        y[i] = (float)get(x[(image * planes.plane + pixel) * pitch + plane % planes.channels]);
    }
}

// The same, of the same values: a map as rows.
extern "C" __global__ void flatten(const T *x, T *y, Planes planes, int pitch) {
    EACH(i, (index)planes.batch * planes.channels * planes.plane) {
        index pixel = i % planes.plane, plane = i / planes.plane;
        index image = plane / planes.channels;
        y[i] = x[(image * planes.plane + pixel) * pitch + plane % planes.channels];
    }
}

// And back.
extern "C" __global__ void unflatten(const T *x, T *y, Planes planes) {
    EACH(i, (index)planes.batch * planes.plane * planes.channels) {
        int channel = i % planes.channels;
        index pixel = i / planes.channels, image = pixel / planes.plane;
        y[i] = x[(image * planes.channels + channel) * planes.plane + pixel % planes.plane];
    }
}

// Values of f32, rounded.
extern "C" __global__ void cast(const float *x, T *y, index count) {
    EACH(i, count) y[i] = put(x[i]);
}

// Channels of one map into those of another.
extern "C" __global__ void copy_channels(
    const T *x, T *y, index pixels, int channels, int from_pitch, int from, int to_pitch, int to) {
    EACH(i, pixels * channels) {
        index pixel = i / channels, channel = i % channels;
        y[pixel * to_pitch + to + channel] = x[pixel * from_pitch + from + channel];
    }
}

// A function of `x`, or of `x` and `other`: their sum or product, times a factor, plus a term of the channel. `other` is a
// map, or a value for each image and channel.
enum { ALONE, SUM, PRODUCT_OF_BOTH };

extern "C" __global__ void combine(
    const T *x, const T *other, const P *scale, const P *term, T *y, Planes planes, int operation, int per_image,
    int function, double parameter) {
    EACH(i, (index)planes.batch * planes.plane * planes.channels) {
        int channel = i % planes.channels;
        A value = get(x[i]);
        if (operation != ALONE) {
            index image = i / planes.channels / planes.plane;
            A second = get(other[per_image ? image * planes.channels + channel : i]);
            value = operation == SUM ? value + second : value * second;
        }
        if (scale) value *= (A)scale[channel];
        if (term) value += (A)term[channel];
        y[i] = put(activate(function, (A)parameter, value));
    }
}

// A map of every so manyth row and column into the whole, with a factor, a term and a function.
extern "C" __global__ void spread(
    const T *x, const P *scale, const P *term, T *y, Spread spread, int function, double parameter) {
    EACH(i, (index)spread.images * spread.part_height * spread.part_width * spread.channels) {
        int channel = i % spread.channels;
        index pixel = i / spread.channels;
        int column = pixel % spread.part_width;
        pixel /= spread.part_width;
        int row = pixel % spread.part_height;
        index image = pixel / spread.part_height;
        A value = get(x[i]);
        if (scale) value *= (A)scale[channel];
        if (term) value += (A)term[channel];
        index to = (image * spread.height + row * spread.step_y + spread.top) * spread.width +
                   column * spread.step_x + spread.left;
        y[to * spread.channels + channel] = put(activate(function, (A)parameter, value));
    }
}
