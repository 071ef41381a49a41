//! PURE: what goes out on one channel, one way: no frame of ours breaks a message that is on its way.
//!
//! A message is a method, a header and a body of several frames. The child's frames and the broker's come
//! in that order; ours come when something happens. RabbitMQ ends a connection with 505 when something
//! else comes in between (`rabbit_command_assembler`), so ours wait until the message is whole.

use super::{Effect, Session};
use crate::frame::{Frame, Kind};
use crate::wire;

/// So many frames of some twenty bytes may wait for the end of one message. A prefetch of 1, which is
/// paladin's, makes a few.
const MOST: usize = 1 << 14;

/// How far a message on a channel has come, in one direction.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Flow {
    /// None is on its way.
    #[default]
    Still,
    /// Its header is to come.
    Header,
    /// So many bytes of its body are to come.
    Body(u64),
}

/// One direction of a channel.
#[derive(Debug, Default)]
pub(super) struct Lane {
    flow: Flow,
    /// Frames of ours that wait for the end of the message.
    later: Vec<Frame>,
}

impl Flow {
    fn saw(&mut self, frame: &Frame) {
        *self = match (frame.kind(), *self) {
            (Kind::Method, _) => match frame.method() {
                Some((60, 40 | 50 | 60 | 71)) => Self::Header,
                _ => Self::Still,
            },
            (Kind::Header, _) => Self::left(wire::body_size(frame).unwrap_or_default()),
            (Kind::Body, Self::Body(left)) => {
                Self::left(left.saturating_sub(frame.payload().len() as u64))
            }
            (Kind::Body | Kind::Heartbeat, flow) => flow,
        };
    }

    fn left(bytes: u64) -> Self {
        if bytes == 0 { Self::Still } else { Self::Body(bytes) }
    }
}

impl Lane {
    /// A frame of who speaks on this lane, in its turn; gives what goes out now.
    pub(super) fn passes(&mut self, frame: Frame) -> impl Iterator<Item = Frame> + use<> {
        self.flow.saw(&frame);
        let waited = if self.is_amid() { Vec::new() } else { std::mem::take(&mut self.later) };
        std::iter::once(frame).chain(waited)
    }

    /// Frames of ours, each a method or a part of a message that is whole among them; gives what goes
    /// out now: all of them or none.
    pub(super) fn adds(&mut self, frames: impl IntoIterator<Item = Frame>) -> Vec<Frame> {
        if self.is_amid() {
            self.later.extend(frames);
            return Vec::new();
        }
        frames.into_iter().collect()
    }

    /// A message has begun of which so many bytes are to come.
    pub(super) fn goes_on(&mut self, rest: u64) {
        self.flow = Flow::left(rest);
    }

    /// A message has begun and not ended.
    pub(super) fn is_amid(&self) -> bool {
        self.flow != Flow::Still
    }

    /// More waits than may.
    fn is_crowded(&self) -> bool {
        self.later.len() >= MOST
    }
}

impl Session {
    /// A frame of the broker, in its turn.
    pub(super) fn for_child(&mut self, frame: Frame) {
        match self.channels.get_mut(&frame.channel()) {
            Some(channel) => {
                self.effects.extend(channel.to_child.passes(frame).map(Effect::ToChild));
            }
            None => self.effects.push(Effect::ToChild(frame)),
        }
    }

    /// A frame of the child, in its turn.
    pub(super) fn for_broker(&mut self, frame: Frame) {
        match self.channels.get_mut(&frame.channel()) {
            Some(channel) => {
                self.effects.extend(channel.to_broker.passes(frame).map(Effect::ToBroker));
            }
            None => self.effects.push(Effect::ToBroker(frame)),
        }
    }

    /// Frames of our own on a channel, as soon as no message of the child is in the middle: methods,
    /// none of which is too long for a frame, or whole messages.
    pub(super) fn say_to_broker(&mut self, number: u16, frames: impl IntoIterator<Item = Frame>) {
        let frames = match self.channels.get_mut(&number) {
            Some(channel) => {
                let frames = channel.to_broker.adds(frames);
                self.effects.extend(channel.to_broker.is_crowded().then_some(Effect::Crowded));
                frames
            }
            None => frames.into_iter().collect(),
        };
        self.effects.extend(frames.into_iter().map(Effect::ToBroker));
    }

    /// The same for the child.
    pub(super) fn say_to_child(&mut self, number: u16, frame: Option<Frame>) {
        let lane = &mut self.channel(number).to_child;
        let (frames, crowded) = (lane.adds(frame), lane.is_crowded());
        self.effects.extend(crowded.then_some(Effect::Crowded));
        self.effects.extend(frames.into_iter().map(Effect::ToChild));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use amq_protocol::protocol::{BasicProperties, basic, queue};
    use amqp_admin::paladin::{Serializer, failed_result};
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::super::scene::{
        DONE, TASK, acked, content, deliver, deliver_to, now, publish, refused, session, to_broker,
    };
    use super::*;
    use crate::config::QueuePolicy;
    use crate::fuzzing::Fed;
    use crate::tags;
    use crate::wire::{ContentHeader, short};

    const CANCEL: (u16, u16) = (60, 30);

    /// A message in two bodies.
    fn halves(method: Frame, first: &[u8]) -> Vec<Frame> {
        let content = content(1, &[0, 0], &[first.to_vec(), vec![0; 10]]);
        [method].into_iter().chain(content).collect()
    }

    fn said_by_child(what: u8) -> Vec<Frame> {
        let word = |method| vec![wire::basic(1, method).unwrap()];
        match what {
            0 => halves(publish(1, "AbCdE"), DONE),
            1 => halves(publish(1, "AbCdE"), &failed_result(Serializer::Postcard, "no")),
            2 => halves(publish(1, "default"), TASK),
            3 => halves(publish(1, "elsewhere"), b"any"),
            4 => word(basic::AMQPMethod::Ack(basic::Ack { delivery_tag: 0, multiple: true })),
            5 => word(basic::AMQPMethod::Nack(basic::Nack {
                delivery_tag: 0,
                multiple: true,
                requeue: false,
            })),
            _ => ["default", "AbCdE"]
                .map(|queue| {
                    let (tag, queue) = (short(queue), short(queue));
                    let consume =
                        basic::Consume { queue, consumer_tag: tag, ..basic::Consume::default() };
                    wire::basic(1, basic::AMQPMethod::Consume(consume)).unwrap()
                })
                .to_vec(),
        }
    }

    fn said_by_broker(what: u8, tag: u64) -> Vec<Frame> {
        let word = |method| wire::basic(1, method).unwrap();
        match what {
            0 => halves(deliver_to(1, "default", tag), TASK),
            1 => {
                let (body_size, properties) = (10, BasicProperties::default());
                let header = ContentHeader { class_id: 60, body_size, properties };
                let header = tags::with(&header, &[(tags::TASK_HEADER, "task-1".to_owned())]);
                let header = wire::header_frame(1, &header).unwrap();
                let body = Frame::new(Kind::Body, 1, &[0; 5]).unwrap();
                vec![deliver_to(1, "AbCdE", tag), header, body.clone(), body]
            }
            2 => halves(deliver(1, tag), b"any"),
            3 | 4 => {
                let (delivery_tag, multiple) = (tag, true);
                let ack = basic::AMQPMethod::Ack(basic::Ack { delivery_tag, multiple });
                vec![word(ack)]
            }
            5 => vec![word(basic::AMQPMethod::CancelOk(basic::CancelOk {
                consumer_tag: short("default"),
            }))],
            _ => ["default", "AbCdE"]
                .map(|tag| basic::ConsumeOk { consumer_tag: short(tag) })
                .map(|ok| word(basic::AMQPMethod::ConsumeOk(ok)))
                .to_vec(),
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        /// The session panics in [`Fed`] if it breaks one.
        #[test]
        fn whatever_happens_in_whatever_order_no_message_is_broken(
            choice in any::<u8>(),
            steps in vec((0_u8..24, 0_u8..6), 1..160),
        ) {
            let mut fed = Fed::new(choice, now());
            let (mut child, mut broker) = (VecDeque::new(), VecDeque::new());
            child.extend(said_by_child(6));
            broker.extend(said_by_broker(6, 0));
            let mut tag = 0;
            for (step, what) in steps {
                match step {
                    0..=9 => {
                        if child.is_empty() {
                            child.extend(said_by_child(what));
                        }
                        let frame: Frame = child.pop_front().unwrap();
                        fed.step(0, &frame.into_bytes());
                    }
                    10..=19 => {
                        if broker.is_empty() {
                            tag += 1;
                            broker.extend(said_by_broker(what, tag));
                        }
                        let frame: Frame = broker.pop_front().unwrap();
                        fed.step(3, &frame.into_bytes());
                    }
                    20 | 21 => drop(fed.step(7, &[])),
                    22 => {
                        // What the broker was saying is lost with its connection, and its tags begin anew.
                        fed.step(6, &[]);
                        broker.clear();
                        tag = 0;
                    }
                    _ => drop(fed.step(6, if what == 0 { &[0, 0] } else { &[0] })),
                }
            }
        }
    }

    /// The child begins a message, and the broker has its method, its header and the first of two
    /// bodies; gives the second.
    fn half_published(session: &mut Session, queue: &str, first: &[u8]) -> Frame {
        session.child_sent(publish(1, queue), now());
        let mut frames = content(1, &[0, 0], &[first.to_vec(), vec![0; 10]]);
        let rest = frames.pop().unwrap();
        for frame in frames {
            session.child_sent(frame, now());
        }
        let kinds: Vec<Kind> = to_broker(&session.effects()).map(Frame::kind).collect();
        assert!(kinds.ends_with(&[Kind::Method, Kind::Header, Kind::Body]), "{kinds:?}");
        rest
    }

    /// The rest of the message comes; gives what goes out behind it.
    fn ends(session: &mut Session, rest: &Frame) -> Vec<Effect> {
        session.child_sent(rest.clone(), now());
        let mut effects = session.effects();
        let end = effects.iter().position(|effect| *effect == Effect::ToBroker(rest.clone()));
        effects.split_off(end.unwrap() + 1)
    }

    fn with_task() -> Session {
        let mut session = session(QueuePolicy::Durable);
        session.consumes(1, "default", "tasks");
        session.delivers(1, "tasks", 1, TASK);
        session
    }

    fn said(effects: &[Effect]) -> Vec<(u16, u16)> {
        to_broker(effects).filter_map(Frame::method).collect()
    }

    #[test]
    fn a_drain_amid_a_result_cancels_behind_it() {
        let mut session = with_task();
        let rest = half_published(&mut session, "AbCdE", DONE);
        session.drain();
        assert_eq!(said(&session.effects()), []);
        assert_eq!(said(&ends(&mut session, &rest)), [CANCEL]);
    }

    #[test]
    fn a_drain_amid_a_message_that_no_rule_is_about_waits_for_its_end() {
        let mut session = with_task();
        session.delivers(1, "tasks", 2, TASK);
        let nack = basic::Nack { delivery_tag: 0, multiple: true, requeue: true };
        session.says(1, basic::AMQPMethod::Nack(nack));
        let rest = half_published(&mut session, "elsewhere", b"half");
        session.drain();
        assert_eq!(said(&session.effects()), []);
        assert_eq!(said(&ends(&mut session, &rest)), [CANCEL]);
        let ok = basic::CancelOk { consumer_tag: short("tasks") };
        let ok = wire::basic(1, basic::AMQPMethod::CancelOk(ok)).unwrap();
        session.broker_sent(ok, now());
        assert_eq!(said(&session.effects()), [(20, 40)]);
    }

    #[test]
    fn a_twin_that_comes_amid_a_task_is_acknowledged_behind_it() {
        let mut session = session(QueuePolicy::Durable);
        session.consumes(1, "AbCdE", "results");
        session.delivers_tagged(1, "results", 1, "task-1");
        let rest = half_published(&mut session, "default", TASK);
        let effects = session.delivers_tagged(1, "results", 2, "task-1");
        assert_eq!((session.counters.twins, acked(&effects)), (1, vec![]));
        assert_eq!(acked(&ends(&mut session, &rest)), [(2, false)]);
    }

    #[test]
    fn a_task_that_comes_amid_a_result_while_the_worker_drains_goes_back_behind_it() {
        let mut session = with_task();
        let rest = half_published(&mut session, "AbCdE", DONE);
        session.drain();
        assert_eq!(refused(&session.delivers(1, "tasks", 2, TASK)), []);
        assert_eq!(refused(&ends(&mut session, &rest)), [(2, true)]);
    }

    #[test]
    fn a_message_that_a_lost_connection_broke_is_begun_again_behind_what_was_asked_before_it() {
        let mut session = session(QueuePolicy::Durable);
        session.consumes(1, "AbCdE", "results");
        session.publishes(1, "default", TASK);
        let delete = queue::Delete { queue: "FgHiJ".into(), ..queue::Delete::default() };
        let delete = wire::queue(1, queue::AMQPMethod::Delete(delete)).unwrap();
        session.child_sent(delete, now());
        let rest = half_published(&mut session, "default", TASK);
        session.broker_lost(now());
        session.renew(now());
        let effects = session.effects();
        let methods = said(&effects);
        assert!(methods.ends_with(&[(60, 40), (50, 40), (60, 40)]), "{methods:?}");
        assert!(matches!(effects.last(), Some(Effect::Replay(..))), "{effects:?}");
        // Something of ours comes before the rest.
        session.drain();
        session.delivers_tagged(1, "results", 1, "task-1");
        assert_eq!(acked(&session.delivers_tagged(1, "results", 2, "task-1")), []);
        let behind = ends(&mut session, &rest);
        assert_eq!(acked(&behind), [(2, false)]);
        assert_eq!(session.confirms(1, 2).len(), 2);
    }

    #[test]
    fn what_waited_on_a_connection_that_is_lost_is_not_said_on_the_next() {
        let mut session = with_task();
        let rest = half_published(&mut session, "AbCdE", DONE);
        session.delivers(1, "tasks", 2, TASK);
        session.drain();
        session.broker_lost(now());
        session.renew(now());
        assert!(!said(&session.effects()).contains(&CANCEL));
        assert_eq!(said(&ends(&mut session, &rest)), []);
    }

    /// Its tasks go back with the channel: nothing can be said on it any more.
    #[test]
    fn a_child_that_died_amid_its_result_leaves_its_task_to_the_end_of_the_connection() {
        let mut session = with_task();
        half_published(&mut session, "AbCdE", DONE);
        session.child_died("it was killed", now());
        assert_eq!(said(&session.effects()), []);
        assert!(session.is_settled());
        assert_eq!((session.counters.given_back, session.counters.failed), (1, 0));
    }

    #[test]
    fn an_answer_of_ours_to_the_child_waits_for_the_end_of_what_it_is_shown() {
        let mut session = session(QueuePolicy::Durable);
        session.show_no_tasks();
        session.broker_sent(deliver(1, 1), now());
        let mut frames = content(1, &[0, 0], &[b"half".to_vec(), vec![0; 10]]);
        let rest = frames.pop().unwrap();
        for frame in frames {
            session.broker_sent(frame, now());
        }
        session.effects();
        let consume = basic::Consume { queue: "default".into(), ..basic::Consume::default() };
        assert_eq!(session.says(1, basic::AMQPMethod::Consume(consume)), []);
        session.broker_sent(rest.clone(), now());
        let effects = session.effects();
        let [Effect::ToChild(first), Effect::ToChild(second)] = &effects[..] else {
            panic!("{effects:?}")
        };
        assert_eq!((first, second.method()), (&rest, Some((60, 21))));
    }

    #[test]
    fn no_more_waits_than_may_and_the_connection_is_made_anew() {
        let mut session = session(QueuePolicy::Durable);
        session.consumes(1, "AbCdE", "results");
        session.delivers_tagged(1, "results", 1, "task-1");
        half_published(&mut session, "default", TASK);
        for tag in 1..=MOST as u64 {
            let effects = session.delivers_tagged(1, "results", tag + 1, "task-1");
            assert_eq!(effects.contains(&Effect::Crowded), tag == MOST as u64, "{tag}");
        }
        assert!(session.can_renew().is_ok());
    }
}
