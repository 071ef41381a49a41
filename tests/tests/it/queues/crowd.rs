//! A queue full of messages that can be told apart to the last byte, and what is left of them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use amqp_admin::{
    Act, Applier, BackupReader, BackupWriter, Endpoint, Opening, Plan, Progress, QueueName, Report,
    Restorable, TaskFilter, VhostName, Wanted,
};
use lapin::BasicProperties;
use lapin::options::{BasicGetOptions, BasicPublishOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};
use serde_json::Value;
use tests::access::Access;
use tests::amqp::Amqp;
use tests::poll;

/// The queue of every test here.
pub(super) const QUEUE: &str = "task-ipc-routing-key";
/// The proof whose messages are wanted.
const WANTED: &str = "tip-1";

/// A reproducible row of numbers (splitmix64, Steele and others 2014).
pub(crate) struct Numbers(pub(crate) u64);

impl Numbers {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From 0 to below `limit`.
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit.max(1)
    }
}

/// One message: everything that must not change.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Person {
    pub(super) wanted: bool,
    properties: BasicProperties,
    body: Vec<u8>,
}

/// All messages of a queue, by number in the order of publishing.
pub(super) struct Crowd {
    pub(super) people: BTreeMap<u64, Person>,
    durable: bool,
}

impl Crowd {
    /// Made from a seed: bodies of 8 to about 3 000 bytes; every third or so is wanted.
    pub(super) fn new(seed: u64, size: u64, durable: bool) -> Self {
        let mut numbers = Numbers(seed);
        let people = (0..size).map(|number| (number, person(number, &mut numbers)));
        Self { people: people.collect(), durable }
    }

    /// Declares the queue and fills it; when this returns, all are in it.
    pub(super) async fn enter(&self, amqp: &Amqp) {
        self.enter_into(QUEUE, &[], amqp).await;
    }

    /// The same with a queue of another name or kind.
    pub(super) async fn enter_into(
        &self,
        queue: &str,
        arguments: &[(&str, AMQPValue)],
        amqp: &Amqp,
    ) {
        let options = QueueDeclareOptions { durable: self.durable, ..Default::default() };
        amqp.queue(queue, options, arguments).await.unwrap();
        amqp.purge(queue).await.unwrap();
        for person in self.people.values() {
            let properties = person.properties.clone();
            let options = BasicPublishOptions { mandatory: true, ..Default::default() };
            let publish = amqp.channel().basic_publish(
                "".into(),
                queue.into(),
                options,
                &person.body,
                properties,
            );
            drop(publish.await.unwrap());
        }
        assert!(amqp.channel().wait_for_confirms().await.unwrap().is_empty());
    }

    /// The numbers of those that are to stay.
    pub(super) fn kept(&self) -> Vec<u64> {
        self.numbers(false)
    }

    /// The numbers of those that are to go.
    pub(super) fn wanted(&self) -> Vec<u64> {
        self.numbers(true)
    }

    /// One's body.
    pub(super) fn body(&self, number: u64) -> &[u8] {
        &self.people[&number].body
    }

    /// Every number.
    pub(super) fn all(&self) -> Vec<u64> {
        self.people.keys().copied().collect()
    }

    fn numbers(&self, wanted: bool) -> Vec<u64> {
        let chosen = self.people.iter().filter(|(_, person)| person.wanted == wanted);
        chosen.map(|(number, _)| *number).collect()
    }

    /// Empties a queue; each message must be one of ours, unchanged.
    pub(super) async fn leave(&self, amqp: &Amqp, queue: &str) -> Vec<u64> {
        let channel = amqp.new_channel().await.unwrap();
        let mut numbers = Vec::new();
        while let Some(got) =
            channel.basic_get(queue.into(), BasicGetOptions { no_ack: true }).await.unwrap()
        {
            numbers.push(self.known(&got.delivery.data, &got.delivery.properties));
        }
        channel.close(200, "done".into()).await.unwrap();
        numbers
    }

    /// The numbers in a backup, and whether it was closed.
    pub(super) fn in_backup(&self, path: &Path) -> (Vec<u64>, bool) {
        let mut reader = BackupReader::open(path).unwrap();
        let mut numbers = Vec::new();
        loop {
            match reader.next_message().unwrap() {
                Restorable::Message(backed) => {
                    let encoded = backed.message.properties.encoded().unwrap();
                    let known =
                        self.people.values().find(|known| known.body == backed.message.body);
                    let number = self.number(&backed.message.body);
                    let expected = amqp_admin::Properties::from(known.unwrap().properties.clone());
                    assert_eq!(encoded, expected.encoded().unwrap());
                    numbers.push(number);
                }
                Restorable::End { whole } => return (numbers, whole),
            }
        }
    }

    fn number(&self, body: &[u8]) -> u64 {
        let number = u64::from_be_bytes(body[..8].try_into().unwrap());
        assert_eq!(self.people[&number].body, body, "message {number} has changed");
        number
    }

    /// The number of a message of ours, unchanged.
    pub(super) fn known(&self, body: &[u8], properties: &BasicProperties) -> u64 {
        let number = self.number(body);
        assert_eq!(&self.people[&number].properties, properties, "message {number}");
        number
    }
}

fn person(number: u64, numbers: &mut Numbers) -> Person {
    let wanted = numbers.below(3) == 0;
    let proof = if wanted { WANTED } else { "tip-2" };
    let mut headers = FieldTable::default();
    headers.insert("zero-proof".into(), AMQPValue::LongString(proof.into()));
    headers.insert("attempt".into(), AMQPValue::LongLongInt(i64::MAX));
    let properties = BasicProperties::default()
        .with_delivery_mode(2)
        .with_headers(headers)
        .with_message_id(format!("m{number}").into())
        .with_timestamp(numbers.next());
    let mut body = number.to_be_bytes().to_vec();
    for _ in 0..numbers.below(400) {
        body.extend(numbers.next().to_be_bytes());
    }
    Person { wanted, properties, body }
}

/// What is wanted, as a command line would say it.
pub(super) fn wanted() -> Wanted {
    let proofs = [WANTED.to_owned()].into();
    Wanted::Tasks(TaskFilter { proofs, ..TaskFilter::default() })
}

/// The plan to remove what is wanted.
pub(super) fn plan(vhost: &str, quorum: bool) -> Plan {
    plan_of(vhost, [(QUEUE, remove(quorum))])
}

/// A plan of one's own.
pub(super) fn plan_of<'a>(vhost: &str, acts: impl IntoIterator<Item = (&'a str, Act)>) -> Plan {
    let mut plan = Plan::new(VhostName::new(vhost).unwrap());
    for (queue, act) in acts {
        plan.step(QueueName::new(queue).unwrap(), act);
    }
    plan
}

/// Removes what is wanted.
pub(super) fn remove(quorum: bool) -> Act {
    Act::Remove { wanted: wanted(), messages: None, ready: None, quorum }
}

/// Moves what is wanted.
pub(super) fn move_to(queue: &str) -> Act {
    let to = QueueName::new(queue).unwrap();
    Act::Move { wanted: wanted(), messages: None, ready: None, to, quorum: false }
}

/// The broker's address with the credentials in it; the address may be a proxy's.
pub(super) fn endpoint(access: &Access, address: &str, vhost: &str) -> Endpoint {
    let through = Access { amqp: address.to_owned(), ..access.clone() };
    Endpoint::amqp(&through.amqp_uri(vhost)).unwrap()
}

/// Carries out a plan with a new backup file.
pub(super) async fn carry_out(plan: &Plan, endpoint: &Endpoint, backup: &Path) -> Report {
    carry_out_within(Duration::from_secs(10), plan, endpoint, backup, |_| ()).await
}

/// The same with a bound of one's own for each answer of the broker, watched.
pub(super) async fn carry_out_within(
    timeout: Duration,
    plan: &Plan,
    endpoint: &Endpoint,
    backup: &Path,
    progress: impl FnMut(Progress<'_>) + Send,
) -> Report {
    let stop = AtomicBool::new(false);
    let applier = Applier { endpoint, timeout, rate: None, stop: &stop };
    apply(&applier, plan, backup, progress).await
}

/// The same with an applier of one's own.
pub(super) async fn apply(
    applier: &Applier<'_>,
    plan: &Plan,
    backup: &Path,
    progress: impl FnMut(Progress<'_>) + Send,
) -> Report {
    let opening = Opening {
        made_by: "tests".into(),
        made_at: "2026-01-01T00:00:00Z".into(),
        vhost: plan.vhost.to_string(),
        reason: "a test".into(),
    };
    let writer = BackupWriter::create(backup, &opening).unwrap();
    applier.apply(plan, Some(writer), progress).await.unwrap()
}

/// A path for a backup that is not there yet.
pub(super) fn new_backup(folder: &tempfile::TempDir) -> PathBuf {
    folder.path().join("backup.zero")
}

/// Waits until the broker has taken back everything that was in our hands, as it says twice, and
/// until its queues are otherwise as they should be.
pub(crate) async fn settled(access: &Access, vhost: &str, as_they_should: fn(&[Value]) -> bool) {
    let path = format!(
        "/api/queues/{}?disable_stats=true&enable_queue_totals=true",
        tests::access::segment(vhost)
    );
    let mut before = None;
    poll::until("the broker to take everything back", Duration::from_secs(30), async || {
        let told = access.management().get(&path).map_err(|error| error.to_string())?;
        let queues = told.as_array().unwrap();
        let back = queues.iter().all(|queue| queue["messages_unacknowledged"] == 0);
        let ready: Vec<Value> =
            queues.iter().map(|queue| queue["messages_ready"].clone()).collect();
        let same = before.as_ref() == Some(&ready);
        before = Some(ready);
        if back && same && as_they_should(queues) { Ok(()) } else { Err(told.to_string()) }
    })
    .await
    .unwrap();
}
