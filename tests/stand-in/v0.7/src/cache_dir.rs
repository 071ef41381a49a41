//! The circuit cache's directory: never used here, but its name is checked as upstream checks it.

use std::env;

use anyhow::{Result, ensure};

/// Fails if `ZK_EVM_CACHE_DIR` does not end as it must.
pub fn check() -> Result<()> {
    if let Ok(directory) = env::var("ZK_EVM_CACHE_DIR") {
        let named_well = directory.trim_end_matches('/').ends_with("_circuit_cache");
        ensure!(named_well, "cache directory `{directory}` must end in `_circuit_cache`");
    }
    Ok(())
}
