//! PURE: a stream of bytes → lines; one that is too long passes in pieces.

/// The longest line that is read as one.
pub const LONGEST: usize = 64 * 1024;

/// What was read and is not a whole line yet.
#[derive(Debug, Default)]
pub struct Pieces {
    rest: Vec<u8>,
    /// In the middle of a line whose beginning has passed.
    inside: bool,
}

/// Some bytes of the stream, their end of line included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// As they came.
    pub bytes: Vec<u8>,
    /// A whole line, not a part of one that is too long.
    pub whole: bool,
}

impl Pieces {
    /// Adds bytes; gives the lines that are complete, and pieces of those that are too long.
    pub fn add(&mut self, bytes: &[u8]) -> Vec<Piece> {
        let mut found = Vec::new();
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.append(part, &mut found);
        }
        found
    }

    /// The last line, which has no end.
    pub fn end(&mut self) -> Option<Piece> {
        let bytes = std::mem::take(&mut self.rest);
        let whole = !std::mem::take(&mut self.inside);
        (!bytes.is_empty()).then_some(Piece { bytes, whole })
    }

    /// `part` has an end of line at its end, or none.
    fn append(&mut self, part: &[u8], found: &mut Vec<Piece>) {
        let mut part = part;
        while self.rest.len() + part.len() > LONGEST {
            let room = LONGEST.saturating_sub(self.rest.len());
            let (head, tail) = part.split_at_checked(room).unwrap_or((part, &[]));
            self.rest.extend_from_slice(head);
            found.push(Piece { bytes: std::mem::take(&mut self.rest), whole: false });
            self.inside = true;
            part = tail;
        }
        self.rest.extend_from_slice(part);
        if part.ends_with(b"\n") {
            let whole = !std::mem::take(&mut self.inside);
            found.push(Piece { bytes: std::mem::take(&mut self.rest), whole });
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(chunks: &[Vec<u8>]) -> Vec<Piece> {
        let mut pieces = Pieces::default();
        let mut found: Vec<Piece> = chunks.iter().flat_map(|chunk| pieces.add(chunk)).collect();
        found.extend(pieces.end());
        found
    }

    #[test]
    fn lines_come_whole_however_they_arrive() {
        let found = all(&[b"a\nb".to_vec(), b"c\r\n\n".to_vec(), b"d".to_vec()]);
        let found: Vec<(&[u8], bool)> =
            found.iter().map(|piece| (piece.bytes.as_slice(), piece.whole)).collect();
        let expected: [(&[u8], bool); 4] =
            [(b"a\n", true), (b"bc\r\n", true), (b"\n", true), (b"d", true)];
        assert_eq!(found, expected);
    }

    #[test]
    fn a_line_that_is_too_long_passes_in_pieces_and_the_next_is_whole_again() {
        let mut bytes = vec![b'x'; LONGEST * 2 + 5];
        bytes.extend_from_slice(b"\nnext\n");
        let found = all(&[bytes]);
        let told: Vec<_> = found.iter().map(|piece| (piece.bytes.len(), piece.whole)).collect();
        assert_eq!(told, [(LONGEST, false), (LONGEST, false), (6, false), (5, true)]);
    }

    proptest! {
        #[test]
        fn nothing_is_lost_added_or_longer_than_allowed(
            chunks in prop::collection::vec(
                prop_oneof![
                    prop::collection::vec(any::<u8>(), 0..64),
                    (any::<bool>(), LONGEST - 2..LONGEST + 2).prop_map(|(end, length)| {
                        let mut chunk = vec![b'x'; length];
                        chunk.extend(end.then_some(b'\n'));
                        chunk
                    }),
                ],
                0..8,
            ),
        ) {
            let found = all(&chunks);
            let joined: Vec<u8> = found.iter().flat_map(|piece| piece.bytes.clone()).collect();
            prop_assert_eq!(joined, chunks.concat());
            prop_assert!(found.iter().all(|piece| piece.bytes.len() <= LONGEST));
        }
    }
}
