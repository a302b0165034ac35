// Functions of each value, and of a value and a number of its channel.

extern "C" __global__ void activation(const T *x, T *y, index count, int function, double parameter) {
    EACH(i, count) y[i] = put(activate(function, (A)parameter, get(x[i])));
}

extern "C" __global__ void activation_gradient(
    const T *x, const T *y, const T *g, T *to, index count, int function, double parameter) {
    EACH(i, count) to[i] = put(activate_gradient(function, (A)parameter, get(x[i]), get(y[i]), get(g[i])));
}

// `numbers` are of channels, or of images and channels: `modulus` says how many there are.
extern "C" __global__ void scale(const T *x, const T *numbers, T *y, Planes planes, index modulus) {
    EACH(i, (index)planes.batch * planes.channels * planes.plane) {
        y[i] = put(get(x[i]) * get(numbers[i / planes.plane % modulus]));
    }
}

extern "C" __global__ void shift(const T *x, const T *numbers, T *y, Planes planes, index modulus) {
    EACH(i, (index)planes.batch * planes.channels * planes.plane) {
        y[i] = put(get(x[i]) + get(numbers[i / planes.plane % modulus]));
    }
}

extern "C" __global__ void prelu(const T *x, const T *slopes, T *y, Planes planes, index modulus) {
    EACH(i, (index)planes.batch * planes.channels * planes.plane) {
        A value = get(x[i]);
        y[i] = put(value > 0 ? value : get(slopes[i / planes.plane % modulus]) * value);
    }
}

extern "C" __global__ void prelu_gradient(
    const T *x, const T *slopes, const T *g, T *to, Planes planes, index modulus) {
    EACH(i, (index)planes.batch * planes.channels * planes.plane) {
        A slope = get(slopes[i / planes.plane % modulus]);
        to[i] = put(get(x[i]) > 0 ? get(g[i]) : slope * get(g[i]));
    }
}

// What follows a convolution, in place: a term for each channel, a map that is added, a function.
extern "C" __global__ void end(
    T *x, const P *terms, const T *residual, Planes planes, int function, double parameter) {
    EACH(i, (index)planes.batch * planes.channels * planes.plane) {
        A value = get(x[i]);
        if (terms) value += (A)terms[i / planes.plane % planes.channels];
        if (residual) value += get(residual[i]);
        x[i] = put(activate(function, (A)parameter, value));
    }
}
