//! Conformance 10 to 15: bad input.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::net::TcpListener;

use scaler::grpc::proto::ScaledObjectRef;
use tests::poll;
use tonic::Code;

use super::{LIMIT, Stage, refused, stage};

const INVALID: Code = Code::InvalidArgument;

/// Conformance 10: no key is required, blank values are refused by name, unknown keys are tolerated
/// with a hint, and keys that KEDA resolved from the environment count.
#[tokio::test]
async fn blank_keys_are_refused_unknown_ones_tolerated_with_a_hint_and_resolved_ones_used() {
    let Some(stage) = stage("blank_and_unknown_keys").await else { return };
    stage.fill("proof-7", 2).await;
    for key in ["broker", "queues", "excludeQueues", "roles", "target", "mode", "pool"] {
        for blank in ["", "  ", "\t"] {
            let words = refused(&stage.keda, &stage.object(&[(key, blank)]), INVALID).await;
            assert!(words.contains(&format!("`{key}`")), "{words}");
        }
    }
    let mut object = stage.object(&[("targetFromEnv", "2"), ("excludeQueue", "proof-.*")]);
    let vhost = object.scaler_metadata.remove("vhost").unwrap();
    object.scaler_metadata.insert("vhostFromEnv".to_owned(), vhost);
    let polled = stage.reads(&object, 2.0).await;
    assert_eq!(polled.spec.target_size_float, 2.0);

    let hint = "unknown key `excludeQueue` is ignored; did you mean `excludeQueues`?";
    let line = stage.scaler.log().lines().find(|line| line.contains(hint)).map(str::to_owned);
    assert!(line.is_some_and(|line| line.contains("WARN") && line.contains(&object.name)));
    assert_eq!(trigger_of(&stage, &object)["warnings"], serde_json::json!([hint]));

    let twice = stage.object(&[("target", "1"), ("targetFromEnv", "2")]);
    assert!(refused(&stage.keda, &twice, INVALID).await.contains("`target`"));
}

fn trigger_of(stage: &Stage, object: &ScaledObjectRef) -> serde_json::Value {
    let status = stage.scaler.status().unwrap();
    let triggers = status["triggers"].as_array().unwrap();
    triggers.iter().find(|trigger| trigger["name"] == object.name.as_str()).unwrap().clone()
}

/// Conformance 11: a wrong pattern is refused by the key's name; a pattern matches the whole name;
/// its size is limited.
#[tokio::test]
async fn a_wrong_pattern_is_refused_by_key_and_patterns_are_anchored_and_limited() {
    let Some(stage) = stage("patterns").await else { return };
    for key in ["queues", "excludeQueues"] {
        for wrong in ["proof-(", "[", "a)|(?:b", "(a{1000}){1000}", "*", "(?=x)"] {
            let words = refused(&stage.keda, &stage.object(&[(key, wrong)]), INVALID).await;
            assert!(words.contains(&format!("`{key}`")), "{words}");
            assert!(words.chars().count() <= 400, "{words}");
            // An error of this call would not reach the user: KEDA swallows its words.
            let spec = stage.keda.metric_spec(&stage.object(&[(key, wrong)])).await.unwrap();
            assert!(spec.metric_name.starts_with("zero-backlog-"), "{spec:?}");
        }
    }
    stage.fill("proof-1", 1).await;
    stage.fill("my-proof-1", 2).await;
    stage.fill("proof-1-old", 4).await;
    for (pattern, value) in [
        ("proof-1", 1.0),
        (".*proof-1", 3.0),
        ("proof-1.*", 5.0),
        ("proof-1|my-proof-1", 3.0),
        ("PROOF-1", 0.0),
        ("(?i)PROOF-1", 1.0),
    ] {
        stage.reads(&stage.object(&[("queues", pattern)]), value).await;
    }
    stage.reads(&stage.object(&[("excludeQueues", "proof-1")]), 6.0).await;
    // Backtracking engines take for ever over this one.
    stage.fill(&"a".repeat(40), 8).await;
    stage.reads(&stage.object(&[("queues", "(a*)*b|proof-1")]), 1.0).await;
}

/// Conformance 12: targets that are no number or out of range are refused, and so are activation,
/// cap and drain time.
#[tokio::test]
async fn target_activation_and_caps_that_are_no_sane_number_are_refused() {
    let Some(stage) = stage("numbers").await else { return };
    let never = ["-1", "NaN", "nan", "inf", "-inf", "1e400", "10 ", " 10", "1,5", "1_000", "0x10"];
    let cases = [
        ("target", &["0", "0.0009", "-0", "1e10", "１"][..]),
        ("activationTarget", &["1e16", "five"]),
        ("maxWorkers", &["0", "2.5", "+4", "1000001", "18446744073709551616"]),
        ("drainSeconds", &["0", "1m", "604801"]),
    ];
    for (key, own) in cases {
        for value in never.iter().chain(own) {
            let drain = ("mode", "drain");
            let pairs = [(key, *value), drain];
            let pairs = if key == "drainSeconds" { &pairs[..] } else { &pairs[..1] };
            let words = refused(&stage.keda, &stage.object(pairs), INVALID).await;
            assert!(words.contains(&format!("`{key}`")), "{key}={value}: {words}");
        }
    }
    let smallest = stage.object(&[("target", "0.001"), ("activationTarget", "0")]);
    assert_eq!(stage.keda.metric_spec(&smallest).await.unwrap().target_size_float, 0.001);
}

/// Conformance 13: metadata cannot redirect credentials: a broker is chosen by alias alone.
#[tokio::test]
async fn metadata_cannot_redirect_credentials() {
    let Some(stage) = stage("no_redirection").await else { return };
    let elsewhere = TcpListener::bind("127.0.0.1:0").unwrap();
    elsewhere.set_nonblocking(true).unwrap();
    let address = elsewhere.local_addr().unwrap();
    let (http, amqp) = (format!("http://{address}"), format!("amqp://{address}"));
    for alias in [&http, &amqp, &address.to_string()] {
        let words = refused(&stage.keda, &stage.object(&[("broker", alias)]), INVALID).await;
        assert!(words.contains("`broker`") && words.contains("known are `default`"), "{words}");
    }
    let object = stage.object(&[
        ("host", &amqp),
        ("hostFromEnv", &amqp),
        ("amqpUri", &amqp),
        ("managementUrl", &http),
        ("management_url", &http),
        ("metricsUrl", &http),
    ]);
    stage.fill("proof-1", 1).await;
    stage.reads(&object, 1.0).await;
    let in_path = format!("x@{address}/../..");
    let object = stage.object(&[("vhost", &in_path)]);
    assert_eq!(stage.keda.is_active(&object).await.unwrap_err().code(), Code::Unavailable);
    // By then the scaler has read its broker anew, and nobody called here.
    stage.amqp.publish("proof-1", 1).await.unwrap();
    stage.reads(&stage.object(&[]), 2.0).await;
    assert_eq!(elsewhere.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
}

/// Conformance 14: very large metadata, control characters, and names with `/` and `%`: served or
/// refused, and the metric's name is clean and unique.
#[tokio::test]
async fn large_metadata_is_served_or_refused_and_metric_names_are_clean_and_unique() {
    let Some(stage) = stage("large_metadata").await else { return };
    stage.fill("proof-1", 1).await;
    let large = "x".repeat(64 << 10);
    stage.reads(&stage.object(&[("note", &large)]), 1.0).await;
    let words = refused(&stage.keda, &stage.object(&[("target", &large)]), INVALID).await;
    assert!(words.chars().count() < 200, "{words}");
    let huge = stage.object(&[("note", &"x".repeat(300 << 10))]);
    assert!(refused(&stage.keda, &huge, INVALID).await.contains("bytes"));

    let keys: Vec<String> = (0..1_000).map(|number| format!("key-{number}")).collect();
    let pairs: Vec<_> = keys.iter().map(|key| (key.as_str(), "value")).collect();
    stage.reads(&stage.object(&pairs), 1.0).await;

    // More than any client of KEDA's can send: refused by the transport, which then goes on.
    let object = stage.object(&[("note", &"x".repeat(5 << 20))]);
    assert!(stage.keda.metric_spec(&object).await.is_err());
    stage.reads(&stage.object(&[]), 1.0).await;

    let broken = stage.object(&[("target", "9\r\nx: y\u{1b}[31m\u{0}")]);
    let words = refused(&stage.keda, &broken, INVALID).await;
    assert!(!words.chars().any(char::is_control), "{words:?}");

    let mut names = BTreeSet::new();
    let odd = ["a/%b", "a/b", "a%2Fb", "/", "ü +", "A", "a", "s0-x", "\u{1}", "a b"];
    for vhost in odd {
        let name = stage.keda.metric_spec(&stage.object(&[("vhost", vhost)])).await;
        let name = name.unwrap().metric_name;
        let clean = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        assert!(name.len() <= 60 && name.bytes().all(clean), "{name}");
        names.insert(name);
    }
    assert_eq!(names.len(), odd.len(), "{names:?}");
}

/// Conformance 15: metadata changed under the same name is used by the next call, and what the old
/// one asked for is let go. (That it is forgotten in time is a unit test of `scaler::triggers`.)
#[tokio::test]
async fn changed_metadata_is_used_by_the_next_call() {
    let Some(stage) = stage("changed_metadata").await else { return };
    stage.fill("proof-1", 4).await;
    stage.fill("proof-2", 2).await;
    let before = stage.object(&[("queues", "proof-1")]);
    let after = stage.object(&[("queues", "proof-2"), ("target", "2")]);
    stage.reads(&before, 4.0).await;
    stage.reads(&stage.object(&[]), 6.0).await;
    // The vhost was read already: no waiting is needed.
    let polled = stage.keda.poll(&after).await.unwrap();
    assert_eq!((polled.value.float, polled.spec.target_size), (2.0, 2));
    let polled = stage.keda.poll(&before).await.unwrap();
    assert_eq!((polled.value.float, polled.spec.target_size), (4.0, 1));
    let old = stage.keda.metric_spec(&before).await.unwrap().metric_name;
    assert_eq!(stage.keda.metric_values(&after, &old).await.unwrap_err().code(), Code::NotFound);

    let elsewhere = stage.object(&[("vhost", "no-such-vhost")]);
    let refused = poll::until("the new vhost to be refused", LIMIT, async || {
        match stage.keda.is_active(&elsewhere).await {
            Err(status) if status.message().contains("no-such-vhost") => Ok(()),
            other => Err(format!("{other:?}")),
        }
    });
    refused.await.unwrap();
}
