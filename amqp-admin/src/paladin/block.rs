//! PURE: which block a task's input or a result's output belongs to, found by a search.
//!
//! Addresses, hashes and numbers of 256 bits travel as hex text in both formats. postcard writes no
//! names; it writes a block's header (`BlockMetadata` of `zk_evm`'s `proof.rs`) as one text after the
//! other, each with a length before it:
//!
//! beneficiary, timestamp, **number**, difficulty, random, gas limit, chain id, base fee, gas used,
//! since v0.6 also blob gas used, excess blob gas and parent beacon root, the bloom filter in 8 parts;
//! in the input of a segment's proof perhaps an address for burnt fees; the 256 hashes of the blocks
//! before.
//!
//! Anybody who sends a transaction could put a header of his own making into the block. Transactions
//! and contract code are raw bytes, but all of them come before the header: the last one counts. What
//! comes after it, in the input of a segment's proof, are a transaction's words as texts, but never a
//! list of 256 after them: it counts only if it is whole.

use std::ops::RangeInclusive;

/// How an address begins in postcard: the length of its text and the text's first two characters.
const ADDRESS: &[u8] = b"\x2a0x";
/// Texts from the header's random value to its end: with the blob fields of v0.6, and without.
const AFTER_RANDOM: [usize; 2] = [15, 12];
/// How the list of hashes begins in postcard: 256, the number of them.
const HASHES: &[u8] = b"\x80\x02";

const ADDRESS_DIGITS: RangeInclusive<usize> = 40..=40;
const HASH_DIGITS: RangeInclusive<usize> = 64..=64;
const NUMBER_DIGITS: RangeInclusive<usize> = 1..=64;
/// A block number of more than 64 bits is none.
const BLOCK_DIGITS: RangeInclusive<usize> = 1..=16;

/// The field in CBOR: a text of 12 bytes, and the next field's name after its value.
const CBOR_KEY: &[u8] = b"\x6cblock_number";
const CBOR_NEXT_KEY: &[u8] = b"\x70block_difficulty";
/// The kind of a text in CBOR; postcard writes none.
const CBOR_TEXT: u8 = 0x60;

/// Looks through what postcard wrote, from its end.
pub(super) fn in_postcard(bytes: &[u8]) -> Option<u64> {
    last(bytes, ADDRESS, header)
}

/// Looks through what CBOR wrote, from its end. Raw bytes are lists of numbers there.
pub(super) fn in_cbor(bytes: &[u8]) -> Option<u64> {
    last(bytes, CBOR_KEY, |field| {
        let mut rest = field.strip_prefix(CBOR_KEY)?;
        let block = hex(&mut rest, CBOR_TEXT, BLOCK_DIGITS)?;
        rest.starts_with(CBOR_NEXT_KEY).then(|| value(block))?
    })
}

/// Looks through the words of an error. v0.7 names the block of a segment that it cannot simulate:
/// `Segment generation 0 for block:5 batch:0 tx_range:(0) failed with error …`.
pub(super) fn in_words(words: &str) -> Option<u64> {
    let (_, rest) = words.split_once("Segment generation ")?;
    let (segment, rest) = rest.split_once(" for block:")?;
    let (block, _) = rest.split_once(" batch:")?;
    let whole = |number: &str| number.bytes().all(|byte| byte.is_ascii_digit());
    (whole(segment) && whole(block)).then(|| block.parse().ok())?
}

/// The last place that begins so and can be read. Each is read for no more than a header's length.
fn last(bytes: &[u8], start: &[u8], read: impl Fn(&[u8]) -> Option<u64>) -> Option<u64> {
    let places = bytes.windows(start.len()).enumerate().rev();
    places.filter(|(_, found)| *found == start).find_map(|(at, _)| read(bytes.get(at..)?))
}

fn header(mut bytes: &[u8]) -> Option<u64> {
    let rest = &mut bytes;
    let _beneficiary = hex(rest, 0, ADDRESS_DIGITS)?;
    let _timestamp = hex(rest, 0, NUMBER_DIGITS)?;
    let block = hex(rest, 0, BLOCK_DIGITS)?;
    let _difficulty = hex(rest, 0, NUMBER_DIGITS)?;
    let _random = hex(rest, 0, HASH_DIGITS)?;
    let is_whole = AFTER_RANDOM.iter().any(|texts| hashes_follow(rest, *texts).is_some());
    is_whole.then(|| value(block))?
}

/// Whether the list of hashes comes after so many texts.
fn hashes_follow(mut rest: &[u8], texts: usize) -> Option<()> {
    let rest = &mut rest;
    for _ in 0..texts {
        hex(rest, 0, NUMBER_DIGITS)?;
    }
    if let Some(none) = rest.strip_prefix(b"\0") {
        *rest = none;
    } else if let Some(address) = rest.strip_prefix(b"\x01") {
        *rest = address;
        hex(rest, 0, ADDRESS_DIGITS)?;
    }
    *rest = rest.strip_prefix(HASHES)?;
    hex(rest, 0, HASH_DIGITS).map(drop)
}

/// The digits of one text: its kind and length in one byte, `0x`, and as many of them as allowed.
fn hex<'a>(rest: &mut &'a [u8], kind: u8, digits: RangeInclusive<usize>) -> Option<&'a [u8]> {
    let length = rest.split_off_first()?.checked_sub(kind)?;
    let found = rest.split_off(..usize::from(length))?.strip_prefix(b"0x")?;
    let is_digit = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    (digits.contains(&found.len()) && found.iter().all(is_digit)).then_some(found)
}

fn value(digits: &[u8]) -> Option<u64> {
    u64::from_str_radix(str::from_utf8(digits).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::super::written::{self, fields, hex_text};
    use super::*;

    const NEXT: &[u8] = b"\x70block_difficulty";

    #[test]
    fn a_header_of_either_length_is_found_behind_other_bytes() {
        for texts in AFTER_RANDOM {
            for block in [0, 4, 20_362_226, u64::MAX] {
                let header = written::header_in_postcard(block, texts);
                let input = [b"\x03\x2a0x0 0x", &header[..], b"and a proof"].concat();
                assert_eq!(in_postcard(&input), Some(block));
            }
        }
    }

    #[test]
    fn a_header_that_lacks_something_is_none() {
        let header = written::header_in_postcard(4, 15);
        let needed = fields("4", 15).len() + HASHES.len() + 67;
        for end in 0..needed {
            assert_eq!(in_postcard(&header[..end]), None, "the first {end} bytes");
        }
        assert_eq!(in_postcard(&header[..needed]), Some(4));
        for texts in [0, 11, 13, 14, 16] {
            assert_eq!(in_postcard(&written::header_in_postcard(4, texts)), None, "{texts} texts");
        }
        let hashes = [HASHES, &hex_text(&"7".repeat(64))].concat();
        for block in ["10000000000000000", "", "4G", "4A"] {
            let input = [fields(block, 15), hashes.clone()].concat();
            assert_eq!(in_postcard(&input), None, "{block}");
        }
    }

    #[test]
    fn an_address_for_burnt_fees_may_stand_before_the_hashes() {
        let hashes = [HASHES, &hex_text(&"7".repeat(64))].concat();
        let burn = [&b"\x01"[..], &hex_text(&"b".repeat(40))].concat();
        for (between, found) in [
            (&b""[..], Some(4)),
            (b"\0", Some(4)),
            (&burn, Some(4)),
            (b"\x01", None),
            (b"\x02", None),
            (b"\0\0", None),
        ] {
            let input = [&fields("4", 15), between, &hashes].concat();
            assert_eq!(in_postcard(&input), found, "{between:?}");
        }
    }

    #[test]
    fn a_header_that_somebody_put_into_a_transaction_does_not_count() {
        let forged = written::header_in_postcard(666, 15);
        let input =
            [b"\x8b\x01", &forged[..], b"code", &written::header_in_postcard(4, 15)].concat();
        assert_eq!(in_postcard(&input), Some(4));
    }

    #[test]
    fn a_transactions_words_that_look_like_a_header_do_not_count() {
        let hash = hex_text(&"f".repeat(64));
        for texts in AFTER_RANDOM {
            for length in [&b"\x01"[..], b"\x03", b"\x21", b"\xff\x01"] {
                let words = [&fields("666", texts), length, &hash].concat();
                assert_eq!(in_postcard(&words), None, "{texts} texts, a list of {length:?}");
                let input = [written::header_in_postcard(4, 15), words].concat();
                assert_eq!(in_postcard(&input), Some(4));
            }
        }
    }

    #[test]
    fn a_field_of_cbor_counts_with_its_value_and_the_next_fields_name() {
        for block in [0, 4, 20_362_226, u64::MAX] {
            let input = [b"\xa2\x60", &written::header_in_cbor(block)[..], b"\x60"].concat();
            assert_eq!(in_cbor(&input), Some(block));
        }
        for value in [&b"\x720x1ffffffffffffffff"[..], b"\x62\x30x", b"\x04", b"\x64\x30x4", b""] {
            assert_eq!(in_cbor(&[CBOR_KEY, value, NEXT].concat()), None, "{value:?}");
        }
        assert_eq!(in_cbor(&[CBOR_KEY, b"\x630x4"].concat()), None);
        assert_eq!(in_cbor(&[CBOR_KEY, b"\x630x4", &NEXT[..9]].concat()), None);
    }

    #[test]
    fn only_the_words_of_a_failed_simulation_name_a_block() {
        let head = "Fatal operation error: Segment generation";
        for (words, block) in [
            (format!("{head} 0 for block:5 batch:0 tx_range:(0) failed with error x"), Some(5)),
            (
                format!("{head} 12 for block:19807080 batch:2 tx_range:(2_3) failed"),
                Some(19_807_080),
            ),
            (format!("{head} 0 for block:18446744073709551616 batch:0"), None),
            (format!("{head} 0 for block:+5 batch:0"), None),
            (format!("{head} 0 for block: batch:0"), None),
            (format!("{head} 0 for block:5"), None),
            (format!("{head} x for block:5 batch:0"), None),
            ("for block:5 batch:0".to_owned(), None),
            ("Fatal operation error: Unable to get circuits".to_owned(), None),
            (String::new(), None),
        ] {
            assert_eq!(in_words(&words), block, "{words}");
        }
    }
}
