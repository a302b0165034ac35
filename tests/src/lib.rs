//! Tests of the whole: the macro, the runtime and the references.
