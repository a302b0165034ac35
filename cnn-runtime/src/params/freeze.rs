//! What training leaves as it is.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use candle_core::Var;

use super::Role;
use super::compare::covers;
use super::state::State;
use crate::error::{Error, Result};

/// Whether a tensor is frozen; clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Frozen(Arc<AtomicBool>);

impl Frozen {
    pub(crate) fn get(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    fn set(&self, frozen: bool) {
        self.0.store(frozen, Ordering::Relaxed);
    }
}

impl State {
    /// Freezes the tensors at and below these paths: `features` covers `features.0.weight`, and not `features2.weight`.
    ///
    /// What is frozen is not [`trainable`](Self::trainable): optimizers made after this leave it alone, and a training step
    /// that is compiled after this does not go back further than it must. A batch norm whose running statistics are frozen
    /// normalizes with them in training too, and does not move them (as Keras's `trainable = False`; in PyTorch one calls
    /// `eval()` on the norm and sets `requires_grad` of its parameters).
    ///
    /// ```
    /// use cnn_runtime::prelude::*;
    ///
    /// network! {
    ///     Tiny: 1x8x8 -> 3 { features: (conv3-4 bn relu -> pool2) -> head: fc3 }
    /// }
    ///
    /// fn main() -> Result<()> {
    ///     let net = Tiny::init(Init::seed(1), &Device::Cpu)?;
    ///     net.state().freeze_except(&["head"])?;
    ///     let learned: Vec<&str> = net.state().learned().map(|(name, _)| name).collect();
    ///     assert_eq!(learned, ["head.weight", "head.bias"]);
    ///
    ///     net.state().unfreeze(&["features"])?;
    ///     assert_eq!(net.state().learned().count(), 5);
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    /// [`Error::NoTensors`] for a path that covers nothing; then nothing changes.
    pub fn freeze(&self, paths: &[&str]) -> Result<()> {
        self.set_frozen(paths, true)
    }

    /// Freezes all tensors but those at and below these paths, which are learned; see [`freeze`](Self::freeze).
    ///
    /// # Errors
    /// As [`freeze`](Self::freeze).
    pub fn freeze_except(&self, paths: &[&str]) -> Result<()> {
        self.check_paths(paths)?;
        for (name, entry) in self.entries() {
            entry.frozen.set(!paths.iter().any(|path| covers(path, name)));
        }
        Ok(())
    }

    /// [Freezes](Self::freeze) every tensor.
    pub fn freeze_all(&self) {
        self.entries().for_each(|(_, entry)| entry.frozen.set(true));
    }

    /// Lets every tensor learn again that is a parameter.
    pub fn unfreeze_all(&self) {
        self.entries().for_each(|(_, entry)| entry.frozen.set(false));
    }

    /// [Freezes](Self::freeze) the running statistics, and nothing else: batch norms normalize with them in training too,
    /// where batches are too small or too few to have better ones. Their scales and shifts go on learning.
    pub fn freeze_statistics(&self) {
        self.entries()
            .filter(|(_, entry)| entry.role == Role::Buffer)
            .for_each(|(_, entry)| entry.frozen.set(true));
    }

    /// The opposite of [`freeze`](Self::freeze).
    ///
    /// # Errors
    /// As [`freeze`](Self::freeze).
    pub fn unfreeze(&self, paths: &[&str]) -> Result<()> {
        self.set_frozen(paths, false)
    }

    /// Whether the tensor of that name is [frozen](Self::freeze).
    #[must_use]
    pub fn is_frozen(&self, name: &str) -> bool {
        self.entries().any(|(other, entry)| other == name && entry.frozen.get())
    }

    /// The parameters that training changes: those that are not [frozen](Self::freeze), by name.
    pub fn learned(&self) -> impl Iterator<Item = (&str, &Var)> {
        let learned =
            self.entries().filter(|(_, entry)| entry.role == Role::Parameter && !entry.frozen.get());
        learned.map(|(name, entry)| (name, &entry.var))
    }

    /// For every tensor whether it is frozen.
    pub(crate) fn frozen(&self) -> Vec<bool> {
        self.entries().map(|(_, entry)| entry.frozen.get()).collect()
    }

    fn set_frozen(&self, paths: &[&str], frozen: bool) -> Result<()> {
        self.check_paths(paths)?;
        for (_, entry) in self.entries().filter(|(name, _)| paths.iter().any(|path| covers(path, name))) {
            entry.frozen.set(frozen);
        }
        Ok(())
    }

    /// Every path covers something.
    fn check_paths(&self, paths: &[&str]) -> Result<()> {
        let nothing = paths.iter().find(|path| !self.entries().any(|(name, _)| covers(path, name)));
        nothing.map_or(Ok(()), |path| {
            let names = self.entries().map(|(name, _)| name.split('.').next().unwrap_or(name).to_owned());
            let mut tops: Vec<String> = names.collect();
            tops.dedup();
            Err(Error::NoTensors { path: (*path).to_owned(), tops })
        })
    }
}
