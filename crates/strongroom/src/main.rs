//! The one binary: dispatches to the server or the command line.

fn main() {}
