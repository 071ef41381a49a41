//! Links that are cut at every step of a conversation, on either side of a gateway.
//!
//! Whatever is cut: the proof is made, or the connection is severed and the gateway says why; nobody
//! waits for ever, and no task is lost.

use std::collections::BTreeSet;
use std::time::Duration;

use amqp_gateway::QueuePolicy;
use amqp_gateway::frame::{Kind, Reader};
use futures_util::StreamExt as _;
use futures_util::future::join_all;
use tests::amqp::Amqp;
use tests::harness::{self, Vhost};
use tests::poll;

use super::tags::{TASK, consumer, publish};
use super::{Behind, config_at, depth};
use crate::queues::crowd::Numbers;
use crate::stand_in::{LIMIT, Program, Reached, V07, VERIFIED};
use crate::wire::{Way, Wire};

/// A block of four transactions: two segments, one join and the block.
const BLOCK: u64 = 5;
/// Rounds at the same time.
const LANES: usize = 4;
const FAST: [&str; 2] = ["--stand-in-ms-per-txn", "1"];
/// A leader that has all it wants ends in much less.
const PATIENCE: Duration = Duration::from_secs(2);
/// What the child says first.
const GREETING: u64 = 8;

/// A link of a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Link {
    /// Between a prover process and its gateway.
    Child,
    /// Between its gateway and the broker.
    Broker,
}

/// Where a conversation is cut, and what is being said there.
#[derive(Debug, Clone)]
struct Cut {
    way: Way,
    after: u64,
    amid: String,
}

/// A process's gateway with a link on each side.
struct Linked {
    behind: Behind,
    child: Wire,
    broker: Wire,
}

impl Reached for Linked {
    fn uri(&self) -> String {
        self.child.through(&self.behind.uri())
    }
}

impl Linked {
    async fn start(vhost: &Vhost) -> Self {
        let broker = Wire::to(&vhost.access().amqp).await;
        let mut config = config_at(&broker.through(&vhost.amqp_uri()), vhost.name());
        config.policy = QueuePolicy::Durable;
        let behind = Behind::start(config).await;
        let child = Wire::to(&behind.gateway.address().to_string()).await;
        Self { behind, child, broker }
    }

    fn link(&self, link: Link) -> &Wire {
        match link {
            Link::Child => &self.child,
            Link::Broker => &self.broker,
        }
    }

    /// The child is of no more use: it has lost its connection, or was never let in.
    fn is_lost(&self) -> Option<String> {
        let told = self.behind.activity();
        let had = told.counters.bytes_from_child > 0;
        let lost = told.trouble.is_some() || (had && told.connections == 0);
        lost.then(|| format!("{told:?}"))
    }
}

/// One cut for each kind of thing that is said, somewhere within it or right behind it.
fn cuts(wire: &Wire, way: Way, numbers: &mut Numbers) -> Vec<Cut> {
    let said = wire.passed(way);
    let header = if way == Way::ToServer { GREETING } else { 0 };
    let mut reader = Reader::default();
    reader.set_frame_max(0);
    reader.room().extend_from_slice(&said[usize::try_from(header).unwrap()..]);
    let (mut at, mut known, mut cuts) = (header, BTreeSet::new(), Vec::new());
    if header > 0 {
        cuts.push(Cut { way, after: numbers.below(header), amid: "the greeting".to_owned() });
    }
    while let Ok(Some(frame)) = reader.frame() {
        let length = frame.wire_len() as u64;
        let amid = format!("{:?} {:?}", frame.kind(), frame.method());
        if frame.kind() != Kind::Heartbeat && known.insert(amid.clone()) {
            cuts.push(Cut { way, after: at + 1 + numbers.below(length), amid });
        }
        at += length;
    }
    cuts
}

/// Who has the link that is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Who {
    Leader,
    Worker,
}

/// A leader and a worker, one of which has a link that is cut.
struct Round {
    vhost: Vhost,
    home: tempfile::TempDir,
    lead: Linked,
    work: Linked,
    leader: Program,
    worker: Program,
}

impl Round {
    async fn begin(vhost: Vhost, cut: Option<(Who, Link, &Cut)>) -> Self {
        let home = tempfile::tempdir().unwrap();
        let (lead, work) = (Linked::start(&vhost).await, Linked::start(&vhost).await);
        if let Some((who, link, cut)) = cut {
            let linked = if who == Who::Leader { &lead } else { &work };
            linked.link(link).cut_after(cut.way, cut.after);
        }
        let worker = V07.worker(0, &FAST, &work, home.path());
        let leader = V07.leader(BLOCK, &[], &lead, home.path());
        Self { vhost, home, lead, work, leader, worker }
    }

    /// Until the leader has ended, or is of no more use; a worker that is of none is replaced, as its
    /// owner would do it.
    async fn outcome(&mut self) -> Result<(), String> {
        let mut replaced = None;
        let looked = poll::until("the end of a round", LIMIT, async || {
            if let Some(status) = self.leader.end() {
                let words = self.leader.errors();
                return Ok(if status.success() { Ok(()) } else { Err(words) });
            }
            if let Some(lost) = self.lead.is_lost() {
                return Ok(self.leaders_end(lost).await);
            }
            let ended = self.worker.end().is_some() || self.work.is_lost().is_some();
            if replaced.is_none() && ended {
                self.worker.end_at_once();
                self.work.behind.gateway.child_died("its link was cut").await;
                let next = Linked::start(&self.vhost).await;
                let program = V07.worker(1, &FAST, &next, self.home.path());
                replaced = Some((next, program));
            }
            Err(format!("{:?} {:?}", self.lead.behind.activity(), self.work.behind.activity()))
        });
        let outcome = looked.await.unwrap();
        if let Some((next, program)) = replaced {
            (self.work, self.worker) = (next, program);
        }
        outcome
    }

    /// A leader that has lost its connection may have been done already; else it waits for ever.
    async fn leaders_end(&mut self, lost: String) -> Result<(), String> {
        let ended =
            poll::until("the leader to end", PATIENCE, async || self.leader.end().ok_or(""));
        let success = ended.await.is_ok_and(|status| status.success());
        if success { Ok(()) } else { Err(lost) }
    }

    /// Until no task is left anywhere.
    async fn settles(&self) {
        let direct = Amqp::connect(&self.vhost.amqp_uri()).await.unwrap();
        let looked = poll::until("no task to be left", LIMIT, async || {
            let left = depth(&direct, V07.task_queue).await;
            let told = self.work.behind.activity();
            let over = left == 0 && told.in_hand.is_empty();
            if over { Ok(()) } else { Err(format!("{left} tasks, {told:?}")) }
        });
        looked.await.unwrap();
    }
}

/// Whether the cut was survived; else it was stated what is the matter.
async fn survived(who: Who, link: Link, cut: &Cut) -> bool {
    let case = format!("{who:?} {link:?}, {:?} after {} in {}", cut.way, cut.after, cut.amid);
    let vhost = harness::vhost("cut_round").unwrap();
    let mut round = Round::begin(vhost, Some((who, link, cut))).await;
    let outcome = round.outcome().await;
    if outcome.is_ok() {
        let words = V07.verified(BLOCK, round.home.path());
        assert!(words.contains(VERIFIED), "{case}: {words}");
        round.settles().await;
    }
    assert!(outcome.is_ok() || who == Who::Leader, "{case}: {outcome:?}");
    // Nobody is left in doubt: the gateway says what became of the broker, or that its child is gone.
    let told = round.lead.behind.activity();
    let stated = match link {
        Link::Broker => told.trouble.is_some(),
        Link::Child => told.connections == 0,
    };
    assert!(outcome.is_ok() || stated, "{case}: {told:?}");
    outcome.is_ok()
}

/// Every step of what one link carries, cut once.
async fn sweep(who: Who, link: Link, seed: u64) {
    let Some(vhost) = harness::vhost("whole_round") else { return };
    let mut whole = Round::begin(vhost, None).await;
    whole.outcome().await.unwrap();
    let linked = if who == Who::Leader { &whole.lead } else { &whole.work };
    linked.behind.gateway.drain().await;
    whole.worker.end_at_once();
    let mut numbers = Numbers(seed);
    let wire = linked.link(link);
    let ways = [Way::ToServer, Way::FromServer];
    let cuts: Vec<Cut> = ways.iter().flat_map(|way| cuts(wire, *way, &mut numbers)).collect();
    let lanes = (0..LANES).map(async |lane| {
        let mut survivals = 0;
        for cut in cuts.iter().skip(lane).step_by(LANES) {
            survivals += usize::from(survived(who, link, cut).await);
        }
        survivals
    });
    let survivals: usize = join_all(lanes).await.iter().sum();
    println!("{who:?} {link:?}: {survivals} of {} cuts survived", cuts.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_whose_link_to_the_broker_is_cut_at_any_step_loses_no_task() {
    sweep(Who::Worker, Link::Broker, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_is_cut_from_its_gateway_at_any_step_loses_no_task() {
    sweep(Who::Worker, Link::Child, 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_whose_link_to_the_broker_is_cut_at_any_step_ends_well_or_says_why() {
    sweep(Who::Leader, Link::Broker, 3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_that_is_cut_from_its_gateway_at_any_step_is_not_waited_for() {
    sweep(Who::Leader, Link::Child, 4).await;
}

/// Leader and worker, each behind a gateway with a link on each side.
#[tokio::test]
async fn a_proof_is_made_over_links_that_carry_three_bytes_at_a_time() {
    let Some(vhost) = harness::vhost("slow_links") else { return };
    let home = tempfile::tempdir().unwrap();
    let (lead, work) = (Linked::start(&vhost).await, Linked::start(&vhost).await);
    for linked in [&lead, &work] {
        linked.child.slow();
        linked.broker.slow();
    }
    let worker = V07.worker(0, &FAST, &work, home.path());
    let mut leader = V07.leader(BLOCK, &[], &lead, home.path());
    assert!(leader.ended().await.success(), "{}", leader.errors());
    let told = [lead.behind.activity(), work.behind.activity()];
    assert!(told.iter().all(|told| told.counters.reconnects == 0), "{told:?}");
    drop(worker);
    assert!(V07.verified(BLOCK, home.path()).contains(VERIFIED));
}

/// The gateway hears nothing of the broker any more, and the broker nothing of it.
#[tokio::test]
async fn a_broker_that_vanishes_without_a_word_is_dialled_again_and_the_proof_is_made() {
    let Some(vhost) = harness::vhost("half_open_broker") else { return };
    let home = tempfile::tempdir().unwrap();
    let way = Wire::to(&vhost.access().amqp).await;
    let mut config = config_at(&way.through(&vhost.amqp_uri()), vhost.name());
    (config.policy, config.heartbeat) = (QueuePolicy::Durable, Duration::from_secs(1));
    let work = Behind::start(config).await;
    let lead = Linked::start(&vhost).await;
    let worker = V07.worker(0, &["--stand-in-ms-per-txn", "300"], &work, home.path());
    let mut leader = V07.leader(BLOCK, &[], &lead, home.path());
    work.tells("a busy worker", |told| told.in_hand.len() == 1).await;
    way.swallow();
    work.tells("another connection", |told| told.counters.reconnects == 1).await;
    assert!(leader.ended().await.success(), "{}", leader.errors());
    assert_eq!(work.activity().severed, 0);
    drop(worker);
    assert!(V07.verified(BLOCK, home.path()).contains(VERIFIED));
}

/// A child that vanishes leaves no word either, where a network is between it and its gateway. Its owner
/// knows that it is gone.
#[tokio::test]
async fn a_task_of_a_child_that_vanished_without_a_word_goes_back_when_its_owner_says_so() {
    let Some(vhost) = harness::vhost("half_open_child") else { return };
    let direct = Amqp::connect(&vhost.amqp_uri()).await.unwrap();
    let work = Linked::start(&vhost).await;
    let child = Amqp::connect(&work.uri()).await.unwrap();
    child.paladin_queue("default").await.unwrap();
    publish(&direct, "default", TASK, &[]).await;
    let _task = consumer(&child, "default").await.next().await.unwrap().unwrap();
    work.child.swallow();
    let told = work.behind.activity();
    assert_eq!((told.connections, told.in_hand.len()), (1, 1), "{told:?}");
    work.behind.gateway.child_died("its node has gone").await;
    assert_eq!(depth(&direct, "default").await, 1);
    work.behind.tells("no child", |told| told.connections == 0 && told.in_hand.is_empty()).await;
}
