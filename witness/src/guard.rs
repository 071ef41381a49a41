//! Stands between the text and the JSON reader: ends what would fill the memory, and measures blocks.

use std::io::{self, Read};

use crate::fault::Reason;
use crate::packed::stop;
use crate::trail::Trail;

/// What may be read for a name, a number or a hash. The JSON reader keeps those in memory.
pub(crate) const SHORT: usize = 64 * 1024;
/// The leader's JSON reader goes no deeper; ours remembers each open bracket.
const DEPTH: u32 = 128;
/// How deep the text is in a block: in the array, and in the block's own braces.
const ITEM: u32 = 2;

/// A reader that is watched.
#[derive(Debug)]
pub(crate) struct Guard<'t, R> {
    reader: R,
    trail: &'t Trail,
    nesting: Nesting,
}

/// How deep the text is in brackets, and how long each item of the outermost array is.
#[derive(Debug, Default)]
struct Nesting {
    depth: u32,
    /// Whether the outermost bracket is an array's: only those have blocks to be measured.
    in_array: bool,
    /// How much of the text has passed.
    passed: u64,
    /// How much had passed when the open item began.
    begin: u64,
    in_text: bool,
    escaped: bool,
}

impl<'t, R: Read> Guard<'t, R> {
    pub(crate) fn new(reader: R, trail: &'t Trail) -> Self {
        Self { reader, trail, nesting: Nesting::default() }
    }
}

impl<R: Read> Read for Guard<'_, R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.trail.left() == Some(0) {
            return Err(stop(Reason::TooLong(SHORT)));
        }
        let read = self.reader.read(into)?;
        self.trail.spend(read);
        let part = into.get(..read).unwrap_or_default();
        if !part.iter().all(u8::is_ascii_whitespace) {
            self.trail.not_blank();
        }
        self.nesting.pass(part, self.trail)?;
        Ok(read)
    }
}

impl Nesting {
    fn pass(&mut self, mut bytes: &[u8], trail: &Trail) -> io::Result<()> {
        while !bytes.is_empty() {
            let length = if self.in_text { self.text(bytes) } else { self.rest(bytes, trail)? };
            self.passed += length as u64;
            bytes = bytes.get(length..).unwrap_or_default();
        }
        Ok(())
    }

    /// Passes what is between quotation marks; gives its length.
    fn text(&mut self, bytes: &[u8]) -> usize {
        if self.escaped {
            self.escaped = false;
            return 1;
        }
        let Some(at) = memchr::memchr2(b'"', b'\\', bytes) else { return bytes.len() };
        self.escaped = bytes.get(at) == Some(&b'\\');
        self.in_text = self.escaped;
        at + 1
    }

    /// Passes what is outside of quotation marks up to the next mark; gives its length.
    fn rest(&mut self, bytes: &[u8], trail: &Trail) -> io::Result<usize> {
        let mark = |byte: &u8| matches!(byte, b'"' | b'[' | b'{' | b']' | b'}');
        let Some((at, byte)) = bytes.iter().enumerate().find(|(_, byte)| mark(byte)) else {
            return Ok(bytes.len());
        };
        match byte {
            b'"' => self.in_text = true,
            b'[' | b'{' => {
                self.depth += 1;
                if self.depth == 1 {
                    self.in_array = *byte == b'[';
                }
                if self.depth == ITEM {
                    self.begin = self.passed + at as u64;
                }
            }
            _ => {
                if self.depth == ITEM && self.in_array {
                    trail.measured(self.passed + at as u64 + 1 - self.begin);
                }
                self.depth = self.depth.saturating_sub(1);
            }
        }
        if self.depth > DEPTH {
            return Err(stop(Reason::TooDeep(DEPTH)));
        }
        Ok(at + 1)
    }
}
