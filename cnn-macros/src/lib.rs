//! The `network!` procedural macro.
