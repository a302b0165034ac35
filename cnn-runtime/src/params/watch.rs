//! Whether a network's tensors are still what they were.

use std::sync::{Arc, Weak};

use candle_core::{Storage, Var};

use super::state::Inner;

/// Notices that the tensors of a network changed, without keeping it alive and without copying it.
///
/// Of each tensor it remembers the number of its values and eight of them, the first and the last among them, and
/// compares those bit by bit. A step of an optimizer, running statistics that move and weights that are set change
/// nearly every value, and are noticed. A change of single values may not be, and neither is a change of tensors on the CPU
/// that are not `f32` or `f64`. On a CUDA device a kernel collects the values of all tensors. A network that was dropped has not changed.
#[derive(Clone, Debug)]
pub(crate) struct Watch {
    network: Weak<Inner>,
    prefix: String,
    marks: Vec<Option<Mark>>,
}

/// A tensor's number of values, and the bits of some.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Mark {
    count: usize,
    samples: [u64; 8],
}

impl Watch {
    /// Remembers the tensors below a prefix.
    pub(super) fn new(network: &Arc<Inner>, prefix: &str) -> Self {
        let marks = marks(network, prefix);
        Self { network: Arc::downgrade(network), prefix: prefix.to_owned(), marks }
    }

    /// The name of the first tensor that changed.
    pub(crate) fn changed(&self) -> Option<String> {
        let network = self.network.upgrade()?;
        let now = marks(&network, &self.prefix);
        let mut tensors = network.named(&self.prefix).zip(now.iter().zip(&self.marks));
        tensors.find(|(_, (now, before))| now != before).map(|((name, _, _), _)| name.to_owned())
    }
}

fn marks(network: &Inner, prefix: &str) -> Vec<Option<Mark>> {
    #[cfg(feature = "cuda")]
    if let candle_core::Device::Cuda(device) = &network.device {
        let vars: Vec<&Var> = network.named(prefix).map(|(_, var, _)| var).collect();
        // A device that does not answer says so where it is used.
        let samples = crate::cuda::samples(device, &vars).unwrap_or_default();
        let found =
            samples.into_iter().zip(&vars).map(|(samples, var)| Mark { count: var.elem_count(), samples });
        let mut marks: Vec<Option<Mark>> = found.map(Some).collect();
        marks.resize(vars.len(), None);
        return marks;
    }
    network.named(prefix).map(|(_, var, _)| mark(var)).collect()
}

fn mark(var: &Var) -> Option<Mark> {
    let (storage, layout) = var.storage_and_layout();
    let (start, end) = layout.contiguous_offsets()?;
    let Storage::Cpu(storage) = &*storage else { return None };
    if let Ok(values) = storage.as_slice::<f32>() {
        return Some(sampled(values.get(start..end)?, |value| u64::from(value.to_bits())));
    }
    let values = storage.as_slice::<f64>().ok()?;
    Some(sampled(values.get(start..end)?, f64::to_bits))
}

fn sampled<T: Copy>(values: &[T], bits: impl Fn(T) -> u64) -> Mark {
    let last = values.len().saturating_sub(1);
    // Spread evenly, by integers that cannot overflow.
    let at = |index: usize| last / 7 * index + last % 7 * index / 7;
    let sample = |index| values.get(at(index)).map_or(0, |&value| bits(value));
    Mark { count: values.len(), samples: std::array::from_fn(sample) }
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device, Tensor};

    use super::*;

    #[test]
    fn samples_are_spread_over_the_values() {
        let values: Vec<f32> = (0..15).map(|value| value as f32).collect();
        let mark = sampled(&values, |value| value as u64);
        assert_eq!(mark, Mark { count: 15, samples: [0, 2, 4, 6, 8, 10, 12, 14] });
        assert_eq!(sampled(&[3f32], |value| value as u64).samples, [3; 8]);
        assert_eq!(sampled(&[0f32; 0], |_| 1).samples, [0; 8]);
    }

    #[test]
    fn a_mark_is_of_bits() {
        let var = |value: f64| Var::from_tensor(&Tensor::new(&[value], &Device::Cpu).expect("a value"));
        let var =
            |value, dtype| Var::from_tensor(&var(value).expect("a variable").to_dtype(dtype).expect("cast"));
        for dtype in [DType::F32, DType::F64] {
            let mark = |value| mark(&var(value, dtype).expect("a variable"));
            assert!(mark(0.0).is_some());
            assert_eq!(mark(f64::NAN), mark(f64::NAN));
            assert_ne!(mark(0.0), mark(-0.0));
        }
    }
}
