//! How a check ends early: something is wrong, or the oracle does not know.

use cnn_ir::token::TokenRange;

/// Why a declaration is refused.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    /// What is wrong.
    pub(crate) reason: String,
    /// Where it may be reported.
    pub(crate) ranges: Vec<TokenRange>,
    /// Whether a const assertion finds it, where the network is used with its defaults, and not the macro.
    pub(crate) later: bool,
}

/// The end of a check before its time.
#[derive(Debug)]
pub(super) enum Stop {
    /// The declaration is wrong.
    Wrong(Failure),
    /// The language reference does not say, or the oracle does not implement it.
    Unknown(String),
}

/// What a step of the check gives.
pub(super) type Checked<T> = Result<T, Stop>;

/// Where something stands that may turn out wrong.
#[derive(Clone, Debug)]
pub(super) struct Place {
    ranges: Vec<TokenRange>,
    later: bool,
}

impl Place {
    /// One range.
    pub(super) fn at(range: TokenRange) -> Self {
        Self { ranges: vec![range], later: false }
    }

    /// Two ranges: either is a good place to report it.
    pub(super) fn or(mut self, range: TokenRange) -> Self {
        self.ranges.push(range);
        self
    }

    /// The same place, where a const assertion will find what is wrong.
    pub(super) fn later(&self) -> Self {
        Self { later: true, ..self.clone() }
    }
}

/// The declaration is wrong.
pub(super) fn wrong<T>(place: &Place, reason: impl Into<String>) -> Checked<T> {
    let Place { ranges, later } = place.clone();
    Err(Stop::Wrong(Failure { reason: reason.into(), ranges, later }))
}

/// The same for a single range.
pub(super) fn wrong_at<T>(range: TokenRange, reason: impl Into<String>) -> Checked<T> {
    wrong(&Place::at(range), reason)
}

/// Not decidable here.
pub(super) fn unknown<T>(reason: impl Into<String>) -> Checked<T> {
    Err(Stop::Unknown(reason.into()))
}
