//! Tests of the whole: the macro, the runtime and the references. Here: what the tests share.

pub mod classics;
