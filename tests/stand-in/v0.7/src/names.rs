//! Log targets of the real v0.7 prover.

/// The prover library.
pub const PROVER: &str = "zero::prover";
/// Circuits.
pub const PROVER_STATE: &str = "zero::prover_state";
/// Operations.
pub const OPS: &str = "zero::ops";
/// The leader.
pub const LEADER: &str = "leader";
/// The leader reading stdin.
pub const STDIO: &str = "leader::leader::stdio";
/// The leader serving HTTP.
pub const HTTP: &str = "leader::leader::http";
/// Witness simulation.
pub const INTERPRETER: &str = "evm_arithmetization::cpu::kernel::interpreter";
/// Witness generation of a proof.
pub const GENERATION: &str = "evm_arithmetization::generation::state";
/// Failures in either.
pub const TRANSITION: &str = "evm_arithmetization::witness::transition";
