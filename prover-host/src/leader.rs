//! `zero-leader`: the proof service.

mod app;
pub mod args;

pub use app::run;
