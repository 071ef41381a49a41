//! Files for the prover: what is told of good ones, and of what is taken for one. No broker is named.

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::Stdio;

use serde_json::Value;
use tempfile::TempDir;
use tests::zero::{Answer, Zero};

use super::desk::transcript;
use super::json;

/// A folder with witnesses in it.
struct Shelf {
    folder: TempDir,
    record: String,
}

/// A witness of the repository.
fn original(path: &str) -> PathBuf {
    tests::repository::root().join("witnesses").join(path)
}

impl Shelf {
    /// Blocks 4 to 6 of the development chain as v0.7 reads them, each a file.
    fn filled() -> Self {
        let shelf = Self { folder: tempfile::tempdir().unwrap(), record: String::new() };
        for block in 4..=6 {
            shelf.copy(&format!("devnet/v0.7/{block}.witness.json"), &format!("b{block}.json"));
        }
        shelf
    }

    fn copy(&self, path: &str, name: &str) {
        fs::copy(original(path), self.folder.path().join(name)).unwrap();
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.folder.path().join(name), text).unwrap();
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.folder.path().join(name)).unwrap()
    }

    fn zero(&self) -> Zero {
        Zero::at(self.folder.path())
    }

    /// Runs, expects the exit code, and records.
    fn run(&mut self, code: i32, args: &[&str]) -> Answer {
        let answer = self.zero().run(args).unwrap();
        assert_eq!(answer.code, Some(code), "{args:?}: {answer:#?}");
        self.record.push_str(&transcript(args, &answer));
        answer
    }

    /// The JSON of a command, which has to be as its schema says.
    fn json(&self, code: i32, args: &[&str]) -> Value {
        let mut told = Vec::new();
        for format in ["json", "yaml"] {
            let answer = self.zero().run(&[args, &["-o", format]].concat()).unwrap();
            assert_eq!(answer.code, Some(code), "{args:?}: {answer:#?}");
            let data: Value = serde_norway::from_str(&answer.stdout).unwrap();
            json::check(args, &data);
            told.push(data);
        }
        assert_eq!(told[0], told[1], "{args:?}: YAML is another");
        told.remove(0)
    }
}

#[test]
fn check_tells_what_a_file_is_or_what_is_wrong_with_it() {
    let mut shelf = Shelf::filled();
    shelf.copy("synthetic/v0.6/2001-2008.witness.json", "old.json");
    shelf.run(0, &["witness", "check", "b4.json", "old.json"]);
    shelf.run(0, &["witness", "check", "b4.json", "-o", "wide"]);
    shelf.run(3, &["witness", "check", "--for", "v0.6", "b4.json", "old.json"]);

    let block = shelf.read("b5.json");
    let inside = block.trim().trim_start_matches('[').trim_end_matches(']').to_owned();
    shelf.write("cut-off.json", &block[..block.len() / 2]);
    shelf.write("unwrapped.json", &inside);
    shelf.write("no-blocks.json", "[]");
    shelf.write("twice.json", &format!("[{inside},{inside}]"));
    shelf.write("number.json", &block.replace("\"0x5\"", "\"5\""));
    shelf.write("proof.json", "[{\"b_height\": 5, \"intern\": {}}]");
    shelf.write("notes.txt", "block 5 is slow");
    for name in ["cut-off.json", "unwrapped.json", "no-blocks.json", "twice.json", "number.json"] {
        shelf.run(1, &["witness", "check", name]);
    }
    shelf.run(3, &["witness", "check", "proof.json", "notes.txt", "nowhere.json", "b5.json"]);
    shelf.run(1, &["witness", "check", "b5.json", "--limit", "0"]);
    insta::assert_snapshot!("witness_check", shelf.record);
}

#[test]
fn check_warns_of_what_the_leader_would_not_mind() {
    let mut shelf = Shelf::filled();
    let mut joined: Vec<Value> = Vec::new();
    for name in ["b4.json", "b5.json", "b6.json"] {
        let blocks: Vec<Value> = serde_json::from_str(&shelf.read(name)).unwrap();
        joined.extend(blocks);
    }
    joined[1]["block_trace"]["txn_info"].as_array_mut().unwrap().pop();
    joined[2]["other_data"]["b_data"]["b_hashes"]["prev_hashes"][255] =
        format!("{:#066x}", 7).into();
    shelf.write("odd.json", &Value::from(joined).to_string());
    shelf.run(0, &["witness", "check", "odd.json"]);
    insta::assert_snapshot!("witness_check_warns", shelf.record);
}

#[test]
fn analyze_tells_each_block_and_all_of_them() {
    let mut shelf = Shelf::filled();
    shelf.copy("synthetic/v0.7/2001-2008.witness.json", "eight.json");
    shelf.write("notes.txt", "passed over");
    shelf.run(0, &["witness", "analyze", "."]);
    shelf.run(0, &["witness", "analyze", "b4.json"]);
    shelf.run(0, &["witness", "analyze", "b4.json", "eight.json", "-o", "wide"]);
    shelf.run(0, &["witness", "analyze", "b5.json", "b4.json", "-o", "csv"]);
    shelf.run(0, &["witness", "analyze", "b5.json", "b4.json", "-o", "name"]);
    shelf.run(0, &["witness", "analyze", "b4.json", ".", "-o", "name"]);
    shelf.write("b5.json", "[]");
    shelf.run(3, &["witness", "analyze", "b4.json", "b5.json", "b6.json"]);
    shelf.run(1, &["witness", "analyze", "b5.json"]);
    fs::create_dir(shelf.folder.path().join("empty")).unwrap();
    shelf.run(4, &["witness", "analyze", "empty"]);
    insta::assert_snapshot!("witness_analyze", shelf.record);
}

#[test]
fn programs_read_what_the_schema_says() {
    let shelf = Shelf::filled();
    let checked = shelf.json(0, &["witness", "check", "b4.json"]);
    let content = &checked[0]["content"];
    assert_eq!((&content["transactions"], &content["release"]), (&3.into(), &"v0.7".into()));
    assert_eq!(content["bytes"], 66_448);

    shelf.write("b5.json", "[7]");
    let checked = shelf.json(3, &["witness", "check", "b4.json", "b5.json", "nowhere.json"]);
    let fault = &checked[1]["fault"];
    assert_eq!((&fault["path"], &fault["line"]), (&"[0]".into(), &1.into()));
    assert_eq!(
        (&checked[1]["content"], &checked[2]["fault"]["path"]),
        (&Value::Null, &Value::Null)
    );

    let told = shelf.json(3, &["witness", "analyze", "."]);
    assert_eq!((&told["total"]["files"], &told["total"]["transactions"]), (&2.into(), &15.into()));
    assert_eq!(told["largest"]["byTransactions"], 6);
    assert_eq!(told["refused"].as_array().unwrap().len(), 1);
    let none = shelf.json(1, &["witness", "analyze", "b5.json"]);
    assert_eq!(none["largest"], Value::Null);
}

#[test]
fn compressed_files_and_standard_input_are_read_as_they_are() {
    let shelf = Shelf::filled();
    let expected = shelf.json(0, &["witness", "check", "b4.json"])[0]["content"]["sha256"].clone();
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(shelf.read("b4.json").as_bytes()).unwrap();
    let packed = encoder.finish().unwrap();
    fs::write(shelf.folder.path().join("b4.json.gz"), &packed).unwrap();
    let told = shelf.json(0, &["witness", "check", "b4.json.gz"]);
    assert_eq!(told[0]["content"]["packing"], "gzip");
    assert_eq!(told[0]["content"]["sha256"], expected);

    let args = ["witness", "check", "-", "-o", "json"];
    let mut command = shelf.zero().command(&args).unwrap();
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(&packed).unwrap();
    let answer: Answer = child.wait_with_output().unwrap().try_into().unwrap();
    let told: Value = serde_json::from_str(&answer.stdout).unwrap();
    assert_eq!((answer.code, &told[0]["file"]), (Some(0), &"-".into()));
    assert_eq!(told[0]["content"]["sha256"], expected);
}

#[test]
fn a_command_line_without_a_file_is_wrong() {
    let shelf = Shelf::filled();
    for args in [&["witness"][..], &["witness", "check"], &["witness", "analyze"]] {
        assert_eq!(shelf.zero().run(args).unwrap().code, Some(2), "{args:?}");
    }
}

#[test]
fn kubectl_completes_it() {
    let shelf = Shelf::filled();
    let complete = shelf.zero().called("kubectl_complete-zero");
    let told = |words: &[&str]| complete.run(words).unwrap().stdout;
    assert!(told(&["witness", ""]).contains("analyze\t"), "{}", told(&["witness", ""]));
    assert!(told(&["witness", "check", "--fo"]).starts_with("--for"));
    assert!(told(&["witness", "check", "--for", "v"]).contains("v0.7"));
}
