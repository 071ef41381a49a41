//! The scaler's HTTP server over a real socket.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use crate::double::{Server, busy};

/// A test that waits longer than this for bytes has failed.
const PATIENCE: Duration = Duration::from_secs(20);

struct Answer {
    code: u16,
    head: String,
    body: String,
}

fn connect(server: &Server, method: &str, path: &str) -> TcpStream {
    let mut stream = TcpStream::connect(server.address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let request = format!("{method} {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    stream
}

fn ask(server: &Server, method: &str, path: &str) -> Answer {
    let mut text = String::new();
    connect(server, method, path).read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let code = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer { code, head: head.to_lowercase(), body: body.to_owned() }
}

fn get(server: &Server, path: &str) -> Answer {
    ask(server, "GET", path)
}

#[test]
fn liveness_never_depends_on_a_broker_and_readiness_says_why_not() {
    let server = Server::start(busy());
    assert_eq!((get(&server, "/livez").code, get(&server, "/readyz").code), (200, 200));
    server.set_readiness(Err("broker `default` was not read yet: connection refused".into()));
    let answer = get(&server, "/readyz");
    assert_eq!((get(&server, "/livez").code, answer.code), (200, 503));
    assert_eq!(answer.body, "not ready: broker `default` was not read yet: connection refused\n");
}

#[test]
fn every_answer_forbids_keeping_guessing_framing_and_loading_from_elsewhere() {
    let server = Server::start(busy());
    let paths = ["/status", "/status.json", "/status/app.js", "/metrics", "/livez", "/nowhere"];
    for path in paths {
        let head = get(&server, path).head;
        for header in [
            "cache-control: no-store",
            "x-content-type-options: nosniff",
            "default-src 'none'",
            "frame-ancestors 'none'",
        ] {
            assert!(head.contains(header), "{path} lacks {header}: {head}");
        }
    }
}

#[test]
fn only_known_paths_are_served_and_only_for_reading() {
    let server = Server::start(busy());
    let answer = get(&server, "/nowhere");
    assert_eq!(answer.code, 404);
    assert!(answer.body.contains("/status.json"), "{}", answer.body);
    for method in ["POST", "PUT", "DELETE"] {
        assert_eq!(ask(&server, method, "/status").code, 405, "{method}");
    }
    let head = ask(&server, "HEAD", "/status");
    assert_eq!((head.code, head.body.as_str()), (200, ""));
    let moved = get(&server, "/");
    assert!(moved.code == 302 && moved.head.contains("location: status"), "{}", moved.head);
}

#[test]
fn the_json_is_the_status() {
    let server = Server::start(busy());
    let told: serde_json::Value = serde_json::from_str(&get(&server, "/status.json").body).unwrap();
    assert_eq!(told["triggers"][0]["answer"]["value"]["workers"], 113);
    assert_eq!(told["brokers"][1]["vhosts"][0]["roles"][0]["ready"], serde_json::Value::Null);
}

#[test]
fn metrics_are_read_at_the_scrape() {
    let server = Server::start(busy());
    let answer = get(&server, "/metrics");
    assert!(answer.head.contains("application/openmetrics-text"), "{}", answer.head);
    let up = |up: &str| format!(r#"zero_scaler_broker_up{{broker="staging"}} {up}"#);
    assert!(answer.body.contains(&up("0.0")), "{}", answer.body);
    assert!(answer.body.ends_with("# EOF\n"), "{}", answer.body);
    server.change(|status| status.brokers[1].reachable = Some(true));
    assert!(get(&server, "/metrics").body.contains(&up("1.0")));
}

#[test]
fn explanations_of_known_and_of_tried_triggers() {
    let server = Server::start(busy());
    let all = get(&server, "/explain");
    assert_eq!((all.code, all.body.matches("  sum: 1\n  value: 1\n").count()), (200, 3));
    let one = get(&server, "/explain?namespace=zero-prover&name=staging-workers");
    assert_eq!(one.body, "staging-workers\n  sum: 1\n  value: 1\n");
    assert_eq!(get(&server, "/explain?name=nobody").code, 404);
    let tried = get(&server, "/explain?queues=proof-.*&target=2");
    assert_eq!((tried.code, tried.body.as_str()), (200, "tried 2 keys\n"));
    for (path, code, words) in [
        ("/explain?target=0", 400, "trigger metadata `target`: no\n"),
        ("/explain?target=9", 503, "vhost `/` was not read yet\n"),
        ("/explain?target=1&target=2", 400, "`target` is given twice, the first time as `1`\n"),
    ] {
        let answer = get(&server, path);
        assert_eq!((answer.code, answer.body.as_str()), (code, words), "{path}");
    }
    assert_eq!(get(&server, "/explain?name=a&target=1").code, 400);
    server.change(|status| status.triggers.clear());
    assert!(get(&server, "/explain").body.starts_with("KEDA has not asked"));
}

/// The data of the next event.
fn next_event(events: &mut impl std::io::BufRead) -> String {
    let mut data = String::new();
    for line in events.lines() {
        let line = line.unwrap();
        if let Some(text) = line.strip_prefix("data: ") {
            data.push_str(text);
        } else if line.is_empty() && !data.is_empty() {
            return data;
        }
    }
    panic!("the stream ended");
}

#[test]
fn events_come_at_once_after_changes_and_without_them_and_end_at_shutdown() {
    let mut server = Server::start(busy());
    let mut events = BufReader::new(connect(&server, "GET", "/status/events"));
    assert!(next_event(&mut events).contains("<strong>113</strong>"));
    assert!(next_event(&mut events).contains("<strong>113</strong>"), "ages move by themselves");
    server.change(|status| status.triggers.clear());
    while next_event(&mut events).contains("<strong>113</strong>") {}
    server.stop();
    let mut rest = Vec::new();
    events.read_to_end(&mut rest).unwrap();
}

#[test]
fn more_pages_than_the_limit_are_told_so_and_a_closed_one_makes_room() {
    let server = Server::start(busy());
    let follow = || BufReader::new(connect(&server, "GET", "/status/events"));
    let mut pages: Vec<_> = (0..64).map(|_| follow()).collect();
    for page in &mut pages {
        next_event(page);
    }
    let refused = get(&server, "/status/events");
    assert_eq!(refused.code, 503);
    assert!(refused.body.contains("too many pages"), "{}", refused.body);
    drop(pages);
    tests::poll::until_blocking("room for a page", PATIENCE, || {
        let mut line = String::new();
        follow().read_line(&mut line).unwrap();
        if line.contains("200") { Ok(()) } else { Err(line) }
    })
    .unwrap();
}
