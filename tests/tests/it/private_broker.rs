//! A private broker can be stopped, crashed, frozen and brought back, and leaves nothing behind.

use std::net::TcpStream;
use std::time::Duration;

use serde_json::json;
use tests::access::Access;
use tests::harness;
use tests::management::Policy;
use tests::poll;
use tests::rabbitmq::{PrivateBroker, RabbitConfig, left_running};

fn quick_counts() -> RabbitConfig {
    RabbitConfig {
        collect_statistics_interval: Some(Duration::from_millis(200)),
        ..RabbitConfig::default()
    }
}

/// Puts persistent messages into a durable queue.
fn fill(access: &Access, queue: &str, messages: usize) {
    let api = access.management();
    api.put(&format!("/api/queues/jobs/{queue}"), &json!({"durable": true})).unwrap();
    let message = json!({
        "properties": {"delivery_mode": 2},
        "routing_key": queue,
        "payload": "work",
        "payload_encoding": "string",
    });
    for _ in 0..messages {
        let answer = api.post("/api/exchanges/jobs/amq.default/publish", &message).unwrap();
        assert_eq!(answer["routed"], true);
    }
}

fn count(access: &Access, queue: &str, expected: u64) {
    let path = format!("/api/queues/jobs/{queue}");
    poll::until_blocking("the count of messages", Duration::from_secs(20), || {
        let seen = access.management().get(&path).map_err(|error| format!("{error:#}"))?;
        if seen["messages"] == expected { Ok(()) } else { Err(seen["messages"].to_string()) }
    })
    .unwrap();
}

fn answers(access: &Access) -> bool {
    access.management().get("/api/whoami").is_ok()
}

#[test]
fn durable_work_survives_a_stop_and_a_crash() {
    let test = "durable_work_survives_a_stop_and_a_crash";
    let Some(mut broker) = harness::private_broker(test, &quick_counts()) else {
        return;
    };
    broker.add_vhost("jobs").unwrap();
    fill(broker.access(), "tasks", 3);
    count(broker.access(), "tasks", 3);

    broker.stop().unwrap();
    assert!(!answers(broker.access()));
    assert!(broker.pid().is_err());
    broker.start().unwrap();
    count(broker.access(), "tasks", 3);

    broker.kill().unwrap();
    assert!(TcpStream::connect(&broker.access().amqp).is_err());
    broker.start().unwrap();
    count(broker.access(), "tasks", 3);
}

#[test]
fn a_paused_broker_accepts_connections_and_answers_nothing() {
    let test = "a_paused_broker_accepts_connections_and_answers_nothing";
    let Some(broker) = harness::private_broker(test, &quick_counts()) else {
        return;
    };
    broker.pause().unwrap();
    assert!(TcpStream::connect(&broker.access().amqp).is_ok());
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_global(Some(Duration::from_millis(300)))
        .build()
        .into();
    let asked = agent.get(format!("{}/metrics", broker.metrics_url())).call();
    assert!(matches!(asked, Err(ureq::Error::Timeout(_))), "{asked:?}");
    broker.resume().unwrap();
    assert!(answers(broker.access()));
}

#[test]
fn nothing_is_left_of_a_dropped_broker() {
    let test = "nothing_is_left_of_a_dropped_broker";
    let Some(broker) = harness::private_broker(test, &RabbitConfig::default()) else {
        return;
    };
    let home = broker.home().to_owned();
    let before = left_running(&home);
    assert!(before.contains(&broker.pid().unwrap()), "{before:?}");
    assert!(before.len() > 1, "a node has a port mapper and helper processes: {before:?}");
    // A paused one is the harder case: a stopped process does not act on a polite signal.
    broker.pause().unwrap();
    drop(broker);
    assert_eq!(left_running(&home), Vec::<u32>::new());
    assert!(!home.exists());
}

#[test]
fn work_done_by_the_broker_shows_in_its_cpu_time() {
    let test = "work_done_by_the_broker_shows_in_its_cpu_time";
    let Some(broker) = harness::private_broker(test, &RabbitConfig::default()) else {
        return;
    };
    let before = broker.cpu_time().unwrap();
    assert!(before > Duration::from_millis(100), "starting took {before:?}");
    poll::until_blocking("a tenth of a second of work", Duration::from_secs(60), || {
        let overview = broker.access().management().get("/api/overview").unwrap();
        assert!(overview["churn_rates"].is_object(), "the node keeps no statistics");
        let used = broker.cpu_time().unwrap().saturating_sub(before);
        if used >= Duration::from_millis(100) { Ok(()) } else { Err(format!("{used:?}")) }
    })
    .unwrap();
}

#[test]
fn a_node_is_configured_as_asked() {
    let test = "a_node_is_configured_as_asked";
    let config = RabbitConfig {
        extra_plugins: vec!["rabbitmq_event_exchange".to_owned()],
        extra_conf: "heartbeat = 7".to_owned(),
        ..RabbitConfig::default()
    };
    let Some(broker) = harness::private_broker(test, &config) else {
        return;
    };
    let api = broker.access().management();
    api.get("/api/exchanges/%2F/amq.rabbitmq.event").unwrap();
    broker.add_vhost("with/slash").unwrap();
    let policy = Policy { name: "short", pattern: "^q", definition: json!({"max-length": 10}) };
    broker.set_policy("with/slash", &policy).unwrap();
    assert_eq!(api.get("/api/policies/with%2Fslash/short").unwrap()["pattern"], "^q");
    broker.delete_vhost("with/slash").unwrap();
    assert!(api.get("/api/vhosts/with%2Fslash").is_err());
    assert_eq!(broker.user(), "zero");
    assert!(broker.amqp_uri("/").ends_with("/%2F"));
}

#[test]
fn a_node_that_cannot_start_says_why() {
    let test = "a_node_that_cannot_start_says_why";
    let Some(server) = tests::provision::rabbitmq_server().unwrap() else {
        return;
    };
    let config =
        RabbitConfig { extra_conf: "no_such_setting = 1".to_owned(), ..RabbitConfig::default() };
    let Err(error) = PrivateBroker::start_from(&server, &config) else {
        panic!("{test}: it started")
    };
    let said = format!("{error:#}");
    assert!(said.contains("failed_to_prepare_configuration"), "{said}");
}
