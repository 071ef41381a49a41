//! Restores of files with more than one queue in them, and of one that is interrupted.

use std::path::Path;
use std::process::Stdio;

use amqp_admin::{BackupWriter, Message, Opening, QueueName};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tests::amqp::Amqp;
use tests::harness;
use tests::poll;
use tests::rabbitmq::RabbitConfig;
use tests::zero::{Answer, Zero};
use tokio::process::Command;

use super::desk::{Desk, LIMIT};
use super::tasks::{OTHER, QUEUE, WANTED, take};

/// Messages of a file that takes a restore a second or so.
const MANY: u64 = 30_000;

/// Writes a backup of messages in turns of these queues.
fn write(desk: &Desk, queues: &[&str], messages: u64) {
    let bodies = (0..messages)
        .flat_map(|number| queues.iter().map(move |queue| (*queue, WANTED.body(number, &[7; 10]))));
    write_all(&desk.file("b"), desk.vhost.name(), bodies);
}

fn write_all<'a>(path: &Path, vhost: &str, messages: impl IntoIterator<Item = (&'a str, Vec<u8>)>) {
    let opening = Opening {
        made_by: "tests".into(),
        made_at: "2026-01-01T00:00:00Z".into(),
        vhost: vhost.into(),
        reason: "a test".into(),
    };
    let mut writer = BackupWriter::create(path, &opening).unwrap();
    for (queue, body) in messages {
        let message = Message { body, ..Message::default() };
        writer.add(&QueueName::new(queue).unwrap(), &message, false).unwrap();
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

/// A file whose second message this broker does not take.
#[tokio::test]
async fn a_message_that_is_too_large_for_the_broker_is_told_once_with_the_setting_that_helps() {
    let test = "restore_too_large";
    let extra_conf = "max_message_size = 100000".to_owned();
    let config = RabbitConfig { extra_conf, ..RabbitConfig::default() };
    let Some(broker) = harness::private_broker(test, &config) else { return };
    let amqp = Amqp::connect(&broker.amqp_uri("/")).await.unwrap();
    amqp.paladin_queue(QUEUE).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let messages = [50_000, 200_000].map(|size| (QUEUE, vec![7; size]));
    write_all(&folder.path().join("b"), "/", messages);
    let zero = Zero::at(folder.path()).broker(broker.access(), "/");
    let answer = zero.run(&["restore", "b", "--yes"]).unwrap();
    assert_eq!(answer.code, Some(1), "{answer:#?}");
    let told = answer.stderr;
    for part in ["larger than", "max_message_size", "100000"] {
        assert_eq!(told.matches(part).count(), 1, "{part}: {told}");
    }
    assert!(!told.contains("again puts back the rest"), "it would end the same: {told}");
    assert!(told.contains("then restore the same file again"), "{told}");
}
