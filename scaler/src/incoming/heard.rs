//! A connection that must say something: the HTTP/2 server waits for its peer's first words for
//! ever, and would keep a connection for each peer that connects and stays silent.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;
use tonic::transport::server::Connected;

/// A client says its first words at once; this leaves room for a slow network.
const FIRST_WORDS_WITHIN: Duration = Duration::from_secs(10);
/// The length of HTTP/2's preface, `PRI * HTTP/2.0` and what follows.
const FIRST_WORDS: usize = 24;

/// A connection that fails to be read when the first words do not come in time.
#[derive(Debug)]
pub struct Heard<C> {
    connection: C,
    missing: usize,
    limit: Pin<Box<Sleep>>,
}

impl<C> Heard<C> {
    pub(super) fn new(connection: C) -> Self {
        let limit = Box::pin(tokio::time::sleep(FIRST_WORDS_WITHIN));
        Self { connection, missing: FIRST_WORDS, limit }
    }
}

impl<C: AsyncRead + Unpin> AsyncRead for Heard<C> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.connection).poll_read(context, buffer);
        let heard = buffer.filled().len().saturating_sub(before);
        self.missing = self.missing.saturating_sub(heard);
        if self.missing > 0 && read.is_pending() && self.limit.as_mut().poll(context).is_ready() {
            let words = "the peer did not begin HTTP/2 in time";
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, words)));
        }
        read
    }
}

impl<C: AsyncWrite + Unpin> AsyncWrite for Heard<C> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.connection).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.connection).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.connection).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.connection).poll_write_vectored(context, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.connection.is_write_vectored()
    }
}

impl<C: Connected> Connected for Heard<C> {
    type ConnectInfo = C::ConnectInfo;

    fn connect_info(&self) -> Self::ConnectInfo {
        self.connection.connect_info()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_stops_within_its_first_words_is_given_up() {
        let (mut peer, ours) = tokio::io::duplex(64);
        peer.write_all(b"PRI * HTTP/2.0").await.unwrap();
        let mut heard = Heard::new(ours);
        let mut words = [0; FIRST_WORDS];
        let error = heard.read_exact(&mut words).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_began_may_be_silent_for_long() {
        let (mut peer, ours) = tokio::io::duplex(64);
        peer.write_all(&[0; FIRST_WORDS]).await.unwrap();
        let mut heard = Heard::new(ours);
        heard.read_exact(&mut [0; FIRST_WORDS]).await.unwrap();
        let later = tokio::time::timeout(FIRST_WORDS_WITHIN * 3, heard.read_u8()).await;
        assert!(later.is_err(), "it was given up: {later:?}");
    }
}
