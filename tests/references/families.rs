//! The families of cases.

/// Input values of a large batch: an operation on each makes work for several threads.
pub(crate) const MANY: usize = 140_000;

// What the cases of each are; how many it has at least, because a file that lost some must not pass; and the values of
// its large batches (less where every value costs much, none where the batch has an influence on the result).
macro_rules! with_families {
    ($do:ident) => {
        $do! {
            conv2d: Operation, 90, 15_000;
            conv_transpose2d: Operation, 30, 15_000;
            linear: Operation, 15, MANY;
            max_pool2d: Operation, 50, MANY;
            avg_pool2d: Operation, 45, MANY;
            adaptive_pool2d: Operation, 20, MANY;
            batch_norm: Operation, 20, MANY;
            batch_norm_layer: BatchNormLayer, 9, 0;
            norms: Operation, 50, MANY;
            activation: Operation, 100, MANY;
            weighted: Operation, 20, MANY;
            cross_entropy: Operation, 18, 0;
            nonfinite: Operation, 20, 0;
            resize: Operation, 35, MANY;
            moving: Operation, 50, MANY;
        }
    };
}
