//! PURE: what a task works on, as upstream writes it: `b20362227 - 79`, `b3 - 0_10 (1)`.

/// A block and its transactions; of v0.7 a segment of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id {
    /// The block's height.
    pub block: u64,
    /// The first transaction's place in the block.
    pub txn: u64,
    /// The place after the last transaction, where upstream tells it: it does not for exactly one.
    pub txn_end: Option<u64>,
    /// Which segment of these transactions.
    pub segment: Option<u64>,
}

impl Id {
    /// Reads `b<block> - <first>[_<end>][ (<segment>)]`.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let (block, rest) = text.strip_prefix('b')?.split_once(" - ")?;
        let (txns, segment) = match rest.split_once(" (") {
            Some((txns, segment)) => (txns, Some(number(segment.strip_suffix(')')?)?)),
            None => (rest, None),
        };
        let (txn, txn_end) = match txns.split_once('_') {
            Some((first, end)) => (number(first)?, Some(number(end)?)),
            None => (number(txns)?, None),
        };
        Some(Self { block: number(block)?, txn, txn_end, segment })
    }

    /// The transactions as a label: `79`, `0_10`.
    #[must_use]
    pub fn txns(&self) -> String {
        match self.txn_end {
            Some(end) => format!("{}_{end}", self.txn),
            None => self.txn.to_string(),
        }
    }
}

/// Digits alone: the language's own parser takes a sign too.
pub(super) fn number(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_every_generation_are_read() {
        let id = |block, txn, txn_end, segment| Some(Id { block, txn, txn_end, segment });
        for (text, expected) in [
            ("b20362227 - 79", id(20_362_227, 79, None, None)),
            ("b3 - 0 (0)", id(3, 0, None, Some(0))),
            ("b3 - 0_0 (0)", id(3, 0, Some(0), Some(0))),
            ("b4 - 10_20 (2)", id(4, 10, Some(20), Some(2))),
        ] {
            assert_eq!(Id::read(text), expected, "{text}");
        }
    }

    #[test]
    fn anything_else_is_no_id() {
        for text in [
            "",
            "b",
            "b - ",
            "3 - 0",
            "b3 - +1",
            "b3 - 0 (0",
            "b3 - 0 ()",
            "b3 - _1",
            "b3 - 0_",
            "b3-0",
            "b99999999999999999999 - 0",
            "b3 - 0 (0) ",
        ] {
            assert_eq!(Id::read(text), None, "{text}");
        }
    }

    #[test]
    fn the_transactions_are_a_label() {
        assert_eq!(Id::read("b3 - 79").map(|id| id.txns()).as_deref(), Some("79"));
        assert_eq!(Id::read("b3 - 0_10 (1)").map(|id| id.txns()).as_deref(), Some("0_10"));
    }
}
