//! What programs read: every command's JSON is as its schema says and no more, its keys, and the
//! same as YAML and as names.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use jsonschema::Validator;
use serde_json::{Value, json};

use super::desk::Desk;
use super::tasks::{OTHER, QUEUE, WANTED};
use crate::user::{Rights, User};

/// The schema, a definition for each command.
const SCHEMA: &str = include_str!("../../../../docs/schema/zero.schema.json");

/// What a command's output is called in the schema.
fn definition<'a>(args: &[&'a str]) -> &'a str {
    match args {
        ["queues", "show", ..] => "queuesShow",
        ["orphans", "--reclaim", ..] => "orphansReclaim",
        ["scale", "pause", ..] => "scalePause",
        ["scale", "resume", ..] => "scaleResume",
        ["witness", "check", ..] => "witnessCheck",
        ["witness", "analyze", ..] => "witnessAnalyze",
        ["prove", .., "--dry-run"] => "proveDryRun",
        ["proof", "show", ..] => "proofShow",
        ["proof", "download", ..] => "proofDownload",
        ["proof", "cancel", ..] => "proofCancel",
        ["proof", "retry", ..] => "proofRetry",
        [command, ..] => command,
        [] => panic!("no command"),
    }
}

/// What checks the output of a command.
fn validator(args: &[&str]) -> Validator {
    let mut schema: Value = serde_json::from_str(SCHEMA).unwrap();
    let name = definition(args);
    assert!(schema["$defs"][name].is_object(), "the schema has no `{name}`");
    let fields = schema.as_object_mut().unwrap();
    fields.remove("anyOf");
    fields.insert("$ref".to_owned(), format!("#/$defs/{name}").into());
    jsonschema::draft202012::new(&schema).unwrap()
}

/// Fails unless the data is as the schema says, and unless one key more would be noticed.
pub(super) fn check(args: &[&str], data: &Value) {
    let validator = validator(args);
    let wrong: Vec<String> = validator.iter_errors(data).map(|e| e.to_string()).collect();
    assert!(wrong.is_empty(), "{args:?}: {wrong:#?} in {data:#}");
    let (mut more, mut objects) = (data.clone(), 0);
    // One object after the other gets a key that no definition has.
    while add_key(&mut more, &mut objects.clone()) {
        assert!(!validator.is_valid(&more), "{args:?}: object {objects} is open: {more:#}");
        (more, objects) = (data.clone(), objects + 1);
    }
    assert!(objects > 0 || *data == json!([]), "{args:?}: no object was looked at");
}

/// Adds a key to the object with this number; `false`: there is none.
fn add_key(value: &mut Value, number: &mut usize) -> bool {
    match value {
        Value::Object(fields) if *number == 0 => {
            fields.insert("another".to_owned(), Value::Null);
            true
        }
        Value::Object(fields) => {
            *number -= 1;
            fields.values_mut().any(|field| add_key(field, number))
        }
        Value::Array(items) => items.iter_mut().any(|item| add_key(item, number)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

/// The keys of a value, each with those above it; `[]` stands for every item of a list.
fn keys(value: &Value, above: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                let path = format!("{above}.{name}");
                found.insert(path.clone());
                keys(field, &path, found);
            }
        }
        Value::Array(items) => {
            for item in items {
                keys(item, &format!("{above}[]"), found);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The data of a command, read.
fn data(desk: &Desk, format: &str, code: i32, args: &[&str]) -> Value {
    let answer = desk.try_as(&desk.zero(), &[args, &["-o", format]].concat());
    assert_eq!(answer.code, Some(code), "{args:?}: {answer:#?}");
    let read = match format {
        "json" => serde_json::from_str(&answer.stdout).map_err(|error| error.to_string()),
        _ => serde_norway::from_str(&answer.stdout).map_err(|error| error.to_string()),
    };
    let read = read.unwrap_or_else(|error| panic!("{args:?} as {format}: {error}: {answer:#?}"));
    check(args, &read);
    read
}

/// The keys of commands given one after the other.
fn keys_of(desk: &Desk, format: &str, commands: &[(i32, &[&str])]) -> String {
    let mut told = String::new();
    for (code, args) in commands {
        let mut found = BTreeSet::new();
        keys(&data(desk, format, *code, args), "", &mut found);
        writeln!(told, "zero {}", args.join(" ")).unwrap();
        for key in found {
            writeln!(told, "  {key}").unwrap();
        }
        told.push('\n');
    }
    told
}

fn names(desk: &Desk, args: &[&str]) -> Vec<String> {
    let answer = desk.try_as(&desk.zero(), &[args, &["-o", "name"]].concat());
    assert_eq!(answer.code, Some(0), "{args:?}: {answer:#?}");
    answer.stdout.lines().map(str::to_owned).collect()
}

/// Every list has an item in it: a leader, a worker, a queue without a leader, a warning.
async fn busy(test: &str) -> Option<(Desk, impl Sized)> {
    let desk = Desk::laid(test).await?;
    desk.amqp.paladin_queue("AbCdE").await.unwrap();
    let held = (desk.consumer(QUEUE).await, desk.leader(OTHER.result_queue).await);
    Some((desk, held))
}

#[tokio::test]
async fn what_looks_gives_the_same_keys_as_json_and_as_yaml() {
    let Some((desk, held)) = busy("json_looks").await else { return };
    let commands: [(i32, &[&str]); 8] = [
        (6, &["status"]),
        (6, &["doctor"]),
        (0, &["queues"]),
        (0, &["queues", "show", QUEUE]),
        (0, &["queues", "show", OTHER.result_queue, "--tasks"]),
        (0, &["peek", QUEUE]),
        (0, &["orphans"]),
        (0, &["orphans", "--reclaim", "--dry-run"]),
    ];
    let told = keys_of(&desk, "json", &commands);
    assert_eq!(keys_of(&desk, "yaml", &commands), told);
    drop(held);
    insta::assert_snapshot!("json_looks", told);
}

#[tokio::test]
async fn what_changes_gives_the_same_keys_as_json_and_as_yaml() {
    let commands: [(i32, &[&str]); 9] = [
        (0, &["backup", QUEUE, "--file", "all.backup"]),
        (0, &["remove", "--block", "7", "--dry-run"]),
        (0, &["remove", "--block", "7", "--yes", "--backup", "block.backup"]),
        (0, &["restore", "block.backup", "--dry-run"]),
        (0, &["restore", "block.backup", "--yes"]),
        (0, &["move", QUEUE, "parked", "--everything", "--yes"]),
        (0, &["purge", "--queue", "parked", "--dry-run"]),
        (0, &["purge", "--queue", "parked", "--no-backup", "--yes"]),
        (0, &["abort", "--block", "7", "--yes"]),
    ];
    let mut told = Vec::new();
    for format in ["json", "yaml"] {
        let Some(desk) = Desk::laid(&format!("changes_{format}")).await else { return };
        desk.amqp.paladin_queue("parked").await.unwrap();
        told.push(keys_of(&desk, format, &commands));
    }
    assert_eq!(told[0], told[1]);
    insta::assert_snapshot!("json_changes", told[0]);
}

#[tokio::test]
async fn numbers_are_numbers_and_words_stay_on_the_other_stream() {
    let Some(desk) = Desk::laid("json_values").await else { return };
    let row = data(&desk, "json", 0, &["queues"]);
    assert_eq!((&row[0]["name"], &row[0]["ready"]), (&QUEUE.into(), &7.into()));
    let first = &data(&desk, "json", 0, &["peek", QUEUE])[0];
    assert_eq!((&first["block"], &first["proof"]), (&7.into(), &"tip-7".into()));
    assert_eq!(first["resultQueue"], WANTED.result_queue);

    let args = ["remove", "--block", "7", "--yes", "--backup", "b", "-o", "json"];
    let answer = desk.try_as(&desk.zero(), &args);
    let done: Value = serde_json::from_str(&answer.stdout).unwrap();
    assert_eq!(done["dryRun"], false);
    let end = &done["report"]["outcomes"][0]["end"];
    assert_eq!(
        (&end["state"], &end["wanted"], &end["seen"]),
        (&"sifted".into(), &3.into(), &7.into())
    );
    assert_eq!(done["report"]["backup"], "b");
    assert!(answer.stderr.starts_with("In vhost "), "the plan is words: {}", answer.stderr);
}

/// Steps and outcomes of every kind.
#[tokio::test]
async fn every_outcome_is_as_its_schema_says() {
    let Some(desk) = Desk::laid("json_outcomes").await else { return };
    let mut leader = desk.leader(WANTED.result_queue).await;
    desk.amqp.paladin_queue("AbCdE").await.unwrap();
    data(&desk, "json", 0, &["abort", "--block", "7", "--dry-run"]);
    data(&desk, "json", 0, &["abort", "--block", "7", "--yes"]);
    leader.take(1).await.unwrap();
    data(&desk, "json", 0, &["orphans", "--reclaim", "--yes"]);

    let user = User::add(desk.vhost.access(), desk.vhost.name(), "us3rs-pa55word");
    user.may(desk.vhost.name(), Rights { read: "^$", ..Rights::ALL });
    let args = ["purge", "--queue", QUEUE, "--yes"];
    let zero = desk.zero_as(&user.access);
    let answer = desk.try_as(&zero, &[&args[..], &["-o", "json"]].concat());
    assert_eq!(answer.code, Some(1), "{answer:#?}");
    let denied: Value = serde_json::from_str(&answer.stdout).unwrap();
    assert_eq!(denied["report"]["outcomes"][0]["end"]["state"], "failed", "{denied:#}");
    check(&args, &denied);
}

#[tokio::test]
async fn names_alone_are_one_a_line() {
    let Some((desk, held)) = busy("names").await else { return };
    assert_eq!(names(&desk, &["queues"]), [QUEUE, "AbCdE", OTHER.result_queue]);
    assert_eq!(names(&desk, &["orphans"]), ["AbCdE", WANTED.result_queue]);
    drop(held);
}
