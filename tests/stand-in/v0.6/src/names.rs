//! Log targets of the real v0.5 and v0.6 provers.

/// The prover library.
pub const PROVER: &str = "prover";
/// Circuits.
pub const PROVER_STATE: &str = "zero_bin_common::prover_state";
/// Operations.
pub const OPS: &str = "ops";
/// The leader reading stdin.
pub const STDIO: &str = "leader::stdio";
/// The leader serving HTTP.
pub const HTTP: &str = "leader::http";
/// Witness generation.
pub const GENERATION: &str = "evm_arithmetization::generation::state";
/// Its failures.
pub const TRANSITION: &str = "evm_arithmetization::witness::transition";
