//! PURE: a channel of our own beside the child's, on which we publish with confirms, one by one.

use std::collections::VecDeque;

use amq_protocol::protocol::{AMQPClass, basic, channel, confirm, queue};
use amq_protocol::types::{AMQPValue, FieldTable};

use super::{Effect, Session};
use crate::frame::{Frame, Kind};
use crate::rules::DEAD_LETTER;
use crate::wire::{self, ContentHeader, short};

/// Reply code of the broker to what a user may not do.
const ACCESS_REFUSED: u16 = 403;
/// Head and end of a frame.
const FRAME_OVERHEAD: u32 = 8;

/// What is to be published.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Job {
    pub(super) aim: Aim,
    /// The number of the task it is about.
    pub(super) task: u64,
    pub(super) queue: String,
    pub(super) header: ContentHeader,
    /// `None`: what was kept of the task.
    pub(super) body: Option<Vec<u8>>,
    /// How often it was tried before, in vain.
    pub(super) tries: u32,
}

/// Why it is published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Aim {
    /// The task is tried again.
    Retry,
    /// The task is for another worker to read.
    PassOn,
    /// The task is put aside.
    DeadLetter,
    /// The leader hears of the failure, which the child did not tell.
    Tell,
}

/// What has become of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fate {
    /// The broker has it.
    Confirmed,
    /// The broker does not have it.
    Lost(Loss),
}

/// Why the broker did not take a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Loss {
    /// There is no such queue.
    NoQueue,
    /// There is no such queue, and we may not make it: in the broker's words.
    Denied(String),
    /// The queue takes no more.
    Full,
    /// In the broker's words.
    Refused(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Shut,
    Opening,
    Selecting,
    Declaring,
    Ready,
}

/// The channel and what waits for it.
#[derive(Debug)]
pub(super) struct Own {
    number: u16,
    body_max: usize,
    quorum: bool,
    state: State,
    waiting: VecDeque<Job>,
    /// Published and not yet confirmed; whether it came back.
    flying: Option<(Job, bool)>,
    dead_letters_are_there: bool,
    /// The broker's words when we were not allowed to make it.
    denied: Option<String>,
}

impl Own {
    pub(super) fn new(number: u16, frame_max: u32, quorum: bool) -> Self {
        // 0 is no limit; a quarter of a megabyte is a frame of a good size then.
        let frame_max = if frame_max == 0 { 1 << 18 } else { frame_max };
        let body_max = usize::try_from(frame_max.saturating_sub(FRAME_OVERHEAD).max(1));
        Self {
            number,
            body_max: body_max.unwrap_or(1 << 18),
            quorum,
            state: State::Shut,
            waiting: VecDeque::new(),
            flying: None,
            dead_letters_are_there: false,
            denied: None,
        }
    }

    pub(super) fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.flying.is_none()
    }

    #[cfg(test)]
    pub(super) fn first(&self) -> Option<Job> {
        self.waiting.front().cloned()
    }

    /// What is to be published because of a task.
    #[cfg(test)]
    pub(super) fn waiting_for(&self, task: u64) -> Vec<Aim> {
        let jobs = self.waiting.iter().filter(|job| job.task == task);
        jobs.map(|job| job.aim).collect()
    }

    pub(super) fn is_open(&self) -> bool {
        self.state != State::Shut
    }

    /// Its connection is lost, and with it the deliveries that its jobs were about.
    pub(super) fn reset(&mut self) {
        self.state = State::Shut;
        self.waiting.clear();
        self.flying = None;
    }

    /// A task is the broker's again, so nothing is left to say about it.
    pub(super) fn forget(&mut self, task: u64) {
        self.waiting.retain(|job| job.task != task);
    }

    pub(super) fn push(&mut self, job: Job, effects: &mut Vec<Effect>) {
        self.waiting.push_back(job);
        self.go_on(effects);
    }

    fn say(&self, method: &AMQPClass, effects: &mut Vec<Effect>) {
        effects.extend(wire::method_frame(self.number, method).map(Effect::ToBroker));
    }

    /// Takes the next step towards an empty row.
    fn go_on(&mut self, effects: &mut Vec<Effect>) {
        if self.flying.is_some() {
            return;
        }
        let Some(job) = self.waiting.front() else { return };
        match self.state {
            State::Shut => {
                self.state = State::Opening;
                let open = channel::AMQPMethod::Open(channel::Open {});
                self.say(&AMQPClass::Channel(open), effects);
            }
            State::Ready if job.aim == Aim::DeadLetter && !self.dead_letters_are_there => {
                self.state = State::Declaring;
                let declare = queue::AMQPMethod::Declare(self.dead_letters());
                self.say(&AMQPClass::Queue(declare), effects);
            }
            State::Ready => {
                let Some(job) = self.waiting.pop_front() else { return };
                self.publish(&job, effects);
                self.flying = Some((job, false));
            }
            State::Opening | State::Selecting | State::Declaring => {}
        }
    }

    fn dead_letters(&self) -> queue::Declare {
        let mut arguments = FieldTable::default();
        if self.quorum {
            arguments.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
        }
        let queue = short(DEAD_LETTER);
        queue::Declare { queue, durable: true, arguments, ..queue::Declare::default() }
    }

    fn publish(&self, job: &Job, effects: &mut Vec<Effect>) {
        let publish = basic::Publish {
            exchange: short(""),
            routing_key: short(&job.queue),
            mandatory: true,
            immediate: false,
        };
        self.say(&AMQPClass::Basic(basic::AMQPMethod::Publish(publish)), effects);
        effects.extend(wire::header_frame(self.number, &job.header).map(Effect::ToBroker));
        match &job.body {
            None => effects.push(Effect::Replay(job.task, self.number)),
            Some(body) => {
                let frames = body.chunks(self.body_max);
                let frames = frames.filter_map(|part| Frame::new(Kind::Body, self.number, part));
                effects.extend(frames.map(Effect::ToBroker));
            }
        }
    }

    /// A frame came on it; gives what became of a job, if that is known now.
    fn heard(&mut self, frame: &Frame, effects: &mut Vec<Effect>) -> Option<(Job, Fate)> {
        let mut fate = None;
        match (frame.method(), self.state) {
            (Some((20, 11)), State::Opening) => {
                self.state = State::Selecting;
                let select = confirm::AMQPMethod::Select(confirm::Select { nowait: false });
                self.say(&AMQPClass::Confirm(select), effects);
            }
            (Some((85, 11)), State::Selecting) => self.state = State::Ready,
            (Some((50, 11)), State::Declaring) => {
                self.dead_letters_are_there = true;
                self.state = State::Ready;
            }
            (Some((20, 40)), state) => fate = self.closed(frame, state, effects),
            (Some((20, 41)), _) => self.state = State::Shut,
            (Some((60, 50)), _) => {
                if let Some((_, came_back)) = &mut self.flying {
                    *came_back = true;
                }
            }
            (Some((60, 80)), _) => {
                fate = self.flying.take().map(|(job, came_back)| {
                    let fate = if came_back { self.came_back(job.aim) } else { Fate::Confirmed };
                    (job, fate)
                });
            }
            (Some((60, 120)), _) => {
                fate = self.flying.take().map(|(job, _)| (job, Fate::Lost(Loss::Full)));
            }
            _ => {}
        }
        self.go_on(effects);
        fate
    }

    /// The broker has closed the channel.
    fn closed(
        &mut self,
        frame: &Frame,
        state: State,
        effects: &mut Vec<Effect>,
    ) -> Option<(Job, Fate)> {
        let close = wire::channel_close_of(frame);
        let says = close.as_ref().map(|close| close.reply_text.to_string()).unwrap_or_default();
        if state == State::Declaring {
            // A declaration that differs from what is there means that it is there; and where we may
            // not make it, somebody else may have done so.
            self.dead_letters_are_there = true;
            let denied = close.is_some_and(|close| close.reply_code == ACCESS_REFUSED);
            self.denied = denied.then(|| says.clone());
        }
        self.state = State::Shut;
        let ok = channel::AMQPMethod::CloseOk(channel::CloseOk {});
        self.say(&AMQPClass::Channel(ok), effects);
        self.flying.take().map(|(job, _)| (job, Fate::Lost(Loss::Refused(says))))
    }

    /// There was no queue for it; that for dead letters is to be made before the next.
    fn came_back(&mut self, aim: Aim) -> Fate {
        if aim != Aim::DeadLetter {
            return Fate::Lost(Loss::NoQueue);
        }
        self.dead_letters_are_there = false;
        Fate::Lost(self.denied.take().map_or(Loss::NoQueue, Loss::Denied))
    }
}

impl Session {
    /// A frame came on our own channel.
    pub(super) fn own_channel_heard(&mut self, frame: &Frame) {
        if frame.method() == Some((20, 41)) {
            self.drain.closed(self.settings.own_channel);
        }
        if let Some((job, fate)) = self.own.heard(frame, &mut self.effects) {
            self.settled(&job, &fate);
        }
    }
}
