//! The programs of the stand-in prover: leaders and workers that really talk to a broker.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tests::harness::{self, Vhost};
use tests::poll;

/// Far above what anything here takes; only a failed test waits so long.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);
/// What a verifier says of a good proof; its exit code says nothing.
pub(crate) const VERIFIED: &str = "All proofs verified successfully!";

/// One generation of the prover's programs.
pub(crate) struct Generation {
    name: &'static str,
    /// The environment variable that tells a program where the broker is.
    pub(crate) uri_variable: &'static str,
    /// Options of the leader before `stdio`.
    leader: &'static [&'static str],
    /// Makes a leader simulate only, and of v0.6 a worker too.
    pub(crate) test_only: &'static str,
    /// Where leaders put tasks and workers take them.
    pub(crate) task_queue: &'static str,
}

pub(crate) const V07: Generation = Generation {
    name: "v07",
    uri_variable: "PALADIN_AMQP_URI",
    leader: &["--batch-size", "2", "-o", "proofs"],
    test_only: "--test-only",
    task_queue: "task-ipc-routing-key",
};
pub(crate) const V06: Generation = Generation {
    name: "v06",
    uri_variable: "AMQP_URI",
    leader: &[],
    test_only: "--stand-in-test-only",
    task_queue: "00000000000000000000000000000000",
};

/// A program of the stand-in prover; it ends with the value.
pub(crate) struct Program {
    child: Child,
    errors: PathBuf,
}

impl Drop for Program {
    fn drop(&mut self) {
        self.end_at_once();
    }
}

impl Program {
    /// How it ended, if it has.
    pub(crate) fn end(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Waits until it ends.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        let looked = poll::until("the program to end", LIMIT, async || self.end().ok_or("it runs"));
        looked.await.unwrap()
    }

    /// Kills it.
    pub(crate) fn end_at_once(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// What it wrote to its standard error.
    pub(crate) fn errors(&self) -> String {
        std::fs::read_to_string(&self.errors).unwrap()
    }
}

/// What a program can be told to talk to: a vhost of a broker, or a gateway before one.
pub(crate) trait Reached {
    /// Where it is, with credentials.
    fn uri(&self) -> String;
}

impl Reached for Vhost {
    fn uri(&self) -> String {
        self.amqp_uri()
    }
}

impl Generation {
    /// Its name as part of a test's.
    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    /// Where a program is.
    pub(crate) fn path(&self, program: &str) -> PathBuf {
        let name = format!("stand-in-{}-{program}", self.name);
        let built = harness::stand_in(&name);
        built.unwrap_or_else(|| panic!("`{name}` is not built: `cargo xtask test` does it"))
    }

    /// A leader that proves a block. `args` stand before `stdio`.
    pub(crate) fn leader(
        &self,
        block: u64,
        args: &[&str],
        broker: &impl Reached,
        home: &Path,
    ) -> Program {
        let mut command = self.command("leader", broker, home);
        command.args(self.leader).args(args).arg("stdio");
        spawned(command.stdin(File::open(self.witness(block)).unwrap()), home, "leader")
    }

    /// A worker; `number` tells it from others with the same home.
    pub(crate) fn worker(
        &self,
        number: usize,
        args: &[&str],
        broker: &impl Reached,
        home: &Path,
    ) -> Program {
        let mut command = self.command("worker", broker, home);
        spawned(command.arg("--runtime=amqp").args(args), home, &format!("worker-{number}"))
    }

    /// Two workers that take so long for a transaction.
    pub(crate) fn two_workers(
        &self,
        ms_per_txn: &str,
        args: &[&str],
        broker: &impl Reached,
        home: &Path,
    ) -> [Program; 2] {
        let args = [&["--stand-in-ms-per-txn", ms_per_txn], args].concat();
        [0, 1].map(|number| self.worker(number, &args, broker, home))
    }

    fn command(&self, program: &str, broker: &impl Reached, home: &Path) -> Command {
        let mut command = Command::new(self.path(program));
        command.env(self.uri_variable, broker.uri()).env("RUST_LOG", "info").current_dir(home);
        command
    }

    pub(crate) fn witness(&self, block: u64) -> PathBuf {
        let folder = format!("../witnesses/devnet/{}", self.name.replace("v0", "v0."));
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
        folder.join(format!("{block}.witness.json"))
    }

    /// The verifier's words about the proof that a leader with this home has made.
    pub(crate) fn verified(&self, block: u64, home: &Path) -> String {
        let proof = home.join("proof.json");
        if self.name == "v06" {
            let log = std::fs::read_to_string(home.join("leader.log")).unwrap();
            let line = log.lines().find(|line| line.starts_with('[')).unwrap();
            let json = serde_json::Deserializer::from_str(line).into_iter::<Value>().next();
            std::fs::write(&proof, json.unwrap().unwrap().to_string()).unwrap();
        } else {
            std::fs::copy(home.join(format!("proofs/b{block}.zkproof")), &proof).unwrap();
        }
        let mut command = Command::new(self.path("verifier"));
        let output = command.arg("-f").arg(&proof).env("RUST_LOG", "info").output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    }
}

fn spawned(command: &mut Command, home: &Path, name: &str) -> Program {
    let output = File::create(home.join(format!("{name}.log"))).unwrap();
    let errors = home.join(format!("{name}.err"));
    command.stdout(output).stderr(File::create(&errors).unwrap());
    Program { child: command.spawn().unwrap(), errors }
}
