//! The syntax tree: what was written, before any name is looked up.

use crate::token::TokenRange;

/// A word and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ident {
    /// The word.
    pub text: String,
    /// Its token.
    pub token: u32,
}

impl Ident {
    /// The range of the word's token.
    #[must_use]
    pub fn range(&self) -> TokenRange {
        TokenRange::at(self.token)
    }
}

/// One or more networks that may use each other.
#[derive(Clone, Debug, Default)]
pub struct File {
    /// `#[network(crate = path)]`: the path of the runtime crate, where it was renamed.
    pub runtime_path: Option<TokenRange>,
    /// The networks, as written.
    pub networks: Vec<Network>,
}

/// `attr* vis? Name generics? ':' io '->' io where? '{' … '}'`
#[derive(Clone, Debug)]
pub struct Network {
    /// Attributes and doc comments to hand on to the struct.
    pub attributes: Vec<TokenRange>,
    /// `pub`, `pub(crate)`, …
    pub visibility: Option<TokenRange>,
    /// The struct's name.
    pub name: Ident,
    /// Const generics.
    pub generics: Vec<Generic>,
    /// What it takes.
    pub inputs: Vec<Port>,
    /// What it gives.
    pub outputs: Vec<Port>,
    /// `#[budget(params < 5M)]`
    pub budget: Vec<Limit>,
    /// `#[allow(network::dropped_pixels)]`
    pub lints: Vec<LintLevel>,
    /// `where H % 32 == 0, W >= 64`
    pub facts: Vec<Fact>,
    /// `block Name(..) { .. }`: those that stand between the networks, then its own.
    pub blocks: Vec<Block>,
    /// `let name = expr;`
    pub lets: Vec<Let>,
    /// The body: paths separated by `;`.
    pub paths: Vec<Path>,
    /// From the name to the closing brace.
    pub range: TokenRange,
}

/// One promise of a budget: `params < 5M`.
#[derive(Clone, Debug)]
pub struct Limit {
    /// Of what.
    pub quantity: Quantity,
    /// The largest value that keeps it (the smallest, of a receptive field).
    pub bound: u64,
    /// As written: `< 5M`.
    pub written: String,
    /// Where.
    pub range: TokenRange,
}

/// What a budget limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quantity {
    /// Learned values.
    Parameters,
    /// Multiply-accumulates of one sample.
    Macs,
    /// Values of one sample that are held.
    Activations,
    /// The same in bytes, four a value.
    ActivationBytes,
    /// Rows and columns of the input that one value of the output sees.
    ReceptiveField,
}

/// `network::dropped_pixels` in `#[allow(..)]`, `#[warn(..)]` or `#[deny(..)]`.
#[derive(Clone, Debug)]
pub struct LintLevel {
    /// The lint's name.
    pub name: Ident,
    /// What becomes of it.
    pub level: Level,
}

/// What becomes of a lint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Nothing.
    Allow,
    /// A warning.
    Warn,
    /// An error.
    Deny,
}

/// `CLASSES = 1000`
#[derive(Clone, Debug)]
pub struct Generic {
    /// Its name.
    pub name: Ident,
    /// Its default.
    pub default: Option<u64>,
}

/// An input or output: a shape, named where there are several.
#[derive(Clone, Debug)]
pub struct Port {
    /// Its name.
    pub name: Option<Ident>,
    /// Its shape.
    pub shape: ShapeExpr,
}

/// A shape as written.
#[derive(Clone, Debug)]
pub struct ShapeExpr {
    /// One size (flat) or three (channels, height, width); anything else is an error when resolved.
    pub sizes: Vec<Expr>,
    /// Where.
    pub range: TokenRange,
}

/// `H % 32 == 0` or `W >= 64`
#[derive(Clone, Debug)]
pub struct Fact {
    /// The symbol.
    pub symbol: Ident,
    /// What is known of it.
    pub kind: FactKind,
    /// Where.
    pub range: TokenRange,
}

/// What a `where` clause says of a symbol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FactKind {
    /// `symbol % modulus == remainder`
    Modulo {
        /// The divisor.
        modulus: u64,
        /// What is left.
        remainder: u64,
    },
    /// `symbol >= bound`
    AtLeast(u64),
}

/// `block Name(a, b = 1) { path }`
#[derive(Clone, Debug)]
pub struct Block {
    /// Its name.
    pub name: Ident,
    /// Its parameters.
    pub parameters: Vec<Parameter>,
    /// Its body.
    pub body: Path,
}

/// A parameter of a block.
#[derive(Clone, Debug)]
pub struct Parameter {
    /// Its name.
    pub name: Ident,
    /// Its default.
    pub default: Option<ArgValue>,
}

/// `let name = expr;`
#[derive(Clone, Debug)]
pub struct Let {
    /// Its name.
    pub name: Ident,
    /// Its value.
    pub value: Expr,
}

/// Items one after another.
#[derive(Clone, Debug)]
pub struct Path {
    /// The items.
    pub items: Vec<Item>,
    /// From the first to the last token (or the bracket around nothing).
    pub range: TokenRange,
}

/// `label:` or `label[1..]:`
#[derive(Clone, Debug)]
pub struct Label {
    /// The label.
    pub name: Ident,
    /// `label[1..]` numbers the copies of a repeat in the name itself: `label1`, `label2`, …
    pub numbered_from: Option<u64>,
}

/// One step of a path.
#[derive(Clone, Debug)]
pub struct Item {
    /// Its label.
    pub label: Option<Label>,
    /// What it is.
    pub kind: ItemKind,
    /// Where, the label included.
    pub range: TokenRange,
}

impl Item {
    /// How often it stands there, where that is said.
    #[must_use]
    pub fn repeat(&self) -> Option<Repeat> {
        match &self.kind {
            ItemKind::Word(word) => word.repeat,
            ItemKind::Group { repeat, .. }
            | ItemKind::Residual { repeat, .. }
            | ItemKind::Dense { repeat, .. }
            | ItemKind::Branches { repeat, .. } => *repeat,
            _ => None,
        }
    }
}

/// What an item is.
#[derive(Clone, Debug)]
pub enum ItemKind {
    /// A layer, a call of a block or of a network of the same file, a layer parameter of a block,
    /// or (first in a path) an input: told apart when names are resolved.
    Word(Word),
    /// `(path) x2`
    Group {
        /// The path.
        body: Path,
        /// How often.
        repeat: Option<Repeat>,
    },
    /// `residual { path } else projection`
    Residual {
        /// The branch that is added.
        body: Path,
        /// What the other branch does where the shapes differ.
        shortcut: Option<Shortcut>,
        /// How often.
        repeat: Option<Repeat>,
    },
    /// `dense { path }`: concat(input, body).
    Dense {
        /// The branch that is appended.
        body: Path,
        /// How often.
        repeat: Option<Repeat>,
    },
    /// `concat { a | b }`, `add { a | b }`, `mul { a | b }`, `split { a | b }`
    Branches {
        /// How the branches meet.
        merge: Merge,
        /// The branches.
        branches: Vec<Path>,
        /// How often.
        repeat: Option<Repeat>,
    },
    /// `concat(@a, @b)`
    Taps {
        /// How the taps meet.
        merge: Merge,
        /// The taps.
        taps: Vec<Ident>,
    },
    /// `@name`: first in a path it reads, elsewhere it names the value at this point. `@network.name` reads a stage.
    Tap(Ident),
    /// `=> shape`
    Ascription(ShapeExpr),
    /// `rust(expr) => shape`
    Custom {
        /// The Rust expression.
        expression: TokenRange,
        /// What it gives.
        output: ShapeExpr,
    },
    /// `path::to::Network => shape` or `path::to::Network => (stage: shape, ..)`
    External {
        /// The Rust path.
        path: TokenRange,
        /// What it gives: one shape, or stages by name.
        outputs: Vec<Port>,
    },
    /// Something that could not be read; reported already.
    Broken,
}

/// What the second branch of a residual does where the shapes differ.
#[derive(Clone, Debug)]
pub enum Shortcut {
    /// `else item`: a projection.
    Projection(Box<Item>),
    /// `else none`: no second branch.
    None,
    /// An `else` that stands further behind, which was reported.
    Misplaced,
}

/// How branches meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Merge {
    /// Channels one after another.
    Concat,
    /// Sum.
    Add,
    /// Product.
    Mul,
    /// Each branch gets its part of the channels; then channels one after another. Of branches only.
    Split,
}

impl Merge {
    /// The keyword.
    #[must_use]
    pub const fn keyword(self) -> &'static str {
        match self {
            Self::Concat => "concat",
            Self::Add => "add",
            Self::Mul => "mul",
            Self::Split => "split",
        }
    }
}

/// `x3` or `x3/2`
#[derive(Clone, Copy, Debug)]
pub struct Repeat {
    /// How often.
    pub count: u64,
    /// The stride of the first copy.
    pub stride: Option<u64>,
    /// Where.
    pub range: TokenRange,
}

/// `word(args)-size/stride(args) repeat`
#[derive(Clone, Debug)]
pub struct Word {
    /// `conv3`, `Basic`, `relu`, …
    pub head: Ident,
    /// After `-`.
    pub size: Option<Expr>,
    /// After `/`.
    pub stride: Option<Expr>,
    /// In parentheses, in the order written.
    pub args: Vec<Arg>,
    /// Whether there were parentheses at all.
    pub has_parentheses: bool,
    /// How often (calls only).
    pub repeat: Option<Repeat>,
    /// From the head to the last of it.
    pub range: TokenRange,
}

/// One argument.
#[derive(Clone, Debug)]
pub struct Arg {
    /// `name =`
    pub name: Option<Ident>,
    /// The value.
    pub value: ArgValue,
    /// Where.
    pub range: TokenRange,
}

/// The value of an argument.
#[derive(Clone, Debug)]
pub enum ArgValue {
    /// A number or a list.
    Expr(Expr),
    /// A single word: a number, a word of the layer, or a layer, told apart when names are resolved.
    Word(Box<Item>),
    /// A layer or call that is more than a word: `leaky(0.2)`, `Se(4)`, `conv3-64`.
    Item(Box<Item>),
    /// `like @tap` (the value stands for the tap).
    Like(Ident),
}

/// A number as written.
#[derive(Clone, Debug)]
pub struct Expr {
    /// What it is.
    pub kind: ExprKind,
    /// Where.
    pub range: TokenRange,
}

/// What an expression is.
#[derive(Clone, Debug)]
pub enum ExprKind {
    /// `64`
    Int(u64),
    /// `0.5`
    Float(f64),
    /// `c`, `CLASSES`, `true`, `same`
    Name(String),
    /// `a + b`
    Binary(Operator, Box<Expr>, Box<Expr>),
    /// `-a`
    Negative(Box<Expr>),
    /// `[1, 2]` or `7x7`
    List(Vec<Expr>),
    /// Could not be read; reported already.
    Broken,
}

/// An operator between two numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`, rounding down
    Divide,
    /// `%`
    Remainder,
}
