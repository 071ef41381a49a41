//! Restores of files with more than one queue in them, and of one that is interrupted.

use std::process::Stdio;

use amqp_admin::{BackupWriter, Message, Opening, QueueName};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tests::poll;
use tests::zero::Answer;
use tokio::process::Command;

use super::desk::{Desk, LIMIT};
use super::tasks::{OTHER, QUEUE, WANTED, take};

/// Messages of a file that takes a restore a second or so.
const MANY: u64 = 30_000;

/// Writes a backup of messages in turns of these queues.
fn write(desk: &Desk, queues: &[&str], messages: u64) {
    let opening = Opening {
        made_by: "tests".into(),
        made_at: "2026-01-01T00:00:00Z".into(),
        vhost: desk.vhost.name().into(),
        reason: "a test".into(),
    };
    let mut writer = BackupWriter::create(&desk.file("b"), &opening).unwrap();
    for number in 0..messages {
        for queue in queues {
            let body = WANTED.body(number, &[7; 10]);
            let message = Message { body, ..Message::default() };
            writer.add(&QueueName::new(queue).unwrap(), &message, false).unwrap();
        }
    }
    writer.close().unwrap();
}

/// Messages of several queues in turns, the same ones in each: as many as there were.
#[tokio::test]
async fn each_queue_of_a_file_gets_its_own_messages() {
    let Some(mut desk) = Desk::set("restore_queues").await else { return };
    let queues = [QUEUE, OTHER.result_queue, WANTED.result_queue];
    write(&desk, &queues, 3);
    for queue in &queues[..2] {
        desk.amqp.paladin_queue(queue).await.unwrap();
    }
    desk.run(4, &["restore", "b", "--yes"]);
    for queue in &queues[..2] {
        assert_eq!(desk.left_in(queue).await, 0, "nothing is put back while one has no place");
    }
    desk.amqp.paladin_queue(queues[2]).await.unwrap();
    desk.run(0, &["restore", "b", "--yes"]);
    desk.run(0, &["restore", "b", "--yes"]);
    for queue in queues {
        assert_eq!(take(&desk.amqp, queue).await.len(), 3, "{queue}");
    }
    desk.run(0, &["restore", "b", "--to", QUEUE, "--yes"]);
    desk.run(0, &["restore", "b", "--to", QUEUE, "--yes"]);
    desk.run(0, &["restore", "b", "--to", QUEUE, "--even-if-present", "--yes"]);
    assert_eq!(desk.left_in(QUEUE).await, 18, "equal messages count as often as they were");
    insta::assert_snapshot!("restore_queues", desk.record());
}

#[tokio::test]
async fn a_restore_that_is_interrupted_tells_what_is_back() {
    let Some(desk) = Desk::set("restore_interrupted").await else { return };
    desk.amqp.paladin_queue(QUEUE).await.unwrap();
    write(&desk, &[QUEUE], MANY);
    let command = desk.zero().command(&["restore", "b", "--yes", "-o", "json"]).unwrap();
    let mut command = Command::from(command);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.kill_on_drop(true).spawn().unwrap();
    let pid = child.id().and_then(|id| Pid::from_raw(id.cast_signed())).unwrap();
    let begun = poll::until("the first messages to be back", LIMIT, async || {
        let ready = desk.amqp.ready(QUEUE).await.map_err(|error| error.to_string())?;
        if ready > 0 { Ok(()) } else { Err("none is".to_owned()) }
    });
    begun.await.unwrap();
    // It has not been waited for, so the number is still its own.
    kill_process(pid, Signal::INT).unwrap();
    let answer: Answer = child.wait_with_output().await.unwrap().try_into().unwrap();
    assert_eq!(answer.code, Some(130), "{answer:?}");
    assert!(answer.stderr.contains("stopped: restoring the same file again"), "{answer:?}");
    let told: Value = serde_json::from_str(&answer.stdout).unwrap();
    let restored = told[0]["restored"].as_u64().unwrap();
    assert!(restored < MANY, "it was interrupted: {told}");
    assert_eq!(desk.amqp.ready(QUEUE).await.unwrap(), restored, "{told}");

    let rest = desk.try_as(&desk.zero(), &["restore", "b", "--yes"]);
    assert_eq!(rest.code, Some(0), "{rest:?}");
    assert_eq!(desk.amqp.ready(QUEUE).await.unwrap(), MANY, "each is there once");
}
