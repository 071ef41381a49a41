//! PURE: what the child can read. paladin keeps a task that it cannot read unacknowledged for ever, and
//! takes no other: such a task is not shown, and left to others after a while.

use std::time::Duration;

use amqp_admin::paladin::{Generation, Serializer, generation_of_consumer, serializer_of_result};

use super::held::End;
use super::waiting::{Then, Waiting};
use super::{Effect, Session};

/// The first pause before such a task is left to others; each in a row is twice as long, so that a
/// worker that can read nothing does not take everything from those who can.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// Whoever corrects a setting need not wait longer than this.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// What is known of the child.
#[derive(Debug)]
pub(super) struct Reading {
    /// As it was told; what the child itself writes counts more.
    serializer: Option<Serializer>,
    generation: Option<Generation>,
    /// Tasks in a row that it could not read.
    unread: u32,
}

impl Reading {
    pub(super) fn new(serializer: Option<Serializer>) -> Self {
        Self { serializer, generation: None, unread: 0 }
    }

    /// Whether there are tasks that it could not read.
    pub(super) fn is_known(&self) -> bool {
        self.serializer.is_some() || self.generation.is_some()
    }

    /// The child takes tasks under this consumer tag.
    pub(super) fn consumes_as(&mut self, tag: &str) {
        self.generation = generation_of_consumer(tag).or(self.generation);
    }

    /// The child publishes a result that begins so.
    pub(super) fn wrote(&mut self, prefix: &[u8]) {
        self.serializer = serializer_of_result(prefix).or(self.serializer);
    }

    fn pause(&mut self) -> Duration {
        let pause = FIRST_PAUSE * 2_u32.saturating_pow(self.unread.min(10));
        self.unread += 1;
        pause.min(LONGEST_PAUSE)
    }
}

impl Session {
    /// Why the child cannot read a task; `None`: it can, or nothing speaks against it.
    pub(super) fn not_for_child(&mut self, task: u64) -> Option<String> {
        let head = self.held.iter().find(|held| held.number == task)?.head.as_ref()?;
        let leader = format!("the leader that waits on `{}`", head.result_queue);
        let other = self.reading.generation.filter(|known| *known != head.generation);
        if let Some(worker) = other {
            let wrote = head.generation;
            return Some(format!(
                "{leader} is of {wrote}, and this worker of {worker}: give each generation a vhost \
                 or a task queue of its own"
            ));
        }
        let other = self.reading.serializer.filter(|known| *known != head.serializer);
        if let Some(worker) = other {
            let wrote = head.serializer;
            return Some(format!(
                "{leader} writes {wrote}, and this worker reads {worker}: start both with the same \
                 `--serializer`"
            ));
        }
        self.reading.unread = 0;
        None
    }

    /// A task that the child cannot read is kept for a while and then left to others.
    pub(super) fn refuse(&mut self, task: u64, why: String) {
        let pause = self.reading.pause();
        let Some(held) = self.held.iter_mut().find(|held| held.number == task) else { return };
        held.end = End::Settling;
        let whole = format!(
            "a task of `{}` is not shown to the worker: {why}; it is left to others in {} s",
            held.queue,
            pause.as_secs()
        );
        self.counters.unreadable += 1;
        self.effects.push(Effect::Trouble(whole));
        let (due, then) = (self.now + pause, Then::PassOn(why));
        self.waiting.push(Waiting { task, due, then });
    }
}

#[cfg(test)]
mod tests {
    use amqp_admin::paladin::failed_result;

    use super::super::Settings;
    use super::super::own::{Aim, Fate};
    use super::super::scene::{DONE, TASK, now, session, settings, troubles};
    use super::*;
    use crate::config::QueuePolicy;

    /// A task of v0.6, and the beginning of one in CBOR.
    const TASK_V06: &[u8] = b"\x10\x44\x6c\x1c\x9c\x0f\x5b\x41\xcd\x9d\xb8\x04\x87\xe2\x2d\x45\x40\x01\x00\x01\x00\x00\x03abc\x00";
    const TASK_CBOR: &[u8] = b"\xa6\x6brouting_key\x65FvPbs\x68metadata\x46\xa1\x63idx\x00\x62op";

    fn reads(serializer: Option<Serializer>) -> Session {
        let settings = Settings { serializer, ..settings(QueuePolicy::AsIs) };
        let mut session = Session::new(settings, now());
        session.consumes(1, "default", "tasks");
        session
    }

    fn shown(effects: &[Effect]) -> bool {
        effects.iter().any(|effect| matches!(effect, Effect::ToChild(_)))
    }

    #[test]
    fn a_task_in_the_other_serializer_is_not_shown_and_both_are_named() {
        for (serializer, task, words) in [
            (Serializer::Cbor, TASK, "`AbCdE` writes postcard, and this worker reads cbor"),
            (
                Serializer::Postcard,
                TASK_CBOR,
                "`FvPbs` writes cbor, and this worker reads postcard",
            ),
        ] {
            let mut session = reads(Some(serializer));
            let effects = session.delivers(1, "tasks", 1, task);
            assert!(!shown(&effects), "{effects:?}");
            assert!(troubles(&effects).join(" ").contains(words), "{effects:?}");
            assert_eq!((session.counters.unreadable, session.counters.delivered), (1, 0));
            assert!(session.activity().in_hand.is_empty());
        }
        for (serializer, task) in [
            (Some(Serializer::Cbor), TASK_CBOR),
            (Some(Serializer::Postcard), TASK),
            (None, TASK_CBOR),
            (Some(Serializer::Cbor), b"no task of paladin's at all, or a longer one"),
        ] {
            let mut session = reads(serializer);
            assert!(shown(&session.delivers(1, "tasks", 1, task)), "{serializer:?} {task:?}");
            assert_eq!((session.counters.unreadable, session.counters.delivered), (0, 1));
        }
    }

    #[test]
    fn a_task_of_the_other_generation_is_not_shown() {
        for (tag, task, words) in [
            ("aB3dE", TASK_V06, "is of v0.6, and this worker of v0.7"),
            ("6f9619ff-8b86-d011-b42d-00cf4fc964ff", TASK, "is of v0.7, and this worker of v0.6"),
        ] {
            let mut session = session(QueuePolicy::AsIs);
            session.consumes(1, "default", tag);
            let effects = session.delivers(1, tag, 1, task);
            assert!(
                !shown(&effects) && troubles(&effects).join(" ").contains(words),
                "{effects:?}"
            );
        }
    }

    #[test]
    fn what_a_worker_has_written_says_what_it_reads() {
        let mut session = reads(None);
        session.delivers(1, "tasks", 1, TASK);
        session.publishes(1, "AbCdE", DONE);
        assert!(!shown(&session.delivers(1, "tasks", 2, TASK_CBOR)));
        let mut session = reads(Some(Serializer::Postcard));
        session.delivers(1, "tasks", 1, TASK);
        session.publishes(1, "AbCdE", &failed_result(Serializer::Cbor, "no"));
        assert!(shown(&session.delivers(1, "tasks", 2, TASK_CBOR)));
    }

    #[test]
    fn each_in_a_row_is_kept_longer_before_others_may_have_it() {
        let mut session = reads(Some(Serializer::Cbor));
        for (tag, pause) in (1..).zip([1, 2, 4, 8, 16, 32, 60, 60].map(Duration::from_secs)) {
            session.delivers(1, "tasks", tag, TASK);
            let due = session.waiting.last().unwrap().due;
            assert_eq!(due - session.now, pause);
            let waiting = session.waiting.pop().unwrap();
            session.release(waiting.task);
        }
        session.delivers(1, "tasks", 20, TASK_CBOR);
        session.delivers(1, "tasks", 21, TASK);
        assert_eq!(session.waiting.last().unwrap().due - session.now, FIRST_PAUSE);
    }

    #[test]
    fn it_is_left_to_others_as_it_was_and_put_aside_when_it_has_gone_round_for_long() {
        for (skipped, aim) in [(0, Aim::PassOn), (29, Aim::PassOn), (30, Aim::DeadLetter)] {
            let mut session = reads(Some(Serializer::Cbor));
            session.delivers(1, "tasks", 1, TASK);
            session.held[0].tags.skipped = skipped;
            session.tick(session.now + FIRST_PAUSE);
            let told = session.own.waiting_for(session.held[0].number);
            assert_eq!(told.last(), Some(&aim));
            // The leader hears of it in its own serializer.
            assert_eq!(told.contains(&Aim::Tell), aim == Aim::DeadLetter);
        }
        let mut session = reads(Some(Serializer::Cbor));
        session.delivers(1, "tasks", 1, TASK);
        session.tick(session.now + FIRST_PAUSE);
        let job = session.own.first().unwrap();
        assert_eq!(crate::tags::read(&job.header).attempt, 1);
        session.settled(&job, &Fate::Confirmed);
        assert_eq!((session.counters.retried, session.held.len()), (0, 0));
    }

    #[test]
    fn one_whose_last_bytes_have_not_come_waits_for_them() {
        let mut session = reads(Some(Serializer::Cbor));
        session.begins(1, "tasks", 1, TASK);
        session.tick(session.now + FIRST_PAUSE);
        assert_eq!((session.waiting.len(), session.own.is_idle()), (1, true));
    }
}
