//! Example networks and the programs that train and run them.
