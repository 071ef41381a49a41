//! Writes the sample messages of this generation into a directory, the same bytes each time.

use std::{env, path::PathBuf};

use anyhow::{Context, Result};

#[tokio::main]
async fn main() -> Result<()> {
    let directory = env::args_os().nth(1).map(PathBuf::from).context("usage: … DIRECTORY")?;
    stand_in::messages::samples().await?.write(&directory)
}
