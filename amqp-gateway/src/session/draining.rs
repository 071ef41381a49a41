//! PURE: the end in good order: no more tasks, what is in hand finished, channels closed one by one.

use std::collections::BTreeSet;

use amq_protocol::protocol::basic;
use amqp_admin::QueueRole;

use super::{Effect, Session};
use crate::wire::{self, short};

/// How far the end has come.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) enum Drain {
    /// It has not begun.
    #[default]
    No,
    /// No task is shown to the child, and nothing of it is ended before the whole is told to.
    Idle,
    /// No task is shown to the child; it finishes what it has.
    Finishing,
    /// These channels are not closed at the broker yet.
    Closing(BTreeSet<u16>),
    /// Everything is with the broker.
    Done,
}

impl Drain {
    pub(super) fn is_closing(&self) -> bool {
        matches!(self, Self::Closing(_) | Self::Done)
    }

    /// A channel is closed at the broker; `false`: not by us.
    pub(super) fn closed(&mut self, channel: u16) -> bool {
        if let Self::Closing(left) = self { left.remove(&channel) } else { false }
    }
}

impl Session {
    /// The child is shown no more tasks; what it has it finishes.
    pub(crate) fn drain(&mut self) {
        if matches!(self.drain, Drain::No | Drain::Idle) {
            self.drain = Drain::Finishing;
            self.cancel_task_consumers();
            self.wait_no_longer();
        }
        self.go_on_draining();
    }

    /// For a child that connects while its gateway drains, and while there is no broker.
    pub(crate) fn show_no_tasks(&mut self) {
        if self.drain == Drain::No {
            self.drain = Drain::Idle;
        }
    }

    pub(super) fn shows_no_tasks(&self) -> bool {
        self.spent || self.drain != Drain::No
    }

    /// The child would drop its next task, so it gets none.
    pub(super) fn spend(&mut self) {
        self.spent = true;
        self.cancel_task_consumers();
        self.wait_no_longer();
    }

    /// At the broker, and behind the child's back.
    pub(super) fn cancel_task_consumers(&mut self) {
        for (&number, channel) in &mut self.channels {
            for (tag, consumer) in &channel.consumers {
                let is_task = matches!(consumer.role, QueueRole::Task(_));
                if !is_task || !channel.cancelling.insert(tag.clone()) {
                    continue;
                }
                let cancel = basic::Cancel { consumer_tag: short(tag), nowait: false };
                let frame = wire::basic(number, basic::AMQPMethod::Cancel(cancel));
                let frames = channel.to_broker.adds(frame);
                self.effects.extend(frames.into_iter().map(Effect::ToBroker));
            }
        }
    }

    /// Takes the next step, if all before it is done.
    pub(super) fn go_on_draining(&mut self) {
        if self.drain == Drain::Finishing && self.is_finished() {
            let mut left: BTreeSet<u16> = self.channels.keys().copied().collect();
            left.extend(self.own.is_open().then_some(self.settings.own_channel));
            for &channel in &left {
                self.say_to_broker(channel, wire::method_frame(channel, &wire::channel_close()));
            }
            self.drain = Drain::Closing(left);
        }
        if matches!(&self.drain, Drain::Closing(left) if left.is_empty()) {
            self.drain = Drain::Done;
            self.effects.push(Effect::Drained);
        }
    }

    /// Whether nothing of the child is missing at the broker while it has been told to end: it can go without one.
    pub(crate) fn can_go(&self) -> bool {
        let owes = self
            .channels
            .values()
            .any(|channel| !channel.unconfirmed.is_empty() || channel.outgoing.is_some());
        !matches!(self.drain, Drain::No) && !owes && self.is_settled()
    }

    fn is_finished(&self) -> bool {
        let quiet = self.channels.values().all(|channel| {
            channel.cancelling.is_empty()
                && channel.questions.is_empty()
                && channel.unconfirmed.is_empty()
                && channel.outgoing.is_none()
                && !channel.to_broker.is_amid()
                && channel.incoming.is_none()
                && channel.declares.is_empty()
                && channel.consumes.is_empty()
        });
        quiet && self.is_settled()
    }
}
