//! The main job with everything real but the proving: a leader and workers make the queues, the
//! scaler counts them over its socket, and workers come and go.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use serde_json::Value;
use tests::harness::{self, Vhost};
use tests::keda::{KedaClient, Polled, scaled_object};
use tests::poll;
use tests::scaler::{Launch, RunningScaler};

/// Far above what anything here takes; only a failed test waits so long.
const LIMIT: Duration = Duration::from_secs(60);
/// Slow enough to be seen at work, fast enough for a test.
const MS_PER_TXN: &str = "150";

/// One generation of the prover's programs.
struct Generation {
    name: &'static str,
    uri_variable: &'static str,
    /// Options of the leader before `stdio`.
    leader: &'static [&'static str],
    /// Tasks of block 6 (12 transactions) that are there before the first is proved.
    tasks: f64,
}

const V07: Generation = Generation {
    name: "v07",
    uri_variable: "PALADIN_AMQP_URI",
    leader: &["--batch-size", "2", "-o", "proofs"],
    tasks: 6.0,
};
const V06: Generation =
    Generation { name: "v06", uri_variable: "AMQP_URI", leader: &[], tasks: 12.0 };

/// A program of the stand-in prover; it ends with the value.
struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Program {
    async fn ended(&mut self) -> ExitStatus {
        let looked = poll::until("the program to end", LIMIT, async || {
            self.0.try_wait().ok().flatten().ok_or("it runs")
        });
        looked.await.unwrap()
    }
}

impl Generation {
    fn path(&self, program: &str) -> PathBuf {
        let name = format!("stand-in-{}-{program}", self.name);
        let built = harness::stand_in(&name);
        built.unwrap_or_else(|| panic!("`{name}` is not built: `cargo xtask test` does it"))
    }

    fn start(&self, program: &str, args: &[&str], vhost: &Vhost, home: &Path) -> Program {
        let mut command = Command::new(self.path(program));
        command.args(args).env(self.uri_variable, vhost.amqp_uri()).current_dir(home);
        command.env("RUST_LOG", "info").env("STAND_IN_MS_PER_TXN", MS_PER_TXN);
        if program == "leader" {
            command.stdin(File::open(self.witness()).unwrap());
        }
        let output = File::create(home.join(format!("{program}.log"))).unwrap();
        Program(command.stdout(output).stderr(Stdio::null()).spawn().unwrap())
    }

    fn witness(&self) -> PathBuf {
        let folder = format!("../witnesses/devnet/{}", self.name.replace("v0", "v0."));
        Path::new(env!("CARGO_MANIFEST_DIR")).join(folder).join("6.witness.json")
    }

    fn start_leader(&self, vhost: &Vhost, home: &Path) -> Program {
        self.start("leader", &[self.leader, &["stdio"]].concat(), vhost, home)
    }

    /// The verifier's words: its exit code says nothing.
    fn verified(&self, home: &Path) -> String {
        let proof = home.join("proof.json");
        if self.name == "v06" {
            let log = std::fs::read_to_string(home.join("leader.log")).unwrap();
            let line = log.lines().find(|line| line.starts_with('[')).unwrap();
            let json = serde_json::Deserializer::from_str(line).into_iter::<Value>().next();
            std::fs::write(&proof, json.unwrap().unwrap().to_string()).unwrap();
        } else {
            std::fs::copy(home.join("proofs/b6.zkproof"), &proof).unwrap();
        }
        let mut command = Command::new(self.path("verifier"));
        let output = command.arg("-f").arg(&proof).env("RUST_LOG", "info").output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    }
}

async fn polled(keda: &KedaClient, vhost: &Vhost) -> Result<Polled, String> {
    let object = scaled_object("provers", vhost.name(), &[("vhost", vhost.name())]);
    keda.poll(&object).await.map_err(|status| status.to_string())
}

/// Until KEDA reads this value; gives the poll that did.
async fn reads(keda: &KedaClient, vhost: &Vhost, value: f64) -> Polled {
    let what = format!("the value {value}");
    let looked = poll::until(&what, LIMIT, async || {
        let polled = polled(keda, vhost).await?;
        let same = (polled.value.since_2_17() - value).abs() < 0.5;
        if same { Ok(polled) } else { Err(format!("{polled:?}")) }
    });
    looked.await.unwrap()
}

async fn counts_a_proof(generation: &Generation) {
    let test = format!("{}_proof", generation.name);
    let Some(vhost) = harness::vhost(&test) else { return };
    let home = tempfile::tempdir().unwrap();
    let scaler = RunningScaler::on(vhost.access(), vhost.name()).unwrap();
    let keda = KedaClient::connect(scaler.grpc()).await.unwrap();
    assert!(!reads(&keda, &vhost, 0.0).await.active);

    let mut leader = generation.start_leader(&vhost, home.path());
    assert!(reads(&keda, &vhost, generation.tasks).await.active);

    let workers: Vec<_> = ["one", "two"]
        .map(|name| home.path().join(name))
        .iter()
        .inspect(|folder| std::fs::create_dir(folder).unwrap())
        .map(|folder| generation.start("worker", &["--runtime=amqp"], &vhost, folder))
        .collect();
    let explain = format!("/explain?namespace=provers&name={}", vhost.name());
    let busy = poll::until("two busy workers", LIMIT, async || {
        polled(&keda, &vhost).await?;
        let (_, told) = scaler.get(&explain).map_err(|error| error.to_string())?;
        if told.contains("busy floor: 2 busy workers") { Ok(()) } else { Err(told) }
    });
    busy.await.unwrap();

    assert!(leader.ended().await.success());
    assert!(!reads(&keda, &vhost, 0.0).await.active);
    drop(workers);
    let words = generation.verified(home.path());
    assert!(words.contains("All proofs verified successfully!"), "{words}");
}

#[tokio::test]
async fn the_tasks_of_a_v0_7_leader_are_counted_until_they_are_proved() {
    counts_a_proof(&V07).await;
}

#[tokio::test]
async fn the_tasks_of_a_v0_6_leader_are_counted_until_they_are_proved() {
    counts_a_proof(&V06).await;
}

/// The most workers that `/status.json` told of, while `work` goes on.
async fn most_running(scaler: &RunningScaler, leader: &mut Program) -> u64 {
    let mut most = 0;
    let looked = poll::until("the leader to end", LIMIT, async || {
        let status = scaler.status().map_err(|error| error.to_string())?;
        most = most.max(status["local"]["running"].as_u64().unwrap_or(0));
        leader.0.try_wait().ok().flatten().ok_or_else(|| status["local"].to_string())
    });
    assert!(looked.await.unwrap().success());
    most
}

#[tokio::test]
async fn on_one_machine_workers_come_with_the_backlog_and_go_with_it() {
    let Some(vhost) = harness::vhost("local_proof") else { return };
    let home = tempfile::tempdir().unwrap();
    let worker = format!("{} --runtime=amqp", V07.path("worker").display());
    let scaler = Launch::new()
        .args(["--grpc-listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0"])
        .broker(vhost.access(), vhost.name())
        .args(["local", "--worker", &worker, "--max", "3", "--stabilization", "1s"])
        .env(V07.uri_variable, vhost.amqp_uri())
        .env("STAND_IN_MS_PER_TXN", MS_PER_TXN)
        .start()
        .unwrap();
    let mut leader = V07.start_leader(&vhost, home.path());
    let most = most_running(&scaler, &mut leader).await;
    assert_eq!(most, 3, "six tasks and room for three workers");
    let gone = poll::until("no worker to run", LIMIT, async || {
        let status = scaler.status().map_err(|error| error.to_string())?;
        let running = status["local"]["running"].as_u64();
        if running == Some(0) { Ok(()) } else { Err(status["local"].to_string()) }
    });
    gone.await.unwrap();
    let words = V07.verified(home.path());
    assert!(words.contains("All proofs verified successfully!"), "{words}");
}
