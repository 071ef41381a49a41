//! Unpacks, checks and copies a witness in one pass.

use std::fmt::Write as _;
use std::io::{self, Read, Write};

use sha2::{Digest as _, Sha256};

use crate::fault::{Fault, Reason};
use crate::packed::{Packing, decoded, reason, stop};
use crate::{Witness, read};

/// A witness that was checked and copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// What is in it.
    pub witness: Witness,
    /// How it was compressed.
    pub packing: Packing,
    /// Its size, unpacked.
    pub bytes: u64,
    /// The SHA-256 of it, unpacked, in hexadecimal.
    pub sha256_hex: String,
}

/// Reads a witness, compressed or not, and writes it unpacked.
///
/// If it succeeds the whole was written and flushed. If it fails a part may have been written: the
/// caller throws that away.
pub fn copy_checked(
    reader: impl Read,
    mut writer: impl Write,
    limit: u64,
) -> Result<Checked, Fault> {
    let decoder = decoded(reader, limit).map_err(|error| Fault::whole(reason(error)))?;
    let packing = decoder.packing();
    let mut copying =
        Copying { reader: decoder, writer: &mut writer, digest: Sha256::new(), bytes: 0 };
    let witness = read(&mut copying)?;
    let (bytes, digest) = (copying.bytes, copying.digest.finalize());
    writer.flush().map_err(|error| Fault::whole(Reason::Write(error)))?;
    let sha256_hex = digest.iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    });
    Ok(Checked { witness, packing, bytes, sha256_hex })
}

/// A reader that writes what is read.
struct Copying<R, W> {
    reader: R,
    writer: W,
    digest: Sha256,
    bytes: u64,
}

impl<R: Read, W: Write> Read for Copying<R, W> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(into)?;
        let part = into.get(..read).unwrap_or_default();
        self.writer.write_all(part).map_err(|error| stop(Reason::Write(error)))?;
        self.digest.update(part);
        self.bytes += read as u64;
        Ok(read)
    }
}
