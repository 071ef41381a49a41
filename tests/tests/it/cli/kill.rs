//! A removal that is killed or interrupted at any moment of its run: tasks that stay are all there,
//! each once and in order, and wanted ones are in the queue or in the backup.

use std::time::Duration;

use futures_util::future::join_all;
use rustix::process::Signal;

use super::struck::{Blow, Lane, LaneToBe, Run, WORK};
use super::tasks::WANTED;
use crate::queues::crowd::Numbers;

/// Runs that are killed, at moments spread over a whole run.
const KILLS: u32 = 60;
/// Runs that are interrupted.
const INTERRUPTS: u32 = 10;
/// Runs without a signal, to learn how long one takes.
const MEASURED: usize = 3;
/// Runs at the same time, each in a vhost of its own.
const LANES: u32 = 4;

/// One moment in each of as many equal parts of a run.
fn moment(part: u32, parts: u32, whole: Duration, numbers: &mut Numbers) -> Duration {
    let per_mille = u32::try_from(numbers.below(1000)).unwrap();
    (whole * part + whole * per_mille / 1000) / parts
}

/// Every fourth of these moments, beginning with this lane's.
async fn struck(lane: LaneToBe, (first, parts): (u32, u32), signal: Signal) -> Vec<Run> {
    let lane = lane.connect().await;
    // The shortest of some: on a busy machine the first takes longer than those that follow.
    let mut whole = Duration::MAX;
    for _ in 0..MEASURED {
        let run = lane.run(None).await;
        lane.check(&run, "no signal");
        lane.check_report(&run, "no signal");
        assert_eq!(run.answer.code, Some(0), "{:?}", run.answer);
        whole = whole.min(run.took);
    }
    let mut numbers = Numbers(u64::from(first) + 20_362_226);
    let mut runs = Vec::new();
    for part in (first..parts).step_by(LANES as usize) {
        // On a busy machine a moment told from the program's start may find it still starting.
        let at_work = numbers.below(2) == 0;
        let span = if at_work { WORK } else { whole };
        let after = moment(part, parts, span, &mut numbers);
        let blow = Blow { signal, at_work, after };
        let run = lane.run(Some(blow)).await;
        let case = format!("{blow:?} of {span:?}");
        lane.check(&run, &case);
        if !run.answer.stdout.is_empty() {
            lane.check_report(&run, &case);
        }
        if !run.struck {
            // The machine has less to do than when it was measured.
            whole = whole.min(run.took);
        }
        runs.push(run);
    }
    runs
}

/// Four lanes at the same time; `None`: there is no broker.
async fn lanes(
    test: &str,
    select: [&'static str; 2],
    signal: Signal,
    parts: u32,
) -> Option<Vec<Run>> {
    let lanes: Option<Vec<LaneToBe>> =
        (0..LANES).map(|seed| Lane::open(test, seed.into(), select)).collect();
    let at_work =
        lanes?.into_iter().zip(0..).map(|(lane, first)| struck(lane, (first, parts), signal));
    Some(join_all(at_work).await.into_iter().flatten().collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removal_that_is_killed_at_any_moment_loses_nothing() {
    let select = ["--result-queue", WANTED.result_queue];
    let Some(runs) = lanes("killed", select, Signal::KILL, KILLS).await else { return };
    let count = |of: &dyn Fn(&Run) -> bool| runs.iter().filter(|run| of(run)).count();
    let killed = count(&|run| run.struck);
    let early = count(&|run| run.struck && run.backup.is_none());
    let at_work = count(&|run| run.backup.as_ref().is_some_and(|(_, closed)| !closed));
    let half_done = count(&|run| run.half_done);
    assert_eq!(runs.len(), KILLS as usize);
    assert!(killed >= 20, "only {killed} of {KILLS} were killed before their end");
    assert!(
        early >= 1 && at_work >= 5 && half_done >= 1,
        "{early} killed early, {at_work} at work, {half_done} of them half done"
    );
    println!("{killed} killed, {early} early, {at_work} at work, {half_done} half done");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removal_that_is_interrupted_finishes_what_it_has_in_hand_and_tells() {
    let select = ["--proof", WANTED.id];
    let Some(runs) = lanes("interrupted", select, Signal::INT, INTERRUPTS).await else { return };
    for run in &runs {
        let Run { answer, backup, .. } = run;
        match answer.code {
            Some(0 | 130) => assert!(!answer.stdout.is_empty(), "{answer:?}"),
            // Before there was anything to finish the signal ends it as it does any program.
            None => assert!(answer.stdout.is_empty() && backup.is_none(), "{answer:?}"),
            Some(_) => panic!("{answer:?}"),
        }
    }
    let told = runs.iter().filter(|run| run.answer.code == Some(130)).count();
    assert!(told >= 1, "only {told} of {INTERRUPTS} were interrupted at work");
}
