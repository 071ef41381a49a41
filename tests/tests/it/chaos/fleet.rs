//! The workers, each behind a `zero-worker` whose link to the broker can be cut.

use std::collections::BTreeMap;

use rustix::process::{Pid, Signal, kill_process};
use tests::poll;
use tests::rabbitmq::PrivateBroker;

use super::blows::{WORKERS, What};
use super::{Leader, VHOST};
use crate::host::Host;
use crate::stand_in::{LIMIT, V07};
use crate::wire::Wire;

/// What `zero-worker` says of a worker that we have killed.
const KILLED: &str = "the worker was killed (SIGKILL, 137)";
/// Milliseconds that a worker takes for a transaction.
const MS_PER_TXN: &str = "20";
/// So many lines of each log are shown when something hangs.
const LINES: usize = 40;

/// All workers, and what was done to them.
pub(super) struct Fleet {
    home: tempfile::TempDir,
    wires: Vec<Wire>,
    hosts: Vec<Host>,
    started: usize,
    blows: BTreeMap<&'static str, u64>,
    /// Of workers that were told to go and did not finish their task: how each ended, and its log.
    pub(super) thrown_away: Vec<String>,
}

impl Fleet {
    pub(super) async fn start(broker: &PrivateBroker) -> Self {
        let mut fleet = Self {
            home: tempfile::tempdir().unwrap(),
            wires: Vec::new(),
            hosts: Vec::new(),
            started: 0,
            blows: BTreeMap::new(),
            thrown_away: Vec::new(),
        };
        for worker in 0..WORKERS {
            fleet.wires.push(Wire::to(&broker.access().amqp).await);
            let host = fleet.host(worker, broker);
            fleet.hosts.push(host);
        }
        fleet
    }

    fn host(&mut self, worker: usize, broker: &PrivateBroker) -> Host {
        self.started += 1;
        let uri = self.wires[worker].through(&broker.amqp_uri(VHOST));
        let program = V07.path("worker");
        let command =
            [program.to_str().unwrap(), "--runtime=amqp", "--stand-in-ms-per-txn", MS_PER_TXN];
        let options = [
            "--queue-policy",
            "durable",
            "--attempts",
            "20",
            "--restart-pause",
            "10ms",
            "--restart-pause-max",
            "100ms",
            "--max-restarts",
            "1000",
        ];
        let name = format!("host-{}", self.started);
        Host::start(&name, &uri, &options, &command, self.home.path())
    }

    /// Puts another in a worker's place; gives the one that was there.
    fn replace(&mut self, worker: usize, broker: &PrivateBroker) -> Host {
        let other = self.host(worker, broker);
        std::mem::replace(&mut self.hosts[worker], other)
    }

    /// Something happens.
    pub(super) async fn suffer(
        &mut self,
        what: What,
        broker: &mut PrivateBroker,
        leaders: &[Leader],
    ) {
        let name = match what {
            What::KillWorker(worker) => {
                if let Some(pid) = self.hosts[worker].workers().last() {
                    // It may have died of something else already.
                    let _ = kill_process(Pid::from_raw(*pid).unwrap(), Signal::KILL);
                }
                "worker killed"
            }
            What::KillGateway(worker) => {
                // Dropping it kills it.
                drop(self.replace(worker, broker));
                "gateway killed"
            }
            What::Terminate(worker) => {
                // One that has not begun yet knows of no signal.
                self.hosts[worker].runs(1).await;
                let mut leaving = self.replace(worker, broker);
                leaving.signal(Signal::TERM);
                let (end, log) = (leaving.ended().await, leaving.log());
                // One that was killed a moment before has nothing left to finish.
                if end != Some(0) && !log.contains(KILLED) {
                    self.thrown_away.push(format!("{end:?}: {log}"));
                }
                "told to go"
            }
            What::CutWorker(worker) => {
                self.wires[worker].cut();
                "worker's link cut"
            }
            What::CutLeader(leader) => {
                leaders[leader].wire.cut();
                "leader's link cut"
            }
            What::RestartBroker => {
                broker.restart().unwrap();
                "broker restarted"
            }
        };
        *self.blows.entry(name).or_default() += 1;
    }

    /// Until no task is left anywhere: what a failed proof has left is worked off.
    pub(super) async fn settle(&self, broker: &PrivateBroker) {
        let api = broker.access().management();
        let path = format!("/api/queues/{VHOST}?disable_stats=true&enable_queue_totals=true");
        let looked = poll::until("no task to be left", LIMIT, async || {
            let queues = api.get(&path).map_err(|error| error.to_string())?;
            let all = queues.as_array().unwrap().iter();
            let tasks = all.filter(|queue| queue["name"] == V07.task_queue);
            let left: u64 = tasks.filter_map(|queue| queue["messages"].as_u64()).sum();
            if left == 0 { Ok(()) } else { Err(format!("{left} tasks are left")) }
        });
        looked.await.unwrap();
    }

    /// The queues that are there, and what each gateway has said last.
    pub(super) fn scene(&self, broker: &PrivateBroker) -> String {
        let path = format!("/api/queues/{VHOST}?disable_stats=true&enable_queue_totals=true");
        let queues = broker.access().management().get(&path);
        let last = |host: &Host| {
            let log = host.log();
            let lines: Vec<&str> = log.lines().collect();
            lines[lines.len().saturating_sub(LINES)..].join("\n")
        };
        let hosts: Vec<String> = self.hosts.iter().map(last).collect();
        format!("{queues:#?}\n{}\n{:?}", hosts.join("\n--\n"), self.blows)
    }

    /// What was done.
    pub(super) fn told(&self, runs: u64) -> String {
        let thrown_away = self.thrown_away.len();
        format!("{runs} runs, {:?}, finished work thrown away: {thrown_away}", self.blows)
    }
}
