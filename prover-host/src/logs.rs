//! PURE: one line of an upstream program's log → an event, in text or JSON; a line that is none is
//! passed on as it is.
//!
//! All three generations (v0.5, v0.6, v0.7) write tracing's compact form to standard output:
//! `TIMESTAMP LEVEL [span:] target: message fields`.

mod event;
mod id;
mod pieces;
mod render;
mod took;

pub use event::{Circuits, Event, Phase, TABLES, What, read};
pub use id::Id;
pub use pieces::{LONGEST, Piece, Pieces};
pub use render::Format;

#[cfg(test)]
mod tests;
