//! `zero-worker` as a process: what it does with its worker, and what it tells of it.

mod circuits;
pub(crate) mod first;
mod help;
mod lines;
mod process;
mod worker;

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use tests::harness;
use tests::poll;
use tests::scaler::http_get;

use crate::stand_in::LIMIT;

/// A broker nobody needs: the worker of such a test never connects.
const NOWHERE: &str = "amqp://zero:s3cr3t-pa55word@127.0.0.1:9/proofs";

/// A `zero-worker` that runs; its worker ends with it, and both with the value.
pub(crate) struct Host {
    child: Child,
    home: PathBuf,
    name: String,
}

impl Host {
    /// Started in `home` with these options and this command. Its broker is in the environment.
    pub(crate) fn start(
        name: &str,
        uri: &str,
        options: &[&str],
        command: &[&str],
        home: &Path,
    ) -> Self {
        let args = [options, &["--"], command].concat();
        let mut starting = command_in(home, &args);
        starting.env("ZERO_WORKER_AMQP_URI", uri);
        Self::spawned(name, starting, home)
    }

    /// Started, with its worker's shell script, where no broker is.
    fn of_script(options: &[&str], script: &str, home: &Path) -> Self {
        Self::start("host", NOWHERE, options, &["sh", "-c", script], home)
    }

    pub(crate) fn spawned(name: &str, mut command: Command, home: &Path) -> Self {
        let file = |end| File::create(home.join(format!("{name}.{end}"))).unwrap();
        let child = command.stdin(Stdio::null()).stdout(file("out")).stderr(file("err")).spawn();
        Self { child: child.unwrap(), home: home.to_owned(), name: name.to_owned() }
    }

    /// What the worker wrote to its standard output.
    fn out(&self) -> String {
        self.read("out")
    }

    /// What it said itself, and the worker's standard error.
    pub(crate) fn log(&self) -> String {
        self.read("err")
    }

    fn read(&self, end: &str) -> String {
        let bytes = std::fs::read(self.home.join(format!("{}.{end}", self.name))).unwrap();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What stands in the worker's output between these words, as soon as it does.
    pub(crate) async fn word_between(&self, before: &str, behind: &str) -> String {
        let looked = poll::until(before, LIMIT, async || {
            let told = self.out();
            let word = told.split_once(before).and_then(|(_, rest)| rest.split_once(behind));
            word.map(|(word, _)| word.to_owned()).ok_or_else(|| told.clone() + &self.log())
        });
        looked.await.unwrap()
    }

    /// Until its log or the worker's holds these words.
    pub(crate) async fn says(&self, words: &str) {
        let looked = poll::until(words, LIMIT, async || {
            let told = self.out() + &self.log();
            if told.contains(words) { Ok(()) } else { Err(told) }
        });
        looked.await.unwrap();
    }

    /// The numbers of the workers' processes, the present one last.
    pub(crate) fn workers(&self) -> Vec<i32> {
        let log = self.log();
        let told = log.lines().filter_map(|line| {
            let (_, rest) = line.split_once("the worker runs as process ")?;
            rest.split(' ').next()?.parse().ok()
        });
        told.collect()
    }

    /// Until the worker of that number, counted from 1, runs.
    pub(crate) async fn runs(&self, number: usize) -> i32 {
        let what = format!("worker {number}");
        let looked = poll::until(&what, LIMIT, async || {
            self.workers().get(number - 1).copied().ok_or_else(|| self.log())
        });
        looked.await.unwrap()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).unwrap();
        kill_process(pid, signal).unwrap();
    }

    fn exited(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// Its exit code, once it has ended.
    pub(crate) async fn ended(&mut self) -> Option<i32> {
        let looked = poll::until("zero-worker to end", LIMIT, async || match self.exited() {
            Some(status) => Ok(status.code()),
            None => Err(self.log()),
        });
        looked.await.unwrap()
    }

    /// Where it answers; it listens on a port it chose itself.
    pub(crate) fn address(&self) -> anyhow::Result<String> {
        let log = self.log();
        let address = log.split_once("metrics are on http://").and_then(|(_, rest)| {
            rest.split_once("/metrics").map(|(address, _)| address.to_owned())
        });
        address.ok_or_else(|| anyhow::anyhow!("it does not listen yet: {log}"))
    }

    /// What it answers on a path.
    pub(crate) fn get(&self, path: &str) -> anyhow::Result<(u16, String)> {
        http_get(&format!("http://{}{path}", self.address()?))
    }

    /// Where it answers, as soon as it does.
    pub(crate) async fn listens(&self) -> String {
        let looked = poll::until("zero-worker to listen", LIMIT, async || {
            self.address().map_err(|error| error.to_string())
        });
        looked.await.unwrap()
    }

    /// Until so many bytes have come from `child` or `broker`.
    pub(crate) async fn tells_of_bytes_from(&self, side: &str, bytes: u32) {
        let name = format!("zero_worker_bytes_total{{from=\"{side}\"}} ");
        let looked = poll::until(&name, LIMIT, async || {
            let (_, told) = self.get("/metrics").map_err(|error| error.to_string())?;
            let read = told.lines().find_map(|line| line.strip_prefix(&name)?.parse::<f64>().ok());
            if read.is_some_and(|read| read >= f64::from(bytes)) { Ok(()) } else { Err(told) }
        });
        looked.await.unwrap();
    }

    /// Until its metrics hold a line.
    pub(crate) async fn measures(&self, line: &str) {
        let looked = poll::until(line, LIMIT, async || {
            let (_, told) = self.get("/metrics").map_err(|error| error.to_string())?;
            if told.lines().any(|told| told == line) { Ok(()) } else { Err(told) }
        });
        looked.await.unwrap();
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `zero-worker` with nothing of this process's environment but the path of programs.
fn command_in<A: AsRef<OsStr>>(home: &Path, args: &[A]) -> Command {
    let mut command = Command::new(binary());
    command.args(args).env_clear().env("HOME", home).current_dir(home);
    command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command
}

/// The one this run has built, else the one beside the running test.
pub(crate) fn binary() -> OsString {
    if let Some(path) = harness::binary("zero-worker") {
        return path.into();
    }
    let here = std::env::current_exe().unwrap();
    let built = here.ancestors().skip(1).take(2).map(|folder| folder.join("zero-worker"));
    let found = built.into_iter().find(|path| path.is_file());
    found.expect("there is no zero-worker: `cargo build --package prover-host` makes it").into()
}

fn is_alive(pid: i32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

/// Until that process is gone.
async fn gone(pid: i32) {
    let looked = poll::until("a process to be gone", LIMIT, async || {
        if is_alive(pid) { Err("it runs") } else { Ok(()) }
    });
    looked.await.unwrap();
}
