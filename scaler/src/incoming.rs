//! Accepts connections for the gRPC server, plain or with TLS. What a peer does before it is a
//! caller costs no other peer its turn.

mod heard;

use std::future::ready;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use futures_util::{Stream, StreamExt as _, stream};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::clock;
use crate::tls::Tls;
use heard::Heard;

/// A handshake takes two round trips; a peer that needs longer is none of ours.
const HANDSHAKE: Duration = Duration::from_secs(5);
/// Handshakes under way at once. A peer that stays silent holds one place for five seconds.
const HANDSHAKES: usize = 256;
/// After a failed accept, which mostly means that all file descriptors are in use.
const ACCEPT_AGAIN_AFTER: Duration = Duration::from_millis(100);
/// Failed handshakes are told of at most this often: any peer can make as many as it likes.
const TELL_EVERY: Duration = Duration::from_secs(10);

/// Connections as they come.
pub fn plain(listener: TcpListener) -> impl Stream<Item = io::Result<Heard<TcpStream>>> {
    accepted(listener).map(|(connection, _)| Ok(Heard::new(connection)))
}

/// Connections whose handshake succeeded, each by the files as they were when it came.
pub fn with_tls(
    listener: TcpListener,
    tls: Tls,
) -> impl Stream<Item = io::Result<Heard<TlsStream<TcpStream>>>> {
    let mut complaints = Complaints::default();
    accepted(listener)
        .map(move |(connection, peer)| {
            let acceptor = TlsAcceptor::from(tls.config());
            async move { (peer, handshake(&acceptor, connection).await) }
        })
        .buffer_unordered(HANDSHAKES)
        .filter_map(move |(peer, outcome)| {
            let secured = outcome.map_err(|error| complaints.hear(peer, &error, clock::now()));
            ready(secured.ok().map(|connection| Ok(Heard::new(connection))))
        })
}

fn accepted(listener: TcpListener) -> impl Stream<Item = (TcpStream, SocketAddr)> {
    stream::unfold(listener, |listener| async move {
        loop {
            match listener.accept().await {
                Ok((connection, peer)) => {
                    // Answers are small and waited for; without it they are late, not lost.
                    let _ = connection.set_nodelay(true);
                    return Some(((connection, peer), listener));
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a gRPC connection");
                    tokio::time::sleep(ACCEPT_AGAIN_AFTER).await;
                }
            }
        }
    })
}

async fn handshake(
    acceptor: &TlsAcceptor,
    connection: TcpStream,
) -> io::Result<TlsStream<TcpStream>> {
    let silent = || io::Error::new(io::ErrorKind::TimedOut, "no whole handshake within 5 s");
    timeout(HANDSHAKE, acceptor.accept(connection)).await.unwrap_or_else(|_| Err(silent()))
}

/// Failed handshakes: some are told, all are counted.
#[derive(Debug, Default)]
struct Complaints {
    told: Option<Instant>,
    untold: u64,
}

impl Complaints {
    fn hear(&mut self, peer: SocketAddr, error: &io::Error, now: Instant) {
        if self.told.is_some_and(|told| now.duration_since(told) < TELL_EVERY) {
            self.untold += 1;
            return;
        }
        let untold = std::mem::take(&mut self.untold);
        self.told = Some(now);
        tracing::warn!(
            %peer, %error, untold,
            "a TLS handshake on the gRPC port failed: {error}"
        );
    }
}
