//! Just enough RLP to write transactions and receipts that look like real ones.

/// An encoded list of encoded items.
#[must_use]
pub fn list(items: &[Vec<u8>]) -> Vec<u8> {
    with_header(0xc0, &items.concat())
}

/// A byte string.
#[must_use]
pub fn bytes(value: &[u8]) -> Vec<u8> {
    match value {
        [single] if *single < 0x80 => vec![*single],
        _ => with_header(0x80, value),
    }
}

/// A number, as the shortest byte string.
#[must_use]
pub fn number(value: u64) -> Vec<u8> {
    integer(&value.to_be_bytes())
}

/// A number of any size, the highest byte first.
#[must_use]
pub fn integer(value: &[u8]) -> Vec<u8> {
    bytes(trimmed(value))
}

fn trimmed(value: &[u8]) -> &[u8] {
    match value {
        [0, rest @ ..] => trimmed(rest),
        _ => value,
    }
}

fn with_header(base: u8, payload: &[u8]) -> Vec<u8> {
    let length = payload.len().to_be_bytes();
    let length = trimmed(&length);
    let mut encoded = match (payload.len(), length) {
        (0, _) => vec![base],
        (1..=55, [short]) => vec![base + short],
        // A length has at most eight bytes.
        (_, long) => {
            let prefix = (1..=8).zip(base + 56..).nth(long.len().saturating_sub(1));
            let mut header = vec![prefix.map_or(base, |(_, prefix)| prefix)];
            header.extend_from_slice(long);
            header
        }
    };
    encoded.extend_from_slice(payload);
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_yellow_papers_examples() {
        assert_eq!(bytes(b"dog"), b"\x83dog");
        assert_eq!(list(&[bytes(b"cat"), bytes(b"dog")]), b"\xc8\x83cat\x83dog");
        assert_eq!(number(0), b"\x80");
        assert_eq!(number(15), b"\x0f");
        assert_eq!(number(1024), b"\x82\x04\x00");
        assert_eq!(list(&[]), b"\xc0");
        assert_eq!(bytes(&[0; 56])[..2], *b"\xb8\x38");
        assert_eq!(bytes(&[0; 256])[..3], *b"\xb9\x01\x00");
    }
}
