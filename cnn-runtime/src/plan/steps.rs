//! A graph, run operation by operation.

use candle_core::{Result, Tensor, bail};

use super::{Graph, Source};
use crate::value::Value;

/// A graph, and which values are read for the last time where.
#[derive(Debug)]
pub(super) struct Steps {
    graph: Graph,
    /// For each node, the values that nothing behind it reads.
    last: Vec<Vec<usize>>,
}

impl Steps {
    pub(super) fn new(graph: Graph) -> Self {
        let mut last = vec![Vec::new(); graph.nodes.len()];
        let mut kept = vec![false; graph.nodes.len()];
        graph.outputs.iter().for_each(|&output| kept[output] = true);
        for (index, node) in graph.nodes.iter().enumerate().rev() {
            for &input in &node.inputs {
                if !kept[input] {
                    kept[input] = true;
                    last[index].push(input);
                }
            }
        }
        Self { graph, last }
    }

    /// The outputs for these inputs, whose shapes are the graph's. Nothing is noted for gradients.
    pub(super) fn run(&self, inputs: &[&Tensor]) -> Result<Vec<Tensor>> {
        let mut values: Vec<Option<Tensor>> = Vec::with_capacity(self.graph.nodes.len());
        for (node, last) in self.graph.nodes.iter().zip(&self.last) {
            let value = match &node.source {
                Source::Input(index) => inputs.get(*index).map(|input| input.detach()),
                Source::Operation(operation) => {
                    let arguments: Vec<&Tensor> =
                        node.inputs.iter().filter_map(|&input| values.get(input)?.as_ref()).collect();
                    Some(<Tensor as Value>::apply(operation, &arguments)?.detach())
                }
            };
            if let Some(value) = &value
                && value.dims() != node.shape
            {
                bail!("expected a value of shape {:?}, found {:?}", node.shape, value.dims());
            }
            values.push(value);
            last.iter().for_each(|&input| values[input] = None);
        }
        let output = |&index: &usize| values.get(index).cloned().flatten();
        match self.graph.outputs.iter().map(output).collect() {
            Some(outputs) => Ok(outputs),
            None => bail!("expected more inputs than {}", inputs.len()),
        }
    }
}
