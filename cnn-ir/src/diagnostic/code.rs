//! Stable codes: what a message is called in the catalogue, `docs/errors`.
//!
//! A code is never used again for something else; a problem that is no more leaves a gap.

use super::Problem;
use crate::lint::Lint;

impl Problem {
    /// Its code, such as `N0401`; `docs/errors/N0401.md` explains it.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            // Brackets, arrows, numbers.
            Self::UnclosedBracket { .. } => "N0001",
            Self::StrayBracket { .. } => "N0002",
            Self::TooDeep => "N0003",
            Self::Expected { .. } => "N0004",
            Self::SpacedArrow => "N0005",
            Self::ArrowWithoutLayer => "N0006",
            Self::NumberAsLayer { .. } => "N0007",
            Self::NumberTooLarge { .. } => "N0008",
            Self::Hexadecimal { .. } => "N0009",
            Self::NotANumber { .. } => "N0010",
            Self::RepeatInSize { .. } => "N0011",
            Self::StrayElse => "N0012",
            Self::StrayRepeat { .. } => "N0013",
            Self::ShapeNotStated { .. } => "N0014",
            Self::UnicodeArrow { .. } => "N0015",
            // The declaration.
            Self::NoNetwork => "N0101",
            Self::EmptyPath => "N0102",
            Self::InnerAttribute => "N0103",
            Self::NetworkAttribute => "N0104",
            Self::MixedLints => "N0114",
            Self::UnknownLint { .. } => "N0115",
            Self::Duplicate { .. } => "N0105",
            Self::NameTaken { .. } => "N0106",
            Self::ShapeRank { .. } => "N0107",
            Self::ZeroInShape { .. } => "N0108",
            Self::UnknownSymbol { .. } => "N0109",
            Self::ImpossibleFact { .. } => "N0110",
            Self::NoBeginning { .. } => "N0111",
            Self::InputInside { .. } => "N0112",
            Self::OutputWithoutTap { .. } => "N0113",
            // Names.
            Self::UnknownLayer { .. } => "N0201",
            Self::UnknownOption { .. } => "N0202",
            Self::UnknownWord { .. } => "N0203",
            Self::UnknownNumber { .. } => "N0204",
            Self::UnknownTap { .. } => "N0205",
            Self::UnknownParameter { .. } => "N0206",
            Self::NumberAsWord { .. } => "N0207",
            Self::LayerAsNumber { .. } => "N0208",
            Self::DuplicatePath { .. } => "N0209",
            Self::NumberedWithoutRepeat { .. } => "N0210",
            // Layers and calls.
            Self::DigitsMissing { .. } => "N0301",
            Self::DigitsUnexpected { .. } => "N0302",
            Self::SizeMissing { .. } => "N0303",
            Self::SizeUnexpected { .. } => "N0304",
            Self::SizeOfCall { .. } => "N0305",
            Self::TwoSizes { .. } => "N0306",
            Self::StrideUnexpected { .. } => "N0307",
            Self::UnexpectedArgument { .. } => "N0308",
            Self::OptionValue { .. } => "N0309",
            Self::ZeroInLayer { .. } => "N0310",
            Self::SizesTooLarge { .. } => "N0311",
            Self::NotASize { .. } => "N0312",
            Self::BadDivision { .. } => "N0313",
            Self::NumberNotVisible { .. } => "N0314",
            Self::RepeatZero => "N0315",
            Self::RepeatOfLayer { .. } => "N0316",
            Self::TooManyLayers => "N0317",
            Self::RecursiveBlock { .. } => "N0318",
            Self::RecursiveNetwork { .. } => "N0319",
            Self::ArgumentCount { .. } => "N0320",
            Self::LikeInCall => "N0321",
            Self::GenericMissing { .. } => "N0322",
            Self::SeveralPorts { .. } => "N0323",
            Self::OneBranch { .. } => "N0324",
            Self::Contradiction { .. } => "N0325",
            Self::GenericOfNetwork { .. } => "N0326",
            Self::ExtraInCall { .. } => "N0327",
            Self::StructTaken { .. } => "N0328",
            Self::CountTooLarge { .. } => "N0329",
            Self::SeveralOutputs { .. } => "N0330",
            Self::StageNamed { .. } => "N0331",
            Self::TransparentLabel => "N0332",
            // Shapes.
            Self::FeaturesNotKnown { .. } => "N0401",
            Self::NeedsImage { .. } => "N0402",
            Self::EvenHalf { .. } => "N0403",
            Self::PoolPadding { .. } => "N0404",
            Self::WindowTooLarge { .. } => "N0405",
            Self::DeconvTooSmall { .. } => "N0406",
            Self::LikeOutOfReach { .. } => "N0407",
            Self::CeilOfSymbol { .. } => "N0408",
            Self::GroupsDoNotDivide { .. } => "N0409",
            Self::ShuffleDoesNotDivide { .. } => "N0410",
            Self::CropTooLarge { .. } => "N0411",
            Self::ResidualShapes { .. } => "N0412",
            Self::SidesDiffer { .. } => "N0413",
            Self::ConcatShapes { .. } => "N0414",
            Self::MergeShapes { .. } => "N0415",
            Self::NetworkInput { .. } => "N0416",
            Self::Ascription { .. } => "N0417",
            Self::OutputShape { .. } => "N0418",
            Self::NotDecidable { .. } => "N0419",
            Self::MayVanish { .. } => "N0420",
            Self::SplitDoesNotDivide { .. } => "N0421",
            // Promises.
            Self::BudgetForm => "N0501",
            Self::BudgetUnknown { .. } => "N0502",
            Self::OverBudget { .. } => "N0503",
            Self::DeniedLint { code, .. } => code,
        }
    }
}

impl Lint {
    /// Its code, such as `N0601`.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::DroppedPixels => "N0601",
            Self::BiasBeforeNorm => "N0602",
            Self::SoftmaxOutput => "N0603",
            Self::RepeatedActivation => "N0604",
            Self::MissingActivation => "N0605",
            Self::UnusedTap => "N0606",
            Self::SingleValueNorm => "N0607",
            Self::DropoutBeforeNorm => "N0608",
        }
    }
}
