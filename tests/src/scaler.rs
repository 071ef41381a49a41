//! The real `zero-scaler` as a process: started on free loopback ports, watched, ended.
//!
//! ```no_run
//! # fn example(vhost: &tests::harness::Vhost) -> anyhow::Result<()> {
//! use tests::scaler::{Launch, RunningScaler};
//! let scaler = RunningScaler::start(["--amqp-uri", "amqp://…", "--management-url", "http://…"])?;
//! let other = Launch::new().broker(vhost.access(), vhost.name()).args(["--max-age", "5s"]).start()?;
//! # Ok(()) }
//! ```

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use crate::access::Access;
use crate::harness;
use crate::poll;
use crate::rabbitmq::guard::Guard;

/// A busy machine starts a process in well under this.
const START_LIMIT: Duration = Duration::from_secs(30);
/// It ends at once unless a client holds it up, for which the end of a test need not wait.
const END_LIMIT: Duration = Duration::from_secs(2);
/// What SIGKILL leaves to do is the kernel's part.
const KILL_LIMIT: Duration = Duration::from_secs(5);
/// Bounds one HTTP request.
const HTTP_LIMIT: Duration = Duration::from_secs(10);

/// What start waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// `/readyz` says yes: every broker was read.
    Ready,
    /// Its ports are open; brokers may be away.
    Listening,
}

/// How to start a scaler. Nothing of the caller's environment reaches it.
#[derive(Debug, Clone)]
pub struct Launch {
    args: Vec<OsString>,
    envs: Vec<(OsString, OsString)>,
    until: Until,
}

impl Default for Launch {
    fn default() -> Self {
        Self { args: Vec::new(), envs: Vec::new(), until: Until::Ready }
    }
}

impl Launch {
    /// No arguments but free ports; waits until ready.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the options that name a broker and the vhost watched from the start.
    #[must_use]
    pub fn broker(self, access: &Access, vhost: &str) -> Self {
        self.args([
            "--amqp-uri",
            &access.amqp_uri(vhost),
            "--management-url",
            &access.management_url,
        ])
    }

    /// Adds arguments. Ports are picked unless `--grpc-listen` or `--http-listen` is among them.
    #[must_use]
    pub fn args<A: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.args.extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    /// Adds a variable to its environment.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.envs.push((name.into(), value.as_ref().to_owned()));
        self
    }

    /// Says what [`Self::start`] waits for.
    #[must_use]
    pub fn until(mut self, until: Until) -> Self {
        self.until = until;
        self
    }

    /// Starts it, and waits.
    pub fn start(&self) -> anyhow::Result<RunningScaler> {
        let home = tempfile::tempdir().context("make a folder for the scaler")?;
        let log = home.path().join("stderr.log");
        let guard = Guard::start(home.path())?;
        let mut command = self.command(home.path())?;
        for option in ["--grpc-listen", "--http-listen"] {
            if !self.args.iter().any(|arg| arg == option) {
                command.args([option, "127.0.0.1:0"]);
            }
        }
        let child = command
            .stdin(Stdio::null())
            .stdout(File::create(home.path().join("stdout.log"))?)
            .stderr(File::create(&log)?)
            .spawn()
            .context("start zero-scaler")?;
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut scaler = RunningScaler { child, grpc: nowhere, http: nowhere, log, guard, home };
        scaler.wait_until(self.until)?;
        Ok(scaler)
    }

    /// Runs it to its end, as for `--check` and `--version`.
    pub fn output(&self) -> anyhow::Result<Output> {
        let home = tempfile::tempdir().context("make a folder for the scaler")?;
        self.command(home.path())?.stdin(Stdio::null()).output().context("run zero-scaler")
    }

    fn command(&self, home: &Path) -> anyhow::Result<Command> {
        let mut command = Command::new(binary()?);
        command
            .args(&self.args)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            // By its home the guard knows it.
            .env("HOME", home)
            .envs(self.envs.iter().map(|(name, value)| (name, value)))
            .current_dir(home);
        Ok(command)
    }
}

/// A scaler that belongs to this value: dropping it ends the process.
pub struct RunningScaler {
    child: Child,
    grpc: SocketAddr,
    http: SocketAddr,
    log: PathBuf,
    guard: Guard,
    home: TempDir,
}

impl RunningScaler {
    /// Starts one with these arguments and waits until it is ready.
    pub fn start<A: AsRef<OsStr>>(args: impl IntoIterator<Item = A>) -> anyhow::Result<Self> {
        Launch::new().args(args).start()
    }

    /// Starts one on a broker and waits until it is ready.
    pub fn on(access: &Access, vhost: &str) -> anyhow::Result<Self> {
        Launch::new().broker(access, vhost).start()
    }

    /// Where it answers KEDA.
    #[must_use]
    pub fn grpc(&self) -> SocketAddr {
        self.grpc
    }

    /// Where it serves probes, metrics and pages.
    #[must_use]
    pub fn http(&self) -> SocketAddr {
        self.http
    }

    /// The operating system's number of the process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Its own folder, removed with it.
    #[must_use]
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// All it has written to standard error so far.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read(&self.log).map_or_else(
            |error| format!("the log cannot be read: {error}"),
            |bytes| String::from_utf8_lossy(&bytes).into_owned(),
        )
    }

    /// What it answers on a path such as `/status.json`: the code and the body.
    pub fn get(&self, path: &str) -> anyhow::Result<(u16, String)> {
        http_get(&format!("http://{}{path}", self.http))
    }

    /// `/status.json`.
    pub fn status(&self) -> anyhow::Result<Value> {
        let (code, body) = self.get("/status.json")?;
        if code != 200 {
            bail!("/status.json was answered with {code}: {body}");
        }
        serde_json::from_str(&body).context("read /status.json")
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        kill_process(pid.context("not a process number")?, signal).context("signal the scaler")
    }

    /// Asks it to end, as Kubernetes does; see [`Self::wait`].
    pub fn terminate(&self) -> anyhow::Result<()> {
        self.signal(Signal::TERM)
    }

    /// Waits until it has ended.
    pub fn wait(&mut self, limit: Duration) -> anyhow::Result<ExitStatus> {
        let ended = poll::until_blocking("the scaler to end", limit, || match self.exited() {
            Ok(Some(status)) => Ok(status),
            Ok(None) => Err("it is running".to_owned()),
            Err(error) => Err(error.to_string()),
        });
        Ok(ended?)
    }

    /// How it ended, if it has.
    pub fn exited(&mut self) -> anyhow::Result<Option<ExitStatus>> {
        self.child.try_wait().context("look at the scaler's process")
    }

    fn wait_until(&mut self, until: Until) -> anyhow::Result<()> {
        let outcome = poll::until_blocking("the scaler to start", START_LIMIT, || {
            // Waiting for a process that has ended is no use: `Ok` ends the wait with the bad news.
            if let Some(status) = self.exited()? {
                return Ok(Some(anyhow!("the scaler ended with {status}")));
            }
            self.find_ports()?;
            match until {
                Until::Listening => Ok(None),
                Until::Ready => match self.get("/readyz")? {
                    (200, _) => Ok(None),
                    (code, body) => Err(anyhow!("/readyz answers {code}: {body}")),
                },
            }
        });
        let failed = match outcome {
            Ok(None) => return Ok(()),
            Ok(Some(error)) => error,
            Err(late) => late.into(),
        };
        Err(failed.context(format!("the scaler's last words:\n{}", self.log())))
    }

    /// The scaler says where it listens: asked for port 0, only it knows.
    fn find_ports(&mut self) -> anyhow::Result<()> {
        let log = self.log();
        let line = log.lines().find(|line| line.contains(" answers KEDA on "));
        let line = line.context("it does not listen yet")?;
        let after = |mark: &str| {
            let (_, rest) = line.split_once(mark)?;
            rest.split([' ', '/', '"']).next()?.parse().ok()
        };
        self.grpc = after(" answers KEDA on ").context("no gRPC address in the log")?;
        self.http = after(" shows http://").context("no HTTP address in the log")?;
        Ok(())
    }
}

impl Drop for RunningScaler {
    fn drop(&mut self) {
        let running = matches!(self.exited(), Ok(None));
        if running && (self.terminate().is_err() || self.wait(END_LIMIT).is_err()) {
            let _ = self.child.kill();
            let _ = self.wait(KILL_LIMIT);
        }
        self.guard.dismiss();
    }
}

/// One GET: the code and the body, whatever the code is.
pub fn http_get(url: &str) -> anyhow::Result<(u16, String)> {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_global(Some(HTTP_LIMIT))
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .build()
        .into();
    let mut answer = agent.get(url).call().with_context(|| format!("GET {url}"))?;
    let body = answer.body_mut().read_to_string().with_context(|| format!("read {url}"))?;
    Ok((answer.status().as_u16(), body))
}

/// The one this run has built, else the one beside the running test.
fn binary() -> anyhow::Result<PathBuf> {
    if let Some(path) = harness::binary("zero-scaler") {
        return Ok(path);
    }
    let here = std::env::current_exe()?;
    let built = here.ancestors().skip(1).take(2).map(|folder| folder.join("zero-scaler"));
    let found = built.into_iter().find(|path| path.is_file());
    found.context("there is no zero-scaler: `cargo build --package scaler` makes it")
}
