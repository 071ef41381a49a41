//! Logs as the real prover writes them: compact, without colour, on stdout, filtered by `RUST_LOG`.

use tracing_subscriber::{EnvFilter, fmt, layer::SubscriberExt, util::SubscriberInitExt};

/// Reads a `.env` file if there is one, then starts logging. Without `RUST_LOG` only errors appear.
pub fn init() -> anyhow::Result<()> {
    match dotenvy::dotenv() {
        Ok(_) => {}
        Err(error) if error.not_found() => {}
        Err(error) => return Err(error.into()),
    }
    tracing_subscriber::registry()
        .with(fmt::layer().with_ansi(false).compact())
        .with(EnvFilter::from_default_env())
        .try_init()?;
    Ok(())
}
