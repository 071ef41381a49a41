//! Numbers from a file of values are floating-point ones to Helm, which writes great ones as `1e+06` unless told otherwise.

use std::path::Path;

use serde_json::{Map, Value};
use tests::helm::{CHART, Generation, Helm};

/// The greatest values of all whole numbers that a schema allows, as values.
fn greatest(schema: &Value, definitions: &Value, path: &str) -> Option<Value> {
    if let Some(name) = schema.get("$ref").and_then(Value::as_str) {
        let name = name.strip_prefix("#/definitions/").unwrap();
        return greatest(&definitions[name], definitions, path);
    }
    if schema.get("type").is_some_and(|kind| kind == "integer") {
        let most = schema.get("maximum").unwrap_or_else(|| panic!("{path} has no maximum"));
        return Some(most.clone());
    }
    let properties = schema.get("properties").and_then(Value::as_object)?;
    let within = properties.iter().filter_map(|(key, schema)| {
        let value = greatest(schema, definitions, &format!("{path}.{key}"))?;
        Some((key.clone(), value))
    });
    let within: Map<String, Value> = within.collect();
    (!within.is_empty()).then_some(Value::Object(within))
}

#[test]
fn the_greatest_numbers_are_written_out() {
    let Some(programs) = tests::helm::programs("chart::numbers") else { return };
    let schema = std::fs::read(Path::new(CHART).join("values.schema.json")).unwrap();
    let schema: Value = serde_json::from_slice(&schema).unwrap();
    let values = greatest(&schema, &schema["definitions"], "").unwrap();
    assert_eq!(values["leader"]["witnessMaxMiB"], 1_048_576, "{values}");
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), values.to_string()).unwrap();
    let file = file.path().to_str().unwrap();
    let external =
        "rabbitmq.mode=external,rabbitmq.external.host=h,rabbitmq.external.existingSecret=s";
    let own = "rabbitmq.external.amqpPort=0";
    for generation in [Generation::V3, Generation::V4] {
        let helm = Helm::of(&programs, generation).unwrap();
        for (mode, broker) in [
            ("autoscaling.mode=external", own),
            ("autoscaling.mode=none,prover.runMode=affinity", own),
            ("rabbitmq.mode=operator", own),
            ("autoscaling.mode=rabbitmq,autoscaling.drainSeconds=0", external),
        ] {
            let sets = ["prerequisites.check=false", mode, broker].join(",");
            let args = ["template", "zp", CHART, "--values", file, "--set", &sets];
            let args = [&args[..], &["--kube-version", "1.35.0"]].concat();
            let told = helm.told(&args).unwrap();
            let odd: Vec<&str> = told.lines().filter(|line| line.contains("e+")).collect();
            assert!(odd.is_empty(), "{generation:?}: {odd:?}");
        }
    }
}
