//! Checking and copying in one pass.

use std::io::{self, Read as _, Write};

use serde_json::json;
use witness::{Form, Packing, copy_checked};

use super::packed::gzip;
use super::sample::blocks;

#[test]
fn a_copy_is_the_unpacked_text_with_its_size_and_digest() {
    // 64 of one digit are in no witness's digest by chance: the digest is of this text.
    let text = format!("{}\n", blocks(Form::V06));
    for (bytes, packing) in
        [(text.clone().into_bytes(), Packing::Plain), (gzip(text.as_bytes()), Packing::Gzip)]
    {
        let mut copy = Vec::new();
        let checked = copy_checked(&bytes[..], &mut copy, 1 << 20).unwrap();
        assert_eq!(copy, text.as_bytes());
        assert_eq!((checked.bytes, checked.packing), (text.len() as u64, packing));
        let mut again = Vec::new();
        let second = copy_checked(&copy[..], &mut again, 1 << 20).unwrap();
        assert_eq!(second.sha256_hex, checked.sha256_hex);
        assert_eq!(checked.sha256_hex.len(), 64);
        assert_eq!(checked.witness.blocks.len(), 3);
    }
}

#[test]
fn the_digest_is_that_of_sha256sum() {
    let path = super::files::folder().join("devnet/v0.7/2.witness.json");
    let checked = copy_checked(std::fs::File::open(path).unwrap(), io::sink(), 1 << 20).unwrap();
    assert_eq!(checked.sha256_hex, include_str!("digest").trim());
}

/// A disk that is full after so many bytes.
struct Full(usize);

impl Write for Full {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0 < bytes.len() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.0 -= bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.0 == 0 { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }
}

#[test]
fn a_writer_that_fails_is_no_fault_of_the_witness() {
    let text = blocks(Form::V07).to_string();
    for room in [0, text.len()] {
        let fault = copy_checked(text.as_bytes(), Full(room), 1 << 20).unwrap_err();
        assert!(!fault.is_of_the_witness(), "{fault:?}");
        assert!(fault.to_string().ends_with("cannot write the witness"), "{fault}");
    }
    assert!(copy_checked(text.as_bytes(), Full(text.len() + 1), 1 << 20).is_ok());
}

#[test]
fn a_faulty_witness_is_refused_by_the_copy_as_well() {
    let two = json!([blocks(Form::V07)[0], blocks(Form::V07)[2]]).to_string();
    let fault = copy_checked(two.as_bytes(), io::sink(), 1 << 20).unwrap_err();
    assert!(fault.to_string().contains("there is a gap"), "{fault}");
    let endless = blocks(Form::V07).to_string();
    let endless = endless.as_bytes().chain(io::repeat(b' '));
    assert!(copy_checked(endless, io::sink(), 1 << 20).unwrap_err().is_too_large());
}
