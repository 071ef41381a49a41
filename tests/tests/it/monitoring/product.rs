//! The whole product at work on one vhost: a scaler that is asked as KEDA asks, the proof service, and
//! workers of which one breaks down now and then.

use std::path::Path;

use tests::harness::{self, Vhost};
use tests::keda::{KedaClient, scaled_object};
use tests::poll;
use tests::prometheus::Target;
use tests::scaler::{RunningScaler, http_get};

use super::{NAMESPACE, RELEASE};
use crate::host::Host;
use crate::proving::service::{Service, Setting};
use crate::stand_in::{LIMIT, V07};

/// What the chart's monitors ask a broker for.
const DETAILED: &str = "/metrics/detailed?family=queue_coarse_metrics&family=queue_consumer_count";
/// Lines that a real worker writes, of which the stand-in writes only some.
const LINES: &str = r#"2026-05-04T10:02:07.1Z  INFO p_gen: CPU halted after 100 cycles id="b3 - 79"
2026-05-04T10:02:07.1Z  INFO p_gen: CPU trace padded to 128 cycles id="b3 - 79"
2026-05-04T10:02:07.1Z  INFO p_gen: Trace lengths (before padding): T { cpu_len: 100 }, mem_before_len: 7 id="b3 - 79"
2026-05-04T10:02:07.1Z  INFO p_gen: segment proof (Dummy) took 1.5s id="b3 - 79"
"#;
/// A broker nobody needs.
const NOWHERE: &str = "amqp://zero:nobody@127.0.0.1:9/proofs";

/// The parts; they end with the value.
pub(super) struct Product<'a> {
    vhost: &'a Vhost,
    scaler: RunningScaler,
    keda: KedaClient,
    pub(super) service: Service,
    workers: Vec<Host>,
}

impl<'a> Product<'a> {
    /// Started; workers take so long for a transaction.
    pub(super) async fn start(vhost: &'a Vhost, home: &Path, ms_per_txn: &str) -> Self {
        let setting = Setting { generation: &V07, vhost, home };
        let service = setting.start(&["--parallel", "2"]).await;
        let scaler = RunningScaler::on(vhost.access(), vhost.name()).unwrap();
        let keda = KedaClient::connect(scaler.grpc()).await.unwrap();
        let well = ["one", "two"].map(|name| worker(&setting, name, &[], ms_per_txn));
        let ill = worker(&setting, "ill", &["--stand-in-crash-after", "1"], ms_per_txn);
        let workers = well.into_iter().chain([ill]).collect();
        Self { vhost, scaler, keda, service, workers }
    }

    /// Asks for the number of workers as KEDA does.
    pub(super) async fn scale(&self) {
        let metadata = [("vhost", self.vhost.name()), ("target", "1"), ("maxWorkers", "3")];
        let object = scaled_object(NAMESPACE, &format!("{RELEASE}-worker-default"), &metadata);
        self.keda.poll(&object).await.unwrap();
    }

    /// What the chart's monitors would scrape, with the labels that they give.
    pub(super) async fn targets(&self) -> Vec<Target> {
        let target = |job: String, address: &str, path: &str, pod: String| Target {
            job,
            address: address.to_owned(),
            path: path.to_owned(),
            labels: vec![("namespace", NAMESPACE.to_owned()), ("pod", pod)],
        };
        let own = |part: &str, address: &str| {
            target(format!("{RELEASE}-{part}"), address, "/metrics", format!("{RELEASE}-{part}-0"))
        };
        let mut targets = vec![
            own("scaler", &self.scaler.http().to_string()),
            own("leader", self.service.address()),
        ];
        for (number, worker) in self.workers.iter().enumerate() {
            let job = format!("{NAMESPACE}/{RELEASE}-worker");
            let pod = format!("{RELEASE}-worker-default-{number}");
            targets.push(target(job, &worker.listens().await, "/metrics", pod));
        }
        let broker = self.vhost.access().metrics_url.strip_prefix("http://").unwrap();
        for path in ["/metrics", DETAILED] {
            let (job, pod) = (format!("{RELEASE}-rabbitmq"), format!("{RELEASE}-rabbitmq-0"));
            targets.push(target(job, broker, path, pod));
        }
        targets
    }

    /// A text of `/metrics` as soon as it has all of these in it.
    async fn text(&self, url: &str, has: &[&str]) -> String {
        let looked = poll::until(url, LIMIT, async || {
            self.scale().await;
            let (_, text) = http_get(url).map_err(|error| format!("{error:#}"))?;
            match has.iter().find(|has| !text.contains(**has)) {
                Some(missing) => Err(format!("no {missing} in {text}\n{}", self.service.log())),
                None => Ok(text),
            }
        });
        looked.await.unwrap()
    }
}

/// A worker behind `zero-worker`, in a container that says what it uses.
fn worker(setting: &Setting<'_>, name: &str, args: &[&str], ms_per_txn: &str) -> Host {
    let cgroup = setting.home.join(format!("cgroup-{name}"));
    std::fs::create_dir_all(&cgroup).unwrap();
    let files = [
        ("cpu.stat", "usage_usec 2000000\n"),
        ("memory.current", "1048576\n"),
        ("memory.peak", "2097152\n"),
        ("memory.events", "oom 0\noom_kill 0\n"),
        ("io.stat", "8:0 rbytes=4096 wbytes=8192\n"),
    ];
    for (file, text) in files {
        std::fs::write(cgroup.join(file), text).unwrap();
    }
    let program = setting.generation.path("worker").display().to_string();
    let own = [program.as_str(), "--runtime=amqp", "--stand-in-ms-per-txn", ms_per_txn];
    let options = [
        "--queue-policy",
        "durable",
        "--restart-pause",
        "100ms",
        "--listen",
        "127.0.0.1:0",
        "--cgroup",
    ];
    let options = [&options[..], &[cgroup.to_str().unwrap()]].concat();
    let command = [&own[..], args].concat();
    Host::start(
        &format!("worker-{name}"),
        &setting.vhost.amqp_uri(),
        &options,
        &command,
        setting.home,
    )
}

/// What each program tells once it has something to tell of everything.
pub(super) async fn texts(test: &str) -> Option<Vec<(&'static str, String)>> {
    let vhost = harness::vhost(test)?;
    let home = tempfile::tempdir().unwrap();
    let product = Product::start(&vhost, home.path(), "60").await;
    std::fs::write(home.path().join("lines"), LINES).unwrap();
    let script = ["sh", "-c", "cat lines; mkfifo wait; read -r nothing <> wait"];
    let talking =
        Host::start("talking", NOWHERE, &["--listen", "127.0.0.1:0"], &script, home.path());
    product.service.submit(&V07, 8, "").await;
    let leader = format!("http://{}/metrics", product.service.address());
    let told = ["zero_leader_proof_eta_seconds{", "zero_leader_proof_tasks_answered_total{"];
    let mut texts = vec![("zero-leader", product.text(&leader, &told).await)];
    let told = ["zero_worker_in_hand_seconds ", "zero_worker_task_cpu_seconds_total{"];
    let worker = format!("http://{}/metrics", product.workers[0].listens().await);
    texts.push(("zero-worker", product.text(&worker, &told).await));
    let scaler = format!("http://{}/metrics", product.scaler.http());
    let told = ["zero_scaler_trigger_value{", "zero_scaler_messages_unacked{"];
    texts.push(("zero-scaler", product.text(&scaler, &told).await));
    let url = format!("http://{}/metrics", talking.listens().await);
    texts.push(("zero-worker", product.text(&url, &["zero_worker_trace_lengths{"]).await));
    for path in ["/metrics", DETAILED] {
        let url = format!("{}{path}", vhost.access().metrics_url);
        texts.push(("rabbitmq", product.text(&url, &["rabbitmq_"]).await));
    }
    Some(texts)
}
