//! What the tests of a session begin with: a child and a broker that say what real ones do.

use std::time::Instant;

use amq_protocol::protocol::{BasicProperties, basic, channel, confirm};

use super::{Effect, Session, Settings};
use crate::config::QueuePolicy;
use crate::frame::{Frame, Kind};
use crate::tags;
use crate::wire::{self, ContentHeader, Method, short};

/// A task of v0.7 whose result goes to `AbCdE`.
pub(super) const TASK: &[u8] = b"\x05AbCdE\x01\x00\x02\x00\x00\x01\x03abc\x00";
/// The result of a simulation.
pub(super) const DONE: &[u8] = b"\x00\x01\x00\x00\x00";

pub(super) fn settings(policy: QueuePolicy) -> Settings {
    Settings {
        policy,
        max_priority: None,
        priority: None,
        serializer: None,
        attempts: 3,
        proof: None,
        block: None,
        owner: None,
        tags: true,
        aborts: true,
        repair: true,
        own_channel: 2047,
        frame_max: 131_072,
        seed: "seed".to_owned(),
    }
}

pub(super) fn session(policy: QueuePolicy) -> Session {
    Session::new(settings(policy), now())
}

#[expect(clippy::disallowed_methods, reason = "any time will do")]
pub(super) fn now() -> Instant {
    Instant::now()
}

pub(super) fn publish(channel: u16, queue: &str) -> Frame {
    let (exchange, routing_key) = (short(""), short(queue));
    let publish = basic::Publish { exchange, routing_key, mandatory: false, immediate: false };
    wire::basic(channel, basic::AMQPMethod::Publish(publish)).unwrap()
}

pub(super) fn deliver(channel: u16, tag: u64) -> Frame {
    deliver_to(channel, "", tag)
}

pub(super) fn deliver_to(channel: u16, consumer: &str, delivery_tag: u64) -> Frame {
    let consumer_tag = short(consumer);
    let deliver = basic::Deliver { consumer_tag, delivery_tag, ..basic::Deliver::default() };
    wire::basic(channel, basic::AMQPMethod::Deliver(deliver)).unwrap()
}

/// A message's header and body frames, of any bytes.
pub(super) fn content(channel: u16, properties: &[u8], bodies: &[Vec<u8>]) -> Vec<Frame> {
    let size: usize = bodies.iter().map(Vec::len).sum();
    let head = [&[0, 60, 0, 0][..], &(size as u64).to_be_bytes(), properties].concat();
    let header = Frame::new(Kind::Header, channel, &head);
    let bodies = bodies.iter().map(|body| Frame::new(Kind::Body, channel, body));
    header.into_iter().chain(bodies.flatten()).collect()
}

impl Session {
    /// The child consumes from a queue, and the broker agrees.
    pub(super) fn consumes(&mut self, channel: u16, queue: &str, tag: &str) {
        let consume = basic::Consume {
            queue: short(queue),
            consumer_tag: short(tag),
            ..basic::Consume::default()
        };
        let consume = wire::basic(channel, basic::AMQPMethod::Consume(consume)).unwrap();
        self.child_sent(consume, now());
        let ok = basic::ConsumeOk { consumer_tag: short(tag) };
        let ok = wire::basic(channel, basic::AMQPMethod::ConsumeOk(ok)).unwrap();
        self.broker_sent(ok, now());
        self.effects();
    }

    /// The broker delivers a message to a consumer; gives what is to be done.
    pub(super) fn delivers(
        &mut self,
        channel: u16,
        to: &str,
        tag: u64,
        body: &[u8],
    ) -> Vec<Effect> {
        self.broker_sent(deliver_to(channel, to, tag), now());
        for frame in content(channel, &[0, 0], &[body.to_vec()]) {
            self.broker_sent(frame, now());
        }
        self.effects()
    }

    /// The broker delivers the result of a task to a consumer; gives what is to be done.
    pub(super) fn delivers_tagged(
        &mut self,
        channel: u16,
        to: &str,
        tag: u64,
        task: &str,
    ) -> Vec<Effect> {
        let (body_size, properties) = (DONE.len() as u64, BasicProperties::default());
        let header = ContentHeader { class_id: 60, body_size, properties };
        let header = tags::with(&header, &[(tags::TASK_HEADER, task.to_owned())]);
        self.broker_sent(deliver_to(channel, to, tag), now());
        self.broker_sent(wire::header_frame(channel, &header).unwrap(), now());
        self.broker_sent(Frame::new(Kind::Body, channel, DONE).unwrap(), now());
        self.effects()
    }

    /// The broker delivers the first part of a message, of which ten bytes are to come.
    pub(super) fn begins(&mut self, channel: u16, to: &str, tag: u64, body: &[u8]) {
        self.broker_sent(deliver_to(channel, to, tag), now());
        let parts = content(channel, &[0, 0], &[body.to_vec(), vec![0; 10]]);
        for frame in parts.into_iter().take(2) {
            self.broker_sent(frame, now());
        }
        self.effects();
    }

    /// The child publishes a message; gives what is to be done.
    pub(super) fn publishes(&mut self, channel: u16, queue: &str, body: &[u8]) -> Vec<Effect> {
        self.child_sent(publish(channel, queue), now());
        for frame in content(channel, &[0, 0], &[body.to_vec()]) {
            self.child_sent(frame, now());
        }
        self.effects()
    }

    /// The broker confirms what it was sent on a channel, up to this.
    pub(super) fn confirms(&mut self, channel: u16, up_to: u64) -> Vec<Effect> {
        let ack = basic::Ack { delivery_tag: up_to, multiple: true };
        self.broker_sent(wire::basic(channel, basic::AMQPMethod::Ack(ack)).unwrap(), now());
        self.effects()
    }

    /// The broker says something on our own channel; gives what is to be done.
    pub(super) fn hears(&mut self, method: &Method) -> Vec<Effect> {
        self.broker_sent(wire::method_frame(2047, method).unwrap(), now());
        self.effects()
    }

    /// The broker opens our own channel and lets us count what we publish.
    pub(super) fn opens_own_channel(&mut self) -> Vec<Effect> {
        self.hears(&Method::Channel(channel::AMQPMethod::OpenOk(channel::OpenOk {})));
        self.hears(&Method::Confirm(confirm::AMQPMethod::SelectOk(confirm::SelectOk {})))
    }

    /// The child sends a method of class basic; gives what is to be done.
    pub(super) fn says(&mut self, channel: u16, method: basic::AMQPMethod) -> Vec<Effect> {
        self.child_sent(wire::basic(channel, method).unwrap(), now());
        self.effects()
    }
}

/// Delivery tags that are acknowledged at the broker, in this order.
pub(super) fn acked(effects: &[Effect]) -> Vec<(u64, bool)> {
    let told = to_broker(effects).filter(|frame| frame.method() == Some((60, 80)));
    let told = told.filter_map(wire::ack);
    told.map(|ack| (ack.delivery_tag, ack.multiple)).collect()
}

/// Delivery tags that are refused at the broker, and whether they go back to their queue.
pub(super) fn refused(effects: &[Effect]) -> Vec<(u64, bool)> {
    let told = to_broker(effects).filter(|frame| frame.method() == Some((60, 120)));
    let told = told.filter_map(wire::nack);
    told.map(|nack| (nack.delivery_tag, nack.requeue)).collect()
}

/// What an operator is told.
pub(super) fn troubles(effects: &[Effect]) -> Vec<&str> {
    let told = effects.iter().filter_map(|effect| match effect {
        Effect::Trouble(words) => Some(words.as_str()),
        Effect::ToBroker(_)
        | Effect::ToChild(_)
        | Effect::Keep(..)
        | Effect::Replay(..)
        | Effect::Forget(_)
        | Effect::Severed(_)
        | Effect::Crowded
        | Effect::Drained => None,
    });
    told.collect()
}

/// Frames for the broker.
pub(super) fn to_broker(effects: &[Effect]) -> impl Iterator<Item = &Frame> {
    effects.iter().filter_map(|effect| match effect {
        Effect::ToBroker(frame) => Some(frame),
        Effect::ToChild(_)
        | Effect::Keep(..)
        | Effect::Replay(..)
        | Effect::Forget(_)
        | Effect::Trouble(_)
        | Effect::Severed(_)
        | Effect::Crowded
        | Effect::Drained => None,
    })
}
