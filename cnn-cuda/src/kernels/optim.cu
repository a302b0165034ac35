// Optimizer steps over all tensors at once. A block has a chunk of one tensor: `chunks` names the tensor and the chunk's
// number in it. Weights and what is kept of them are in P; gradients are in T.

#define CHUNK 4096

__device__ inline A incoming(A g, A scale, A limit) {
    g *= scale;
    // Not `min` and `max`: they lose NaN.
    g = g > limit ? limit : g;
    return g < -limit ? -limit : g;
}

#define EACH_OF_CHUNK(i, tensor)                                                                       \
    Chunk chunk = chunks[blockIdx.x];                                                                  \
    Slot tensor = slots[chunk.slot];                                                                   \
    u64 first = (u64)chunk.part * CHUNK, end = first + CHUNK < tensor.count ? first + CHUNK : tensor.count; \
    for (u64 i = first + threadIdx.x; i < end; i += THREADS)

extern "C" __global__ void sgd(const Chunk *chunks, const Slot *slots, Sgd rule) {
    EACH_OF_CHUNK(i, slot) {
        P *weights = (P *)slot.weights, *buffer = (P *)slot.state0;
        A w = weights[i], decay = slot.decays ? (A)rule.weight_decay : A(0);
        A g = incoming(get(((const T *)slot.gradient)[i]), (A)rule.scale, (A)rule.limit) + decay * w;
        if (rule.momentum != 0) {
            A b = (A)rule.momentum * buffer[i] + g;
            buffer[i] = b;
            g = rule.nesterov ? g + (A)rule.momentum * b : b;
        }
        weights[i] = w - (A)rule.learning_rate * g;
    }
}

extern "C" __global__ void adam(const Chunk *chunks, const Slot *slots, Adam rule) {
    EACH_OF_CHUNK(i, slot) {
        P *weights = (P *)slot.weights, *first_moment = (P *)slot.state0, *second_moment = (P *)slot.state1;
        A decay = slot.decays ? (A)rule.weight_decay : A(0);
        A w = weights[i], g = incoming(get(((const T *)slot.gradient)[i]), (A)rule.scale, (A)rule.limit);
        if (rule.decoupled) {
            w *= (A)(1 - rule.learning_rate * decay);
        } else {
            g += decay * w;
        }
        A m = first_moment[i], v = second_moment[i];
        m += (A)(1 - rule.beta1) * (g - m);
        v = (A)rule.beta2 * v + (A)(1 - rule.beta2) * g * g;
        first_moment[i] = m, second_moment[i] = v;
        if (rule.amsgrad) {
            P *largest = (P *)slot.state2;
            // NaN wins, as in `torch.maximum`.
            v = v <= largest[i] ? largest[i] : v;
            largest[i] = v;
        }
        weights[i] = w - (A)slot.step_size * (m / (sqrt(v) / (A)slot.correction + (A)rule.eps));
    }
}

extern "C" __global__ void rmsprop(const Chunk *chunks, const Slot *slots, RmsProp rule) {
    EACH_OF_CHUNK(i, slot) {
        P *weights = (P *)slot.weights, *squares = (P *)slot.state0;
        A w = weights[i], decay = slot.decays ? (A)rule.weight_decay : A(0);
        A g = incoming(get(((const T *)slot.gradient)[i]), (A)rule.scale, (A)rule.limit) + decay * w;
        A s = (A)rule.alpha * squares[i] + (A)(1 - rule.alpha) * g * g;
        squares[i] = s;
        if (rule.centered) {
            P *average = (P *)(rule.momentum != 0 ? slot.state2 : slot.state1);
            A a = average[i];
            a += (A)(1 - rule.alpha) * (g - a);
            average[i] = a;
            s -= a * a;
        }
        A step = g / (sqrt(s) + (A)rule.eps);
        if (rule.momentum != 0) {
            P *buffer = (P *)slot.state1;
            step = (A)rule.momentum * buffer[i] + step;
            buffer[i] = step;
        }
        weights[i] = w - (A)rule.learning_rate * step;
    }
}

// The sum of the squares of each chunk's gradients.
extern "C" __global__ void squares(const Chunk *chunks, const Slot *slots, double *to) {
    A sum[1] = {0};
    {
        EACH_OF_CHUNK(i, slot) {
            A g = get(((const T *)slot.gradient)[i]);
            sum[0] += g * g;
        }
    }
    block_sums(sum);
    if (threadIdx.x == 0) to[blockIdx.x] = (double)sum[0];
}
