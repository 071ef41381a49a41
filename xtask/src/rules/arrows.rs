//! Which package may know of which, as ARCHITECTURE.md draws it.

use serde_json::Value;

use super::{Finding, Tree};

/// A package and the packages of this workspace that it may be built from.
const DRAWN: [(&str, &[&str]); 6] = [
    ("amqp-admin", &[]),
    ("amqp-gateway", &["amqp-admin"]),
    ("kubectl-plugin", &["amqp-admin", "witness"]),
    ("prover-host", &["amqp-admin", "amqp-gateway", "witness"]),
    ("scaler", &["amqp-admin"]),
    ("witness", &[]),
];
/// A package and what it must know nothing of: clusters, remote calls, terminals.
const IGNORANT: [(&str, &[&str]); 3] = [
    ("amqp-admin", &["clap", "k8s-openapi", "kube", "tonic"]),
    ("amqp-gateway", &["k8s-openapi", "kube"]),
    ("witness", &["clap", "k8s-openapi", "kube", "reqwest", "tokio", "tonic"]),
];
/// The package that starts real servers for anybody's tests.
const TESTS: &str = "tests";

pub(super) fn only_those_drawn(tree: &Tree) -> Vec<Finding> {
    let packages = list(&tree.metadata, "packages");
    let members: Vec<&str> = packages.iter().filter_map(|package| text(package, "name")).collect();
    packages.iter().flat_map(|package| faults(package, &members)).collect()
}

fn faults(package: &Value, members: &[&str]) -> Vec<Finding> {
    let Some(name) = text(package, "name") else { return Vec::new() };
    let mut found = Vec::new();
    for dependency in list(package, "dependencies") {
        let Some(other) = text(dependency, "name") else { continue };
        let for_tests = text(dependency, "kind") == Some("dev");
        let drawn = row(&DRAWN, name).is_none_or(|allowed| allowed.contains(&other));
        let refused = row(&IGNORANT, name).is_some_and(|refused| refused.contains(&other));
        let unknown_arrow = members.contains(&other) && !drawn && !(for_tests && other == TESTS);
        if unknown_arrow || (refused && !for_tests) {
            let path = format!("{name}/Cargo.toml");
            let fault = format!("`{name}` must not depend on `{other}`: see ARCHITECTURE.md");
            found.push(Finding { path, line: 1, fault });
        }
    }
    found
}

fn row<'a>(table: &[(&str, &'a [&'a str])], name: &str) -> Option<&'a [&'a str]> {
    table.iter().find(|(package, _)| *package == name).map(|(_, others)| *others)
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn text<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value.get(key).and_then(Value::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn found(packages: &Value) -> Vec<String> {
        let tree = Tree { metadata: json!({ "packages": packages }), ..Tree::default() };
        only_those_drawn(&tree).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn an_arrow_that_is_not_drawn_is_found() {
        let packages = json!([
            {"name": "scaler", "dependencies": [{"name": "amqp-admin"}, {"name": "kubectl-plugin"}]},
            {"name": "kubectl-plugin", "dependencies": []},
            {"name": "amqp-admin", "dependencies": [{"name": "scaler", "kind": "dev"}]},
            {"name": "tests", "dependencies": [{"name": "scaler"}]},
        ]);
        let expected = [
            "scaler/Cargo.toml:1: `scaler` must not depend on `kubectl-plugin`: see ARCHITECTURE.md",
            "amqp-admin/Cargo.toml:1: `amqp-admin` must not depend on `scaler`: see ARCHITECTURE.md",
        ];
        assert_eq!(found(&packages), expected);
    }

    #[test]
    fn tests_may_be_used_by_tests_only() {
        let packages = json!([
            {"name": "tests", "dependencies": []},
            {"name": "scaler", "dependencies": [{"name": "tests", "kind": "dev"}]},
            {"name": "amqp-admin", "dependencies": [{"name": "tests", "kind": null}]},
        ]);
        assert_eq!(found(&packages).len(), 1);
    }

    #[test]
    fn the_library_of_the_broker_knows_no_cluster() {
        let packages = json!([
            {"name": "amqp-admin", "dependencies": [{"name": "lapin"}, {"name": "kube"}, {"name": "clap"}]},
        ]);
        assert_eq!(found(&packages).len(), 2);
    }
}
