//! What names stand for: numbers, layers, taps; and the paths that name layers.

use super::numbers::Number;
use super::shapes::Shape;
use cnn_ir::ast::{Item, Label};
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

/// What a name or an argument stands for.
#[derive(Clone, Debug)]
pub(super) enum Value<'a> {
    /// A whole number.
    Number(Number),
    /// A fraction.
    Real(f64),
    /// Several numbers.
    List(Vec<Number>),
    /// A layer, with the numbers of the place where it was written.
    Layer(&'a Item, Rc<Frame<'a>>),
}

/// The numbers and layers that are known at one place.
#[derive(Clone, Debug, Default)]
pub(super) struct Frame<'a> {
    /// Generics, symbols, `let`s, parameters.
    pub(super) values: HashMap<String, Value<'a>>,
    /// In a block: the channels that arrived.
    pub(super) cin: Option<Number>,
    /// In a block or a repeated group.
    pub(super) stride: Option<Value<'a>>,
    /// Where the reference does not say whether `cin` and `stride` are known: in a repeat that does not say its
    /// stride, and in the default of a parameter.
    pub(super) unclear: bool,
}

/// Where a step of a path is checked.
#[derive(Clone, Debug)]
pub(super) struct Site<'a> {
    /// Numbers and layers.
    pub(super) frame: Rc<Frame<'a>>,
    /// Values that have a name.
    pub(super) taps: Rc<RefCell<HashMap<String, Shape>>>,
    /// Where layers get their names.
    pub(super) names: Rc<RefCell<Names>>,
    /// The network's inputs, at the beginning of its own paths.
    pub(super) inputs: Rc<HashMap<String, Shape>>,
    /// Whether this is a layer that was given to a block.
    pub(super) argument: bool,
}

impl<'a> Site<'a> {
    /// The same place with another number `stride`.
    pub(super) fn with_stride(&self, stride: Value<'a>) -> Self {
        let frame = Frame { stride: Some(stride), ..(*self.frame).clone() };
        Self { frame: Rc::new(frame), ..self.clone() }
    }

    /// The same place in a repeat that does not say its stride.
    pub(super) fn repeated(&self) -> Self {
        let frame = Frame { unclear: true, ..(*self.frame).clone() };
        Self { frame: Rc::new(frame), ..self.clone() }
    }

    /// The same place below a name.
    pub(super) fn below(&self, prefix: String) -> Self {
        Self { names: Rc::new(RefCell::new(Names { prefix, next: 0 })), ..self.clone() }
    }

    /// The same place inside of something: inputs cannot be named there.
    pub(super) fn inside(&self) -> Self {
        Self { inputs: Rc::default(), ..self.clone() }
    }

    /// The name of the next child: its label, or its position.
    pub(super) fn child(&self, label: Option<&Label>) -> String {
        self.names.borrow_mut().child(label.map(|label| label.name.text.as_str()))
    }
}

/// The names of siblings.
#[derive(Debug, Default)]
pub(super) struct Names {
    prefix: String,
    next: usize,
}

impl Names {
    fn child(&mut self, label: Option<&str>) -> String {
        let position = self.next.to_string();
        self.next += 1;
        join(&self.prefix, label.unwrap_or(&position))
    }
}

/// A name below another.
pub(super) fn join(prefix: &str, name: &str) -> String {
    if prefix.is_empty() { name.to_owned() } else { format!("{prefix}.{name}") }
}

/// `H`, `W2`: one capital letter, digits may follow.
pub(super) fn is_symbol(name: &str) -> bool {
    let mut characters = name.chars();
    characters.next().is_some_and(|c| c.is_ascii_uppercase()) && characters.all(|c| c.is_ascii_digit())
}

/// `SIDE`, `MAX_WIDTH`: two capital letters or more, a Rust const.
pub(super) fn is_const(name: &str) -> bool {
    let capitals = name.chars().filter(char::is_ascii_uppercase).count();
    capitals >= 2 && name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
}
