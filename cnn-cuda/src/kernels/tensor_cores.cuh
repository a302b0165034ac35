// What kernels on tensor cores share: chunks of 16 bytes on their way to shared memory and registers, and products of them.
#if !defined(SCALAR_F64)
#if defined(SCALAR_BF16)
#define PER_CHUNK 8
#else
#define PER_CHUNK 4
#endif
#define STAGES 3

// PTX that a stand-in for CUDA, which knows none, does by hand.
#if defined(CUDA_STANDIN)
__device__ inline void copy_chunk(char *to, const char *from, bool exists) {
    for (int i = 0; i < 16; i++) to[i] = exists ? from[i] : 0;
}
__device__ inline void commit() {}
template <int PENDING>
__device__ inline void wait() {}

// Four matrices of eight rows of 16 bytes: lane 8 i + r has the address of row r of matrix i, and lane l gets the l % 4-th
// word of row l / 4 of each.
__device__ inline void load_matrices(u32 (&to)[4], const char *row) {
    int lane = threadIdx.x % 32;
    for (int i = 0; i < 4; i++) {
        u64 address = __shfl_sync(0xffffffffu, (u64)row, 8 * i + lane / 4);
        to[i] = ((const u32 *)address)[lane % 4];
    }
}

// The same of matrices that are transposed on the way, of 16 bits: lane l gets the values of rows 2 (l % 4) and the one behind it
// in column l / 4 of each.
__device__ inline void load_transposed(u32 (&to)[4], const char *row) {
    int lane = threadIdx.x % 32;
    for (int i = 0; i < 4; i++) {
        u32 values[2];
        for (int k = 0; k < 2; k++) {
            u64 address = __shfl_sync(0xffffffffu, (u64)row, 8 * i + 2 * (lane % 4) + k);
            values[k] = ((const unsigned short *)address)[lane / 4];
        }
        to[i] = values[0] | values[1] << 16;
    }
}

// The k-th element of a word.
__device__ inline float element(u32 word, int k) {
#if defined(SCALAR_BF16)
    return __uint_as_float(k ? word & 0xffff0000u : word << 16);
#else
    return __uint_as_float(word);
#endif
}

__device__ inline void multiply(float (&to)[4], const u32 (&a)[4], const u32 (&b)[2]) {
    int lane = threadIdx.x % 32, row = lane / 4, column = lane % 4 * 2;
    for (int chunk = 0; chunk < 2; chunk++) {
        for (int word = 0; word < 4; word++) {
            u32 left[2], right[2];
            for (int half = 0; half < 2; half++) {
                left[half] = __shfl_sync(0xffffffffu, a[2 * chunk + half], row * 4 + word);
                right[half] = __shfl_sync(0xffffffffu, b[chunk], (column + half) * 4 + word);
            }
            for (int k = 0; k < PER_CHUNK / 4; k++) {
                for (int i = 0; i < 4; i++) to[i] += element(left[i / 2], k) * element(right[i % 2], k);
            }
        }
    }
}

__device__ inline u32 rounded(u32 word) { return word; }
#else
__device__ inline u32 shared_address(const void *at) { return (u32)__cvta_generic_to_shared(at); }

__device__ inline void copy_chunk(char *to, const char *from, bool exists) {
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;\n" ::"r"(shared_address(to)), "l"(from),
                 "r"(exists ? 16 : 0));
}
__device__ inline void commit() { asm volatile("cp.async.commit_group;\n"); }
template <int PENDING>
__device__ inline void wait() {
    asm volatile("cp.async.wait_group %0;\n" ::"n"(PENDING));
}

__device__ inline void load_matrices(u32 (&to)[4], const char *row) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];\n"
                 : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
                 : "r"(shared_address(row)));
}

__device__ inline void load_transposed(u32 (&to)[4], const char *row) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];\n"
                 : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
                 : "r"(shared_address(row)));
}

__device__ inline void multiply(float (&to)[4], const u32 (&a)[4], const u32 (&b)[2]) {
#if defined(SCALAR_BF16)
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
#else
    asm volatile("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 "
#endif
                 "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};\n"
                 : "+f"(to[0]), "+f"(to[1]), "+f"(to[2]), "+f"(to[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

// f32 to the nearest TF32; what tensor cores do by themselves is to cut.
__device__ inline u32 rounded(u32 word) {
#if !defined(SCALAR_BF16)
    asm("cvt.rna.tf32.f32 %0, %0;\n" : "+r"(word));
#endif
    return word;
}
#endif
#endif
