//! A stand-in for the prover of `zk_evm` v0.7: real queues and messages, no proofs.
//!
//! Shared with the other generation are the files in `../../src`; this package holds what
//! differs. See `../README.md`.

#[path = "../../src/circuits.rs"]
pub mod circuits;
#[path = "../../src/closing.rs"]
pub mod closing;
#[path = "../../src/faults.rs"]
pub mod faults;
#[path = "../../src/fetch.rs"]
pub mod fetch;
#[path = "../../src/http.rs"]
pub mod http;
#[path = "../../src/identity.rs"]
pub mod identity;
#[path = "../../src/input.rs"]
pub mod input;
#[path = "../../src/logging.rs"]
pub mod logging;
#[path = "../../src/proof.rs"]
pub mod proof;
#[path = "../../src/results.rs"]
pub mod results;
#[path = "../../src/samples.rs"]
pub mod samples;
#[path = "../../src/start.rs"]
pub mod start;
#[path = "../../src/task_log.rs"]
pub mod task_log;
#[path = "../../src/values.rs"]
pub mod values;
#[path = "../../src/verifier.rs"]
pub mod verifier;
#[path = "../../src/witness.rs"]
pub mod witness;
#[path = "../../src/work.rs"]
pub mod work;

pub mod cache_dir;
pub mod generation_args;
pub mod inputs;
pub mod leader;
pub mod leader_args;
pub mod messages;
pub mod names;
pub mod ops;
pub mod prover;
pub mod rlp;
pub mod rpc;
pub mod shape;
pub mod synthetic;
pub mod task_loop;
pub mod witness_gen;
pub mod worker;
