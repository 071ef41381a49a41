//! Our images as `cargo xtask test --slow` has built them: what is in them, and that they run as the chart runs them.

#![cfg(feature = "images")]

#[cfg(test)]
mod jumpbox;
#[cfg(test)]
mod proof;
#[cfg(test)]
mod scaler;
#[cfg(test)]
mod shape;
