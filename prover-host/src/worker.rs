//! `zero-worker`: the composition root, and what it does.

mod app;
mod init;
mod supervisor;
mod waiting;

pub use app::{Outcome, last_word, run, start_logging};
