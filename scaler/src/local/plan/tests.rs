//! The rules as sentences.

use proptest::prelude::*;

use super::*;
use crate::clock;

const SECOND: Duration = Duration::from_secs(1);

fn limits(min: u32, max: u32) -> Limits {
    Limits { min, max, stabilization: 10 * SECOND, grace: 1800 * SECOND }
}

/// The counts were read at `at`.
fn wanted(workers: u64, busy: u64, at: Instant) -> Wanted {
    Wanted { workers, busy, read_at: at }
}

fn running(holding: Holding, since: Instant) -> State {
    State::Running { holding, since, changed_at: since, works: holding == Holding::Busy }
}

fn vacant() -> State {
    State::Vacant { not_before: None }
}

fn places(states: &[State]) -> Vec<Place> {
    (1..).zip(states).map(|(number, state)| Place { number, state: *state }).collect()
}

/// The plan after the same answer stood for the stabilization time.
fn settled(states: &[State], answer: Wanted, start: Instant) -> Vec<Action> {
    let (limits, mut memory) = (limits(0, 8), Memory::default());
    let places = places(states);
    let _ = plan(&limits, &mut memory, Some(&answer), &places, start);
    let now = start + limits.stabilization;
    plan(&limits, &mut memory, Some(&answer), &places, now)
}

fn scale_in(numbers: &[u32]) -> Vec<Action> {
    numbers.iter().map(|number| Action::Stop(*number, Reason::ScaleIn)).collect()
}

#[test]
fn more_children_are_started_at_once_and_never_more_than_max() {
    let now = clock::now();
    let start = |workers| {
        let answer = wanted(workers, 0, now);
        let places = places(&[vacant(); 8]);
        plan(&limits(0, 8), &mut Memory::default(), Some(&answer), &places, now)
    };
    assert_eq!(start(3), [Action::Start(1), Action::Start(2), Action::Start(3)]);
    assert_eq!(start(u64::MAX).len(), 8);
    assert_eq!(start(0), []);
}

#[test]
fn min_children_run_even_with_nothing_to_do() {
    let now = clock::now();
    let places = places(&[vacant(); 8]);
    let answer = wanted(0, 0, now);
    let actions = plan(&limits(2, 8), &mut Memory::default(), Some(&answer), &places, now);
    assert_eq!(actions, [Action::Start(1), Action::Start(2)]);
}

#[test]
fn without_an_answer_nothing_changes() {
    let now = clock::now();
    let states = [running(Holding::Idle, now), running(Holding::Lost, now), vacant()];
    let mut memory = Memory::default();
    assert_eq!(plan(&limits(2, 3), &mut memory, None, &places(&states), now), []);
}

#[test]
fn children_are_stopped_only_after_fewer_were_wanted_for_the_stabilization_time() {
    let start = clock::now();
    let states = places(&[running(Holding::Idle, start); 3]);
    let (limits, mut memory) = (limits(0, 3), Memory::default());
    for (second, workers, stopped) in [(0, 3, 0), (1, 1, 0), (9, 2, 0), (10, 1, 0), (11, 1, 1)] {
        let now = start + second * SECOND;
        let actions = plan(&limits, &mut memory, Some(&wanted(workers, 0, now)), &states, now);
        assert_eq!(actions.len(), stopped, "second {second}");
    }
    let now = start + 20 * SECOND;
    let actions = plan(&limits, &mut memory, Some(&wanted(1, 0, now)), &states, now);
    assert_eq!(actions.len(), 2);
}

#[test]
fn an_outage_of_the_broker_starts_the_stabilization_time_anew() {
    let start = clock::now();
    let states = places(&[running(Holding::Idle, start); 2]);
    let (limits, mut memory) = (limits(0, 2), Memory::default());
    let none_wanted = wanted(0, 0, start);
    assert_eq!(plan(&limits, &mut memory, Some(&none_wanted), &states, start), []);
    assert_eq!(plan(&limits, &mut memory, None, &states, start + 5 * SECOND), []);
    let back = start + 11 * SECOND;
    assert_eq!(plan(&limits, &mut memory, Some(&none_wanted), &states, back), []);
    let actions = plan(&limits, &mut memory, Some(&none_wanted), &states, back + 10 * SECOND);
    assert_eq!(actions, scale_in(&[1, 2]));
}

#[test]
fn a_busy_child_is_never_stopped_while_an_idle_one_is() {
    let start = clock::now();
    let states = [
        running(Holding::Busy, start),
        running(Holding::Idle, start),
        running(Holding::Unknown, start),
        running(Holding::Settling, start),
        running(Holding::Idle, start),
    ];
    assert_eq!(settled(&states, wanted(1, 1, start), start), scale_in(&[2, 5]));
    assert_eq!(settled(&states, wanted(4, 1, start), start), scale_in(&[2]));
}

#[test]
fn where_no_child_is_idle_the_rest_of_the_scale_in_waits() {
    let start = clock::now();
    let states = [running(Holding::Busy, start), running(Holding::Unknown, start)];
    assert_eq!(settled(&states, wanted(0, 0, start), start), []);
}

#[test]
fn nothing_is_stopped_while_a_message_is_held_by_a_child_taken_for_idle() {
    let start = clock::now();
    let states = [
        running(Holding::Idle, start),
        running(Holding::Starting, start),
        running(Holding::Busy, start),
    ];
    assert_eq!(settled(&states, wanted(2, 2, start), start), []);
    assert_eq!(settled(&states, wanted(2, 1, start), start), scale_in(&[2]));
}

#[test]
fn the_youngest_starting_child_goes_first_then_the_longest_idle() {
    let start = clock::now();
    let states = [
        running(Holding::Idle, start + SECOND),
        running(Holding::Idle, start),
        running(Holding::Starting, start),
        running(Holding::Starting, start + SECOND),
    ];
    assert_eq!(settled(&states, wanted(0, 0, start), start), scale_in(&[4, 3, 2, 1]));
}

#[test]
fn with_no_message_in_anybodys_hands_every_quiet_child_is_idle_at_once() {
    let start = clock::now();
    let settling = |works| State::Running {
        holding: Holding::Settling,
        since: start,
        changed_at: start,
        works,
    };
    let states = [settling(false), running(Holding::Unknown, start), settling(true)];
    let fresh = start + 9 * SECOND;
    assert_eq!(settled(&states, wanted(0, 0, fresh), start), scale_in(&[1, 2]));
    // Counts that are old, or older than the last change, prove nothing.
    assert_eq!(settled(&states, wanted(0, 0, start + 6 * SECOND), start), []);
    let changed = [running(Holding::Unknown, fresh)];
    assert_eq!(settled(&changed, wanted(0, 0, fresh), start), []);
}

#[test]
fn a_place_that_waits_after_a_crash_keeps_its_turn() {
    let now = clock::now();
    let waiting = State::Vacant { not_before: Some(now + SECOND) };
    let places = places(&[waiting, vacant(), vacant()]);
    let answer = wanted(1, 0, now);
    let mut memory = Memory::default();
    assert_eq!(plan(&limits(0, 3), &mut memory, Some(&answer), &places, now), []);
    let due = plan(&limits(0, 3), &mut memory, Some(&answer), &places, now + SECOND);
    assert_eq!(due, [Action::Start(1)]);
}

#[test]
fn a_child_that_lost_its_broker_makes_room_for_another() {
    let now = clock::now();
    let lost = [running(Holding::Lost, now), vacant()];
    let answer = wanted(1, 0, now);
    let plan_of = |states: &[State]| {
        plan(&limits(0, 2), &mut Memory::default(), Some(&answer), &places(states), now)
    };
    assert_eq!(plan_of(&lost), [Action::Stop(1, Reason::Lost), Action::Start(2)]);
    // The machine carries `max` processes: with no place left, the other waits for its end.
    assert_eq!(plan_of(&lost[..1]), [Action::Stop(1, Reason::Lost)]);
}

#[test]
fn a_child_told_to_end_is_killed_only_after_the_grace_and_only_once() {
    let told = clock::now();
    let stopping = |killed| places(&[State::Stopping { signalled_at: told, killed }]);
    let limits = limits(0, 1);
    let kill = |killed, after| {
        plan(&limits, &mut Memory::default(), None, &stopping(killed), told + after)
    };
    assert_eq!(kill(false, limits.grace.checked_sub(SECOND).unwrap()), []);
    assert_eq!(kill(false, limits.grace), [Action::Kill(1)]);
    assert_eq!(kill(true, 2 * limits.grace), []);
}

#[test]
fn at_shutdown_every_child_gets_the_grace_and_at_the_second_signal_none() {
    let now = clock::now();
    let stopping = State::Stopping { signalled_at: now, killed: false };
    let places = places(&[running(Holding::Busy, now), stopping, vacant()]);
    let first = shutdown(&places, 60 * SECOND, false, now);
    assert_eq!(first, [Action::Stop(1, Reason::Shutdown)]);
    let late = shutdown(&places, 60 * SECOND, false, now + 60 * SECOND);
    assert_eq!(late, [Action::Kill(2), Action::Stop(1, Reason::Shutdown)]);
    let second = shutdown(&places, 60 * SECOND, true, now);
    assert_eq!(second, [Action::Kill(2), Action::Kill(1)]);
}

fn any_state(now: Instant) -> impl Strategy<Value = State> {
    let holding = prop::sample::select(vec![
        Holding::Lost,
        Holding::Starting,
        Holding::Idle,
        Holding::Settling,
        Holding::Unknown,
        Holding::Busy,
    ]);
    let ago = move |seconds: u32| now.checked_sub(seconds * SECOND).unwrap();
    prop_oneof![
        prop::option::of(0_u32..100)
            .prop_map(move |ago_s| State::Vacant { not_before: ago_s.map(ago) }),
        (holding, 0_u32..100, any::<bool>()).prop_map(move |(holding, seconds, works)| {
            let since = ago(seconds);
            State::Running { holding, since, changed_at: since, works }
        }),
        (0_u32..4000, any::<bool>()).prop_map(move |(seconds, killed)| State::Stopping {
            signalled_at: ago(seconds),
            killed
        }),
    ]
}

proptest! {
    #[test]
    fn no_scale_in_stops_a_child_that_may_hold_a_task_and_none_exceeds_max(
        states in prop::collection::vec(any_state(clock::now() + 5000 * SECOND), 1..9),
        answers in prop::collection::vec(prop::option::of((0_u64..12, 1_u64..12)), 1..30),
    ) {
        let now = clock::now() + 5000 * SECOND;
        let max = u32::try_from(states.len()).unwrap();
        let (limits, places) = (limits(0, max), places(&states));
        let mut memory = Memory::default();
        for (second, answer) in (0..).zip(answers) {
            let now = now + second * SECOND;
            let answer = answer.map(|(workers, busy)| wanted(workers.max(busy), busy, now));
            let actions = plan(&limits, &mut memory, answer.as_ref(), &places, now);
            let mut seen = std::collections::HashSet::new();
            for action in actions {
                let number = match action {
                    Action::Start(number) | Action::Stop(number, _) | Action::Kill(number) => number,
                };
                prop_assert!(seen.insert(number), "one thing at a time for place {}", number);
                let state = places[number as usize - 1].state;
                match (action, state) {
                    (Action::Start(_), State::Vacant { .. }) => prop_assert!(answer.is_some()),
                    (Action::Stop(_, Reason::ScaleIn), State::Running { holding, .. }) => {
                        prop_assert!(holding.may_stop() && answer.is_some());
                    }
                    (Action::Stop(_, Reason::Lost), State::Running { holding, .. }) => {
                        prop_assert!(holding == Holding::Lost && answer.is_some());
                    }
                    (Action::Kill(_), State::Stopping { killed, signalled_at }) => {
                        prop_assert!(!killed && now - signalled_at >= limits.grace);
                    }
                    other => prop_assert!(false, "{:?}", other),
                }
            }
        }
    }

    #[test]
    fn what_stays_after_a_scale_in_is_at_least_what_is_wanted(
        states in prop::collection::vec(any_state(clock::now() + 5000 * SECOND), 1..9),
        workers in 0_u64..12,
    ) {
        let now = clock::now() + 5000 * SECOND;
        let stopped = settled(&states, wanted(workers, 0, now), now)
            .iter().filter(|action| matches!(action, Action::Stop(_, Reason::ScaleIn))).count();
        let able = states.iter().filter(|state| {
            matches!(state, State::Running { holding, .. } if *holding != Holding::Lost)
        }).count();
        let wanted = usize::try_from(workers).unwrap();
        prop_assert!(stopped == 0 || able - stopped >= wanted);
    }
}
