//! `zero-worker`: parse, run, exit code.

fn main() {}
