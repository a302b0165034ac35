//! Collects steps, and gives them places in memory by the lives of what they read and write.

use std::collections::HashMap;

use candle_core::{Device, Result as CandleResult, Storage, Tensor, Var};
use cnn_cuda::norm_last::Pixels;
use cnn_cuda::source::Scalar;
use cnn_cuda::{Gpu, Part, layout};

use super::run::{Host, Launches, Layout, Map, Parameter, Run, Segment, Slot, Target};
use super::tapes::Tapes;
use crate::error::Result;
use crate::params::State;
use crate::plan::cuda::value::planes_of;
use crate::plan::cuda::wrong;
use crate::plan::fused::{Block, place};

/// Bytes that memory is counted in.
pub(super) const UNIT: usize = 16;

enum Make {
    Step(Box<Launches>),
    Host(Box<Host>),
    /// Here only the slots are of interest.
    Nothing,
}

/// Something to do, with the slots that it reads or writes.
struct Task {
    name: String,
    slots: Vec<Slot>,
    make: Make,
}

/// A tensor that the network has, and its variable, if that learns.
#[derive(Debug)]
pub(super) struct Learned {
    pub(super) tensor: Tensor,
    pub(super) var: Option<Var>,
    address: u64,
}

/// What a builder comes to.
pub(super) struct Built {
    pub(super) names: Vec<String>,
    pub(super) steps: Vec<Box<Launches>>,
    /// Forward and backward.
    pub(super) segments: [Vec<Segment>; 2],
    pub(super) learned: Vec<Learned>,
    pub(super) layout: Layout,
}

/// Collects steps.
pub(super) struct Builder {
    pub(super) gpu: Gpu,
    /// What maps hold.
    pub(super) scalar: Scalar,
    /// Whether products may be made on tensor cores.
    pub(super) tensor_cores: bool,
    /// Whether kernels are chosen by measurements.
    pub(super) measures: bool,
    /// Whether somebody wants the gradients of the network's inputs.
    pub(super) wants_inputs: bool,
    /// The variables that learn, by where they are.
    vars: HashMap<u64, Var>,
    slots: Vec<(Scalar, usize)>,
    tasks: Vec<Task>,
    pub(super) values: Vec<Map>,
    /// The gradient of each value, as far as it is known.
    gradients: Vec<Option<Slot>>,
    learned: Vec<Learned>,
    /// Whether a parameter's gradient was asked for.
    has_gradient: Vec<bool>,
}

impl Builder {
    /// # Errors
    /// Where the network is on another device.
    pub(super) fn new(gpu: Gpu, scalar: Scalar, tensor_cores: bool, state: &State) -> Result<Self> {
        let mut vars = HashMap::new();
        for (_, var) in state.learned() {
            vars.insert(address(&gpu, var)?, var.clone());
        }
        Ok(Self {
            gpu,
            scalar,
            tensor_cores,
            measures: false,
            wants_inputs: false,
            vars,
            slots: Vec::new(),
            tasks: Vec::new(),
            values: Vec::new(),
            gradients: Vec::new(),
            learned: Vec::new(),
            has_gradient: Vec::new(),
        })
    }

    /// A new slot, for so many values.
    pub(super) fn slot(&mut self, scalar: Scalar, len: usize) -> Slot {
        self.slots.push((scalar, len));
        Slot(self.slots.len() - 1)
    }

    /// A slot for so many values of maps.
    pub(super) fn values_slot(&mut self, len: usize) -> Slot {
        self.slot(self.scalar, len)
    }

    /// A slot for sums, statistics or numbers of channels.
    pub(super) fn numbers_slot(&mut self, len: usize) -> Slot {
        self.slot(self.scalar.of_parameters(), len)
    }

    /// A slot for a value of this shape.
    pub(super) fn map_slot(&mut self, shape: &[usize]) -> Slot {
        self.values_slot(shape.iter().product())
    }

    /// A step on these slots.
    pub(super) fn step(
        &mut self,
        name: impl Into<String>,
        slots: &[Slot],
        launch: impl Fn(&Run<'_>) -> CandleResult<()> + Send + Sync + 'static,
    ) {
        let make = Make::Step(Box::new(launch));
        self.tasks.push(Task { name: name.into(), slots: slots.to_vec(), make });
    }

    /// Something that is done between steps.
    pub(super) fn host(
        &mut self,
        slots: &[Slot],
        act: impl Fn(&Run<'_>, &mut Tapes) -> CandleResult<()> + Send + Sync + 'static,
    ) {
        let make = Make::Host(Box::new(act));
        self.tasks.push(Task { name: String::new(), slots: slots.to_vec(), make });
    }

    /// Says that these slots hold values here, before or behind all steps of a way.
    pub(super) fn hold(&mut self, slots: Vec<Slot>) {
        self.tasks.push(Task { name: String::new(), slots, make: Make::Nothing });
    }

    /// Tasks so far.
    pub(super) fn len(&self) -> usize {
        self.tasks.len()
    }

    /// A value in a slot.
    pub(super) fn value(&mut self, shape: &[usize], slot: Slot, wants: bool) -> usize {
        let pitch = planes_of(shape).channels;
        self.padded_value(shape, slot, pitch, wants)
    }

    /// A value whose pixels are padded.
    pub(super) fn padded_value(&mut self, shape: &[usize], slot: Slot, pitch: usize, wants: bool) -> usize {
        self.values.push(Map { shape: shape.to_vec(), slot, pitch, wants });
        self.gradients.push(None);
        self.values.len() - 1
    }

    /// A tensor of the network as one that a run reads.
    pub(super) fn parameter(&mut self, tensor: &Tensor) -> Result<Parameter> {
        let address = address(&self.gpu, tensor)?;
        if let Some(index) = self.learned.iter().position(|learned| learned.address == address) {
            return Ok(Parameter(index));
        }
        let var = self.vars.get(&address).cloned();
        self.learned.push(Learned { tensor: tensor.clone(), var, address });
        self.has_gradient.push(false);
        Ok(Parameter(self.learned.len() - 1))
    }

    /// Whether a parameter is learned.
    pub(super) fn is_learned(&self, parameter: Parameter) -> bool {
        self.learned[parameter.0].var.is_some()
    }

    /// The variable of a parameter.
    pub(super) fn var(&self, parameter: Parameter) -> Option<Var> {
        self.learned[parameter.0].var.clone()
    }

    /// Where the gradient of a parameter goes; none for a tensor that is not learned.
    ///
    /// # Errors
    /// Where another layer has the same parameter.
    pub(super) fn gradient_of(&mut self, parameter: Parameter) -> Result<Option<Target>> {
        if !self.is_learned(parameter) {
            return Ok(None);
        }
        if std::mem::replace(&mut self.has_gradient[parameter.0], true) {
            return Err(candle_core::Error::Msg("two layers share a parameter".to_owned()).into());
        }
        Ok(Some(Target::Gradient(parameter)))
    }

    /// The same; a slot of so many numbers where nobody learns.
    ///
    /// # Errors
    /// As [`gradient_of`](Self::gradient_of).
    pub(super) fn gradient_or_slot(&mut self, parameter: Option<Parameter>, len: usize) -> Result<Target> {
        let target = match parameter {
            Some(parameter) => self.gradient_of(parameter)?,
            None => None,
        };
        Ok(target.unwrap_or_else(|| Target::Slot(self.numbers_slot(len))))
    }

    /// Sums over the pixels of a value of this shape.
    pub(super) fn pixels(&self, shape: &[usize]) -> Pixels {
        let planes = planes_of(shape);
        Pixels::new(&self.gpu, self.scalar, planes.batch * planes.plane, planes.channels)
    }

    /// The gradient of a value, if something gave it one.
    pub(super) fn gradient(&self, value: usize) -> Option<Slot> {
        self.gradients[value]
    }

    /// The whole gradient of a value.
    pub(super) fn set_gradient(&mut self, value: usize, slot: Slot) {
        self.gradients[value] = Some(slot);
    }

    /// A part of the gradient of a value. Nobody writes into a gradient that was given: two values may have the same.
    pub(super) fn add_gradient(&mut self, value: usize, slot: Slot) {
        let Some(first) = self.gradients[value] else {
            self.set_gradient(value, slot);
            return;
        };
        let map = self.values[value].clone();
        let sum = self.map_slot(&map.shape);
        self.step("sum of gradients", &[first, slot, sum], move |run| {
            let (a, b, mut to) = (run.read(first)?, run.read(slot)?, run.write(sum)?);
            let other = Some((layout::Operator::Add, &b));
            layout::combine(run.gpu, &map.planes(), &a, other, layout::Affine::default(), &mut to)
                .map_err(wrong)
        });
        self.set_gradient(value, sum);
    }

    /// Lays the slots out by their lives; the tasks before `backward` are the way there.
    pub(super) fn finish(self, backward: usize) -> Built {
        let mut blocks: Vec<Block> = self
            .slots
            .iter()
            .map(|(scalar, len)| Block {
                len: (len * scalar.bytes()).div_ceil(UNIT),
                first: usize::MAX,
                last: 0,
            })
            .collect();
        for (index, task) in self.tasks.iter().enumerate() {
            for &Slot(slot) in &task.slots {
                blocks[slot].first = blocks[slot].first.min(index);
                blocks[slot].last = blocks[slot].last.max(index);
            }
        }
        blocks.iter_mut().for_each(|block| block.first = block.first.min(block.last));
        let (offsets, arena) = place(&blocks);
        let parts = self.slots.iter().zip(offsets);
        let parts = parts.map(|(&(scalar, len), offset)| Part { offset: offset * UNIT, len, scalar });
        let mut end = 0;
        let gradients = self.learned.iter().zip(&self.has_gradient).map(|(learned, has_gradient)| {
            has_gradient.then(|| {
                let (offset, len) = (end, learned.tensor.elem_count());
                end += (len * Scalar::F32.bytes()).next_multiple_of(UNIT);
                Part { offset, len, scalar: Scalar::F32 }
            })
        });
        let gradients = gradients.collect();
        let layout = Layout { parts: parts.collect(), gradients, bytes: [arena * UNIT, end] };
        let (mut names, mut steps) = (Vec::new(), Vec::new());
        let mut segments = [Vec::new(), Vec::new()];
        for (index, task) in self.tasks.into_iter().enumerate() {
            let way = &mut segments[usize::from(index >= backward)];
            match task.make {
                Make::Step(step) => {
                    names.push(task.name);
                    steps.push(step);
                    match way.last_mut() {
                        Some(Segment::Steps(range)) => range.end = steps.len(),
                        _ => way.push(Segment::Steps(steps.len() - 1..steps.len())),
                    }
                }
                Make::Host(host) => way.push(Segment::Host(host)),
                Make::Nothing => {}
            }
        }
        Built { names, steps, segments, learned: self.learned, layout }
    }
}

/// Where a tensor's values are, which tells whether two are the same.
fn address(gpu: &Gpu, tensor: &Tensor) -> Result<u64> {
    if !matches!(tensor.device(), Device::Cuda(_)) || !tensor.is_contiguous() {
        return Err(candle_core::Error::Msg("a parameter is on another device".to_owned()).into());
    }
    let (storage, at) = tensor.storage_and_layout();
    let Storage::Cuda(storage) = &*storage else {
        return Err(candle_core::Error::Msg("a parameter is on another device".to_owned()).into());
    };
    Ok(cnn_cuda::tensor::read(gpu, "parameter", storage, at)?.address())
}
