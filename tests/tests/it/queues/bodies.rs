//! Bodies that are no tasks, and bodies as large as a broker takes.

use std::path::Path;
use std::process::Command;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use amqp_admin::{
    Act, BrokerConnection, End, Success, TaskFilter, VhostName, Wanted, paladin, restore,
};
use lapin::BasicProperties;
use lapin::options::{BasicPublishOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};
use tests::amqp::Amqp;
use tests::harness;
use tests::rabbitmq::RabbitConfig;

use super::crowd::{QUEUE, carry_out_within, endpoint, new_backup, plan, plan_of};
use super::scene::{Scene, bodies};
use crate::stand_in::LIMIT;

/// Tasks of real leaders' form, of both generations and in both forms.
fn samples() -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../amqp-admin/src/paladin/fixtures");
    let names = ["v0.7-SegmentProof", "v0.7-SegmentProofTestOnly", "v0.6-TxProof"];
    let forms = ["postcard", "cbor"];
    let files = names.iter().flat_map(|name| forms.map(|form| format!("task-{name}-{form}.bin")));
    files.map(|file| std::fs::read(folder.join(file)).unwrap()).collect()
}

/// Bodies made from a task that no worker could read.
fn spoilt(task: &[u8]) -> Vec<Vec<u8>> {
    let cut = [0, 1, 7, task.len() / 2, task.len() - 1].map(|end| task[..end].to_vec());
    let mut spoilt = cut.to_vec();
    spoilt.push([task, b"\0"].concat());
    // Lengths that promise more than there is.
    spoilt.push([&[0xff; 9], task].concat());
    spoilt.push([&task[..6], &[0xff, 0xff, 0xff, 0xff, 0x7f], &task[6..]].concat());
    spoilt
}

fn hostile() -> Vec<Vec<u8>> {
    let nested = vec![0x81; 100_000];
    let endless = [vec![0xbf], vec![0x9f; 1000], vec![0x5f; 1000]].concat();
    let words = b"\x05AbCdE block_number 0x6 block_number".to_vec();
    vec![nested, endless, words, vec![0; 5000], vec![0xff; 5000], b"{\"block_number\":6}".to_vec()]
}

async fn publish(amqp: &Amqp, bodies: &[Vec<u8>]) {
    amqp.queue(QUEUE, QueueDeclareOptions::default(), &[]).await.unwrap();
    let options = BasicPublishOptions { mandatory: true, ..Default::default() };
    for body in bodies {
        let properties = BasicProperties::default();
        let sent = amqp.channel().basic_publish("".into(), QUEUE.into(), options, body, properties);
        drop(sent.await.unwrap());
    }
    assert!(amqp.channel().wait_for_confirms().await.unwrap().is_empty());
}

#[tokio::test]
async fn what_no_worker_could_read_is_kept_and_counted_as_unknown() {
    let Some(scene) = Scene::empty("unreadable", 0).await else { return };
    let (tasks, hostile) = (samples(), hostile());
    let blocks: Vec<u64> =
        tasks.iter().map(|task| paladin::task(task).unwrap().block.unwrap()).collect();
    let mut sent = Vec::new();
    for task in &tasks {
        sent.push(task.clone());
        sent.extend(spoilt(task));
        sent.extend(hostile.clone());
    }
    publish(&scene.amqp, &sent).await;

    let blocks = blocks.into_iter().map(|block| block..=block).collect();
    let wanted = Wanted::Tasks(TaskFilter { blocks, ..TaskFilter::default() });
    let act = Act::Remove { wanted, messages: None, ready: None, quorum: false };
    let report = scene.carry_out(&plan_of(scene.name(), [(QUEUE, act)])).await;
    assert_eq!(report.success(), Success::All, "{report:?}");
    let End::Sifted(sifted) = report.outcomes[0].end else { panic!("{report:?}") };
    let unknown = sent.len() - tasks.len();
    assert_eq!((sifted.wanted, sifted.unknown), (tasks.len() as u64, unknown as u64));
    sent.retain(|body| !tasks.contains(body));
    assert!(bodies(&scene.amqp, QUEUE).await == sent, "they are not as they were");
}

const MIB: u64 = 1 << 20;
/// Near what RabbitMQ 3.10 takes at the most unless told otherwise; 4.0 takes 16 MiB.
const LARGE: usize = 100 << 20;
/// Lets every broker take as much as 3.10.
const TAKES_LARGE: &str = "max_message_size = 134217728";
/// Tells the process that sifts where the bodies are.
const VHOST: &str = "ZERO_TEST_LARGE_BODIES";

/// The most memory that this process has had, in bytes.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let kib: u64 = line.trim().strip_suffix(" kB").unwrap().parse().unwrap();
    kib << 10
}

/// Three, of which the second is wanted.
async fn publish_large(amqp: &Amqp) {
    amqp.queue(QUEUE, QueueDeclareOptions::default(), &[]).await.unwrap();
    let mut body = vec![0; LARGE];
    for (number, proof) in ["tip-2", "tip-1", "tip-2"].into_iter().enumerate() {
        body[LARGE - 1] = u8::try_from(number).unwrap();
        let mut headers = FieldTable::default();
        headers.insert("zero-proof".into(), AMQPValue::LongString(proof.into()));
        let properties = BasicProperties::default().with_headers(headers);
        let options = BasicPublishOptions { mandatory: true, ..Default::default() };
        let sent =
            amqp.channel().basic_publish("".into(), QUEUE.into(), options, &body, properties);
        drop(sent.await.unwrap());
        assert!(amqp.channel().wait_for_confirms().await.unwrap().is_empty());
    }
}

/// The sift, in a process whose memory nothing else uses.
async fn sift_large(vhost: &str) {
    let access = harness::shared_broker().unwrap();
    let (endpoint, folder) = (endpoint(access, &access.amqp, vhost), tempfile::tempdir().unwrap());
    let (before, plan, backup) = (peak(), plan(vhost, false), new_backup(&folder));
    let limit = Duration::from_secs(60);
    let report = carry_out_within(limit, &plan, &endpoint, &backup, |_| ()).await;
    let End::Sifted(sifted) = report.outcomes[0].end else { panic!("{report:?}") };
    assert_eq!((sifted.seen, sifted.wanted), (3, 1));
    let grown = (peak() - before) / MIB;
    println!("grown by {grown} MiB");
    assert!(grown < 250, "three bodies of 100 MiB were sifted with {grown} MiB");
}

#[tokio::test]
async fn large_bodies_pass_through_a_sift_one_at_a_time() {
    if let Ok(vhost) = std::env::var(VHOST) {
        return sift_large(&vhost).await;
    }
    let config = RabbitConfig { extra_conf: TAKES_LARGE.to_owned(), ..RabbitConfig::default() };
    let Some(broker) = harness::private_broker("large_bodies", &config) else { return };
    let amqp = Amqp::connect(&broker.amqp_uri("/")).await.unwrap();
    publish_large(&amqp).await;
    let path = module_path!().split_once("::").unwrap().1;
    let test = format!("{path}::large_bodies_pass_through_a_sift_one_at_a_time");
    let mut again = Command::new(std::env::current_exe().unwrap());
    again.args([&test, "--exact", "--nocapture"]).env(VHOST, "/");
    let output = again.envs(harness::broker_variables(broker.access())).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("grown by"), "{said}");
    let left: Vec<u8> = bodies(&amqp, QUEUE).await.iter().map(|body| body[LARGE - 1]).collect();
    assert_eq!(left, [0, 2]);
}

/// What is in a backup may be too large for the broker that it is restored to.
#[tokio::test]
async fn a_message_larger_than_a_broker_takes_is_refused_in_its_words() {
    let Some(scene) = Scene::empty("too_large", 0).await else { return };
    publish(&scene.amqp, &[vec![1; 50_000], vec![2; 200_000]]).await;
    let wanted = Wanted::Everything;
    let remove = Act::Remove { wanted, messages: None, ready: None, quorum: false };
    let report = scene.carry_out(&plan_of(scene.name(), [(QUEUE, remove)])).await;
    assert_eq!(report.success(), Success::All, "{report:?}");

    let extra_conf = "max_message_size = 100000".to_owned();
    let config = RabbitConfig { extra_conf, ..RabbitConfig::default() };
    let Some(broker) = harness::private_broker("too_large", &config) else { return };
    let amqp = Amqp::connect(&broker.amqp_uri("/")).await.unwrap();
    publish(&amqp, &[]).await;
    let (backup, stop) = (new_backup(&scene.folder), AtomicBool::new(false));
    let endpoint = endpoint(broker.access(), &broker.access().amqp, "/");
    let vhost = VhostName::new("/").unwrap();
    let connection = BrokerConnection::connect(&endpoint, &vhost, LIMIT).await.unwrap();
    let failed = restore(&connection, &backup, None, [].into(), &stop).await.unwrap_err();
    let told = format!("{:#}", anyhow::Error::from(failed));
    for part in ["task-ipc-routing-key", "larger than configured max size 100000"] {
        assert!(told.contains(part), "{part}: {told}");
    }
}
