//! One socket as two halves that speak frames: one is read, one is written, neither waits for the other.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::time::Duration;

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf, split};
use tokio::time::timeout;

use crate::frame::{Frame, Reader};
use crate::trouble::Trouble;
use crate::wire::{self, Method};

/// Pieces given to the system in one call.
const PIECES: usize = 64;

/// TLS has a last word, and one who does not read any more does not take it.
const LAST_WORD: Duration = Duration::from_secs(1);

/// A connection, plain or TLS.
pub(crate) trait Socket: AsyncRead + AsyncWrite + Send + Sync + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Sync + Unpin> Socket for T {}

/// The half that is read.
pub(crate) struct Inlet {
    socket: ReadHalf<Box<dyn Socket>>,
    pub(crate) reader: Reader,
    /// Bytes read so far.
    pub(crate) bytes: u64,
}

/// The half that is written, with what waits to be written.
pub(crate) struct Outlet {
    socket: WriteHalf<Box<dyn Socket>>,
    queue: VecDeque<Bytes>,
    waiting: usize,
    unflushed: bool,
}

/// Both halves.
pub(crate) struct Link {
    pub(crate) inlet: Inlet,
    pub(crate) outlet: Outlet,
}

impl Link {
    pub(crate) fn new(socket: Box<dyn Socket>) -> Self {
        let (read, write) = split(socket);
        let inlet = Inlet { socket: read, reader: Reader::default(), bytes: 0 };
        let queue = VecDeque::new();
        Self { inlet, outlet: Outlet { socket: write, queue, waiting: 0, unflushed: false } }
    }

    /// Waits for the next frame that is not a heartbeat.
    pub(crate) async fn frame(&mut self) -> Result<Frame, Trouble> {
        loop {
            match self.inlet.reader.frame()? {
                Some(frame) if frame == Frame::heartbeat() => {}
                Some(frame) => return Ok(frame),
                None if self.inlet.fill().await? == 0 => return Err(Trouble::Ended),
                None => {}
            }
        }
    }

    /// Waits for the next method on the connection itself.
    pub(crate) async fn method(&mut self) -> Result<Method, Trouble> {
        wire::method(&self.frame().await?).ok_or(Trouble::Unreadable)
    }

    /// Sends a method on the connection itself.
    pub(crate) async fn say(&mut self, method: &Method) -> Result<(), Trouble> {
        let frame = wire::method_frame(0, method).ok_or(Trouble::Unreadable)?;
        self.outlet.push(frame.into_bytes());
        Ok(self.outlet.write_all().await?)
    }
}

impl Inlet {
    /// Reads what has come; 0 is the end. Nothing is lost when this is dropped while it waits.
    pub(crate) async fn fill(&mut self) -> io::Result<usize> {
        let read = self.socket.read_buf(self.reader.room()).await?;
        self.bytes += u64::try_from(read).unwrap_or_default();
        Ok(read)
    }
}

impl Outlet {
    pub(crate) fn push(&mut self, bytes: Bytes) {
        self.waiting += bytes.len();
        self.queue.push_back(bytes);
    }

    /// Bytes that wait.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting
    }

    /// True if there is something to do for [`Self::write_some`].
    pub(crate) fn is_busy(&self) -> bool {
        self.unflushed || !self.queue.is_empty()
    }

    /// Writes as much as the socket takes at once. Nothing is written twice when this is dropped while
    /// it waits.
    pub(crate) async fn write_some(&mut self) -> io::Result<()> {
        if self.queue.is_empty() {
            self.socket.flush().await?;
            self.unflushed = false;
            return Ok(());
        }
        let mut pieces = [IoSlice::new(&[]); PIECES];
        for (piece, bytes) in pieces.iter_mut().zip(&self.queue) {
            *piece = IoSlice::new(bytes);
        }
        let filled = self.queue.len().min(PIECES);
        let written = self.socket.write_vectored(pieces.get(..filled).unwrap_or_default()).await?;
        if written == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        self.unflushed = true;
        self.advance(written);
        Ok(())
    }

    pub(crate) async fn write_all(&mut self) -> io::Result<()> {
        while self.is_busy() {
            self.write_some().await?;
        }
        Ok(())
    }

    /// Ends our half of the connection.
    pub(crate) async fn shut(&mut self) {
        // The other side may be gone already, which is as good.
        let _ = timeout(LAST_WORD, self.socket.shutdown()).await;
    }

    fn advance(&mut self, mut written: usize) {
        self.waiting = self.waiting.saturating_sub(written);
        while let Some(front) = self.queue.front_mut() {
            if written < front.len() {
                front.advance(written);
                return;
            }
            written -= front.len();
            self.queue.pop_front();
        }
    }
}
