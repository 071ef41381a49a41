//! The witnesses of this repository, against the tables of their README.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::PathBuf;

use witness::{Form, Witness, copy_checked, read};

/// The two forms of each file, by the name of their folder.
pub(crate) const FORMS: [(&str, Form); 2] = [("v0.7", Form::V07), ("v0.6", Form::V06)];

pub(crate) fn folder() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../witnesses"))
}

/// What the README says of a file: transactions by block, and its size in each form.
struct Told {
    transactions: Vec<u64>,
    bytes: [u64; 2],
}

/// Every file that the README names, by its path without the form.
fn told() -> BTreeMap<String, Told> {
    let readme = std::fs::read_to_string(folder().join("README.md")).unwrap();
    let rows = readme.lines().filter(|line| line.starts_with('|'));
    let files = rows.filter_map(|row| {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let bytes = [cells[cells.len() - 2].parse().ok()?, cells.last()?.parse().ok()?];
        let list = cells[1].split(", ").map(str::parse);
        let transactions = list.collect::<Result<_, _>>().ok()?;
        let name = cells[0].trim_matches('`').split('`').next()?;
        let (kind, name) = match name.parse::<u64>() {
            Ok(block) => ("devnet", format!("{block}.witness.json")),
            Err(_) => ("synthetic", name.to_owned()),
        };
        Some((format!("{kind}/{name}"), Told { transactions, bytes }))
    });
    files.collect()
}

fn transactions(witness: &Witness) -> Vec<u64> {
    witness.blocks.iter().map(|block| block.transactions).collect()
}

#[test]
fn every_file_has_the_blocks_and_transactions_that_the_readme_tells() {
    let told = told();
    assert_eq!(told.len(), 17, "{:?}", told.keys());
    for (name, told) in &told {
        let (kind, file) = name.split_once('/').unwrap();
        let first: u64 = file.split(['.', '-']).next().unwrap().parse().unwrap();
        for ((form_name, form), bytes) in FORMS.into_iter().zip(told.bytes) {
            let path = folder().join(kind).join(form_name).join(file);
            let mut copy = Vec::new();
            let checked = copy_checked(File::open(&path).unwrap(), &mut copy, bytes)
                .unwrap_or_else(|fault| panic!("{}: {fault}", path.display()));
            assert_eq!(copy, std::fs::read(&path).unwrap(), "{}", path.display());
            assert_eq!((checked.bytes, checked.witness.form), (bytes, form), "{}", path.display());
            assert_eq!(transactions(&checked.witness), told.transactions, "{}", path.display());
            assert!(checked.witness.has_blob_fields, "{}", path.display());
            let numbers = checked.witness.blocks.iter().map(|block| block.number);
            assert!(numbers.eq((first..).take(told.transactions.len())), "{}", path.display());
        }
    }
}

#[test]
fn everything_told_of_a_block_is_the_block_s() {
    for (form, _) in FORMS {
        let path = folder().join("devnet").join(form).join("4.witness.json");
        let witness = read(File::open(path).unwrap()).unwrap();
        let block = &witness.blocks[0];
        assert_eq!((block.number, block.transactions, block.withdrawals), (4, 3, 0));
        assert_eq!((block.gas_used, block.gas_of_transactions), (63_000, 63_000));
        assert_eq!((block.gas_limit, block.chain_id), (30_000_000, 7331));
        assert_eq!(witness.warnings().count(), 0);
    }
}

/// Each block by itself is JSON, and the blocks with what parts them are the whole file.
#[test]
fn the_length_of_each_block_is_measured() {
    let path = folder().join("synthetic/v0.7/2001-2008.witness.json");
    let text = std::fs::read(path).unwrap();
    let witness = read(&text[..]).unwrap();
    let mut rest = &text[..];
    for block in &witness.blocks {
        let begin = rest.iter().position(|byte| *byte == b'{').unwrap();
        let (block, after) = rest[begin..].split_at(usize::try_from(block.bytes).unwrap());
        assert!(serde_json::from_slice::<serde_json::Value>(block).unwrap().is_object());
        rest = after;
    }
    assert!(!rest.contains(&b'{'));
}

#[test]
fn the_blocks_of_the_development_chain_follow_from_one_another() {
    for (form, _) in FORMS {
        let blocks = (2..=12_u64).map(|block| {
            let path = folder().join(format!("devnet/{form}/{block}.witness.json"));
            read(File::open(path).unwrap()).unwrap().blocks.remove(0)
        });
        let blocks: Vec<_> = blocks.collect();
        let joined = Witness { form: Form::V07, has_blob_fields: true, blocks };
        assert_eq!(joined.warnings().collect::<Vec<_>>(), []);
    }
}
