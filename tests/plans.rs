//! Compiled networks: the example models beside `forward`, digits that a trained one reads, what a plan can do, and what
//! it refuses. (The constructs of the language, one by one, are in `language/plans.rs`.)

#[path = "plans/boundary.rs"]
mod boundary;
#[path = "plans/digits.rs"]
mod digits;
#[path = "models/formula.rs"]
#[allow(dead_code, reason = "the references use all of it")]
mod formula;
#[path = "plans/interface.rs"]
mod interface;
#[path = "plans/transposed.rs"]
mod transposed;
#[path = "plans/zoo.rs"]
mod zoo;
