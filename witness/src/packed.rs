//! Unpacks gzip, zstd and xz, told by their first bytes, up to a limit.

use std::fmt;
use std::io::{self, BufReader, Chain, Cursor, Read};

use flate2::read::MultiGzDecoder;
use liblzma::read::XzDecoder;
use liblzma::stream::{CONCATENATED, Stream};

use crate::fault::Reason;

/// How far back compressed data may refer, as a power of two: what `zstd` takes without `--long`,
/// and twice what `xz -9` writes.
const WINDOW: u32 = 27;
/// The memory that unpacking xz may take, its window included.
const XZ_BYTES: u64 = (1 << WINDOW) + (1 << 20);
/// The longest mark of a kind, xz's.
const MARK: usize = 6;

/// How a file is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Packing {
    /// Not at all.
    Plain,
    /// `.gz`
    Gzip,
    /// `.zst`
    Zstd,
    /// `.xz`
    Xz,
}

impl fmt::Display for Packing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Plain => "plain",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Xz => "xz",
        })
    }
}

impl Packing {
    /// Tells it by the first bytes.
    fn of(begin: &[u8]) -> Self {
        match begin {
            [0x1f, 0x8b, ..] => Self::Gzip,
            // The second is a frame to be skipped, which may come first.
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Self::Zstd,
            [0xfd, b'7', b'z', b'X', b'Z', 0x00, ..] => Self::Xz,
            _ => Self::Plain,
        }
    }
}

/// A reader whose first bytes were looked at.
type Whole<R> = Chain<Cursor<Vec<u8>>, Source<R>>;

/// A reader whose own failures are told apart from those of unpacking.
struct Source<R>(R);

impl<R: Read> Read for Source<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.0.read(into) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => return read.map_err(|error| stop(Reason::Read(error))),
            }
        }
    }
}

/// A reader of what is in a compressed file, or of the file where it is not compressed.
///
/// Its errors carry a [`Reason`], of which [`crate::read`] makes a [`crate::Fault`].
pub struct Decoder<R: Read> {
    kind: Kind<R>,
    packing: Packing,
    limit: u64,
    left: u64,
}

enum Kind<R: Read> {
    Plain(Whole<R>),
    Gzip(MultiGzDecoder<Whole<R>>),
    Zstd(Box<zstd::Decoder<'static, BufReader<Whole<R>>>>),
    Xz(XzDecoder<Whole<R>>),
}

/// Reads what is in `reader`, at most `limit` bytes once unpacked. The first bytes are read at once.
pub fn decoded<R: Read>(reader: R, limit: u64) -> io::Result<Decoder<R>> {
    let mut reader = Source(reader);
    let mut begin = Vec::with_capacity(MARK);
    reader.by_ref().take(MARK as u64).read_to_end(&mut begin)?;
    let packing = Packing::of(&begin);
    let whole = Cursor::new(begin).chain(reader);
    let kind = match packing {
        Packing::Plain => Kind::Plain(whole),
        Packing::Gzip => Kind::Gzip(MultiGzDecoder::new(whole)),
        Packing::Zstd => {
            let mut decoder = zstd::Decoder::new(whole)?;
            decoder.window_log_max(WINDOW)?;
            Kind::Zstd(Box::new(decoder))
        }
        Packing::Xz => {
            let stream = Stream::new_stream_decoder(XZ_BYTES, CONCATENATED)?;
            Kind::Xz(XzDecoder::new_stream(whole, stream))
        }
    };
    Ok(Decoder { kind, packing, limit, left: limit })
}

impl<R: Read> Decoder<R> {
    /// How the file is compressed.
    #[must_use]
    pub fn packing(&self) -> Packing {
        self.packing
    }

    fn unpack(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = match &mut self.kind {
            Kind::Plain(reader) => return reader.read(into),
            Kind::Gzip(reader) => reader.read(into),
            Kind::Zstd(reader) => reader.read(into),
            Kind::Xz(reader) => reader.read(into),
        };
        read.map_err(|error| match error.get_ref() {
            Some(cause) if cause.is::<Reason>() => error,
            _ => stop(Reason::Unpack(self.packing, error)),
        })
    }
}

impl<R: Read> Read for Decoder<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            // The end may be right here.
            return match self.unpack(&mut [0])? {
                0 => Ok(0),
                _ => Err(stop(Reason::TooLarge(self.limit))),
            };
        }
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(into.len());
        let read = self.unpack(into.get_mut(..most).unwrap_or_default())?;
        self.left = self.left.saturating_sub(read as u64);
        Ok(read)
    }
}

impl<R: Read> fmt::Debug for Decoder<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut told = f.debug_struct("Decoder");
        told.field("packing", &self.packing).field("left", &self.left).finish_non_exhaustive()
    }
}

/// A reason on its way through a reader of bytes.
pub(crate) fn stop(reason: Reason) -> io::Error {
    io::Error::other(reason)
}

/// The reason that a reader of bytes stopped for, if it was one of ours.
pub(crate) fn reason(error: io::Error) -> Reason {
    error.downcast::<Reason>().unwrap_or_else(Reason::Read)
}
