// The gradient of a convolution's weight on tensor cores, of maps with their channels last: of each output channel and factor (a
// tap and an input channel) the sum over all pixels of what the channel's gradient is and what the factor saw.
//
// A block has a tile of SIZE output channels by SIZE factors and sums over a part of the pixels. What it multiplies comes to
// shared memory in steps of PIXELS pixels. There a row is a pixel; the products want columns of pixels: bf16 is transposed on its
// way to registers, TF32 is read value by value. Chunks of 16 bytes are stored in an order that depends on the row, so that what
// is read together is in different banks.
//
// `to` is [part][group][output][factor]. Inputs and outputs come in whole chunks: the host sees to that.
#if !defined(SCALAR_F64)

// Two steps of the products.
#define PIXELS (4 * PER_CHUNK)

// Where a chunk of a row stands.
template <int SIZE>
__device__ inline int chunk_at(int row, int chunk) {
#if defined(SCALAR_BF16)
    int other = chunk ^ (row & 7);
#else
    int other = chunk ^ 2 * (row & 3);
#endif
    return (row * (SIZE / PER_CHUNK) + other) * 16;
}

// A value of a row, as a word.
template <int SIZE>
__device__ inline u32 word_at(const char *from, int row, int column) {
    return *(const u32 *)(from + chunk_at<SIZE>(row, column / PER_CHUNK) + column % PER_CHUNK * (int)sizeof(T));
}

// Sixteen columns from `column` on, as a left factor, of the pixels of a step from `row` on.
template <int SIZE>
__device__ inline void load_left(u32 (&to)[4], const char *from, int row, int column) {
    int lane = threadIdx.x % 32;
#if defined(SCALAR_BF16)
    row += lane % 8 + lane / 16 * 8;
    load_transposed(to, from + chunk_at<SIZE>(row, column / PER_CHUNK + lane / 8 % 2));
#else
#pragma unroll
    for (int i = 0; i < 4; i++) {
        to[i] = rounded(word_at<SIZE>(from, row + lane % 4 + i / 2 * 4, column + lane / 4 + i % 2 * 8));
    }
#endif
}

// Twice eight columns from `column` on, as right factors.
template <int SIZE>
__device__ inline void load_right(u32 (&to)[2][2], const char *from, int row, int column) {
    int lane = threadIdx.x % 32;
#if defined(SCALAR_BF16)
    u32 both[4];
    row += lane % 16;
    load_transposed(both, from + chunk_at<SIZE>(row, column / PER_CHUNK + lane / 16));
#pragma unroll
    for (int i = 0; i < 4; i++) to[i / 2][i % 2] = both[i];
#else
#pragma unroll
    for (int i = 0; i < 4; i++) {
        to[i / 2][i % 2] = rounded(word_at<SIZE>(from, row + lane % 4 + i % 2 * 4, column + lane / 4 + i / 2 * 8));
    }
#endif
}

// A pixel of the output, and the way to one that is PIXELS further.
struct Place {
    int image, y, x;

    __device__ void advance(const Place &by, const Product &p) {
        x += by.x;
        int carry = x >= p.out_width;
        x -= carry ? p.out_width : 0;
        y += by.y + carry;
        carry = y >= p.out_height;
        y -= carry ? p.out_height : 0;
        image += by.image + carry;
    }
};

__device__ inline Place place_of(index m, const Product &p) {
    index plane = (index)p.out_height * p.out_width;
    int at = (int)(m % plane);
    return {(int)(m / plane), at / p.out_width, at % p.out_width};
}

template <int SIZE, int WARPS_M, int WARPS_N>
__device__ inline void weight_gradient(const Product &p, const T *source, const T *g, float *to, int parts) {
    const int THREADS_HERE = 32 * WARPS_M * WARPS_N, TILES = SIZE / WARPS_M / 16;
    const int PER_ROW = SIZE / PER_CHUNK, ROWS = THREADS_HERE / PER_ROW, COPIES = PIXELS / ROWS;
    const int SIDE = PIXELS * PER_ROW * 16;
    static_assert(SIZE / WARPS_N == 32, "a warp has 32 factors");
    alignas(128) __shared__ char shared[STAGES][2 * SIDE];
    int thread = threadIdx.x, lane = thread % 32, warp = thread / 32;
    int group = blockIdx.z % p.groups, part = blockIdx.z / p.groups;
    int first_output = blockIdx.x * SIZE, first_factor = blockIdx.y * SIZE, factors = p.taps_y * p.taps_x * p.inputs;
    index count = (index)p.out_height * p.out_width * p.images;
    index share = ((count + parts - 1) / parts + PIXELS - 1) / PIXELS * PIXELS;
    index begin = share * part, end = begin + share < count ? begin + share : count;
    int steps = begin < end ? (int)((end - begin + PIXELS - 1) / PIXELS) : 0;

    // What this thread copies: the same channels and the same factors of every so manyth pixel.
    int chunk = thread % PER_ROW, row = thread / PER_ROW;
    int output = first_output + chunk * PER_CHUNK, factor = first_factor + chunk * PER_CHUNK;
    int tap = factor / p.inputs;
    int down = tap / p.taps_x * p.step_y - p.lead_y, right = tap % p.taps_x * p.step_x - p.lead_x;
    // Where something can be read that is not used.
    const char *nowhere = (const char *)source;
    source += group * p.inputs + factor % p.inputs;
    g += group * p.outputs + output;
    Place by = place_of(PIXELS, p), places[COPIES];
#pragma unroll
    for (int i = 0; i < COPIES; i++) places[i] = place_of(begin + row + i * ROWS, p);
    index pixel = begin + row;

    auto copy = [&](int stage) {
        char *at = shared[stage];
#pragma unroll
        for (int i = 0; i < COPIES; i++) {
            Place &place = places[i];
            bool exists = pixel + i * ROWS < end;
            bool inside = exists && output < p.outputs;
            const T *from = g + place.image * p.target_image + place.y * p.target_y + place.x * p.target_x;
            copy_chunk(at + chunk_at<SIZE>(row + i * ROWS, chunk), inside ? (const char *)from : nowhere, inside);
            int y = place.y * p.stride_y + down, x = place.x * p.stride_x + right;
            inside = exists && factor < factors && y >= 0 && y < p.height && x >= 0 && x < p.width;
            from = source + place.image * p.source_image + y * p.source_y + x * p.source_x;
            copy_chunk(at + SIDE + chunk_at<SIZE>(row + i * ROWS, chunk), inside ? (const char *)from : nowhere, inside);
            place.advance(by, p);
        }
        pixel += PIXELS;
    };

    // In registers: every loop over them is unrolled.
    float sums[TILES][4][4] = {};

    int warp_row = warp / WARPS_N * (SIZE / WARPS_M), warp_column = warp % WARPS_N * 32;
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
            for (int i = 0; i < TILES; i++) load_left<SIZE>(a[i], from, half * (PIXELS / 2), warp_row + i * 16);
#pragma unroll
            for (int j = 0; j < 4; j += 2) {
                u32 both[2][2];
                load_right<SIZE>(both, from + SIDE, half * (PIXELS / 2), warp_column + j * 8);
#pragma unroll
                for (int k = 0; k < 4; k++) b[j + k / 2][k % 2] = both[k / 2][k % 2];
            }
#pragma unroll
            for (int i = 0; i < TILES; i++)
#pragma unroll
                for (int j = 0; j < 4; j++) multiply(sums[i][j], a[i], b[j]);
        }
    }

    to += (long long)(part * p.groups + group) * p.outputs * factors;
#pragma unroll
    for (int i = 0; i < TILES; i++) {
#pragma unroll
        for (int half = 0; half < 2; half++) {
            int o = first_output + warp_row + i * 16 + half * 8 + lane / 4;
            if (o >= p.outputs) continue;
#pragma unroll
            for (int j = 0; j < 4; j++) {
                int f = first_factor + warp_column + j * 8 + lane % 4 * 2;
                if (f >= factors) continue;
                float *at = to + (long long)o * factors + f;
                at[0] = sums[i][j][2 * half], at[1] = sums[i][j][2 * half + 1];
            }
        }
    }
}

extern "C" __global__ void __launch_bounds__(256)
    tensor_weight_gradient_128(const T *source, const T *g, float *to, Product p, int parts) {
    weight_gradient<128, 2, 4>(p, source, g, to, parts);
}

extern "C" __global__ void __launch_bounds__(128)
    tensor_weight_gradient_64(const T *source, const T *g, float *to, Product p, int parts) {
    weight_gradient<64, 2, 2>(p, source, g, to, parts);
}
#endif
