//! PURE: proof files: a JSON array of the proofs of consecutive blocks, as the verifier of every
//! generation takes it, whatever shape the leader gave.

use serde::Deserialize;
use serde_json::value::RawValue;

/// What is read of a proof; the rest stays as it is.
#[derive(Deserialize)]
struct Height {
    b_height: u64,
}

/// The first JSON value in these bytes, as the proofs in it. Behind it anything may follow: v0.6's
/// leader ends its standard output with whatever lapin has to say.
pub fn proofs_in(bytes: &[u8]) -> Result<Vec<Box<RawValue>>, String> {
    let mut values = serde_json::Deserializer::from_slice(bytes).into_iter::<Box<RawValue>>();
    let value = match values.next() {
        None => return Err("there is nothing in it".to_owned()),
        Some(value) => value.map_err(|error| format!("it is no JSON: {error}"))?,
    };
    if value.get().starts_with('[') {
        serde_json::from_str(value.get()).map_err(|error| format!("it is no JSON: {error}"))
    } else {
        Ok(vec![value])
    }
}

/// The file of these proofs, which are to be of these blocks, one each.
pub fn file_of(proofs: &[Box<RawValue>], blocks: &[u64]) -> Result<Vec<u8>, String> {
    let heights = proofs.iter().map(|proof| {
        let read: Result<Height, _> = serde_json::from_str(proof.get());
        read.map(|read| read.b_height)
            .map_err(|error| format!("a proof has no `b_height`: {error}"))
    });
    let heights = heights.collect::<Result<Vec<u64>, _>>()?;
    if heights != blocks {
        return Err(format!("it proves {}, and {} was to be proved", told(&heights), told(blocks)));
    }
    serde_json::to_vec(proofs).map_err(|error| error.to_string())
}

/// The last proof of a file.
pub fn last_of(file: &[u8]) -> Result<String, String> {
    let last = proofs_in(file)?.pop();
    last.map(|proof| proof.get().to_owned()).ok_or_else(|| "there is no proof in it".to_owned())
}

fn told(blocks: &[u64]) -> String {
    match blocks {
        [] => "no block".to_owned(),
        [block] => format!("block {block}"),
        [first, .., last] => format!("the {} blocks {first} to {last}", blocks.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GLUED: &[u8] =
        br#"[{"b_height":7,"intern":{"a":[1,2]}},{"b_height":8,"intern":3}]2026 ERROR io_loop"#;

    #[test]
    fn every_shape_becomes_the_same_file() {
        let proofs = proofs_in(GLUED).unwrap();
        let file = file_of(&proofs, &[7, 8]).unwrap();
        assert_eq!(file, br#"[{"b_height":7,"intern":{"a":[1,2]}},{"b_height":8,"intern":3}]"#);
        assert_eq!(last_of(&file).unwrap(), r#"{"b_height":8,"intern":3}"#);
        let one = proofs_in(br#"{"b_height":7,"intern":0}"#).unwrap();
        assert_eq!(file_of(&one, &[7]).unwrap(), br#"[{"b_height":7,"intern":0}]"#);
    }

    #[test]
    fn what_proves_something_else_is_refused() {
        let proofs = proofs_in(GLUED).unwrap();
        let fault = file_of(&proofs, &[7]).unwrap_err();
        assert_eq!(fault, "it proves the 2 blocks 7 to 8, and block 7 was to be proved");
        assert!(file_of(&proofs_in(b"[]").unwrap(), &[7]).unwrap_err().contains("no block"));
        assert!(proofs_in(b"").unwrap_err().contains("nothing"));
        assert!(proofs_in(b"[{").unwrap_err().contains("no JSON"));
        assert!(file_of(&proofs_in(b"[{}]").unwrap(), &[7]).unwrap_err().contains("b_height"));
    }
}
