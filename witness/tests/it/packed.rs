//! Compressed witnesses, and what is made to look like one.

use std::io::{self, Cursor, Read, Write as _};

use flate2::Compression;
use flate2::write::GzEncoder;
use liblzma::stream::{Check, Filters, LzmaOptions, Stream};
use liblzma::write::XzEncoder;
use witness::{Packing, decoded, read};

use super::files::folder;

fn plain() -> Vec<u8> {
    std::fs::read(folder().join("devnet/v0.7/4.witness.json")).unwrap()
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
    encoder.include_checksum(true).unwrap();
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn xz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = XzEncoder::new(Vec::new(), 1);
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

type Pack = fn(&[u8]) -> Vec<u8>;
const PACKED: [(Packing, Pack); 3] =
    [(Packing::Gzip, gzip), (Packing::Zstd, zstd), (Packing::Xz, xz)];

/// A reader that gives one byte at a time.
struct Drop<'b>(&'b [u8]);

impl Read for Drop<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let one = into.len().min(1);
        self.0.read(&mut into[..one])
    }
}

fn unpack(bytes: impl Read, limit: u64) -> Result<(Packing, Vec<u8>), String> {
    let mut decoder = decoded(bytes, limit).unwrap();
    let mut all = Vec::new();
    let packing = decoder.packing();
    match decoder.read_to_end(&mut all) {
        Ok(_) => Ok((packing, all)),
        Err(error) => Err(error.to_string()),
    }
}

#[test]
fn what_was_packed_comes_out_as_it_was_whatever_it_was_packed_with() {
    let plain = plain();
    assert_eq!(unpack(&plain[..], u64::MAX), Ok((Packing::Plain, plain.clone())));
    for (packing, pack) in PACKED {
        let packed = pack(&plain);
        assert!(packed.len() < plain.len() / 2, "{packing}");
        assert_eq!(unpack(&packed[..], u64::MAX), Ok((packing, plain.clone())));
        assert_eq!(unpack(Drop(&packed), u64::MAX), Ok((packing, plain.clone())));
        let (first, second) = plain.split_at(plain.len() / 3);
        let parts = [pack(first), pack(second)].concat();
        assert_eq!(unpack(&parts[..], u64::MAX), Ok((packing, plain.clone())), "in two parts");
    }
}

#[test]
fn the_limit_is_on_what_is_unpacked_and_is_named() {
    let plain = plain();
    let length = plain.len() as u64;
    for (packing, pack) in PACKED.into_iter().chain([(Packing::Plain, <[u8]>::to_vec as Pack)]) {
        let packed = pack(&plain);
        assert_eq!(unpack(&packed[..], length).unwrap().1, plain, "{packing}: just as long");
        let told = unpack(&packed[..], length - 1).unwrap_err();
        assert_eq!(
            told,
            format!("more than {} bytes once unpacked, which is the limit", length - 1)
        );
        let fault = read(decoded(&packed[..], length - 1).unwrap()).unwrap_err();
        assert!(fault.is_too_large() && fault.is_of_the_witness(), "{fault:?}");
    }
}

#[test]
fn a_small_file_that_unpacks_to_very_much_ends_at_the_limit() {
    let long = b"[{\"more\": \"".chain(io::repeat(b'a').take(10_000_000));
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    io::copy(&mut { long }, &mut encoder).unwrap();
    let bomb = encoder.finish().unwrap();
    assert!(bomb.len() < 200_000);
    let fault = read(decoded(&bomb[..], 1_000_000).unwrap()).unwrap_err();
    let told = fault.to_string();
    assert!(told.ends_with("more than 1000000 bytes once unpacked, which is the limit"), "{told}");
}

#[test]
fn what_is_cut_off_or_damaged_is_refused_with_its_cause() {
    let plain = plain();
    for (packing, pack) in PACKED {
        let packed = pack(&plain);
        for end in [packed.len() / 3, packed.len() - 1] {
            let fault = read(decoded(&packed[..end], u64::MAX).unwrap()).unwrap_err();
            assert!(fault.is_of_the_witness());
            let told = fault.to_string();
            assert!(told.ends_with(&format!("cannot unpack the {packing} data")), "{told}");
            let cause = std::error::Error::source(&fault).expect("a cause").to_string();
            assert!(!cause.is_empty() && !told.contains(&cause), "{told}: {cause}");
        }
        let mut damaged = packed.clone();
        damaged[packed.len() / 2] ^= 0xff;
        let mut all = Vec::new();
        let outcome = decoded(&damaged[..], u64::MAX).unwrap().read_to_end(&mut all);
        assert!(outcome.is_err(), "{packing}");
        let more = [packed, b"more".to_vec()].concat();
        assert!(unpack(&more[..], u64::MAX).is_err(), "{packing}: something follows");
    }
}

#[test]
fn what_would_take_much_memory_to_unpack_is_refused() {
    let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
    encoder.window_log(28).unwrap();
    encoder.write_all(&plain()).unwrap();
    let told = unpack(&encoder.finish().unwrap()[..], u64::MAX).unwrap_err();
    assert_eq!(told, "cannot unpack the zstd data");

    let mut options = LzmaOptions::new_preset(0).unwrap();
    options.dict_size(256 << 20);
    let mut filters = Filters::new();
    filters.lzma2(&options);
    let stream = Stream::new_stream_encoder(&filters, Check::Crc32).unwrap();
    let mut encoder = XzEncoder::new_stream(Vec::new(), stream);
    encoder.write_all(b"[]").unwrap();
    let told = unpack(&encoder.finish().unwrap()[..], u64::MAX).unwrap_err();
    assert_eq!(told, "cannot unpack the xz data");
}

/// A reader whose connection is lost, after it was interrupted once.
struct Lost(bool);

impl Read for Lost {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        let interrupted = std::mem::replace(&mut self.0, false);
        let lost = io::Error::other("lost");
        Err(if interrupted { io::ErrorKind::Interrupted.into() } else { lost })
    }
}

#[test]
fn a_reader_that_fails_is_no_fault_of_the_witness() {
    for (_, pack) in PACKED.into_iter().chain([(Packing::Plain, <[u8]>::to_vec as Pack)]) {
        let packed = pack(&plain());
        let (begin, _) = packed.split_at(packed.len() / 2);
        let fault =
            read(decoded(Cursor::new(begin).chain(Lost(true)), u64::MAX).unwrap()).unwrap_err();
        assert!(!fault.is_of_the_witness(), "{fault:?}");
        assert!(fault.to_string().ends_with("cannot read the witness"), "{fault}");
    }
}
