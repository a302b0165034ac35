//! Fully connected layers.

use super::{BuildResult, Built, Op, Options};
use crate::diagnostic::Problem;
use crate::dim::Dim;
use crate::shape::Shape;

pub(super) fn linear(options: &Options, input: &Shape) -> BuildResult {
    let out_features = match (&options.size, options.digits.as_slice()) {
        (None, []) => options.required_size()?,
        (None, _) => Dim::from(options.digit()? as u64),
        (Some(_), _) => options.required_size()?,
    };
    if input.values().is_symbolic() {
        return Err(
            Problem::FeaturesNotKnown { layer: options.layer.clone(), input: input.to_string() }.into()
        );
    }
    let op = Op::Linear {
        in_features: input.values(),
        out_features: out_features.clone(),
        bias: options.flag("bias", !options.norm_follows)?,
        dropconnect: options.probability("dropconnect", 0.0)?,
    };
    Ok(Built { op, output: Shape::Flat(out_features) })
}
