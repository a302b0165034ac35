//! Every construct of the language through the macro, run end to end.
//!
//! What a network gives is compared with plain loops (`plain`), with hand-composed candle operations, or with
//! names and shapes written down here, never with the macro itself.

#![allow(
    deprecated,
    reason = "the networks show constructs, not architectures: the macro's lints are right about them"
)]

#[path = "language/plain.rs"]
mod plain;

#[path = "language/heads.rs"]
mod heads;

#[path = "language/blocks.rs"]
mod blocks;

#[path = "language/merges.rs"]
mod merges;

#[path = "language/sizes.rs"]
mod sizes;

#[path = "language/calls.rs"]
mod calls;

#[path = "language/naming.rs"]
mod naming;

#[path = "language/interface.rs"]
mod interface;

#[path = "language/stages.rs"]
mod stages;

#[path = "language/plans.rs"]
mod plans;
