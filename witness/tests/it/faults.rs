//! Everything that is refused: where it is, and in which words.

use serde_json::{Value, json};
use witness::{Fault, Form, Warning, Witness, read};

use super::sample::{block, blocks, transaction};

fn told(text: &[u8]) -> String {
    match read(text) {
        Ok(witness) => format!("{} blocks of {}", witness.blocks.len(), witness.form),
        Err(fault) => fault.to_string(),
    }
}

/// What is said of three v0.7 blocks in which the value at a JSON pointer is another, or gone.
fn with(pointer: &str, value: Option<Value>) -> String {
    let mut witness = blocks(Form::V07);
    let (above, field) = pointer.rsplit_once('/').unwrap();
    let above = witness.pointer_mut(above).unwrap();
    match (above, value) {
        (Value::Array(items), Some(value)) => items[field.parse::<usize>().unwrap()] = value,
        (Value::Object(fields), Some(value)) => drop(fields.insert(field.to_owned(), value)),
        (Value::Object(fields), None) => assert!(fields.remove(field).is_some(), "{pointer}"),
        (above, _) => panic!("{above}"),
    }
    let told = read(witness.to_string().as_bytes()).err().map(|fault: Fault| {
        assert_eq!(fault.position.unwrap().line, 1);
        assert!(fault.is_of_the_witness() && !fault.is_too_large());
        format!("{}: {}", fault.path, fault.reason)
    });
    told.unwrap_or_else(|| "read".to_owned())
}

#[test]
fn what_is_no_witness_is_told_from_one() {
    let one = block(Form::V07, 4);
    let cases: [(&str, &str); 18] = [
        ("", "the file is empty: a witness is a JSON array of blocks"),
        (" \n\t ", "the file is empty: a witness is a JSON array of blocks"),
        ("[]", "line 1, column 2: no block in it: the leader would wait for ever"),
        ("[", "`[0]`, line 1, column 1: the file ends too early: it was cut off"),
        ("hello", "line 1, column 1: not JSON: expected value"),
        ("\u{feff}[]", "line 1, column 1: not JSON: expected value"),
        ("\n\n[{]", "`[0]`, line 3, column 3: not JSON: key must be a string"),
        ("null", "line 1, column 4: invalid type: null, expected a JSON array of blocks"),
        ("7", "line 1, column 1: invalid type: integer `7`, expected a JSON array of blocks"),
        (
            "[7]",
            "`[0]`, line 1, column 3: invalid type: integer `7`, expected a block: an object with \
             `block_trace` and `other_data`",
        ),
        ("{}", "line 1, column 2: invalid type: map, expected a JSON array of blocks"),
        ("[{}]", "`[0]`, line 1, column 3: the field `block_trace` is missing"),
        (
            "[{\"b_height\": 3, \"intern\": {}}]",
            "`[0].b_height`, line 1, column 13: a proof, not a witness",
        ),
        ("{\"b_height\": 3, \"intern\": {}}", "line 1, column 12: a proof, not a witness"),
        (
            "{\"previous\": null, \"prover_input\": {}}",
            "line 1, column 12: the body of a request to the leader's HTTP mode: \
             `jq '[.prover_input]' FILE` makes a witness",
        ),
        (
            &one.to_string(),
            "line 1, column 15: a block without its array: put it into `[` and `]`; \
             `jq -s . FILE` does",
        ),
        ("[]\n[]", "line 1, column 2: no block in it: the leader would wait for ever"),
        ("{\"a\": [1, {}], \"b\"", "line 1, column 18: the file ends too early: it was cut off"),
    ];
    for (text, expected) in cases {
        assert_eq!(told(text.as_bytes()), expected, "{text}");
    }
}

#[test]
fn the_rest_of_a_file_is_not_passed_over() {
    let good = blocks(Form::V07).to_string();
    assert_eq!(told(good.as_bytes()), "3 blocks of v0.7");
    assert_eq!(told(format!("\n{good} \n").as_bytes()), "3 blocks of v0.7");
    for more in ["x", "[]", "]", "0", "\u{0}"] {
        let told = told(format!("{good}\n{more}").as_bytes());
        assert!(told.starts_with("line 2, column "), "{told}");
        assert!(told.contains("something follows the array"), "{told}");
    }
}

#[test]
fn a_file_that_is_cut_off_anywhere_is_refused() {
    let good = json!([block(Form::V07, 4)]).to_string();
    for end in 1..good.len() {
        let told = told(&good.as_bytes()[..end]);
        assert!(told.ends_with("the file ends too early: it was cut off"), "{end}: {told}");
    }
}

const META: &str = "/2/other_data/b_data/b_meta";

#[test]
fn every_field_of_a_header_is_wanted_as_hexadecimal_text() {
    let path = "[2].other_data.b_data.b_meta";
    let number = "a hexadecimal number such as \"0x4\"";
    for field in [
        "block_timestamp",
        "block_number",
        "block_difficulty",
        "block_gaslimit",
        "block_chain_id",
        "block_base_fee",
        "block_gas_used",
        "block_blob_gas_used",
        "block_excess_blob_gas",
    ] {
        let with = |value| with(&format!("{META}/{field}"), value);
        let refused = |words: &str| format!("{path}.{field}: {words}");
        assert_eq!(
            with(Some(json!(7))),
            refused(&format!("invalid type: integer `7`, expected {number}"))
        );
        for wrong in ["7", "0x", "0xg", "", "0X7", " 0x7", "-0x7", "0x-7", "0x+7"] {
            assert_eq!(with(Some(json!(wrong))), refused(&format!("`{wrong}` is not {number}")));
        }
        let long = format!("0x{}", "0".repeat(65));
        assert!(with(Some(json!(long))).contains("is not a hexadecimal number"), "{field}");
    }
    for (field, words) in [
        ("block_random", "a hash, \"0x\" and 64 hexadecimal digits"),
        ("parent_beacon_block_root", "a hash, \"0x\" and 64 hexadecimal digits"),
        ("block_beneficiary", "an address, \"0x\" and 40 hexadecimal digits"),
    ] {
        let told = with(&format!("{META}/{field}"), Some(json!("0x1")));
        assert_eq!(told, format!("{path}.{field}: `0x1` is not {words}"));
    }
}

#[test]
fn numbers_that_we_count_with_fit_into_64_bits() {
    for field in ["block_timestamp", "block_gaslimit", "block_gas_used"] {
        let with = |text: &str| with(&format!("{META}/{field}"), Some(json!(text)));
        let path = format!("[2].other_data.b_data.b_meta.{field}");
        assert_eq!(with("0x0000000000000000000ffffffffffffffff"), "read");
        let words = "does not fit into 64 bits";
        assert_eq!(with("0x10000000000000000"), format!("{path}: `0x10000000000000000` {words}"));
    }
    let fee = format!("0x{}", "f".repeat(64));
    assert_eq!(with(&format!("{META}/block_base_fee"), Some(json!(fee))), "read");
}

#[test]
fn what_a_leader_cannot_do_without_is_named() {
    for (pointer, path) in [
        ("/2/block_trace", "[2]"),
        ("/2/block_trace/trie_pre_images", "[2].block_trace"),
        ("/2/block_trace/txn_info", "[2].block_trace"),
        ("/2/other_data", "[2]"),
        ("/2/other_data/b_data", "[2].other_data"),
        ("/2/other_data/checkpoint_state_trie_root", "[2].other_data"),
        ("/2/other_data/b_data/b_meta", "[2].other_data.b_data"),
        ("/2/other_data/b_data/b_hashes", "[2].other_data.b_data"),
        ("/2/other_data/b_data/withdrawals", "[2].other_data.b_data"),
        ("/2/other_data/b_data/b_hashes/cur_hash", "[2].other_data.b_data.b_hashes"),
        ("/2/other_data/b_data/b_hashes/prev_hashes", "[2].other_data.b_data.b_hashes"),
        ("/2/other_data/b_data/b_meta/block_beneficiary", "[2].other_data.b_data.b_meta"),
        ("/2/other_data/b_data/b_meta/block_timestamp", "[2].other_data.b_data.b_meta"),
        ("/2/other_data/b_data/b_meta/block_number", "[2].other_data.b_data.b_meta"),
        ("/2/other_data/b_data/b_meta/block_difficulty", "[2].other_data.b_data.b_meta"),
        ("/2/other_data/b_data/b_meta/block_random", "[2].other_data.b_data.b_meta"),
        ("/2/other_data/b_data/b_meta/block_gaslimit", "[2].other_data.b_data.b_meta"),
        ("/2/other_data/b_data/b_meta/block_chain_id", "[2].other_data.b_data.b_meta"),
        ("/2/other_data/b_data/b_meta/block_base_fee", "[2].other_data.b_data.b_meta"),
        ("/2/other_data/b_data/b_meta/block_gas_used", "[2].other_data.b_data.b_meta"),
        ("/2/other_data/b_data/b_meta/block_bloom", "[2].other_data.b_data.b_meta"),
    ] {
        let field = pointer.rsplit('/').next().unwrap();
        assert_eq!(with(pointer, None), format!("{path}: the field `{field}` is missing"));
        let wrong = with(pointer, Some(json!(false)));
        let told = format!("{path}.{field}: invalid type: boolean `false`, expected ");
        assert!(wrong.starts_with(&told), "{wrong}");
    }
}

#[test]
fn arrays_of_a_fixed_length_have_it() {
    let bloom =
        |length: usize| with(&format!("{META}/block_bloom"), Some(json!(vec!["0x0"; length])));
    let path = "[2].other_data.b_data.b_meta.block_bloom";
    assert_eq!(bloom(7), format!("{path}: the array has 7 items and not 8"));
    assert_eq!(bloom(9), format!("{path}: the array has 9 items and not 8"));
    assert_eq!(bloom(8), "read");
    let path = "[2].other_data.checkpoint_consolidated_hash";
    let told = with("/2/other_data/checkpoint_consolidated_hash", Some(json!([1, 2, 3])));
    assert_eq!(told, format!("{path}: the array has 3 items and not 4"));
}

#[test]
fn a_field_that_is_there_twice_is_refused() {
    let good = json!([block(Form::V07, 4)]).to_string();
    let doubled = good.replacen("\"withdrawals\":", "\"withdrawals\":[],\"withdrawals\":", 1);
    let told = told(doubled.as_bytes());
    assert!(told.starts_with("`[0].other_data.b_data.withdrawals`, line 1, column "), "{told}");
    assert!(told.ends_with(": the field is there twice"), "{told}");
}

#[test]
fn transactions_have_their_gas_as_a_number() {
    let with = |field: &str, value| {
        let mut transaction = transaction(Form::V07);
        transaction["meta"][field] = value;
        with("/1/block_trace/txn_info", Some(json!([transaction])))
    };
    let path = "[1].block_trace.txn_info[0].meta.gas_used";
    assert_eq!(
        with("gas_used", json!("0x5208")),
        format!("{path}: invalid type: string \"0x5208\", expected u64")
    );
    assert_eq!(
        with("gas_used", json!(-1)),
        format!("{path}: invalid value: integer `-1`, expected u64")
    );
    assert_eq!(with("more", json!({"a": [null, "b"]})), "read");
}

#[test]
fn blocks_follow_one_another() {
    for (numbers, words) in [
        ([5, 7], "block 7 follows block 5: there is a gap"),
        ([5, 5], "block 5 follows block 5: it is there twice"),
        ([6, 5], "block 5 follows block 6: the blocks are not in ascending order"),
        ([u64::MAX, 0], "the blocks are not in ascending order"),
        ([u64::MAX, u64::MAX], "it is there twice"),
    ] {
        let witness: Value = numbers.iter().map(|number| block(Form::V06, *number)).collect();
        let told = told(witness.to_string().as_bytes());
        assert!(told.starts_with("`[1].other_data.b_data.b_meta.block_number`, line 1"), "{told}");
        assert!(told.ends_with(words), "{told}");
    }
    let chain = with(&format!("{META}/block_chain_id"), Some(json!("0x1")));
    let path = "[2].other_data.b_data.b_meta.block_chain_id";
    assert_eq!(
        chain,
        format!("{path}: chain 1 after blocks of chain 7331: a witness has blocks of one chain")
    );
}

fn of(blocks: &[Value]) -> Result<Witness, String> {
    read(json!(blocks).to_string().as_bytes()).map_err(|fault| fault.reason.to_string())
}

#[test]
fn the_forms_are_told_apart_and_not_mixed() {
    let (new, old) = (block(Form::V07, 5), block(Form::V06, 5));
    assert_eq!(of(std::slice::from_ref(&new)).unwrap().form, Form::V07);
    assert_eq!(of(std::slice::from_ref(&old)).unwrap().form, Form::V06);
    let mixed = "the form of v0.6 after v0.7's: no leader reads both";
    assert!(of(&[new.clone(), block(Form::V06, 6)]).unwrap_err().starts_with(mixed));

    let edited = |from: &Value, code: Value, transaction: Option<Value>| {
        let mut block = from.clone();
        block["block_trace"]["code_db"] = code;
        block["block_trace"]["txn_info"] = transaction.into_iter().collect();
        of(&[block]).map(|witness| witness.form)
    };
    assert_eq!(edited(&new, json!(["0x00"]), Some(transaction(Form::V07))), Ok(Form::V07));
    assert_eq!(edited(&old, json!({"0x00": "0x"}), Some(transaction(Form::V06))), Ok(Form::V06));
    assert_eq!(edited(&old, json!(null), None), Ok(Form::V06));
    assert!(edited(&new, json!({}), None).unwrap_err().starts_with(mixed));
    let neither = "neither v0.7's";
    assert!(edited(&old, json!([]), None).unwrap_err().starts_with(neither));
    let wrong = edited(&old, json!(null), Some(transaction(Form::V07))).unwrap_err();
    assert!(wrong.starts_with(neither), "{wrong}");
}

#[test]
fn the_fields_for_blobs_tell_v0_5_from_v0_6() {
    let fields = ["block_blob_gas_used", "block_excess_blob_gas", "parent_beacon_block_root"];
    let without = |form, number, count| {
        let mut block = block(form, number);
        let header = block["other_data"]["b_data"]["b_meta"].as_object_mut().unwrap();
        fields.iter().take(count).for_each(|field| drop(header.remove(*field)));
        block
    };
    let told = |blocks: &[Value]| of(blocks).map(|witness| witness.release());
    assert_eq!(told(&[without(Form::V06, 5, 0)]).unwrap(), "v0.6");
    assert_eq!(told(&[without(Form::V06, 5, 3)]).unwrap(), "v0.5");
    assert_eq!(told(&[without(Form::V07, 5, 0)]).unwrap(), "v0.7");
    for wrong in [without(Form::V06, 5, 1), without(Form::V07, 5, 3), without(Form::V07, 5, 2)] {
        assert!(told(&[wrong]).unwrap_err().ends_with("only some are there"));
    }
    let mixed = told(&[without(Form::V06, 5, 0), without(Form::V06, 6, 3)]).unwrap_err();
    assert!(mixed.starts_with("fields for blobs in some blocks and not in others"), "{mixed}");
}

#[test]
fn what_is_odd_is_told_and_not_refused() {
    let (mut first, mut second) = (block(Form::V07, 5), block(Form::V07, 6));
    first["block_trace"]["txn_info"] = json!([transaction(Form::V07), transaction(Form::V07)]);
    second["other_data"]["b_data"]["b_hashes"]["prev_hashes"] = json!([format!("{:#066x}", 7)]);
    let witness = of(&[first, second]).unwrap();
    let gas = Warning::Gas { block: 5, header: 0, transactions: 42_000 };
    let expected = [gas, Warning::Parent { block: 6 }];
    assert_eq!(witness.warnings().collect::<Vec<_>>(), expected);
    let mut alone = block(Form::V07, 5);
    alone["other_data"]["b_data"]["b_hashes"]["prev_hashes"] = json!([]);
    let alone = of(&[alone]).unwrap();
    assert_eq!((alone.warnings().count(), &alone.blocks[0].parent_hash), (0, &None));
}
