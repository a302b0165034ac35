//! No network at all.
use cnn_runtime::prelude::*;

network! {}

fn main() {}
