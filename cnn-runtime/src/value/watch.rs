//! Looking at every value of a run.

use std::cell::RefCell;

use candle_core::Tensor;

thread_local! {
    /// What the operations of this thread gave, where that is watched.
    static SEEN: RefCell<Option<Vec<(&'static str, Tensor)>>> = const { RefCell::new(None) };
}

/// What `body` gives, and the result of every [`Operation`](super::Operation) on tensors that it applied in this thread, with
/// its name, in order: to find the first that is odd. A watch within a watch sees what is its own.
///
/// ```
/// use candle_core::{Device, Tensor};
/// use cnn_runtime::Value;
/// use cnn_runtime::value::watched;
///
/// fn run<V: Value>(x: &V) -> candle_core::Result<V> {
///     x.sigmoid()?.tanh()
/// }
///
/// let x = Tensor::new(&[[0f32]], &Device::Cpu)?;
/// let (result, operations) = watched(|| run(&x));
/// assert_eq!((operations[0].0, operations[1].0), ("sigmoid", "tanh"));
/// assert_eq!(operations[0].1.to_vec2::<f32>()?, [[0.5]]);
/// assert_eq!(operations[1].1.to_vec2::<f32>()?, result?.to_vec2::<f32>()?);
/// # Ok::<(), candle_core::Error>(())
/// ```
pub fn watched<R>(body: impl FnOnce() -> R) -> (R, Vec<(&'static str, Tensor)>) {
    /// Puts back the watch around this one, also where `body` panics.
    struct Outer(Option<Vec<(&'static str, Tensor)>>);

    impl Drop for Outer {
        fn drop(&mut self) {
            SEEN.set(self.0.take());
        }
    }

    let outer = Outer(SEEN.replace(Some(Vec::new())));
    let result = body();
    let seen = SEEN.take().unwrap_or_default();
    drop(outer);
    (result, seen)
}

/// Notes a result where it is watched.
pub(super) fn note(name: &'static str, result: &Tensor) {
    SEEN.with_borrow_mut(|seen| {
        if let Some(seen) = seen {
            seen.push((name, result.clone()));
        }
    });
}
