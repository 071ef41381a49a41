//! `zero-scaler`: parse, run, exit code.

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser as _;
use scaler::{app, args::Cli};

// One thread does it all but waiting, and each further one would hold tens of megabytes of freed
// memory of its own on a machine with many cores.
#[tokio::main(worker_threads = 1)]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        let _ = writeln!(std::io::stderr(), "error: a second TLS provider is linked in");
        return ExitCode::FAILURE;
    }
    match app::run(cli).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "{}", app::last_word(&error));
            ExitCode::FAILURE
        }
    }
}
