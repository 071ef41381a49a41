//! PURE: what becomes of a task in the child's hands: done, tried again, put aside, given back.

use std::time::{Duration, Instant};

use amq_protocol::protocol::BasicProperties;
use amqp_admin::paladin::{Generation, failed_result};

use super::held::{End, Failure, Held};
use super::own::{Aim, Fate, Job};
use super::{Effect, Session};
use crate::account::Owner;
use crate::rules::DEAD_LETTER;
use crate::tags::{self, ATTEMPT_HEADER, QUEUE_HEADER, REASON_HEADER, SKIPPED_HEADER};
use crate::wire::{self, ContentHeader};

/// A worker that drops a task tells the leader why within a few round trips.
const WORDS_PATIENCE: Duration = Duration::from_secs(2);
/// A result follows its acknowledgement at once, or the child is stuck between the two.
const RESULT_PATIENCE: Duration = Duration::from_secs(10);
/// An abort follows the failure it is about within a few round trips.
const ABORT_PATIENCE: Duration = Duration::from_secs(10);
/// A v0.6 worker drops the tasks of a job it has given up for one to two minutes.
const GIVEN_UP: Duration = Duration::from_secs(130);
/// A v0.6 worker drops a task once each [`WORDS_PATIENCE`] while it has given up the job.
const SKIPS_MAX: u32 = 100;
/// A task that nobody can read goes round so often, with growing pauses: among many workers of which
/// one can read it, it finds that one.
const UNREAD_MAX: u32 = 30;
/// A reason is for people, and has to fit a frame with the other headers.
const REASON_MAX: usize = 1000;

impl Session {
    /// The child has dropped a task. It is settled once the child has said why, or will not.
    pub(super) fn dropped(&mut self, task: u64) {
        let Some(held) = self.held.iter_mut().find(|held| held.number == task) else { return };
        let queue = held.head.as_ref().map(|head| &head.result_queue);
        let given_up = self.given_up.iter().any(|(job, _)| Some(job) == queue);
        if held.abort_shown || given_up {
            return self.give_up(task);
        }
        held.end = End::Dropped(self.now);
        if held.reason.is_some() {
            self.settle(task, None);
        }
    }

    /// The child did as it was told: nobody waits for the task any more.
    fn give_up(&mut self, task: u64) {
        let Some(held) = self.release(task) else { return };
        self.counters.aborted += 1;
        self.answer(held.channel, held.tag(), wire::ack_of);
        if !is_v06(&held) {
            // It waits ten seconds and ends; tasks are better off elsewhere until then.
            self.spend();
        }
    }

    /// Tries a failed task again, or puts it aside. `why` is known when it was not the child that said
    /// so.
    pub(super) fn settle(&mut self, task: u64, why: Option<&str>) {
        if self.is_coming(task) {
            // It cannot be published again, and nobody can have failed at it.
            return self.give_back(task);
        }
        let attempts = self.settings.attempts;
        let Some(held) = self.held.iter_mut().find(|held| held.number == task) else { return };
        held.end = End::Settling;
        let skipped = why.is_none() && held.reason.is_none() && is_v06(held);
        let again = held.tags.attempt < attempts;
        let words = reason(held, why);
        let log = self.settings.owner.as_ref().and_then(|owner| owner.last_words());
        let whole = with_log(&words, log.as_deref());
        let job = if skipped && held.tags.skipped < SKIPS_MAX {
            retry(held, held.tags.attempt, held.tags.skipped + 1, None)
        } else if again {
            retry(held, held.tags.attempt + 1, 0, Some(whole))
        } else {
            return self.put_aside(task, &words, why.is_none());
        };
        let failure = Failure { proof: held.proof(), is_held_back: again, at: self.now };
        self.counters.failed += u64::from(!skipped);
        self.failure = (why.is_none() && !skipped).then_some(failure);
        self.own.push(job, &mut self.effects);
    }

    /// Puts a task aside for good; its leader hears why, if the child has not told it. `may_abort`:
    /// the child has tried it, and its abort may follow.
    fn put_aside(&mut self, task: u64, words: &str, may_abort: bool) {
        let Some(held) = self.held.iter().find(|held| held.number == task) else { return };
        let owner = self.settings.owner.as_deref();
        let log = owner.and_then(Owner::last_words);
        let job = aside(held, with_log(words, log.as_deref()));
        let told = held.tags_of_result(owner, self.now);
        let tell = if held.sent { None } else { tell(held, words, &told) };
        let failure = Failure { proof: held.proof(), is_held_back: false, at: self.now };
        self.failure = may_abort.then_some(failure);
        self.counters.failed += 1;
        let queue = job.queue_told();
        let whole = format!(
            "a task of `{queue}` was put aside after {} attempts: {words}",
            held.tags.attempt
        );
        self.effects.push(Effect::Trouble(whole));
        for job in tell.into_iter().chain([job]) {
            self.own.push(job, &mut self.effects);
        }
    }

    /// Leaves a task that the child cannot read to other workers, or puts it aside when nobody can.
    pub(super) fn pass_on(&mut self, task: u64, why: &str) {
        let Some(held) = self.held.iter().find(|held| held.number == task) else { return };
        let skipped = held.tags.skipped + 1;
        if !self.settings.repair {
            self.give_back(task);
        } else if skipped > UNREAD_MAX {
            self.put_aside(task, why, false);
        } else {
            let job = retry(held, held.tags.attempt, skipped, Some(why.to_owned()));
            self.own.push(Job { aim: Aim::PassOn, ..job }, &mut self.effects);
        }
    }

    /// The broker has said what became of what we published.
    pub(super) fn settled(&mut self, job: &Job, fate: &Fate) {
        match (job.aim, fate) {
            (Aim::Tell, _) => return,
            (Aim::DeadLetter, Fate::Lost(loss)) => return self.not_put_aside(job, loss),
            (Aim::PassOn, Fate::Confirmed) => {}
            (Aim::Retry, Fate::Confirmed) => self.counters.retried += 1,
            (Aim::DeadLetter, Fate::Confirmed) => self.counters.dead_lettered += 1,
            (Aim::Retry | Aim::PassOn, Fate::Lost(_)) => return self.give_back(job.task),
        }
        if let Some(held) = self.release(job.task) {
            self.answer(held.channel, held.tag(), wire::ack_of);
        }
    }

    /// A task goes back to its queue as it was.
    pub(super) fn give_back(&mut self, task: u64) {
        if let Some(held) = self.release(task) {
            self.counters.given_back += 1;
            self.answer(held.channel, held.tag(), wire::give_back);
        }
    }

    /// The child has died: what it had in hand has failed for this reason.
    pub(crate) fn child_died(&mut self, why: &str, now: Instant) {
        self.now = now;
        if !self.settings.repair {
            return;
        }
        self.leave_what_cannot_be_answered();
        let in_hand = self.held.iter().filter(|held| !matches!(held.end, End::Settling));
        let in_hand: Vec<_> = in_hand.map(|held| (held.number, held.abort_shown)).collect();
        for (task, aborted) in in_hand {
            if aborted { self.give_up(task) } else { self.settle(task, Some(why)) }
        }
    }

    /// Where the child has died in the middle of a message nothing can be said any more: its tasks go
    /// back when the connection is closed.
    fn leave_what_cannot_be_answered(&mut self) {
        let broken = |held: &&Held| {
            self.channels.get(&held.channel).is_some_and(|channel| channel.to_broker.is_amid())
        };
        let left: Vec<u64> = self.held.iter().filter(broken).map(|held| held.number).collect();
        for task in left {
            self.own.forget(task);
            self.counters.given_back += u64::from(self.release(task).is_some());
        }
    }

    /// Time went by.
    pub(crate) fn tick(&mut self, now: Instant) {
        self.now = now;
        let over = |since: Instant, patience: Duration| now.duration_since(since) >= patience;
        self.given_up.retain(|(_, since)| !over(*since, GIVEN_UP));
        self.failure.take_if(|failure| over(failure.at, ABORT_PATIENCE));
        let mut late = Vec::new();
        for held in &self.held {
            match &held.end {
                End::Acked(ack, since) if !held.sent && over(*since, RESULT_PATIENCE) => {
                    late.push((held.number, Some(ack.clone())));
                }
                End::Dropped(since) if over(*since, WORDS_PATIENCE) => {
                    late.push((held.number, None));
                }
                End::Open | End::Acked(..) | End::Dropped(_) | End::Settling => {}
            }
        }
        for (task, ack) in late {
            match ack {
                Some(ack) => self.finish(task, ack),
                None => self.settle(task, None),
            }
        }
        self.wait_is_over();
        self.go_on_draining();
    }
}

impl Job {
    /// The queue that the task came from.
    pub(super) fn queue_told(&self) -> String {
        let properties = amqp_admin::Properties::from(self.header.properties.clone());
        properties.header(QUEUE_HEADER).unwrap_or_else(|| self.queue.clone())
    }
}

pub(super) fn is_v06(held: &Held) -> bool {
    held.head.as_ref().is_some_and(|head| head.generation == Generation::V06)
}

fn reason(held: &Held, why: Option<&str>) -> String {
    let known = tags_reason(&held.header);
    let words = why.map(str::to_owned).or_else(|| held.reason.clone()).or(known);
    let words = words.unwrap_or_else(|| "the worker dropped it and gave no reason".to_owned());
    words.chars().take(REASON_MAX).collect()
}

/// Words about a failure with what the worker's log says, unless that repeats them.
fn with_log(words: &str, log: Option<&str>) -> String {
    let log = log.filter(|log| !log.contains(words) && !words.contains(log));
    let whole = log.map_or_else(|| words.to_owned(), |log| format!("{words}; its log: {log}"));
    whole.chars().take(REASON_MAX).collect()
}

/// Why an earlier attempt failed.
fn tags_reason(header: &ContentHeader) -> Option<String> {
    amqp_admin::Properties::from(header.properties.clone()).header(REASON_HEADER)
}

fn retry(held: &Held, attempt: u32, skipped: u32, why: Option<String>) -> Job {
    let mut tags = vec![(ATTEMPT_HEADER, attempt.to_string())];
    if skipped > 0 || held.tags.skipped > 0 {
        tags.push((SKIPPED_HEADER, skipped.to_string()));
    }
    tags.extend(why.map(|why| (REASON_HEADER, why)));
    job(held, Aim::Retry, &held.queue, &tags)
}

fn aside(held: &Held, why: String) -> Job {
    let attempt = (ATTEMPT_HEADER, held.tags.attempt.to_string());
    let tags = [attempt, (REASON_HEADER, why), (QUEUE_HEADER, held.queue.clone())];
    job(held, Aim::DeadLetter, DEAD_LETTER, &tags)
}

fn job(held: &Held, aim: Aim, queue: &str, tags: &[(&str, String)]) -> Job {
    let header = tags::with(&held.header, tags);
    Job { aim, task: held.number, queue: queue.to_owned(), header, body: None, tries: 0 }
}

/// The failed result that the child did not send, so that the leader does not wait for ever.
pub(super) fn tell(held: &Held, words: &str, tags: &[(&str, String)]) -> Option<Job> {
    let task = held.head.as_ref()?;
    let body = failed_result(task.serializer, words);
    let properties = BasicProperties::default().with_delivery_mode(2);
    let header = ContentHeader { class_id: 60, body_size: body.len() as u64, properties };
    Some(Job {
        aim: Aim::Tell,
        task: held.number,
        queue: task.result_queue.to_string(),
        header: tags::with(&header, tags),
        body: Some(body),
        tries: 0,
    })
}
