//! The KEDA external scaler `zero-scaler`: sums the backlog over all proof queues of a broker and
//! tells KEDA how many workers are wanted.
//!
//! `trigger`, `snapshot`, `decide` and `drain` are pure; see `ARCHITECTURE.md` for the data flow.

pub mod decide;
pub mod drain;
pub mod snapshot;
pub mod status;
pub mod trigger;
