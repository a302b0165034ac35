//! Lints: what is allowed and probably not meant.
//!
//! A lint looks at a network that resolved without errors and says where it likely is not what its author had in
//! mind: pixels that no window reads, a bias that a norm takes away. Published networks are the measure; what they
//! do on purpose is not found. All lints are on; who calls [`lint`] drops the findings that were allowed.
//!
//! Most rules ask what happens to a value before and behind a layer. They look at a `Graph`: the model's tree
//! with every call put in, so that the edge of a block or a group hides nothing.

mod activation;
mod linear;
mod norm;
mod taps;
mod windows;
mod words;

use crate::ast;
use crate::graph::{Graph, Value};
use crate::model::Model;
use crate::token::{TokenRange, TokenTable};

/// One of the lints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Lint {
    /// A stride that leaves rows or columns at the end unread.
    DroppedPixels,
    /// A bias that the norm behind it takes away.
    BiasBeforeNorm,
    /// Probabilities as the network's output.
    SoftmaxOutput,
    /// Two activations one after the other.
    RepeatedActivation,
    /// Two convolutions or fully connected layers with no activation between them.
    MissingActivation,
    /// A value that is computed and can be seen nowhere.
    UnusedTap,
    /// A norm over a single value.
    SingleValueNorm,
    /// Dropout whose variance a batch norm then learns.
    DropoutBeforeNorm,
}

impl Lint {
    /// Every lint.
    pub const ALL: &[Self] = &[
        Self::DroppedPixels,
        Self::BiasBeforeNorm,
        Self::SoftmaxOutput,
        Self::RepeatedActivation,
        Self::MissingActivation,
        Self::UnusedTap,
        Self::SingleValueNorm,
        Self::DropoutBeforeNorm,
    ];

    /// Its name, by which it is allowed or denied.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::DroppedPixels => "dropped_pixels",
            Self::BiasBeforeNorm => "bias_before_norm",
            Self::SoftmaxOutput => "softmax_output",
            Self::RepeatedActivation => "repeated_activation",
            Self::MissingActivation => "missing_activation",
            Self::UnusedTap => "unused_tap",
            Self::SingleValueNorm => "single_value_norm",
            Self::DropoutBeforeNorm => "dropout_before_norm",
        }
    }

    /// The lint of this name.
    ///
    /// ```
    /// use cnn_ir::lint::Lint;
    /// assert_eq!(Lint::from_name("unused_tap"), Some(Lint::UnusedTap));
    /// assert_eq!(Lint::from_name("unused"), None);
    /// ```
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|lint| lint.name() == name)
    }

    /// What it finds, in one line.
    #[must_use]
    pub const fn doc(self) -> &'static str {
        match self {
            Self::DroppedPixels => "a stride that leaves the last rows or columns of what arrives unread",
            Self::BiasBeforeNorm => "a bias that the norm behind it takes away",
            Self::SoftmaxOutput => "an output of `softmax`, where a cross-entropy expects logits",
            Self::RepeatedActivation => "two activations one directly after the other",
            Self::MissingActivation => "two convolutions, or two `fc`, with no activation between them",
            Self::UnusedTap => "a tap, or what a path gives, that nothing reads and `trace` does not show",
            Self::SingleValueNorm => "a norm that sees one value of each channel in a sample",
            Self::DropoutBeforeNorm => "dropout before a `bn`, which then learns the variance of training",
        }
    }
}

/// Something that is allowed and probably not meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Which lint found it.
    pub lint: Lint,
    /// The tokens that it is about.
    pub range: TokenRange,
    /// One line that stands alone.
    pub headline: String,
    /// What to do about it.
    pub help: Option<String>,
}

/// What a rule says of one layer.
struct Words {
    headline: String,
    help: Option<String>,
}

impl Words {
    fn new(headline: String, help: impl Into<String>) -> Self {
        Self { headline, help: Some(help.into()) }
    }

    fn at(self, lint: Lint, range: TokenRange) -> Finding {
        Finding { lint, range, headline: self.headline, help: self.help }
    }
}

impl Graph<'_> {
    /// A finding at each place where a rule holds of every call and copy, in the words of the first.
    ///
    /// Who reads a block's body sees one layer. What is said of it must be true wherever the block is called, or
    /// the advice would break another call.
    fn everywhere(&self, lint: Lint, rule: impl Fn(Value) -> Option<Words>) -> Vec<Finding> {
        let holds = |(range, values): (TokenRange, Vec<Value>)| {
            let (&first, rest) = values.split_first()?;
            let words = rule(first)?;
            rest.iter().all(|&value| rule(value).is_some()).then(|| words.at(lint, range))
        };
        self.places().into_iter().filter_map(holds).collect()
    }
}

/// Looks at one network of a declaration, whose `model` has no errors. The findings are in the order of the tokens;
/// there is one at most of each lint at each place.
///
/// A layer that stands in a block is there in every call of the block. It is found if the same holds of it in every
/// call; dropped pixels, which depend on the size that arrives, if they are dropped in any.
///
/// ```
/// let lexed = cnn_ir::lex::lex("Net: 3x32x32 -> 10 { conv3-8 @x bn relu -> gap -> fc10 }");
/// let (file, _) = cnn_ir::parse::parse(&lexed.table);
/// let (models, errors) = cnn_ir::resolve::resolve(&file, &lexed.table);
/// assert!(errors.is_empty());
/// let findings = cnn_ir::lint::lint(&file.networks[0], &models[0], &lexed.table);
/// assert_eq!(findings.len(), 1);
/// assert_eq!(findings[0].lint.name(), "bias_before_norm");
/// assert_eq!(findings[0].headline, "the bias of `conv3-8` has no effect: the `bn` behind it takes it away");
/// ```
#[must_use]
pub fn lint(network: &ast::Network, model: &Model, table: &TokenTable) -> Vec<Finding> {
    let graph = Graph::of(model);
    let mut findings = windows::dropped_pixels(&graph);
    findings.extend(norm::bias_before_norm(&graph));
    findings.extend(norm::single_value_norm(&graph));
    findings.extend(norm::dropout_before_norm(&graph));
    findings.extend(activation::softmax_output(&graph));
    findings.extend(activation::repeated_activation(&graph));
    findings.extend(linear::missing_activation(&graph));
    findings.extend(taps::unused_tap(network, model, table));
    findings.sort_by_key(|finding| (finding.range, finding.lint));
    findings.dedup_by_key(|finding| (finding.range, finding.lint));
    findings
}

#[cfg(test)]
mod tests {
    use super::Lint;

    #[test]
    fn names_lead_back_to_their_lints() {
        for &lint in Lint::ALL {
            assert_eq!(Lint::from_name(lint.name()), Some(lint));
            assert!(!lint.doc().is_empty());
        }
    }
}
