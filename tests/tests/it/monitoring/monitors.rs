//! What the chart tells Prometheus to scrape: every part, on a port that it has.

use std::collections::BTreeSet;

use serde_json::Value;

use super::rendered;

/// `kind/name` → ports and paths.
fn monitors(objects: &[Value]) -> BTreeSet<String> {
    let monitors = objects
        .iter()
        .filter(|object| object["kind"] == "ServiceMonitor" || object["kind"] == "PodMonitor");
    let told = monitors.flat_map(|monitor| {
        let name = monitor["metadata"]["name"].as_str().unwrap();
        let spec = &monitor["spec"];
        let endpoints =
            if monitor["kind"] == "PodMonitor" { "podMetricsEndpoints" } else { "endpoints" };
        let endpoints = spec[endpoints].as_array().unwrap();
        assert_eq!(
            spec["selector"]["matchLabels"].as_object().map(|labels| labels.len() > 1),
            Some(true)
        );
        let each = endpoints.iter().map(move |endpoint| {
            let path = endpoint["path"].as_str().unwrap_or("/metrics");
            format!("{name} {} {path}", endpoint["port"].as_str().unwrap())
        });
        each.collect::<Vec<_>>()
    });
    told.collect()
}

fn strings(all: &[&str]) -> BTreeSet<String> {
    all.iter().map(|one| (*one).to_owned()).collect()
}

#[test]
fn every_part_is_scraped_and_the_broker_in_detail() {
    let Some(objects) = rendered("monitors", &[]) else { return };
    let parts = [
        "zp-leader http /metrics",
        "zp-scaler http /metrics",
        "zp-worker metrics /metrics",
        "zp-rabbitmq http-prometheus /metrics",
        "zp-rabbitmq http-prometheus /metrics/detailed",
    ];
    assert_eq!(monitors(&objects), strings(&parts));
    let detailed = objects.iter().find(|object| {
        object["metadata"]["name"] == "zp-rabbitmq" && object["kind"] == "ServiceMonitor"
    });
    let params = &detailed.unwrap()["spec"]["endpoints"][1]["params"];
    assert_eq!(
        params["family"],
        serde_json::json!(["queue_coarse_metrics", "queue_consumer_count"])
    );
}

#[test]
fn a_part_that_is_not_there_is_not_scraped() {
    let external = [
        "rabbitmq.mode=external",
        "rabbitmq.external.host=mq",
        "rabbitmq.external.existingSecret=mq",
    ];
    let values = [&external[..], &["leader.enabled=false", "autoscaling.mode=none"]].concat();
    let Some(objects) = rendered("monitors_none", &values) else { return };
    assert_eq!(monitors(&objects), strings(&["zp-worker metrics /metrics"]));
}

#[test]
fn selectors_and_ports_are_those_of_pods_and_services() {
    let Some(objects) = rendered("monitors_ports", &[]) else { return };
    for monitor in objects.iter().filter(|object| object["kind"] == "ServiceMonitor") {
        let wanted = monitor["spec"]["selector"]["matchLabels"].as_object().unwrap();
        let selected = objects.iter().filter(|object| {
            let labels = &object["metadata"]["labels"];
            object["kind"] == "Service" && wanted.iter().all(|(key, value)| labels[key] == *value)
        });
        let services: Vec<&Value> = selected.collect();
        assert_eq!(services.len(), 1, "{}", monitor["metadata"]["name"]);
        for endpoint in monitor["spec"]["endpoints"].as_array().unwrap() {
            let ports = services[0]["spec"]["ports"].as_array().unwrap();
            assert!(ports.iter().any(|port| port["name"] == endpoint["port"]), "{ports:?}");
        }
    }
    let workers = objects.iter().filter(|object| {
        object["kind"] == "Deployment"
            && object["spec"]["template"]["metadata"]["labels"]["zero-prover.io/worker"] == "true"
    });
    let ports: Vec<&Value> = workers
        .map(|it| &it["spec"]["template"]["spec"]["containers"][0]["ports"][0]["name"])
        .collect();
    assert!(!ports.is_empty() && ports.iter().all(|name| **name == "metrics"), "{ports:?}");
}
