// Eight values of each tensor, spread evenly, the first and the last among them: whether they changed.

extern "C" __global__ void samples(const Sampled *tensors, u64 *to, index count) {
    EACH(i, count * 8) {
        Sampled tensor = tensors[i / 8];
        long long last = tensor.count - 1, k = i % 8;
        long long at = last / 7 * k + last % 7 * k / 7;
        to[i] = tensor.bytes == 8 ? ((const u64 *)tensor.address)[at]
              : tensor.bytes == 4 ? ((const u32 *)tensor.address)[at]
                                  : ((const unsigned short *)tensor.address)[at];
    }
}
