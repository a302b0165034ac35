//! What was wrong, where, and how it is said.
//!
//! [`Problem`] is the typed error: what is wrong, with the names and shapes that met. `message.rs` is the one
//! place where problems become words.

mod code;
mod fit;
mod message;
mod trace;

pub use fit::{Edit, Fit};
pub use trace::{Evidence, Trace, TraceRow};

use crate::token::TokenRange;
use crate::window::Padding;

/// One mistake: one message at one place.
#[derive(Clone, Debug, PartialEq)]
pub struct Diagnostic {
    /// The tokens that are wrong.
    pub range: TokenRange,
    /// What is wrong.
    pub problem: Problem,
    /// The calls that led there: "in `layer1`: `Basic(64)`".
    pub notes: Vec<String>,
    /// How the shapes that met came to be.
    pub trace: Trace,
    /// What a search for fixes looks at.
    pub evidence: Evidence,
    /// Edits after which the whole declaration fits, nearest first.
    pub fits: Vec<Fit>,
}

impl Diagnostic {
    pub(crate) fn identity(&self) -> Mistake {
        (self.range, std::mem::discriminant(&self.problem))
    }

    /// Without notes.
    #[must_use]
    pub fn new(range: TokenRange, problem: Problem) -> Self {
        Self {
            range,
            problem,
            notes: Vec::new(),
            trace: Trace::default(),
            evidence: Evidence::default(),
            fits: Vec::new(),
        }
    }
}

/// What tells one mistake from another: where it is, and of what kind.
pub(crate) type Mistake = (TokenRange, std::mem::Discriminant<Problem>);

/// Everything that can be wrong with a declaration.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs, reason = "each variant's message, in `message.rs`, says what it means")]
pub enum Problem {
    // Brackets, arrows, numbers.
    UnclosedBracket {
        bracket: char,
    },
    StrayBracket {
        bracket: char,
    },
    TooDeep,
    Expected {
        expected: &'static str,
        found: String,
    },
    SpacedArrow,
    ArrowWithoutLayer,
    NumberAsLayer {
        number: String,
        layer: Option<String>,
    },
    NumberTooLarge {
        text: String,
    },
    Hexadecimal {
        text: String,
    },
    NotANumber {
        text: String,
    },
    RepeatInSize {
        layer: String,
        repeat: String,
    },
    StrayElse,
    StrayRepeat {
        text: String,
    },
    ShapeNotStated {
        layer: String,
    },
    UnicodeArrow {
        character: char,
    },
    // The declaration.
    NoNetwork,
    EmptyPath,
    InnerAttribute,
    NetworkAttribute,
    MixedLints,
    UnknownLint {
        name: String,
        nearest: Option<String>,
        known: Vec<String>,
    },
    Duplicate {
        what: &'static str,
        name: String,
    },
    NameTaken {
        name: String,
    },
    ShapeRank {
        count: usize,
        text: String,
    },
    ZeroInShape {
        text: String,
    },
    UnknownSymbol {
        name: String,
        nearest: Option<String>,
        known: Vec<String>,
    },
    ImpossibleFact {
        text: String,
        earlier: Option<String>,
    },
    NoBeginning {
        inputs: Vec<String>,
    },
    InputInside {
        name: String,
    },
    OutputWithoutTap {
        name: String,
        nearest: Option<String>,
    },
    // Names.
    UnknownLayer {
        name: String,
        nearest: Option<String>,
        other_name: bool,
    },
    UnknownOption {
        head: &'static str,
        option: String,
        nearest: Option<String>,
        options: &'static [&'static str],
        words: &'static [&'static str],
    },
    UnknownWord {
        name: String,
        nearest: Option<String>,
        known: Vec<String>,
    },
    UnknownNumber {
        name: String,
        nearest: Option<String>,
        known: Vec<String>,
    },
    UnknownTap {
        name: String,
        nearest: Option<String>,
        known: Vec<String>,
    },
    UnknownParameter {
        block: String,
        name: String,
        nearest: Option<String>,
        known: Vec<String>,
    },
    NumberAsWord {
        name: String,
    },
    LayerAsNumber {
        name: String,
    },
    DuplicatePath {
        path: String,
        repeated: bool,
    },
    NumberedWithoutRepeat {
        label: String,
    },
    // Layers and calls.
    DigitsMissing {
        layer: String,
        what: &'static str,
        example: &'static str,
    },
    DigitsUnexpected {
        word: String,
        head: &'static str,
    },
    SizeMissing {
        layer: String,
        what: &'static str,
        example: &'static str,
    },
    SizeUnexpected {
        layer: String,
        head: &'static str,
    },
    SizeOfCall {
        name: String,
    },
    TwoSizes {
        layer: String,
    },
    StrideUnexpected {
        layer: String,
        head: &'static str,
    },
    UnexpectedArgument {
        layer: String,
        argument: String,
        options: &'static [&'static str],
        words: &'static [&'static str],
    },
    OptionValue {
        layer: String,
        option: String,
        expected: &'static str,
    },
    ZeroInLayer {
        layer: String,
        what: &'static str,
    },
    SizesTooLarge {
        layer: String,
    },
    NotASize {
        text: String,
    },
    BadDivision {
        text: String,
    },
    NumberNotVisible {
        what: &'static str,
        text: String,
    },
    RepeatZero,
    RepeatOfLayer {
        layer: String,
        repeat: String,
    },
    TooManyLayers,
    RecursiveBlock {
        name: String,
    },
    RecursiveNetwork {
        name: String,
    },
    ArgumentCount {
        block: String,
        parameters: Vec<String>,
        needed: usize,
        found: usize,
    },
    LikeInCall,
    GenericMissing {
        network: String,
        generic: String,
    },
    SeveralPorts {
        network: String,
    },
    SeveralOutputs {
        network: String,
        label: Option<String>,
    },
    StageNamed {
        name: String,
    },
    TransparentLabel,
    OneBranch {
        what: &'static str,
    },
    Contradiction {
        layer: String,
        first: String,
        second: String,
    },
    GenericOfNetwork {
        network: String,
        value: String,
    },
    ExtraInCall {
        network: String,
    },
    StructTaken {
        name: String,
    },
    CountTooLarge {
        what: &'static str,
    },
    // Shapes.
    FeaturesNotKnown {
        layer: String,
        input: String,
    },
    NeedsImage {
        layer: String,
        found: String,
    },
    EvenHalf {
        layer: String,
        kernel: [usize; 2],
    },
    PoolPadding {
        layer: String,
        kernel: [usize; 2],
    },
    WindowTooLarge {
        layer: String,
        kernel: [usize; 2],
        dilation: [usize; 2],
        input: String,
        padding: Padding,
    },
    DeconvTooSmall {
        layer: String,
        input: String,
    },
    LikeOutOfReach {
        layer: String,
        tap: String,
        wanted: String,
        found: String,
        decided: bool,
    },
    CeilOfSymbol {
        layer: String,
    },
    GroupsDoNotDivide {
        layer: String,
        groups: String,
        channels: String,
        which: &'static str,
    },
    ShuffleDoesNotDivide {
        layer: String,
        channels: String,
        square: String,
    },
    SplitDoesNotDivide {
        channels: String,
        branches: String,
    },
    CropTooLarge {
        layer: String,
        wanted: String,
        input: String,
    },
    ResidualShapes {
        input: String,
        body: String,
        decided: bool,
    },
    SidesDiffer {
        what: &'static str,
        left: String,
        right: String,
    },
    ConcatShapes {
        shapes: Vec<String>,
    },
    MergeShapes {
        what: &'static str,
        shapes: Vec<String>,
    },
    NetworkInput {
        network: String,
        wanted: String,
        found: String,
    },
    Ascription {
        stated: String,
        found: String,
        giver: Option<String>,
    },
    OutputShape {
        output: Option<String>,
        stated: String,
        found: String,
        giver: Option<String>,
    },
    NotDecidable {
        found: String,
        stated: String,
    },
    MayVanish {
        layer: String,
        input: String,
        output: String,
    },
    // Promises.
    BudgetForm,
    BudgetUnknown {
        what: &'static str,
    },
    OverBudget {
        what: &'static str,
        found: String,
        written: String,
        over: String,
    },
    DeniedLint {
        code: &'static str,
        name: &'static str,
        headline: String,
        help: Option<String>,
    },
}

impl Problem {
    /// Whether shapes met that do not fit: then the message shows how they came to be, and fixes are searched.
    #[must_use]
    pub fn is_about_shapes(&self) -> bool {
        matches!(
            self,
            Self::FeaturesNotKnown { .. }
                | Self::NeedsImage { .. }
                | Self::EvenHalf { .. }
                | Self::PoolPadding { .. }
                | Self::WindowTooLarge { .. }
                | Self::DeconvTooSmall { .. }
                | Self::LikeOutOfReach { .. }
                | Self::CeilOfSymbol { .. }
                | Self::GroupsDoNotDivide { .. }
                | Self::ShuffleDoesNotDivide { .. }
                | Self::SplitDoesNotDivide { .. }
                | Self::CropTooLarge { .. }
                | Self::ResidualShapes { .. }
                | Self::SidesDiffer { .. }
                | Self::ConcatShapes { .. }
                | Self::MergeShapes { .. }
                | Self::NetworkInput { .. }
                | Self::Ascription { .. }
                | Self::OutputShape { .. }
                | Self::NotDecidable { .. }
                | Self::MayVanish { .. }
        )
    }
}
