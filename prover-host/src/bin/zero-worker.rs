//! `zero-worker`: parse, run, exit code.

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser as _;
use prover_host::{args::Cli, worker};

#[tokio::main(worker_threads = 2)]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        let _ = writeln!(std::io::stderr(), "error: a second TLS provider is linked in");
        return ExitCode::FAILURE;
    }
    match worker::run(cli).await {
        Ok(worker::Outcome::Done) => ExitCode::SUCCESS,
        Ok(worker::Outcome::Interrupted) => ExitCode::from(3),
        Ok(worker::Outcome::NotStarted) => ExitCode::from(127),
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "{}", worker::last_word(&error));
            ExitCode::FAILURE
        }
    }
}
