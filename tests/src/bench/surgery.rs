//! What taking messages out of a queue costs, side by side with the bare loops that do less.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use amqp_admin::{
    Act, Applier, BackupWriter, Endpoint, Opening, Plan, QueueName, Success, TaskFilter, VhostName,
    Wanted,
};
use anyhow::{Context, Result, ensure};
use futures_util::StreamExt as _;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicPublishOptions, BasicQosOptions,
    ConfirmSelectOptions, QueueDeclareOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, PublisherConfirm};

use super::stats::Samples;
use crate::amqp::Amqp;
use crate::harness;
use crate::rabbitmq::{PrivateBroker, RabbitConfig};

/// The vhost of everything.
const VHOST: &str = "surgery";
/// The queue of everything.
const QUEUE: &str = "task-ipc-routing-key";
/// One message in so many is taken out.
const WANTED: u32 = 10;
/// Messages under way in the bare loop.
const WINDOW: u16 = 64;
/// Runs of each kind, in turns.
const RUNS: usize = 5;
/// Starts of the program.
const STARTS: usize = 20;
/// The broker answers in far less.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A size of messages and how many of them.
#[derive(Debug, Clone, Copy)]
struct Load {
    name: &'static str,
    bytes: usize,
    messages: u32,
    durable: bool,
}

const LOADS: [Load; 4] = [
    Load { name: "1 KB, transient queue", bytes: 1 << 10, messages: 20_000, durable: false },
    Load { name: "1 MB, transient queue", bytes: 1 << 20, messages: 300, durable: false },
    Load { name: "1 KB, durable queue", bytes: 1 << 10, messages: 20_000, durable: true },
    Load { name: "1 MB, durable queue", bytes: 1 << 20, messages: 300, durable: true },
];

/// Measures everything, and writes `queues.md` into the folder.
pub(crate) async fn run(folder: &Path) -> Result<()> {
    let broker = PrivateBroker::start_new(&RabbitConfig::default())?;
    broker.add_vhost(VHOST)?;
    let mut text = include_str!("surgery.md").to_owned();
    writeln!(text, "\nThis run: {}.\n", super::report::machine())?;
    writeln!(
        text,
        "| messages | bare loop, messages/s | `remove`, messages/s | ratio | goal | met |"
    )?;
    writeln!(text, "| --- | --: | --: | --: | --: | --- |")?;
    for load in LOADS {
        super::say(&format!("sift: {}", load.name));
        let (bare, sift) = sift_against_bare(&broker, load).await?;
        let (name, ratio) = (load.name, sift / bare);
        let met = if ratio >= 0.7 { "yes" } else { "**no**" };
        writeln!(text, "| {name} | {bare:.0} | {sift:.0} | {ratio:.2} | ≥ 0.7 | {met} |")?;
    }
    super::say("purge");
    let (bare, ours) = purges(&broker).await?;
    let ratio = ours / bare;
    let met = if ratio <= 1.1 { "yes" } else { "**no**" };
    writeln!(text, "\n| | ms | ratio | goal | met |\n| --- | --: | --: | --: | --- |")?;
    writeln!(text, "| one `queue.purge` of 20 000 messages | {bare:.1} | | | |")?;
    writeln!(
        text,
        "| `purge --no-backup`, the same over a connection of its own | {ours:.1} | {ratio:.2} | ≤ 1.1 | {met} |"
    )?;
    program(&broker, &mut text)?;
    let page = folder.join("queues.md");
    std::fs::write(&page, text).with_context(|| format!("cannot write `{}`", page.display()))
}

/// Messages a second: the median of runs in turns.
async fn sift_against_bare(broker: &PrivateBroker, load: Load) -> Result<(f64, f64)> {
    let (mut bare, mut sift) = (Samples::default(), Samples::default());
    for _ in 0..RUNS {
        fill(broker, load).await?;
        bare.push(bare_loop(broker, load).await?);
        fill(broker, load).await?;
        sift.push(sifted(broker, load).await?);
    }
    let rate = |samples: &Samples| f64::from(load.messages) * 1e3 / samples.ms(50);
    Ok((rate(&bare), rate(&sift)))
}

async fn fill(broker: &PrivateBroker, load: Load) -> Result<()> {
    let amqp = Amqp::connect(&broker.amqp_uri(VHOST)).await?;
    let _ = amqp.delete(QUEUE).await;
    let amqp = Amqp::connect(&broker.amqp_uri(VHOST)).await?;
    let options = QueueDeclareOptions { durable: load.durable, ..QueueDeclareOptions::default() };
    amqp.queue(QUEUE, options, &[]).await?;
    for number in 0..load.messages {
        let proof = if number % WANTED == 0 { "tip-1" } else { "tip-2" };
        let mut headers = FieldTable::default();
        headers.insert("zero-proof".into(), AMQPValue::LongString(proof.into()));
        let properties = BasicProperties::default().with_delivery_mode(2).with_headers(headers);
        let body = vec![7; load.bytes];
        let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
        let publish =
            amqp.channel().basic_publish("".into(), QUEUE.into(), options, &body, properties);
        drop(publish.await?);
    }
    ensure!(amqp.channel().wait_for_confirms().await?.is_empty(), "messages came back");
    amqp.close().await
}

/// Every message is published anew, confirmed, and acknowledged: what a careful script does.
#[expect(clippy::disallowed_methods, reason = "a measurement reads the clock")]
async fn bare_loop(broker: &PrivateBroker, load: Load) -> Result<Duration> {
    let amqp = Amqp::connect(&broker.amqp_uri(VHOST)).await?;
    let (from, to) = (amqp.new_channel().await?, amqp.new_channel().await?);
    to.confirm_select(ConfirmSelectOptions::default()).await?;
    from.basic_qos(WINDOW, BasicQosOptions::default()).await?;
    let started = Instant::now();
    let (options, none) = (BasicConsumeOptions::default(), FieldTable::default());
    let mut consumer = from.basic_consume(QUEUE.into(), "".into(), options, none).await?;
    let mut window: VecDeque<(PublisherConfirm, u64)> = VecDeque::new();
    for _ in 0..load.messages {
        let delivery = consumer.next().await.context("cancelled")??;
        let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
        let properties = delivery.properties.clone();
        let sent = to.basic_publish("".into(), QUEUE.into(), options, &delivery.data, properties);
        window.push_back((sent.await?, delivery.delivery_tag));
        if window.len() >= usize::from(WINDOW) - 1
            && let Some((confirm, tag)) = window.pop_front()
        {
            confirm.await?;
            from.basic_ack(tag, BasicAckOptions::default()).await?;
        }
    }
    for (confirm, tag) in window {
        confirm.await?;
        from.basic_ack(tag, BasicAckOptions::default()).await?;
    }
    from.close(200, "done".into()).await?;
    Ok(started.elapsed())
}

#[expect(clippy::disallowed_methods, reason = "a measurement reads the clock")]
async fn sifted(broker: &PrivateBroker, load: Load) -> Result<Duration> {
    let proofs = ["tip-1".to_owned()].into();
    let wanted = Wanted::Tasks(TaskFilter { proofs, ..TaskFilter::default() });
    let act = Act::Remove { wanted, messages: None, ready: None, quorum: false };
    let started = Instant::now();
    let removed = carry_out(broker, act).await?;
    ensure!(removed == u64::from(load.messages.div_ceil(WANTED)), "{removed} were taken out");
    Ok(started.elapsed())
}

/// Carries out one step with a backup of its own; gives the messages that were taken out.
async fn carry_out(broker: &PrivateBroker, act: Act) -> Result<u64> {
    let folder = tempfile::tempdir()?;
    let opening = Opening {
        made_by: "zero-bench".into(),
        made_at: String::new(),
        vhost: VHOST.into(),
        reason: String::new(),
    };
    let mut plan = Plan::new(VhostName::new(VHOST)?);
    plan.step(QueueName::new(QUEUE)?, act);
    let endpoint = Endpoint::amqp(&broker.amqp_uri(VHOST))?;
    let stop = AtomicBool::new(false);
    let applier = Applier { endpoint: &endpoint, timeout: TIMEOUT, rate: None, stop: &stop };
    let backup = BackupWriter::create(&folder.path().join("backup"), &opening)?;
    let mut removed = 0;
    let report = applier.apply(&plan, Some(backup), |told| removed = told.sifted.wanted).await?;
    ensure!(report.success() == Success::All, "{report:?}");
    Ok(removed)
}

/// Milliseconds of a bare purge and of ours, medians of runs in turns.
#[expect(clippy::disallowed_methods, reason = "a measurement reads the clock")]
async fn purges(broker: &PrivateBroker) -> Result<(f64, f64)> {
    let (mut bare, mut ours) = (Samples::default(), Samples::default());
    for _ in 0..RUNS {
        fill(broker, LOADS[0]).await?;
        let started = Instant::now();
        let amqp = Amqp::connect(&broker.amqp_uri(VHOST)).await?;
        amqp.purge(QUEUE).await?;
        amqp.close().await?;
        bare.push(started.elapsed());
        fill(broker, LOADS[0]).await?;
        let started = Instant::now();
        carry_out(broker, Act::Purge { ready: None, unacked: None }).await?;
        ours.push(started.elapsed());
    }
    Ok((bare.ms(50), ours.ms(50)))
}

/// The program as a process: its start, its size, a whole `status`.
fn program(broker: &PrivateBroker, text: &mut String) -> Result<()> {
    super::say("the program");
    let zero = harness::binary("kubectl-zero").context("no kubectl-zero is built")?;
    let version = started(Command::new(&zero).arg("--version"))?;
    let status = started(
        Command::new(&zero)
            .args(["status", "-o", "json"])
            .env("ZERO_AMQP_URI", broker.amqp_uri(VHOST))
            .env("ZERO_MANAGEMENT_URL", broker.management_url()),
    )?;
    let requests = requests(broker)?;
    let bytes = u32::try_from(std::fs::metadata(&zero)?.len())?;
    let mebibytes = f64::from(bytes) / f64::from(1 << 20);
    let ratio = status / requests;
    writeln!(text, "\n| the program | measured | goal | met |\n| --- | --: | --: | --- |")?;
    let mut row = |what: &str, measured: f64, limit: f64, unit: &str| {
        let met = if measured <= limit { "yes" } else { "**no**" };
        writeln!(text, "| {what} | {measured:.1} {unit} | ≤ {limit} {unit} | {met} |")
    };
    row("`kubectl-zero --version`, p50", version, 20.0, "ms")?;
    row("`status` ÷ its own five requests, one after the other", ratio, 3.0, "×")?;
    row("release binary, stripped", mebibytes, 20.0, "MiB")?;
    writeln!(text, "\n`status` took {status:.1} ms, its requests {requests:.1} ms.")?;
    Ok(())
}

/// Milliseconds until the program has ended, median.
#[expect(clippy::disallowed_methods, reason = "a measurement reads the clock")]
fn started(command: &mut Command) -> Result<f64> {
    let mut samples = Samples::default();
    for _ in 0..STARTS {
        let started = Instant::now();
        let output = command.stdin(Stdio::null()).output()?;
        samples.push(started.elapsed());
        ensure!(matches!(output.status.code(), Some(0 | 6)), "it ended with {}", output.status);
    }
    Ok(samples.ms(50))
}

/// Milliseconds of what `status` asks the broker, median.
#[expect(clippy::disallowed_methods, reason = "a measurement reads the clock")]
fn requests(broker: &PrivateBroker) -> Result<f64> {
    let api = broker.access().management();
    let mut samples = Samples::default();
    for _ in 0..STARTS {
        let started = Instant::now();
        for path in [
            format!("/api/queues/{VHOST}?disable_stats=true&enable_queue_totals=true"),
            format!("/api/consumers/{VHOST}"),
            "/api/channels".to_owned(),
            "/api/overview?columns=rabbitmq_version,cluster_name".to_owned(),
            "/api/nodes?columns=name,running,mem_alarm,disk_free_alarm".to_owned(),
        ] {
            api.get(&path)?;
        }
        samples.push(started.elapsed());
    }
    Ok(samples.ms(50))
}
