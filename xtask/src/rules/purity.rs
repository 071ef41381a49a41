//! Decisions are pure, and an unknown count is not a number.

use super::{File, Finding, Tree, has_word};

/// The modules that decide; a folder of the same name belongs to the module.
const PURE: [(&str, &[&str]); 5] = [
    (
        "amqp-admin",
        &[
            "queue", "classify", "backlog", "name", "paladin", "plan", "report", "survey",
            "wanted", "words",
        ],
    ),
    ("amqp-gateway", &["account", "frame", "rules", "session", "tags", "wire"]),
    ("kubectl-plugin", &["select", "holders", "plan", "proof", "report", "timeline"]),
    (
        "prover-host",
        &[
            "cleaning",
            "course",
            "ending",
            "generation",
            "hex",
            "last_words",
            "logs",
            "pace",
            "progress",
            "proof",
            "proof_file",
            "reason",
            "report",
            "restarts",
            "serializer",
            "tally",
            "tasks",
            "turn",
            "verdict",
            "view",
        ],
    ),
    (
        "scaler",
        &["trigger", "snapshot", "decide", "drain", "election", "page", "proofs", "protect"],
    ),
];
/// What stands for input and output.
const IO: [&str; 6] = ["axum", "kube", "lapin", "reqwest", "tokio", "tonic"];
/// Parts of the names under which a broker reports how many there are.
const COUNTS: [&str; 8] =
    ["messages", "ready", "unack", "count", "total", "consumers", "depth", "length"];

pub(super) fn decisions_import_no_io(tree: &Tree) -> Vec<Finding> {
    tree.rust().filter(|file| is_pure(&file.path)).flat_map(imports_of_io).collect()
}

/// A count that the broker did not send would be read as nothing to do.
pub(super) fn no_count_has_a_default(tree: &Tree) -> Vec<Finding> {
    let wire = tree.rust().filter(|file| file.path.starts_with("amqp-admin/src/"));
    wire.flat_map(defaulted_counts).collect()
}

fn is_pure(path: &str) -> bool {
    PURE.iter().any(|(package, modules)| {
        let inside = path.strip_prefix(package).and_then(|rest| rest.strip_prefix("/src/"));
        let first = inside.and_then(|rest| rest.split(['/', '.']).next());
        first.is_some_and(|module| modules.contains(&module))
    })
}

fn imports_of_io(file: &File) -> Vec<Finding> {
    let mut found = Vec::new();
    for (number, line) in file.lines().filter(|(_, line)| !is_comment(line)) {
        // A name in a text of a log line is not a use.
        let uses = |package: &&&str| line.split('"').step_by(2).any(|code| has_word(code, package));
        for package in IO.iter().filter(uses) {
            let fault = format!("this module decides and does not do: it cannot use `{package}`");
            found.push(Finding::new(file, number, fault));
        }
    }
    found
}

/// The attribute stands over one field, or over a structure and then over all its fields.
fn defaulted_counts(file: &File) -> Vec<Finding> {
    let lines: Vec<(usize, &str)> = file.lines().collect();
    let mut found = Vec::new();
    for (at, (number, line)) in lines.iter().enumerate() {
        if !line.trim_start().starts_with("#[serde(") || !has_word(line, "default") {
            continue;
        }
        let below = lines.iter().skip(at + 1).map(|(_, line)| line.trim());
        let mut below = below.filter(|line| !line.starts_with("#[") && !is_comment(line));
        let Some(item) = below.next() else { continue };
        let is_count = |field: &str| COUNTS.iter().any(|count| name_of(field).contains(count));
        let struct_holds_one =
            has_word(item, "struct") && below.take_while(|l| *l != "}").any(is_count);
        if struct_holds_one || (!has_word(item, "struct") && is_count(item)) {
            let fault = "a count that was not sent is unknown, not a default: make it an `Option`";
            found.push(Finding::new(file, *number, fault));
        }
    }
    found
}

/// The name of a field; nothing on a line that declares none.
fn name_of(line: &str) -> &str {
    line.split_once(':').map_or("", |(name, _)| name)
}

fn is_comment(line: &str) -> bool {
    line.trim_start().starts_with("//")
}

#[cfg(test)]
mod tests {
    use super::super::sample::{places, tree};
    use super::*;

    #[test]
    fn a_decision_that_imports_io_is_found() {
        let files = [
            (
                "scaler/src/decide.rs",
                "//! x\n// not tokio\nuse tokio::time::sleep;\nf(\"lapin\");\n",
            ),
            ("scaler/src/page/chart.rs", "fn f() { axum::serve(); }\n"),
            ("scaler/src/grpc.rs", "use tonic::Status;\n"),
            ("amqp-admin/src/queue.rs", "use crate::name::QueueName;\n"),
        ];
        let found = decisions_import_no_io(&tree(&files));
        assert_eq!(places(&found), ["scaler/src/decide.rs:3", "scaler/src/page/chart.rs:1"]);
    }

    #[test]
    fn a_defaulted_count_is_found() {
        let text = "#[serde(default)]\n/// Words.\n#[other]\nmessages_ready: u64,\n\
                    #[serde(default)]\narguments: Map,\n\
                    #[serde(rename = \"default\")]\nnode: String,\n";
        let files = [("amqp-admin/src/management/wire.rs", text), ("scaler/src/a.rs", text)];
        let found = no_count_has_a_default(&tree(&files));
        assert_eq!(places(&found), ["amqp-admin/src/management/wire.rs:1"]);
    }

    #[test]
    fn a_structure_of_defaulted_counts_is_found() {
        let bad =
            "#[serde(default, rename_all = \"x\")]\npub struct Totals {\n    consumers: u64,\n}\n";
        let good =
            "#[serde(default)]\nstruct Listener {\n    port: u16,\n}\nstruct B { messages: u64 }";
        let files = [("amqp-admin/src/a.rs", bad), ("amqp-admin/src/b.rs", good)];
        assert_eq!(places(&no_count_has_a_default(&tree(&files))), ["amqp-admin/src/a.rs:1"]);
    }
}
