//! PURE: a stream of bytes → frames of AMQP 0-9-1, and frames → bytes. Bodies are not copied.
//!
//! A frame keeps the bytes it came in, so what is passed on untouched is the same to the last byte.

use bytes::{BufMut, Bytes, BytesMut};
use thiserror::Error;

/// What a client says first.
pub const PROTOCOL_HEADER: [u8; 8] = *b"AMQP\x00\x00\x09\x01";
/// Kind, channel and length of the payload.
const HEAD: usize = 7;
/// A frame without its payload: the head, and the byte that ends it.
const OVERHEAD: usize = HEAD + 1;
/// The byte that ends a frame.
const END: u8 = 0xce;
/// Frames before the connection is tuned are at most so long (section 4.2.3 says at least this).
pub const FRAME_MIN: usize = 4096;
/// The least that is asked of the system at once.
const READ_SIZE: usize = 16 << 10;

/// What a frame carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A method.
    Method,
    /// A message's length and properties.
    Header,
    /// A part of a message's body.
    Body,
    /// Nothing: a sign of life.
    Heartbeat,
}

/// Why bytes are not AMQP 0-9-1, or not what was agreed on.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Refusal {
    /// A TLS handshake came where plain AMQP was expected.
    #[error("it speaks TLS: the gateway's port is plain AMQP, use `amqp://`")]
    Tls,
    /// An HTTP request came.
    #[error("it speaks HTTP: this is an AMQP port")]
    Http,
    /// Another version of AMQP.
    #[error("it speaks AMQP {0}.{1}.{2}: only 0-9-1 is understood")]
    Version(u8, u8, u8),
    /// Anything else.
    #[error("it does not speak AMQP")]
    NotAmqp,
    /// A frame of no known kind.
    #[error("a frame is of kind {0}, which AMQP 0-9-1 does not know")]
    UnknownKind(u8),
    /// A frame that is longer than was agreed on.
    #[error("a frame has {bytes} bytes, {limit} were agreed on")]
    TooLong {
        /// Its length.
        bytes: usize,
        /// What was agreed on.
        limit: usize,
    },
    /// A frame that does not end where it says.
    #[error("a frame does not end where it says it ends")]
    NoEnd,
    /// A content frame on the connection's own channel, or a heartbeat on another.
    #[error("a frame that cannot be on channel {0}")]
    WrongChannel(u16),
}

/// One frame, in the bytes it came in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    kind: Kind,
    channel: u16,
    bytes: Bytes,
}

impl Frame {
    /// A frame of our own. `None` if the payload is longer than a frame can say.
    #[must_use]
    pub fn new(kind: Kind, channel: u16, payload: &[u8]) -> Option<Self> {
        let length = u32::try_from(payload.len()).ok()?;
        let mut bytes = BytesMut::with_capacity(payload.len() + OVERHEAD);
        bytes.put_u8(kind.code());
        bytes.put_u16(channel);
        bytes.put_u32(length);
        bytes.put_slice(payload);
        bytes.put_u8(END);
        Some(Self { kind, channel, bytes: bytes.freeze() })
    }

    /// What is to stand before and behind a payload of so many bytes to make it a body frame.
    #[must_use]
    pub fn body_around(channel: u16, length: u32) -> [Bytes; 2] {
        let mut head = BytesMut::with_capacity(HEAD);
        head.put_u8(Kind::Body.code());
        head.put_u16(channel);
        head.put_u32(length);
        [head.freeze(), Bytes::from_static(&[END])]
    }

    /// A sign of life.
    #[must_use]
    pub fn heartbeat() -> Self {
        let bytes = Bytes::from_static(&[8, 0, 0, 0, 0, 0, 0, END]);
        Self { kind: Kind::Heartbeat, channel: 0, bytes }
    }

    /// What it carries.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The channel it is on; 0 is the connection itself.
    #[must_use]
    pub fn channel(&self) -> u16 {
        self.channel
    }

    /// What is between its head and its end.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        self.bytes.get(HEAD..self.bytes.len().saturating_sub(1)).unwrap_or_default()
    }

    /// Class and method, of a method frame.
    #[must_use]
    pub fn method(&self) -> Option<(u16, u16)> {
        let &[a, b, c, d, ..] = self.payload() else { return None };
        let id = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
        (self.kind == Kind::Method).then_some(id)
    }

    /// What is between its head and its end, without copying it.
    #[must_use]
    pub fn into_payload(self) -> Bytes {
        self.bytes.slice(HEAD..self.bytes.len() - 1)
    }

    /// Its length on the wire.
    #[must_use]
    pub fn wire_len(&self) -> usize {
        self.bytes.len()
    }

    /// As it goes over the wire.
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        self.bytes
    }
}

impl Kind {
    fn code(self) -> u8 {
        match self {
            Self::Method => 1,
            Self::Header => 2,
            Self::Body => 3,
            Self::Heartbeat => 8,
        }
    }

    fn of(code: u8) -> Option<Self> {
        [Self::Method, Self::Header, Self::Body, Self::Heartbeat]
            .into_iter()
            .find(|kind| kind.code() == code)
    }
}

/// Takes bytes as they come and gives frames. Holds at most one frame and what was read with it.
#[derive(Debug)]
pub struct Reader {
    buffer: BytesMut,
    limit: usize,
}

impl Default for Reader {
    fn default() -> Self {
        Self { buffer: BytesMut::new(), limit: FRAME_MIN.max(READ_SIZE) }
    }
}

impl Reader {
    /// Frames may be so long from now on, with head and end; 0: as long as a frame can say.
    pub fn set_frame_max(&mut self, frame_max: u32) {
        let limit = usize::try_from(frame_max).unwrap_or(usize::MAX);
        self.limit = if limit == 0 { usize::MAX } else { limit.max(FRAME_MIN) };
    }

    /// Where to put the next bytes: room for the rest of the frame that has begun, and not for much
    /// more, whatever length it claims: a long frame's room is made as it comes.
    pub fn room(&mut self) -> &mut BytesMut {
        let missing = self.claimed().unwrap_or_default().saturating_sub(self.buffer.len());
        self.buffer.reserve(missing.clamp(READ_SIZE, 8 * READ_SIZE));
        &mut self.buffer
    }

    /// True while a frame has begun and not ended.
    #[must_use]
    pub fn is_amid_a_frame(&self) -> bool {
        !self.buffer.is_empty()
    }

    /// The next whole frame, if it has come. After a refusal nothing more can be read.
    pub fn frame(&mut self) -> Result<Option<Frame>, Refusal> {
        let Some(&code) = self.buffer.first() else { return Ok(None) };
        let kind = Kind::of(code).ok_or(Refusal::UnknownKind(code))?;
        let Some(bytes) = self.claimed() else { return Ok(None) };
        if bytes > self.limit {
            return Err(Refusal::TooLong { bytes, limit: self.limit });
        }
        let Some(&last) = self.buffer.get(bytes - 1) else { return Ok(None) };
        if last != END {
            return Err(Refusal::NoEnd);
        }
        let bytes = self.buffer.split_to(bytes).freeze();
        let channel = match *bytes {
            [_, high, low, ..] => u16::from_be_bytes([high, low]),
            _ => 0,
        };
        let on_connection = channel == 0;
        let fits = match kind {
            Kind::Method => true,
            Kind::Header | Kind::Body => !on_connection,
            Kind::Heartbeat => on_connection,
        };
        if fits {
            Ok(Some(Frame { kind, channel, bytes }))
        } else {
            Err(Refusal::WrongChannel(channel))
        }
    }

    /// Takes the protocol header that a client begins with. `false`: it has not all come.
    pub fn protocol_header(&mut self) -> Result<bool, Refusal> {
        let begun = self.buffer.get(..PROTOCOL_HEADER.len()).unwrap_or(&self.buffer);
        if begun == PROTOCOL_HEADER {
            let _ = self.buffer.split_to(PROTOCOL_HEADER.len());
            return Ok(true);
        }
        if PROTOCOL_HEADER.starts_with(begun) { Ok(false) } else { judge(begun) }
    }

    /// The whole length of the frame that has begun, once its head has come.
    fn claimed(&self) -> Option<usize> {
        let &[_, _, _, a, b, c, d, ..] = &*self.buffer else { return None };
        usize::try_from(u32::from_be_bytes([a, b, c, d])).ok()?.checked_add(OVERHEAD)
    }
}

/// What speaks, that does not speak AMQP 0-9-1. Undecided while it may still turn out to be another
/// version of AMQP.
fn judge(begun: &[u8]) -> Result<bool, Refusal> {
    match *begun {
        [0x16, 3, ..] => Err(Refusal::Tls),
        [b'A', b'M', b'Q', b'P', _, major, minor, revision] => {
            Err(Refusal::Version(major, minor, revision))
        }
        [b'A', b'M', b'Q', b'P', ..] | [0x16] => Ok(false),
        _ if HTTP.iter().any(|method| begun.starts_with(method)) => Err(Refusal::Http),
        _ if HTTP.iter().any(|method| method.starts_with(begun)) => Ok(false),
        _ => Err(Refusal::NotAmqp),
    }
}

/// The methods that probes and browsers begin with.
const HTTP: [&[u8]; 6] = [b"GET ", b"HEAD ", b"POST ", b"PUT ", b"OPTIONS ", b"PRI * "];

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn frames() -> impl Strategy<Value = Vec<(u8, u16, Vec<u8>)>> {
        let frame = (1_u8..=3, 1_u16.., vec(any::<u8>(), 0..300));
        vec(frame, 0..12)
    }

    fn written(frames: &[(u8, u16, Vec<u8>)]) -> Vec<Frame> {
        let frame = |(kind, channel, payload): &(u8, u16, Vec<u8>)| {
            Frame::new(Kind::of(*kind).unwrap(), *channel, payload).unwrap()
        };
        frames.iter().map(frame).collect()
    }

    fn read(bytes: &[u8]) -> Result<Vec<Frame>, Refusal> {
        let mut reader = Reader::default();
        reader.room().put_slice(bytes);
        let mut frames = Vec::new();
        while let Some(frame) = reader.frame()? {
            frames.push(frame);
        }
        Ok(frames)
    }

    fn opening(bytes: &[u8]) -> Result<bool, Refusal> {
        let mut reader = Reader::default();
        reader.room().put_slice(bytes);
        reader.protocol_header()
    }

    proptest! {
        #[test]
        fn whatever_pieces_frames_come_in_they_are_read_as_they_were_written(
            frames in frames(),
            pieces in vec(1_usize..97, 1..40),
        ) {
            let frames = written(&frames);
            let bytes = frames.iter().flat_map(|frame| frame.bytes.to_vec()).collect::<Vec<_>>();
            let (mut reader, mut read, mut rest) = (Reader::default(), Vec::new(), &bytes[..]);
            let mut pieces = pieces.into_iter().cycle();
            while !rest.is_empty() {
                let (piece, later) = rest.split_at(pieces.next().unwrap().min(rest.len()));
                reader.room().put_slice(piece);
                rest = later;
                while let Some(frame) = reader.frame().unwrap() {
                    read.push(frame);
                }
            }
            prop_assert!(!reader.is_amid_a_frame());
            let again = read.iter().flat_map(|frame| frame.bytes.to_vec()).collect::<Vec<_>>();
            prop_assert_eq!(again, bytes);
            prop_assert_eq!(read, frames);
        }

        #[test]
        fn no_bytes_whatever_make_it_panic(bytes in vec(any::<u8>(), 0..200)) {
            let _ = read(&bytes);
            let _ = opening(&bytes);
        }
    }

    #[test]
    fn what_is_not_amqp_is_refused_by_its_name() {
        for (bytes, refusal) in [
            (&b"\x16\x03\x01\x02\x00"[..], Refusal::Tls),
            (b"GET / HTTP/1.1\r\n", Refusal::Http),
            (b"PRI * HTTP/2.0\r\n", Refusal::Http),
            (b"AMQP\x00\x01\x00\x00", Refusal::Version(1, 0, 0)),
            (b"AMQP\x03\x01\x00\x00", Refusal::Version(1, 0, 0)),
            (b"SSH-2.0", Refusal::NotAmqp),
            (b"\x00\x00", Refusal::NotAmqp),
        ] {
            assert_eq!(opening(bytes), Err(refusal), "{bytes:?}");
        }
        assert_eq!(opening(&PROTOCOL_HEADER), Ok(true));
        for begun in [&b""[..], b"A", b"AMQP\x00\x00\x09", b"AMQP\x00\x01", b"GE", b"\x16"] {
            assert_eq!(opening(begun), Ok(false), "{begun:?}");
        }
    }

    #[test]
    fn frames_that_break_the_rules_are_refused() {
        for (bytes, refusal) in [
            (&[4, 0, 1, 0, 0, 0, 0, END][..], Refusal::UnknownKind(4)),
            (&[1, 0, 1, 0, 0, 0, 0, 0], Refusal::NoEnd),
            (&[3, 0, 0, 0, 0, 0, 0, END], Refusal::WrongChannel(0)),
            (&[8, 0, 1, 0, 0, 0, 0, END], Refusal::WrongChannel(1)),
            (
                &[3, 0, 1, 0xff, 0xff, 0xff, 0xff],
                Refusal::TooLong { bytes: 0xffff_ffff + OVERHEAD, limit: READ_SIZE },
            ),
        ] {
            assert_eq!(read(bytes), Err(refusal), "{bytes:?}");
        }
    }

    #[test]
    fn a_long_claim_takes_no_memory_before_it_is_kept() {
        let mut reader = Reader::default();
        reader.set_frame_max(0);
        reader.room().put_slice(&[3, 0, 1, 0x7f, 0xff, 0xff, 0xff]);
        assert_eq!(reader.frame(), Ok(None));
        assert!(reader.room().capacity() <= 16 * READ_SIZE);
    }

    #[test]
    fn a_frame_is_read_without_copying_it() {
        let frame = Frame::new(Kind::Body, 1, &[7; 2000]).unwrap();
        let mut reader = Reader::default();
        reader.room().put_slice(&frame.bytes);
        let place = reader.buffer.as_ptr();
        assert_eq!(reader.frame().unwrap().unwrap().bytes.as_ptr(), place);
    }
}
