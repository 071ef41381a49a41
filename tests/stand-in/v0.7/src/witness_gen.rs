//! Command line of the generator of witnesses.

use std::path::PathBuf;

use anyhow::Result;
use clap::Parser;

use crate::synthetic;

/// Makes witnesses up; only the stand-in takes them
#[derive(Parser)]
struct Cli {
    /// Where they go
    directory: PathBuf,
    /// A row of blocks instead: the number of the first
    #[arg(long, requires_all = ["form", "sizes"])]
    first: Option<u64>,
    /// The form of the row: v0.6 or v0.7
    #[arg(long)]
    form: Option<String>,
    /// Transactions of each block of the row
    #[arg(long, value_delimiter = ',')]
    sizes: Vec<u64>,
}

/// Writes what the command line asks for.
pub fn run() -> Result<()> {
    let cli = Cli::parse();
    match (cli.first, cli.form) {
        (Some(first), Some(form)) => synthetic::write_row(&cli.directory, &form, first, &cli.sizes),
        (_, _) => synthetic::write(&cli.directory),
    }
}
