//! The commands that judge: doctor, and the scaler's explanation. One test for each: what it says
//! when all is well, and what when it is not.

use regex::Regex;
use tests::harness;
use tests::scaler::Launch;
use tests::zero::Answer;

use super::desk::{Desk, TASKS};
use super::tasks::{QUEUE, WANTED, confirmed, take};

#[tokio::test]
async fn doctor_tells_each_hazard_and_its_cure() {
    let Some(mut desk) = Desk::set("doctor").await else { return };
    for queue in [QUEUE, "command-ipc-routing-key"] {
        desk.amqp.paladin_queue(queue).await.unwrap();
    }
    for place in 0..=TASKS {
        WANTED.publish(&desk.amqp, QUEUE, &WANTED.body(place, &[7; 100])).await;
    }
    confirmed(&desk.amqp).await;
    // One worker takes tasks and commands, one leader waits.
    let leader = desk.leader(WANTED.result_queue).await;
    let worker = [desk.consumer(QUEUE).await, desk.consumer("command-ipc-routing-key").await];
    let h9 = harness::series().denies_transient_queues();
    desk.run(if h9 { 6 } else { 0 }, &["doctor"]);
    for consumer in worker.into_iter().chain([leader]) {
        consumer.close().await.unwrap();
    }

    desk.amqp.publish("command-ipc-routing-key", 1).await.unwrap();
    let found = 4 + usize::from(h9);
    let alone = |answer: &Answer| answer.stdout.matches("FOUND").count() == found;
    desk.run_until(6, &["doctor"], alone).await;
    let (unknown, nowhere) = (desk.zero_unknown(), desk.zero_nowhere());
    desk.run_as(&unknown, 1, &["doctor"]);
    desk.run_as(&nowhere, 1, &["doctor"]);
    desk.run(2, &["doctor", "--number", "many"]);
    let record = desk.record();
    let record = Regex::new("(?m)^H9 .*$").unwrap().replace_all(&record, "H9 [by the broker]");
    let record = if h9 { record.replacen("[exit 6]", "[exit 0]", 1) } else { record.into_owned() };
    insta::assert_snapshot!("doctor", record);
    assert_eq!(take(&desk.amqp, QUEUE).await.len() as u64, TASKS + 1, "they were given back");
}

#[tokio::test]
async fn scale_explain_is_in_the_scalers_own_words() {
    let Some(mut desk) = Desk::laid("explain").await else { return };
    let scaler = Launch::new().broker(desk.vhost.access(), desk.vhost.name()).start().unwrap();
    let vhost = format!("vhost={}", desk.vhost.name());
    let zero = desk.zero().env("ZERO_SCALER_URL", format!("http://{}", scaler.http()));
    let explain = |rest: &[&'static str]| [&["scale", "explain"], rest].concat();
    let tried = [&explain(&[])[..], &[&vhost, "target=2", "maxWorkers=8"]].concat();
    desk.run_as(&zero, 0, &tried);
    desk.run_as(&zero, 4, &explain(&["--object", "provers/nobody"]));
    desk.run_as(&zero, 1, &explain(&["target=none"]));
    desk.run_as(&zero, 2, &explain(&["target"]));
    desk.run_as(&zero, 2, &explain(&["--object", "provers"]));
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let zero = zero.env("ZERO_SCALER_URL", format!("http://{nobody}"));
    desk.run_as(&zero, 1, &explain(&[]));
    insta::assert_snapshot!("scale_explain", desk.record());
}
