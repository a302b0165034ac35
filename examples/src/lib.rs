//! Example networks and the programs that train and run them.
//!
//! The programs are the package's example targets; this library holds what they share: the digits' files ([`mnist`]).

pub mod mnist;
