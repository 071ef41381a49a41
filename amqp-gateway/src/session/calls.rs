//! PURE: methods of the child and of the broker that carry no content.

use amq_protocol::protocol::{basic, queue};
use amqp_admin::{ABORT_QUEUE_PREFIX, QueueName, QueueRole};

use super::{Channel, Consumer, Effect, Session};
use crate::frame::Frame;
use crate::rules;
use crate::wire::{self, short};

/// The reply code of a connection that is closed in good order.
const GOODBYE: u16 = 200;

/// What the loss of the broker means to the child.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Needs {
    /// It goes on waiting for what cannot come.
    It,
    /// It has said goodbye already.
    ItNoMore,
    /// It is cut off already, and that has been told.
    Replacing,
}

impl Session {
    /// A method of the child.
    pub(super) fn child_called(&mut self, frame: Frame) {
        match frame.method() {
            Some((10, 50)) => self.child_closes_connection(frame),
            Some((20, 40)) => self.child_closes_channel(frame),
            Some((20, 41)) => {
                self.channels.remove(&frame.channel());
                self.for_broker(frame);
            }
            Some((40, 10)) => self.child_declares_exchange(frame),
            Some((50, 10)) => self.child_declares(frame),
            Some((50, 20 | 30 | 40 | 50)) => self.child_names_queue(frame),
            Some((60, 20)) => self.child_consumes(frame),
            Some((60, 30)) => self.child_cancels(frame),
            Some((60, 40)) => self.child_publishes(frame),
            Some((60, 80)) => self.child_acks(frame),
            Some((60, 90)) => self.child_rejects(frame),
            Some((60, 120)) => self.child_nacks(frame),
            Some((85, 10)) => {
                self.channel(frame.channel()).confirms = true;
                self.foreign = true;
                self.for_broker(frame);
            }
            _ => self.for_broker(frame),
        }
    }

    /// A method of the broker.
    pub(super) fn broker_called(&mut self, frame: Frame) {
        match frame.method() {
            Some((10, 50)) => self.broker_closes_connection(frame),
            Some((20, 40)) => self.broker_closes_channel(frame),
            Some((20, 41)) => self.broker_closed_channel(frame),
            Some((50, 11)) => self.broker_declared(frame),
            Some((60, 21)) => self.broker_welcomed(frame),
            Some((60, 30)) => self.broker_cancels(frame),
            Some((60, 31)) => self.broker_cancelled(frame),
            Some((60, 60)) => self.broker_delivers(frame),
            _ => self.for_child(frame),
        }
    }

    fn child_declares_exchange(&mut self, frame: Frame) {
        let read = wire::exchange_declare(&frame);
        let wanted = read.and_then(|declare| rules::exchanged(self.settings.policy, &declare));
        let rewritten =
            wanted.and_then(|declare| wire::exchange_declare_frame(frame.channel(), declare));
        self.for_broker(rewritten.unwrap_or(frame));
    }

    fn child_declares(&mut self, frame: Frame) {
        let Some(declare) = wire::queue_declare(&frame) else { return self.for_broker(frame) };
        let name = declare.queue.to_string();
        let role = rules::role_of_declared(&declare);
        if !declare.passive {
            self.roles.insert(name.clone(), role);
        }
        let wanted = match self.private_name(&name) {
            Some(private) => Some(rules::private(&declare, &private)),
            None => rules::declared(self.settings.policy, self.settings.max_priority, &declare),
        };
        let rewritten = wanted
            .clone()
            .and_then(|declare| wire::queue(frame.channel(), queue::AMQPMethod::Declare(declare)));
        let sent = wanted.unwrap_or(declare);
        if !sent.nowait {
            self.channel(frame.channel()).declares.push_back((name, sent));
        }
        self.for_broker(rewritten.unwrap_or(frame));
    }

    /// The queue of our own that stands for the control queue that all workers share.
    pub(super) fn private_name(&self, name: &str) -> Option<String> {
        let shared = self.settings.aborts && rules::role(name) == QueueRole::Control;
        let (seed, renewals) = (&self.settings.seed, self.renewals);
        shared.then(|| format!("{ABORT_QUEUE_PREFIX}{seed}-{renewals}-{name}"))
    }

    /// Binds, unbinds, purges or deletes a queue.
    fn child_names_queue(&mut self, frame: Frame) {
        let channel = frame.channel();
        if let Some(delete) =
            wire::queue_delete(&frame).filter(|_| frame.method() == Some((50, 40)))
        {
            let name = delete.queue.as_str();
            self.seen.remove(name);
            self.awaited.retain(|queue| queue.as_str() != name);
        }
        let private = |name: &amq_protocol::types::ShortString| {
            self.private_name(name.as_str()).map(|name| short(&name))
        };
        let rewritten = match frame.method() {
            Some((50, 20)) => wire::queue_bind(&frame).and_then(|bind| {
                let queue = private(&bind.queue)?;
                Some(queue::AMQPMethod::Bind(queue::Bind { queue, ..bind }))
            }),
            Some((50, 30)) => wire::queue_purge(&frame).and_then(|purge| {
                let queue = private(&purge.queue)?;
                Some(queue::AMQPMethod::Purge(queue::Purge { queue, ..purge }))
            }),
            Some((50, 40)) => wire::queue_delete(&frame).and_then(|delete| {
                let queue = private(&delete.queue)?;
                Some(queue::AMQPMethod::Delete(queue::Delete { queue, ..delete }))
            }),
            _ => wire::queue_unbind(&frame).and_then(|unbind| {
                let queue = private(&unbind.queue)?;
                Some(queue::AMQPMethod::Unbind(queue::Unbind { queue, ..unbind }))
            }),
        };
        let rewritten = rewritten.and_then(|method| wire::queue(channel, method));
        self.for_broker(rewritten.unwrap_or(frame));
    }

    fn child_consumes(&mut self, frame: Frame) {
        let Some(consume) = wire::consume(&frame) else { return self.for_broker(frame) };
        let number = frame.channel();
        let queue = consume.queue.to_string();
        let role = self.role_of(&queue);
        let consumer = Consumer { queue: queue.clone(), role, no_ack: consume.no_ack };
        self.foreign |= role == QueueRole::Other || consume.no_ack || consume.nowait;
        if matches!(role, QueueRole::Task(_)) && self.shows_no_tasks() {
            return self.pretend_to_consume(number, &consume);
        }
        if matches!(role, QueueRole::Task(_)) {
            self.reading.consumes_as(consume.consumer_tag.as_str());
        }
        if role == QueueRole::Result {
            self.awaited.extend(QueueName::new(&queue));
        }
        let channel = self.channel(number);
        if consume.nowait {
            channel.consumers.insert(consume.consumer_tag.to_string(), consumer);
        } else {
            channel.consumes.push_back(consumer);
        }
        let rewritten = self.private_name(&queue).and_then(|private| {
            let consume = basic::Consume { queue: short(&private), ..consume };
            wire::basic(number, basic::AMQPMethod::Consume(consume))
        });
        self.for_broker(rewritten.unwrap_or(frame));
    }

    /// No more tasks are shown, so the broker need not know of another consumer.
    fn pretend_to_consume(&mut self, channel: u16, consume: &basic::Consume) {
        if consume.nowait {
            return;
        }
        self.channel(channel).questions.pop_back();
        self.channel(channel).topology.pretended();
        let named = consume.consumer_tag.as_str();
        let tag =
            if named.is_empty() { format!("zero-{}", self.next_number()) } else { named.into() };
        let ok = basic::ConsumeOk { consumer_tag: short(&tag) };
        self.say_to_child(channel, wire::basic(channel, basic::AMQPMethod::ConsumeOk(ok)));
    }

    fn child_cancels(&mut self, frame: Frame) {
        if let Some(cancel) = wire::cancel(&frame) {
            let consumers = &mut self.channel(frame.channel()).consumers;
            let consumer = consumers.remove(cancel.consumer_tag.as_str());
            let topology = &mut self.channel(frame.channel()).topology;
            topology.cancelled(cancel.consumer_tag.as_str());
            if let Some(consumer) = consumer {
                self.awaited.retain(|queue| queue.as_str() != consumer.queue);
            }
        }
        self.for_broker(frame);
    }

    /// In good order, or because it does not understand what it was told.
    fn child_closes_connection(&mut self, frame: Frame) {
        let close = wire::connection_close_of(&frame);
        if let Some(close) = close.filter(|close| close.reply_code != GOODBYE) {
            let (code, says) = (close.reply_code, close.reply_text.as_str());
            let words =
                format!("the child has closed its connection for a fault of ours: {says} ({code})");
            self.effects.push(Effect::Trouble(words));
        }
        self.for_broker(frame);
    }

    fn child_closes_channel(&mut self, frame: Frame) {
        self.closing.insert(frame.channel());
        self.lose_channel(frame.channel());
        self.for_broker(frame);
    }

    /// What was unacknowledged on a channel goes back to its queue, by the broker's doing.
    fn lose_channel(&mut self, number: u16) {
        if let Some(channel) = self.channels.remove(&number) {
            let forgotten =
                channel.unconfirmed.iter().map(|message| Effect::Forget(message.number));
            self.effects.extend(forgotten);
        }
        let (lost, kept) = std::mem::take(&mut self.held)
            .into_iter()
            .partition::<Vec<_>, _>(|held| held.channel == number);
        self.held = kept;
        for held in lost {
            self.counters.given_back += 1;
            self.own.forget(held.number);
            self.effects.push(Effect::Forget(held.number));
        }
    }

    /// The broker has ended what the child relies on. paladin does not act on it.
    fn sever(&mut self, words: String) {
        let needs = std::mem::replace(&mut self.needs, Needs::Replacing);
        let is_news = needs == Needs::It;
        self.effects.push(if is_news { Effect::Severed(words) } else { Effect::Trouble(words) });
    }

    /// What the loss of the broker means to the child.
    pub(crate) fn needs_broker(&self) -> Needs {
        self.needs
    }

    /// Because of something that the child has asked for, which seldom says so itself, or of a fault
    /// of its own.
    fn broker_closes_connection(&mut self, frame: Frame) {
        if let Some(close) = wire::connection_close_of(&frame) {
            self.sever(rules::closed("connection", close.reply_code, close.reply_text.as_str()));
        }
        self.for_child(frame);
    }

    /// A channel that the child waits on for deliveries: it hears of the end only where it asks for
    /// something.
    fn notice_closed_channel(&mut self, frame: &Frame) {
        let Some(close) = wire::channel_close_of(frame) else { return };
        let Some(channel) = self.channels.get(&frame.channel()) else { return };
        let about = Some((close.class_id, close.method_id));
        let is_answer = channel.questions.iter().any(|question| question.method() == about);
        if !channel.consumers.is_empty() && !is_answer {
            self.sever(rules::closed("channel", close.reply_code, close.reply_text.as_str()));
        }
    }

    fn broker_closes_channel(&mut self, frame: Frame) {
        self.notice_closed_channel(&frame);
        let refused = wire::channel_close_of(&frame);
        let declares = self.channels.get(&frame.channel()).map(|channel| &channel.declares);
        let first = declares.and_then(|declares| declares.front()).cloned();
        let rewritten = refused.zip(first).and_then(|(close, (name, _))| {
            let declaring = close.class_id == 50 && close.method_id == 10;
            if close.reply_code != rules::PRECONDITION_FAILED || !declaring {
                return None;
            }
            let says = close.reply_text.as_str();
            let (reply, whole) = rules::mismatch(&name, self.settings.policy, says);
            self.effects.push(Effect::Trouble(whole));
            wire::channel_close_frame(frame.channel(), &close, &reply)
        });
        self.lose_channel(frame.channel());
        self.for_child(rewritten.unwrap_or(frame));
    }

    fn broker_closed_channel(&mut self, frame: Frame) {
        if !self.drain.closed(frame.channel()) {
            self.closing.remove(&frame.channel());
            self.channels.remove(&frame.channel());
            self.for_child(frame);
        }
    }

    fn broker_declared(&mut self, frame: Frame) {
        let told = self.channel(frame.channel()).declares.pop_front();
        let rewritten = told.and_then(|(name, sent)| {
            let ok = wire::queue_declare_ok(&frame)?;
            if sent.queue.as_str() == name {
                return None;
            }
            let ok = queue::DeclareOk { queue: short(&name), ..ok };
            wire::queue(frame.channel(), queue::AMQPMethod::DeclareOk(ok))
        });
        self.for_child(rewritten.unwrap_or(frame));
    }

    fn broker_welcomed(&mut self, frame: Frame) {
        let channel = self.channel(frame.channel());
        let consumer = channel.consumes.pop_front();
        if let Some((consumer, ok)) = consumer.zip(wire::consume_ok(&frame)) {
            channel.topology.welcomed(ok.consumer_tag.as_str());
            channel.consumers.insert(ok.consumer_tag.to_string(), consumer);
        }
        self.for_child(frame);
        if self.shows_no_tasks() {
            self.cancel_task_consumers();
        }
    }

    fn broker_cancels(&mut self, frame: Frame) {
        if let Some(cancel) = wire::cancel(&frame) {
            let channel = self.channel(frame.channel());
            channel.topology.cancelled(cancel.consumer_tag.as_str());
            channel.consumers.remove(cancel.consumer_tag.as_str());
        }
        self.for_child(frame);
    }

    fn broker_cancelled(&mut self, frame: Frame) {
        let ok = wire::cancel_ok(&frame);
        let ours = ok.is_some_and(|ok| {
            let Channel { cancelling, consumers, .. } = self.channel(frame.channel());
            consumers.remove(ok.consumer_tag.as_str());
            cancelling.remove(ok.consumer_tag.as_str())
        });
        if !ours {
            self.for_child(frame);
        }
    }
}
