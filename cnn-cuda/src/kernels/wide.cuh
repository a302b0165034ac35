// Neighbouring values that are read and written together: VALUES make 16 bytes.
#define VALUES (16 / (int)sizeof(T))

template <int V>
struct alignas(V * sizeof(T)) Some {
    T values[V];
};

template <int V>
__device__ inline Some<V> load(const T *from, index i) {
    return *(const Some<V> *)(from + i);
}
