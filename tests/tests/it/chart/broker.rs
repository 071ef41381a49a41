//! The settings that the chart gives a broker: a real one starts with them.

use tests::harness;
use tests::rabbitmq::{RabbitConfig, Series};

use super::{all_cases, at, of_kind};

/// Set by the test's own node.
const OURS: [&str; 5] = ["listeners.", "management.", "prometheus.", "log.", "ssl_options."];

/// RabbitMQ refuses to start on a key that it does not know; before 3.13 that is the one about deprecated features.
#[test]
fn a_real_broker_starts_with_the_charts_settings() {
    let old = harness::series() == Series::V3_10;
    let mut tried = Vec::new();
    for (case, objects) in all_cases("chart::broker") {
        let embedded =
            of_kind(&objects, "ConfigMap").find_map(|map| at(map, "data").get("zero-prover.conf"));
        let operated = of_kind(&objects, "RabbitmqCluster")
            .map(|object| at(object, "spec.rabbitmq.additionalConfig"));
        let Some(config) = embedded.into_iter().chain(operated).find_map(|text| text.as_str())
        else {
            continue;
        };
        let lines = config.lines().filter(|line| !OURS.iter().any(|key| line.starts_with(key)));
        let lines = lines.filter(|line| !old || !line.starts_with("deprecated_features."));
        let extra_conf = lines.fold(String::new(), |text, line| text + line + "\n");
        if tried.contains(&extra_conf) {
            continue;
        }
        assert!(extra_conf.contains("consumer_timeout = 86400000\n"), "{case}: {extra_conf}");
        let config = RabbitConfig { extra_conf: extra_conf.clone(), ..RabbitConfig::default() };
        let test = format!("chart_broker_{case}").replace(['.', '-'], "_");
        let Some(broker) = harness::private_broker(&test, &config) else { return };
        let overview = broker.access().management().get("/api/overview").unwrap();
        assert!(overview["rabbitmq_version"].is_string(), "{overview}");
        tried.push(extra_conf);
    }
}
