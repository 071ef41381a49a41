//! The scaler's real HTTP server over facts that a test makes up and changes.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use prometheus_client::registry::Registry;
use scaler::http::{Facts, NotExplained, serve};
use scaler::status::{
    Answer, BrokerStatus, DepthPoint, EtaStatus, KeepAliveStatus, KeptQueue, ProgressStatus,
    ProofStatus, ProofsAnswer, ProofsStatus, RoleStatus, Status, TriggerStatus, VhostStatus,
};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Facts that a test sets.
#[derive(Clone)]
pub(crate) struct Told {
    status: Arc<Mutex<Status>>,
    readiness: Arc<Mutex<Result<(), String>>>,
    tick: watch::Sender<u64>,
}

impl Facts for Told {
    fn status(&self) -> Status {
        self.status.lock().unwrap().clone()
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.tick.subscribe()
    }

    fn readiness(&self) -> Result<(), String> {
        self.readiness.lock().unwrap().clone()
    }

    fn explain_known(&self, namespace: Option<&str>, name: Option<&str>) -> Vec<(String, String)> {
        let status = self.status();
        let wanted = |trigger: &&TriggerStatus| {
            namespace.is_none_or(|namespace| trigger.namespace == namespace)
                && name.is_none_or(|name| trigger.name == name)
        };
        let told = status.triggers.iter().filter(wanted);
        told.map(|trigger| (trigger.name.clone(), "sum: 1\nvalue: 1".to_owned())).collect()
    }

    fn explain_metadata(&self, metadata: &HashMap<String, String>) -> Result<String, NotExplained> {
        match metadata.get("target").map(String::as_str) {
            Some("0") => Err(NotExplained::BadTrigger("trigger metadata `target`: no".to_owned())),
            Some("9") => Err(NotExplained::NoNumber("vhost `/` was not read yet".to_owned())),
            _ => Ok(format!("tried {} keys", metadata.len())),
        }
    }
}

/// A running server; it ends with the value.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    told: Told,
    shutdown: CancellationToken,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    pub(crate) fn start(status: Status) -> Self {
        let told = Told {
            status: Arc::new(Mutex::new(status)),
            readiness: Arc::new(Mutex::new(Ok(()))),
            tick: watch::Sender::new(0),
        };
        let shutdown = CancellationToken::new();
        let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        socket.set_nonblocking(true).unwrap();
        let address = socket.local_addr().unwrap();
        let (facts, token) = (told.clone(), shutdown.clone());
        let thread = std::thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = TcpListener::from_std(socket).unwrap();
                let registry = Registry::with_prefix("zero_scaler");
                serve(listener, facts, registry, token).await.unwrap();
            });
        });
        Self { address, told, shutdown, thread: Some(thread) }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn change(&self, change: impl FnOnce(&mut Status)) {
        change(&mut self.told.status.lock().unwrap());
        self.told.tick.send_modify(|tick| *tick += 1);
    }

    pub(crate) fn set_readiness(&self, readiness: Result<(), String>) {
        *self.told.readiness.lock().unwrap() = readiness;
    }

    /// Ends the server and waits until it is gone.
    pub(crate) fn stop(&mut self) {
        self.shutdown.cancel();
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

/// A busy cluster: two triggers with numbers, one refused, two brokers.
pub(crate) fn busy() -> Status {
    Status {
        protect: None,
        version: "0.1.0 (abc1234)".into(),
        now: "2026-08-21T07:31:52.123Z".into(),
        uptime_seconds: 273_000,
        brokers: vec![healthy_broker(), failing_broker()],
        triggers: vec![heavy(), light(), refused()],
        local: None,
        proofs: Some(proofs()),
    }
}

/// One proof that runs, one that waits for it, one that failed.
fn proofs() -> ProofsStatus {
    let proof = |block, name: &str, state: &str| ProofStatus {
        id: format!("{block}-{name}"),
        state: state.into(),
        kind: "proof".into(),
        first_block: block,
        last_block: block,
        transactions: 166,
        chain: Some("tip".into()),
        attempts: 1,
        age_seconds: 2_100,
        ended_seconds_ago: None,
        waits: None,
        reason: None,
        progress: None,
    };
    let mut running = proof(20_362_227, "b41d07", "running");
    running.progress = Some(ProgressStatus {
        done: 0.42,
        published: 1_318,
        answered: 1_204,
        expected: 2_866,
        elapsed_seconds: 1_511.0,
        eta: Some(EtaStatus { seconds: 2_090.0, low: 1_800.0, high: 2_460.0 }),
    });
    let mut queued = proof(20_362_228, "77e0c2", "queued");
    queued.waits = Some("waits for 20362227-b41d07 before it, which is running".into());
    let mut failed = proof(20_362_226, "3f9a1c", "failed");
    failed.ended_seconds_ago = Some(840);
    failed.reason = Some("the task of transaction 17 failed: out of memory".into());
    ProofsStatus {
        address: "http://zero-leader:8080/".into(),
        answer: ProofsAnswer::Known {
            age_ms: 1_240,
            running: vec![running],
            queued: vec![queued],
            more_queued: false,
            ended: vec![failed],
        },
    }
}

fn trigger(name: &str, metric: &str, answer: Answer) -> TriggerStatus {
    TriggerStatus {
        namespace: "zero-prover".into(),
        name: name.into(),
        metric: metric.into(),
        broker: "default".into(),
        asked_seconds_ago: 6,
        answer,
        warnings: vec![],
    }
}

fn heavy() -> TriggerStatus {
    let explanation = [
        "vhost `/`: 5 queues, read from live",
        "age: counts are at most 0.4 s old",
        "matched: 2 queues with role task, other, 2 of them hold messages",
        "excluded: 3 because role: `result-7f21`, `result-a90c`, `ipc-abort`",
        "sum: 412 ready + 38 unacked",
        "backlog: 450 messages (unacked counted)",
        "busy floor: 38 busy workers × target 4 = 152",
        "cap: 128 workers (`maxWorkers`), never below the busy floor",
        "value: 450 ÷ target 4 = 113 workers",
        "active: yes, backlog 450 is above `activationTarget` 0 and 38 workers are busy",
    ];
    let answer = Answer::Value {
        active: true,
        value: 450.0,
        target: 4.0,
        workers: 113,
        messages: 450,
        busy: 38,
        orphaned: 0,
        explanation: explanation.map(str::to_owned).into(),
    };
    trigger("segment-workers", "zero-backlog-4fd0bfc1", answer)
}

fn light() -> TriggerStatus {
    let answer = Answer::Value {
        active: false,
        value: 0.0,
        target: 1.0,
        workers: 0,
        messages: 0,
        busy: 0,
        orphaned: 60,
        explanation: vec!["sum: 60 ready + 0 unacked".into()],
    };
    let mut trigger = trigger("aggregation-workers", "zero-backlog-91c2aa07", answer);
    trigger.warnings =
        vec!["unknown key `excludequeue` is ignored; did you mean `excludeQueues`?".into()];
    trigger
}

fn refused() -> TriggerStatus {
    let reason = "vhost `staging`: the last reading is 48 s old, the limit is 30 s: could not \
                  connect to 10.4.2.17:15672: connection refused";
    let mut trigger = trigger(
        "staging-workers",
        "zero-backlog-0d55e1b3",
        Answer::Refused { reason: reason.into() },
    );
    trigger.broker = "staging".into();
    trigger.asked_seconds_ago = 11;
    trigger
}

fn role(role: &'static str, queues: u64, counts: Option<(u64, u64)>) -> RoleStatus {
    RoleStatus {
        role,
        queues,
        ready: counts.map(|(ready, _)| ready),
        unacked: counts.map(|(_, unacked)| unacked),
    }
}

fn healthy_broker() -> BrokerStatus {
    let vhost = VhostStatus {
        name: "/".into(),
        source: "live",
        age_ms: 410,
        queues: 9,
        roles: vec![
            role("task", 1, Some((350, 30))),
            role("other", 2, Some((62, 8))),
            role("result", 4, Some((12, 0))),
            role("control", 2, Some((0, 0))),
        ],
        orphans: "none",
        history: history(),
    };
    let kept = [("proof-20362226", 40), ("proof-20362227", 22)];
    BrokerStatus {
        alias: "default".into(),
        address: "http://rabbitmq.zero-prover:15672".into(),
        reachable: Some(true),
        error: None,
        vhosts: vec![vhost],
        keep_alive: KeepAliveStatus {
            enabled: true,
            every_seconds: 300,
            kept: kept
                .map(|(queue, ready)| KeptQueue { vhost: "/".into(), queue: queue.into(), ready })
                .into(),
            error: None,
        },
    }
}

fn failing_broker() -> BrokerStatus {
    let vhost = VhostStatus {
        name: "staging".into(),
        source: "metrics",
        age_ms: 48_050,
        queues: 3,
        roles: vec![role("task", 1, None), role("other", 2, Some((7, 0)))],
        orphans: "suspected",
        history: history()
            .into_iter()
            .filter(|point| point.seconds_ago >= 48)
            .map(|point| DepthPoint {
                ready: point.ready / 50,
                unacked: point.unacked / 40,
                ..point
            })
            .collect(),
    };
    BrokerStatus {
        alias: "staging".into(),
        address: "http://10.4.2.17:15672".into(),
        reachable: Some(false),
        error: Some(
            "vhost `staging`: could not connect to 10.4.2.17:15672: connection refused".into(),
        ),
        vhosts: vec![vhost],
        keep_alive: KeepAliveStatus {
            enabled: false,
            every_seconds: 300,
            kept: vec![],
            error: None,
        },
    }
}

/// Nine minutes, read every 2 s: a first block, workers that start one by one, a larger block.
fn history() -> Vec<DepthPoint> {
    let ready =
        [(0, 0), (24, 0), (52, 430), (84, 380), (140, 95), (152, 60), (190, 545), (269, 412)];
    let unacked = [(0, 0), (26, 0), (60, 9), (110, 24), (152, 26), (210, 36), (269, 38)];
    let points = (0..270_u64).map(|step| DepthPoint {
        seconds_ago: (269 - step) * 2,
        ready: between(&ready, step) + (269 - step) * 7 % 9 * u64::from(step > 26),
        unacked: between(&unacked, step),
    });
    points.collect()
}

/// The height at `step` of the line through these points.
fn between(knots: &[(u64, u64)], step: u64) -> u64 {
    let pair = knots.windows(2).find(|pair| pair[1].0 >= step).unwrap();
    let ((from, low), (to, high)) = (pair[0], pair[1]);
    (low * (to - step) + high * (step - from)) / (to - from)
}
