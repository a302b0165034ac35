//! Which classes were taken for which.

use std::fmt;

/// How often a sample of one class was predicted to be of another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Confusion {
    classes: Vec<String>,
    /// Row by row: the true class's row, the predicted class's column.
    counts: Vec<u64>,
}

impl Confusion {
    pub(super) fn new(classes: Vec<String>) -> Self {
        Self { counts: vec![0; classes.len() * classes.len()], classes }
    }

    pub(super) fn add(&mut self, label: usize, predicted: usize) {
        self.counts[label * self.classes.len() + predicted] += 1;
    }

    /// The names of the classes.
    #[must_use]
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// How often a sample of class `label` was predicted to be of class `predicted`.
    ///
    /// # Panics
    /// If one of them is no class; so do the other functions of classes.
    #[must_use]
    pub fn count(&self, label: usize, predicted: usize) -> u64 {
        assert!(predicted < self.classes.len(), "{predicted} is no class");
        self.counts[label * self.classes.len() + predicted]
    }

    /// Samples in all.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Samples of a class.
    #[must_use]
    pub fn support(&self, class: usize) -> u64 {
        (0..self.classes.len()).map(|predicted| self.count(class, predicted)).sum()
    }

    /// How often a class was predicted.
    #[must_use]
    pub fn predicted(&self, class: usize) -> u64 {
        (0..self.classes.len()).map(|label| self.count(label, class)).sum()
    }

    /// Of what was predicted to be of this class the share that is; 0 where it was never predicted.
    #[must_use]
    pub fn precision(&self, class: usize) -> f64 {
        share(self.count(class, class), self.predicted(class))
    }

    /// Of the samples of this class the share that was predicted to be; 0 where there are none.
    #[must_use]
    pub fn recall(&self, class: usize) -> f64 {
        share(self.count(class, class), self.support(class))
    }

    /// The harmonic mean of precision and recall; 0 where the class was neither predicted nor there.
    #[must_use]
    pub fn f1(&self, class: usize) -> f64 {
        share(2 * self.count(class, class), self.predicted(class) + self.support(class))
    }

    /// The means of the classes' precision, recall and F1 (scikit-learn's "macro avg").
    #[must_use]
    pub fn macro_average(&self) -> [f64; 3] {
        let mean = |of: &dyn Fn(usize) -> f64| {
            (0..self.classes.len()).map(of).sum::<f64>() / self.classes.len() as f64
        };
        [
            mean(&|class| self.precision(class)),
            mean(&|class| self.recall(class)),
            mean(&|class| self.f1(class)),
        ]
    }
}

fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

impl fmt::Display for Confusion {
    /// The matrix: a row for each true class, a column for each predicted one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let length = |name: &String| name.chars().count();
        let name = self.classes.iter().map(length).max().unwrap_or(0);
        let digits = self.counts.iter().max().map_or(1, |count| count.to_string().len());
        // Columns are named by their first letters where the names are longer than the numbers.
        let width = digits.max(name.min(5));
        write!(f, "{:name$}", "")?;
        for class in &self.classes {
            write!(f, "  {:>width$}", class.chars().take(width).collect::<String>())?;
        }
        writeln!(f)?;
        for (label, class) in self.classes.iter().enumerate() {
            write!(f, "{class:<name$}")?;
            for predicted in 0..self.classes.len() {
                write!(f, "  {:>width$}", self.count(label, predicted))?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}
