//! The compiler's front end, called as a user's build calls it, and caught where it panics.

use cnn_ir::dim::{Atom, Dim};
use cnn_ir::model::Model;
use cnn_ir::{Network, NetworkError};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

/// What the front end says of a text.
pub(crate) enum Answer {
    /// It fits.
    Accepted,
    /// The macro accepts it, and a const assertion that it writes fails where the network is used with its defaults.
    Later,
    /// It does not fit.
    Rejected(NetworkError),
    /// It panicked.
    Panicked(String),
}

impl Answer {
    /// Whether rustc would accept what comes of it.
    pub(crate) fn accepts(&self) -> bool {
        matches!(self, Self::Accepted)
    }
}

/// Asks the front end, and how long that took.
pub(crate) fn ask(text: &str) -> (Answer, Duration) {
    let start = Instant::now();
    // Nothing is shared with the call: a panic leaves nothing half done.
    let done = catch_unwind(AssertUnwindSafe(|| text.parse::<Network>()));
    let took = start.elapsed();
    let answer = match done {
        Ok(Ok(network)) if network.models().iter().all(assertions_hold) => Answer::Accepted,
        Ok(Ok(_)) => Answer::Later,
        Ok(Err(error)) => Answer::Rejected(error),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or(panic.downcast_ref::<&str>().copied());
            Answer::Panicked(text.unwrap_or("a panic without a message").to_owned())
        }
    };
    (answer, took)
}

/// Whether the sizes that only rustc can compare are equal by the defaults of the const generics.
fn assertions_hold(model: &Model) -> bool {
    let default = |atom: &Atom| match atom {
        Atom::Generic(name) => {
            let (_, default) = model.generics.iter().find(|(generic, _)| generic == name)?;
            Some(Dim::from((*default)?))
        }
        _ => None,
    };
    let fails = |left: &Dim, right: &Dim| {
        left.substitute(&default).equals(&right.substitute(&default)) == Some(false)
    };
    !model.obligations.iter().any(|obligation| fails(&obligation.left, &obligation.right))
}
