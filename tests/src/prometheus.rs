//! The real Prometheus, which scrapes what a test runs, and its `promtool`.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use rustix::process::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness;
use crate::poll;
use crate::ports;
use crate::process::{Process, tail};
use crate::provision;
use crate::rabbitmq::guard::Guard;

/// A busy machine starts it in well under this.
const START_LIMIT: Duration = Duration::from_secs(60);
/// It closes its store when told to.
const END_LIMIT: Duration = Duration::from_secs(10);
/// Bounds one question.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);

/// Where the two programs are.
#[derive(Debug, Clone)]
pub struct Programs {
    /// The server.
    pub prometheus: PathBuf,
    /// What checks rules and metrics, and tries rules on made-up series.
    pub promtool: PathBuf,
}

/// The programs; `None` when they are not to be had, said aloud.
///
/// # Panics
///
/// When `CI` is `true` and there are no programs.
#[must_use]
pub fn programs(test: &str) -> Option<Programs> {
    let programs = provision::prometheus();
    if programs.is_none() {
        let why =
            format!("SKIPPED {test}: there is no Prometheus (`cargo xtask test` installs it)");
        harness::say(&why);
        assert!(std::env::var("CI").as_deref() != Ok("true"), "{why}");
    }
    programs
}

impl Programs {
    /// Runs `promtool` in a folder, with this on its standard input, to whatever end.
    pub fn promtool(&self, args: &[&str], folder: &Path, input: &str) -> anyhow::Result<Output> {
        let mut command = Command::new(&self.promtool);
        command.args(args).current_dir(folder).stdin(Stdio::piped());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().context("start promtool")?;
        let mut stdin = child.stdin.take().context("promtool has a standard input")?;
        // One that does not read has failed, and says why.
        let _ = stdin.write_all(input.as_bytes());
        drop(stdin);
        child.wait_with_output().context("run promtool")
    }

    /// What `promtool` found fault with.
    pub fn check(&self, args: &[&str], folder: &Path, input: &str) -> anyhow::Result<()> {
        let output = self.promtool(args, folder, input)?;
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said).into_owned();
        ensure!(
            output.status.success(),
            "promtool {} ended with {}: {said}",
            args.join(" "),
            output.status
        );
        Ok(())
    }
}

/// Something to scrape.
#[derive(Debug, Clone)]
pub struct Target {
    /// What the label `job` is to be.
    pub job: String,
    /// `host:port`.
    pub address: String,
    /// Where on it, with its query.
    pub path: String,
    /// Further labels.
    pub labels: Vec<(&'static str, String)>,
}

impl Target {
    fn config(&self, number: usize) -> Value {
        let (path, query) = self.path.split_once('?').unwrap_or((&self.path, ""));
        let mut params = serde_json::Map::new();
        for (key, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
            let values = params.entry(key).or_insert_with(|| json!([]));
            if let Some(values) = values.as_array_mut() {
                values.push(json!(value));
            }
        }
        let mut labels = serde_json::Map::from_iter([("job".to_owned(), json!(self.job))]);
        labels.extend(self.labels.iter().map(|(name, value)| ((*name).to_owned(), json!(value))));
        json!({
            "job_name": format!("target-{number}"),
            "metrics_path": path,
            "params": params,
            "static_configs": [{ "targets": [self.address], "labels": labels }],
        })
    }
}

/// A server that scrapes each second; it ends with the value.
pub struct Prometheus {
    process: Process,
    guard: Guard,
    home: TempDir,
    address: String,
}

impl Prometheus {
    /// Starts it on these targets, with these rules, and waits until it is ready.
    pub fn start(programs: &Programs, targets: &[Target], rules: &Value) -> anyhow::Result<Self> {
        let home = tempfile::tempdir().context("make a folder for Prometheus")?;
        let path = |name: &str| home.path().join(name);
        let scrapes = targets.iter().enumerate().map(|(number, target)| target.config(number));
        let config = json!({
            "global": { "scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s" },
            "rule_files": ["rules.yml"],
            "scrape_configs": scrapes.collect::<Vec<_>>(),
        });
        // JSON is YAML.
        std::fs::write(path("prometheus.yml"), config.to_string())?;
        std::fs::write(path("rules.yml"), rules.to_string())?;
        let [port] = ports::free()?;
        let address = format!("127.0.0.1:{port}");
        let guard = Guard::start(home.path())?;
        let mut command = Command::new(&programs.prometheus);
        command.args(["--config.file", "prometheus.yml", "--storage.tsdb.path", "data"]);
        command.args(["--web.listen-address", &address]).env("HOME", home.path());
        let process = Process::spawn(command, home.path(), &path("log"))?;
        let mut started = Self { process, guard, home, address };
        started.wait_ready()?;
        Ok(started)
    }

    fn wait_ready(&mut self) -> anyhow::Result<()> {
        poll::until_blocking("Prometheus to be ready", START_LIMIT, || {
            if let Ok(Some(status)) = self.process.exited() {
                return Ok(Err(anyhow::anyhow!("it ended with {status}: {}", self.log())));
            }
            match self.ask("/-/ready", &[]) {
                Ok((200, _)) => Ok(Ok(())),
                Ok((code, _)) => Err(format!("{code}")),
                Err(error) => Err(format!("{error:#}")),
            }
        })?
    }

    /// What it answers below `/api/v1`, without the envelope.
    pub fn get(&self, path: &str, params: &[(&str, &str)]) -> anyhow::Result<Value> {
        let (code, text) = self.ask(&format!("/api/v1/{path}"), params)?;
        let mut value: Value = serde_json::from_str(&text).with_context(|| text.clone())?;
        if code != 200 {
            bail!("{path}: {text}");
        }
        value
            .get_mut("data")
            .map(Value::take)
            .with_context(|| format!("{path} has no data: {text}"))
    }

    fn ask(&self, path: &str, params: &[(&str, &str)]) -> anyhow::Result<(u16, String)> {
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .timeout_global(Some(ANSWER_LIMIT))
            .http_status_as_error(false)
            .build()
            .into();
        let url = format!("http://{}{path}", self.address);
        let request = agent.get(&url).query_pairs(params.iter().copied());
        let mut answer = request.call().with_context(|| format!("GET {url}"))?;
        Ok((answer.status().as_u16(), answer.body_mut().read_to_string()?))
    }

    /// The end of its log.
    #[must_use]
    pub fn log(&self) -> String {
        tail(&self.home.path().join("log"))
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        for signal in [Signal::TERM, Signal::KILL] {
            let _ = self.process.signal(signal);
            if self.process.wait_gone(END_LIMIT).is_ok() {
                break;
            }
        }
        self.guard.dismiss();
    }
}
