//! Which classes were taken for which.

use std::fmt;

/// How often a sample of one class was said to be of another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Confusion {
    classes: Vec<String>,
    /// Row by row: the true class's row, the said class's column.
    counts: Vec<u64>,
}

impl Confusion {
    pub(super) fn new(classes: Vec<String>) -> Self {
        Self { counts: vec![0; classes.len() * classes.len()], classes }
    }

    pub(super) fn add(&mut self, label: usize, said: usize) {
        self.counts[label * self.classes.len() + said] += 1;
    }

    /// The names of the classes.
    #[must_use]
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// How often a sample of class `label` was said to be of class `said`.
    ///
    /// # Panics
    /// If one of them is no class; so do the other functions of classes.
    #[must_use]
    pub fn count(&self, label: usize, said: usize) -> u64 {
        assert!(said < self.classes.len(), "{said} is no class");
        self.counts[label * self.classes.len() + said]
    }

    /// Samples in all.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Samples of a class.
    #[must_use]
    pub fn support(&self, class: usize) -> u64 {
        (0..self.classes.len()).map(|said| self.count(class, said)).sum()
    }

    /// How often a class was said.
    #[must_use]
    pub fn said(&self, class: usize) -> u64 {
        (0..self.classes.len()).map(|label| self.count(label, class)).sum()
    }

    /// Of what was said to be of this class the share that is; 0 where it was never said.
    #[must_use]
    pub fn precision(&self, class: usize) -> f64 {
        share(self.count(class, class), self.said(class))
    }

    /// Of the samples of this class the share that was said to be; 0 where there are none.
    #[must_use]
    pub fn recall(&self, class: usize) -> f64 {
        share(self.count(class, class), self.support(class))
    }

    /// The harmonic mean of precision and recall; 0 where the class was neither said nor there.
    #[must_use]
    pub fn f1(&self, class: usize) -> f64 {
        share(2 * self.count(class, class), self.said(class) + self.support(class))
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
    /// The matrix: a row for each true class, a column for each that was said.
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
            for said in 0..self.classes.len() {
                write!(f, "  {:>width$}", self.count(label, said))?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}
