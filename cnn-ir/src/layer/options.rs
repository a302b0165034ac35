//! What was written behind a head, evaluated: digits, size, stride, options.

use super::Head;
use crate::diagnostic::Problem;
use crate::dim::Dim;
use crate::shape::Shape;
use crate::token::TokenRange;
use crate::window::Padding;

/// The value of an option.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A size.
    Size(Dim),
    /// A number with a fraction.
    Float(f64),
    /// `[1, 2]` or `7x7`
    List(Vec<Dim>),
    /// `true` or `false`
    Bool(bool),
    /// A word of the layer, such as `ceil`.
    Word(String),
    /// `like @tap`: the tap's name and shape.
    Like(String, Shape),
}

/// One evaluated argument.
#[derive(Clone, Debug)]
pub struct Argument {
    /// `name =`
    pub name: Option<String>,
    /// Its value.
    pub value: Value,
    /// Where.
    pub range: TokenRange,
}

/// An error in a layer, and where exactly, if that is narrower than the layer.
#[derive(Debug)]
pub struct Fault {
    /// Where.
    pub range: Option<TokenRange>,
    /// What.
    pub problem: Box<Problem>,
}

impl Fault {
    /// At one place inside the layer.
    pub(super) fn at(range: TokenRange, problem: Problem) -> Self {
        Self { range: Some(range), problem: Box::new(problem) }
    }
}

impl From<Problem> for Fault {
    fn from(problem: Problem) -> Self {
        Self { range: None, problem: Box::new(problem) }
    }
}

/// Everything behind a head.
#[derive(Clone, Debug)]
pub struct Options {
    /// The head.
    pub head: &'static Head,
    /// The layer as written, for messages.
    pub layer: String,
    /// Digits glued to the head.
    pub digits: Vec<u64>,
    /// Behind `-`.
    pub size: Option<Dim>,
    /// Behind `/`, or the option `stride`.
    pub stride: Option<Value>,
    /// In parentheses.
    pub arguments: Vec<Argument>,
    /// A `bn` follows directly: no bias unless asked for.
    pub norm_follows: bool,
}

impl Options {
    pub(super) fn named(&self, name: &str) -> Option<&Argument> {
        self.arguments.iter().find(|argument| argument.name.as_deref() == Some(name))
    }

    pub(super) fn positional(&self) -> Option<&Argument> {
        self.arguments
            .iter()
            .find(|a| a.name.is_none() && !matches!(a.value, Value::Word(_) | Value::Like(..)))
    }

    pub(super) fn word(&self, word: &str) -> bool {
        self.arguments.iter().any(|argument| argument.value == Value::Word(word.to_owned()))
    }

    /// `like @tap`
    pub(super) fn like(&self) -> Option<(&str, &Shape, TokenRange)> {
        self.arguments.iter().find_map(|argument| match &argument.value {
            Value::Like(name, shape) => Some((name.as_str(), shape, argument.range)),
            _ => None,
        })
    }

    fn wrong(&self, argument: &Argument, expected: &'static str) -> Fault {
        let option = argument.name.as_ref().map_or_else(|| "the argument".into(), |name| format!("`{name}`"));
        Fault {
            range: Some(argument.range),
            problem: Box::new(Problem::OptionValue { layer: self.layer.clone(), option, expected }),
        }
    }

    /// A number with a fraction: by name, or the first without a name.
    pub(super) fn float(&self, name: &str, default: f64) -> Result<f64, Fault> {
        let Some(argument) = self.named(name).or_else(|| self.positional()) else { return Ok(default) };
        match &argument.value {
            Value::Float(value) => Ok(*value),
            #[allow(clippy::cast_precision_loss, reason = "numbers of the language are below 2^31")]
            Value::Size(Dim::Number(value)) => Ok(*value as f64),
            _ => Err(self.wrong(argument, "a number")),
        }
    }

    /// A probability in `[0, 1)`.
    pub(super) fn probability(&self, name: &str, default: f64) -> Result<f64, Fault> {
        let value = self.float(name, default)?;
        if (0.0..1.0).contains(&value) {
            return Ok(value);
        }
        match self.named(name).or_else(|| self.positional()) {
            Some(argument) => Err(self.wrong(argument, "a probability of at least 0 and below 1")),
            None => Ok(value),
        }
    }

    pub(super) fn flag(&self, name: &str, default: bool) -> Result<bool, Fault> {
        match self.named(name) {
            None => Ok(default),
            Some(Argument { value: Value::Bool(value), .. }) => Ok(*value),
            Some(argument) => Err(self.wrong(argument, "`true` or `false`")),
        }
    }

    /// A number or a pair `[rows, columns]`.
    pub(super) fn pair(&self, name: &str) -> Result<Option<[usize; 2]>, Fault> {
        let Some(argument) = self.named(name) else { return Ok(None) };
        pair_of(&argument.value)
            .map(Some)
            .ok_or_else(|| self.wrong(argument, "a number or a pair `[rows, columns]`"))
    }

    /// A pair whose numbers are at least 1.
    pub(super) fn positive_pair(&self, name: &str) -> Result<Option<[usize; 2]>, Fault> {
        match self.pair(name)? {
            Some(pair) if pair.contains(&0) => match self.named(name) {
                Some(argument) => Err(self.wrong(argument, "at least 1")),
                None => Ok(Some(pair)),
            },
            pair => Ok(pair),
        }
    }

    /// A size of at least 1, which may be a name.
    pub(super) fn dim(&self, name: &str) -> Result<Option<Dim>, Fault> {
        match self.named(name) {
            None => Ok(None),
            Some(Argument { value: Value::Size(dim), .. }) if dim.at_least(1) != Some(false) => {
                Ok(Some(dim.clone()))
            }
            Some(argument) => Err(self.wrong(argument, "a whole number of at least 1")),
        }
    }

    /// The kernel: the digits, or `kernel=`.
    pub(super) fn kernel(&self) -> Result<[usize; 2], Fault> {
        if let Some(kernel) = self.positive_pair("kernel")? {
            if !self.digits.is_empty() {
                return Err(self.contradiction("the number in its name", "`kernel=`"));
            }
            return Ok(kernel);
        }
        match self.digit_pair() {
            Some(kernel) if !kernel.contains(&0) => Ok(kernel),
            Some(_) => Err(Problem::ZeroInLayer { layer: self.layer.clone(), what: "kernel" }.into()),
            None => Err(Problem::DigitsMissing {
                layer: self.layer.clone(),
                what: self.head.digits.unwrap_or("kernel size"),
                example: self.head.example,
            }
            .into()),
        }
    }

    pub(super) fn digit_pair(&self) -> Option<[usize; 2]> {
        let digit = |index: usize| self.digits.get(index).and_then(|&n| usize::try_from(n).ok());
        match self.digits.len() {
            1 => Some([digit(0)?; 2]),
            2 => Some([digit(0)?, digit(1)?]),
            _ => None,
        }
    }

    /// A single number glued to the head, at least 1.
    pub(super) fn digit(&self) -> Result<usize, Fault> {
        match self.digits.as_slice() {
            [0] => {
                let what = self.head.digits.unwrap_or("number");
                Err(Problem::ZeroInLayer { layer: self.layer.clone(), what }.into())
            }
            [n] => Ok(usize::try_from(*n).unwrap_or(usize::MAX)),
            _ => Err(Problem::DigitsMissing {
                layer: self.layer.clone(),
                what: self.head.digits.unwrap_or("number"),
                example: self.head.example,
            }
            .into()),
        }
    }

    pub(super) fn stride(&self, default: [usize; 2]) -> Result<[usize; 2], Fault> {
        if let Some(stride) = self.positive_pair("stride")? {
            if self.stride.is_some() {
                return Err(self.contradiction("the stride behind `/`", "`stride=`"));
            }
            return Ok(stride);
        }
        match &self.stride {
            None => Ok(default),
            Some(value) => match pair_of(value) {
                Some(pair) if !pair.contains(&0) => Ok(pair),
                _ => Err(Problem::OptionValue {
                    layer: self.layer.clone(),
                    option: "the stride".into(),
                    expected: "at least 1",
                }
                .into()),
            },
        }
    }

    pub(super) fn dilation(&self) -> Result<[usize; 2], Fault> {
        Ok(self.positive_pair("dilation")?.unwrap_or([1, 1]))
    }

    /// Two paddings, where more than one was asked for.
    fn two_paddings(&self) -> Option<(String, String)> {
        let words = ["half", "valid", "full", "same"].into_iter().filter(|word| self.word(word));
        let mut asked = self.named("pad").map(|_| "`pad=`".to_owned()).into_iter();
        let mut all = asked.by_ref().chain(words.map(|word| format!("`{word}`")));
        Some((all.next()?, all.next()?))
    }

    pub(super) fn contradiction(&self, first: &str, second: &str) -> Fault {
        let (layer, first, second) = (self.layer.clone(), first.to_owned(), second.to_owned());
        Problem::Contradiction { layer, first, second }.into()
    }

    /// The number behind `-`.
    pub(super) fn required_size(&self) -> Result<Dim, Fault> {
        match &self.size {
            Some(size) if size.at_least(1) == Some(false) => Err(Problem::ZeroInLayer {
                layer: self.layer.clone(),
                what: self.head.size.unwrap_or("size"),
            }
            .into()),
            Some(size) => Ok(size.clone()),
            None => Err(Problem::SizeMissing {
                layer: self.layer.clone(),
                what: self.head.size.unwrap_or("size"),
                example: self.head.example,
            }
            .into()),
        }
    }

    /// The padding, by word or `pad=`; `default` where nothing is said.
    pub(super) fn padding(
        &self,
        kernel: [usize; 2],
        dilation: [usize; 2],
        default: &'static str,
    ) -> Result<Padding, Fault> {
        if let (Some(_), Some((first, second))) = (self.named("pad"), self.two_paddings()) {
            return Err(self.contradiction(&first, &second));
        }
        if let Some(argument) = self.named("pad") {
            return match &argument.value {
                Value::List(sizes) if sizes.len() == 4 => {
                    let sizes: Option<Vec<usize>> = sizes.iter().map(Dim::as_usize).collect();
                    match sizes.as_deref() {
                        Some(&[top, bottom, left, right]) => {
                            Ok(Padding::Explicit { top, bottom, left, right })
                        }
                        _ => Err(self.wrong(argument, PADDING_FORMS)),
                    }
                }
                value => match pair_of(value) {
                    Some(pair) => Ok(Padding::symmetric(pair)),
                    None => Err(self.wrong(argument, PADDING_FORMS)),
                },
            };
        }
        let word =
            ["half", "valid", "full", "same"].into_iter().find(|word| self.word(word)).unwrap_or(default);
        // `half` and `valid`, or `pad=1` and `same`, contradict each other.
        if let Some((first, second)) = self.two_paddings() {
            return Err(self.contradiction(&first, &second));
        }
        // extent - 1
        let reach = |axis: usize| (kernel[axis] - 1).saturating_mul(dilation[axis]);
        if reach(0).max(reach(1)) >= usize::try_from(crate::spec::LARGEST).unwrap_or(usize::MAX) {
            return Err(Problem::SizesTooLarge { layer: self.layer.clone() }.into());
        }
        match word {
            "same" => Ok(Padding::Same),
            "full" => Ok(Padding::symmetric([reach(0), reach(1)])),
            "half" if reach(0) % 2 == 0 && reach(1) % 2 == 0 => {
                Ok(Padding::symmetric([reach(0) / 2, reach(1) / 2]))
            }
            "half" => Err(Problem::EvenHalf { layer: self.layer.clone(), kernel }.into()),
            _ => Ok(Padding::NONE),
        }
    }
}

const PADDING_FORMS: &str = "a number, `[rows, columns]` or `[top, bottom, left, right]`";

fn pair_of(value: &Value) -> Option<[usize; 2]> {
    match value {
        Value::Size(dim) => dim.as_usize().map(|n| [n, n]),
        Value::List(sizes) => match sizes.as_slice() {
            [a, b] => Some([a.as_usize()?, b.as_usize()?]),
            _ => None,
        },
        _ => None,
    }
}
