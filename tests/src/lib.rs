//! Tests of the whole: the macro, the runtime and the references. They are this package's test targets.
