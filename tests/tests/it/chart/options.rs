//! The chart types no option, and names no port or variable, that our programs do not have.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_norway::Value;
use tests::harness;

use super::{all_cases, list, pod, text, title};

/// What a program's `--help` prints.
fn help(command: &[&str]) -> String {
    let Some((program, act)) = command.split_first() else { return String::new() };
    let program = harness::binary(program).unwrap_or_else(|| panic!("there is no {program}"));
    let output = Command::new(program).args(act).arg("--help").output().unwrap();
    assert!(output.status.success(), "{command:?} --help");
    String::from_utf8(output.stdout).unwrap()
}

fn words<'a>(container: &'a Value, key: &str) -> Vec<&'a str> {
    list(container, key).iter().filter_map(Value::as_str).collect()
}

#[test]
fn every_option_is_one_of_the_program() {
    let mut known: BTreeMap<Vec<String>, String> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for (case, objects) in all_cases("chart::options") {
        let pods = objects.iter().filter_map(|object| Some((title(object), pod(object)?)));
        for (title, container) in pods.flat_map(|(title, pod)| {
            list(pod, "spec.containers").iter().map(move |c| (title.clone(), c))
        }) {
            let command = words(container, "command");
            let Some(program) = command.first().filter(|name| name.starts_with("zero-")) else {
                continue;
            };
            let told = known
                .entry(command.iter().map(|word| (*word).to_owned()).collect())
                .or_insert_with(|| help(&command));
            let own = words(container, "args").into_iter().take_while(|arg| *arg != "--");
            for option in own.map(|arg| arg.split('=').next().unwrap()) {
                let known = told.split_whitespace().any(|word| word == option);
                assert!(known, "{case}, {title}: {program} has no {option}");
                seen.insert(format!("{program} {option}"));
            }
        }
    }
    if !known.is_empty() {
        assert!(seen.len() > 30, "{seen:?}");
    }
}

/// With every addition of the chart the programs read their command lines: what fails is the broker, which is not there.
#[test]
fn the_programs_take_the_command_lines_whole() {
    for (case, objects) in all_cases("chart::command_lines") {
        for container in objects.iter().filter_map(pod).flat_map(|pod| list(pod, "spec.containers"))
        {
            let command = words(container, "command");
            let Some(program) = command.first().filter(|name| name.starts_with("zero-")) else {
                continue;
            };
            let home = tempfile::tempdir().unwrap();
            let here = |arg: &str| arg.replace("=/", &format!("={}/", home.path().display()));
            let mut run = Command::new(harness::binary(program).unwrap());
            run.args(&command[1..]).args(words(container, "args").into_iter().map(here));
            let output = run.current_dir(home.path()).env_clear().output().unwrap();
            let said = String::from_utf8(output.stderr).unwrap();
            assert_eq!(
                output.status.code(),
                Some(1),
                "{case}, {}: {said}",
                text(container, "name")
            );
            let expected = ["/secrets/", "cannot start `worker`", "worker"];
            assert!(expected.iter().any(|words| said.contains(words)), "{case}: {said}");
        }
    }
}
