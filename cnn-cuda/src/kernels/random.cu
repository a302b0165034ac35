// Dropout's masks, by the generator of the host: Philox 4x32-10 (Salmon, Moraes, Dror & Shaw, SC 2011). The same seed and
// place give the same mask as on the CPU.

__device__ inline void philox(u32 (&c)[4], u32 low, u32 high) {
    for (int round = 0; round < 10; round++) {
        u32 high0 = __umulhi(0xD2511F53u, c[0]), low0 = 0xD2511F53u * c[0];
        u32 high1 = __umulhi(0xCD9E8D57u, c[2]), low1 = 0xCD9E8D57u * c[2];
        u32 a = high1 ^ c[1] ^ low, b = high0 ^ c[3] ^ high;
        c[0] = a, c[1] = low1, c[2] = b, c[3] = low0;
        low += 0x9E3779B9u, high += 0xBB67AE85u;
    }
}

// Four values for each block of the generator: `scale` with probability `kept`, else 0.
extern "C" __global__ void mask(T *to, index count, u64 seed, u64 stream, u64 block, double kept, double scale) {
    EACH(i, (count + 3) / 4) {
        u64 at = block + (u64)i;
        u32 words[4] = {(u32)at, (u32)(at >> 32), (u32)stream, (u32)(stream >> 32)};
        philox(words, (u32)seed, (u32)(seed >> 32));
        for (int k = 0; k < 4 && 4 * i + k < count; k++) {
            // In double precision, as the host decides.
            bool stays = ((double)words[k] + 0.5) * (1.0 / 4294967296.0) < kept;
            to[4 * i + k] = put(stays ? (A)scale : A(0));
        }
    }
}
