//! PURE: tasks that are kept in hand for a while, because trying at once would end the same.

use std::time::{Duration, Instant};

use super::own::{Job, Loss};
use super::{Effect, Session};
use crate::rules::DEAD_LETTER;

/// A queue that was just removed is made again at once; an operator needs longer.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// Each pause is twice as long as the one before, so that all of them together take four minutes: much
/// less than the half hour after which a broker takes a task away together with its channel.
const TRIES: u32 = 8;

/// A task that is kept in hand for a while.
#[derive(Debug)]
pub(super) struct Waiting {
    /// Its number.
    pub(super) task: u64,
    /// Until when.
    pub(super) due: Instant,
    /// What is to be done then.
    pub(super) then: Then,
}

/// What a task waits for.
#[derive(Debug)]
pub(super) enum Then {
    /// It is put aside once more.
    PutAside(Box<Job>),
    /// It is left to other workers, for this reason.
    PassOn(String),
}

impl Session {
    /// A task could not be put aside: it is tried again later, and given back in the end.
    pub(super) fn not_put_aside(&mut self, job: &Job, loss: &Loss) {
        self.counters.dead_letters_refused += 1;
        let last = job.tries >= TRIES || self.shows_no_tasks();
        let pause = FIRST_PAUSE * 2_u32.saturating_pow(job.tries);
        let (queue, words) = (job.queue_told(), told(loss));
        let next = if last {
            "it goes back to its queue, where it will fail again".to_owned()
        } else {
            format!("it is kept, and the next try is in {} s", pause.as_secs())
        };
        let whole = format!("a task of `{queue}` cannot be put aside: {words}; {next}");
        self.effects.push(Effect::Trouble(whole));
        if last {
            self.give_back(job.task);
        } else {
            let job = Job { tries: job.tries + 1, ..job.clone() };
            let (task, due) = (job.task, self.now + pause);
            self.waiting.push(Waiting { task, due, then: Then::PutAside(Box::new(job)) });
        }
    }

    /// Does what has waited long enough; a task whose last bytes have not come waits on.
    pub(super) fn wait_is_over(&mut self) {
        let waiting = std::mem::take(&mut self.waiting);
        let is_due = |it: &Waiting| it.due <= self.now && !self.is_coming(it.task);
        let (due, left): (Vec<_>, Vec<_>) = waiting.into_iter().partition(is_due);
        self.waiting = left;
        for Waiting { task, then, .. } in due {
            match then {
                Then::PutAside(job) if self.held.iter().any(|held| held.number == task) => {
                    self.own.push(*job, &mut self.effects);
                }
                Then::PutAside(_) => {}
                Then::PassOn(why) => self.pass_on(task, &why),
            }
        }
    }

    /// The child gets no more tasks, so others are to have those that wait.
    pub(super) fn wait_no_longer(&mut self) {
        for Waiting { task, .. } in std::mem::take(&mut self.waiting) {
            self.give_back(task);
        }
    }
}

fn told(loss: &Loss) -> String {
    match loss {
        Loss::NoQueue => format!("there is no queue `{DEAD_LETTER}` any more, it is made again"),
        Loss::Denied(says) => format!(
            "there is no queue `{DEAD_LETTER}`, and the broker says: {says}; grant this user \
             `configure`, `write` and `read` on `{DEAD_LETTER}` in this vhost, or make the queue \
             (durable) for it"
        ),
        Loss::Full => format!(
            "the queue `{DEAD_LETTER}` takes no more; make room in it (`kubectl zero queues` shows \
             it), or lift its limit"
        ),
        Loss::Refused(says) => format!("the broker says about `{DEAD_LETTER}`: {says}"),
    }
}

#[cfg(test)]
mod tests {
    use amq_protocol::protocol::{basic, channel};

    use super::super::scene::{TASK, now, refused, session, settings, to_broker, troubles};
    use super::*;
    use crate::config::QueuePolicy;
    use crate::wire::{Method, short};

    /// A session whose only task was dropped for good, and that declares the queue for such tasks.
    fn dropped() -> Session {
        let mut session = Session::new(
            super::super::Settings { attempts: 1, ..settings(QueuePolicy::AsIs) },
            now(),
        );
        session.consumes(1, "default", "tasks");
        session.delivers(1, "tasks", 1, TASK);
        session.child_died("it was killed", now());
        session.effects();
        session.opens_own_channel();
        // The leader hears of it first.
        let effects = session.hears(&confirmed());
        assert!(to_broker(&effects).any(|frame| frame.method() == Some((50, 10))));
        session
    }

    fn confirmed() -> Method {
        Method::Basic(basic::AMQPMethod::Ack(basic::Ack::default()))
    }

    fn full() -> Method {
        Method::Basic(basic::AMQPMethod::Nack(basic::Nack::default()))
    }

    fn declared() -> Method {
        let ok = amq_protocol::protocol::queue::DeclareOk {
            queue: short(DEAD_LETTER),
            message_count: 0,
            consumer_count: 0,
        };
        Method::Queue(amq_protocol::protocol::queue::AMQPMethod::DeclareOk(ok))
    }

    fn publishes(effects: &[Effect]) -> usize {
        to_broker(effects).filter(|frame| frame.method() == Some((60, 40))).count()
    }

    #[test]
    fn a_task_that_cannot_be_put_aside_waits_longer_each_time_and_goes_back_in_the_end() {
        let mut session = dropped();
        assert_eq!(publishes(&session.hears(&declared())), 1);
        let mut waited = Duration::ZERO;
        for pause in [1, 2, 4, 8, 16, 32, 64, 128].map(Duration::from_secs) {
            let words = session.hears(&full());
            let words = troubles(&words);
            let told = format!("the next try is in {} s", pause.as_secs());
            assert!(words.iter().any(|words| words.contains(&told)), "{words:?}");
            session.tick(session.now + pause.checked_sub(Duration::from_millis(1)).unwrap());
            assert_eq!(publishes(&session.effects()), 0);
            session.tick(session.now + Duration::from_millis(1));
            assert_eq!(publishes(&session.effects()), 1);
            waited += pause;
        }
        assert!(waited < Duration::from_secs(600));
        assert_eq!(refused(&session.hears(&full())), [(1, true)]);
        assert!(session.is_settled());
        assert_eq!((session.counters.dead_letters_refused, session.counters.given_back), (9, 1));
    }

    #[test]
    fn a_user_without_the_right_is_told_which_and_the_queue_is_asked_for_once_more() {
        let mut session = dropped();
        let says = "ACCESS_REFUSED - access to queue 'zero-dead-letter' in vhost 'p' refused for \
                    user 'w'";
        let close = channel::Close {
            reply_code: 403,
            reply_text: short(says),
            class_id: 50,
            method_id: 10,
        };
        session.hears(&Method::Channel(channel::AMQPMethod::Close(close)));
        // Somebody else may have made it.
        assert_eq!(publishes(&session.opens_own_channel()), 1);
        session.hears(&Method::Basic(basic::AMQPMethod::Return(basic::Return::default())));
        let effects = session.hears(&confirmed());
        let words = troubles(&effects).join(" ");
        for part in ["`default`", "vhost 'p'", "user 'w'", "`configure`", "`zero-dead-letter`"] {
            assert!(words.contains(part), "{part}: {words}");
        }
        session.tick(session.now + FIRST_PAUSE);
        let effects = session.effects();
        assert!(to_broker(&effects).any(|frame| frame.method() == Some((50, 10))));
        session.hears(&declared());
        session.hears(&confirmed());
        assert_eq!((session.counters.dead_lettered, session.is_settled()), (1, true));
    }

    #[test]
    fn a_drain_does_not_wait_for_a_task_that_cannot_be_put_aside() {
        let mut session = dropped();
        session.hears(&declared());
        session.hears(&full());
        session.drain();
        assert_eq!(refused(&session.effects()), [(1, true)]);
    }

    #[test]
    fn a_task_whose_channel_has_ended_is_not_put_aside_any_more() {
        let mut session = session(QueuePolicy::AsIs);
        session.consumes(1, "default", "tasks");
        session.delivers(1, "tasks", 1, TASK);
        session.child_died("it was killed", now());
        let closed = crate::wire::method_frame(1, &crate::wire::channel_close()).unwrap();
        session.child_sent(closed, now());
        session.effects();
        assert_eq!(publishes(&session.opens_own_channel()), 0);
    }
}
