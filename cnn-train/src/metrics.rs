//! How good a classifier is: accuracy, top-k, the confusion matrix, and precision, recall and F1 of each class.
//!
//! ```
//! use candle_core::{Device, Tensor};
//! use cnn_train::metrics::Metrics;
//!
//! # fn main() -> cnn_train::Result<()> {
//! let mut metrics = Metrics::named(["cat", "dog"]);
//! let logits = Tensor::new(&[[2.0_f32, 1.0], [0.0, 3.0], [1.0, 0.5]], &Device::Cpu)?;
//! metrics.update(&logits, &Tensor::new(&[0_u32, 1, 1], &Device::Cpu)?)?;
//! assert_eq!((metrics.samples(), metrics.accuracy()), (3, 2.0 / 3.0));
//! assert_eq!((metrics.confusion().count(1, 0), metrics.confusion().recall(1)), (1, 0.5));
//! println!("{metrics}\n{}", metrics.confusion());
//! # Ok(())
//! # }
//! ```

mod confusion;

use std::fmt;

use candle_core::{DType, Tensor};

pub use confusion::Confusion;

/// What cannot be counted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Logits and labels do not belong together.
    #[error("logits of shape {logits:?} and labels of shape {labels:?}: give (N, {classes}) and (N)")]
    Shape {
        /// The logits' shape.
        logits: Vec<usize>,
        /// The labels' shape.
        labels: Vec<usize>,
        /// How many classes there are.
        classes: usize,
    },
    /// Labels that are no whole numbers.
    #[error("labels of type {found:?}: give whole numbers, U32 for instance")]
    Type {
        /// Their type.
        found: DType,
    },
    /// A label is no class.
    #[error(
        "sample {sample} of the batch has label {label}, where there are {classes} classes, counted from 0"
    )]
    Label {
        /// Which sample.
        sample: usize,
        /// Its label.
        label: i64,
        /// How many classes there are.
        classes: usize,
    },
    /// A tensor operation failed.
    #[error(transparent)]
    Candle(#[from] candle_core::Error),
}

/// Counts what a classifier predicts, batch by batch.
///
/// The predicted class is that of the largest logit, the first of equals. NaN is below all numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metrics {
    confusion: Confusion,
    /// How often the true class had this many others before it.
    ranks: Vec<u64>,
}

impl Metrics {
    /// Nothing counted yet of `classes` classes without names.
    #[must_use]
    pub fn new(classes: usize) -> Self {
        Self::named((0..classes).map(|class| class.to_string()))
    }

    /// Nothing counted yet of classes with these names.
    #[must_use]
    pub fn named(classes: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let confusion = Confusion::new(classes.into_iter().map(Into::into).collect());
        Self { ranks: vec![0; confusion.classes().len()], confusion }
    }

    /// Counts a batch: logits `(N, classes)` and labels `(N)`, whole numbers.
    ///
    /// # Errors
    /// If the shapes or types are others, or a label is no class; nothing of the batch is counted then.
    pub fn update(&mut self, logits: &Tensor, labels: &Tensor) -> Result<(), Error> {
        let classes = self.ranks.len();
        let fits = logits.rank() == 2 && logits.dims()[1] == classes && labels.dims() == [logits.dims()[0]];
        if !fits {
            let (logits, labels) = (logits.dims().to_vec(), labels.dims().to_vec());
            return Err(Error::Shape { logits, labels, classes });
        }
        if !matches!(labels.dtype(), DType::U8 | DType::U32 | DType::I64) {
            return Err(Error::Type { found: labels.dtype() });
        }
        let labels: Vec<i64> = labels.to_dtype(DType::I64)?.to_vec1()?;
        if let Some(sample) = labels.iter().position(|&label| label < 0 || label >= classes as i64) {
            return Err(Error::Label { sample, label: labels[sample], classes });
        }
        let logits: Vec<f64> = logits.to_dtype(DType::F64)?.flatten_all()?.to_vec1()?;
        for (logits, &label) in logits.chunks_exact(classes.max(1)).zip(&labels) {
            self.count(logits, label as usize);
        }
        Ok(())
    }

    fn count(&mut self, logits: &[f64], label: usize) {
        let before = |one: usize, other: usize| {
            let (one_is, other_is) = (logits[one], logits[other]);
            one_is > other_is
                || (other_is.is_nan() && !one_is.is_nan())
                || (one < other && (one_is == other_is || (one_is.is_nan() && other_is.is_nan())))
        };
        let predicted =
            (1..logits.len()).fold(0, |best, class| if before(class, best) { class } else { best });
        let rank = (0..logits.len()).filter(|&class| before(class, label)).count();
        self.confusion.add(label, predicted);
        self.ranks[rank] += 1;
    }

    /// Forgets what was counted.
    pub fn reset(&mut self) {
        *self = Self::named(self.confusion.classes().to_vec());
    }

    /// Samples counted.
    #[must_use]
    pub fn samples(&self) -> u64 {
        self.confusion.total()
    }

    /// The share of the samples whose class was predicted, 0 to 1; NaN before the first.
    #[must_use]
    pub fn accuracy(&self) -> f64 {
        self.top_k(1)
    }

    /// The share of the samples whose class is among the `k` largest logits, 0 to 1; NaN before the first.
    #[must_use]
    pub fn top_k(&self, k: usize) -> f64 {
        self.ranks.iter().take(k).sum::<u64>() as f64 / self.samples() as f64
    }

    /// Which classes were taken for which.
    #[must_use]
    pub fn confusion(&self) -> &Confusion {
        &self.confusion
    }
}

impl fmt::Display for Metrics {
    /// A table of the classes, as scikit-learn's `classification_report`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let confusion = &self.confusion;
        let name = confusion.classes().iter().map(|name| name.chars().count()).max().unwrap_or(0).max(12);
        writeln!(f, "{:name$}  precision  recall      F1  samples", "")?;
        for (class, label) in confusion.classes().iter().enumerate() {
            let (precision, recall) = (confusion.precision(class), confusion.recall(class));
            let (f1, support) = (confusion.f1(class), confusion.support(class));
            writeln!(f, "{label:<name$}  {precision:9.3}  {recall:6.3}  {f1:6.3}  {support:7}")?;
        }
        let [precision, recall, f1] = confusion.macro_average();
        let samples = self.samples();
        writeln!(f, "{:<name$}  {precision:9.3}  {recall:6.3}  {f1:6.3}  {samples:7}", "mean")?;
        write!(f, "accuracy {:.2} %", 100.0 * self.accuracy())?;
        if self.ranks.len() > 5 {
            write!(f, ", top-5 {:.2} %", 100.0 * self.top_k(5))?;
        }
        writeln!(f)
    }
}
