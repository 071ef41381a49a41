//! A namespace with a release in it, and a vhost: where one scenario takes place.

mod told;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::objects::{self, Place, Scaling, Service, Workers};
use super::stage::Stage;
use crate::access::{Access, segment};
use crate::cluster::Login;
use crate::poll;
use crate::repository;
use crate::zero::Answer;

/// Seconds that a command may take; `timeout` then ends it with 124.
const PATIENCE: &str = "300";
/// The exit code of `status` and `doctor` when something is amiss.
pub const FOUND: i32 = 6;
/// What happens on a small machine happens within this.
pub const SOON: Duration = Duration::from_secs(60);
/// Proofs on a small machine take longer.
pub const LATER: Duration = Duration::from_secs(180);

/// Where workers of the one pool take their tasks.
pub const TASKS: &str = "task-ipc-routing-key";
/// The annotation by which the `ReplicaSet` controller chooses which pods go.
pub const COST: &str = "controller.kubernetes.io/pod-deletion-cost";

/// A place; it goes with this value.
pub struct Site<'a> {
    /// What it is on.
    pub stage: &'a Stage,
    /// Its namespace, and the name of its vhost.
    pub name: String,
    /// Its broker.
    pub access: Access,
    kubeconfig: PathBuf,
    folder: PathBuf,
}

impl<'a> Site<'a> {
    /// On the stage's own broker.
    pub fn new(stage: &'a Stage, scenario: &str) -> Result<Self> {
        Self::on(stage, scenario, stage.broker.access())
    }

    /// On another broker.
    pub fn on(stage: &'a Stage, scenario: &str, access: &Access) -> Result<Self> {
        let site = Self::with_broker(stage, scenario, access)?;
        site.apply(&objects::of_connection(site.place()))?;
        Ok(site)
    }

    /// With a broker and nothing else: what is to be a release says itself where its parts are.
    pub fn with_broker(stage: &'a Stage, scenario: &str, access: &Access) -> Result<Self> {
        let name = stage.plane.namespace(scenario)?;
        access.management().add_vhost(&name, &access.user)?;
        let site = Self::bare(stage, &name, access)?;
        site.broker()?;
        Ok(site)
    }

    /// A namespace that may not be there yet, with nothing in it.
    pub fn bare(stage: &'a Stage, name: &str, access: &Access) -> Result<Self> {
        let login =
            Login { group: Some("system:masters"), namespace: Some(name), ..Login::of("operator") };
        let kubeconfig = stage.plane.kubeconfig_for(&login)?;
        let folder = stage.plane.file(&format!("site-{name}"));
        std::fs::create_dir_all(&folder)?;
        Ok(Self { stage, name: name.to_owned(), access: access.clone(), kubeconfig, folder })
    }

    fn place(&self) -> Place<'_> {
        Place { namespace: &self.name, vhost: &self.name }
    }

    fn broker(&self) -> Result<()> {
        let Access { amqp, management_url, user, password, .. } = &self.access;
        let management = management_url.trim_start_matches("http://");
        let metrics = self.access.metrics_url.trim_start_matches("http://");
        let leads_to = format!("5672={amqp},15672={management},15692={metrics}");
        self.apply(&objects::of_broker(self.place(), (user, password), &leads_to))?;
        for (port, address) in [(5672, amqp.as_str()), (15672, management)] {
            let local = address.rsplit(':').next().and_then(|port| port.parse().ok());
            self.stage.plane.forward(&self.name, "rabbitmq-0", port, local.context("a port")?)?;
        }
        Ok(())
    }

    /// Starts the scaler, and waits until it is ready.
    pub fn scaler(&self, replicas: u32) -> Result<()> {
        self.apply(&objects::of_scaler(self.place(), replicas, false))?;
        self.until_ready("zero-scaler", u64::from(replicas))
    }

    /// The same of one that has idle workers go before busy ones.
    pub fn protecting_scaler(&self) -> Result<()> {
        self.apply(&objects::of_protector(self.place()))?;
        self.apply(&objects::of_scaler(self.place(), 1, true))?;
        self.until_ready("zero-scaler", 1)
    }

    /// Starts the proof service, and waits until it is ready.
    pub fn leader(&self, service: Service) -> Result<()> {
        self.apply(&objects::of_leader(self.place(), service))?;
        self.until_ready("zero-leader", 1)
    }

    /// Makes a Deployment of workers, at zero.
    pub fn workers(&self, workers: &Workers) -> Result<()> {
        self.apply(&objects::of_workers(self.place(), workers))
    }

    /// Makes or changes a ScaledObject on this site's scaler.
    pub fn scale(&self, scaling: &Scaling) -> Result<()> {
        self.scale_by(scaling, &self.name)
    }

    /// The same, on the scaler of another namespace.
    pub fn scale_by(&self, scaling: &Scaling, namespace: &str) -> Result<()> {
        let scaler = format!("zero-scaler.{namespace}.svc.cluster.local:50051");
        self.apply(&objects::of_scaling(&self.name, scaling, &scaler))
    }

    /// Makes or changes objects.
    pub fn apply(&self, objects: &Value) -> Result<()> {
        self.stage.plane.apply(&objects.to_string())
    }

    /// The real kubectl, by which the plugin is found; its namespace is this one.
    pub fn kubectl(&self, args: &[&str]) -> Result<Answer> {
        let mut kubectl = self.in_time("kubectl");
        kubectl.args(args).output().context("run kubectl")?.try_into()
    }

    /// The real helm, which is to end well.
    pub fn helm(&self, args: &[&str]) -> Result<String> {
        let mut command = self.in_time("helm");
        let Answer { code, stdout, stderr } = command.args(args).output()?.try_into()?;
        ensure!(code == Some(0), "`helm {}` ended with {code:?}: {stderr}", args.join(" "));
        Ok(stdout)
    }

    fn in_time(&self, image: &str) -> Command {
        let mut command = self.program(Path::new("timeout"));
        command.args(["--kill-after=10", PATIENCE]).arg(self.stage.images().join(image));
        command
    }

    /// A program as people run it who have this namespace's kubeconfig, kubectl with its plugin, and helm.
    #[must_use]
    pub fn program(&self, program: &Path) -> Command {
        let path = std::env::var("PATH").unwrap_or_default();
        let images = self.stage.images();
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("PATH", format!("{}:{path}", images.display()))
            .env("HOME", self.stage.plane.home())
            .env("KUBECONFIG", &self.kubeconfig)
            .current_dir(&self.folder)
            .stdin(Stdio::null());
        command
    }

    /// The folder in which commands are run.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// `kubectl zero …`, which is to end well.
    pub fn zero(&self, args: &[&str]) -> Result<String> {
        self.zero_ends(args, &[0])
    }

    /// The same of a command that looks: it may find something that is amiss at this moment.
    pub fn zero_looks(&self, args: &[&str]) -> Result<String> {
        self.zero_ends(args, &[0, FOUND])
    }

    fn zero_ends(&self, args: &[&str], codes: &[i32]) -> Result<String> {
        let Answer { code, stdout, stderr } = self.kubectl(&[&["zero"], args].concat())?;
        let line = args.join(" ");
        let well = code.is_some_and(|code| codes.contains(&code));
        ensure!(well, "`kubectl zero {line}` ended with {code:?}: {stdout}{stderr}");
        Ok(stdout)
    }

    /// The same with `-o json`.
    pub fn zero_json(&self, args: &[&str]) -> Result<Value> {
        let told = self.zero(&[args, &["-o", "json"]].concat())?;
        serde_json::from_str(&told).with_context(|| format!("read {told}"))
    }

    /// The file of a witness.
    #[must_use]
    pub fn witness(&self, kind: &str, block: u64) -> String {
        let file = format!("witnesses/{kind}/v0.7/{block}.witness.json");
        repository::root().join(file).display().to_string()
    }

    /// Witnesses of blocks of such sizes, made up; the folder they are in.
    pub fn witnesses(&self, first: u64, sizes: &[u32]) -> Result<String> {
        let program = crate::harness::stand_in("stand-in-witness-gen");
        let program = program.context("stand-in-witness-gen is not built")?;
        let folder = self.folder.join(format!("witnesses-{first}"));
        let sizes: Vec<String> = sizes.iter().map(u32::to_string).collect();
        let args = ["--form", "v0.7", "--first", &first.to_string(), "--sizes", &sizes.join(",")];
        let made = Command::new(program).arg(&folder).args(args).output()?;
        ensure!(made.status.success(), "no witnesses: {}", String::from_utf8_lossy(&made.stderr));
        Ok(folder.display().to_string())
    }

    /// Declares queues as paladin does, with so many messages in each.
    pub fn fill(&self, queues: &[String], messages: usize) -> Result<()> {
        let management = self.access.management();
        let vhost = segment(&self.name);
        for name in queues {
            let declared = json!({"durable": true, "arguments": {"x-expires": 1_800_000}});
            management.put(&format!("/api/queues/{vhost}/{}", segment(name)), &declared)?;
            for _ in 0..messages {
                let message = json!({"routing_key": name, "payload": "a task", "payload_encoding": "string", "properties": {"delivery_mode": 2}});
                let told = management
                    .post(&format!("/api/exchanges/{vhost}/amq.default/publish"), &message)?;
                ensure!(
                    told.get("routed").is_some_and(|told| told == true),
                    "{name} did not take it"
                );
            }
        }
        Ok(())
    }

    /// KEDA's own trigger on a queue of this site, over HTTP; each message wants a worker unless `more` says otherwise.
    #[must_use]
    pub fn builtin(&self, workers: &str, queue: &str, more: &[(&'static str, &str)]) -> Scaling {
        let Access { management_url, user, password, .. } = &self.access;
        let host = management_url.replace("http://", &format!("http://{user}:{password}@"));
        let host = format!("{host}/{}", self.name);
        let stock = [
            ("host", host.as_str()),
            ("protocol", "http"),
            ("queueName", queue),
            ("mode", "QueueLength"),
            ("value", "1"),
        ];
        let stock = stock.iter().filter(|(key, _)| !more.iter().any(|(other, _)| key == other));
        let metadata = stock.chain(more).map(|(key, value)| (*key, (*value).to_owned())).collect();
        Scaling { workers: workers.to_owned(), kind: "rabbitmq", metadata, ..Scaling::default() }
    }
}

impl Drop for Site<'_> {
    fn drop(&mut self) {
        self.stage.kubelet.hurry(&self.name);
        let path = format!("/api/v1/namespaces/{}", self.name);
        let _ = self.stage.api.delete(&path, None);
        let _ = poll::until_blocking("the pods to be gone", SOON, || {
            let left = self.stage.kubelet.pods(&self.name).len();
            if left == 0 { Ok(()) } else { Err(format!("{left} are left")) }
        });
        let _ = self.access.management().delete_vhost(&self.name);
    }
}
