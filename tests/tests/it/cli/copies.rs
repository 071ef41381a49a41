//! The commands about files: backup and restore; and completion. One test for each: what it says
//! and does when all is well, and what when it is not.

use std::process::{Command, Stdio};

use tests::zero::Zero;

use super::desk::Desk;
use super::tasks::{QUEUE, WANTED, take};

#[tokio::test]
async fn backup_copies_and_leaves() {
    let Some(mut desk) = Desk::laid("backup").await else { return };
    desk.run(0, &["backup", QUEUE, "--file", "all.backup"]);
    desk.run(0, &["backup", QUEUE, "--file", "block.backup", "--block", "7"]);
    let before = std::fs::read(desk.file("all.backup")).unwrap();
    desk.run(1, &["backup", QUEUE, "--file", "all.backup"]);
    assert_eq!(std::fs::read(desk.file("all.backup")).unwrap(), before, "it is as it was");
    desk.run(1, &["backup", QUEUE, "--file", "no/such/folder"]);
    desk.run(4, &["backup", "nowhere", "--file", "none.backup"]);
    assert!(!desk.file("none.backup").exists());
    desk.run(2, &["backup", QUEUE]);
    assert_eq!(desk.left_in(QUEUE).await, 7);
    insta::assert_snapshot!("backup", desk.record());
}

#[tokio::test]
async fn restore_puts_back_each_message_once() {
    let Some(mut desk) = Desk::laid("restore").await else { return };
    desk.run(0, &["remove", "--block", "7", "--yes", "--backup", "block.backup"]);
    desk.run(7, &["restore", "block.backup"]);
    desk.run(0, &["restore", "block.backup", "--dry-run"]);
    desk.run(0, &["restore", "block.backup", "--yes"]);
    desk.run(0, &["restore", "block.backup", "--yes"]);
    let left = take(&desk.amqp, QUEUE).await;
    assert_eq!(left.len(), 7, "each is there once");
    let back: Vec<_> = (0..3).map(|place| WANTED.body(place, &[7; 100])).collect();
    assert_eq!(left[4..], back);

    desk.amqp.paladin_queue("parked").await.unwrap();
    desk.run(0, &["restore", "block.backup", "--to", "parked", "--yes"]);
    assert_eq!(take(&desk.amqp, "parked").await, back);
    insta::assert_snapshot!("restore", desk.record());
}

#[tokio::test]
async fn a_backup_that_cannot_be_restored_says_why() {
    let Some(mut desk) = Desk::laid("restore_fails").await else { return };
    desk.run(0, &["remove", "--block", "7", "--yes", "--backup", "block.backup"]);
    let mut bytes = std::fs::read(desk.file("block.backup")).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(desk.file("damaged.backup"), &bytes).unwrap();
    desk.run(1, &["restore", "damaged.backup", "--yes"]);
    desk.run(1, &["restore", "none.backup", "--yes"]);
    std::fs::write(desk.file("words.txt"), "these are words and no backup").unwrap();
    desk.run(1, &["restore", "words.txt", "--yes"]);
    assert_eq!(desk.left_in(QUEUE).await, 4, "nothing was put back");

    desk.amqp.delete(QUEUE).await.unwrap();
    desk.run(4, &["restore", "block.backup", "--yes"]);
    let unknown = desk.zero_unknown();
    desk.run_as(&unknown, 1, &["restore", "block.backup", "--yes"]);
    insta::assert_snapshot!("restore_fails", desk.record());
}

/// Whoever wrote it was killed: what was removed by then stands before the cut.
#[tokio::test]
async fn a_backup_that_was_cut_short_is_restored_up_to_the_cut() {
    let Some(mut desk) = Desk::laid("restore_cut").await else { return };
    desk.run(0, &["remove", "--block", "7", "--yes", "--backup", "whole.backup"]);
    let bytes = std::fs::read(desk.file("whole.backup")).unwrap();
    // The closing record is shorter than a message's: this cut goes through the last message.
    std::fs::write(desk.file("cut.backup"), &bytes[..bytes.len() - 200]).unwrap();
    desk.run(0, &["restore", "cut.backup", "--yes"]);
    desk.run(0, &["restore", "whole.backup", "--yes"]);
    assert_eq!(desk.left_in(QUEUE).await, 7, "each is there once");
    // Nothing but a beginning is no backup.
    std::fs::write(desk.file("stub.backup"), &bytes[..5]).unwrap();
    desk.run(1, &["restore", "stub.backup", "--yes"]);
    insta::assert_snapshot!("restore_cut", desk.record());
}

/// How a shell is told to read a script and do nothing.
const SHELLS: [(&str, &str); 3] = [("bash", "-n"), ("zsh", "-n"), ("fish", "--no-execute")];

#[test]
fn completion_scripts_are_accepted_by_their_shells() {
    let folder = tempfile::tempdir().unwrap();
    let mut accepted = Vec::new();
    for (shell, check) in SHELLS {
        let script = Zero::at(folder.path()).run(&["completion", shell]).unwrap();
        assert_eq!((script.code, script.stderr.as_str()), (Some(0), ""), "{shell}");
        for command in ["status", "queues", "peek", "restore", "--amqp-uri", "--fail-empty"] {
            let word = command.trim_start_matches("--");
            assert!(script.stdout.contains(word), "{shell} is not taught {command}");
        }
        let path = folder.path().join(shell);
        std::fs::write(&path, &script.stdout).unwrap();
        let mut command = Command::new(shell);
        let Ok(read) = command.arg(check).arg(&path).stdin(Stdio::null()).output() else {
            continue; // That shell is not on this machine.
        };
        assert!(read.status.success() && read.stderr.is_empty(), "{shell}: {read:?}");
        accepted.push(shell);
    }
    assert!(accepted.contains(&"bash"), "{accepted:?}");
}

#[test]
fn completion_for_an_unknown_shell_or_for_none_is_a_wrong_command_line() {
    let folder = tempfile::tempdir().unwrap();
    for (args, names) in [(["completion", "tcsh"].as_slice(), "tcsh"), (&["completion"], "bash")] {
        let answer = Zero::at(folder.path()).run(args).unwrap();
        assert_eq!((answer.code, answer.stdout.as_str()), (Some(2), ""));
        assert!(answer.stderr.contains(names) && answer.stderr.contains("--help"), "{answer:?}");
    }
}

/// kubectl asks for candidates under a name of its own; those that are queues come from the broker.
#[tokio::test]
async fn names_of_queues_are_completed() {
    let Some(desk) = Desk::laid("completed").await else { return };
    let zero = desk.zero().called("kubectl_complete-zero");
    let answer = desk.try_as(&zero, &["queues", "show", "task-"]);
    assert_eq!((answer.code, answer.stderr.as_str()), (Some(0), ""), "{answer:?}");
    assert!(answer.stdout.starts_with(&format!("{QUEUE}\n:")), "{answer:?}");
    let none =
        desk.try_as(&desk.zero_nowhere().called("kubectl_complete-zero"), &["peek", "task-"]);
    assert_eq!((none.code, none.stderr.as_str()), (Some(0), ""), "nobody is told why: {none:?}");
}
