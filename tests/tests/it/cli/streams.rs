//! What goes to which stream, and a reader that goes away.

use std::process::{Command, Stdio};

use tests::zero::Answer;

use super::desk::Desk;
use super::tasks::QUEUE;

fn with_closed_stdout(mut command: Command) -> Answer {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let child = command.stdout(writer).stderr(Stdio::piped()).spawn().unwrap();
    drop(command);
    child.wait_with_output().unwrap().try_into().unwrap()
}

#[tokio::test]
async fn a_reader_that_has_gone_is_no_failure() {
    let Some(desk) = Desk::laid("closed_stdout").await else { return };
    let commands: [&[&str]; 6] = [
        &["queues"],
        &["queues", "-o", "json"],
        &["queues", "show", QUEUE],
        &["peek", QUEUE, "--raw"],
        &["completion", "bash"],
        &["--help"],
    ];
    for args in commands {
        let answer = with_closed_stdout(desk.zero().command(args).unwrap());
        assert_eq!((answer.code, answer.stderr.as_str()), (Some(0), ""), "{args:?}");
    }
}

#[tokio::test]
async fn a_plan_is_carried_out_when_nobody_reads_the_report() {
    let Some(desk) = Desk::laid("closed_report").await else { return };
    let args = ["purge", "--queue", QUEUE, "--yes", "--backup", "all.backup", "-o", "json"];
    let answer = with_closed_stdout(desk.zero().command(&args).unwrap());
    assert_eq!(answer.code, Some(0), "{answer:?}");
    assert!(answer.stderr.contains("restore all.backup"), "{}", answer.stderr);
    assert_eq!(desk.left_in(QUEUE).await, 0);
}

#[tokio::test]
async fn errors_are_words_and_no_data() {
    let Some(desk) = Desk::laid("error_streams").await else { return };
    for format in ["table", "wide", "json", "yaml", "name"] {
        for args in [["queues", "show", "nowhere"].as_slice(), &["peek", "nowhere"]] {
            let answer = desk.try_as(&desk.zero(), &[args, &["-o", format]].concat());
            assert_eq!((answer.code, answer.stdout.as_str()), (Some(4), ""), "{args:?}");
            assert!(answer.stderr.starts_with("error: "), "{}", answer.stderr);
            assert_eq!(answer.stderr.lines().count(), 1, "{}", answer.stderr);
        }
    }
}
