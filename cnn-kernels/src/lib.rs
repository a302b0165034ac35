//! CPU kernels for convolution, pooling and normalization: forward and backward.
