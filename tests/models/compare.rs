//! How far a network's outputs, stages and gradients are from the recorded ones.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use candle_core::{DType, Device, Result, Tensor};

use crate::formula;
use crate::recorded::Digest;

/// The largest error allowed, as a part of the range of the values expected: of gradients in f64, else of f32.
fn tolerance(kind: &str) -> f64 {
    if kind == "gradients" { 1e-10 } else { 1e-5 }
}

/// The values called `probe`, as many as the largest tensor needs.
pub(crate) struct Probe(Tensor);

impl Probe {
    pub(crate) fn new(count: usize) -> Result<Self> {
        let values = Tensor::from_vec(formula::values("probe", count), count, &Device::Cpu)?;
        Ok(Self(values.to_dtype(DType::F64)?))
    }

    /// The digest of a tensor.
    pub(crate) fn digest(&self, tensor: &Tensor) -> Result<Digest> {
        let values = tensor.flatten_all()?.to_dtype(DType::F64)?.to_device(&Device::Cpu)?;
        let count = values.elem_count();
        let products = (&values * self.0.narrow(0, 0, count)?)?.sum_all()?;
        let number = |tensor: Tensor| tensor.to_scalar::<f64>();
        Ok(Digest {
            mean: number(values.mean_all()?)?,
            least: number(values.min_all()?)?,
            largest: number(values.max_all()?)?,
            probe: number(products)? / (count as f64).sqrt(),
        })
    }
}

/// All that is wrong with a network, and how close the rest is.
#[derive(Default)]
pub(crate) struct Report {
    failures: Vec<String>,
    /// How many there are of a kind of comparison, the largest error that passed, and where.
    passed: BTreeMap<&'static str, (usize, f64, String)>,
}

impl Report {
    pub(crate) fn fail(&mut self, message: String) {
        self.failures.push(message);
    }

    /// One comparison: the number that we got and the one expected, and the range of the values they are of.
    fn add(&mut self, kind: &'static str, place: &str, got: f64, want: f64, range: f64) {
        // Of equal values the error is absolute.
        let error = (got - want).abs() / if range > 0.0 { range } else { 1.0 };
        if error <= tolerance(kind) {
            let (_, worst, at) = self.passed.entry(kind).or_default();
            if error >= *worst {
                (*worst, *at) = (error, place.to_owned());
            }
        } else {
            self.fail(format!("{kind} {place}: got {got}, want {want}: {error:.1e} of the range"));
        }
    }

    /// Compares whole tensors, where they differ most.
    pub(crate) fn tensors(
        &mut self,
        kind: &'static str,
        place: &str,
        got: &Tensor,
        want: &Tensor,
    ) -> Result<()> {
        if got.dims() != want.dims() {
            self.fail(format!("{kind} {place}: got {:?}, want {:?}", got.dims(), want.dims()));
            return Ok(());
        }
        let values = |tensor: &Tensor| tensor.flatten_all()?.to_dtype(DType::F64)?.to_vec1::<f64>();
        let (got, want) = (values(got)?, values(want)?);
        let least = want.iter().copied().fold(f64::INFINITY, f64::min);
        let largest = want.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let error = |&(_, (got, want)): &(usize, (&f64, &f64))| (got - want).abs();
        // Not a number is more than all numbers.
        let worst = got.iter().zip(&want).enumerate().max_by(|a, b| error(a).total_cmp(&error(b)));
        if let Some((position, (&got, &want))) = worst {
            self.add(kind, &format!("{place}[{position}]"), got, want, largest - least);
        }
        Ok(())
    }

    /// Compares digests.
    pub(crate) fn digests(&mut self, kind: &'static str, place: &str, got: Digest, want: Digest) {
        let range = want.largest - want.least;
        for (number, got, want) in [
            ("mean", got.mean, want.mean),
            ("least", got.least, want.least),
            ("largest", got.largest, want.largest),
            ("probe", got.probe, want.probe),
        ] {
            self.add(kind, &format!("{place}, {number}"), got, want, range);
        }
    }

    /// How many tensors of a kind were compared.
    pub(crate) fn count(&mut self, kind: &'static str, count: usize) {
        self.passed.entry(kind).or_default().0 = count;
    }

    /// Prints how close everything is.
    ///
    /// # Panics
    ///
    /// If anything deviates: the message lists all of it.
    pub(crate) fn finish(self, name: &str) {
        let mut line = format!("models: {name}");
        for (kind, (count, error, place)) in &self.passed {
            let _ = write!(line, "; {count} {kind} within {error:.1e} ({place})");
        }
        println!("{line}");
        let failures = &self.failures;
        assert!(failures.is_empty(), "{name}: {} deviations:\n{}", failures.len(), failures.join("\n"));
    }
}
