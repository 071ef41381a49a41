//! PURE: what the child says of deliveries, of one or of several at once: each task among them goes by
//! its own rule.

use amq_protocol::protocol::basic;

use super::Session;
use super::held::{End, Held};
use super::settling::is_v06;
use crate::frame::Frame;
use crate::wire;

/// What a word of the child is about.
struct Meant {
    /// Tasks in hand: their numbers, and their tags as the child knows them.
    tasks: Vec<(u64, u64)>,
    /// Tags of messages that no rule is about.
    others: Vec<u64>,
}

impl Session {
    pub(super) fn child_acks(&mut self, frame: Frame) {
        let Some(ack) = wire::ack(&frame) else { return self.for_broker(frame) };
        let channel = frame.channel();
        let Some(meant) = self.meant(channel, ack.delivery_tag, ack.multiple) else {
            return self.pass_answer(frame);
        };
        for tag in meant.others {
            self.answer(channel, tag, wire::ack_of);
        }
        for (task, tag) in meant.tasks {
            let one = if ack.multiple { wire::ack_of(channel, tag) } else { Some(frame.clone()) };
            if let Some(one) = one {
                self.acked(task, one);
            }
        }
    }

    /// The child has acknowledged a task. The broker hears of it once the result is there.
    fn acked(&mut self, task: u64, ack: Frame) {
        self.counters.done += 1;
        let Some(held) = self.held.iter_mut().find(|held| held.number == task) else { return };
        let spent = std::mem::take(&mut held.abort_shown) && !is_v06(held);
        let waits = self.settings.repair && held.head.is_some() && !held.answered;
        if waits && held.withheld.is_empty() {
            held.end = End::Acked(ack, self.now);
        } else {
            self.finish(task, ack);
        }
        if spent {
            self.spend();
        }
    }

    pub(super) fn child_rejects(&mut self, frame: Frame) {
        let Some(reject) = wire::reject(&frame) else { return self.for_broker(frame) };
        let (delivery_tag, requeue) = (reject.delivery_tag, reject.requeue);
        self.child_drops(frame, &basic::Nack { delivery_tag, multiple: false, requeue });
    }

    pub(super) fn child_nacks(&mut self, frame: Frame) {
        let Some(nack) = wire::nack(&frame) else { return self.for_broker(frame) };
        self.child_drops(frame, &nack);
    }

    fn child_drops(&mut self, frame: Frame, nack: &basic::Nack) {
        let channel = frame.channel();
        let Some(meant) = self.meant(channel, nack.delivery_tag, nack.multiple) else {
            return self.pass_answer(frame);
        };
        let refuse = if nack.requeue { wire::give_back } else { wire::throw_away };
        for tag in meant.others {
            self.answer(channel, tag, refuse);
        }
        for (task, _) in meant.tasks {
            if !nack.requeue && self.settings.repair {
                self.dropped(task);
                continue;
            }
            let count = if nack.requeue {
                &mut self.counters.given_back
            } else {
                &mut self.counters.failed
            };
            *count += 1;
            match self.release(task) {
                Some(held) if nack.multiple || held.adopted.is_some() => {
                    self.answer(channel, held.tag(), refuse);
                }
                Some(_) | None => self.pass_answer(frame.clone()),
            }
        }
    }

    /// What the child has in hand of the deliveries that it speaks of. `None`: no task is among them,
    /// so its words may go as they are.
    fn meant(&mut self, channel: u16, tag: u64, multiple: bool) -> Option<Meant> {
        let is_meant = |of: u64| of == tag || (multiple && (tag == 0 || of <= tag));
        let others = &mut self.channel(channel).unanswered;
        let (told, left) = std::mem::take(others).into_iter().partition(|of| is_meant(*of));
        *others = left;
        let tasks = |held: &&Held| held.channel == channel && is_meant(held.delivery_tag);
        self.held.iter().find(tasks)?;
        // What the child has spoken of before is waited for, and is not its own any more.
        let open = self.held.iter().filter(tasks).filter(|held| held.is_open());
        let tasks = open.map(|held| (held.number, held.delivery_tag)).collect();
        let others: std::collections::BTreeSet<u64> = told;
        Some(Meant { tasks, others: others.into_iter().collect() })
    }

    /// A message that no rule is about has been shown to the child, which is to answer it.
    pub(super) fn wants_word(&mut self, channel: u16, delivery_tag: u64) {
        self.channel(channel).unanswered.insert(delivery_tag);
    }
}

#[cfg(test)]
mod tests {
    use super::super::scene::{DONE, TASK, acked, refused, session};
    use super::*;
    use crate::config::QueuePolicy;

    /// Two tasks, a message of another queue between them, and one more task, on one channel.
    fn with_three_tasks() -> Session {
        let mut session = session(QueuePolicy::AsIs);
        session.consumes(1, "default", "tasks");
        session.consumes(1, "elsewhere", "others");
        for (to, tag) in [("tasks", 1), ("others", 2), ("tasks", 3), ("tasks", 4)] {
            session.delivers(1, to, tag, TASK);
        }
        session
    }

    fn ack(delivery_tag: u64, multiple: bool) -> basic::AMQPMethod {
        basic::AMQPMethod::Ack(basic::Ack { delivery_tag, multiple })
    }

    fn nack(delivery_tag: u64, requeue: bool) -> basic::AMQPMethod {
        basic::AMQPMethod::Nack(basic::Nack { delivery_tag, multiple: true, requeue })
    }

    #[test]
    fn several_tasks_are_acknowledged_one_by_one_as_their_results_are_confirmed() {
        let mut session = with_three_tasks();
        assert_eq!(acked(&session.says(1, ack(3, true))), [(2, false)]);
        session.publishes(1, "AbCdE", DONE);
        session.publishes(1, "AbCdE", DONE);
        assert_eq!(acked(&session.confirms(1, 1)), [(1, false)]);
        assert_eq!(acked(&session.confirms(1, 2)), [(3, false)]);
        assert_eq!((session.counters.done, session.held.len()), (2, 1));
    }

    #[test]
    fn all_is_all_and_a_second_word_about_a_task_changes_nothing() {
        let mut session = with_three_tasks();
        assert_eq!(acked(&session.says(1, ack(0, true))), [(2, false)]);
        assert_eq!(acked(&session.says(1, ack(0, true))), []);
        assert_eq!(acked(&session.says(1, ack(3, false))), []);
        for _ in 0..3 {
            session.publishes(1, "AbCdE", DONE);
        }
        let told = acked(&session.confirms(1, 3));
        assert_eq!(told, [(1, false), (3, false), (4, false)]);
        assert_eq!((session.counters.done, session.held.len()), (3, 0));
    }

    #[test]
    fn without_a_task_among_them_the_childs_words_go_as_they_are() {
        let mut session = session(QueuePolicy::AsIs);
        session.consumes(1, "elsewhere", "others");
        session.delivers(1, "others", 1, b"one");
        session.delivers(1, "others", 2, b"two");
        assert_eq!(acked(&session.says(1, ack(2, true))), [(2, true)]);
        assert_eq!(refused(&session.says(1, nack(0, true))), [(0, true)]);
    }

    #[test]
    fn several_tasks_that_are_given_back_go_back_and_those_that_are_dropped_are_tried_again() {
        let mut session = with_three_tasks();
        assert_eq!(refused(&session.says(1, nack(2, true))), [(2, true), (1, true)]);
        assert_eq!(session.counters.given_back, 1);
        session.delivers(1, "others", 5, b"other");
        assert_eq!(refused(&session.says(1, nack(0, false))), [(5, false)]);
        assert!(session.held.iter().all(|held| matches!(held.end, End::Dropped(_))));
        assert_eq!(session.held.len(), 2);
    }

    #[test]
    fn a_message_that_was_fetched_is_told_from_one_that_needs_no_word() {
        let mut session = with_three_tasks();
        for (no_ack, tag) in [(true, 5), (false, 6)] {
            let get = basic::Get { queue: "elsewhere".into(), no_ack };
            session.says(1, basic::AMQPMethod::Get(get));
            let ok = basic::GetOk { delivery_tag: tag, ..basic::GetOk::default() };
            let ok = wire::basic(1, basic::AMQPMethod::GetOk(ok)).unwrap();
            session.broker_sent(ok, super::super::scene::now());
        }
        session.effects();
        assert_eq!(acked(&session.says(1, ack(0, true))), [(2, false), (6, false)]);
    }
}
