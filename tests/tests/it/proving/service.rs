//! A proof service that runs, and what it answers.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tests::harness::{self, Vhost};
use tests::poll;

use crate::host::Host;
use crate::stand_in::{Generation, LIMIT};

/// An answer of the service.
pub(crate) struct Answer {
    pub(crate) code: u16,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// As JSON, if it has this code.
    pub(crate) fn json(&self, code: u16) -> Value {
        assert_eq!(self.code, code, "{}", self.text());
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("{}", self.text()))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// `zero-leader`; its leaders end with it, and it with the value.
pub(crate) struct Service {
    child: Child,
    log: PathBuf,
    address: String,
}

/// How a service is started.
pub(crate) struct Setting<'a> {
    pub(crate) generation: &'a Generation,
    pub(crate) vhost: &'a Vhost,
    pub(crate) home: &'a Path,
}

impl Setting<'_> {
    /// The command, with these options too. Its broker is in the environment.
    pub(crate) fn command(&self, options: &[&str]) -> Command {
        let binary = harness::binary("zero-leader").expect("`cargo xtask test` builds zero-leader");
        let program = |name: &str| self.generation.path(name).display().to_string();
        let stock = [
            ("--listen", "127.0.0.1:0".to_owned()),
            ("--leader", program("leader")),
            ("--verifier", program("verifier")),
            ("--min-free-mib", "1".to_owned()),
            ("--retry-pause", "100ms".to_owned()),
            ("--queue-policy", "durable".to_owned()),
            ("--data-dir", self.home.join("data").display().to_string()),
        ];
        let mut command = Command::new(binary);
        for (option, value) in stock.iter().filter(|(option, _)| !options.contains(option)) {
            command.args([option, value.as_str()]);
        }
        command
            .args(options)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("ZERO_LEADER_AMQP_URI", self.vhost.amqp_uri())
            .current_dir(self.home);
        command
    }

    /// Started, and answering.
    pub(crate) async fn start(&self, options: &[&str]) -> Service {
        let log = self.home.join("service.log");
        let written = File::options().create(true).append(true).open(&log).unwrap();
        let before = std::fs::metadata(&log).unwrap().len();
        let mut command = self.command(options);
        command.stdin(Stdio::null()).stdout(written.try_clone().unwrap()).stderr(written);
        let child = command.spawn().unwrap();
        let mut service = Service { child, log, address: String::new() };
        let told = poll::until("the service to listen", LIMIT, async || {
            let log = service.log();
            let new = log.get(usize::try_from(before).unwrap()..).unwrap_or_default();
            let told = new.split_once("the proof service is on http://");
            told.and_then(|(_, rest)| rest.lines().next().map(ToOwned::to_owned)).ok_or(log.clone())
        });
        service.address = told.await.unwrap();
        service
    }

    /// Two workers behind `zero-worker` that take so long for a transaction.
    pub(crate) fn workers(&self, ms_per_txn: &str, args: &[&str]) -> [Host; 2] {
        let worker = self.generation.path("worker").display().to_string();
        let own = [worker.as_str(), "--runtime=amqp", "--stand-in-ms-per-txn", ms_per_txn];
        let command = [&own, args].concat();
        let options = ["--queue-policy", "durable", "--restart-pause", "100ms"];
        let uri = self.vhost.amqp_uri();
        ["one", "two"]
            .map(|name| Host::start(&format!("worker-{name}"), &uri, &options, &command, self.home))
    }
}

impl Service {
    /// What it and its leaders have said.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }

    /// Asks it.
    pub(crate) async fn ask(&self, method: &str, path: &str, body: Vec<u8>) -> Answer {
        let (method, url) = (method.to_owned(), format!("http://{}{path}", self.address));
        let asked = tokio::task::spawn_blocking(move || {
            let agent: ureq::Agent = ureq::Agent::config_builder()
                .timeout_global(Some(Duration::from_secs(120)))
                .http_status_as_error(false)
                .build()
                .into();
            let request = http::Request::builder().method(method.as_str()).uri(url);
            let answered = agent.run(request.body(body).unwrap());
            answered.and_then(|mut answer| {
                let code = answer.status().as_u16();
                Ok(Answer { code, body: answer.body_mut().read_to_vec()? })
            })
        });
        asked.await.unwrap().unwrap_or_else(|error| panic!("{error}: {}", self.log()))
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, Vec::new()).await
    }

    pub(crate) async fn post(&self, path: &str, body: Vec<u8>) -> Answer {
        self.ask("POST", path, body).await
    }

    /// Submits a block of the shipped witnesses; the proof as it was told.
    pub(crate) async fn submit(&self, generation: &Generation, block: u64, query: &str) -> Value {
        let witness = std::fs::read(generation.witness(block)).unwrap();
        self.post(&format!("/v1/proofs{query}"), witness).await.json(201)
    }

    pub(crate) async fn proof(&self, id: &str) -> Value {
        self.get(&format!("/v1/proofs/{id}")).await.json(200)
    }

    /// Until a proof is in one of these states.
    pub(crate) async fn becomes(&self, id: &str, states: &[&str]) -> Value {
        let what = format!("{id} to be {states:?}");
        let looked = poll::until(&what, LIMIT * 2, async || {
            let told = self.proof(id).await;
            let is_so = told["state"].as_str().is_some_and(|state| states.contains(&state));
            if is_so { Ok(told) } else { Err(format!("{told:#}\n{}", self.log())) }
        });
        looked.await.unwrap()
    }

    /// Until nothing more happens to a proof by itself.
    pub(crate) async fn settles(&self, id: &str) -> Value {
        let what = format!("{id} to settle");
        let looked = poll::until(&what, LIMIT, async || {
            let told = self.proof(id).await;
            if told["settled"] == true { Ok(told) } else { Err(format!("{told:#}")) }
        });
        looked.await.unwrap()
    }

    /// Until this attempt of a proof has begun.
    pub(crate) async fn begins_attempt(&self, id: &str, number: u32) {
        let what = format!("attempt {number} of {id}");
        let looked = poll::until(&what, LIMIT, async || {
            let told = self.proof(id).await;
            let begun = told["attempts"] == number && told["state"] == "running";
            if begun { Ok(()) } else { Err(format!("{told:#}\n{}", self.log())) }
        });
        looked.await.unwrap();
    }

    /// Until a proof's report is so.
    pub(crate) async fn reports(&self, id: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        let looked = poll::until("the report to be so", LIMIT, async || {
            let told = self.get(&format!("/v1/proofs/{id}/report")).await.json(200);
            if is_so(&told) { Ok(told) } else { Err(format!("{told:#}")) }
        });
        looked.await.unwrap()
    }

    /// Until its log holds these words.
    pub(crate) async fn says(&self, words: &str) {
        let looked = poll::until(words, LIMIT, async || {
            let log = self.log();
            if log.contains(words) { Ok(()) } else { Err(log) }
        });
        looked.await.unwrap();
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Until the leader of a proof runs and has given out tasks: its process number.
    pub(crate) async fn runs(&self, id: &str) -> i32 {
        let what = format!("the leader of {id} to give out tasks");
        let looked = poll::until(&what, LIMIT, async || {
            let told = self.proof(id).await;
            let published = told["progress"]["published"].as_u64().unwrap_or_default();
            let leader = self.leaders().first().copied().filter(|_| published > 0);
            leader.ok_or_else(|| format!("{told:#}\n{}", self.log()))
        });
        looked.await.unwrap()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// How it ended.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        let log = self.log.clone();
        let looked = poll::until("zero-leader to end", LIMIT, async || {
            let ended = self.child.try_wait().unwrap();
            ended.ok_or_else(|| std::fs::read_to_string(&log).unwrap())
        });
        looked.await.unwrap()
    }

    /// The process numbers of the leaders that run now.
    pub(crate) fn leaders(&self) -> Vec<i32> {
        let task = format!("/proc/{0}/task/{0}/children", self.child.id());
        let told = std::fs::read_to_string(task).unwrap_or_default();
        told.split_whitespace().filter_map(|number| number.parse().ok()).collect()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
