//! The `network!` language: parser, graph, shape rules, checks and cost model. No dependencies.
pub mod window;
