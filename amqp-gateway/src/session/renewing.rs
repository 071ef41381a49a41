//! PURE: a connection to the broker that was lost and made anew, without the child noticing.
//!
//! The broker has taken back whatever was unacknowledged. What the child has in hand it goes on with:
//! its copy that the broker delivers again takes the place of the one it had, and is not shown.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Instant;

use amq_protocol::protocol::{basic, channel, confirm, connection, exchange, queue};
use amqp_admin::QueueRole;

use super::confirming::Unconfirmed;
use super::held::End;
use super::lane::Lane;
use super::{Channel, Effect, Needs, Session};
use crate::config::QueuePolicy;
use crate::frame::Frame;
use crate::rules;
use crate::wire::{self, Method, short};

/// Declarations of result queues that are remembered: a worker makes one for each result.
const REMEMBERED: usize = 64;

/// What a channel is made of, in the child's own words.
#[derive(Debug, Default)]
pub(super) struct Topology {
    prefetch: Option<basic::Qos>,
    exchanges: BTreeMap<String, exchange::Declare>,
    queues: BTreeMap<String, queue::Declare>,
    bindings: Vec<queue::Bind>,
    consumers: BTreeMap<String, basic::Consume>,
    /// Consumers that the broker has not welcomed, in the order of its answers.
    waiting: VecDeque<basic::Consume>,
}

/// Delivery tags of a channel that has been made anew go on where those of the old one ended.
#[derive(Debug, Default)]
pub(super) struct Shift {
    /// What is to be added to the broker's tags.
    offset: u64,
    /// The last tag that the child has seen.
    last: u64,
}

impl Topology {
    /// Takes note of what the child asks for.
    pub(super) fn saw(&mut self, frame: &Frame) {
        match frame.method() {
            Some((60, 10)) => self.prefetch = wire::qos(frame).or(self.prefetch.take()),
            Some((40, 10)) => {
                if let Some(declare) = wire::exchange_declare(frame).filter(|it| !it.passive) {
                    self.exchanges.insert(declare.exchange.to_string(), declare);
                }
            }
            Some((50, 10)) => {
                if let Some(declare) = wire::queue_declare(frame).filter(|it| !it.passive) {
                    self.remember(declare);
                }
            }
            Some((50, 20)) => {
                let bind = wire::queue_bind(frame).filter(|bind| !self.bindings.contains(bind));
                self.bindings.extend(bind);
            }
            Some((50, 40)) => {
                if let Some(delete) = wire::queue_delete(frame) {
                    self.queues.remove(delete.queue.as_str());
                    self.bindings.retain(|bind| bind.queue != delete.queue);
                }
            }
            Some((60, 20)) => self.waiting.extend(wire::consume(frame).filter(|it| !it.nowait)),
            _ => {}
        }
    }

    fn remember(&mut self, declare: queue::Declare) {
        let consumed = |name: &str| self.consumers.values().any(|it| it.queue.as_str() == name);
        let is_result = |name: &str| rules::role(name) == QueueRole::Result;
        let unused = self.queues.keys().filter(|name| is_result(name) && !consumed(name));
        let unused: Vec<String> = unused.cloned().collect();
        if unused.len() >= REMEMBERED {
            for name in unused {
                self.queues.remove(&name);
            }
        }
        self.queues.insert(declare.queue.to_string(), declare);
    }

    /// The broker has welcomed a consumer.
    pub(super) fn welcomed(&mut self, tag: &str) {
        if let Some(consume) = self.waiting.pop_front() {
            let consume = basic::Consume { consumer_tag: short(tag), nowait: true, ..consume };
            self.consumers.insert(tag.to_owned(), consume);
        }
    }

    /// The last one was welcomed by us, and the broker knows nothing of it.
    pub(super) fn pretended(&mut self) {
        self.waiting.pop_back();
    }

    pub(super) fn cancelled(&mut self, tag: &str) {
        self.consumers.remove(tag);
    }
}

impl Shift {
    /// The tag that the child sees for one of the broker's.
    pub(super) fn visible(&mut self, tag: u64) -> u64 {
        self.last = self.last.max(tag.saturating_add(self.offset));
        tag.saturating_add(self.offset)
    }

    /// The broker's tag for one that the child has seen; `None`: it was of a connection that is lost.
    pub(super) fn of_broker(&self, tag: u64) -> Option<u64> {
        tag.checked_sub(self.offset).filter(|tag| *tag > 0)
    }

    pub(super) fn is_none(&self) -> bool {
        self.offset == 0
    }

    fn renew(&mut self) {
        self.offset = self.last;
    }
}

impl Session {
    /// Whether the connection to the broker can be replaced so that nothing is lost or shown twice;
    /// why not, otherwise.
    pub(crate) fn can_renew(&self) -> Result<(), &'static str> {
        match self.needs {
            Needs::It => {}
            Needs::ItNoMore => return Err("the child was leaving"),
            Needs::Replacing => return Err("the broker had ended what the child relies on"),
        }
        if self.foreign {
            return Err("what was on its way on this connection may be lost");
        }
        for channel in self.channels.values() {
            channel.can_renew()?;
            if channel.leads && self.settings.policy == QueuePolicy::AsIs {
                return Err("its tasks may be gone: the queues are not durable");
            }
        }
        if self.drain.is_closing() { Err("it was about to be closed") } else { Ok(()) }
    }

    /// The connection was lost: what the child has in hand is its own, and the broker's again.
    pub(crate) fn broker_lost(&mut self, now: Instant) {
        self.now = now;
        self.counters.reconnects += 1;
        self.own.reset();
        self.waiting.clear();
        self.failure = None;
        let held = std::mem::take(&mut self.held);
        for mut task in held {
            if matches!(task.end, End::Open | End::Acked(..)) {
                task.adopted = None;
                self.held.push(task);
            } else {
                self.counters.given_back += 1;
                self.effects.push(Effect::Forget(task.number));
            }
        }
        self.renewals += 1;
        for channel in self.channels.values_mut() {
            channel.incoming = None;
            channel.unanswered.clear();
            channel.cancelling.clear();
            channel.unasked.clear();
            channel.shift.renew();
            channel.to_broker = Lane::default();
            channel.published = 0;
            channel.declares.clear();
            channel.consumes.clear();
            channel.topology.waiting.clear();
        }
    }

    /// There is a connection again: everything is made on it as it was on the old one.
    pub(crate) fn renew(&mut self, now: Instant) {
        self.child_was_unheard(now);
        if std::mem::take(&mut self.blocked) {
            // The new one says so itself if it is short of anything, and only once it is published to.
            let unblocked = connection::AMQPMethod::Unblocked(connection::Unblocked {});
            let frame = wire::method_frame(0, &Method::Connection(unblocked));
            self.effects.extend(frame.map(Effect::ToChild));
        }
        for number in std::mem::take(&mut self.closing) {
            // What the broker said on it while it was being closed is no reason to open it again.
            self.channels.remove(&number);
            let ok = Method::Channel(channel::AMQPMethod::CloseOk(channel::CloseOk {}));
            self.effects.extend(wire::method_frame(number, &ok).map(Effect::ToChild));
        }
        let numbers: Vec<u16> = self.channels.keys().copied().collect();
        for number in numbers {
            for method in self.again(number) {
                self.say_to_broker(number, wire::method_frame(number, &method));
            }
            self.publish_again(number, false);
            self.ask_again(number);
            self.publish_again(number, true);
        }
    }

    /// The child was not heard until now: neither its result nor its words have had the time to come.
    pub(crate) fn child_was_unheard(&mut self, now: Instant) {
        self.now = now;
        for held in &mut self.held {
            if let End::Acked(_, since) | End::Dropped(since) = &mut held.end {
                *since = now;
            }
        }
    }

    /// What the broker had not answered is asked once more, and the answer is the child's.
    fn ask_again(&mut self, number: u16) {
        for question in self.channel(number).questions.clone() {
            if question.method() == Some((60, 20)) {
                self.channel(number).topology.saw(&question);
            }
            if question.method() != Some((20, 10)) {
                self.child_called(question);
            }
        }
    }

    fn again(&mut self, number: u16) -> Vec<Method> {
        let no_tasks = self.shows_no_tasks();
        let names: BTreeMap<String, String> = self
            .channels
            .get(&number)
            .into_iter()
            .flat_map(|channel| channel.topology.queues.keys())
            .filter_map(|name| Some((name.clone(), self.private_name(name)?)))
            .collect();
        let sent_as = |name: &str| names.get(name).map_or_else(|| name.to_owned(), Clone::clone);
        let (policy, max_priority) = (self.settings.policy, self.settings.max_priority);
        let unconfirmed = self.channels.values().flat_map(|channel| &channel.unconfirmed);
        let results = unconfirmed.filter_map(Unconfirmed::result_queue).collect();
        let channel = self.channel(number);
        let mut methods = channel.opened_again();
        let topology = &channel.topology;
        for declare in topology.exchanges.values() {
            let wanted = rules::exchanged(policy, declare).unwrap_or_else(|| declare.clone());
            let wanted = exchange::Declare { nowait: true, ..wanted };
            methods.push(Method::Exchange(exchange::AMQPMethod::Declare(wanted)));
        }
        methods.extend(queues_again(topology, (policy, max_priority), &names, &results));
        for bind in &topology.bindings {
            let queue = short(&sent_as(bind.queue.as_str()));
            let bind = queue::Bind { queue, nowait: true, ..bind.clone() };
            methods.push(Method::Queue(queue::AMQPMethod::Bind(bind)));
        }
        for (tag, consume) in &topology.consumers {
            let role = channel.consumers.get(tag).map(|consumer| consumer.role);
            if no_tasks && matches!(role, Some(QueueRole::Task(_)) | None) {
                continue;
            }
            let queue = short(&sent_as(consume.queue.as_str()));
            let consume = basic::Consume { queue, ..consume.clone() };
            methods.push(Method::Basic(basic::AMQPMethod::Consume(consume)));
        }
        methods
    }

    /// Of a task that the child has in hand or has done, the copy that the broker delivers again.
    /// `None`: it is none. `Some(false)`: nobody needs it.
    pub(super) fn adopt(&mut self, task: Option<&String>, tag: u64) -> Option<bool> {
        let task = task?;
        if self.done.contains(task) {
            return Some(false);
        }
        let stale = |held: &&mut super::held::Held| {
            held.tags.task.as_ref() == Some(task)
                && held.adopted.is_none()
                && self
                    .channels
                    .get(&held.channel)
                    .is_some_and(|channel| channel.shift.of_broker(held.delivery_tag).is_none())
        };
        let held = self.held.iter_mut().find(stale)?;
        held.adopted = Some(tag);
        Some(true)
    }
}

/// Declares the queues that are consumed from, those that tasks are in, and those that unconfirmed
/// results go to.
fn queues_again(
    topology: &Topology,
    (policy, max_priority): (QueuePolicy, Option<u8>),
    private: &BTreeMap<String, String>,
    results: &BTreeSet<String>,
) -> Vec<Method> {
    let consumed = |name: &str| topology.consumers.values().any(|it| it.queue.as_str() == name);
    let wanted = topology.queues.iter().filter(|(name, declare)| {
        consumed(name)
            || results.contains(*name)
            || rules::role_of_declared(declare) != QueueRole::Result
    });
    let declare = |(name, declare): (&String, &queue::Declare)| {
        let wanted = match private.get(name) {
            Some(private) => rules::private(declare, private),
            None => {
                rules::declared(policy, max_priority, declare).unwrap_or_else(|| declare.clone())
            }
        };
        let wanted = queue::Declare { nowait: true, ..wanted };
        Method::Queue(queue::AMQPMethod::Declare(wanted))
    };
    wanted.map(declare).collect()
}

/// Asks for confirms behind the child's back.
pub(super) fn select() -> Method {
    Method::Confirm(confirm::AMQPMethod::Select(confirm::Select { nowait: true }))
}

impl Channel {
    fn opened_again(&mut self) -> Vec<Method> {
        let mut methods = vec![Method::Channel(channel::AMQPMethod::Open(channel::Open {}))];
        // An opening that was not answered is the child's own.
        if self.questions.iter().all(|question| question.method() != Some((20, 10))) {
            self.unasked.push((20, 11));
        }
        if let Some(qos) = &self.topology.prefetch {
            methods.push(Method::Basic(basic::AMQPMethod::Qos(qos.clone())));
            self.unasked.push((60, 11));
        }
        methods.extend(self.counted.then(select));
        methods
    }

    /// The message that the child is sending, of which the broker has a part and which can be begun
    /// again: its number, and how many bytes the child has not sent.
    pub(super) fn begun(&self) -> Option<(u64, u64)> {
        let kept = self.outgoing.as_ref().and_then(super::publishing::Outgoing::kept)?;
        self.unconfirmed.iter().any(|message| message.number == kept.0).then_some(kept)
    }

    fn can_renew(&self) -> Result<(), &'static str> {
        let sending = self.to_broker.is_amid() && self.begun().is_none();
        if sending || self.to_child.is_amid() {
            return Err("it was lost in the middle of a message");
        }
        if self.confirms {
            return Err("it is not known which of its messages have arrived");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::scene::{DONE, TASK, acked, session, to_broker};
    use super::*;

    #[test]
    fn a_result_that_could_not_come_while_there_was_no_broker_is_waited_for() {
        let mut session = session(QueuePolicy::Durable);
        session.consumes(1, "default", "tasks");
        session.delivers(1, "tasks", 1, TASK);
        let ack = basic::AMQPMethod::Ack(basic::Ack { delivery_tag: 1, multiple: false });
        assert_eq!(acked(&session.says(1, ack)), []);
        let later = session.now + Duration::from_secs(60);
        session.broker_lost(session.now);
        session.renew(later);
        session.tick(later);
        session.publishes(1, "AbCdE", DONE);
        assert!(!session.foreign, "the result is not known as one");
        assert_eq!(session.counters.results, 1);
    }

    /// lapin writes nothing while it is blocked, so the new broker would not hear of it to say otherwise.
    #[test]
    fn a_child_that_was_told_to_publish_nothing_may_again_on_another_connection() {
        let blocked = connection::AMQPMethod::Blocked(connection::Blocked::default());
        let unblocked = connection::AMQPMethod::Unblocked(connection::Unblocked {});
        let [blocked, unblocked] = [blocked, unblocked]
            .map(|method| wire::method_frame(0, &Method::Connection(method)).unwrap());
        for (told, is_told) in
            [(vec![], false), (vec![&blocked], true), (vec![&blocked, &unblocked], false)]
        {
            let mut session = session(QueuePolicy::Durable);
            for frame in told {
                session.broker_sent(frame.clone(), session.now);
            }
            session.effects();
            for is_told in [is_told, false] {
                session.broker_lost(session.now);
                session.renew(session.now);
                let effects = session.effects();
                assert_eq!(effects.contains(&Effect::ToChild(unblocked.clone())), is_told);
            }
        }
    }

    #[test]
    fn the_queue_of_a_result_that_is_published_again_is_declared_before_it() {
        let mut session = session(QueuePolicy::Durable);
        session.consumes(1, "default", "tasks");
        session.delivers(1, "tasks", 1, TASK);
        for queue in ["AbCdE", "FgHiJ"] {
            let declare = queue::Declare { queue: queue.into(), ..queue::Declare::default() };
            let declare = wire::queue(1, queue::AMQPMethod::Declare(declare)).unwrap();
            session.child_sent(declare, session.now);
        }
        session.publishes(1, "AbCdE", DONE);
        session.broker_lost(session.now);
        session.effects();
        session.renew(session.now);
        let effects = session.effects();
        let at = |wanted: &dyn Fn(&Frame) -> bool| to_broker(&effects).position(wanted);
        let declares = |name: &'static str| {
            at(&|frame| wire::queue_declare(frame).is_some_and(|it| it.queue.as_str() == name))
        };
        let published = at(&|frame| frame.method() == Some((60, 40)));
        assert!(declares("AbCdE").unwrap() < published.unwrap());
    }

    #[test]
    fn only_what_was_not_answered_is_asked_again_in_whatever_order_the_answers_came() {
        let mut session = session(QueuePolicy::Durable);
        let consume = basic::Consume {
            queue: "AbCdE".into(),
            consumer_tag: "results".into(),
            ..basic::Consume::default()
        };
        let consume = wire::basic(1, basic::AMQPMethod::Consume(consume)).unwrap();
        let delete = queue::Delete { queue: "FgHiJ".into(), ..queue::Delete::default() };
        let delete = wire::queue(1, queue::AMQPMethod::Delete(delete)).unwrap();
        for question in [&consume, &delete] {
            session.child_sent(question.clone(), session.now);
        }
        let deleted = queue::AMQPMethod::DeleteOk(queue::DeleteOk { message_count: 0 });
        session.broker_sent(wire::queue(1, deleted).unwrap(), session.now);
        session.effects();
        session.broker_lost(session.now);
        session.renew(session.now);
        let asked: Vec<Frame> = to_broker(&session.effects()).cloned().collect();
        assert!(asked.contains(&consume), "{asked:?}");
        assert!(!asked.contains(&delete), "{asked:?}");
    }
}
