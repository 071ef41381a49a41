//! A proof service, the command line at it, and a record of what was said.

use std::fs::File;
use std::process::{Child, Stdio};

use regex::Regex;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;
use tests::poll;
use tests::zero::{Answer, Zero};

use crate::cli::desk::{Desk, LIMIT};
use crate::cli::json::check;
use crate::host::Host;
use crate::proving::service::{Service, Setting};
use crate::stand_in::{Generation, V06, V07};

/// A desk with a proof service beside it.
pub(super) struct Site {
    pub(super) desk: Desk,
    pub(super) service: Service,
    /// The service's folder.
    home: TempDir,
}

/// The command line at work; it ends with the value.
pub(super) struct AtWork {
    child: Child,
    /// Where its words go.
    words: std::path::PathBuf,
}

impl Site {
    /// A service that is of v0.7, with these options.
    pub(super) async fn build(test: &str, options: &[&str]) -> Option<Self> {
        let desk = Desk::set(&format!("proving_{test}")).await?;
        let home = tempfile::tempdir().unwrap();
        let setting = Setting { generation: &V07, vhost: &desk.vhost, home: home.path() };
        let service = setting.start(options).await;
        Some(Self { desk, service, home })
    }

    /// Two workers that take so long for a transaction.
    pub(super) fn workers(&self, ms_per_txn: &str) -> [Host; 2] {
        let setting = Setting { generation: &V07, vhost: &self.desk.vhost, home: self.home.path() };
        setting.workers(ms_per_txn, &[])
    }

    /// The command line, the broker and the service named to it.
    pub(super) fn zero(&self) -> Zero {
        self.desk.zero().env("ZERO_LEADER_URL", format!("http://{}", self.service.address()))
    }

    /// Runs, expects the exit code, and records.
    pub(super) fn run(&mut self, code: i32, args: &[&str]) -> Answer {
        let zero = self.zero();
        self.desk.run_as(&zero, code, args)
    }

    /// Runs what waits for proofs, expects the exit code, and records.
    pub(super) async fn prove(&mut self, code: i32, args: &[&str]) -> Answer {
        let answer = self.begin(args).ended().await;
        assert_eq!(answer.code, Some(code), "{args:?}: {answer:#?}");
        self.desk.inspect(args, &answer);
        self.desk.note(args, &answer);
        answer
    }

    /// Data for programs; it is as its schema says.
    pub(super) fn json(&self, code: i32, args: &[&str]) -> Value {
        self.data(&[code], args)
    }

    /// The same, whether all is well or not.
    pub(super) fn either(&self, args: &[&str]) -> Value {
        self.data(&[0, 6], args)
    }

    fn data(&self, codes: &[i32], args: &[&str]) -> Value {
        let answer = self.desk.try_as(&self.zero(), &[args, &["-o", "json"]].concat());
        assert!(answer.code.is_some_and(|code| codes.contains(&code)), "{args:?}: {answer:#?}");
        let data = serde_json::from_str(&answer.stdout).unwrap();
        check(args, &data);
        data
    }

    /// Names alone.
    pub(super) fn names(&self, args: &[&str]) -> Vec<String> {
        let answer = self.desk.try_as(&self.zero(), &[args, &["-o", "name"]].concat());
        assert_eq!(answer.code, Some(0), "{args:?}: {answer:#?}");
        answer.stdout.lines().map(str::to_owned).collect()
    }

    /// The command line at work, its words in a file.
    pub(super) fn begin(&self, args: &[&str]) -> AtWork {
        let words = self.desk.file("words");
        let mut command = self.zero().command(args).unwrap();
        command.stdout(Stdio::piped()).stderr(File::create(&words).unwrap());
        AtWork { child: command.spawn().unwrap(), words }
    }

    /// All that was recorded, without what differs from run to run.
    pub(super) fn record(&self) -> String {
        let text = PATTERNS.iter().fold(self.desk.record(), |text, (pattern, name)| {
            Regex::new(pattern).unwrap().replace_all(&text, *name).into_owned()
        });
        in_one_order(&text)
    }
}

/// What differs from run to run besides.
const PATTERNS: [(&str, &str); 9] = [
    (r"(?m)^proof=\S+ state=(queued|running|proved).*\n", ""),
    (r"(?m)(\.json: \S+), (queued|running)", "$1, [open]"),
    (r", running at \d+%", ", running"),
    (r" (tasks|time_spent)=\S+", ""),
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "[time]"),
    (r"\b(\d+s|\d+m\d\ds)\b", "[span]"),
    (r"SHA-256 [0-9a-f]{64}", "SHA-256 [digest]"),
    (r" {2,}", "   "),
    (r"   (queued|running)   done", "   [open]   done"),
];

/// Proofs end in any order: neighbouring lines about them are sorted.
fn in_one_order(text: &str) -> String {
    let about = |line: &&str| line.starts_with("proof=");
    let mut lines = text.lines().collect::<Vec<_>>();
    for together in lines.chunk_by_mut(|one, next| about(one) && about(next)) {
        together.sort_unstable();
    }
    lines.join("\n") + "\n"
}

impl AtWork {
    pub(super) fn words(&self) -> String {
        std::fs::read_to_string(&self.words).unwrap()
    }

    /// Until its words hold these.
    pub(super) async fn says(&self, words: &str) {
        let what = format!("zero to say `{words}`");
        let looked = poll::until(&what, LIMIT, async || {
            let said = self.words();
            if said.contains(words) { Ok(()) } else { Err(said) }
        });
        looked.await.unwrap();
    }

    pub(super) fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// How it ended, and with what data.
    pub(super) async fn ended(mut self) -> Answer {
        let words = self.words.clone();
        let looked = poll::until("zero to end", LIMIT * 4, async || {
            let ended = self.child.try_wait().unwrap();
            ended.ok_or_else(|| std::fs::read_to_string(&words).unwrap())
        });
        let code = looked.await.unwrap().code();
        let mut stdout = String::new();
        let mut data = self.child.stdout.take().unwrap();
        std::io::Read::read_to_string(&mut data, &mut stdout).unwrap();
        Answer { code, stdout, stderr: self.words() }
    }
}

impl Drop for AtWork {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Copies witnesses of blocks into a folder of the desk.
pub(super) fn lay_out(desk: &Desk, generation: &Generation, folder: &str, blocks: &[u64]) {
    let folder = desk.file(folder);
    std::fs::create_dir_all(&folder).unwrap();
    for block in blocks {
        let to = folder.join(format!("{block}.witness.json"));
        std::fs::copy(generation.witness(*block), to).unwrap();
    }
}

/// A witness of the other generation.
pub(super) fn lay_out_other(desk: &Desk, block: u64) {
    lay_out(desk, &V06, "other", &[block]);
}

/// Witnesses of the service's generation.
pub(super) fn lay_out_ours(desk: &Desk, blocks: &[u64]) {
    lay_out(desk, &V07, "witnesses", blocks);
}
