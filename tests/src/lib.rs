//! Tests of the whole: the macro, the runtime and the references. They are this package's test targets.

/// The first GPU. Where there is none this says so, and the test is over.
#[cfg(feature = "cuda")]
#[must_use]
pub fn gpu() -> Option<cnn_runtime::Device> {
    match cnn_examples::device::Choice::Cuda(0).open() {
        Ok(device) => Some(device),
        Err(error) => {
            println!("skipped on a GPU: {error}");
            None
        }
    }
}
