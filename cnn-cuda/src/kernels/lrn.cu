// Local response normalization: y = x / (k + share * sum of x^2 over `size` neighbouring channels)^beta.

__device__ inline A base_of(const T *image, const Planes &planes, const Response &response, int channel) {
    int first = channel - response.size / 2, end = channel + (response.size - 1) / 2 + 1;
    A sum = 0;
    for (int c = first > 0 ? first : 0; c < end && c < planes.channels; c++) {
        A value = get(image[(index)c * planes.plane]);
        sum += value * value;
    }
    return (A)response.k + (A)response.share * sum;
}

__device__ inline A power(const Response &response, A base) {
    if (response.beta == 0.75) {
        // AlexNet's exponent, by square roots.
        A root = sqrt(base);
        return 1 / (root * sqrt(root));
    }
    return pow(base, (A)-response.beta);
}

extern "C" __global__ void response(const T *x, T *y, Planes planes, Response response) {
    EACH(i, (index)planes.batch * planes.channels * planes.plane) {
        index pixel = i % planes.plane, plane = i / planes.plane;
        int channel = plane % planes.channels;
        const T *image = x + plane / planes.channels * planes.channels * planes.plane + pixel;
        y[i] = put(get(x[i]) * power(response, base_of(image, planes, response, channel)));
    }
}

extern "C" __global__ void response_gradient(const T *x, const T *g, T *to, Planes planes, Response response) {
    A factor = -2 * (A)response.share * (A)response.beta;
    EACH(i, (index)planes.batch * planes.channels * planes.plane) {
        index pixel = i % planes.plane, plane = i / planes.plane;
        int channel = plane % planes.channels;
        index start = plane / planes.channels * planes.channels * planes.plane + pixel;
        // Those that have this channel among their neighbours.
        int first = channel - (response.size - 1) / 2, end = channel + response.size / 2 + 1;
        A sum = 0, own = 0;
        for (int c = first > 0 ? first : 0; c < end && c < planes.channels; c++) {
            index at = start + (index)c * planes.plane;
            A base = base_of(x + start, planes, response, c);
            A direct = get(g[at]) * power(response, base);
            sum += direct * get(x[at]) / base;
            if (c == channel) own = direct;
        }
        to[i] = put(own + factor * get(x[i]) * sum);
    }
}
