//! From the recorded graph to what is computed: activations and residual sums joined to the layers before them.

use cnn_kernels::blocked::Activation as Function;
use cnn_kernels::blocked::training::ActivationGradient;

use crate::layers;
use crate::plan::{Graph, Source};
use crate::random::Generator;
use crate::value::Operation;

/// A value and how it is computed.
pub(in crate::plan) struct Node {
    pub(in crate::plan) kind: Kind,
    pub(in crate::plan) inputs: Vec<usize>,
    /// With the batch.
    pub(in crate::plan) shape: Vec<usize>,
}

/// How a value is computed.
pub(in crate::plan) enum Kind {
    /// An input of the network.
    Input(usize),
    /// A convolution and its activation.
    Conv(layers::Conv2d, Option<Function>),
    /// A transposed convolution and its activation.
    Transposed(layers::ConvTranspose2d, Option<Function>),
    /// A fully connected layer, the source of masks where it drops weights, and whether ReLU follows.
    Linear(layers::Linear, Option<Generator>, bool),
    /// A batch norm of a map, with its activation; a second input is added before that.
    Norm {
        layer: layers::BatchNorm2d,
        /// Whether with the batch's statistics, and not the running ones.
        train: bool,
        activation: Option<Function>,
    },
    /// A norm of groups of a map's channels, and its activation.
    GroupNorm(Operation, Option<Function>),
    /// An activation.
    Activation(Function),
    /// The sum of two maps.
    Add,
    /// Anything else.
    Other(Operation),
    /// Nothing any more: it was joined to a later one.
    Joined,
}

/// A network to be trained, as it was recorded.
pub(in crate::plan) struct Recorded<'r> {
    pub(in crate::plan) nodes: &'r [Node],
    pub(in crate::plan) output: usize,
    /// The inputs' shapes.
    pub(in crate::plan) shapes: &'r [Vec<usize>],
}

/// The nodes in order of execution, and which of them the network gives.
pub(in crate::plan) fn fuse(graph: &Graph) -> (Vec<Node>, Vec<usize>) {
    let mut readers = vec![0usize; graph.nodes.len()];
    graph.nodes.iter().flat_map(|node| &node.inputs).for_each(|&input| readers[input] += 1);
    let mut nodes: Vec<Node> = Vec::with_capacity(graph.nodes.len());
    // Where each recorded value is, and whether it has one reader, which was not seen yet.
    let (mut places, mut sole) = (Vec::with_capacity(graph.nodes.len()), Vec::new());
    for (index, node) in graph.nodes.iter().enumerate() {
        let mut inputs: Vec<usize> = node.inputs.iter().map(|&input| places[input]).collect();
        let map = node.shape.len() == 4;
        let kind = match &node.source {
            Source::Input(input) => Some(Kind::Input(*input)),
            Source::Operation(operation) => match operation {
                Operation::Conv2d(layer) => Some(Kind::Conv(layer.clone(), None)),
                Operation::ConvTranspose2d(layer) => Some(Kind::Transposed(layer.clone(), None)),
                Operation::Linear { layer, generator } => {
                    Some(Kind::Linear(layer.clone(), generator.clone(), false))
                }
                Operation::BatchNorm2d { layer, train } if map => {
                    Some(Kind::Norm { layer: layer.clone(), train: *train, activation: None })
                }
                Operation::GroupNorm(_) | Operation::InstanceNorm2d(_) if map => {
                    Some(Kind::GroupNorm(operation.clone(), None))
                }
                Operation::Activation(activation) => Some(match activation.elementwise() {
                    Some(function) if end(&mut nodes, &sole, inputs[0], function) => Kind::Joined,
                    Some(function) if matches!(node.shape.len(), 2 | 4) => Kind::Activation(function),
                    _ => Kind::Other(operation.clone()),
                }),
                Operation::Add if map && nodes[inputs[0]].shape == nodes[inputs[1]].shape => {
                    // A norm that nobody else reads takes the other value in.
                    let norm = inputs.iter().position(|&input| is_open_norm(&nodes, &sole, input));
                    match norm {
                        Some(position) if inputs[0] != inputs[1] => {
                            let (norm, other) = (inputs[position], inputs[1 - position]);
                            let taken = std::mem::replace(&mut nodes[norm].kind, Kind::Joined);
                            inputs = vec![nodes[norm].inputs[0], other];
                            Some(taken)
                        }
                        _ => Some(Kind::Add),
                    }
                }
                other => Some(Kind::Other(other.clone())),
            },
        };
        let place = match kind {
            Some(Kind::Joined) => inputs[0],
            Some(kind) => {
                nodes.push(Node { kind, inputs, shape: node.shape.clone() });
                nodes.len() - 1
            }
            None => unreachable!("every source is a kind"),
        };
        places.push(place);
        sole.resize(nodes.len(), false);
        sole[place] = readers[index] == 1 && !graph.outputs.contains(&index);
    }
    let outputs = graph.outputs.iter().map(|&output| places[output]).collect();
    (nodes, outputs)
}

/// Joins an activation to the layer before it, if that layer is open for it.
fn end(nodes: &mut [Node], sole: &[bool], value: usize, function: Function) -> bool {
    if !sole.get(value).copied().unwrap_or(false) {
        return false;
    }
    // The way back needs what an activation took where its output does not tell the slope. A norm computes it again, if there
    // is no residual in it; others do not keep it.
    let (is_told, inputs) = (ActivationGradient::reads_output(function), nodes[value].inputs.len());
    match &mut nodes[value].kind {
        Kind::Conv(_, activation @ None) | Kind::Transposed(_, activation @ None) if is_told => {
            *activation = Some(function);
            true
        }
        Kind::Norm { activation: activation @ None, .. } | Kind::GroupNorm(_, activation @ None)
            if is_told || inputs == 1 =>
        {
            *activation = Some(function);
            true
        }
        Kind::Linear(.., relu @ false) if function == Function::Relu => {
            *relu = true;
            true
        }
        _ => false,
    }
}

fn is_open_norm(nodes: &[Node], sole: &[bool], value: usize) -> bool {
    let node = &nodes[value];
    sole.get(value).copied().unwrap_or(false)
        && node.inputs.len() == 1
        && matches!(node.kind, Kind::Norm { activation: None, .. })
}
