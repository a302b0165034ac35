//! Layers: options evaluated, the head's rule applied, the cost noted.

use super::Flow;
use super::field::Field;
use super::names::{Bound, Broken};
use super::origin::What;
use super::walk::Walk;
use crate::ast::{ArgValue, Expr, ExprKind, Item, ItemKind, Word};
use crate::diagnostic::Problem;
use crate::dim::Dim;
use crate::layer::{self, Argument, Built, FOREIGN, FOREIGN_OPTIONS, Head, Op, Options, Requirement, Value};
use crate::model::{Layer, Obligation, Relation, Row, Step};
use crate::nearest::nearest;
use crate::shape::Shape;
use crate::token::TokenRange;

/// A word that is no layer, or one whose digits are too many; without a look at what is near.
pub(super) fn unknown_to_nobody(name: String) -> Problem {
    let letters = name.trim_end_matches(|c: char| c.is_ascii_digit());
    if layer::is_head(letters) && crate::spec::split_word(&name).is_none() {
        return Problem::NumberTooLarge { text: name[letters.len()..].to_owned() };
    }
    Problem::UnknownLayer { name, nearest: None, other_name: false }
}

/// A word that is no layer: the nearest, or what it is called here.
pub(super) fn unknown(name: &str, others: Vec<&str>) -> Problem {
    if let problem @ Problem::NumberTooLarge { .. } = unknown_to_nobody(name.to_owned()) {
        return problem;
    }
    let lower = name.to_lowercase();
    let stem = lower.trim_end_matches(|c: char| c.is_ascii_digit());
    let digits = name.get(stem.len()..).unwrap_or_default();
    let foreign =
        FOREIGN.iter().find(|(theirs, _)| *theirs == lower || *theirs == stem).map(|(_, ours)| *ours);
    if let Some(ours) = foreign {
        let takes_digits = layer::head(ours).is_some_and(|head| head.digits.is_some()) && lower != "conv2d";
        let here = if takes_digits { format!("{ours}{digits}") } else { ours.to_owned() };
        return Problem::UnknownLayer { name: name.to_owned(), nearest: Some(here), other_name: true };
    }
    let heads = layer::HEADS.iter().map(|head| head.name);
    let combinations = ["residual", "dense", "concat", "add", "mul", "rust"];
    // `convv3` is near to `conv3`, not to `conv`.
    let near = nearest(name, others.iter().copied())
        .map(str::to_owned)
        .or_else(|| nearest(name, heads.clone().chain(combinations)).map(str::to_owned))
        .or_else(|| {
            let stem = name.trim_end_matches(|c: char| c.is_ascii_digit());
            let with_digits = layer::HEADS.iter().filter(|head| head.digits.is_some()).map(|head| head.name);
            nearest(stem, with_digits).map(|head| format!("{head}{}", &name[stem.len()..]))
        });
    Problem::UnknownLayer { name: name.to_owned(), nearest: near, other_name: false }
}

/// What an option of another library is called here, where the layer has it.
fn foreign_option(head: &Head, name: &str) -> Option<&'static str> {
    let ours = FOREIGN_OPTIONS.iter().find(|(theirs, _)| *theirs == name).map(|(_, ours)| *ours)?;
    (head.options.contains(&ours) || head.words.contains(&ours)).then_some(ours)
}

impl<'a> Walk<'_, 'a> {
    #[allow(clippy::too_many_arguments, reason = "what a layer is made of")]
    pub(super) fn layer(
        &mut self,
        item: &'a Item,
        word: &'a Word,
        head: &'static Head,
        digits: Vec<u64>,
        path: String,
        next: &'a [Item],
        flow: Flow,
        steps: &mut Vec<Step>,
    ) -> Flow {
        let options = self.options(word, head, digits, next);
        let (Ok(options), false) = (options, flow.shape.is_unknown()) else {
            steps.push(Step::Broken);
            return self.recovered(word, head);
        };
        let built = (head.build)(&options, &flow.shape);
        if let Ok(built) = &built {
            self.require(word, built, &flow);
            if self.shared.shares_names && built.op.has_tensors() {
                self.named.push(format!("{}{path}", self.frame.prefix));
            }
        }
        match built {
            Ok(built) if self.shared.quiet() => {
                Flow { shape: built.output, field: Field::Unknown, origin: None }
            }
            Ok(built) => {
                let field = flow.field.after(&built.op);
                let label = item.label.as_ref().map(|label| label.name.clone());
                self.row(&path, &built.op, &flow.shape, &built.output, field.rows_and_columns(), word.range);
                steps.push(Step::Layer(Layer {
                    op: built.op,
                    path,
                    input: flow.shape,
                    output: built.output.clone(),
                    source: options.layer,
                    range: word.range,
                    label,
                }));
                let origin = self.note(What::Layer, word.range, &built.output, &[flow.origin]);
                Flow { shape: built.output, field, origin }
            }
            Err(fault) => {
                self.report_layer(fault.range.unwrap_or(word.range), word.range, *fault.problem, &flow);
                steps.push(Step::Broken);
                self.recovered(word, head)
            }
        }
    }

    /// What the layer needs of sizes that are not numbers: of symbols it must be certain, of consts and generics the
    /// compiler is asked.
    fn require(&mut self, word: &'a Word, built: &Built, flow: &Flow) {
        for requirement in layer::requirements(&built.op, &flow.shape, &built.output) {
            let Requirement { left, relation, right, what } = requirement;
            if left.is_symbolic() || right.is_symbolic() {
                let problem = Problem::MayVanish {
                    layer: self.quoted(word.range),
                    input: flow.shape.to_string(),
                    output: built.output.to_string(),
                };
                self.vanishing.get_or_insert((word.range, problem, flow.clone()));
                return;
            }
            let layer = self.quoted(word.range);
            let message = match relation {
                Relation::Multiple => format!("`{layer}` on {}: {what}", flow.shape),
                _ => format!("`{layer}` on {}: {what} is {left}", flow.shape),
            };
            self.promise(Obligation { left, relation, right, message, range: word.range });
        }
    }

    /// After an error: a fully connected layer says what it gives all the same.
    fn recovered(&mut self, word: &'a Word, head: &Head) -> Flow {
        if head.name != "fc" {
            return Flow::UNKNOWN;
        }
        let features = match &word.size {
            // A size with an error was reported when the options were read.
            Some(Expr { kind: ExprKind::Int(size), .. }) => Some(*size),
            Some(_) => None,
            None => layer::lookup(&word.head.text).and_then(|(_, digits)| digits.first().copied()),
        };
        match features.filter(|&features| features > 0) {
            Some(features) => {
                let shape = Shape::Flat(features.into());
                let origin = self.note(What::Layer, word.range, &shape, &[]);
                Flow { shape, field: Field::Unknown, origin }
            }
            None => Flow::UNKNOWN,
        }
    }

    fn row(
        &mut self,
        path: &str,
        op: &Op,
        input: &Shape,
        output: &Shape,
        receptive_field: Option<[u64; 2]>,
        range: TokenRange,
    ) {
        let row = Row {
            path: format!("{}{path}", self.frame.prefix),
            source: self.text(range),
            input: input.clone(),
            output: output.clone(),
            parameters: op.parameters(),
            macs: op.macs(input, output),
            activations: if op.makes_new_values() { output.values() } else { Dim::ZERO },
            receptive_field,
            leaves: op.leaves(),
            network: None,
            range,
        };
        self.rows.push(row);
    }

    /// What was written behind the head, evaluated and checked against what the head takes.
    fn options(
        &mut self,
        word: &'a Word,
        head: &'static Head,
        digits: Vec<u64>,
        next: &'a [Item],
    ) -> Result<Options, Broken> {
        let layer = self.quoted(word.range);
        let mut intact = true;
        if head.digits.is_none() && !digits.is_empty() {
            let problem = Problem::DigitsUnexpected { word: word.head.text.clone(), head: head.name };
            self.report(word.head.range(), problem);
            intact = false;
        }
        if digits.len() == 2 && !matches!(head.name, "conv" | "dw" | "deconv" | "pool" | "avgpool" | "up") {
            let problem = Problem::DigitsUnexpected { word: word.head.text.clone(), head: head.name };
            self.report(word.head.range(), problem);
            intact = false;
        }
        let size = match &word.size {
            None => None,
            Some(size) if head.size.is_none() => {
                self.report(size.range, Problem::SizeUnexpected { layer: layer.clone(), head: head.name });
                intact = false;
                None
            }
            Some(size) => match self.size(size) {
                Ok(size) => Some(size),
                Err(Broken) => {
                    intact = false;
                    None
                }
            },
        };
        if let (Some(size), "fc", false) = (&word.size, head.name, digits.is_empty()) {
            self.report(size.range, Problem::TwoSizes { layer: layer.clone() });
            intact = false;
        }
        let stride = match &word.stride {
            None => None,
            Some(stride) if !head.stride => {
                self.report(
                    stride.range,
                    Problem::StrideUnexpected { layer: layer.clone(), head: head.name },
                );
                intact = false;
                None
            }
            Some(stride) => match self.value(stride, &[]) {
                Ok(value) => {
                    intact &= self.visible(&value, stride.range, "the stride");
                    Some(value)
                }
                Err(Broken) => {
                    intact = false;
                    None
                }
            },
        };
        let mut arguments: Vec<Argument> = Vec::new();
        for arg in &word.args {
            match self.argument(arg, head, &layer, &arguments) {
                Ok(argument) => arguments.push(argument),
                Err(Broken) => intact = false,
            }
        }
        if !intact {
            return Err(Broken);
        }
        let norm_follows = self.norm_follows(next);
        Ok(Options { head, layer, digits, size, stride, arguments, norm_follows })
    }

    /// Strides, kernels and paddings must be numbers that the macro can see.
    fn visible(&mut self, value: &Value, range: TokenRange, what: &'static str) -> bool {
        let hidden = match value {
            Value::Size(dim) => dim.number().is_none(),
            Value::List(sizes) => sizes.iter().any(|size| size.number().is_none()),
            _ => false,
        };
        if hidden {
            let text = self.text(range);
            self.report(range, Problem::NumberNotVisible { what, text });
        }
        !hidden
    }

    fn argument(
        &mut self,
        arg: &'a crate::ast::Arg,
        head: &'static Head,
        layer: &str,
        earlier: &[Argument],
    ) -> Result<Argument, Broken> {
        let name = arg.name.as_ref().map(|name| name.text.clone());
        if let Some(name) = arg.name.as_ref() {
            if !head.options.contains(&name.text.as_str()) {
                let problem = Problem::UnknownOption {
                    head: head.name,
                    option: name.text.clone(),
                    nearest: foreign_option(head, &name.text)
                        .or_else(|| {
                            nearest(
                                &name.text,
                                head.options.iter().copied().chain(head.words.iter().copied()),
                            )
                        })
                        .map(str::to_owned),
                    options: head.options,
                    words: head.words,
                };
                self.report(name.range(), problem);
                return Err(Broken);
            }
            if earlier.iter().any(|argument| argument.name.as_deref() == Some(&name.text)) {
                self.report(name.range(), Problem::Duplicate { what: "option", name: name.text.clone() });
                return Err(Broken);
            }
        }
        let value = match &arg.value {
            ArgValue::Expr(expr) => self.value(expr, head.words)?,
            ArgValue::Word(item) => {
                let word = self.text(item.range);
                self.option_word(&word, item.range, head, arg.name.is_some())?
            }
            ArgValue::Like(tap) => {
                if !head.options.contains(&"like") {
                    let problem = Problem::UnknownOption {
                        head: head.name,
                        option: "like".into(),
                        nearest: None,
                        options: head.options,
                        words: head.words,
                    };
                    self.report(arg.range, problem);
                    return Err(Broken);
                }
                let flow = self.find_tap(tap).ok_or(Broken)?;
                if flow.shape.is_unknown() {
                    return Err(Broken);
                }
                Value::Like(tap.text.clone(), flow.shape)
            }
            ArgValue::Item(item) => {
                self.report(item.range, Problem::LayerAsNumber { name: self.text(item.range) });
                return Err(Broken);
            }
        };
        if let Value::Word(word) = &value
            && earlier.iter().any(|argument| matches!(&argument.value, Value::Word(other) if other == word))
        {
            self.report(arg.range, Problem::Duplicate { what: "option", name: word.clone() });
            return Err(Broken);
        }
        let is_number = !matches!(value, Value::Word(_) | Value::Like(..));
        if name.is_none() && is_number {
            let before =
                earlier.iter().filter(|a| a.name.is_none() && !matches!(a.value, Value::Word(_))).count();
            if before >= head.positional {
                let problem = Problem::UnexpectedArgument {
                    layer: layer.to_owned(),
                    argument: self.text(arg.range),
                    options: head.options,
                    words: head.words,
                };
                self.report(arg.range, problem);
                return Err(Broken);
            }
        }
        if !self.visible(&value, arg.range, "this option") {
            return Err(Broken);
        }
        Ok(Argument { name, value, range: arg.range })
    }

    /// A single word as an option: `ceil`, `true`, or a number in scope.
    fn option_word(
        &mut self,
        word: &str,
        range: TokenRange,
        head: &'static Head,
        named: bool,
    ) -> Result<Value, Broken> {
        if named {
            return self.named_value(word, range, &[]);
        }
        if head.words.contains(&word) {
            return Ok(Value::Word(word.to_owned()));
        }
        if head.words.is_empty() && head.positional == 0 {
            let problem = Problem::UnexpectedArgument {
                layer: head.name.to_owned(),
                argument: word.to_owned(),
                options: head.options,
                words: head.words,
            };
            self.report(range, problem);
            return Err(Broken);
        }
        self.named_value(word, range, head.words)
    }

    /// Whether the next thing that happens to this layer's output is a batch normalization.
    fn norm_follows(&self, next: &'a [Item]) -> bool {
        let next = next.iter().find(|item| !matches!(item.kind, ItemKind::Ascription(_)));
        let Some(Item { kind: ItemKind::Word(word), .. }) = next else { return false };
        match self.frame.names.get(word.head.text.as_str()) {
            Some(Bound::Layer(argument)) => match &argument.item.kind {
                ItemKind::Word(word) => word.head.text == "bn",
                _ => false,
            },
            _ => word.head.text == "bn",
        }
    }
}
