//! Which calls of a block share a struct.
//!
//! A block is one struct as long as its calls have one structure. Numbers (channels, strides, probabilities)
//! may differ, and so may the shortcut of a residual (a projection, the input itself, or none): the struct
//! holds them. A call that gets another *layer* as an argument has another structure, and another struct.

use super::walk::Walk;
use crate::layer::Op;
use crate::model::{BlockType, BlockTypeId, Instance, InstanceId, NetworkTarget, Shortcut, Step};
use crate::window::{Padding, Window};
use std::fmt::Write;

/// The structure of a block's body.
#[derive(Clone, Debug)]
pub(super) struct Signature {
    block: String,
    /// Everything but the shortcuts.
    body: String,
    /// The structure of each projection, where there is one.
    projections: Vec<Option<String>>,
}

impl Signature {
    /// Whether both fit one struct; if so, this one learns the other's projections.
    fn unite(&mut self, other: &Self) -> bool {
        let fits = self.block == other.block
            && self.body == other.body
            && self.projections.len() == other.projections.len()
            && self
                .projections
                .iter()
                .zip(&other.projections)
                .all(|(mine, theirs)| mine.is_none() || theirs.is_none() || mine == theirs);
        if fits {
            for (mine, theirs) in self.projections.iter_mut().zip(&other.projections) {
                if mine.is_none() {
                    mine.clone_from(theirs);
                }
            }
        }
        fits
    }
}

impl Walk<'_, '_> {
    /// Files an instance under the struct that fits it.
    pub(super) fn intern(&mut self, mut instance: Instance) -> InstanceId {
        let id = InstanceId(self.instances.len());
        let name = self.active.last().copied().unwrap_or_default().to_owned();
        let mut signature = Signature { block: name.clone(), body: String::new(), projections: Vec::new() };
        self.describe(&instance.body, &mut signature);
        let found = self.signatures.iter_mut().position(|known| known.unite(&signature));
        let block = found.unwrap_or_else(|| {
            let definition = self.network.block(&name).map(|block| block.name.clone());
            let definition = definition.unwrap_or_else(|| self.network.ast.name.clone());
            let others = self.signatures.iter().filter(|known| known.block == name).count();
            let name = if others == 0 { name } else { format!("{name}V{}", others + 1) };
            self.block_types.push(BlockType { name, definition, instances: Vec::new() });
            self.signatures.push(signature);
            self.block_types.len() - 1
        });
        instance.block = BlockTypeId(block);
        self.block_types[block].instances.push(id);
        self.instances.push(instance);
        id
    }

    fn describe(&self, steps: &[Step], out: &mut Signature) {
        for step in steps {
            match step {
                Step::Layer(layer) => {
                    write(out, &format!("{}={};", layer.path, structure(&layer.op)));
                }
                Step::Call(call) => {
                    let paths: Vec<&str> = call.copies.iter().map(|(path, _)| path.as_str()).collect();
                    write(out, &format!("{}=call{}{};", paths.join(","), call.block.0, call.list.is_some()));
                }
                Step::Residual { body, shortcut, .. } => {
                    write(out, "residual{");
                    self.describe(body, out);
                    write(out, "}");
                    let projection = match shortcut {
                        Shortcut::Projection(steps) => {
                            let mut inner = Signature {
                                block: String::new(),
                                body: String::new(),
                                projections: Vec::new(),
                            };
                            self.describe(steps, &mut inner);
                            Some(inner.body)
                        }
                        Shortcut::Identity | Shortcut::Absent => None,
                    };
                    out.projections.push(projection);
                }
                Step::Dense { body, .. } => {
                    write(out, "dense{");
                    self.describe(body, out);
                    write(out, "}");
                }
                Step::Branches { merge, branches, .. } => {
                    write(out, merge.keyword());
                    for branch in branches {
                        write(out, "{");
                        self.describe(branch, out);
                        write(out, "}");
                    }
                }
                Step::Taps { merge, taps, .. } => {
                    write(out, &format!("{}({});", merge.keyword(), taps.join(",")))
                }
                Step::Tap(name) => write(out, &format!("tap {};", name.text)),
                Step::Read(name) => write(out, &format!("read {};", name.text)),
                Step::Input(index) => write(out, &format!("input {index};")),
                Step::Keep(name) => write(out, &format!("keep {name};")),
                Step::Flatten => write(out, "flatten;"),
                Step::Network(call) => {
                    let target = match &call.target {
                        NetworkTarget::Local { name, generics } => format!("{}<{generics:?}>", name.text),
                        NetworkTarget::External(range) => format!("{range:?}"),
                    };
                    write(out, &format!("{}=network {target};", call.path));
                }
                Step::Custom { path, expression, .. } => write(out, &format!("{path}=rust{expression:?};")),
                Step::Broken => write(out, "broken;"),
            }
        }
    }
}

/// What of a layer the struct fixes. The rest (channels, kernels, strides, probabilities) are numbers that it is
/// built with.
fn structure(op: &Op) -> String {
    let kind = std::mem::discriminant(op);
    let fixed = match op {
        Op::Activation(activation) => format!("{activation:?}"),
        Op::Conv(conv) => {
            format!("{} {} {} {}", conv.depthwise, conv.linear, conv.bias, is_same(&conv.window))
        }
        Op::Deconv(deconv) => deconv.bias.to_string(),
        Op::Linear { bias, dropconnect, .. } => format!("{bias} {}", *dropconnect > 0.0),
        Op::MaxPool(window) => format!("{} {}", window.ceil, is_same(window)),
        Op::AvgPool { window, count_include_pad } => {
            format!("{} {} {count_include_pad}", window.ceil, is_same(window))
        }
        Op::Upsample { mode, .. } => format!("{mode:?}"),
        Op::BatchNorm { eps, momentum, affine, .. } => format!("{eps} {momentum} {affine}"),
        Op::LayerNorm { eps, .. } => eps.to_string(),
        Op::InstanceNorm { eps, affine, .. } => format!("{eps} {affine}"),
        Op::GroupNorm { groups, eps, .. } => format!("{groups} {eps}"),
        Op::Crop { size, like } => format!("{like:?} {}", size.iter().all(|dim| dim.number().is_some())),
        Op::Pad { .. } => format!("{op:?}"),
        Op::AdaptiveAvgPool(_)
        | Op::GlobalAvgPool
        | Op::PixelShuffle(_)
        | Op::ChannelShuffle(_)
        | Op::LocalResponseNorm { .. }
        | Op::Prelu { .. }
        | Op::Dropout(_)
        | Op::Dropout2d(_)
        | Op::DropPath(_)
        | Op::Flatten
        | Op::Identity
        | Op::Scale { .. } => String::new(),
    };
    format!("{kind:?} {fixed}")
}

fn is_same(window: &Window) -> bool {
    window.padding == Padding::Same
}

fn write(out: &mut Signature, text: &str) {
    // Writing to a string cannot fail.
    let _ = out.body.write_str(text);
}
