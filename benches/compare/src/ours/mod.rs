//! This project.

pub mod inference;
mod networks;
pub mod training;
