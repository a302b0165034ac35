//! Steps, and the places that they share.

use candle_core::{Tensor, Var};
use cnn_kernels::blocked::training::Parameter;
use cnn_kernels::blocked::{Combine, ConvInput, Map, Move, Operator, Place, Plain, Program, Step, Target};
use cnn_kernels::simd::LANES;

use super::host::Host;
use crate::error::Result;
use crate::params::State;
use crate::plan::fused::{Block, place};
use crate::plan::stored::with_values;

/// A stretch of the arena.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slot(usize);

/// A value in one of its forms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// In blocks of channels.
    Map(Slot),
    /// Row-major.
    Plain(Slot),
    /// An input of the run.
    Input(usize),
}

/// Where slots begin.
pub(super) struct Offsets(Vec<usize>);

impl Offsets {
    pub(super) fn of(&self, slot: Slot) -> usize {
        self.0[slot.0]
    }

    /// The map of this shape in a slot.
    pub(super) fn map(&self, slot: Slot, shape: [usize; 3]) -> Map {
        Map { offset: self.of(slot), stride: map_len(shape), shape }
    }

    pub(super) fn plain(&self, form: Form, len: usize) -> Plain {
        match form {
            Form::Map(slot) | Form::Plain(slot) => Plain::Arena { offset: self.of(slot), stride: len },
            Form::Input(index) => Plain::Input(index),
        }
    }

    /// What a convolution reads.
    pub(super) fn input(&self, form: Form, shape: [usize; 3]) -> ConvInput {
        match form {
            Form::Map(slot) => ConvInput::Map(self.map(slot, shape)),
            other => ConvInput::Plain(self.plain(other, shape.iter().product())),
        }
    }
}

/// Values of one sample of a map.
pub(super) fn map_len([channels, rows, columns]: [usize; 3]) -> usize {
    channels.next_multiple_of(LANES) * rows * columns
}

/// (channels, rows, columns); a row of features is as many channels of one pixel.
pub(super) fn sizes(shape: &[usize]) -> [usize; 3] {
    match *shape {
        [_, c, h, w] => [c, h, w],
        [_, ref rest @ ..] => [rest.iter().product(), 1, 1],
        [] => [1; 3],
    }
}

type MakeStep = Box<dyn FnOnce(&Offsets) -> Box<dyn Step>>;
type MakeHost = Box<dyn FnOnce(&Offsets) -> Host>;

enum Make {
    Step(MakeStep),
    Host(MakeHost),
}

/// Something to do, with the slots that it reads or writes.
struct Task {
    slots: Vec<Slot>,
    make: Make,
}

/// A value on its way through the network.
#[derive(Clone, Debug)]
pub(super) struct Value {
    pub(super) shape: Vec<usize>,
    /// Its forms, of which there is one at least.
    forms: Vec<Form>,
    /// Whether something before it is learned.
    pub(super) wants: bool,
}

/// A learned tensor: an input of the run.
#[derive(Debug)]
pub(super) struct Learned {
    pub(super) tensor: Tensor,
    pub(super) var: Option<Var>,
}

/// A stretch of steps, or something between them.
#[derive(Debug)]
pub(super) enum Segment {
    Steps(std::ops::Range<usize>),
    Host(Host),
}

/// What a builder comes to.
pub(super) struct Built {
    pub(super) program: Program,
    /// Forward and backward.
    pub(super) segments: [Vec<Segment>; 2],
    /// Lengths of the outputs of the run.
    pub(super) outputs: Vec<usize>,
    pub(super) learned: Vec<Learned>,
    /// The output that is the gradient of each learned tensor.
    pub(super) grads: Vec<Option<usize>>,
}

/// Collects steps.
pub(super) struct Builder<'s> {
    pub(super) target: Target,
    pub(super) batch: usize,
    /// Whether convolutions go by their definition.
    pub(super) is_exact: bool,
    /// Whether somebody wants the gradients of the network's inputs.
    pub(super) wants_inputs: bool,
    state: &'s State,
    slots: Vec<usize>,
    tasks: Vec<Task>,
    pub(super) values: Vec<Value>,
    /// The gradient of each value, as far as it is known.
    gradients: Vec<Option<Form>>,
    /// Lengths of the inputs of the run, of which those from the first parameter on are learned.
    inputs: Vec<usize>,
    first_parameter: usize,
    learned: Vec<Learned>,
    /// Lengths of the outputs of the run.
    outputs: Vec<usize>,
    /// The output that is the gradient of each learned tensor.
    grads: Vec<Option<usize>>,
}

impl<'s> Builder<'s> {
    /// With inputs of these lengths before the parameters, and outputs before the gradients.
    pub(super) fn new(
        target: Target,
        batch: usize,
        state: &'s State,
        inputs: Vec<usize>,
        outputs: Vec<usize>,
    ) -> Self {
        let first_parameter = inputs.len();
        Self {
            target,
            batch,
            is_exact: false,
            wants_inputs: false,
            state,
            slots: Vec::new(),
            tasks: Vec::new(),
            values: Vec::new(),
            gradients: Vec::new(),
            inputs,
            first_parameter,
            learned: Vec::new(),
            outputs,
            grads: Vec::new(),
        }
    }

    /// A new slot, for so many values of the whole batch.
    pub(super) fn slot(&mut self, len: usize) -> Slot {
        self.slots.push(len);
        Slot(self.slots.len() - 1)
    }

    /// A slot for a map.
    pub(super) fn map_slot(&mut self, shape: [usize; 3]) -> Slot {
        self.slot(self.batch * map_len(shape))
    }

    /// A step on these slots.
    pub(super) fn step<S: Step + 'static>(
        &mut self,
        slots: &[Slot],
        make: impl FnOnce(&Offsets) -> S + 'static,
    ) {
        let make: MakeStep = Box::new(move |at| Box::new(make(at)));
        self.tasks.push(Task { slots: slots.to_vec(), make: Make::Step(make) });
    }

    /// Something that is done between steps.
    pub(super) fn host(&mut self, slots: Vec<Slot>, make: impl FnOnce(&Offsets) -> Host + 'static) {
        self.tasks.push(Task { slots, make: Make::Host(Box::new(make)) });
    }

    /// Tasks so far.
    pub(super) fn len(&self) -> usize {
        self.tasks.len()
    }

    /// A value in its first form.
    pub(super) fn value(&mut self, shape: &[usize], form: Form, wants: bool) -> usize {
        self.values.push(Value { shape: shape.to_vec(), forms: vec![form], wants });
        self.gradients.push(None);
        self.values.len() - 1
    }

    /// A learned tensor as an input of the run.
    pub(super) fn parameter(&mut self, tensor: &Tensor) -> Result<Parameter> {
        let key = pointer(tensor)?;
        let mut index = None;
        for (other, learned) in self.learned.iter().enumerate() {
            if pointer(&learned.tensor)? == key {
                index = Some(other);
            }
        }
        let index = match index {
            Some(index) => index,
            None => {
                let mut var = None;
                for (_, other) in self.state.learned() {
                    if pointer(other)? == key {
                        var = Some(other.clone());
                    }
                }
                self.inputs.push(tensor.elem_count());
                self.learned.push(Learned { tensor: tensor.clone(), var });
                self.grads.push(None);
                self.learned.len() - 1
            }
        };
        Ok((self.first_parameter + index, tensor.elem_count()))
    }

    /// A new output of the run.
    pub(super) fn output(&mut self, len: usize) -> Parameter {
        self.outputs.push(len);
        (self.outputs.len() - 1, len)
    }

    /// The output that takes the gradient of a parameter; none for a tensor that is not learned.
    ///
    /// # Errors
    /// Where another layer has the same parameter.
    pub(super) fn gradient_of(&mut self, parameter: Parameter) -> Result<Option<Parameter>> {
        let index = parameter.0 - self.first_parameter;
        if self.learned[index].var.is_none() {
            return Ok(None);
        }
        if self.grads[index].is_some() {
            return Err(candle_core::Error::Msg("two layers share a parameter".to_owned()).into());
        }
        let output = self.output(parameter.1);
        self.grads[index] = Some(output.0);
        Ok(Some(output))
    }

    /// The outputs that take the gradients of a scale and a shift, if one of them is learned: nobody reads the other's then.
    ///
    /// # Errors
    /// As [`gradient_of`](Self::gradient_of).
    pub(super) fn affine_gradients(
        &mut self,
        parameters: [Option<Parameter>; 2],
    ) -> Result<Option<[Parameter; 2]>> {
        let [Some(scale), Some(shift)] = parameters else { return Ok(None) };
        Ok(match [self.gradient_of(scale)?, self.gradient_of(shift)?] {
            [None, None] => None,
            learned => Some(learned.map(|to| to.unwrap_or_else(|| self.output(scale.1)))),
        })
    }

    /// The variable of a parameter.
    pub(super) fn var(&self, parameter: Parameter) -> Option<Var> {
        self.learned[parameter.0 - self.first_parameter].var.clone()
    }

    /// Whether a parameter is learned.
    pub(super) fn is_learned(&self, parameter: Parameter) -> bool {
        self.learned[parameter.0 - self.first_parameter].var.is_some()
    }

    /// Copies a value to the first output of the run.
    pub(super) fn give(&mut self, value: usize) {
        self.copy_out(self.values[value].forms[0], value, 0);
    }

    /// Copies the gradient of a value to an output of the run, which stays zero where there is none.
    pub(super) fn give_gradient(&mut self, value: usize, output: usize) {
        if let Some(form) = self.gradients[value] {
            self.copy_out(form, value, output);
        }
    }

    /// Copies what is shaped as a value to an output of the run.
    fn copy_out(&mut self, form: Form, value: usize, output: usize) {
        let shape = sizes(&self.values[value].shape);
        let slots: Vec<Slot> = match form {
            Form::Map(slot) | Form::Plain(slot) => vec![slot],
            Form::Input(_) => Vec::new(),
        };
        let batch = self.batch;
        self.step(&slots, move |at| {
            let from = match form {
                Form::Map(slot) => Place::Map(at.map(slot, shape), 0),
                plain => Place::Plain(at.plain(plain, shape.iter().product())),
            };
            Move::new(batch, shape, from, Place::Plain(Plain::Output(output)))
        });
    }

    /// A value in blocks.
    pub(super) fn as_map(&mut self, value: usize) -> Slot {
        let shape = sizes(&self.values[value].shape);
        for form in &self.values[value].forms {
            if let Form::Map(slot) = *form {
                return slot;
            }
        }
        let from = self.values[value].forms[0];
        let slot = self.blocked(from, shape);
        self.values[value].forms.push(Form::Map(slot));
        slot
    }

    /// A value row-major, in the arena or an input.
    pub(super) fn as_plain(&mut self, value: usize) -> Form {
        let shape = sizes(&self.values[value].shape);
        for form in &self.values[value].forms {
            match *form {
                Form::Map(_) => {}
                plain => return plain,
            }
        }
        let Form::Map(from) = self.values[value].forms[0] else { unreachable!("other forms are plain") };
        let plain = Form::Plain(self.row_major(from, shape));
        self.values[value].forms.push(plain);
        plain
    }

    /// A value row-major in the arena.
    pub(super) fn as_row(&mut self, value: usize) -> Slot {
        match self.as_plain(value) {
            Form::Map(slot) | Form::Plain(slot) => slot,
            Form::Input(index) => {
                let shape = sizes(&self.values[value].shape);
                let len = shape.iter().product::<usize>();
                let (to, batch) = (self.slot(self.batch * len), self.batch);
                self.step(&[to], move |at| {
                    let target = Place::Plain(at.plain(Form::Plain(to), len));
                    Move::new(batch, shape, Place::Plain(Plain::Input(index)), target)
                });
                self.values[value].forms.insert(0, Form::Plain(to));
                to
            }
        }
    }

    /// Whether a map is row-major as it is.
    fn is_row([channels, rows, columns]: [usize; 3]) -> bool {
        rows * columns == 1 && channels.is_multiple_of(LANES)
    }

    /// The same values in blocks.
    fn blocked(&mut self, from: Form, shape: [usize; 3]) -> Slot {
        if let (true, Form::Plain(slot)) = (Self::is_row(shape), from) {
            return slot;
        }
        let (slot, batch) = (self.map_slot(shape), self.batch);
        let mut slots = vec![slot];
        if let Form::Plain(from) = from {
            slots.push(from);
        }
        self.step(&slots, move |at| {
            let from = Place::Plain(at.plain(from, shape.iter().product()));
            Move::new(batch, shape, from, Place::Map(at.map(slot, shape), 0))
        });
        slot
    }

    /// The same values row-major.
    fn row_major(&mut self, from: Slot, shape: [usize; 3]) -> Slot {
        if Self::is_row(shape) {
            return from;
        }
        let len = shape.iter().product::<usize>();
        let (slot, batch) = (self.slot(self.batch * len), self.batch);
        self.step(&[from, slot], move |at| {
            let to = Place::Plain(at.plain(Form::Plain(slot), len));
            Move::new(batch, shape, Place::Map(at.map(from, shape), 0), to)
        });
        slot
    }

    /// The gradient of a value in blocks, if something gave it one.
    pub(super) fn gradient_map(&mut self, value: usize) -> Option<Slot> {
        let shape = sizes(&self.values[value].shape);
        let slot = match self.gradients[value]? {
            Form::Map(slot) => slot,
            plain => self.blocked(plain, shape),
        };
        self.gradients[value] = Some(Form::Map(slot));
        Some(slot)
    }

    /// The gradient of a value row-major in the arena, if something gave it one.
    pub(super) fn gradient_row(&mut self, value: usize) -> Option<Slot> {
        let shape = sizes(&self.values[value].shape);
        let slot = match self.gradients[value]? {
            Form::Map(slot) => self.row_major(slot, shape),
            Form::Plain(slot) => slot,
            Form::Input(index) => {
                let len = shape.iter().product::<usize>();
                let (to, batch) = (self.slot(self.batch * len), self.batch);
                self.step(&[to], move |at| {
                    let target = Place::Plain(at.plain(Form::Plain(to), len));
                    Move::new(batch, shape, Place::Plain(Plain::Input(index)), target)
                });
                to
            }
        };
        self.gradients[value] = Some(Form::Plain(slot));
        Some(slot)
    }

    /// A map row-major.
    pub(super) fn form_plain(&mut self, map: Slot, shape: [usize; 3]) -> Form {
        Form::Plain(self.row_major(map, shape))
    }

    /// The whole gradient of a value.
    pub(super) fn set_gradient(&mut self, value: usize, form: Form) {
        self.gradients[value] = Some(form);
    }

    /// A part of the gradient of a value.
    pub(super) fn add_gradient(&mut self, value: usize, form: Form) {
        let Some(first) = self.gradients[value] else {
            self.gradients[value] = Some(form);
            return;
        };
        let shape = sizes(&self.values[value].shape);
        let mut as_map = |form| match form {
            Form::Map(slot) => slot,
            plain => self.blocked(plain, shape),
        };
        let (a, b) = (as_map(first), as_map(form));
        let sum = self.map_slot(shape);
        let (target, batch) = (self.target, self.batch);
        self.step(&[a, b, sum], move |at| {
            let second = (Operator::Add, at.map(b, shape));
            Combine::new(target, batch, at.map(a, shape), Some(second), [None; 2], None, at.map(sum, shape))
        });
        self.gradients[value] = Some(Form::Map(sum));
    }

    /// Lays the slots out by their lives and makes the steps; those before `backward` are the way there.
    pub(super) fn finish(self, backward: usize) -> Built {
        let mut blocks: Vec<Block> =
            self.slots.iter().map(|&len| Block { len, first: usize::MAX, last: 0 }).collect();
        for (index, task) in self.tasks.iter().enumerate() {
            for &Slot(slot) in &task.slots {
                blocks[slot].first = blocks[slot].first.min(index);
                blocks[slot].last = blocks[slot].last.max(index);
            }
        }
        blocks.iter_mut().for_each(|block| block.first = block.first.min(block.last));
        let (offsets, arena) = place(&blocks);
        let offsets = Offsets(offsets);
        let mut steps: Vec<Box<dyn Step>> = Vec::new();
        let mut segments = [Vec::new(), Vec::new()];
        for (index, task) in self.tasks.into_iter().enumerate() {
            let way = &mut segments[usize::from(index >= backward)];
            match task.make {
                Make::Step(make) => {
                    steps.push(make(&offsets));
                    match way.last_mut() {
                        Some(Segment::Steps(range)) => range.end = steps.len(),
                        _ => way.push(Segment::Steps(steps.len() - 1..steps.len())),
                    }
                }
                Make::Host(make) => way.push(Segment::Host(make(&offsets))),
            }
        }
        let threads = self.target.threads;
        let program = Program::new(steps, self.batch, self.inputs, self.outputs.clone(), arena, threads);
        Built { program, segments, outputs: self.outputs, learned: self.learned, grads: self.grads }
    }
}

/// Where a tensor's values are, which tells whether two are the same.
fn pointer(tensor: &Tensor) -> Result<usize> {
    Ok(with_values(tensor, |values| values.as_ptr().addr())?)
}
