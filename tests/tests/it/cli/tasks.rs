//! Tasks as paladin writes them (v0.7, postcard), each told from the others by its input.

use lapin::BasicProperties;
use lapin::options::{BasicGetOptions, BasicPublishOptions};
use lapin::types::{AMQPValue, FieldTable};
use tests::amqp::Amqp;

/// Where leaders put tasks.
pub(super) const QUEUE: &str = "task-ipc-routing-key";

/// The id of a segment's proof.
const SEGMENT_PROOF: u8 = 0;
/// The task was written by postcard.
const POSTCARD: u8 = 0;

/// A proof: its tasks answer to one queue, and a gateway has tagged them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Proof {
    pub(super) result_queue: &'static str,
    pub(super) block: u64,
    pub(super) id: &'static str,
}

/// The proof that is removed, moved, copied.
pub(super) const WANTED: Proof = Proof { result_queue: "BmXij", block: 7, id: "tip-7" };
/// The proof that is not.
pub(super) const OTHER: Proof = Proof { result_queue: "QrStU", block: 8, id: "tip-8" };

impl Proof {
    /// The body of one of its tasks.
    pub(super) fn body(&self, place: u64, input: &[u8]) -> Vec<u8> {
        let mut body = text(self.result_queue.as_bytes());
        body.extend(text(&varint(place)));
        body.extend(text(&[0, 0]));
        body.push(SEGMENT_PROOF);
        body.extend(text(input));
        body.push(POSTCARD);
        body
    }

    fn properties(&self) -> BasicProperties {
        let mut headers = FieldTable::default();
        headers.insert("zero-proof".into(), AMQPValue::LongString(self.id.into()));
        let block = self.block.to_string();
        headers.insert("zero-block".into(), AMQPValue::LongString(block.into()));
        BasicProperties::default().with_delivery_mode(2).with_headers(headers)
    }

    /// Puts one of its tasks into a queue.
    pub(super) async fn publish(&self, amqp: &Amqp, queue: &str, body: &[u8]) {
        publish(amqp, queue, body, self.properties()).await;
    }
}

/// Puts a message into a queue; [`confirmed`] waits until it is there.
pub(super) async fn publish(amqp: &Amqp, queue: &str, body: &[u8], properties: BasicProperties) {
    let options = BasicPublishOptions { mandatory: true, ..Default::default() };
    let sent = amqp.channel().basic_publish("".into(), queue.into(), options, body, properties);
    drop(sent.await.unwrap());
}

/// Waits until all that was published is in its queue.
pub(super) async fn confirmed(amqp: &Amqp) {
    assert!(amqp.channel().wait_for_confirms().await.unwrap().is_empty());
}

/// The bodies in a queue, which is empty afterwards.
pub(super) async fn take(amqp: &Amqp, queue: &str) -> Vec<Vec<u8>> {
    let channel = amqp.new_channel().await.unwrap();
    let (get, mut bodies) = (BasicGetOptions { no_ack: true }, Vec::new());
    while let Some(got) = channel.basic_get(queue.into(), get).await.unwrap() {
        bodies.push(got.delivery.data);
    }
    channel.close(200, "done".into()).await.unwrap();
    bodies
}

/// Bytes with their length before them.
fn text(bytes: &[u8]) -> Vec<u8> {
    [varint(bytes.len() as u64).as_slice(), bytes].concat()
}

/// Seven bits a byte, the lowest first.
fn varint(mut number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number >= 0x80 {
        bytes.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    bytes.push(number.to_le_bytes()[0]);
    bytes
}
