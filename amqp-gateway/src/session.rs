//! PURE: what one connection of the child has done and what is in flight on it; each frame → effects.
//!
//! What no rule is about passes in the bytes it came in. Content that a rule is about is held back for
//! as many of its frames as the rule must see: the header, and where it says so the first of the body.

mod answering;
mod calls;
mod confirming;
mod delivering;
mod draining;
mod held;
mod lane;
mod leading;
mod own;
mod publishing;
mod reading;
mod renewing;
#[cfg(test)]
mod scene;
mod settling;
mod waiting;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use amq_protocol::protocol::queue;
use amqp_admin::paladin::Serializer;
use amqp_admin::{QueueName, QueueRole};

use crate::account::Owner;
use crate::activity::{Activity, Counters, Step};
use crate::config::QueuePolicy;
use crate::frame::{Frame, Kind};
pub(crate) use crate::session::calls::Needs;
use crate::session::confirming::Unconfirmed;
use crate::session::delivering::Incoming;
use crate::session::draining::Drain;
use crate::session::held::{Failure, Held};
use crate::session::lane::Lane;
use crate::session::leading::Lead;
use crate::session::own::Own;
use crate::session::publishing::Outgoing;
use crate::session::reading::Reading;
use crate::session::renewing::{Shift, Topology};
use crate::session::waiting::Waiting;
use crate::wire;

/// What is to be done because a frame came, an order came or time went by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Goes to the child.
    ToChild(Frame),
    /// Goes to the broker.
    ToBroker(Frame),
    /// A part of a task's body is kept until it is forgotten.
    Keep(u64, Frame),
    /// What was kept of a task is published on this channel.
    Replay(u64, u16),
    /// What was kept of a task is not needed any more.
    Forget(u64),
    /// Something an operator should know.
    Trouble(String),
    /// The child is to be replaced, for this reason: it will not hear from the broker again.
    Severed(String),
    /// More frames of ours wait for the end of a message than may: the connection is given up.
    Crowded,
    /// Everything is with the broker and its channels are closed.
    Drained,
}

/// What holds for a whole connection.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) policy: QueuePolicy,
    pub(crate) max_priority: Option<u8>,
    pub(crate) priority: Option<u8>,
    pub(crate) serializer: Option<Serializer>,
    pub(crate) attempts: u32,
    pub(crate) proof: Option<String>,
    pub(crate) block: Option<u64>,
    /// Whom a worker's session asks about the task in hand.
    pub(crate) owner: Option<Arc<dyn Owner>>,
    pub(crate) tags: bool,
    pub(crate) aborts: bool,
    pub(crate) repair: bool,
    /// A channel that the child cannot use.
    pub(crate) own_channel: u16,
    /// Frames are at most so long; 0: as long as a frame can say.
    pub(crate) frame_max: u32,
    /// Differs between all connections of all gateways.
    pub(crate) seed: String,
}

/// Counters, tasks in hand, consumers, result queues waited on, and whether the child is spent.
pub(crate) type Fingerprint = (Counters, (usize, usize), usize, usize, bool);

/// What one connection of the child has done and what is in flight on it.
#[derive(Debug)]
pub(crate) struct Session {
    settings: Settings,
    now: Instant,
    effects: Vec<Effect>,
    channels: BTreeMap<u16, Channel>,
    /// What queues are for, by how the child has declared them.
    roles: BTreeMap<String, QueueRole>,
    held: Vec<Held>,
    /// The failure whose abort is yet to come.
    failure: Option<Failure>,
    /// Jobs that the child was told to give up: it drops their tasks for some minutes.
    given_up: VecDeque<(QueueName, Instant)>,
    own: Own,
    /// Tasks that are kept in hand for a while.
    waiting: Vec<Waiting>,
    /// What the child can read.
    reading: Reading,
    /// Results shown to the child, by result queue.
    seen: BTreeMap<String, BTreeSet<String>>,
    awaited: BTreeSet<QueueName>,
    lead: Lead,
    counters: Counters,
    numbers: u64,
    drain: Drain,
    spent: bool,
    /// Tasks done last, whose results are with the broker: a copy that comes because an
    /// acknowledgement was lost with a connection is needed by nobody.
    done: VecDeque<String>,
    /// Connections to the broker that were lost.
    renewals: u64,
    /// Channels that the child closes, and the broker has not agreed yet.
    closing: BTreeSet<u16>,
    /// The child does what paladin does not, so we do not know what it relies on.
    foreign: bool,
    needs: Needs,
    /// The broker, which is short of memory or disk, has told the child to publish nothing.
    blocked: bool,
}

/// One channel of the child.
#[derive(Debug, Default)]
struct Channel {
    outgoing: Option<Outgoing>,
    incoming: Option<Incoming>,
    consumers: BTreeMap<String, Consumer>,
    /// Deliveries that no rule is about, and that the child has not answered.
    unanswered: BTreeSet<u64>,
    /// Declarations that the broker has not answered: as the child named it, and as it was sent.
    declares: VecDeque<(String, queue::Declare)>,
    /// Consumers that the broker has not welcomed.
    consumes: VecDeque<Consumer>,
    /// Consumers that we have cancelled, behind the child's back.
    cancelling: BTreeSet<String>,
    /// The child counts what it publishes, so nothing of it may be held back for good.
    confirms: bool,
    /// We count them ourselves, behind the child's back.
    counted: bool,
    /// Messages that we have counted.
    published: u64,
    /// Tasks and results that the broker has not confirmed: they would be published once more.
    unconfirmed: VecDeque<Unconfirmed>,
    /// Tasks were published on it: a leader's.
    leads: bool,
    /// Questions of the child that the broker has not answered, in the child's own words.
    questions: VecDeque<Frame>,
    /// Answers that come to questions of our own.
    unasked: Vec<(u16, u16)>,
    topology: Topology,
    shift: Shift,
    to_broker: Lane,
    to_child: Lane,
}

/// A consumer of the child.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Consumer {
    queue: String,
    role: QueueRole,
    no_ack: bool,
}

impl Session {
    pub(crate) fn new(settings: Settings, now: Instant) -> Self {
        let quorum = settings.policy == QueuePolicy::Quorum;
        let own = Own::new(settings.own_channel, settings.frame_max, quorum);
        let reading = Reading::new(settings.serializer);
        Self {
            settings,
            now,
            effects: Vec::new(),
            channels: BTreeMap::new(),
            roles: BTreeMap::new(),
            held: Vec::new(),
            failure: None,
            given_up: VecDeque::new(),
            own,
            waiting: Vec::new(),
            reading,
            seen: BTreeMap::new(),
            awaited: BTreeSet::new(),
            lead: Lead::default(),
            counters: Counters::default(),
            numbers: 0,
            drain: Drain::default(),
            spent: false,
            done: VecDeque::new(),
            renewals: 0,
            closing: BTreeSet::new(),
            foreign: false,
            needs: Needs::It,
            blocked: false,
        }
    }

    /// What is to be done, in this order.
    pub(crate) fn effects(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.effects)
    }

    /// A frame came from the child.
    pub(crate) fn child_sent(&mut self, frame: Frame, now: Instant) {
        self.now = now;
        if self.drain.is_closing() && frame.channel() != 0 {
            return;
        }
        self.notice_child(&frame);
        match frame.kind() {
            Kind::Method => self.child_called(frame),
            Kind::Header | Kind::Body => self.child_published(frame),
            Kind::Heartbeat => {}
        }
        self.go_on_draining();
    }

    /// A frame came from the broker.
    pub(crate) fn broker_sent(&mut self, frame: Frame, now: Instant) {
        self.now = now;
        if frame.channel() == self.settings.own_channel {
            self.own_channel_heard(&frame);
        } else if self.notice_broker(&frame) {
            match frame.kind() {
                Kind::Method => self.broker_called(frame),
                Kind::Header | Kind::Body => self.broker_delivered(frame),
                Kind::Heartbeat => {}
            }
        }
        self.go_on_draining();
    }

    /// What has happened to a leader's tasks since the last call.
    pub(crate) fn steps(&mut self) -> impl Iterator<Item = Step> + use<> {
        self.lead.steps()
    }

    /// What the child is doing.
    pub(crate) fn activity(&self) -> Activity {
        let consumers = self.channels.values().flat_map(|channel| channel.consumers.values());
        let tasks = consumers.filter(|consumer| matches!(consumer.role, QueueRole::Task(_)));
        Activity {
            consuming: tasks.map(|consumer| consumer.queue.clone()).collect(),
            in_hand: self.held.iter().filter(|held| held.is_in_hand()).map(Held::told).collect(),
            awaited: self.awaited.iter().cloned().collect(),
            leading: self.lead.told().clone(),
            counters: self.counters,
            spent: self.spent,
            ..Activity::default()
        }
    }

    /// Differs when what the child is doing differs, and costs less to tell.
    pub(crate) fn fingerprint(&self) -> Fingerprint {
        let known = |held: &&Held| held.head.is_some() && held.is_in_hand();
        let tasks = (self.held.len(), self.held.iter().filter(known).count());
        let consumers = self.channels.values().map(|channel| channel.consumers.len()).sum();
        (self.counters, tasks, consumers, self.awaited.len(), self.spent)
    }

    /// True if nothing is in the child's hands or on its way because of us.
    pub(crate) fn is_settled(&self) -> bool {
        self.held.is_empty() && self.own.is_idle()
    }

    /// What a new connection would have to know.
    fn notice_child(&mut self, frame: &Frame) {
        if frame.channel() == 0 {
            if frame.method() == Some((10, 50)) && self.needs == Needs::It {
                self.needs = Needs::ItNoMore;
            }
            return;
        }
        let channel = self.channel(frame.channel());
        channel.topology.saw(frame);
        if wire::wants_answer(frame) {
            channel.questions.push_back(frame.clone());
        }
        // Transactions, single gets and bindings between exchanges.
        self.foreign |= matches!(frame.method(), Some((90, _) | (60, 70 | 110) | (40, 30)));
    }

    /// The same; `false`: an answer that the child has not asked for.
    fn notice_broker(&mut self, frame: &Frame) -> bool {
        if frame.channel() == 0 {
            self.blocked = frame.method() == Some((10, 60))
                || (self.blocked && frame.method() != Some((10, 61)));
            return true;
        }
        let channel = self.channel(frame.channel());
        let Some(method) = frame.method() else { return true };
        if let Some(at) = channel.unasked.iter().position(|answer| *answer == method) {
            channel.unasked.remove(at);
            return false;
        }
        if channel.counted && matches!(method, (60, 80 | 120)) {
            self.broker_confirmed(frame);
            return false;
        }
        let cancelled = wire::cancel_ok(frame).filter(|_| method == (60, 31));
        let ours =
            cancelled.is_some_and(|ok| channel.cancelling.contains(ok.consumer_tag.as_str()));
        if wire::is_answer(frame) && !ours {
            // RabbitMQ answers to a consumer later than to what was asked after it, now and then.
            let asked = |question: &Frame| wire::answers(frame, question);
            let question = channel.questions.iter().position(asked);
            let question = question.and_then(|at| channel.questions.remove(at));
            channel.unanswered.extend(wire::got(frame, question.as_ref()));
        }
        true
    }

    /// Acknowledges a delivery, or gives it back, unless it was of a connection that is lost.
    fn answer(&mut self, number: u16, tag: u64, answer: fn(u16, u64) -> Option<Frame>) {
        if let Some(tag) = self.channel(number).shift.of_broker(tag) {
            self.say_to_broker(number, answer(number, tag));
        }
    }

    fn channel(&mut self, number: u16) -> &mut Channel {
        self.channels.entry(number).or_default()
    }

    fn role_of(&self, queue: &str) -> QueueRole {
        self.roles.get(queue).copied().unwrap_or_else(|| crate::rules::role(queue))
    }

    fn next_number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    /// A header frame with these tags; `None` if it would be too long for what was agreed on.
    fn tagged(&self, frame: &Frame, tags: &[(&str, String)]) -> Option<Frame> {
        let header = crate::tags::with(&wire::content_header(frame)?, tags);
        self.reframed(frame, &header)
    }

    /// A header frame with other properties; `None` if it would be too long.
    fn reframed(&self, frame: &Frame, header: &wire::ContentHeader) -> Option<Frame> {
        let frame = wire::header_frame(frame.channel(), header)?;
        let limit = usize::try_from(self.settings.frame_max).unwrap_or(usize::MAX);
        (limit == 0 || frame.wire_len() <= limit).then_some(frame)
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::scene::{content, deliver, now, publish, session};
    use super::*;

    proptest! {
        #[test]
        fn what_no_rule_is_about_passes_byte_for_byte(
            channel in 1_u16..2047,
            tag in 1_u64..1 << 40,
            queue in "[a-z]{6,20}",
            properties in vec(any::<u8>(), 0..60),
            bodies in vec(vec(any::<u8>(), 1..300), 0..4),
        ) {
            let mut session = session(QueuePolicy::Quorum);
            let message = content(channel, &properties, &bodies);
            let up = [vec![publish(channel, &queue)], message.clone()].concat();
            let down = [vec![deliver(channel, tag)], message].concat();
            for frame in up {
                session.child_sent(frame.clone(), now());
                prop_assert_eq!(session.effects(), vec![Effect::ToBroker(frame)]);
            }
            for frame in down {
                session.broker_sent(frame.clone(), now());
                prop_assert_eq!(session.effects(), vec![Effect::ToChild(frame)]);
            }
        }
    }

    #[test]
    fn a_child_that_does_what_paladin_does_not_is_not_promised_a_new_connection() {
        let mut session = session(QueuePolicy::Durable);
        assert!(session.can_renew().is_ok());
        session.child_sent(publish(1, "elsewhere"), now());
        assert!(session.can_renew().is_err());
    }
}
