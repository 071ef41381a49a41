//! PURE: what happens in a run, and when.

use crate::queues::crowd::Numbers;

/// Workers that there are.
pub(super) const WORKERS: usize = 3;
/// A restart of the broker takes seconds; one blow in so many is one.
const RESTART_ONE_IN: u64 = 40;

/// One thing that happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    /// The worker's process is killed; its gateway lives.
    KillWorker(usize),
    /// The gateway is killed, and its worker with it.
    KillGateway(usize),
    /// A worker is told to go, as when a node is taken away.
    Terminate(usize),
    /// The link between a worker's gateway and the broker is cut.
    CutWorker(usize),
    /// The link between a leader's gateway and the broker is cut.
    CutLeader(usize),
    /// The broker is restarted.
    RestartBroker,
}

/// It happens once so many tasks have been handed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Blow {
    pub(super) after: u64,
    pub(super) what: What,
}

/// One to four blows, in the order of their moments.
pub(super) fn blows(numbers: &mut Numbers, tasks: u64) -> Vec<Blow> {
    let count = 1 + numbers.below(4);
    let mut blows: Vec<Blow> =
        (0..count).map(|_| Blow { after: numbers.below(tasks), what: what(numbers) }).collect();
    blows.sort_by_key(|blow| blow.after);
    blows
}

fn what(numbers: &mut Numbers) -> What {
    if numbers.below(RESTART_ONE_IN) == 0 {
        return What::RestartBroker;
    }
    let mut one_of = |count: usize| usize::try_from(numbers.below(count as u64)).unwrap();
    match one_of(5) {
        0 => What::KillWorker(one_of(WORKERS)),
        1 => What::KillGateway(one_of(WORKERS)),
        2 => What::Terminate(one_of(WORKERS)),
        3 => What::CutWorker(one_of(WORKERS)),
        _ => What::CutLeader(one_of(super::BLOCKS.len())),
    }
}
