//! What a fuzzer may drive of the pure parts: a session between any frames of a child and of a broker.

use std::time::{Duration, Instant};

use amqp_admin::paladin::Serializer;

use crate::config::QueuePolicy;
use crate::frame::{Frame, Reader};
use crate::session::{Effect, Session, Settings};

/// A session that is fed with bytes.
#[derive(Debug)]
pub struct Fed {
    session: Session,
    now: Instant,
    readers: (Reader, Reader),
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
            own_channel: 2047,
            frame_max: 4096,
            seed: "seed".to_owned(),
            owner: None,
        };
        let readers = (Reader::default(), Reader::default());
        Self { session: Session::new(settings, now), now, readers }
    }

    /// One thing happens: bytes of the child, bytes of the broker, time, an order, a lost connection.
    /// Gives the frames for the child and for the broker.
    pub fn step(&mut self, kind: u8, bytes: &[u8]) -> (Vec<Frame>, Vec<Frame>) {
        self.now += Duration::from_millis(700);
        match kind % 8 {
            0..=2 => {
                for frame in read(&mut self.readers.0, bytes) {
                    self.session.child_sent(frame, self.now);
                }
            }
            3..=5 => {
                for frame in read(&mut self.readers.1, bytes) {
                    self.session.broker_sent(frame, self.now);
                }
            }
            6 if bytes.len().is_multiple_of(3) && self.session.can_renew().is_ok() => {
                self.session.broker_lost(self.now);
                self.session.renew(self.now);
            }
            6 if bytes.len() % 3 == 1 => self.session.drain(),
            6 => self.session.child_died("it was fuzzed", self.now),
            _ => self.session.tick(self.now),
        }
        let (mut child, mut broker) = (Vec::new(), Vec::new());
        for effect in self.session.effects() {
            match effect {
                Effect::ToChild(frame) => child.push(frame),
                Effect::ToBroker(frame) => broker.push(frame),
                Effect::Keep(..)
                | Effect::Replay(..)
                | Effect::Forget(_)
                | Effect::Trouble(_)
                | Effect::Drained => {}
            }
        }
        (child, broker)
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
