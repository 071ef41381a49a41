//! PURE: messages of the child: a task, a result or an abort is looked at as far as its first bytes.

use amqp_admin::paladin::{failure_of_prefix, head_of_prefix};
use amqp_admin::{BLOCK_HEADER, PROOF_HEADER, QueueRole};

use super::held::{End, Failure, Held};
use super::settling::tell;
use super::{Effect, Session};
use crate::frame::Frame;
use crate::tags::{ATTEMPT_HEADER, OPERATION_HEADER, TASK_HEADER};
use crate::wire;

/// Withheld results are a failure's words; longer ones are not kept in case they are wanted after all.
const WITHHELD_MAX: usize = 64 << 10;

/// A worker acknowledges one task at a time, so a lost connection takes few acknowledgements with it.
const DONE_MAX: usize = 32;

/// A message that the child is publishing and that a rule is about.
#[derive(Debug)]
pub(super) struct Outgoing {
    about: About,
    method: Frame,
    header: Option<Frame>,
    /// Bytes of the body that have not come.
    rest: u64,
    verdict: Option<Verdict>,
    /// The number under which it is kept until it is confirmed.
    kept: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum About {
    Task,
    /// The result of a task in hand that goes to this queue.
    Result(String),
    Abort,
}

/// What becomes of a message once its first bytes have been seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// It goes on; a result of this task in hand.
    Pass(Option<u64>),
    /// It is withheld: the failed result of this task, or an abort.
    Withhold(Option<u64>),
}

impl Outgoing {
    /// The number under which it is kept, and how many bytes of it have not come.
    pub(super) fn kept(&self) -> Option<(u64, u64)> {
        self.kept.map(|kept| (kept, self.rest))
    }
}

impl Session {
    pub(super) fn child_publishes(&mut self, frame: Frame) {
        match wire::publish(&frame).and_then(|publish| self.about(&publish)) {
            None => {
                self.foreign = true;
                self.count(frame.channel());
                self.for_broker(frame);
            }
            Some(about) => {
                let (header, verdict, kept) = (None, None, None);
                let outgoing =
                    Outgoing { about, method: frame.clone(), header, rest: 0, verdict, kept };
                self.channel(frame.channel()).outgoing = Some(outgoing);
            }
        }
    }

    /// The rule that a message is for; `None`: none is.
    fn about(&self, publish: &amq_protocol::protocol::basic::Publish) -> Option<About> {
        let (exchange, key) = (publish.exchange.as_str(), publish.routing_key.as_str());
        if !exchange.is_empty() {
            let is_abort = self.settings.aborts && self.role_of(exchange) == QueueRole::Control;
            return is_abort.then_some(About::Abort);
        }
        if self.held.iter().any(|held| held.awaits_answer_to(key)) {
            return Some(About::Result(key.to_owned()));
        }
        let ours = self.settings.tags || self.settings.priority.is_some();
        let is_task = ours && matches!(self.role_of(key), QueueRole::Task(_));
        is_task.then_some(About::Task)
    }

    /// The header or a part of the body of a message of the child.
    pub(super) fn child_published(&mut self, frame: Frame) {
        let number = frame.channel();
        let Some(mut outgoing) = self.channel(number).outgoing.take() else {
            return self.for_broker(frame);
        };
        if outgoing.header.is_none() {
            let Some(header) = wire::content_header(&frame) else {
                // Not for us to judge: the broker answers to it.
                self.foreign = true;
                self.count(number);
                self.for_broker(outgoing.method);
                return self.for_broker(frame);
            };
            outgoing.rest = header.body_size;
            outgoing.header = Some(frame);
            if outgoing.rest == 0 {
                self.decide(&mut outgoing, &[]);
            }
        } else {
            let payload = frame.payload();
            outgoing.rest = outgoing.rest.saturating_sub(payload.len() as u64);
            if outgoing.verdict.is_none() {
                self.decide(&mut outgoing, payload);
            }
            match outgoing.verdict {
                Some(Verdict::Withhold(task)) => self.withhold(task, frame),
                Some(Verdict::Pass(_)) | None => {
                    let kept = outgoing.kept.map(|kept| Effect::Keep(kept, frame.clone()));
                    self.effects.extend(kept);
                    self.for_broker(frame);
                }
            }
        }
        match outgoing.verdict {
            Some(verdict) if outgoing.rest == 0 => {
                self.published(verdict, outgoing.kept.is_some());
            }
            Some(_) | None => self.channel(number).outgoing = Some(outgoing),
        }
    }

    fn decide(&mut self, outgoing: &mut Outgoing, prefix: &[u8]) {
        let Some(header) = &outgoing.header else { return };
        let (verdict, tags) = match &outgoing.about {
            About::Task => (Verdict::Pass(None), self.tags_of_task(header, prefix)),
            About::Result(queue) => self.judge_result(queue, header.channel(), prefix),
            About::Abort => self.judge_abort(header.channel()),
        };
        outgoing.verdict = Some(verdict);
        let tagged = if tags.is_empty() { None } else { self.tagged(header, &tags) };
        let mut header = tagged.unwrap_or_else(|| header.clone());
        if outgoing.about == About::Task {
            header = self.prioritized(&header).unwrap_or(header);
        }
        match verdict {
            Verdict::Pass(_) => {
                let repair = self.settings.repair;
                let parts = (&outgoing.method, &header);
                match (&outgoing.about, verdict) {
                    (About::Task, _) => outgoing.kept = self.keep_until_confirmed(parts, None),
                    (About::Result(_), Verdict::Pass(Some(task))) if repair => {
                        outgoing.kept = self.keep_until_confirmed(parts, Some(task));
                    }
                    (About::Result(_) | About::Abort, _) => self.count(header.channel()),
                }
                self.for_broker(outgoing.method.clone());
                self.for_broker(header);
            }
            Verdict::Withhold(task) => {
                self.withhold(task, outgoing.method.clone());
                self.withhold(task, header);
            }
        }
    }

    /// The header of a task with the priority of the child's tasks; `None`: it stays as it is.
    fn prioritized(&self, header: &Frame) -> Option<Frame> {
        let (priority, read) = (self.settings.priority?, wire::content_header(header)?);
        if read.properties.priority().is_some() {
            return None;
        }
        let properties = read.properties.clone().with_priority(priority);
        self.reframed(header, &wire::ContentHeader { properties, ..read })
    }

    /// A task that has been tagged before keeps its tags: it is a copy.
    fn tags_of_task(&mut self, header: &Frame, prefix: &[u8]) -> Vec<(&'static str, String)> {
        self.counters.published += 1;
        let known = wire::content_header(header).map(|header| crate::tags::read(&header));
        let Some(head) = head_of_prefix(prefix) else { return Vec::new() };
        let known = known.and_then(|tags| tags.task);
        if !self.settings.tags || known.is_some() {
            self.lead.published(&head, known, self.now);
            return Vec::new();
        }
        let number = self.next_number();
        let task = format!("{}-{number}", self.settings.seed);
        self.lead.published(&head, Some(task.clone()), self.now);
        let proof = self.settings.proof.clone();
        let mut tags = vec![
            (TASK_HEADER, task),
            (PROOF_HEADER, proof.unwrap_or_else(|| head.result_queue.to_string())),
            (ATTEMPT_HEADER, "1".to_owned()),
        ];
        tags.extend(self.settings.block.map(|block| (BLOCK_HEADER, block.to_string())));
        tags.extend(head.operation.map(|operation| (OPERATION_HEADER, operation.to_string())));
        tags
    }

    /// Whether the leader is to see a result, and what it is tagged with.
    fn judge_result(
        &mut self,
        queue: &str,
        channel: u16,
        prefix: &[u8],
    ) -> (Verdict, Vec<(&'static str, String)>) {
        let counted = self.channel(channel).confirms;
        let (attempts, repair) = (self.settings.attempts, self.settings.repair && !counted);
        self.reading.wrote(prefix);
        let tag = self.settings.tags;
        let Some(held) = self.held.iter_mut().find(|held| held.awaits_answer_to(queue)) else {
            return (Verdict::Pass(None), Vec::new());
        };
        held.reason = failure_of_prefix(prefix);
        let tags = if tag {
            held.tags_of_result(self.settings.owner.as_deref(), self.now)
        } else {
            Vec::new()
        };
        let again = held.reason.is_some() && held.tags.attempt < attempts && !held.abort_shown;
        let verdict = if again && repair { Verdict::Withhold } else { Verdict::Pass };
        (verdict(Some(held.number)), tags)
    }

    /// Whether other workers are to hear of an abort, and what it is tagged with.
    fn judge_abort(&mut self, channel: u16) -> (Verdict, Vec<(&'static str, String)>) {
        let counted = self.channel(channel).confirms;
        let (attempts, repair) = (self.settings.attempts, self.settings.repair && !counted);
        let failing = self.held.iter().find(|held| held.is_failing());
        let only = || self.held.iter().find(|held| held.is_open());
        let failure = match failing {
            Some(held) => Some(failure_of(held, attempts, self.now)),
            None => {
                self.failure.take().or_else(|| only().map(|h| failure_of(h, attempts, self.now)))
            }
        };
        let Some(failure) = failure else { return (Verdict::Pass(None), Vec::new()) };
        if failure.is_held_back && repair {
            return (Verdict::Withhold(None), Vec::new());
        }
        let proof = failure.proof.filter(|_| self.settings.tags);
        (Verdict::Pass(None), proof.map(|proof| (PROOF_HEADER, proof)).into_iter().collect())
    }

    fn withhold(&mut self, task: Option<u64>, frame: Frame) {
        let held = self.held.iter_mut().find(|held| Some(held.number) == task);
        if let Some(held) = held {
            let bytes: usize = held.withheld.iter().map(Frame::wire_len).sum();
            if bytes + frame.wire_len() <= WITHHELD_MAX {
                held.withheld.push(frame);
            }
        }
    }

    /// All of a message has come.
    fn published(&mut self, verdict: Verdict, to_be_confirmed: bool) {
        let (Verdict::Pass(Some(task)) | Verdict::Withhold(Some(task))) = verdict else { return };
        let passed = verdict == Verdict::Pass(Some(task));
        let Some(held) = self.held.iter_mut().find(|held| held.number == task) else { return };
        held.sent |= passed;
        self.counters.results += u64::from(passed);
        if matches!(held.end, End::Dropped(_)) {
            self.settle(task, None);
        } else if !to_be_confirmed {
            self.answered(task);
        }
    }

    /// A task is done: its result is with the broker, and now its acknowledgement.
    pub(super) fn finish(&mut self, task: u64, ack: Frame) {
        let Some(mut held) = self.release(task) else { return };
        self.tell_withheld(&mut held);
        if let Some(task) = held.tags.task.filter(|_| held.answered) {
            self.done.truncate(DONE_MAX - 1);
            self.done.push_front(task);
        }
        match held.adopted {
            Some(tag) => self.answer(held.channel, tag, wire::ack_of),
            None => self.pass_answer(ack),
        }
    }

    /// A failed result that the leader is to be shown after all. One that is not all there, because it
    /// is too long, is told in the child's words.
    fn tell_withheld(&mut self, held: &mut Held) {
        let withheld = std::mem::take(&mut held.withheld);
        if held.sent || withheld.is_empty() {
            return;
        }
        if wire::is_whole(&withheld) {
            self.count(held.channel);
            self.say_to_broker(held.channel, withheld);
        } else if let Some(words) = held.reason.as_deref() {
            let tags = held.tags_of_result(self.settings.owner.as_deref(), self.now);
            if let Some(job) = tell(held, words, &tags) {
                self.own.push(job, &mut self.effects);
            }
        }
    }

    /// An acknowledgement of the child, with the broker's tag in it; none for what is not the broker's
    /// any more. It may have waited, so it comes at any time.
    pub(super) fn pass_answer(&mut self, frame: Frame) {
        let number = frame.channel();
        let shift = &self.channel(number).shift;
        let told = if shift.is_none() {
            Some(frame)
        } else {
            wire::with_tag(&frame, |tag| shift.of_broker(tag))
        };
        self.say_to_broker(number, told);
    }

    /// Lets a task go, and what was kept of it.
    pub(super) fn release(&mut self, task: u64) -> Option<Held> {
        let at = self.held.iter().position(|held| held.number == task)?;
        self.effects.push(Effect::Forget(task));
        Some(self.held.remove(at))
    }
}

fn failure_of(held: &Held, attempts: u32, at: std::time::Instant) -> Failure {
    let is_held_back = held.tags.attempt < attempts && !held.abort_shown;
    Failure { proof: held.proof(), is_held_back, at }
}

#[cfg(test)]
mod tests {
    use amq_protocol::protocol::basic;
    use amqp_admin::paladin::{Serializer, failed_result};

    use super::super::Settings;
    use super::super::scene::{DONE, TASK, now, settings, to_broker};
    use super::*;
    use crate::config::QueuePolicy;

    fn published(session: &mut Session, queue: &str, body: &[u8]) -> wire::ContentHeader {
        let effects = session.publishes(1, queue, body);
        to_broker(&effects).find_map(wire::content_header).unwrap()
    }

    #[test]
    fn a_failed_result_that_is_too_long_to_be_withheld_is_told_in_its_words_and_not_by_halves() {
        for (length, is_whole) in [(100, true), (WITHHELD_MAX, false)] {
            let mut session = Session::new(settings(QueuePolicy::AsIs), now());
            session.consumes(1, "default", "tasks");
            session.delivers(1, "tasks", 1, TASK);
            let words = "x".repeat(length);
            let body = failed_result(Serializer::Postcard, &words);
            assert_eq!(to_broker(&session.publishes(1, "AbCdE", &body)).count(), 0);
            let task = session.held[0].number;
            let ack = basic::Ack { delivery_tag: 1, multiple: false };
            let effects = session.says(1, basic::AMQPMethod::Ack(ack));
            let publishes = |frame: &&Frame| frame.method() == Some((60, 40));
            assert_eq!(to_broker(&effects).filter(publishes).count(), usize::from(is_whole));
            assert_eq!(session.own.waiting_for(task).len(), usize::from(!is_whole));
        }
    }

    #[test]
    fn tasks_have_the_proofs_priority_with_and_without_tags_and_nothing_else_has() {
        for tags in [true, false] {
            let settings = Settings { priority: Some(7), tags, ..settings(QueuePolicy::AsIs) };
            let mut session = Session::new(settings, now());
            let task = published(&mut session, "default", TASK);
            assert_eq!(*task.properties.priority(), Some(7));
            assert_eq!(crate::tags::read(&task).task.is_some(), tags);
            assert_eq!(*published(&mut session, "AbCdE", DONE).properties.priority(), None);
        }
        let mut session = Session::new(settings(QueuePolicy::AsIs), now());
        assert_eq!(*published(&mut session, "default", TASK).properties.priority(), None);
    }
}
