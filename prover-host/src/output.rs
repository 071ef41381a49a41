//! I/O: one of the child's output streams → ours, line by line, with events on the way.

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use crate::logs::{Event, Format, Piece, Pieces, read};

/// Bytes asked for at once.
const CHUNK: usize = 16 * 1024;

/// A line of the child.
#[derive(Debug)]
pub enum Line<'a> {
    /// In tracing's form.
    Event(&'a Event<'a>),
    /// Any other, without its end.
    Other(&'a str),
}

/// Passes on what the child writes until it has no more to write, and tells of each line. The child
/// is read also when nobody reads us: it must not stop for that.
pub async fn pass_on(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    format: Format,
    mut heard: impl FnMut(Line<'_>),
) {
    let mut pieces = Pieces::default();
    let mut chunk = vec![0; CHUNK];
    loop {
        let count = match from.read(&mut chunk).await {
            Ok(0) | Err(_) => break,
            Ok(count) => count,
        };
        let found = pieces.add(chunk.get(..count).unwrap_or_default());
        let written = found.into_iter().flat_map(|piece| rewritten(piece, format, &mut heard));
        let written: Vec<u8> = written.collect();
        let _ = to.write_all(&written).await;
        let _ = to.flush().await;
    }
    if let Some(piece) = pieces.end() {
        let _ = to.write_all(&rewritten(piece, format, &mut heard)).await;
        let _ = to.flush().await;
    }
}

fn rewritten(piece: Piece, format: Format, heard: &mut impl FnMut(Line<'_>)) -> Vec<u8> {
    if !piece.whole {
        return piece.bytes;
    }
    let Ok(text) = std::str::from_utf8(&piece.bytes) else { return piece.bytes };
    let line = text.trim_end_matches(['\r', '\n']);
    let Some(event) = read(line) else {
        heard(Line::Other(line));
        return piece.bytes;
    };
    heard(Line::Event(&event));
    let end = text.get(line.len()..).unwrap_or_default();
    event.written(format).map_or_else(|| text.into(), |line| (line + end).into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn passed(input: &[u8]) -> (Vec<u8>, usize) {
        let mut output = Vec::new();
        let mut events = 0;
        let heard = |line: Line<'_>| events += usize::from(matches!(line, Line::Event(_)));
        pass_on(input, &mut output, Format::Text, heard).await;
        (output, events)
    }

    #[tokio::test]
    async fn events_are_rewritten_and_all_else_stays_as_it_was() {
        let event = b"2026-05-04T10:02:07.1Z  INFO ops: txn proof (Dummy) took 2s id=\"b3 - 79\"";
        let other = b"\xff\xfe not text\r\n\n  spaces  \n";
        let input = [other.as_slice(), event, b"\r\n", other, event].concat();
        let (output, events) = passed(&input).await;
        let told = "2026-05-04T10:02:07.1Z  INFO ops: txn proof (Dummy) took 2s block=3 txn=79 \
                    phase=txn_proof duration_ms=2000";
        let expected =
            [other.as_slice(), told.as_bytes(), b"\r\n", other, told.as_bytes()].concat();
        assert_eq!((output, events), (expected, 2));
    }

    #[tokio::test]
    async fn a_very_long_line_passes_as_it_was() {
        let input = [vec![b'x'; 300_000], b"\nend".to_vec()].concat();
        assert_eq!(passed(&input).await, (input.clone(), 0));
    }
}
