//! Writes the synthetic witnesses into a directory, the same bytes each time; or a row of blocks of
//! these sizes.

use std::path::PathBuf;

use anyhow::Result;
use clap::Parser;

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

fn main() -> Result<()> {
    let cli = Cli::parse();
    match (cli.first, cli.form) {
        (Some(first), Some(form)) => {
            stand_in::synthetic::write_row(&cli.directory, &form, first, &cli.sizes)
        }
        (_, _) => stand_in::synthetic::write(&cli.directory),
    }
}
