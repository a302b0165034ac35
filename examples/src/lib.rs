//! Example networks and the programs that train and run them.
//!
//! The programs are the package's example targets (`cargo run --release --example lenet_mnist`); this library holds
//! what they share: the networks of the papers ([`models`]), the digits' files ([`mnist`]), pictures of them in text
//! ([`ascii`]), pictures as files ([`pictures`]), the choice of a device ([`device`]), photos as torchvision prepares them
//! ([`photo`]), trained networks that name them ([`classifier`], [`classes`]), a look inside them ([`look`]), the
//! arithmetic of sliding windows as pictures ([`arithmetic`]) and the lecture's claims as experiments ([`lecture`]).

pub mod arithmetic;
pub mod ascii;
pub mod classes;
pub mod classifier;
pub mod lecture;
pub mod look;
mod markup;
pub mod models;
pub mod paths;
pub mod pictures;

pub use cnn_runtime::device;

pub use cnn_train::data::{mnist, photo};
