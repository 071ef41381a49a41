//! Five leaders prove while workers are killed, gateways are killed, links are cut, workers are told
//! to go and the broker is restarted, at moments that a seed picks. Whatever happens, no leader waits
//! for ever, each proof verifies or its leader says why not, and a worker that is told to go finishes
//! its task first.

mod blows;
mod fleet;

use std::collections::BTreeMap;

use amqp_gateway::QueuePolicy;
use tests::harness;
use tests::poll;
use tests::rabbitmq::{PrivateBroker, RabbitConfig};

use crate::gateway::{Behind, config_at};
use crate::queues::crowd::Numbers;
use crate::stand_in::{LIMIT, Program, V07, VERIFIED};
use crate::wire::Wire;
use blows::{Blow, blows};
use fleet::Fleet;

/// Blocks of the five leaders: of four and of twelve transactions.
const BLOCKS: [u64; 5] = [5, 6, 5, 6, 5];
/// Tasks of all five: 2 and 6 segments, one join less, one block each.
const TASKS: u64 = 3 * 4 + 2 * 12;
/// Runs unless the environment says otherwise.
const RUNS: u64 = 12;
/// How many runs, and from which seed on: for long runs, and to see one again.
const RUNS_VARIABLE: &str = "ZERO_TEST_CHAOS_RUNS";
const SEED_VARIABLE: &str = "ZERO_TEST_CHAOS_SEED";
const VHOST: &str = "chaos";

/// One leader behind a gateway of its own, whose link to the broker can be cut.
struct Leader {
    block: u64,
    home: tempfile::TempDir,
    program: Program,
    behind: Behind,
    wire: Wire,
}

impl Leader {
    async fn start(block: u64, broker: &PrivateBroker) -> Self {
        let wire = Wire::to(&broker.access().amqp).await;
        let mut config = config_at(&wire.through(&broker.amqp_uri(VHOST)), VHOST);
        config.policy = QueuePolicy::Durable;
        let behind = Behind::start(config).await;
        let home = tempfile::tempdir().unwrap();
        let program = V07.leader(block, &[], &behind, home.path());
        Self { block, home, program, behind, wire }
    }

    /// What its gateway knows of it.
    fn told(&self) -> String {
        let log = std::fs::read_to_string(self.home.path().join("leader.log")).unwrap_or_default();
        let (block, activity, errors) = (self.block, self.behind.activity(), self.program.errors());
        format!("block {block}: {activity:#?}\n{log}\n{errors}")
    }

    /// Tasks that it has handed in so far.
    fn published(&self) -> u64 {
        self.behind.activity().counters.published
    }

    /// Proved, or failed for a reason. `scene` is what else there is to tell of one that never ends.
    async fn outcome(&mut self, scene: impl Fn() -> String) -> Result<(), String> {
        let ended = poll::until("the leader to end", LIMIT, async || {
            self.program.end().ok_or_else(|| self.told())
        });
        let status = ended.await;
        let status = status.unwrap_or_else(|error| panic!("{error}\n{}", scene()));
        if status.success() {
            let words = V07.verified(self.block, self.home.path());
            assert!(words.contains(VERIFIED), "block {}: {words}", self.block);
            return Ok(());
        }
        let words = self.program.errors();
        assert!(!words.trim().is_empty(), "block {} failed without a word: {status}", self.block);
        Err(words.lines().last().unwrap_or_default().to_owned())
    }
}

/// One run: what a seed picks happens while five leaders prove.
async fn run(seed: u64, broker: &mut PrivateBroker, fleet: &mut Fleet) -> Vec<String> {
    let mut numbers = Numbers(seed);
    let mut leaders = Vec::new();
    for block in BLOCKS {
        leaders.push(Leader::start(block, broker).await);
    }
    for Blow { after, what } in blows(&mut numbers, TASKS) {
        reached(after, &mut leaders).await.unwrap_or_else(|error| {
            panic!("seed {seed}, {what:?}: {error}\n{}", fleet.scene(broker))
        });
        fleet.suffer(what, broker, &leaders).await;
    }
    let mut failures = Vec::new();
    for leader in &mut leaders {
        let scene = || format!("seed {seed}\n{}", fleet.scene(broker));
        failures.extend(leader.outcome(scene).await.err());
    }
    fleet.settle(broker).await;
    failures
}

/// Until so many tasks have been handed in, or no leader is left to hand in any.
async fn reached(tasks: u64, leaders: &mut [Leader]) -> Result<(), String> {
    let looked = poll::until("tasks to be handed in", LIMIT, async || {
        let all: u64 = leaders.iter().map(Leader::published).sum();
        let over = leaders.iter_mut().all(|leader| leader.program.end().is_some());
        let told = || leaders.iter().map(Leader::told).collect::<Vec<_>>().join("\n");
        if all >= tasks || over { Ok(()) } else { Err(format!("{all} of {tasks}\n{}", told())) }
    });
    looked.await.map_err(|error| format!("{error}"))
}

fn variable(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| text.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_whatever_is_killed_cut_or_restarted() {
    let test = "chaos";
    let (first, runs) = (variable(SEED_VARIABLE, 1), variable(RUNS_VARIABLE, RUNS));
    let Some(mut broker) = harness::private_broker(test, &RabbitConfig::default()) else { return };
    broker.add_vhost(VHOST).unwrap();
    let mut fleet = Fleet::start(&broker).await;
    let mut failures = BTreeMap::new();
    for seed in first..first + runs {
        println!("seed {seed}");
        let failed = run(seed, &mut broker, &mut fleet).await;
        if !failed.is_empty() {
            failures.insert(seed, failed);
        }
    }
    let told = fleet.told(runs);
    println!("{told}; proofs that failed for a stated reason: {failures:#?}");
    assert!(fleet.thrown_away.is_empty(), "{told}: {}", fleet.thrown_away.join("\n"));
}
