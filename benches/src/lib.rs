//! Benchmarks: what the macro costs at compile time and what the network costs at run time.
