//! Tasks written by two small encoders, for tests: what they write must be read.

use super::Metadata;

/// A task before it is written.
#[derive(Debug, Clone)]
pub(super) struct Parts {
    pub(super) key: Vec<u8>,
    pub(super) metadata: Metadata,
    pub(super) operation: Vec<u8>,
    pub(super) id: u8,
    pub(super) input: Vec<u8>,
    pub(super) block: Option<u64>,
}

impl Default for Parts {
    fn default() -> Self {
        let key = b"BmXij".to_vec();
        let (metadata, operation) = (Metadata::Index(0), vec![0, 0]);
        Self { key, metadata, operation, id: 1, input: Vec::new(), block: None }
    }
}

impl Parts {
    pub(super) fn in_postcard(&self) -> Vec<u8> {
        let metadata = match self.metadata {
            Metadata::Index(index) => varint(index),
            Metadata::Range { first, last } => [varint(first), varint(last)].concat(),
            Metadata::Empty => Vec::new(),
            Metadata::Unreadable => vec![0xff],
        };
        let header = self.block.map(|block| header_in_postcard(block, 15));
        let input = [&self.input[..], &header.unwrap_or_default()].concat();
        let bytes = |bytes: &[u8]| [&varint(bytes.len() as u64), bytes].concat();
        let [key, operation] = [&self.key, &self.operation].map(|part| bytes(part));
        let parts = [key, bytes(&metadata), operation, vec![self.id], bytes(&input), vec![0]];
        parts.concat()
    }

    pub(super) fn in_cbor(&self) -> Vec<u8> {
        let number = |number: u64| head(0, number);
        let metadata = match self.metadata {
            Metadata::Index(index) => [head(5, 1), text("idx"), number(index)].concat(),
            Metadata::Range { first, last } => {
                let [start, end] = ["start", "end"].map(text);
                let range = [head(5, 1), text("range"), head(5, 2)].concat();
                [range, start, number(first), end, number(last)].concat()
            }
            Metadata::Empty => vec![0xf6],
            Metadata::Unreadable => vec![0xf5],
        };
        let header = self.block.map(header_in_cbor);
        let input = [&self.input[..], &header.unwrap_or_default()].concat();
        let bytes = |bytes: &[u8]| [&head(2, bytes.len() as u64), bytes].concat();
        let is_text = self.key.len() != 16;
        let key = [&head(if is_text { 3 } else { 2 }, self.key.len() as u64), &self.key[..]];
        [
            [head(5, 6), text("routing_key"), key.concat()].concat(),
            [text("metadata"), bytes(&metadata)].concat(),
            [text("op"), bytes(&self.operation)].concat(),
            [text("operation_id"), number(self.id.into())].concat(),
            [text("input"), bytes(&input)].concat(),
            [text("serializer"), text("Cbor")].concat(),
        ]
        .concat()
    }
}

fn varint(mut number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number >= 0x80 {
        bytes.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    bytes.push(number.to_le_bytes()[0]);
    bytes
}

fn head(major: u8, number: u64) -> Vec<u8> {
    let bytes = number.to_be_bytes();
    let (short, width) = match number {
        0..24 => return vec![major << 5 | bytes[7]],
        24..0x100 => (24, 1),
        0x100..0x1_0000 => (25, 2),
        0x1_0000..0x1_0000_0000 => (26, 4),
        _ => (27, 8),
    };
    [&[major << 5 | short], &bytes[8 - width..]].concat()
}

fn text(words: &str) -> Vec<u8> {
    [&head(3, words.len() as u64), words.as_bytes()].concat()
}

/// A text of hex digits with its length before it.
pub(super) fn hex_text(digits: &str) -> Vec<u8> {
    let text = format!("0x{digits}");
    [&[u8::try_from(text.len()).unwrap()], text.as_bytes()].concat()
}

/// A block's header in postcard: its fields up to the random value, then so many texts.
pub(super) fn fields(block: &str, texts: usize) -> Vec<u8> {
    let first = [&"5".repeat(40), "6655366f", block, "0", &"9".repeat(64)].map(hex_text).concat();
    let sizes = [3, 64, 1, 17, 8].into_iter().cycle().take(texts);
    [first, sizes.flat_map(|size| hex_text(&"a".repeat(size))).collect()].concat()
}

/// A block's header in postcard with so many texts after the random value, and the hashes.
pub(super) fn header_in_postcard(block: u64, texts: usize) -> Vec<u8> {
    let hashes = hex_text(&"7".repeat(64)).repeat(257);
    [fields(&format!("{block:x}"), texts), b"\x80\x02".to_vec(), hashes].concat()
}

/// The part of a block's header in CBOR that holds the number.
pub(super) fn header_in_cbor(block: u64) -> Vec<u8> {
    let mut value = hex_text(&format!("{block:x}"));
    value[0] |= 0x60;
    [b"\x6cblock_number", &value[..], b"\x70block_difficulty\x630x0"].concat()
}
