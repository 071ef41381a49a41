//! Tests wait for something, never for a time.

use super::{File, Finding, Tree};

/// The one place that may: it polls until something is so, or a deadline has passed.
const POLL: &str = "tests/src/poll.rs";
/// Written in two parts, or this file would find itself.
const SLEEP: &str = concat!("sle", "ep(");

pub(super) fn no_sleeping_in_tests(tree: &Tree) -> Vec<Finding> {
    tree.rust().filter(|file| file.path != POLL).flat_map(sleeps).collect()
}

fn sleeps(file: &File) -> Vec<Finding> {
    let skipped = if is_test(&file.path) { 0 } else { file.lines_of_product() };
    let tested = file.lines().skip(skipped);
    let found =
        tested.filter(|(_, line)| !line.trim_start().starts_with("//") && line.contains(SLEEP));
    let fault = "a test waits for something to be so (`tests::poll`), not for time to pass";
    found.map(|(number, _)| Finding::new(file, number, fault)).collect()
}

/// Whether all of a file is test code; the stand-in provers are programs that take their time, and
/// a measurement lets time pass.
fn is_test(path: &str) -> bool {
    let stand_in_program = path.starts_with("tests/stand-in/") && !path.contains("/tests/");
    let program = stand_in_program || path.starts_with("tests/src/bench/");
    (path.starts_with("tests/") || path.contains("/tests/")) && !program
        || path.ends_with("/tests.rs")
}

#[cfg(test)]
mod tests {
    use super::super::sample::{places, tree};
    use super::*;

    #[test]
    fn sleeping_is_found_where_tests_are() {
        let line = format!("tokio::time::{SLEEP}a_while).await;\n");
        let unit = format!("//! x\n{line}#[cfg(test)]\nmod tests {{\n{line}");
        let comment = format!("// {line}");
        let files = [
            ("scaler/src/poller.rs", &*unit),
            ("scaler/tests/it/main.rs", &line),
            ("tests/src/rabbitmq.rs", &line),
            ("tests/tests/it/outage.rs", &comment),
            ("tests/stand-in/v0.6/tests/a.rs", &line),
            ("tests/stand-in/src/work.rs", &line),
            ("tests/src/bench/minute.rs", &line),
            (POLL, &line),
        ];
        let found = no_sleeping_in_tests(&tree(&files));
        let expected = [
            "scaler/src/poller.rs:5",
            "scaler/tests/it/main.rs:1",
            "tests/src/rabbitmq.rs:1",
            "tests/stand-in/v0.6/tests/a.rs:1",
        ];
        assert_eq!(places(&found), expected);
    }
}
