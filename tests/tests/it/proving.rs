//! `zero-leader` as a process: the proof service with stand-in provers on a real broker.

mod chains;
mod ending;
pub(crate) mod service;
mod submitting;
