//! What is shown and kept of a run: a [`Console`] that says how far it is, and a [`RunFolder`] with its numbers, pictures,
//! TensorBoard events and best weights. Both listen to a run as [`Observer`](crate::trainer::Observer)s.

mod compare;
mod confusion;
mod console;
mod curves;
mod files;
mod folder;
mod panel;
mod progress;
mod tensorboard;

pub use compare::{Compared, compare_svg};
pub use confusion::confusion_svg;
pub use console::Console;
pub use curves::curves_svg;
pub use files::write_file;
pub use folder::RunFolder;
pub use progress::Progress;
pub use tensorboard::EventWriter;
