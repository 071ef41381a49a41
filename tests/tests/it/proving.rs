//! `zero-leader` as a process: the proof service with stand-in provers on a real broker.

mod chains;
mod ending;
mod help;
mod judging;
mod limits;
mod progress;
mod report;
pub(crate) mod service;
mod submitting;
mod troubles;
mod twelve;
