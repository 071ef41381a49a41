//! `zero-leader`: parse, run, exit code.

use std::io::Write as _;
use std::process::ExitCode;

use prover_host::leader::{self, args::Cli};
use prover_host::{ending, worker};

/// One thread starts children, and lives as long as they do; what waits for a disk has its own.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let cli = Cli::read();
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        let _ = writeln!(std::io::stderr(), "error: a second TLS provider is linked in");
        return ExitCode::FAILURE;
    }
    match leader::run(cli).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(u8::try_from(ending::NOT_STARTED).unwrap_or(1)),
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "{}", worker::last_word(&error));
            ExitCode::FAILURE
        }
    }
}
