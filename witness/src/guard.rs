//! Stands between the text and the JSON reader, and ends what would fill the memory.

use std::io::{self, Read};

use crate::fault::Reason;
use crate::packed::stop;
use crate::trail::Trail;

/// What may be read for a name, a number or a hash. The JSON reader keeps those in memory.
pub(crate) const SHORT: usize = 64 * 1024;
/// The leader's JSON reader goes no deeper; ours remembers each open bracket.
const DEPTH: u32 = 128;

/// A reader that is watched.
#[derive(Debug)]
pub(crate) struct Guard<'t, R> {
    reader: R,
    trail: &'t Trail,
    nesting: Nesting,
}

/// How deep the text is in brackets.
#[derive(Debug, Default)]
struct Nesting {
    depth: u32,
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
        self.nesting.pass(part)?;
        Ok(read)
    }
}

impl Nesting {
    fn pass(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            bytes = if self.in_text { self.pass_text(bytes) } else { self.pass_rest(bytes)? };
        }
        Ok(())
    }

    /// Passes what is between quotation marks; gives what comes after it.
    fn pass_text<'b>(&mut self, bytes: &'b [u8]) -> &'b [u8] {
        if self.escaped {
            self.escaped = false;
            return bytes.get(1..).unwrap_or_default();
        }
        let Some(at) = memchr::memchr2(b'"', b'\\', bytes) else { return &[] };
        self.escaped = bytes.get(at) == Some(&b'\\');
        self.in_text = self.escaped;
        bytes.get(at + 1..).unwrap_or_default()
    }

    /// Passes what is outside of quotation marks; gives the text after it.
    fn pass_rest<'b>(&mut self, bytes: &'b [u8]) -> io::Result<&'b [u8]> {
        for (at, byte) in bytes.iter().enumerate() {
            match byte {
                b'"' => {
                    self.in_text = true;
                    return Ok(bytes.get(at + 1..).unwrap_or_default());
                }
                b'[' | b'{' => self.depth += 1,
                b']' | b'}' => self.depth = self.depth.saturating_sub(1),
                _ => {}
            }
            if self.depth > DEPTH {
                return Err(stop(Reason::TooDeep(DEPTH)));
            }
        }
        Ok(&[])
    }
}
