//! Example networks and the programs that train and run them.
//!
//! The programs are the package's example targets (`cargo run --release --example lenet_mnist`); this library holds
//! what they share: the networks of the papers ([`models`]), the digits' files ([`mnist`]), pictures of them in text ([`ascii`]), the training loop
//! ([`train`]), its progress ([`progress`]) and the choice of a device ([`device`]).

pub mod ascii;
pub mod batch;
pub mod device;
pub mod mnist;
pub mod models;
pub mod progress;
pub mod schedule;
pub mod shuffle;
pub mod train;
