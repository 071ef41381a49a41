//! The commands that only look: status, queues, peek. One test for each: what it says when all is
//! well, and what when it is not.

use tests::zero::{Answer, Zero};

use super::desk::{Desk, TASKS};
use super::tasks::{QUEUE, WANTED, take};

#[tokio::test(flavor = "multi_thread")]
async fn status_tells_the_whole_and_what_is_wrong() {
    let Some(mut desk) = Desk::laid("status").await else { return };
    desk.run(6, &["status"]);
    let worker = desk.consumer(QUEUE).await;
    desk.run_until(0, &["status"], |_| true).await;
    worker.close().await.unwrap();
    let (unknown, nowhere) = (desk.zero_unknown(), desk.zero_nowhere());
    desk.run_as(&unknown, 1, &["status"]);
    desk.run_as(&nowhere, 1, &["status"]);
    insta::assert_snapshot!("status", desk.record());
}

#[tokio::test]
async fn queues_lists_them_with_their_roles() {
    let Some(mut desk) = Desk::laid("queues").await else { return };
    desk.amqp.paladin_queue(WANTED.result_queue).await.unwrap();
    desk.amqp.paladin_queue("command-ipc-routing-key").await.unwrap();
    desk.amqp.paladin_queue("set-aside").await.unwrap();
    desk.run(0, &["queues"]);
    let worker = desk.consumer(QUEUE).await;
    desk.run_until(0, &["queues", "-o", "wide"], |answer| answer.stdout.contains("127.0.0.1"))
        .await;
    drop(worker);
    desk.run(4, &["queues", "--vhost", "nowhere"]);
    let unknown = desk.zero_unknown();
    desk.run_as(&unknown, 1, &["queues"]);
    insta::assert_snapshot!("queues", desk.record());
}

#[tokio::test]
async fn queues_show_tells_all_of_one() {
    let Some(mut desk) = Desk::laid("queues_show").await else { return };
    // Its bytes are told late.
    let told = |answer: &Answer| answer.stdout.contains("689 B");
    desk.run_until(0, &["queues", "show", QUEUE], told).await;
    desk.run(2, &["queues", "show", QUEUE, "--tasks"]);
    desk.run(4, &["queues", "show", "nowhere"]);
    desk.run(2, &["queues", "show"]);
    insta::assert_snapshot!("queues_show", desk.record());
}

#[tokio::test]
async fn queues_show_tells_whose_tasks_answer_to_a_result_queue() {
    let Some(desk) = Desk::laid("queues_show_tasks").await else { return };
    desk.amqp.paladin_queue(WANTED.result_queue).await.unwrap();
    let args = ["queues", "show", WANTED.result_queue, "--tasks"];
    let told = desk.try_as(&desk.zero(), &args);
    assert_eq!(told.code, Some(0), "{told:#?}");
    // What stands above depends on what the broker has told by now.
    let (_, tasks) = told.stdout.split_at(told.stdout.find("ready tasks").unwrap());
    insta::assert_snapshot!(tasks, @"
    ready tasks    3
    of blocks      7
    of proofs      tip-7
    untold         1 message
    ");
    let words = "the task queues were looked into, everything was given back to its place\n";
    assert_eq!(told.stderr, words);
    assert_eq!(desk.left_in(QUEUE).await as u64, TASKS * 2 + 1);
}

#[tokio::test]
async fn peek_shows_the_first_messages_and_leaves_them() {
    let Some(mut desk) = Desk::laid("peek").await else { return };
    desk.run(0, &["peek", QUEUE, "-n", "2"]);
    desk.run(0, &["peek", QUEUE, "-o", "wide"]);
    desk.run(4, &["peek", "nowhere"]);
    let (folder, unknown) = (desk.folder.path().to_owned(), desk.zero_unknown());
    desk.run_as(&Zero::at(&folder), 2, &["peek", QUEUE]);
    desk.run_as(&unknown, 1, &["peek", QUEUE]);
    desk.run(4, &["peek", QUEUE, "--vhost", "nowhere"]);
    insta::assert_snapshot!("peek", desk.record());

    let left = take(&desk.amqp, QUEUE).await;
    assert_eq!(left.len() as u64, TASKS * 2 + 1);
    assert_eq!(left[0], WANTED.body(0, &[7; 100]), "the first is at its old place");
}

#[tokio::test]
async fn a_message_is_written_raw_as_it_is() {
    let Some(desk) = Desk::laid("peek_raw").await else { return };
    let output = desk.zero().command(&["peek", QUEUE, "--raw"]).unwrap().output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    assert_eq!(output.stdout, WANTED.body(0, &[7; 100]));
}
