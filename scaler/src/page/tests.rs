//! What the page shows, sentence by sentence.

mod proofs;
mod protect;

use crate::local::{ChildStatus, LocalStatus};
use crate::status::{
    Answer, BrokerStatus, DepthPoint, KeepAliveStatus, KeptQueue, RoleStatus, Status,
    TriggerStatus, VhostStatus,
};

use super::*;

const HOSTILE: &str = "\"><script>alert(1)</script>&'\r\n";

fn role(role: &'static str, ready: Option<u64>, unacked: Option<u64>) -> RoleStatus {
    RoleStatus { role, queues: 3, ready, unacked }
}

fn vhost(name: &str) -> VhostStatus {
    VhostStatus {
        name: name.into(),
        source: "metrics",
        age_ms: 5_410,
        queues: 6,
        roles: vec![role("task", Some(1_200), Some(8)), role("other", None, None)],
        orphans: "none",
        history: vec![
            DepthPoint { seconds_ago: 12, ready: 900, unacked: 4 },
            DepthPoint { seconds_ago: 2, ready: 1_200, unacked: 8 },
        ],
    }
}

fn broker(alias: &str) -> BrokerStatus {
    BrokerStatus {
        alias: alias.into(),
        address: "http://rabbitmq:15672".into(),
        reachable: Some(true),
        error: None,
        vhosts: vec![vhost("/")],
        keep_alive: KeepAliveStatus {
            enabled: true,
            every_seconds: 300,
            kept: vec![KeptQueue { vhost: "/".into(), queue: "proof-7".into(), ready: 4 }],
            error: None,
        },
    }
}

fn answered() -> Answer {
    Answer::Value {
        active: true,
        value: 1_208.0,
        target: 2.0,
        workers: 604,
        messages: 1_208,
        busy: 8,
        orphaned: 0,
        explanation: vec!["sum: 1200 ready + 8 unacked".into()],
    }
}

fn trigger(name: &str, answer: Answer) -> TriggerStatus {
    TriggerStatus {
        namespace: "provers".into(),
        name: name.into(),
        metric: "zero-backlog-4fd0bfc1".into(),
        broker: "default".into(),
        asked_seconds_ago: 4,
        answer,
        warnings: vec![],
    }
}

fn status() -> Status {
    Status {
        version: "0.1.0 (abc1234)".into(),
        now: "2026-08-21T07:31:52Z".into(),
        uptime_seconds: 7_800,
        brokers: vec![broker("default")],
        triggers: vec![trigger("workers", answered())],
        local: None,
        proofs: None,
        protect: None,
    }
}

/// The page as words: without tags, one space between and a line for each part.
fn words(status: &Status) -> String {
    let html = fragment(status);
    let mut text = String::new();
    let mut inside = false;
    for c in html.chars() {
        match c {
            '<' => inside = true,
            '>' => {
                inside = false;
                text.push(' ');
            }
            _ if !inside => text.push(c),
            _ => {}
        }
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn a_healthy_page_says_so_first_and_shows_every_number() {
    insta::assert_snapshot!(words(&status()));
}

#[test]
fn a_refused_trigger_is_named_first_and_has_no_number() {
    let mut status = status();
    let reason = "vhost `/`: the last reading is 31 s old, the limit is 30 s: connection refused";
    status.triggers.push(trigger("late", Answer::Refused { reason: reason.into() }));
    let said = words(&status);
    assert!(said.contains("1 of 2 triggers gets an error instead of a number"), "{said}");
    assert!(said.contains("refused no number") && said.contains(reason), "{said}");
    let html = document(&status);
    assert!(html.contains("<title>1 refused · zero-scaler</title>"), "{html}");
    let anchor = "trigger.provers.late.zero-backlog-4fd0bfc1";
    assert!(html.contains(&format!("href=\"#{anchor}\"")), "{html}");
    assert!(html.contains(&format!("id=\"{anchor}\"")), "{html}");
}

#[test]
fn an_unreachable_broker_and_one_not_read_yet_are_told_apart() {
    let mut status = status();
    status.brokers = vec![broker("east"), broker("west")];
    status.brokers[0].reachable = Some(false);
    status.brokers[0].error = Some("read `/api/queues`: connection refused".into());
    status.brokers[1].reachable = None;
    let said = words(&status);
    assert!(said.contains("Broker “east” cannot be read."), "{said}");
    assert!(said.contains("Broker “west” is being read for the first time."), "{said}");
    assert!(said.contains("not readable read `/api/queues`: connection refused"), "{said}");
    assert!(said.contains("not read yet"), "{said}");
}

#[test]
fn a_count_that_the_broker_did_not_tell_is_shown_as_unknown() {
    let said = words(&status());
    assert!(said.contains("other named by operators 3 unknown unknown"), "{said}");
}

#[test]
fn orphans_are_told_in_words() {
    let mut status = status();
    status.brokers[0].vhosts[0].orphans = "certain";
    assert!(words(&status).contains("Orphaned tasks: their leader is gone"));
    status.brokers[0].vhosts[0].orphans = "suspected";
    assert!(words(&status).contains("Suspicion: result queues exist but nobody reads them"));
}

#[test]
fn a_trigger_that_keda_stopped_asking_for_is_marked() {
    let mut status = status();
    status.triggers[0].asked_seconds_ago = 200;
    assert!(words(&status).contains("asked by KEDA 3 min ago: longer than its usual 30 s"));
}

#[test]
fn an_empty_page_tells_what_to_do_next() {
    let mut status = status();
    status.triggers.clear();
    status.brokers[0].vhosts.clear();
    status.brokers[0].keep_alive.enabled = false;
    let said = words(&status);
    assert!(said.contains("KEDA has not asked for anything lately."), "{said}");
    assert!(said.contains("scalerAddress: zero-scaler.NAMESPACE:50051"), "{said}");
    assert!(said.contains("No vhost is watched yet"), "{said}");
    status.brokers.clear();
    assert!(words(&status).contains("No broker is configured."));
}

#[test]
fn names_and_errors_from_outside_are_text_wherever_they_stand() {
    let mut status = status();
    status.version = HOSTILE.into();
    status.now = HOSTILE.into();
    let broker = &mut status.brokers[0];
    broker.alias = HOSTILE.into();
    broker.address = HOSTILE.into();
    broker.error = Some(HOSTILE.into());
    broker.vhosts[0].name = HOSTILE.into();
    broker.keep_alive.error = Some(HOSTILE.into());
    broker.keep_alive.kept[0].queue = HOSTILE.into();
    broker.keep_alive.kept[0].vhost = HOSTILE.into();
    let trigger = &mut status.triggers[0];
    trigger.namespace = HOSTILE.into();
    trigger.name = HOSTILE.into();
    trigger.metric = HOSTILE.into();
    trigger.broker = HOSTILE.into();
    trigger.warnings = vec![HOSTILE.into()];
    let mut refused = trigger.clone();
    refused.answer = Answer::Refused { reason: HOSTILE.into() };
    status.triggers.push(refused);
    for html in [fragment(&status), document(&status)] {
        assert!(!html.contains("<script>"), "{html}");
    }
    assert!(!fragment(&status).contains('\r'));
}

#[test]
fn the_embedded_autoscaler_takes_the_place_of_keda() {
    let mut status = status();
    status.triggers.clear();
    let child = ChildStatus {
        number: 1,
        pid: Some(4_711),
        state: "busy",
        since_seconds: 61,
        restarts: 2,
        crash_loop: true,
        last_exit: Some(HOSTILE.into()),
    };
    let local = LocalStatus {
        wanted: Some(7),
        refused: None,
        channels_error: Some("no permission".into()),
        min: 1,
        max: 4,
        running: 1,
        children: vec![child],
    };
    status.local = Some(local);
    let said = words(&status);
    assert!(
        said.contains("1 worker on this machine, 7 wanted. 1 of them keeps ending early."),
        "{said}"
    );
    assert!(said.contains("1 pid 4711 busy keeps ending early before: "), "{said}");
    assert!(said.contains("not known, so all count as busy while any is: no permission"), "{said}");
    assert!(!said.contains("KEDA has not asked"), "{said}");
    assert!(document(&status).contains("<title>7 workers wanted"), "{said}");

    let stuck = status.local.as_mut().unwrap();
    (stuck.wanted, stuck.refused) = (None, Some("vhost `/` was not read yet".into()));
    let said = words(&status);
    assert!(said.contains("unknown workers wanted"), "{said}");
    assert!(said.contains("There is no number to follow: 1 worker"), "{said}");
}

#[test]
fn many_kept_queues_are_counted_and_only_some_are_named() {
    let mut status = status();
    let kept = &mut status.brokers[0].keep_alive.kept;
    *kept = (0..40)
        .map(|n| KeptQueue { vhost: "/".into(), queue: format!("q{n}"), ready: 1 })
        .collect();
    let said = words(&status);
    assert!(said.contains("40 queues with work and no consumer"), "{said}");
    assert!(said.contains("q11") && !said.contains("q12 ") && said.contains("28 more"), "{said}");
}

#[test]
fn nothing_on_the_page_comes_from_elsewhere() {
    let page = document(&status());
    let loads =
        page.split(['"', '\'']).filter(|part| part.starts_with("http") || part.starts_with("//"));
    assert_eq!(loads.count(), 0, "{page}");
    assert!(!STYLE.contains("url(") && !STYLE.contains("@import"));
    assert!(!page.contains(" style="), "the content policy forbids inline style");
}
