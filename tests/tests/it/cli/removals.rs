//! The commands that take messages away: purge, remove, abort, orphans, move. One test for each:
//! what it says and does when all is well, and what when it is not.

use tests::access::Access;
use tests::zero::Answer;

use super::desk::Desk;
use super::tasks::{OTHER, QUEUE, WANTED};
use crate::user::{Rights, User};

/// All of a queue as it is laid.
const ALL: usize = 7;

#[tokio::test]
async fn purge_empties_a_queue_into_a_backup() {
    let Some(mut desk) = Desk::laid("purge").await else { return };
    desk.run(7, &["purge", "--queue", QUEUE]);
    desk.run(0, &["purge", "--queue", QUEUE, "--dry-run"]);
    std::fs::write(desk.file("there"), "already").unwrap();
    desk.run(1, &["purge", "--queue", QUEUE, "--yes", "--backup", "there"]);
    desk.run(4, &["purge", "--queue", "nowhere", "--yes"]);
    desk.run(2, &["purge"]);
    assert_eq!(desk.left_in(QUEUE).await, ALL, "nothing was changed");
    assert_eq!(std::fs::read(desk.file("there")).unwrap(), b"already");

    desk.fill(QUEUE).await;
    let purge = ["purge", "--queue", QUEUE, "--yes", "--reason", "a test"];
    desk.run(0, &purge);
    assert_eq!(desk.left_in(QUEUE).await, 0);
    desk.run(0, &purge);
    desk.run(4, &[&purge, ["--fail-empty"].as_slice()].concat());
    desk.fill(QUEUE).await;
    desk.run(0, &["purge", "--queue", QUEUE, "--yes", "--no-backup"]);
    assert_eq!(desk.left_in(QUEUE).await, 0);
    insta::assert_snapshot!("purge", desk.record());
}

#[tokio::test]
async fn everything_is_purged_in_order_and_a_leader_that_waits_is_named() {
    let Some(mut desk) = Desk::laid("purge_all").await else { return };
    desk.amqp.paladin_queue("command-ipc-routing-key").await.unwrap();
    desk.amqp.publish("command-ipc-routing-key", 1).await.unwrap();
    desk.amqp.paladin_queue(WANTED.result_queue).await.unwrap();
    desk.amqp.publish(WANTED.result_queue, 2).await.unwrap();
    let leader = desk.leader(OTHER.result_queue).await;
    desk.run(7, &["purge", "--all"]);
    desk.run(0, &["purge", "--all", "--yes", "--backup", "all.backup"]);
    assert_eq!(desk.left_in(QUEUE).await, 0);
    leader.close().await.unwrap();
    insta::assert_snapshot!("purge_all", desk.record());
}

#[tokio::test]
async fn a_purge_of_two_queues_of_which_one_is_denied_is_partial() {
    let Some(mut desk) = Desk::set("partial").await else { return };
    for queue in ["allowed", "denied"] {
        desk.amqp.paladin_queue(queue).await.unwrap();
        desk.fill(queue).await;
    }
    let name = desk.vhost.name().to_owned();
    let admin = desk.vhost.access().clone();
    let user = User::add(&admin, &name, "us3rs-pa55word");
    desk.secrets.push("us3rs-pa55word".to_owned());
    user.may(&name, Rights { read: "^allowed$", ..Rights::ALL });
    let zero = desk.zero_as(&user.access);
    let both = ["purge", "--queue", "allowed", "--queue", "denied", "--yes", "--backup", "b"];
    desk.run_as(&zero, 3, &both);
    let denied = ["purge", "--queue", "denied", "--yes", "--backup", "c"];
    desk.run_as(&zero, 1, &denied);
    assert_eq!((desk.left_in("allowed").await, desk.left_in("denied").await), (0, ALL));
    insta::assert_snapshot!("partial", desk.record());
}

#[tokio::test]
async fn remove_takes_the_tasks_of_one_proof_and_nobody_elses() {
    let Some(mut desk) = Desk::laid("remove").await else { return };
    desk.amqp.paladin_queue(WANTED.result_queue).await.unwrap();
    desk.run(7, &["remove", "--block", "7"]);
    desk.run(0, &["remove", "--block", "7", "--dry-run"]);
    desk.run(2, &["remove", "--block", "9..5", "--yes"]);
    desk.run(2, &["remove", "--block", "seven", "--yes"]);
    desk.run(2, &["remove", "--yes"]);
    desk.run(4, &["remove", "--block", "5..6", "--yes", "--fail-empty"]);
    std::fs::write(desk.file("there"), "already").unwrap();
    desk.run(1, &["remove", "--proof", "tip-7", "--yes", "--backup", "there"]);
    assert_eq!(desk.left_in(QUEUE).await, ALL, "nothing was changed");

    desk.fill(QUEUE).await;
    desk.run(0, &["remove", "--proof", "tip-7", "--yes"]);
    assert_eq!(desk.left_in(QUEUE).await, ALL - 3);
    insta::assert_snapshot!("remove", desk.record());
}

#[tokio::test]
async fn abort_removes_and_ends_the_leader() {
    let Some(mut desk) = Desk::laid("abort").await else { return };
    let mut leader = desk.leader(WANTED.result_queue).await;
    std::fs::write(desk.file("password"), format!("{}\n", desk.vhost.access().password)).unwrap();
    let access = Access { password: "-".to_owned(), ..desk.vhost.access().clone() };
    let zero = desk.zero_as(&access);
    desk.run_as(&zero, 7, &["--password-file", "password", "abort", "--block", "7"]);
    desk.run_as(&zero, 1, &["--password-file", "none", "abort", "--block", "7", "--yes"]);
    desk.run_as(&zero, 0, &["--password-file", "password", "abort", "--block", "7", "--yes"]);
    leader.take(1).await.unwrap();
    desk.run(0, &["abort", "--block", "7", "--yes"]);
    assert_eq!(desk.left_in(QUEUE).await, ALL - 3);
    insta::assert_snapshot!("abort", desk.record());
}

#[tokio::test]
async fn orphans_are_told_and_reclaimed() {
    let Some(mut desk) = Desk::laid("orphans").await else { return };
    let leader = desk.leader(OTHER.result_queue).await;
    desk.amqp.paladin_queue("AbCdE").await.unwrap();
    desk.amqp.publish("AbCdE", 2).await.unwrap();
    desk.run(0, &["orphans"]);
    desk.run(6, &["status"]);
    desk.run(7, &["orphans", "--reclaim"]);
    let nowhere = desk.zero_nowhere();
    desk.run_as(&nowhere, 1, &["orphans"]);
    desk.run(0, &["orphans", "--reclaim", "--yes"]);
    desk.run(0, &["orphans"]);
    desk.run(4, &["orphans", "--reclaim", "--fail-empty", "--yes"]);
    assert_eq!(desk.left_in(QUEUE).await, ALL - 3, "tasks of a leader that waits stay");
    leader.close().await.unwrap();
    insta::assert_snapshot!("orphans", desk.record());
}

/// Emptying a queue takes `read`, deleting it `configure`.
#[tokio::test]
async fn what_was_taken_out_of_a_queue_that_may_not_be_deleted_is_told_and_can_be_put_back() {
    let Some(mut desk) = Desk::set("half_reclaimed").await else { return };
    desk.amqp.paladin_queue("AbCdE").await.unwrap();
    desk.amqp.publish("AbCdE", 3).await.unwrap();
    let name = desk.vhost.name().to_owned();
    let admin = desk.vhost.access().clone();
    let user = User::tagged(&admin, "monitoring", (&name, "us3rs-pa55word"));
    desk.secrets.push("us3rs-pa55word".to_owned());
    user.may(&name, Rights { configure: "^$", ..Rights::ALL });
    let zero = desk.zero_as(&user.access);
    desk.run_as(&zero, 3, &["orphans", "--reclaim", "--yes", "--backup", "results"]);
    assert_eq!(desk.left_in("AbCdE").await, 0);
    desk.run(0, &["restore", "results", "--yes"]);
    assert_eq!(desk.left_in("AbCdE").await, 3);
    insta::assert_snapshot!("half_reclaimed", desk.record());
}

#[tokio::test]
async fn move_puts_messages_into_another_queue() {
    let Some(mut desk) = Desk::laid("move").await else { return };
    desk.amqp.paladin_queue("parked").await.unwrap();
    desk.run(2, &["move", QUEUE, QUEUE, "--everything", "--yes"]);
    desk.run(4, &["move", QUEUE, "nowhere", "--everything", "--yes"]);
    desk.run(2, &["move", QUEUE, "parked", "--yes"]);
    desk.run(7, &["move", QUEUE, "parked", "--block", "7"]);
    desk.run(0, &["move", QUEUE, "parked", "--block", "7", "--yes"]);
    desk.run(0, &["move", "parked", QUEUE, "--everything", "--dry-run"]);
    assert_eq!((desk.left_in(QUEUE).await, desk.left_in("parked").await), (ALL - 3, 3));
    desk.run(4, &["move", "parked", QUEUE, "--everything", "--yes", "--fail-empty"]);
    insta::assert_snapshot!("move", desk.record());
}

/// Messages in the hands of workers stay, and the plan says whose: of this vhost, not of others.
#[tokio::test]
async fn only_holders_of_the_vhost_are_named() {
    let Some(mut desk) = Desk::laid("holders").await else { return };
    let Some(other) = Desk::laid("holders_elsewhere").await else { return };
    let (one, two) =
        (desk.amqp.hold(QUEUE, 1).await.unwrap(), other.amqp.hold(QUEUE, 2).await.unwrap());
    let plan = ["purge", "--queue", QUEUE, "--dry-run"];
    let named = |answer: &Answer| answer.stderr.contains("127.0.0.1:");
    let told = desk.run_until(0, &plan, named).await;
    assert_eq!(told.stderr.matches("127.0.0.1:").count(), 1, "{}", told.stderr);
    assert!(told.stderr.contains("1 message is in workers' hands"), "{}", told.stderr);
    one.close().await.unwrap();
    two.close().await.unwrap();
}
