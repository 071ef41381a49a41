//! Reads a whole witness.

use std::fmt;
use std::io::{self, BufReader, Read};

use serde::de::{self, Deserializer as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::error::Category;

use crate::Witness;
use crate::block::Draft;
use crate::fault::{Fault, Position, Reason};
use crate::guard::Guard;
use crate::json::{Field, Name, ReadObject, optional};
use crate::packed::reason;
use crate::trail::{Step, Trail};

/// The most blocks of one witness. The leader keeps all of them in memory at once.
pub const MAX_BLOCKS: usize = 100_000;
/// How much is read at a time.
const BUFFER: usize = 64 * 1024;

/// Reads a witness that is not compressed, to its end; [`crate::decoded`] goes before it for one
/// that may be.
///
/// The memory it takes does not grow with the input: only with the number of blocks, at most
/// [`MAX_BLOCKS`].
pub fn read(reader: impl Read) -> Result<Witness, Fault> {
    let trail = Trail::default();
    let guard = Guard::new(reader, &trail);
    let mut json = serde_json::Deserializer::from_reader(BufReader::with_capacity(BUFFER, guard));
    // A text where the array should be is kept for the error's words.
    trail.keep_short();
    let read = json.deserialize_any(Blocks(&trail)).map_err(|error| fault(error, &trail))?;
    json.end().map_err(|error| {
        let mut fault = fault(error, &trail);
        if matches!(fault.reason, Reason::NotJson(_)) {
            fault.reason = Reason::Trailing;
        }
        fault
    })?;
    Ok(read)
}

fn fault(error: serde_json::Error, trail: &Trail) -> Fault {
    let position = Position { line: error.line(), column: error.column() };
    let (path, position) = (trail.path(), (position.line > 0).then_some(position));
    let reason = match error.classify() {
        Category::Io => reason(io::Error::from(error)),
        Category::Eof if trail.is_blank() => return Fault::whole(Reason::Empty),
        Category::Eof => Reason::Truncated,
        Category::Syntax => Reason::NotJson(words(&error)),
        Category::Data => trail.refused().unwrap_or_else(|| Reason::WrongType(words(&error))),
    };
    Fault { path, position, reason }
}

/// What the JSON reader says, without the place, which we tell ourselves.
fn words(error: &serde_json::Error) -> String {
    let told = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    told.strip_suffix(&place).unwrap_or(&told).to_owned()
}

/// The whole.
struct Blocks<'t>(&'t Trail);

/// First fields of what is often taken for a witness.
const MISTAKEN: &[Field] = &[
    optional("block_trace"),
    optional("other_data"),
    optional("prover_input"),
    optional("previous"),
    optional("b_height"),
    optional("intern"),
];

impl<'de> Visitor<'de> for Blocks<'_> {
    type Value = Witness;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON array of blocks")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Witness, A::Error> {
        let Self(trail) = self;
        trail.may_be_long();
        let mut witness: Option<Witness> = None;
        for index in 0..=MAX_BLOCKS {
            let is_more = trail.within(Step::Item(index), || {
                let mut draft = Draft::default();
                let block = ReadObject(trail, &mut draft);
                if items.next_element_seed(block)?.is_none() {
                    return Ok(false);
                }
                draft.block.bytes = trail.length();
                add(&mut witness, draft).map_err(|reason| trail.refuse(reason))?;
                Ok(true)
            })?;
            if !is_more {
                return witness.ok_or_else(|| trail.refuse(Reason::NoBlocks));
            }
        }
        Err(trail.refuse(Reason::TooManyBlocks))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Witness, A::Error> {
        let Self(trail) = self;
        while let Some(name) = trail.short(|| map.next_key_seed(Name(MISTAKEN)))? {
            match name.map(|(_, name)| name) {
                None => map.next_value::<IgnoredAny>()?,
                Some("block_trace" | "other_data") => return Err(trail.refuse(Reason::OneBlock)),
                Some("prover_input" | "previous") => return Err(trail.refuse(Reason::HttpBody)),
                Some(_) => return Err(trail.refuse(Reason::Proof)),
            };
        }
        Err(de::Error::invalid_type(de::Unexpected::Map, &self))
    }
}

/// Adds a block to those before it.
fn add(witness: &mut Option<Witness>, draft: Draft) -> Result<(), Reason> {
    let (block, form, has_blob_fields) = draft.finish()?;
    let witness =
        witness.get_or_insert_with(|| Witness { form, has_blob_fields, blocks: Vec::new() });
    if witness.form != form {
        return Err(Reason::MixedForms { first: witness.form, other: form });
    }
    if witness.has_blob_fields != has_blob_fields {
        return Err(Reason::MixedBlobFields);
    }
    witness.blocks.push(block);
    Ok(())
}
