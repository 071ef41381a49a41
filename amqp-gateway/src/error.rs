//! The errors of this crate: each variant names the act that failed. None holds a secret.

use std::net::SocketAddr;

use thiserror::Error;

/// A result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a gateway could not start.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// No address of a broker was given.
    #[error("no address of a broker is given")]
    NoBroker,
    /// The port for the child cannot be had.
    #[error("cannot listen on `{address}` for the child's connections")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The cause.
        source: std::io::Error,
    },
    /// A certificate or key is not what it should be.
    #[error("cannot use the TLS material for `{endpoint}`: {reason}")]
    Tls {
        /// The address it is for, without credentials.
        endpoint: String,
        /// What is wrong with it.
        reason: String,
    },
}
