//! The calculator: what it says of a load, of reports and lists of one's own, and of nonsense. No broker is named.

use std::fs;

use serde_json::{Value, json};
use tempfile::TempDir;
use tests::zero::{Answer, Zero};

use super::desk::transcript;
use super::json;

/// What every plan wants to know.
const LOAD: [&str; 5] = ["plan", "--txs-per-hour", "500", "--deadline", "1h"];

/// A folder to plan in.
struct Room {
    folder: TempDir,
    record: String,
}

impl Room {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), record: String::new() }
    }

    fn zero(&self) -> Zero {
        Zero::at(self.folder.path())
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.folder.path().join(name), text).unwrap();
    }

    /// Runs with the load and more, expects the exit code, and records.
    fn run(&mut self, code: i32, more: &[&str]) -> Answer {
        self.type_in(code, &[&LOAD, more].concat())
    }

    fn type_in(&mut self, code: i32, args: &[&str]) -> Answer {
        let answer = self.zero().run(args).unwrap();
        assert_eq!(answer.code, Some(code), "{args:?}: {answer:#?}");
        self.record.push_str(&transcript(args, &answer));
        answer
    }
}

/// A report as the proof service tells it: 100 transactions, each 30 s in hand and 2 of them joined in 10 s.
fn report(id: &str, transactions: u64) -> Value {
    let measured = |known: u64, mean: f64, most: f64| json!({"known": known, "mean": mean, "most": most, "total": null});
    let kind = |operation: &str, answered: u64, mean: f64| {
        json!({"operation": operation, "published": answered, "answered": answered, "failed": 0, "retries": 0,
            "firstPublishedSeconds": 1.0, "lastPublishedSeconds": 1.0, "firstAnsweredSeconds": 2.0, "lastAnsweredSeconds": 9.0,
            "answeredIn": measured(answered, mean, mean), "inHand": measured(answered, mean, mean * 2.0),
            "cpu": measured(answered, mean * 20.0, mean * 40.0), "memoryPeak": measured(answered, 3e10, 4e10),
            "read": measured(0, 0.0, 0.0), "written": measured(0, 0.0, 0.0)})
    };
    json!({"id": id, "state": "verified", "kind": "proof", "firstBlock": 7, "lastBlock": 7,
        "transactions": transactions, "witnessBytes": 9, "prover": null, "reason": null,
        "createdAt": "2026-01-01T00:00:00Z", "startedAt": null, "endedAt": null,
        "attempts": [{"number": 1, "startedAt": "2026-01-01T00:00:00Z", "endedAt": null, "outcome": "proved",
            "waitedSeconds": null, "phases": [], "tasks": [], "tasksLeftOut": 0, "stepsMissed": 0,
            "kinds": [kind("TxProof", transactions, 30.0), kind("AggProof", transactions - 1, 10.0)]}]})
}

#[test]
fn a_load_becomes_workers_machines_and_money() {
    let mut room = Room::new();
    room.run(0, &[]);
    room.run(0, &["-o", "wide", "--busy", "60", "--block-txs", "100"]);
    room.run(0, &["-o", "csv"]);
    room.run(0, &["-o", "name"]);
    room.run(0, &["--worker-memory", "400", "--worker-vcpus", "50"]);
    insta::assert_snapshot!("plan", room.record);
}

#[test]
fn ones_own_reports_and_machines_are_planned_with() {
    let mut room = Room::new();
    room.write("one.json", &report("7-3f9a1c", 100).to_string());
    room.write("other.json", &report("8-a01b22", 10).to_string());
    let ours = "currency: EUR\nmachines:\n  - {name: ours, vcpus: 64, memoryGib: 512, region: cellar, onDemand: 1.5, asOf: 2026-01-31, source: our books}\n";
    room.write("ours.yaml", ours);
    room.run(0, &["--report", "one.json"]);
    room.run(0, &["--report", "one.json", "--report", "other.json", "--machines", "ours.yaml"]);
    insta::assert_snapshot!("plan_of_ones_own", room.record);
}

#[test]
fn what_cannot_be_planned_is_told_with_what_to_do() {
    let mut room = Room::new();
    room.run(2, &["--deadline", "1h"]);
    room.type_in(2, &["plan", "--txs-per-hour", "500", "--deadline", "1m"]);
    room.type_in(2, &["plan", "--txs-per-hour", "many", "--deadline", "1h"]);
    room.run(2, &["--busy", "100"]);
    room.run(2, &["--worker-memory", "9000"]);
    room.run(2, &["--report", "-", "--report", "-"]);
    room.run(1, &["--report", "nowhere.json"]);
    room.write("proof.json", "{\"id\": 7}");
    room.run(1, &["--report", "proof.json"]);
    let mut failed = report("7-3f9a1c", 100);
    failed["state"] = "failed".into();
    room.write("failed.json", &failed.to_string());
    room.run(1, &["--report", "failed.json"]);
    room.write("ours.yaml", "currency: EUR\nmachines:\n  - {name: ours}\n");
    room.run(1, &["--machines", "ours.yaml"]);
    insta::assert_snapshot!("plan_refused", room.record);
}

#[test]
fn programs_read_what_the_schema_says() {
    let room = Room::new();
    let one = report("7-3f9a1c", 100);
    json::check(&["report"], &one);
    room.write("one.json", &one.to_string());
    for more in [&[][..], &["--report", "one.json"], &["--worker-memory", "400"]] {
        let args = [&LOAD, more].concat();
        let told = ["json", "yaml"].map(|format| {
            let answer = room.zero().run(&[args.as_slice(), &["-o", format]].concat()).unwrap();
            assert_eq!((answer.code, answer.stderr.as_str()), (Some(0), ""), "{args:?}");
            let data: Value = serde_norway::from_str(&answer.stdout).unwrap();
            json::check(&args, &data);
            data
        });
        assert_eq!(told[0], told[1], "{args:?}: YAML is another");
        assert_eq!(told[0]["txsPerHour"], 500.0);
    }
}

#[test]
fn the_handbook_shows_what_is_told() {
    let page = tests::repository::text("docs/sizing.md");
    let typed = format!("```console\n$ kubectl zero {}\n", LOAD.join(" "));
    let (_, shown) = page.split_once(&typed).unwrap();
    let (shown, _) = shown.split_once("```").unwrap();
    let told = Room::new().zero().run(&LOAD).unwrap().stdout;
    let (told, _) = told.split_once("\none worker:").unwrap();
    assert_eq!(shown.trim(), told.trim());
}

#[test]
fn kubectl_completes_it() {
    let room = Room::new();
    let complete = room.zero().called("kubectl_complete-zero");
    let told = complete.run(&["plan", "--tx"]).unwrap().stdout;
    assert!(told.starts_with("--txs-per-hour"), "{told}");
}
