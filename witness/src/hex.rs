//! Numbers and hashes, which a witness has as hexadecimal text.

use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, Visitor};

use crate::fault::Reason;
use crate::trail::Trail;

/// What a text has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hex {
    /// A number of at most 256 bits.
    Number,
    /// 20 bytes.
    Address,
    /// 32 bytes.
    Hash,
}

impl Hex {
    fn words(self) -> &'static str {
        match self {
            Self::Number => "a hexadecimal number such as \"0x4\"",
            Self::Address => "an address, \"0x\" and 40 hexadecimal digits",
            Self::Hash => "a hash, \"0x\" and 64 hexadecimal digits",
        }
    }

    fn fits(self, text: &str) -> bool {
        let Some(digits) = text.strip_prefix("0x") else { return false };
        let length = match self {
            Self::Number => 1..=64,
            Self::Address => 40..=40,
            Self::Hash => 64..=64,
        };
        length.contains(&digits.len()) && digits.bytes().all(|digit| digit.is_ascii_hexdigit())
    }
}

/// Reads one.
pub(crate) struct Text<'t>(pub(crate) &'t Trail, pub(crate) Hex);

impl<'de> DeserializeSeed<'de> for Text<'_> {
    type Value = String;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<String, D::Error> {
        self.0.short(|| from.deserialize_str(self))
    }
}

impl Visitor<'_> for Text<'_> {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.1.words())
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<String, E> {
        if self.1.fits(text) {
            return Ok(text.to_owned());
        }
        let found = shortened(text);
        Err(self.0.refuse(Reason::NotHex { wanted: self.1.words(), found }))
    }
}

/// A number that has to fit into 64 bits.
pub(crate) fn number<E: de::Error>(trail: &Trail, text: &str) -> Result<u64, E> {
    let digits = text.strip_prefix("0x").unwrap_or_default();
    u64::from_str_radix(digits, 16)
        .map_err(|_| trail.refuse(Reason::NumberTooLarge(shortened(text))))
}

/// The beginning of what may be long, on one line.
pub(crate) fn shortened(text: &str) -> String {
    const LONGEST: usize = 80;
    let mut short: String = text.chars().take(LONGEST).flat_map(char::escape_debug).collect();
    if text.chars().nth(LONGEST).is_some() {
        short.push('…');
    }
    short
}
