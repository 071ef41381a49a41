//! What a fuzzer may drive of the pure parts: a session between any frames of a child and of a broker.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use amqp_admin::paladin::Serializer;

use crate::config::QueuePolicy;
use crate::frame::{Frame, Kind, Reader};
use crate::keep::Keeper;
use crate::session::{Effect, Session, Settings};
use crate::wire;

/// A channel that the child cannot use.
const OWN: u16 = 2047;

/// A session that is fed with bytes.
#[derive(Debug)]
pub struct Fed {
    session: Session,
    now: Instant,
    readers: (Reader, Reader),
    keeper: Keeper,
    up: Way,
    down: Way,
}

/// One way through the session, and whether content on it is in order: on the way in and on the way out.
#[derive(Debug, Default)]
struct Way {
    heard: Contents,
    said: Contents,
    /// Channels on which what went in was not in order, or is not listened to any more.
    spoilt: BTreeSet<u16>,
}

/// How many bytes of a message are to come, by channel; `None`: its header is.
#[derive(Debug, Default)]
struct Contents(BTreeMap<u16, Option<u64>>);

impl Contents {
    /// Whether the next frame may be this one.
    fn takes(&mut self, frame: &Frame) -> bool {
        let channel = frame.channel();
        let left = match (frame.kind(), self.0.remove(&channel)) {
            (Kind::Heartbeat, _) => return true,
            (Kind::Method, None) => match frame.method() {
                Some((60, 40 | 50 | 60 | 71)) => None,
                _ => return true,
            },
            (Kind::Header, Some(None)) => Some(wire::body_size(frame).unwrap_or_default()),
            (Kind::Body, Some(Some(left))) => {
                let Some(left) = left.checked_sub(frame.payload().len() as u64) else {
                    return false;
                };
                Some(left)
            }
            (Kind::Method | Kind::Header | Kind::Body, _) => return false,
        };
        if left != Some(0) {
            self.0.insert(channel, left);
        }
        true
    }
}

impl Way {
    fn hears(&mut self, frame: &Frame) {
        if !self.heard.takes(frame) {
            self.spoilt.insert(frame.channel());
        }
    }

    /// A channel ends: what is in the middle on it is not listened to.
    fn ends(&mut self, channel: u16) {
        self.spoilt.insert(channel);
    }

    fn says(&mut self, frame: &Frame) {
        let (spoilt, in_order) = (self.spoilt.contains(&frame.channel()), self.said.takes(frame));
        assert!(spoilt || in_order, "a frame breaks a message: {frame:?}");
    }
}

impl Fed {
    /// A session at some time, under a policy of the fuzzer's choice.
    #[must_use]
    pub fn new(choice: u8, now: Instant) -> Self {
        let policies = [QueuePolicy::AsIs, QueuePolicy::Durable, QueuePolicy::Quorum];
        let policy = policies.get(usize::from(choice) % policies.len()).copied();
        let settings = Settings {
            policy: policy.unwrap_or_default(),
            max_priority: None,
            priority: (choice & 0x08 == 0).then_some(choice),
            serializer: (choice & 0x04 == 0).then_some(Serializer::Cbor),
            attempts: 2,
            proof: None,
            block: None,
            tags: choice & 0x10 == 0,
            aborts: choice & 0x20 == 0,
            repair: choice & 0x40 == 0,
            own_channel: OWN,
            frame_max: 4096,
            seed: "seed".to_owned(),
            owner: None,
        };
        Self {
            session: Session::new(settings, now),
            now,
            readers: (Reader::default(), Reader::default()),
            keeper: Keeper::new(usize::MAX),
            up: Way::default(),
            down: Way::default(),
        }
    }

    /// One thing happens: bytes of the child, bytes of the broker, time, an order, a lost connection.
    /// Gives the frames for the child and for the broker.
    ///
    /// # Panics
    ///
    /// If a frame goes out in the middle of a message on its channel, though what came in was in order.
    pub fn step(&mut self, kind: u8, bytes: &[u8]) -> (Vec<Frame>, Vec<Frame>) {
        self.now += Duration::from_millis(700);
        let (mut child, mut broker) = (Vec::new(), Vec::new());
        match kind % 8 {
            0..=2 => {
                for frame in read(&mut self.readers.0, bytes) {
                    self.child_sends(frame);
                    self.take(&mut child, &mut broker);
                }
            }
            3..=5 => {
                for frame in read(&mut self.readers.1, bytes) {
                    self.broker_sends(frame);
                    self.take(&mut child, &mut broker);
                }
            }
            6 if bytes.len().is_multiple_of(3) && self.session.can_renew().is_ok() => {
                self.session.broker_lost(self.now);
                self.take(&mut child, &mut broker);
                self.connect_again();
            }
            6 if bytes.len() % 3 == 1 => self.session.drain(),
            6 => self.session.child_died("it was fuzzed", self.now),
            _ => self.session.tick(self.now),
        }
        self.take(&mut child, &mut broker);
        (child, broker)
    }

    fn child_sends(&mut self, frame: Frame) {
        // Who does is cut off.
        if frame.channel() >= OWN {
            return;
        }
        self.up.hears(&frame);
        if matches!(frame.method(), Some((20, 40 | 41))) {
            self.down.ends(frame.channel());
        }
        self.session.child_sent(frame, self.now);
    }

    fn broker_sends(&mut self, frame: Frame) {
        self.down.hears(&frame);
        if matches!(frame.method(), Some((20, 40 | 41))) && frame.channel() != OWN {
            self.up.ends(frame.channel());
        }
        self.session.broker_sent(frame, self.now);
    }

    /// The broker's words begin anew, and so does what it is told.
    fn connect_again(&mut self) {
        self.readers.1 = Reader::default();
        self.down.heard = Contents::default();
        self.up.said = Contents::default();
        self.session.renew(self.now);
    }

    /// What goes out, as a relay does it.
    fn take(&mut self, child: &mut Vec<Frame>, broker: &mut Vec<Frame>) {
        for effect in self.session.effects() {
            match effect {
                Effect::ToChild(frame) => {
                    self.down.says(&frame);
                    child.push(frame);
                }
                Effect::ToBroker(frame) => {
                    self.up.says(&frame);
                    broker.push(frame);
                }
                Effect::Keep(task, frame) => {
                    self.keeper.keep(task, frame.into_payload()).expect("it is in memory");
                }
                Effect::Replay(task, channel) => {
                    for part in 0..self.keeper.parts(task) {
                        let part = self.keeper.part(task, part).expect("it is in memory");
                        let part = part.and_then(|part| Frame::new(Kind::Body, channel, &part));
                        if let Some(frame) = part {
                            self.up.says(&frame);
                            broker.push(frame);
                        }
                    }
                }
                Effect::Forget(task) => self.keeper.forget(task),
                Effect::Trouble(_) | Effect::Severed(_) | Effect::Crowded | Effect::Drained => {}
            }
        }
    }
}

/// Whole frames, until the bytes are none.
fn read(reader: &mut Reader, bytes: &[u8]) -> Vec<Frame> {
    reader.room().extend_from_slice(bytes);
    let mut frames = Vec::new();
    loop {
        match reader.frame() {
            Ok(Some(frame)) => frames.push(frame),
            Ok(None) => return frames,
            Err(_) => {
                *reader = Reader::default();
                return frames;
            }
        }
    }
}
