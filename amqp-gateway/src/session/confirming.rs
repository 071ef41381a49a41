//! PURE: tasks and results that the broker has not confirmed yet. paladin asks for no confirms, so they
//! are asked for behind its back: only what is confirmed is let go.

use super::held::End;
use super::{Effect, Session};
use crate::frame::Frame;
use crate::wire;

/// A task or a result on its way; its body is kept under its number.
#[derive(Debug)]
pub(super) struct Unconfirmed {
    /// The broker's number of it.
    pub(super) count: u64,
    pub(super) number: u64,
    pub(super) method: Frame,
    pub(super) header: Frame,
    /// The task in hand that it is the result of.
    pub(super) result_of: Option<u64>,
}

impl Unconfirmed {
    /// Where it goes if it is a result.
    pub(super) fn result_queue(&self) -> Option<String> {
        self.result_of?;
        wire::publish(&self.method).map(|publish| publish.routing_key.to_string())
    }
}

impl Session {
    /// Begins to count what is published on a channel.
    fn count_confirms(&mut self, number: u16) {
        let channel = self.channel(number);
        if !channel.confirms && !channel.counted {
            channel.counted = true;
            self.say_to_broker(number, wire::method_frame(number, &super::renewing::select()));
        }
    }

    /// One more message goes out on a channel.
    pub(super) fn count(&mut self, number: u16) {
        let channel = self.channel(number);
        channel.published += u64::from(channel.counted);
    }

    /// A task or a result goes out, and is kept until it is confirmed; gives its number. `None`: the
    /// child asks for confirms itself, and will know what to do without one.
    pub(super) fn keep_until_confirmed(
        &mut self,
        (method, header): (&Frame, &Frame),
        result_of: Option<u64>,
    ) -> Option<u64> {
        let at = method.channel();
        self.count_confirms(at);
        self.count(at);
        let number = self.next_number();
        let channel = self.channel(at);
        channel.leads |= result_of.is_none();
        if channel.confirms {
            return None;
        }
        channel.unconfirmed.push_back(Unconfirmed {
            count: channel.published,
            number,
            method: method.clone(),
            header: header.clone(),
            result_of,
        });
        Some(number)
    }

    /// The broker has one or more messages, or refuses them.
    pub(super) fn broker_confirmed(&mut self, frame: &Frame) {
        let ack = wire::ack(frame).filter(|_| frame.method() == Some((60, 80)));
        let nack = wire::nack(frame).filter(|_| frame.method() == Some((60, 120)));
        let (tag, multiple, taken) = match (ack, nack) {
            (Some(ack), _) => (ack.delivery_tag, ack.multiple, true),
            (None, Some(nack)) => (nack.delivery_tag, nack.multiple, false),
            (None, None) => return,
        };
        let unconfirmed = &mut self.channel(frame.channel()).unconfirmed;
        let meant = |it: &Unconfirmed| it.count == tag || (multiple && it.count <= tag);
        let (told, left) = std::mem::take(unconfirmed).into_iter().partition(meant);
        *unconfirmed = left;
        let told: std::collections::VecDeque<Unconfirmed> = told;
        for message in told {
            self.effects.push(Effect::Forget(message.number));
            match message.result_of {
                Some(task) if taken => self.answered(task),
                Some(task) => self.refused(task),
                None if taken => {}
                None => {
                    let words = "the broker has refused a task: its queue takes no more";
                    self.effects.push(Effect::Trouble(words.to_owned()));
                }
            }
        }
    }

    /// A result is with the broker, so its task may go.
    pub(super) fn answered(&mut self, task: u64) {
        let Some(held) = self.held.iter_mut().find(|held| held.number == task) else { return };
        held.answered = true;
        if let End::Acked(ack, _) = &held.end {
            let ack = ack.clone();
            self.finish(task, ack);
        }
    }

    /// The broker does not take a result: somebody is to try again.
    fn refused(&mut self, task: u64) {
        let words = "the broker has refused a result: its task goes back to its queue";
        self.effects.push(Effect::Trouble(words.to_owned()));
        self.give_back(task);
    }

    /// Everything unconfirmed goes out once more, on a new connection: first what the child has sent
    /// all of, and when its questions are asked, the message that it is sending.
    pub(super) fn publish_again(&mut self, number: u16, sending: bool) {
        let channel = self.channel(number);
        let (begun, mut effects) = (channel.begun(), Vec::new());
        for (message, count) in channel.unconfirmed.iter_mut().zip(1..) {
            let rest = begun.and_then(|(task, rest)| (task == message.number).then_some(rest));
            if rest.is_some() != sending {
                continue;
            }
            message.count = count;
            channel.published = count;
            channel.to_broker.goes_on(rest.unwrap_or_default());
            effects.push(Effect::ToBroker(message.method.clone()));
            effects.push(Effect::ToBroker(message.header.clone()));
            effects.push(Effect::Replay(message.number, number));
        }
        self.effects.extend(effects);
    }
}
