//! What a network does, written down.

use std::cell::RefCell;
use std::rc::Rc;

use super::Traced;
use crate::error::Result;
use crate::value::Operation;

/// The operations of a network in the order of execution: what [`Traced`] values write down.
///
/// ```
/// use cnn_runtime::Value;
/// use cnn_runtime::plan::{Graph, Source};
///
/// # fn main() -> cnn_runtime::Result<()> {
/// let graph = Graph::record(&[vec![1, 3, 8, 8]], |inputs| {
///     let x = inputs[0].relu()?;
///     x.tanh()?; // nothing reads it: it is left out
///     Ok(vec![x.add(&inputs[0])?])
/// })?;
/// assert_eq!(graph.nodes.len(), 3);
/// assert!(matches!(graph.nodes[0].source, Source::Input(0)));
/// assert_eq!((graph.nodes[2].inputs.as_slice(), graph.outputs.as_slice()), (&[1, 0][..], &[2][..]));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct Graph {
    /// Values, each after those that it is made of. The inputs come first.
    pub nodes: Vec<Node>,
    /// Which of the nodes the network gives.
    pub outputs: Vec<usize>,
    /// Whether what belongs to training may be written down.
    pub(super) training: bool,
}

/// A value of a [`Graph`].
#[derive(Clone, Debug)]
pub struct Node {
    /// Where it comes from.
    pub source: Source,
    /// The nodes that it is made of.
    pub inputs: Vec<usize>,
    /// Its sizes, batch included.
    pub shape: Vec<usize>,
}

/// Where a value comes from.
#[derive(Clone, Debug)]
#[allow(clippy::large_enum_variant, reason = "nearly every value is an operation's")]
pub enum Source {
    /// It is an input of the network, counted from 0.
    Input(usize),
    /// It is the result of an operation.
    Operation(Operation),
}

impl Graph {
    /// What `record` does with inputs of these shapes. What no output needs is left out.
    ///
    /// # Errors
    /// Those of `record`; an output that comes from another recording.
    pub fn record(
        shapes: &[Vec<usize>],
        record: impl FnOnce(&[Traced]) -> Result<Vec<Traced>>,
    ) -> Result<Self> {
        Self::record_as(false, shapes, record)
    }

    /// As [`record`](Self::record), training or not.
    pub(super) fn record_as(
        training: bool,
        shapes: &[Vec<usize>],
        record: impl FnOnce(&[Traced]) -> Result<Vec<Traced>>,
    ) -> Result<Self> {
        let graph = Rc::new(RefCell::new(Self { training, ..Self::default() }));
        let inputs: Vec<Traced> = shapes
            .iter()
            .enumerate()
            .map(|(index, shape)| Traced::push(&graph, Source::Input(index), Vec::new(), shape.clone()))
            .collect();
        let outputs = record(&inputs)?;
        let indices: candle_core::Result<Vec<usize>> =
            outputs.iter().map(|output| output.index_in(&graph)).collect();
        let outputs = indices?;
        let recorded = graph.take();
        Ok(Self { outputs, ..recorded }.without_unread(shapes.len()))
    }

    /// Only what the outputs need, and the inputs.
    fn without_unread(self, inputs: usize) -> Self {
        let mut needed: Vec<bool> = (0..self.nodes.len()).map(|index| index < inputs).collect();
        self.outputs.iter().for_each(|&output| needed[output] = true);
        for (index, node) in self.nodes.iter().enumerate().rev() {
            if needed[index] {
                node.inputs.iter().for_each(|&input| needed[input] = true);
            }
        }
        // The new place of each node.
        let mut places = Vec::with_capacity(needed.len());
        let mut count = 0;
        for &needed in &needed {
            places.push(count);
            count += usize::from(needed);
        }
        let moved = |indices: &[usize]| indices.iter().map(|&index| places[index]).collect();
        let kept = self.nodes.into_iter().zip(&needed).filter(|(_, needed)| **needed);
        let nodes = kept.map(|(node, _)| Node { inputs: moved(&node.inputs), ..node }).collect();
        Self { nodes, outputs: moved(&self.outputs), training: self.training }
    }
}
