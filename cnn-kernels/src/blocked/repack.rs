//! Weights that change from run to run, packed in each.

#![allow(clippy::needless_range_loop, reason = "rows and columns of a tile, of which a part is used")]

use super::conv::whole_groups;
use super::places::Limits;
use super::program::{Step, require, sealed::Run};
use super::team::Member;
use super::winograd::{Winograd, weight_matrix};
use super::{Algorithm, Memory, Needs, Target};
use crate::conv::Conv;
use crate::simd::{Kernel, LANES, Vector};

/// How a convolution finds its weights in those of a layer: `w[g * group + o * outputs + c * inputs + taps[t]]` for a group,
/// an output channel and an input channel of the group, and a tap of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    group: usize,
    outputs: usize,
    inputs: usize,
    taps: Vec<usize>,
}

impl View {
    /// The layer's own: (out_channels, in_channels, kernel rows, kernel columns).
    #[must_use]
    pub fn of(conv: &Conv) -> Self {
        let (taps, group) = (conv.taps(), conv.weight_len() / conv.groups);
        let outputs = conv.in_channels / conv.groups * taps;
        Self { group, outputs, inputs: taps, taps: (0..taps).collect() }
    }

    /// That of the gradient of the layer's input: channels exchanged, and some of the taps, those of `down` and `across`.
    #[must_use]
    pub fn transposed(conv: &Conv, down: &[usize], across: &[usize]) -> Self {
        let (taps, width) = (conv.taps(), conv.columns.kernel());
        let chosen = down.iter().flat_map(|row| across.iter().map(move |column| row * width + column));
        let (group, inputs) = (conv.weight_len() / conv.groups, conv.in_channels / conv.groups * taps);
        Self { group, outputs: taps, inputs, taps: chosen.collect() }
    }

    /// One past the last value that it sees in a group, of so many channels.
    fn reach(&self, [outputs, inputs]: [usize; 2]) -> usize {
        let last = (outputs - 1) * self.outputs + (inputs - 1) * self.inputs;
        last + self.taps.iter().max().map_or(0, |tap| tap + 1)
    }
}

/// Packs the weights of a convolution that reads them [`Late`](super::Late).
#[derive(Debug)]
pub struct Repack {
    target: Target,
    form: Form,
    /// Parts of the groups that are packed as a whole, with zeros between their groups.
    parts: usize,
    /// Output channels and input channels of a part.
    channels: [usize; 2],
    /// And of a group.
    each: [usize; 2],
    view: View,
    /// The layer's weight: an input of the run, and its length.
    weight: (usize, usize),
    to: usize,
}

/// What the weights become.
#[derive(Clone, Debug)]
enum Form {
    /// The product's tiles, of so many input channels at a time.
    Tiles { distance: usize },
    /// Minimal filtering: T rows of R.
    Winograd(Winograd, Vec<Vec<f32>>),
    /// Block, tap, lane.
    Depthwise,
}

impl Repack {
    /// For a convolution; `plain` where it reads plain values.
    ///
    /// # Panics
    /// Where the view reaches beyond the weight, or the algorithm does not compute the convolution.
    #[must_use]
    pub fn new(
        target: Target,
        conv: &Conv,
        algorithm: Algorithm,
        plain: bool,
        view: View,
        weight: (usize, usize),
        to: usize,
    ) -> Self {
        let (part, groups) = whole_groups(conv);
        let form = match algorithm {
            Algorithm::Winograd(winograd) => {
                let fits = winograd.fits(&Conv { groups: 1, ..part });
                assert!(fits, "{algorithm:?} does not compute {conv:?}");
                let rows = weight_matrix(winograd).into_iter();
                let rows = rows.map(|row| row.into_iter().map(|value| value as f32).collect()).collect();
                Form::Winograd(winograd, rows)
            }
            Algorithm::Direct => Form::Tiles { distance: if plain { 4 } else { LANES } },
            Algorithm::DirectBf16 => panic!("weights that come late are f32"),
        };
        assert_eq!(view.taps.len(), conv.taps(), "taps of a convolution");
        let channels = [part.out_channels, part.in_channels];
        let (parts, each) = (conv.out_channels / part.out_channels, channels.map(|count| count / groups));
        Self::with(target, form, parts, [channels, each], view, weight, to)
    }

    /// For a depthwise convolution.
    ///
    /// # Panics
    /// As [`new`](Self::new).
    #[must_use]
    pub fn depthwise(target: Target, channels: usize, view: View, weight: (usize, usize), to: usize) -> Self {
        Self::with(target, Form::Depthwise, 1, [[channels, 1]; 2], view, weight, to)
    }

    fn with(
        target: Target,
        form: Form,
        parts: usize,
        [channels, each]: [[usize; 2]; 2],
        view: View,
        weight: (usize, usize),
        to: usize,
    ) -> Self {
        require(target.isa);
        assert!(parts > 0 && !each.contains(&0), "{each:?} channels");
        let last = (parts * channels[0] / each[0] - 1) * view.group;
        assert!(last + view.reach(each) <= weight.1, "{view:?} of {weight:?}");
        Self { target, form, parts, channels, each, view, weight, to }
    }

    /// Values that a convolution's weights become.
    #[must_use]
    pub fn packed_len(conv: &Conv, algorithm: Algorithm) -> usize {
        let (part, _) = whole_groups(conv);
        let parts = conv.out_channels / part.out_channels;
        let each = part.out_channels.next_multiple_of(LANES) * part.in_channels;
        match algorithm {
            Algorithm::Winograd(winograd) => parts * each * winograd.tile() * winograd.tile(),
            Algorithm::Direct | Algorithm::DirectBf16 => parts * each * conv.taps(),
        }
    }

    /// Values that the weights of a depthwise convolution become.
    #[must_use]
    pub fn depthwise_len(channels: usize, taps: usize) -> usize {
        channels.next_multiple_of(LANES) * taps
    }

    /// Values of a part.
    fn len(&self) -> usize {
        let [outputs, inputs] = self.channels;
        let taps = match &self.form {
            Form::Winograd(winograd, _) => winograd.tile() * winograd.tile(),
            Form::Tiles { .. } | Form::Depthwise => self.view.taps.len(),
        };
        outputs.next_multiple_of(LANES) * inputs * taps
    }

    fn blocks(&self) -> usize {
        self.channels[0].div_ceil(LANES)
    }
}

impl Step for Repack {
    fn needs(&self) -> Needs {
        Needs { phases: 1, ..Needs::default() }
    }

    fn algorithm(&self) -> String {
        "packing".to_owned()
    }
}

impl Run for Repack {
    fn check(&self, limits: &Limits<'_>) {
        limits.parameter(self.weight.0, self.weight.1);
        limits.whole(self.to, self.parts * self.len());
    }

    unsafe fn run(&self, member: &mut Member<'_>, memory: Memory<'_>) {
        let weight = memory.inputs[self.weight.0];
        let (tile_blocks, _) = self.target.isa.tile();
        let (wide, step) = match self.form {
            Form::Depthwise => (1, LANES),
            _ => (tile_blocks, LANES),
        };
        // Some input channels of a group of blocks of output channels.
        let groups = self.blocks().div_ceil(wide);
        let steps = self.channels[1].div_ceil(step);
        member.each(self.parts * groups * steps, |item| {
            let (part, rest) = (item / (groups * steps), item % (groups * steps));
            let (group, inputs) = (rest / steps, rest % steps);
            let first = group * wide;
            let some = Some {
                of: self,
                weight: &weight[part * (self.channels[0] / self.each[0]) * self.view.group..],
                to: memory.arena.wrapping_add(self.to + part * self.len()),
                blocks: first..self.blocks().min(first + wide),
                inputs: inputs * step..self.channels[1].min((inputs + 1) * step),
            };
            // SAFETY: the places were checked; items write different channels.
            unsafe { self.target.isa.run(some) }
        });
    }
}

/// What one item packs.
struct Some<'a> {
    of: &'a Repack,
    /// From the part's first on.
    weight: &'a [f32],
    to: *mut f32,
    /// Of one group.
    blocks: std::ops::Range<usize>,
    inputs: std::ops::Range<usize>,
}

impl Some<'_> {
    /// The place of an output channel's and an input channel's weights, of one group.
    #[inline(always)]
    fn at(&self, output: usize, input: usize) -> usize {
        output * self.of.view.outputs + input * self.of.view.inputs
    }

    /// Whether the part has several groups.
    #[inline(always)]
    fn is_mixed(&self) -> bool {
        self.of.each[0] < self.of.channels[0]
    }

    /// As [`lanes`](Self::lanes), where groups share blocks: zeros for output channels that do not see the input channel.
    ///
    /// # Safety
    /// As [`Vector`].
    #[inline(always)]
    unsafe fn mixed<V: Vector>(&self, output: usize, input: usize, first: usize) -> [V; LANES] {
        let ([outputs, _], [each, each_inputs]) = (self.of.channels, self.of.each);
        let group = input / each_inputs;
        let start = group * self.of.view.group + input % each_inputs * self.of.view.inputs + first;
        // SAFETY: the caller's promise.
        unsafe {
            let mut rows = [V::zero(); LANES];
            for (lane, row) in rows.iter_mut().enumerate().take(outputs - output) {
                if (output + lane) / each == group {
                    let mut values = [0.0f32; LANES];
                    let from = start + (output + lane) % each * self.of.view.outputs;
                    for (index, value) in values.iter_mut().enumerate() {
                        *value = self.weight.get(from + index).copied().unwrap_or(0.0);
                    }
                    *row = V::load(values.as_ptr());
                }
            }
            V::transposed(rows)
        }
    }

    /// The weights of sixteen output channels from one on, for an input channel and sixteen of the taps that the weight has;
    /// zeros for channels and taps that are not there.
    ///
    /// # Safety
    /// As [`Vector`].
    #[inline(always)]
    unsafe fn lanes<V: Vector>(&self, output: usize, input: usize, first: usize) -> [V; LANES] {
        if self.is_mixed() {
            // SAFETY: the caller's promise.
            return unsafe { self.mixed(output, input, first) };
        }
        let outputs = self.of.channels[0];
        let from = self.at(output, input) + first;
        let reach = from + (LANES - 1) * self.of.view.outputs + LANES;
        // SAFETY: the caller's promise.
        unsafe {
            let mut rows = [V::zero(); LANES];
            if output + LANES <= outputs && reach <= self.weight.len() {
                let from = self.weight.as_ptr().add(from);
                for (lane, row) in rows.iter_mut().enumerate() {
                    *row = V::load(from.add(lane * self.of.view.outputs));
                }
            } else {
                for (lane, row) in rows.iter_mut().enumerate().take(outputs.saturating_sub(output)) {
                    let mut values = [0.0f32; LANES];
                    let from = from + lane * self.of.view.outputs;
                    for (index, value) in values.iter_mut().enumerate() {
                        *value = self.weight.get(from + index).copied().unwrap_or(0.0);
                    }
                    *row = V::load(values.as_ptr());
                }
            }
            V::transposed(rows)
        }
    }

    /// # Safety
    /// The item is within the packed weights.
    #[inline(always)]
    unsafe fn tiles<V: Vector>(&self, distance: usize) {
        let [_, inputs] = self.of.channels;
        let taps = self.of.view.taps.as_slice();
        let width = self.blocks.len() * LANES;
        let single = taps.len() == 1 && !self.is_mixed();
        // SAFETY: the caller's promise.
        unsafe {
            let group = self.to.add(self.blocks.start * LANES * inputs * taps.len());
            for (index, block) in self.blocks.clone().enumerate() {
                let output = block * LANES;
                if single && self.of.view.inputs == 1 && distance == LANES {
                    // The channels of a 1x1 window are neighbours, as taps are elsewhere.
                    let (first, tap) = (self.inputs.start, taps[0]);
                    let columns = self.lanes::<V>(output, first, tap);
                    for (column, input) in columns.into_iter().zip(self.inputs.clone()) {
                        column.store(group.add(input * width + index * LANES));
                    }
                    continue;
                }
                if single && self.of.view.outputs == 1 && output + LANES <= self.of.channels[0] {
                    // The other way round output channels are neighbours.
                    for input in self.inputs.clone() {
                        let from = self.weight.as_ptr().add(self.at(output, input) + taps[0]);
                        V::load(from).store(group.add(input * width + index * LANES));
                    }
                    continue;
                }
                for input in self.inputs.clone() {
                    // Channels of a block stand together, within each tap.
                    let first = input / distance * distance;
                    let together = distance.min(inputs - first);
                    let to = group.add((first * taps.len() + input - first) * width + index * LANES);
                    let reach = taps.iter().fold(0, |most, &tap| tap.max(most)) + 1;
                    for chunk in (0..reach).step_by(LANES) {
                        let mut columns = [[0.0f32; LANES]; LANES];
                        let vectors = self.lanes::<V>(output, input, chunk);
                        for (vector, column) in vectors.into_iter().zip(&mut columns) {
                            vector.store(column.as_mut_ptr());
                        }
                        for (place, &tap) in taps.iter().enumerate() {
                            if tap / LANES == chunk / LANES {
                                let column = V::load(columns[tap % LANES].as_ptr());
                                column.store(to.add(place * together * width));
                            }
                        }
                    }
                }
            }
        }
    }

    /// # Safety
    /// As [`Vector`], and as [`tiles`](Self::tiles).
    #[inline(always)]
    unsafe fn winograd<V: Vector>(&self, winograd: Winograd, matrix: &[Vec<f32>]) {
        let [outputs, inputs] = self.of.channels;
        let (t, r) = (winograd.tile(), winograd.kernel());
        let each = outputs.next_multiple_of(LANES) * inputs;
        let width = self.blocks.len() * LANES;
        let taps = self.of.view.taps.as_slice();
        // SAFETY: the caller's promise.
        unsafe {
            let group = self.to.add(self.blocks.start * LANES * inputs);
            for (index, block) in self.blocks.clone().enumerate() {
                for input in self.inputs.clone() {
                    // The taps of the window may be any of the weight's.
                    let mut gathered = [[0.0f32; LANES]; 25];
                    let reach = taps.iter().fold(0, |most, &tap| tap.max(most)) + 1;
                    for chunk in (0..reach).step_by(LANES) {
                        let vectors = self.lanes::<V>(block * LANES, input, chunk);
                        for (values, &tap) in gathered.iter_mut().zip(taps) {
                            if tap / LANES == chunk / LANES {
                                vectors[tap % LANES].store(values.as_mut_ptr());
                            }
                        }
                    }
                    let mut half = [[V::zero(); 5]; 8];
                    for y in 0..t {
                        for x in 0..r {
                            let mut sum = V::zero();
                            for k in 0..r {
                                let value = V::load(gathered[k * r + x].as_ptr());
                                sum = value.mul_add(V::splat(*matrix[y].get_unchecked(k)), sum);
                            }
                            half[y][x] = sum;
                        }
                    }
                    let to = group.add(input * width + index * LANES);
                    for y in 0..t {
                        for x in 0..t {
                            let mut sum = V::zero();
                            for k in 0..r {
                                sum = half[y][k].mul_add(V::splat(*matrix[x].get_unchecked(k)), sum);
                            }
                            sum.store(to.add((y * t + x) * each));
                        }
                    }
                }
            }
        }
    }

    /// # Safety
    /// As [`tiles`](Self::tiles).
    unsafe fn depthwise(&self) {
        let (outputs, taps) = (self.of.channels[0], &self.of.view.taps);
        for block in self.blocks.clone() {
            for (index, &tap) in taps.iter().enumerate() {
                for lane in 0..LANES {
                    let channel = block * LANES + lane;
                    let value = if channel < outputs { self.weight[self.at(channel, 0) + tap] } else { 0.0 };
                    // SAFETY: the caller's promise.
                    unsafe { *self.to.add((block * taps.len() + index) * LANES + lane) = value };
                }
            }
        }
    }
}

impl Kernel for Some<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        // SAFETY: the caller's promise; the view was checked against the weight.
        unsafe {
            match &self.of.form {
                Form::Tiles { distance } => self.tiles::<V>(*distance),
                Form::Winograd(winograd, matrix) => self.winograd::<V>(*winograd, matrix),
                Form::Depthwise => self.depthwise(),
            }
        }
    }
}

/// Copies a vector of one value for each channel to whole blocks, the rest of whose lanes are zero.
#[derive(Debug)]
pub struct Pad {
    /// An input of the run, and its length.
    values: (usize, usize),
    to: usize,
}

impl Pad {
    /// From an input of that length to a place in the arena.
    #[must_use]
    pub fn new(values: (usize, usize), to: usize) -> Self {
        Self { values, to }
    }
}

impl Step for Pad {
    fn needs(&self) -> Needs {
        Needs { phases: 1, ..Needs::default() }
    }

    fn algorithm(&self) -> String {
        "packing".to_owned()
    }
}

impl Run for Pad {
    fn check(&self, limits: &Limits<'_>) {
        limits.parameter(self.values.0, self.values.1);
        limits.whole(self.to, self.values.1.next_multiple_of(LANES));
    }

    unsafe fn run(&self, member: &mut Member<'_>, memory: Memory<'_>) {
        let (index, len) = self.values;
        member.each(1, |_| {
            // SAFETY: the place was checked.
            let to = unsafe {
                std::slice::from_raw_parts_mut(memory.arena.add(self.to), len.next_multiple_of(LANES))
            };
            to[..len].copy_from_slice(memory.inputs[index]);
            to[len..].fill(0.0);
        });
    }
}
