//! PURE: a number over time, and what a day's tasks had to wait.

use std::time::Duration;

use crate::bench::stats::Samples;

/// A number that stays what it last became.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Course(Vec<(Duration, u32)>);

impl Course {
    /// It is so much now.
    pub(crate) fn note(&mut self, at: Duration, number: u32) {
        if self.0.last().map(|(_, last)| *last) != Some(number) {
            self.0.push((at, number));
        }
    }

    /// What it is at last; 0 before anything was noted.
    pub(crate) fn now(&self) -> u32 {
        self.0.last().map_or(0, |(_, number)| *number)
    }

    /// From changes, in any order: what comes and goes at one moment is one step.
    pub(crate) fn of_changes(mut changes: Vec<(Duration, i32)>) -> Self {
        changes.sort_unstable();
        let (mut course, mut now) = (Self(vec![(Duration::ZERO, 0)]), 0_i32);
        for together in changes.chunk_by(|one, other| one.0 == other.0) {
            now += together.iter().map(|(_, change)| change).sum::<i32>();
            let at = together.first().map_or(Duration::ZERO, |(at, _)| *at);
            course.note(at, u32::try_from(now).unwrap_or_default());
        }
        course
    }

    /// The sum over time until then, in seconds.
    pub(crate) fn seconds(&self, end: Duration) -> f64 {
        let ends = self.0.iter().skip(1).map(|(at, _)| *at).chain([end]);
        let part = |((at, number), until): (&(Duration, u32), Duration)| {
            until.min(end).saturating_sub(*at).as_secs_f64() * f64::from(*number)
        };
        self.0.iter().zip(ends).map(part).sum()
    }

    /// The highest it has been.
    pub(crate) fn most(&self) -> u32 {
        self.0.iter().map(|(_, number)| *number).max().unwrap_or_default()
    }

    /// The corners of its line until then: a step is two of them.
    pub(crate) fn corners(&self, end: Duration) -> Vec<(Duration, u32)> {
        let ends = self.0.iter().skip(1).map(|(at, _)| *at).chain([end]);
        self.0
            .iter()
            .zip(ends)
            .flat_map(|((at, number), until)| [(*at, *number), (until, *number)])
            .collect()
    }
}

/// The tasks of a day in one place: when they came, when they were answered.
#[derive(Debug, Default)]
pub(crate) struct Tasks(Vec<(Duration, Option<Duration>)>);

impl Tasks {
    /// The next task is there.
    pub(crate) fn came(&mut self, at: Duration) {
        self.0.push((at, None));
    }

    /// A task is answered; a second answer changes nothing.
    pub(crate) fn answered(&mut self, number: usize, at: Duration) {
        if let Some((_, answered)) = self.0.get_mut(number) {
            answered.get_or_insert(at);
        }
    }

    /// How many have no answer.
    pub(crate) fn open(&self) -> usize {
        self.0.iter().filter(|(_, answered)| answered.is_none()).count()
    }

    /// The time of each until its answer that was not the work itself.
    pub(crate) fn waits(&self, work: Duration) -> Samples {
        let answered = self.0.iter().filter_map(|(came, answered)| Some((came, (*answered)?)));
        answered.map(|(came, answered)| answered.saturating_sub(*came + work)).collect()
    }
}

/// What perfect foresight would do: a worker is there the moment a task wants one, up to so many.
pub(crate) fn ideal(arrivals: &[Duration], work: Duration, most: usize) -> (Course, Tasks) {
    let mut free = vec![Duration::ZERO; most.max(1)];
    let (mut changes, mut tasks) = (Vec::new(), Tasks::default());
    for (number, &at) in arrivals.iter().enumerate() {
        let Some(worker) = free.iter_mut().min() else { continue };
        let begun = at.max(*worker);
        *worker = begun + work;
        changes.extend([(begun, 1), (*worker, -1)]);
        tasks.came(at);
        tasks.answered(number, *worker);
    }
    (Course::of_changes(changes), tasks)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn course(steps: &[(u64, u32)]) -> Course {
        Course(steps.iter().map(|(at, number)| (s(*at), *number)).collect())
    }

    fn close(one: f64, other: f64) -> bool {
        (one - other).abs() < 1e-9
    }

    #[test]
    fn a_course_is_summed_up_to_its_end_and_no_further() {
        let course = course(&[(0, 0), (10, 2), (20, 1)]);
        assert!(close(course.seconds(s(30)), 30.0));
        assert!(close(course.seconds(s(15)), 10.0));
        assert_eq!(course.most(), 2);
        assert!(close(Course::default().seconds(s(9)), 0.0));
    }

    #[test]
    fn only_changes_are_noted_and_a_step_has_two_corners() {
        let mut course = Course::default();
        for (at, number) in [(0, 1), (1, 1), (2, 3)] {
            course.note(s(at), number);
        }
        assert_eq!(course.corners(s(5)), [(s(0), 1), (s(2), 1), (s(2), 3), (s(5), 3)]);
    }

    #[test]
    fn the_ideal_has_a_worker_for_each_task_at_once() {
        let (workers, tasks) = ideal(&[s(1), s(1), s(5)], s(6), 8);
        assert_eq!(workers, course(&[(0, 0), (1, 2), (5, 3), (7, 1), (11, 0)]));
        assert!(close(tasks.waits(s(6)).ms(100), 0.0));
        assert!(close(workers.seconds(s(100)), 18.0), "no more than the work itself");
    }

    #[test]
    fn beyond_the_most_workers_tasks_wait_in_turn() {
        let (workers, tasks) = ideal(&[s(0); 3], s(6), 2);
        assert_eq!(workers, course(&[(0, 0), (0, 2), (6, 1), (12, 0)]));
        assert!(close(tasks.waits(s(6)).ms(100), 6_000.0));
    }

    #[test]
    fn the_first_answer_counts_and_one_that_is_missing_is_told() {
        let mut tasks = Tasks::default();
        tasks.came(s(0));
        tasks.came(s(1));
        tasks.answered(0, s(9));
        tasks.answered(0, s(20));
        tasks.answered(7, s(20));
        assert_eq!(tasks.open(), 1);
        assert!(close(tasks.waits(s(6)).ms(100), 3_000.0));
    }
}
