//! PURE: messages for the child: a task is taken note of, a twin or an abort that is none of its
//! business is not shown.

use amq_protocol::protocol::basic;
use amqp_admin::QueueRole;
use amqp_admin::paladin::{self, Generation, Scope, head_of_prefix};

use super::held::{Company, End, Held};
use super::leading::Answer;
use super::{Consumer, Effect, Session};
use crate::config::QueuePolicy;
use crate::frame::Frame;
use crate::tags;
use crate::wire;

/// A command has some thirty bytes; what is much longer is none.
const COMMAND_MAX: u64 = 4096;

/// A message for the child that a rule is about.
#[derive(Debug)]
pub(super) struct Incoming {
    consumer: Consumer,
    delivery_tag: u64,
    /// It was delivered before, to whomever.
    redelivered: bool,
    /// Frames held back until it is known what becomes of them.
    frames: Vec<Frame>,
    /// Bytes of the body that have not come.
    rest: u64,
    stage: Stage,
    /// A result whose first bytes have not come.
    answer: Option<Answer>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Its header has not come.
    Unknown,
    /// All of a command has to be seen.
    Command,
    /// The first bytes of a task have to be seen.
    First,
    /// It is a task that the child cannot read, and is not shown.
    Refused(u64),
    /// It is shown; the number of a task that is taken note of.
    Shown(Option<u64>),
    /// It is not shown.
    Hidden,
}

impl Incoming {
    /// The number of a task that is taken note of.
    fn task(&self) -> Option<u64> {
        match self.stage {
            Stage::Refused(task) => Some(task),
            Stage::Shown(task) => task,
            Stage::Unknown | Stage::Command | Stage::First | Stage::Hidden => None,
        }
    }
}

impl Session {
    pub(super) fn broker_delivers(&mut self, frame: Frame) {
        let number = frame.channel();
        let Some(deliver) = wire::deliver(&frame) else { return self.for_child(frame) };
        let shift = &mut self.channel(number).shift;
        let visible = shift.visible(deliver.delivery_tag);
        let (deliver, frame) = if shift.is_none() {
            (deliver, frame)
        } else {
            let deliver = basic::Deliver { delivery_tag: visible, ..deliver };
            let method = basic::AMQPMethod::Deliver(deliver.clone());
            (deliver, wire::basic(number, method).unwrap_or(frame))
        };
        let consumers = &self.channel(number).consumers;
        let consumer = consumers.get(deliver.consumer_tag.as_str()).cloned();
        let is_taken = consumer.as_ref().is_some_and(|consumer| consumer.no_ack);
        let (tags, aborts) = (self.settings.tags, self.settings.aborts);
        let concerned = consumer.filter(|consumer| match consumer.role {
            QueueRole::Task(_) => !consumer.no_ack,
            QueueRole::Result => tags,
            QueueRole::Control => aborts,
            QueueRole::DeadLetter | QueueRole::Other => false,
        });
        let Some(consumer) = concerned else {
            if !is_taken {
                self.wants_word(number, visible);
            }
            return self.for_child(frame);
        };
        let basic::Deliver { delivery_tag, redelivered, .. } = deliver;
        let (frames, stage) = (vec![frame], Stage::Unknown);
        let (rest, answer) = (0, None);
        let incoming =
            Incoming { consumer, delivery_tag, redelivered, frames, rest, stage, answer };
        self.channel(number).incoming = Some(incoming);
    }

    /// The header or a part of the body of a message for the child.
    pub(super) fn broker_delivered(&mut self, frame: Frame) {
        let number = frame.channel();
        let Some(mut incoming) = self.channel(number).incoming.take() else {
            return self.for_child(frame);
        };
        match incoming.stage {
            Stage::Unknown => self.header_came(&mut incoming, frame),
            Stage::Command | Stage::First | Stage::Refused(_) | Stage::Shown(_) | Stage::Hidden => {
                let bytes = frame.payload().len() as u64;
                incoming.rest = incoming.rest.saturating_sub(bytes);
                self.body_came(&mut incoming, frame);
            }
        }
        if incoming.rest > 0 {
            self.channel(number).incoming = Some(incoming);
        }
    }

    fn header_came(&mut self, incoming: &mut Incoming, frame: Frame) {
        let channel = frame.channel();
        let Some(header) = wire::content_header(&frame) else {
            incoming.frames.push(frame);
            return self.show(channel, incoming, None);
        };
        incoming.rest = header.body_size;
        incoming.frames.push(frame);
        let is_task = matches!(incoming.consumer.role, QueueRole::Task(_));
        if is_task && self.is_copy(channel, incoming, &header) {
            self.counters.twins += 1;
            return;
        }
        match incoming.consumer.role {
            QueueRole::Task(_) if self.shows_no_tasks() => {
                incoming.stage = Stage::Hidden;
                self.counters.given_back += 1;
                self.answer(channel, incoming.delivery_tag, wire::give_back);
            }
            QueueRole::Task(_) if self.reading.is_known() && incoming.rest > 0 => {
                incoming.stage = Stage::First;
            }
            QueueRole::Task(_) => {
                let task = self.take_note(channel, incoming, header);
                self.show(channel, incoming, Some(task));
            }
            QueueRole::Result if self.is_twin(&incoming.consumer.queue, &header) => {
                self.counters.twins += 1;
                self.hide(channel, incoming);
            }
            QueueRole::Control if (1..=COMMAND_MAX).contains(&incoming.rest) => {
                incoming.stage = Stage::Command;
            }
            QueueRole::Result => self.show_result(channel, incoming),
            QueueRole::Control | QueueRole::DeadLetter | QueueRole::Other => {
                self.show(channel, incoming, None);
            }
        }
    }

    fn show_result(&mut self, channel: u16, incoming: &mut Incoming) {
        self.counters.answered += 1;
        let header = incoming.frames.get(1).and_then(wire::content_header);
        let answer = self.lead.answered(&incoming.consumer.queue, header.as_ref(), self.now);
        if incoming.rest == 0 {
            self.lead.read(&[], answer);
        } else {
            incoming.answer = Some(answer);
        }
        self.show(channel, incoming, None);
    }

    fn body_came(&mut self, incoming: &mut Incoming, frame: Frame) {
        match incoming.stage {
            Stage::Hidden => {}
            Stage::Shown(None) => {
                if let Some(answer) = incoming.answer.take() {
                    self.lead.read(frame.payload(), answer);
                }
                self.for_child(frame);
            }
            Stage::First => self.first_came(incoming, frame),
            Stage::Refused(task) => self.keep(task, frame),
            Stage::Shown(Some(task)) => {
                self.read_head(task, &frame);
                self.keep(task, frame.clone());
                self.for_child(frame);
            }
            Stage::Unknown | Stage::Command => {
                let channel = frame.channel();
                incoming.frames.push(frame);
                if incoming.rest == 0 {
                    self.judge_command(channel, incoming);
                }
            }
        }
    }

    /// The first bytes of a task: they say whether the child can read it.
    fn first_came(&mut self, incoming: &mut Incoming, frame: Frame) {
        let channel = frame.channel();
        let Some(header) = incoming.frames.get(1).and_then(wire::content_header) else { return };
        let task = self.take_note(channel, incoming, header);
        self.read_head(task, &frame);
        if let Some(why) = self.not_for_child(task) {
            incoming.stage = Stage::Refused(task);
            incoming.frames.clear();
            self.keep(task, frame);
            self.refuse(task, why);
        } else {
            self.show(channel, incoming, Some(task));
            self.keep(task, frame.clone());
            self.for_child(frame);
        }
    }

    /// Not all of a task has come.
    pub(super) fn is_coming(&self, task: u64) -> bool {
        let mut incoming = self.channels.values().filter_map(|channel| channel.incoming.as_ref());
        incoming.any(|incoming| incoming.task() == Some(task))
    }

    /// A part of a task, in case it has to be published again.
    fn keep(&mut self, task: u64, frame: Frame) {
        if self.settings.repair && self.held.iter().any(|held| held.number == task) {
            self.effects.push(Effect::Keep(task, frame));
        }
    }

    fn show(&mut self, channel: u16, incoming: &mut Incoming, task: Option<u64>) {
        incoming.stage = Stage::Shown(task);
        self.counters.delivered += u64::from(task.is_some());
        if task.is_none() && !incoming.consumer.no_ack {
            self.wants_word(channel, incoming.delivery_tag);
        }
        for frame in std::mem::take(&mut incoming.frames) {
            self.for_child(frame);
        }
    }

    /// The child never hears of it, and the broker thinks that it has.
    fn hide(&mut self, channel: u16, incoming: &mut Incoming) {
        incoming.stage = Stage::Hidden;
        incoming.frames.clear();
        if !incoming.consumer.no_ack {
            self.answer(channel, incoming.delivery_tag, wire::ack_of);
        }
    }

    /// The copy of a task that was in the child's hands when a connection was lost. While the child
    /// works on, it waits unacknowledged in its place.
    fn is_copy(
        &mut self,
        channel: u16,
        incoming: &mut Incoming,
        header: &wire::ContentHeader,
    ) -> bool {
        // A leader's gateway publishes once more what was not confirmed. Where queues are not durable
        // a result may be gone that was there, and its task come again with good reason.
        let durable = self.settings.policy != QueuePolicy::AsIs;
        let task = tags::read(header).task.filter(|_| incoming.redelivered || durable);
        match self.adopt(task.as_ref(), incoming.delivery_tag) {
            None => return false,
            Some(true) => {
                incoming.stage = Stage::Hidden;
                incoming.frames.clear();
            }
            Some(false) => self.hide(channel, incoming),
        }
        true
    }

    fn take_note(&mut self, channel: u16, incoming: &Incoming, header: wire::ContentHeader) -> u64 {
        let number = self.next_number();
        let mut company = Company::Alone;
        for held in self.held.iter_mut().filter(|held| held.is_in_hand()) {
            (held.company, company) = (Company::Others, Company::Others);
        }
        let owner = self.settings.owner.as_ref();
        if let Some(owner) = owner.filter(|_| company == Company::Alone) {
            owner.begins();
        }
        self.held.push(Held {
            number,
            channel,
            delivery_tag: incoming.delivery_tag,
            adopted: None,
            queue: incoming.consumer.queue.clone(),
            tags: tags::read(&header),
            header,
            head: None,
            since: self.now,
            company,
            abort_shown: false,
            reason: None,
            withheld: Vec::new(),
            sent: false,
            answered: false,
            end: End::Open,
        });
        number
    }

    fn read_head(&mut self, task: u64, frame: &Frame) {
        let held = self.held.iter_mut().find(|held| held.number == task && held.head.is_none());
        if let Some(held) = held {
            held.head = head_of_prefix(frame.payload());
        }
    }

    /// A result that has been shown before; takes note of one that has not.
    fn is_twin(&mut self, queue: &str, header: &wire::ContentHeader) -> bool {
        let Some(task) = tags::read(header).task else { return false };
        !self.seen.entry(queue.to_owned()).or_default().insert(task)
    }

    /// An abort of everything is for a child that works on a task of the proof that failed. An abort
    /// of one job is for everybody: it harms no other job.
    fn judge_command(&mut self, channel: u16, incoming: &mut Incoming) {
        let header = incoming.frames.get(1).and_then(wire::content_header);
        let proof = header.and_then(|header| tags::read(&header).proof);
        let body: Vec<u8> =
            incoming.frames.iter().skip(2).flat_map(|frame| frame.payload().to_vec()).collect();
        let command = paladin::command(&body);
        let concerned = match &command {
            None => return self.show(channel, incoming, None),
            Some(command) => match &command.scope {
                Scope::Everything => {
                    self.mark_aborted(|held| proof.is_none() || proof == held.proof())
                }
                Scope::Job(queue) => {
                    self.mark_aborted(|held| {
                        held.head.as_ref().is_some_and(|head| head.result_queue == *queue)
                    });
                    if command.generation == Generation::V06 {
                        self.given_up.push_back((queue.clone(), self.now));
                    }
                    true
                }
            },
        };
        if concerned {
            self.show(channel, incoming, None);
        } else {
            self.counters.aborts_dropped += 1;
            self.hide(channel, incoming);
        }
    }

    /// Marks the tasks that the child will give up; whether there are any.
    fn mark_aborted(&mut self, concerns: impl Fn(&Held) -> bool) -> bool {
        let mut any = false;
        for held in self.held.iter_mut().filter(|held| held.is_open() && concerns(held)) {
            held.abort_shown = true;
            any = true;
        }
        any
    }
}
