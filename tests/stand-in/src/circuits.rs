//! The real prover's circuit options: taken, checked for form, and without any effect here.

use clap::{Args, ValueEnum};

/// Where the real prover keeps its circuits.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Persistence {
    /// Do not persist the processed circuits
    None,
    /// Persist the processed circuits to disk
    Disk,
}

/// How the real prover loads its circuits.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum LoadStrategy {
    /// Load the circuit tables as needed
    OnDemand,
    /// Load all the table circuits at once
    Monolithic,
}

/// The sizes both generations know.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Table circuit sizes (accepted, without effect in the stand-in)")]
pub struct CircuitArgs {
    #[expect(missing_docs, reason = "the value is ignored")]
    #[arg(long, value_enum, default_value = "disk")]
    pub persistence: Persistence,

    #[expect(missing_docs, reason = "the value is ignored")]
    #[arg(long, value_enum, default_value = "on-demand")]
    pub load_strategy: LoadStrategy,

    /// Size of the arithmetic table
    #[arg(long, value_name = "CIRCUIT_BIT_RANGE", env = "ARITHMETIC_CIRCUIT_SIZE")]
    #[arg(value_parser = bit_range)]
    pub arithmetic: Option<String>,

    /// Size of the byte packing table
    #[arg(long, value_name = "CIRCUIT_BIT_RANGE", env = "BYTE_PACKING_CIRCUIT_SIZE")]
    #[arg(value_parser = bit_range)]
    pub byte_packing: Option<String>,

    /// Size of the cpu table
    #[arg(long, value_name = "CIRCUIT_BIT_RANGE", env = "CPU_CIRCUIT_SIZE")]
    #[arg(value_parser = bit_range)]
    pub cpu: Option<String>,

    /// Size of the keccak table
    #[arg(long, value_name = "CIRCUIT_BIT_RANGE", env = "KECCAK_CIRCUIT_SIZE")]
    #[arg(value_parser = bit_range)]
    pub keccak: Option<String>,

    /// Size of the keccak sponge table
    #[arg(long, value_name = "CIRCUIT_BIT_RANGE", env = "KECCAK_SPONGE_CIRCUIT_SIZE")]
    #[arg(value_parser = bit_range)]
    pub keccak_sponge: Option<String>,

    /// Size of the logic table
    #[arg(long, value_name = "CIRCUIT_BIT_RANGE", env = "LOGIC_CIRCUIT_SIZE")]
    #[arg(value_parser = bit_range)]
    pub logic: Option<String>,

    /// Size of the memory table
    #[arg(long, value_name = "CIRCUIT_BIT_RANGE", env = "MEMORY_CIRCUIT_SIZE")]
    #[arg(value_parser = bit_range)]
    pub memory: Option<String>,
}

/// Checks the form `LOW..HIGH`.
pub fn bit_range(text: &str) -> Result<String, String> {
    let ends = text.split_once("..").map(|(low, high)| (low.parse::<u8>(), high.parse::<u8>()));
    match ends {
        Some((Ok(low), Ok(high))) if low < high => Ok(text.to_owned()),
        _ => Err("expected a range such as 16..23".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_checked() {
        assert!(bit_range("16..23").is_ok());
        for wrong in ["16", "23..16", "a..b", "16..=23"] {
            assert!(bit_range(wrong).is_err(), "{wrong}");
        }
    }
}
