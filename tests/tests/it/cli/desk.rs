//! A vhost with two proofs in its queues, the command line at it, and a record of what was said.

use std::fmt::Write as _;
use std::net::TcpListener;
use std::path::PathBuf;
use std::time::Duration;

use regex::Regex;
use serde_json::Value;
use tempfile::TempDir;
use tests::access::{Access, segment};
use tests::amqp::{Amqp, Worker};
use tests::harness::{self, Vhost};
use tests::poll;
use tests::zero::{Answer, Zero};

use super::tasks::{OTHER, QUEUE, WANTED, confirmed, publish, take};

/// Longer than anything here takes; what a channel holds is told up to 10 s late.
pub(super) const LIMIT: Duration = Duration::from_secs(30);
/// Tasks of each proof.
pub(super) const TASKS: u64 = 3;
/// A password that no user has, and none may see.
const WRONG: &str = "wr0ng-pa55word";

/// The vhost, the command line, and the record.
pub(super) struct Desk {
    pub(super) vhost: Vhost,
    pub(super) amqp: Amqp,
    pub(super) folder: TempDir,
    /// What no output may hold.
    pub(super) secrets: Vec<String>,
    /// What differs from run to run, and what stands for it in the record.
    pub(super) known: Vec<(String, &'static str)>,
    record: String,
}

impl Desk {
    /// An empty vhost.
    pub(super) async fn set(test: &str) -> Option<Self> {
        let vhost = harness::vhost(&format!("cli_{test}"))?;
        let amqp = Amqp::connect(&vhost.amqp_uri()).await.unwrap();
        let secrets = vec![vhost.access().password.clone(), WRONG.to_owned()];
        let (folder, record) = (tempfile::tempdir().unwrap(), String::new());
        Some(Self { vhost, amqp, folder, secrets, known: Vec::new(), record })
    }

    /// Three tasks of each of two proofs in turns, and a message that is no task; nobody waits.
    pub(super) async fn laid(test: &str) -> Option<Self> {
        let desk = Self::set(test).await?;
        desk.amqp.paladin_queue(QUEUE).await.unwrap();
        desk.fill(QUEUE).await;
        Some(desk)
    }

    /// Puts those seven messages into a queue.
    pub(super) async fn fill(&self, queue: &str) {
        for place in 0..TASKS {
            for proof in [WANTED, OTHER] {
                proof.publish(&self.amqp, queue, &proof.body(place, &[7; 100])).await;
            }
        }
        publish(&self.amqp, queue, b"hello", lapin::BasicProperties::default()).await;
        confirmed(&self.amqp).await;
    }

    /// A leader that waits on a result queue, as everybody sees by the time this returns.
    pub(super) async fn leader(&self, result_queue: &str) -> Worker {
        self.amqp.paladin_queue(result_queue).await.unwrap();
        self.consumer(result_queue).await
    }

    /// A consumer on a queue, as everybody sees by the time this returns.
    pub(super) async fn consumer(&self, queue: &str) -> Worker {
        let worker = self.amqp.worker(queue, 1).await.unwrap();
        let path = format!("/api/consumers/{}", segment(self.vhost.name()));
        let seen = poll::until("the consumer to be seen", LIMIT, async || {
            let told = self.vhost.access().management().get(&path).map_err(|e| e.to_string())?;
            let consumers = told.as_array().unwrap();
            let seen = |row: &Value| {
                row["queue"]["name"] == queue && row["channel_details"]["peer_port"].is_number()
            };
            if consumers.iter().any(seen) { Ok(()) } else { Err(told.to_string()) }
        });
        seen.await.unwrap();
        worker
    }

    /// The number of messages in a queue, which is empty afterwards.
    pub(super) async fn left_in(&self, queue: &str) -> usize {
        take(&self.amqp, queue).await.len()
    }

    /// A file in the folder that the command line runs in.
    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The command line, the broker named to it.
    pub(super) fn zero(&self) -> Zero {
        self.zero_as(self.vhost.access())
    }

    /// The same for another user or address.
    pub(super) fn zero_as(&self, access: &Access) -> Zero {
        Zero::at(self.folder.path()).broker(access, self.vhost.name())
    }

    /// The command line with a password that is not right.
    pub(super) fn zero_unknown(&self) -> Zero {
        let access = Access { password: WRONG.to_owned(), ..self.vhost.access().clone() };
        self.zero_as(&access)
    }

    /// The command line for a broker that does not answer.
    pub(super) fn zero_nowhere(&self) -> Zero {
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let (amqp, management_url) = (free.to_string(), format!("http://{free}"));
        self.zero_as(&Access { amqp, management_url, ..self.vhost.access().clone() })
    }

    /// Runs, expects the exit code, and records.
    pub(super) fn run(&mut self, code: i32, args: &[&str]) -> Answer {
        let zero = self.zero();
        self.run_as(&zero, code, args)
    }

    /// The same, called in a way of one's own.
    pub(super) fn run_as(&mut self, zero: &Zero, code: i32, args: &[&str]) -> Answer {
        let answer = self.try_as(zero, args);
        assert_eq!(answer.code, Some(code), "{args:?}: {answer:#?}");
        self.note(args, &answer);
        answer
    }

    /// Runs and records nothing; what holds for every answer is checked.
    pub(super) fn try_as(&self, zero: &Zero, args: &[&str]) -> Answer {
        let answer = zero.run(args).unwrap();
        self.inspect(args, &answer);
        answer
    }

    /// What holds for every answer.
    pub(super) fn inspect(&self, args: &[&str], answer: &Answer) {
        for stream in [&answer.stdout, &answer.stderr] {
            let secret = self.secrets.iter().find(|secret| stream.contains(secret.as_str()));
            assert_eq!(secret, None, "{args:?} shows a password: {stream}");
            assert!(!stream.contains('\u{1b}'), "{args:?} writes escape codes: {stream:?}");
        }
        if answer.code == Some(1) {
            let last = answer.stderr.trim_end().lines().last().unwrap_or_default();
            assert!(!last.is_empty(), "{args:?} fails without a word");
        }
    }

    /// Runs until an answer is to be had that fits; records that one.
    pub(super) async fn run_until(
        &mut self,
        code: i32,
        args: &[&str],
        fits: impl Fn(&Answer) -> bool,
    ) -> Answer {
        let zero = self.zero();
        let looked = poll::until("an answer that fits", LIMIT, async || {
            let answer = self.try_as(&zero, args);
            if answer.code == Some(code) && fits(&answer) {
                Ok(answer)
            } else {
                Err(format!("{answer:#?}"))
            }
        });
        let answer = looked.await.unwrap();
        self.note(args, &answer);
        answer
    }

    /// Records an answer.
    pub(super) fn note(&mut self, args: &[&str], answer: &Answer) {
        self.record.push_str(&transcript(args, answer));
    }

    /// All that was recorded, without what differs from run to run.
    pub(super) fn record(&self) -> String {
        self.redacted(&self.record)
    }

    fn redacted(&self, text: &str) -> String {
        let access = self.vhost.access();
        let folder = self.folder.path().display().to_string();
        let known = [
            (self.vhost.name(), "[vhost]"),
            (&folder, "[folder]"),
            (&access.management_url, "[management]"),
            (&access.amqp, "[broker]"),
        ];
        let more = self.known.iter().map(|(what, name)| (what.as_str(), *name));
        let known = known.into_iter().chain(more);
        let text = known.fold(text.to_owned(), |text, (what, name)| text.replace(what, name));
        PATTERNS.iter().fold(text, |text, (pattern, name)| {
            Regex::new(pattern).unwrap().replace_all(&text, *name).into_owned()
        })
    }
}

/// What was typed, and what came back.
pub(super) fn transcript(args: &[&str], answer: &Answer) -> String {
    let Answer { code, stdout, stderr } = answer;
    let code = code.map_or_else(|| "a signal".to_owned(), |code| code.to_string());
    let mut record = format!("$ zero {}\n[exit {code}]\n", args.join(" "));
    for (name, text) in [("stdout", stdout), ("stderr", stderr)] {
        if !text.is_empty() {
            write!(record, "--- {name}\n{}\n", text.trim_end()).unwrap();
        }
    }
    record.push('\n');
    record
}

/// What differs from run to run, from machine to machine, from broker to broker.
const PATTERNS: [(&str, &str); 11] = [
    (r"127\.0\.0\.1:\d+", "[address]"),
    (r"rabbitmq-0:\d+", "rabbitmq-0:[port]"),
    (r"\d{8}T\d{6}Z", "[time]"),
    (r"at byte \d+", "at byte [number]"),
    (r"RabbitMQ \S+ · \S+", "RabbitMQ [version] · [cluster]"),
    (r"in \d+\.\d min of", "in [time] of"),
    (r"at most \d+\.\d s old", "at most [time] old"),
    (r#"\{"error".*?\}"#, "[the broker's words]"),
    (r"(ACCESS_REFUSED|NOT_ALLOWED|NOT_FOUND|RESOURCE_LOCKED)[^;\n]*", "$1 [the broker's words]"),
    (r"client error \((SendRequest|Canceled)\)[^;\n]*", "[the connection's end]"),
    (r"(?i)connection refused \(os error \d+\)", "[connection refused]"),
];
