//! A program of a few steps, and what random sizes are drawn from.

use cnn_kernels::blocked::{Map, Move, Place, Plain, Program, Step};
use cnn_kernels::simd::LANES;
use cnn_kernels::window::Span;
use proptest::prelude::*;

use crate::common::numbers;

/// Random sizes are few under Miri, which is slow.
pub(crate) fn config() -> ProptestConfig {
    let cases = if cfg!(miri) { 2 } else { 80 };
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

pub(crate) fn most() -> usize {
    if cfg!(miri) { 5 } else { 33 }
}

/// One axis: input, kernel, stride, dilation, padding.
pub(crate) fn axis(most: usize, kernels: usize) -> impl Strategy<Value = Span> {
    (1..=most, 1..=kernels, 1..=3usize, 1..=3usize, 0..=3usize, 0..=3usize).prop_filter_map(
        "the window fits",
        |(input, kernel, stride, dilation, before, after)| {
            let reach = (kernel - 1) * dilation + 1;
            let room = (input + before + after).checked_sub(reach)?;
            Span::new(input, room / stride + 1, kernel, stride, dilation, [before, after])
        },
    )
}

pub(crate) fn map(offset: usize, shape: [usize; 3]) -> Map {
    let map = Map { offset, stride: 0, shape };
    Map { stride: map.len() + LANES, ..map }
}

pub(crate) fn f32s(values: &[f64]) -> Vec<f32> {
    values.iter().map(|&value| value as f32).collect()
}

/// Values that `f32` has, too.
pub(crate) fn exact(count: usize, seed: u64) -> Vec<f64> {
    numbers(count, seed).into_iter().map(|value| f64::from(value as f32)).collect()
}

pub(crate) fn boxed(step: impl Step + 'static) -> Box<dyn Step> {
    Box::new(step)
}

/// The largest difference, as a part of the largest value.
pub(crate) fn away(expected: &[f64], found: &[f32]) -> f64 {
    away_of(expected, found, 1e-3)
}

/// As [`away`], of values that may all nearly cancel: `natural` is how large they would be otherwise.
pub(crate) fn away_of(expected: &[f64], found: &[f32], natural: f64) -> f64 {
    assert_eq!(expected.len(), found.len());
    let largest = expected.iter().fold(natural, |most: f64, value| most.max(value.abs()));
    let all = expected.iter().zip(found).map(|(a, &b)| (a - f64::from(b)).abs() / largest);
    all.fold(0.0, |most, one| if one > most || one.is_nan() { one } else { most })
}

/// Maps in an arena, loaded from inputs of a run and given to its outputs.
pub(crate) struct Rig {
    batch: usize,
    threads: usize,
    arena: usize,
    steps: Vec<Box<dyn Step>>,
    inputs: Vec<Vec<f32>>,
    outputs: Vec<usize>,
}

impl Rig {
    pub(crate) fn new(batch: usize, threads: usize) -> Self {
        Self { batch, threads, arena: 0, steps: Vec::new(), inputs: Vec::new(), outputs: Vec::new() }
    }

    /// A place for so many values.
    pub(crate) fn place(&mut self, len: usize) -> usize {
        let offset = self.arena;
        self.arena += len.next_multiple_of(LANES);
        offset
    }

    pub(crate) fn map(&mut self, shape: [usize; 3]) -> Map {
        let place = map(0, shape);
        Map { offset: self.place(self.batch * place.stride), ..place }
    }

    pub(crate) fn input(&mut self, values: &[f64]) -> (usize, usize) {
        self.inputs.push(f32s(values));
        (self.inputs.len() - 1, values.len())
    }

    /// A map with these values.
    pub(crate) fn load(&mut self, shape: [usize; 3], values: &[f64]) -> Map {
        let (map, (index, _)) = (self.map(shape), self.input(values));
        let (from, to) = (Place::Plain(Plain::Input(index)), Place::Map(map, 0));
        self.steps.push(boxed(Move::new(self.batch, shape, from, to)));
        map
    }

    /// A row with these values, filled up to as many for each sample.
    pub(crate) fn row(&mut self, values: &[f64]) -> usize {
        let len = values.len().div_ceil(self.batch);
        let mut filled = values.to_vec();
        filled.resize(self.batch * len, 0.0);
        let (offset, (index, _)) = (self.place(filled.len()), self.input(&filled));
        let to = Place::Plain(Plain::Arena { offset, stride: len });
        self.steps.push(boxed(Move::new(self.batch, [len, 1, 1], Place::Plain(Plain::Input(index)), to)));
        offset
    }

    pub(crate) fn output(&mut self, len: usize) -> (usize, usize) {
        self.outputs.push(len);
        (self.outputs.len() - 1, len)
    }

    pub(crate) fn give(&mut self, map: Map) {
        let (index, _) = self.output(self.batch * map.shape.iter().product::<usize>());
        let (from, to) = (Place::Map(map, 0), Place::Plain(Plain::Output(index)));
        self.steps.push(boxed(Move::new(self.batch, map.shape, from, to)));
    }

    pub(crate) fn give_row(&mut self, offset: usize, len: usize) {
        let (index, _) = self.output(self.batch * len);
        let from = Place::Plain(Plain::Arena { offset, stride: len });
        self.steps.push(boxed(Move::new(self.batch, [len, 1, 1], from, Place::Plain(Plain::Output(index)))));
    }

    pub(crate) fn step(&mut self, step: impl Step + 'static) {
        self.steps.push(boxed(step));
    }

    /// The outputs of a second run, over what the first left; both are the same.
    pub(crate) fn run(self) -> Vec<Vec<f32>> {
        let lengths = self.inputs.iter().map(Vec::len).collect();
        let program =
            Program::new(self.steps, self.batch, lengths, self.outputs.clone(), self.arena, self.threads);
        let mut workspace = program.workspace();
        let inputs: Vec<&[f32]> = self.inputs.iter().map(Vec::as_slice).collect();
        let mut run = || {
            let mut outputs: Vec<Vec<f32>> = self.outputs.iter().map(|&len| vec![f32::NAN; len]).collect();
            let mut slices: Vec<&mut [f32]> = outputs.iter_mut().map(Vec::as_mut_slice).collect();
            program.run(&mut workspace, &inputs, &mut slices).unwrap();
            outputs
        };
        let first = run();
        let second = run();
        assert_eq!(first, second, "two runs differ");
        second
    }
}
