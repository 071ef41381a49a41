//! What becomes of the lines that a worker writes.

use tests::poll;

use super::Host;
use crate::stand_in::LIMIT;

const PROVED: &str = "2026-05-04T10:02:07.1Z  INFO p_gen: zero::ops: segment proof (Dummy) took 2s";

/// The worker prints a file and stays.
fn printing(options: &[&str], bytes: &[u8], home: &std::path::Path) -> Host {
    std::fs::write(home.join("lines"), bytes).unwrap();
    let script = "cat lines; cat lines >&2; echo printed; mkfifo wait; read -r nothing <> wait";
    Host::of_script(options, script, home)
}

#[tokio::test]
async fn ids_become_fields_and_all_else_passes_byte_for_byte() {
    let home = tempfile::tempdir().unwrap();
    let endless = vec![b'x'; 200_000];
    let other = [b"\xff\xfe bytes\r\n\n".as_slice(), &endless, b"\n"].concat();
    let event = format!("{PROVED} id=\"b20362227 - 79 (1)\"\n");
    let lines = [other.as_slice(), event.as_bytes(), &other].concat();
    let host = printing(&[], &lines, home.path());
    host.says("printed").await;
    let fields = "block=20362227 txn=79 segment=1 phase=segment_proof duration_ms=2000\n";
    let told = format!("{PROVED} {fields}");
    let expected = [other.as_slice(), told.as_bytes(), &other].concat();
    let out = std::fs::read(home.path().join("host.out")).unwrap();
    assert_eq!(out, [expected.as_slice(), b"printed\n"].concat());
    let looked = poll::until("standard error too", LIMIT, async || {
        let log = std::fs::read(home.path().join("host.err")).unwrap();
        let found = log.windows(expected.len()).any(|part| part == expected);
        if found { Ok(()) } else { Err(format!("{} bytes", log.len())) }
    });
    looked.await.unwrap();
}

#[tokio::test]
async fn in_json_every_event_is_an_object_and_our_own_lines_are_too() {
    let home = tempfile::tempdir().unwrap();
    let event = format!("{PROVED} id=\"b7 - 0_10 (0)\"\nno event\n");
    let host = printing(&["--log-format", "json"], event.as_bytes(), home.path());
    host.says("printed").await;
    let out = host.out();
    let value: serde_json::Value = serde_json::from_str(out.lines().next().unwrap()).unwrap();
    assert_eq!(
        (&value["block"], &value["txn"], &value["txn_end"]),
        (&7.into(), &0.into(), &10.into())
    );
    assert_eq!((&value["phase"], &value["duration_ms"]), (&"segment_proof".into(), &2000.into()));
    assert_eq!(out.lines().nth(1), Some("no event"));
    let log = host.log();
    let own: serde_json::Value = serde_json::from_str(log.lines().next().unwrap()).unwrap();
    assert!(own["message"].as_str().unwrap().starts_with("the worker runs as process"), "{own}");
}

#[tokio::test]
async fn what_the_lines_tell_is_counted_by_block_and_transaction() {
    let home = tempfile::tempdir().unwrap();
    let blocks: Vec<String> =
        (1..=5).map(|block| format!("{PROVED} id=\"b{block} - 0 (0)\"\n")).collect();
    std::fs::write(home.path().join("lines"), blocks.concat()).unwrap();
    let script = "cat lines; echo printed; mkfifo wait; read -r nothing <> wait";
    let options = ["--listen", "127.0.0.1:0", "--metrics-blocks", "2"];
    let host = Host::of_script(&options, script, home.path());
    host.says("printed").await;
    for (block, txn, proved) in [("4", "0", 1), ("5", "0", 1), ("older", "older", 3)] {
        let labels = format!("block=\"{block}\",txn=\"{txn}\"");
        host.measures(&format!("zero_worker_witnesses_proved_total{{{labels}}} {proved}.0")).await;
        let seconds = proved * 2;
        host.measures(&format!("zero_worker_proving_seconds_total{{{labels}}} {seconds}.0")).await;
    }
}
