//! Writes the synthetic witnesses into a directory, the same bytes each time.

use std::{env, path::PathBuf};

use anyhow::{Context, Result};

fn main() -> Result<()> {
    let directory = env::args_os().nth(1).map(PathBuf::from);
    stand_in::synthetic::write(&directory.context("usage: stand-in-witness-gen DIRECTORY")?)
}
