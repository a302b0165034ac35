//! Values that are written down instead of computed.

use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;

use candle_core::{Result, bail};

use super::{Graph, Node, Source};
use crate::value::{Operation, Value};

/// A value that has a shape and a place in a [`Graph`], and no numbers: what is done with it is written there.
///
/// It knows what tensors would refuse: shapes that do not fit are errors here too. What belongs to training, masks and
/// the statistics of a batch, cannot be written down.
#[derive(Clone)]
pub struct Traced {
    index: usize,
    shape: Rc<[usize]>,
    graph: Rc<RefCell<Graph>>,
}

impl Traced {
    /// Adds a value to a graph.
    pub(super) fn push(
        graph: &Rc<RefCell<Graph>>,
        source: Source,
        inputs: Vec<usize>,
        shape: Vec<usize>,
    ) -> Self {
        let traced_shape = Rc::from(shape.as_slice());
        let mut nodes = graph.borrow_mut();
        let index = nodes.nodes.len();
        nodes.nodes.push(Node { source, inputs, shape });
        Self { index, shape: traced_shape, graph: Rc::clone(graph) }
    }

    /// Its node in this graph.
    pub(super) fn index_in(&self, graph: &Rc<RefCell<Graph>>) -> Result<usize> {
        if Rc::ptr_eq(&self.graph, graph) {
            Ok(self.index)
        } else {
            bail!("a value of one recording was used in another")
        }
    }
}

impl Value for Traced {
    fn dims(&self) -> &[usize] {
        &self.shape
    }

    fn apply(operation: &Operation, inputs: &[&Self]) -> Result<Self> {
        let Some(first) = inputs.first() else {
            bail!("{}: expected at least one value", operation.name());
        };
        let graph = &first.graph;
        match operation {
            _ if graph.borrow().training => {}
            Operation::Mask { .. }
            | Operation::Linear { generator: Some(_), .. }
            | Operation::BatchNorm2d { train: true, .. } => {
                bail!("{}: training cannot be compiled, only inference", operation.name());
            }
            _ => {}
        }
        let indices = inputs.iter().map(|input| input.index_in(graph)).collect::<Result<Vec<_>>>()?;
        let shapes: Vec<&[usize]> = inputs.iter().map(|input| input.dims()).collect();
        let shape = operation.shape(&shapes)?;
        Ok(Self::push(graph, Source::Operation(operation.clone()), indices, shape))
    }
}

impl fmt::Debug for Traced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Traced")
            .field("index", &self.index)
            .field("shape", &self.shape)
            .finish_non_exhaustive()
    }
}
