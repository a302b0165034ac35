// Convolutions of maps with their channels last, on tensor cores: bf16, or f32 rounded to TF32, with sums in f32.
//
// A block has a tile of M pixels by N output channels. What it multiplies comes to shared memory in steps of 64 bytes of
// each pixel and of each channel's weights, three steps ahead of the products. Rows of 64 bytes are stored in chunks of 16
// whose order depends on the row, so that eight rows are read without two of them in one bank.
//
// Where pixels and channels are too few to keep the device busy, the sums are made in parts, which `finish_product` adds up.
//
// Weights are [group][output][tap][input]. Inputs come in whole chunks: the host sees to that.
#if defined(SCALAR_F64)
// Tensor cores of f64 are not used.
#else

#define CHUNKS 4
#define STEP (CHUNKS * PER_CHUNK)

// Where a chunk of a row of 64 bytes stands.
__device__ inline int chunk_at(int row, int chunk) { return row * 64 + (chunk ^ (row >> 1 & 3)) * 16; }

// Eight neighbouring values.
struct alignas(16) Eight {
    T values[8];
};

// A thread's place among the factors of a sum: a tap and a channel of it.
struct Walk {
    int channel, y, x;

    __device__ void advance(const Product &p, int by) {
        channel += by;
        while (channel >= p.inputs) {
            channel -= p.inputs;
            if (++x == p.taps_x) x = 0, y++;
        }
    }
};

template <int M, int N, int WARPS_M, int WARPS_N>
__device__ inline void product(
    const Product &p, const T *source, const T *weight, const P *bias, const T *residual, T *target, int function,
    float parameter, float *sums_of_parts, int parts) {
    const int THREADS_HERE = 32 * WARPS_M * WARPS_N, TILES = M / WARPS_M / 16;
    const int LEFT = M * CHUNKS / THREADS_HERE, RIGHT = N * CHUNKS / THREADS_HERE;
    static_assert(N / WARPS_N == 32, "a warp has 32 channels");
    alignas(128) __shared__ char shared[STAGES][(M + N) * 64];
    int thread = threadIdx.x, lane = thread % 32, warp = thread / 32;
    int group = blockIdx.z % p.groups, part = blockIdx.z / p.groups;
    // Of the steps this block has a part.
    int depth = p.taps_y * p.taps_x * p.inputs, all_steps = (depth + STEP - 1) / STEP;
    int share = (all_steps + parts - 1) / parts, skipped = share * part < all_steps ? share * part : all_steps;
    int steps = all_steps - skipped < share ? all_steps - skipped : share;
    index first = (index)blockIdx.x * M, plane = (index)p.out_height * p.out_width, pixels = plane * p.images;
    int first_output = blockIdx.y * N;
    source += group * p.inputs;
    weight += group * p.weight_group;

    // What this thread copies: the same chunk of every so manyth row.
    int chunk = thread % CHUNKS, row = thread / CHUNKS;
    Walk walk = {0, 0, 0};
    int factor = skipped * STEP + chunk * PER_CHUNK;
    walk.advance(p, factor);
    const T *base[LEFT];
    int top[LEFT], left[LEFT];
#pragma unroll
    for (int i = 0; i < LEFT; i++) {
        index m = first + row + i * (THREADS_HERE / CHUNKS);
        bool exists = m < pixels;
        index image = exists ? m / plane : 0;
        int at = exists ? (int)(m % plane) : 0;
        base[i] = source + image * p.source_image;
        // What does not exist is outside of every map.
        top[i] = exists ? at / p.out_width * p.stride_y - p.lead_y : -(1 << 30);
        left[i] = at % p.out_width * p.stride_x - p.lead_x;
    }

    auto copy = [&](int stage) {
        char *to = shared[stage];
        bool inside = factor < depth;
#pragma unroll
        for (int i = 0; i < LEFT; i++) {
            int y = top[i] + walk.y * p.step_y, x = left[i] + walk.x * p.step_x;
            bool exists = inside && y >= 0 && y < p.height && x >= 0 && x < p.width;
            const T *from = exists ? base[i] + y * p.source_y + x * p.source_x + walk.channel : source;
            copy_chunk(to + chunk_at(row + i * (THREADS_HERE / CHUNKS), chunk), (const char *)from, exists);
        }
#pragma unroll
        for (int i = 0; i < RIGHT; i++) {
            int output = first_output + row + i * (THREADS_HERE / CHUNKS);
            bool exists = inside && output < p.outputs;
            const T *from = exists ? weight + (long long)output * depth + factor : weight;
            copy_chunk(to + M * 64 + chunk_at(row + i * (THREADS_HERE / CHUNKS), chunk), (const char *)from, exists);
        }
        walk.advance(p, STEP);
        factor += STEP;
    };

    // In registers: every loop over them is unrolled.
    float sums[TILES][4][4] = {};

    int warp_row = warp / WARPS_N * (M / WARPS_M), warp_column = warp % WARPS_N * 32;
#pragma unroll
    for (int stage = 0; stage < STAGES - 1; stage++) {
        if (stage < steps) copy(stage);
        commit();
    }
    for (int step = 0; step < steps; step++) {
        // This step's copies have come, to all threads; and all have read the stage that is filled next.
        wait<STAGES - 2>();
        __syncthreads();
        if (step + STAGES - 1 < steps) copy((step + STAGES - 1) % STAGES);
        commit();
        const char *from = shared[step % STAGES];
#pragma unroll
        for (int half = 0; half < 2; half++) {
            u32 a[TILES][4], b[4][2];
#pragma unroll
            for (int i = 0; i < TILES; i++) {
                load_matrices(a[i], from + chunk_at(warp_row + i * 16 + lane % 16, 2 * half + lane / 16));
#pragma unroll
                for (int k = 0; k < 4; k++) a[i][k] = rounded(a[i][k]);
            }
#pragma unroll
            for (int j = 0; j < 4; j += 2) {
                u32 both[4];
                int channel = warp_column + j * 8 + lane % 8 + lane / 16 * 8;
                load_matrices(both, from + M * 64 + chunk_at(channel, 2 * half + lane / 8 % 2));
#pragma unroll
                for (int k = 0; k < 4; k++) b[j + k / 2][k % 2] = rounded(both[k]);
            }
#pragma unroll
            for (int i = 0; i < TILES; i++)
#pragma unroll
                for (int j = 0; j < 4; j++) multiply(sums[i][j], a[i], b[j]);
        }
    }

    // Of each row four lanes have two channels of each of four tiles; each takes the eight of one tile from the others.
    int quad = lane % 4;
    int output = first_output + warp_column + quad * 8;
    bool whole = p.outputs % 8 == 0 && p.target_x % 8 == 0;
#pragma unroll
    for (int i = 0; i < TILES; i++) {
#pragma unroll
        for (int half = 0; half < 2; half++) {
            A values[8];
#pragma unroll
            for (int distance = 0; distance < 4; distance++) {
                int partner = quad ^ distance;
#pragma unroll
                for (int k = 0; k < 2; k++) {
                    A mine = sums[i][0][2 * half + k];
#pragma unroll
                    for (int j = 1; j < 4; j++) mine = partner == j ? sums[i][j][2 * half + k] : mine;
                    A theirs = __shfl_xor_sync(0xffffffffu, mine, distance);
#pragma unroll
                    for (int j = 0; j < 4; j++) values[2 * j + k] = partner == j ? theirs : values[2 * j + k];
                }
            }
            index m = first + warp_row + i * 16 + half * 8 + lane / 4;
            if (m >= pixels || output >= p.outputs) continue;
            if (sums_of_parts) {
                float *to = sums_of_parts + ((index)part * pixels + m) * (p.groups * p.outputs) + group * p.outputs + output;
#pragma unroll
                for (int k = 0; k < 8; k++) {
                    if (output + k < p.outputs) to[k] = values[k];
                }
                continue;
            }
            int at = (int)(m % plane);
            long long to = m / plane * p.target_image + at / p.out_width * p.target_y +
                           at % p.out_width * p.target_x + p.target_offset + group * p.outputs + output;
            int count = p.outputs - output < 8 ? p.outputs - output : 8;
            Eight added, eight;
            if (residual && whole) {
                added = *(const Eight *)(residual + to);
            }
#pragma unroll
            for (int k = 0; k < 8; k++) {
                if (k >= count) continue;
                A value = values[k];
                if (bias) value += (A)bias[group * p.outputs + output + k];
                if (residual) value += get(whole ? added.values[k] : residual[to + k]);
                eight.values[k] = put(activate(function, parameter, value));
                if (!whole) target[to + k] = eight.values[k];
            }
            if (whole) *(Eight *)(target + to) = eight;
        }
    }
}

#define PRODUCT(NAME, M, N, WARPS_M, WARPS_N)                                                                       \
    extern "C" __global__ void __launch_bounds__(32 * WARPS_M * WARPS_N) NAME(                                      \
        const T *source, const T *weight, const P *bias, const T *residual, T *target, Product p, int function,     \
        double parameter, float *sums_of_parts, int parts) {                                                        \
        product<M, N, WARPS_M, WARPS_N>(                                                                            \
            p, source, weight, bias, residual, target, function, (float)parameter, sums_of_parts, parts);           \
    }
PRODUCT(tensor_product_128x128, 128, 128, 2, 4)
PRODUCT(tensor_product_128x64, 128, 64, 4, 2)
PRODUCT(tensor_product_64x64, 64, 64, 2, 2)
#endif
