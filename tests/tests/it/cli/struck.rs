//! A removal that gets a signal at a moment of its run, and what is left of the tasks.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use amqp_admin::{BackupReader, Restorable};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;
use tests::amqp::Amqp;
use tests::harness::{self, Vhost};
use tests::poll;
use tests::zero::{Answer, Zero};
use tokio::process::Command;
use tokio::time::{Instant, timeout};

use super::desk::LIMIT;
use super::tasks::{OTHER, Proof, QUEUE, WANTED, confirmed, take};
use crate::queues::crowd::{Numbers, settled};

/// Tasks in the queue: enough for some to be acknowledged half-way, which is done for 256 at a time.
const SIZE: u64 = 560;
/// Stretches the removal itself to about 0.6 s.
const RATE: &str = "900";

/// So long it takes, however busy the machine is, once the backup is there.
pub(super) const WORK: Duration = Duration::from_millis(SIZE * 1000 / 900);

/// A signal at a moment of a run.
#[derive(Debug, Clone, Copy)]
pub(super) struct Blow {
    pub(super) signal: Signal,
    /// The moment is told from the first sign of the backup, not from the start of the program.
    pub(super) at_work: bool,
    pub(super) after: Duration,
}

/// A vhost of its own, and tasks that can be told apart to the last byte.
pub(super) struct Lane {
    vhost: Vhost,
    amqp: Amqp,
    tasks: Vec<(Proof, Vec<u8>)>,
    select: [&'static str; 2],
}

/// How a run went.
pub(super) struct Run {
    pub(super) answer: Answer,
    /// It got its signal before its end.
    pub(super) struck: bool,
    /// How long it took.
    pub(super) took: Duration,
    /// It ended with tasks acknowledged and more to come.
    pub(super) half_done: bool,
    /// What is left in the queue, by number.
    queue: Vec<usize>,
    /// What is in the backup, by number, and whether it was closed; `None`: there is no backup.
    pub(super) backup: Option<(Vec<usize>, bool)>,
}

impl Lane {
    /// `select` is the option that says what is removed.
    pub(super) fn open(test: &str, seed: u64, select: [&'static str; 2]) -> Option<LaneToBe> {
        let vhost = harness::vhost(&format!("cli_{test}"))?;
        Some(LaneToBe { vhost, seed, select })
    }

    /// A removal of the wanted tasks that gets a signal; `None`: it gets none.
    pub(super) async fn run(&self, blow: Option<Blow>) -> Run {
        self.fill().await;
        let folder = tempfile::tempdir().unwrap();
        let zero = Zero::at(folder.path()).broker(self.vhost.access(), self.vhost.name());
        let [option, value] = self.select;
        let args =
            ["remove", option, value, "--yes", "--rate", RATE, "--backup", "b", "-o", "json"];
        let started = Instant::now();
        let (answer, struck) = ended(&zero, &args, blow, &folder.path().join("b")).await;
        let took = started.elapsed();
        // A lock that is there still would refuse the next removal.
        let unlocked = |queues: &[Value]| queues.iter().all(|queue| queue["name"] == QUEUE);
        settled(self.vhost.access(), self.vhost.name(), unlocked).await;
        let queue = take(&self.amqp, QUEUE).await;
        let queue: Vec<_> = queue.iter().map(|body| self.number(body)).collect();
        let backup = self.backup(&folder);
        let open = backup.as_ref().is_some_and(|(_, closed)| !closed);
        let half_done = open && queue.len() < self.tasks.len();
        Run { answer, struck, took, half_done, queue, backup }
    }

    async fn fill(&self) {
        self.amqp.paladin_queue(QUEUE).await.unwrap();
        for (proof, body) in &self.tasks {
            proof.publish(&self.amqp, QUEUE, body).await;
        }
        confirmed(&self.amqp).await;
    }

    fn number(&self, body: &[u8]) -> usize {
        self.tasks.iter().position(|(_, known)| known == body).expect("a task of ours, unchanged")
    }

    fn backup(&self, folder: &TempDir) -> Option<(Vec<usize>, bool)> {
        let path: PathBuf = folder.path().join("b");
        // A file that was begun and never synced has no first record yet.
        let mut reader = path.exists().then(|| BackupReader::open(&path).ok())??;
        let mut numbers = Vec::new();
        loop {
            match reader.next_message() {
                Ok(Restorable::Message(backed)) => numbers.push(self.number(&backed.message.body)),
                Ok(Restorable::End { whole }) => return Some((numbers, whole)),
                // A record half written; what was acknowledged stands before it.
                Err(error) if error.is_cut_short() => return Some((numbers, false)),
                Err(error) => panic!("{error}"),
            }
        }
    }

    fn of(&self, proof: Proof) -> Vec<usize> {
        let tasks = self.tasks.iter().enumerate();
        let its = tasks.filter(|(_, (known, _))| known.id == proof.id);
        its.map(|(number, _)| number).collect()
    }

    /// Nothing lost; nothing that stays doubled, changed or out of order, whatever happened.
    pub(super) fn check(&self, run: &Run, case: &str) {
        let (kept, wanted) = (self.of(OTHER), self.of(WANTED));
        let (backup, closed) = run.backup.clone().unwrap_or_default();
        let among = |numbers: &[usize], of: &[usize]| -> Vec<usize> {
            numbers.iter().copied().filter(|number| of.contains(number)).collect()
        };
        assert!(run.queue.is_sorted(), "{case}: out of order");
        assert_eq!(among(&run.queue, &kept), kept, "{case}: {:?}", run.answer);
        assert_eq!(among(&backup, &kept), [0; 0], "{case}: a task that stays is in the backup");
        let left = among(&run.queue, &wanted);
        for numbers in [&left, &backup] {
            let once: BTreeSet<_> = numbers.iter().collect();
            assert_eq!(once.len(), numbers.len(), "{case}: a task is doubled");
        }
        for task in &wanted {
            let (here, there) = (left.contains(task), backup.contains(task));
            assert!(here || there, "{case}: task {task} is lost; {:?}", run.answer);
            assert!(!(here && there && closed), "{case}: task {task} of a closed backup is back");
        }
    }

    /// What the report says is what was done.
    pub(super) fn check_report(&self, run: &Run, case: &str) {
        let report: Value = serde_json::from_str(&run.answer.stdout).unwrap();
        let outcome = &report["report"]["outcomes"][0];
        let end = &outcome["end"];
        let (backup, closed) = run.backup.as_ref().expect("a run that reports has a backup");
        assert!(*closed, "{case}: the backup was left open: {report}");
        let told = match end["state"].as_str().unwrap() {
            "sifted" => end["wanted"].as_u64().unwrap(),
            "notStarted" => 0,
            state => panic!("{case}: {state}: {report}"),
        };
        assert_eq!(told, backup.len() as u64, "{case}: {end}");
        assert_eq!(run.queue.len() as u64, SIZE - told, "{case}: {end}");
        let whole = end["stopped"] == false;
        assert_eq!(
            whole,
            told == self.of(WANTED).len() as u64 && end["seen"] == SIZE,
            "{case}: {end}"
        );
        assert!(whole || run.answer.code == Some(130), "{case}: {:?}", run.answer.code);
    }
}

/// A lane whose broker is not connected to yet.
pub(super) struct LaneToBe {
    vhost: Vhost,
    seed: u64,
    select: [&'static str; 2],
}

impl LaneToBe {
    pub(super) async fn connect(self) -> Lane {
        let Self { vhost, seed, select } = self;
        let amqp = Amqp::connect(&vhost.amqp_uri()).await.unwrap();
        let mut numbers = Numbers(seed);
        let tasks = (0..SIZE).map(|place| task(place, &mut numbers)).collect();
        Lane { vhost, amqp, tasks, select }
    }
}

/// Two of three tasks or so are wanted; inputs have 8 to about 800 bytes.
fn task(place: u64, numbers: &mut Numbers) -> (Proof, Vec<u8>) {
    let proof = if numbers.below(3) == 0 { OTHER } else { WANTED };
    let input = (0..=numbers.below(100)).flat_map(|_| numbers.next().to_be_bytes());
    let input: Vec<u8> = input.collect();
    (proof, proof.body(place, &input))
}

/// Runs to the end, or to the moment of the signal and then to the end.
async fn ended(zero: &Zero, args: &[&str], blow: Option<Blow>, backup: &Path) -> (Answer, bool) {
    let mut command = Command::from(zero.command(args).unwrap());
    command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    let child = command.kill_on_drop(true).spawn().unwrap();
    let pid = child.id().and_then(|id| Pid::from_raw(id.cast_signed())).unwrap();
    let mut end = std::pin::pin!(child.wait_with_output());
    let never = Blow { signal: Signal::KILL, at_work: false, after: LIMIT };
    let Blow { signal, at_work, after } = blow.unwrap_or(never);
    if at_work {
        let there = async || backup.exists().then_some(()).ok_or("no backup yet");
        tokio::select! {
            output = &mut end => return (output.unwrap().try_into().unwrap(), false),
            begun = poll::until("the work to begin", LIMIT, there) => begun.unwrap(),
        }
    }
    let (output, struck) = if let Ok(output) = timeout(after, &mut end).await {
        (output, false)
    } else {
        // It has not been waited for, so the number is still its own.
        kill_process(pid, signal).unwrap();
        (end.await, true)
    };
    (output.unwrap().try_into().unwrap(), struck)
}
