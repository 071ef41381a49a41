//! What the gateway costs, side by side with the broker itself.

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use futures_util::StreamExt as _;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicPublishOptions, BasicQosOptions,
    QueueDeclareOptions, QueueDeleteOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties, Consumer};

use super::forwarder::Forwarder;
use super::stats::Samples;
use crate::harness;
use crate::rabbitmq::{PrivateBroker, RabbitConfig};

/// The vhost of everything.
const VHOST: &str = "gateway";
/// A queue that no rule is about.
const PLAIN: &str = "measured";
/// The queue of tasks.
const TASKS: &str = "task-ipc-routing-key";
/// The queue that tasks answer to.
const RESULTS: &str = "AbCdE";
/// A result as a worker sends it for a test-only task.
const RESULT: &[u8] = &[0, 1, 0, 0, 0];
/// Runs of each kind, in turns.
const RUNS: usize = 5;
/// Messages timed one by one.
const PINGS: usize = 2_000;
/// The body that memory is measured with.
const HUGE: usize = 100 << 20;

/// What is sent, and what is hoped for.
#[derive(Debug, Clone, Copy)]
struct Load {
    name: &'static str,
    queue: &'static str,
    bytes: usize,
    messages: u32,
    /// The least part of the direct rate; `None`: none was named.
    goal: Option<f64>,
}

const LOADS: [Load; 4] = [
    Load {
        name: "messages of 1 KB",
        queue: PLAIN,
        bytes: 1 << 10,
        messages: 20_000,
        goal: Some(0.8),
    },
    Load {
        name: "messages of 1 MB",
        queue: PLAIN,
        bytes: 1 << 20,
        messages: 300,
        goal: Some(0.95),
    },
    Load { name: "tasks of 1 KB", queue: TASKS, bytes: 1 << 10, messages: 2_000, goal: None },
    Load { name: "tasks of 1 MB", queue: TASKS, bytes: 1 << 20, messages: 200, goal: None },
];

/// `zero-worker` with a child that does nothing, so that its gateway is ours to use.
struct Host {
    process: Child,
    uri: String,
}

impl Host {
    fn start(broker: &PrivateBroker) -> Result<Self> {
        let program = harness::binary("zero-worker").context("no zero-worker is built")?;
        let mut process = Command::new(program)
            .args(["--", "sh", "-c", "echo uri=$AMQP_URI; exec sleep 3600"])
            .env("ZERO_WORKER_AMQP_URI", broker.amqp_uri(VHOST))
            .stdout(Stdio::piped())
            // It tells of each task.
            .stderr(Stdio::null())
            .spawn()
            .context("start zero-worker")?;
        let lines = BufReader::new(process.stdout.take().context("no output")?).lines();
        let mut told = lines.map_while(Result::ok);
        let uri = told.find_map(|line| line.split_once("uri=").map(|(_, uri)| uri.to_owned()));
        Ok(Self { uri: uri.context("zero-worker's child did not start")?, process })
    }

    /// The most it ever held in memory, in MiB.
    fn peak(&self) -> Result<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.split_whitespace().next()).context("no VmHWM")?;
        Ok(kib.parse::<f64>()? / 1024.0)
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Measures everything, and writes `gateway.md` into the folder.
pub(crate) async fn run(folder: &Path) -> Result<()> {
    let broker = PrivateBroker::start_new(&RabbitConfig::default())?;
    broker.add_vhost(VHOST)?;
    let direct = broker.amqp_uri(VHOST);
    let mut text = include_str!("gateway.md").to_owned();
    writeln!(text, "\nThis run: {}.\n", super::report::machine())?;
    writeln!(
        text,
        "| per second | direct | forwarder | gateway | gateway ÷ direct | goal | met | gateway ÷ forwarder |"
    )?;
    writeln!(text, "| --- | --: | --: | --: | --: | --: | --- | --: |")?;
    for load in LOADS {
        super::say(load.name);
        let rates = Box::pin(rates(&broker, &direct, load)).await?;
        row(&mut text, load, rates)?;
    }
    super::say("latency");
    let host = Host::start(&broker)?;
    latency(&mut text, &direct, &host.uri).await?;
    super::say("memory");
    memory(&mut text, &Host::start(&broker)?).await?;
    let page = folder.join("gateway.md");
    std::fs::write(&page, text).with_context(|| format!("cannot write `{}`", page.display()))
}

fn row(text: &mut String, load: Load, [bare, least, ours]: [f64; 3]) -> Result<()> {
    let (name, ratio) = (load.name, ours / bare);
    let goal = load.goal.map_or_else(|| "–".to_owned(), |goal| format!("≥ {goal}"));
    let met = match load.goal {
        None => "–",
        Some(goal) if ratio >= goal => "yes",
        Some(_) => "**no**",
    };
    let of_least = ours / least;
    writeln!(
        text,
        "| {name} | {bare:.0} | {least:.0} | {ours:.0} | {ratio:.2} | {goal} | {met} | {of_least:.2} |"
    )?;
    Ok(())
}

/// Messages a second directly, through a forwarder, through the gateway: medians of runs in turns.
async fn rates(broker: &PrivateBroker, direct: &str, load: Load) -> Result<[f64; 3]> {
    let (forwarder, host) = (Forwarder::start(direct)?, Host::start(broker)?);
    let mut samples = [(); 3].map(|()| Samples::default());
    for _ in 0..RUNS {
        for (samples, uri) in samples.iter_mut().zip([direct, &forwarder.uri, &host.uri]) {
            samples.push(pass(uri, load).await?);
        }
    }
    Ok(samples.map(|samples| f64::from(load.messages) * 1e3 / samples.ms(50)))
}

/// One client's work, from its first publish to its last acknowledgement.
#[expect(clippy::disallowed_methods, reason = "a measurement reads the clock")]
async fn pass(uri: &str, load: Load) -> Result<Duration> {
    let client = Client::open(uri, load.queue).await?;
    let body = body(load.queue, load.bytes);
    let started = Instant::now();
    for _ in 0..load.messages {
        client.publish(load.queue, &body).await?;
    }
    let mut consumer = client.consume(load.queue).await?;
    for _ in 0..load.messages {
        client.take(&mut consumer, load.queue).await?;
    }
    client.last_word().await?;
    let took = started.elapsed();
    client.close().await?;
    Ok(took)
}

async fn latency(text: &mut String, direct: &str, gateway: &str) -> Result<()> {
    let (bare, ours) = (pings(direct).await?, pings(gateway).await?);
    writeln!(text, "\n| publish to delivery, µs | p50 | p95 | p99 |\n| --- | --: | --: | --: |")?;
    for (name, samples) in [("direct", &bare), ("through the gateway", &ours)] {
        let us = [50, 95, 99].map(|percent| samples.ms(percent) * 1e3);
        writeln!(text, "| {name} | {:.0} | {:.0} | {:.0} |", us[0], us[1], us[2])?;
    }
    let added = (ours.ms(50) - bare.ms(50)) * 1e3 / 2.0;
    let met = if added <= 150.0 { "yes" } else { "**no**" };
    writeln!(text, "\nAdded to one crossing, p50: {added:.0} µs (goal ≤ 150 µs, met: {met}).")?;
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "a measurement reads the clock")]
async fn pings(uri: &str) -> Result<Samples> {
    let client = Client::open(uri, PLAIN).await?;
    let (mut consumer, body) = (client.consume(PLAIN).await?, body(PLAIN, 1 << 10));
    let mut samples = Vec::new();
    for _ in 0..PINGS {
        let started = Instant::now();
        client.publish(PLAIN, &body).await?;
        let delivery = consumer.next().await.context("cancelled")??;
        samples.push(started.elapsed());
        client.channel.basic_ack(delivery.delivery_tag, BasicAckOptions::default()).await?;
    }
    client.close().await?;
    Ok(samples.into_iter().collect())
}

async fn memory(text: &mut String, host: &Host) -> Result<()> {
    let small = Load { name: "", queue: TASKS, bytes: 1 << 10, messages: 100, goal: None };
    pass(&host.uri, small).await?;
    let before = host.peak()?;
    pass(&host.uri, Load { bytes: HUGE, messages: 1, ..small }).await?;
    let after = host.peak()?;
    // Two frames of RabbitMQ's stock size in each direction.
    let limit = 20.0 + 4.0 * 131_072.0 / f64::from(1 << 20);
    let met = if after <= limit { "yes" } else { "**no**" };
    writeln!(text, "\n| peak of resident memory, MiB | measured | goal | met |")?;
    writeln!(text, "| --- | --: | --: | --- |")?;
    writeln!(text, "| after 100 tasks of 1 KB | {before:.1} | | |")?;
    writeln!(text, "| after a task of 100 MiB | {after:.1} | ≤ {limit} | {met} |")?;
    Ok(())
}

/// A client of a broker, or of a gateway before it.
struct Client {
    connection: Connection,
    channel: Channel,
}

impl Client {
    /// Connects and makes the queues anew.
    async fn open(uri: &str, queue: &str) -> Result<Self> {
        let connection = Connection::connect(uri, ConnectionProperties::default());
        let connection = connection.await.context("connect")?;
        let channel = connection.create_channel().await?;
        channel.basic_qos(if queue == TASKS { 1 } else { 64 }, BasicQosOptions::default()).await?;
        for name in [queue, RESULTS] {
            channel.queue_delete(name.into(), QueueDeleteOptions::default()).await?;
            let mut lease = FieldTable::default();
            lease.insert("x-expires".into(), AMQPValue::LongInt(1_800_000));
            channel.queue_declare(name.into(), QueueDeclareOptions::default(), lease).await?;
        }
        Ok(Self { connection, channel })
    }

    async fn publish(&self, queue: &str, body: &[u8]) -> Result<()> {
        let (options, to) = (BasicPublishOptions::default(), queue.into());
        let properties = BasicProperties::default().with_delivery_mode(2);
        let sent = self.channel.basic_publish("".into(), to, options, body, properties);
        drop(sent.await?);
        Ok(())
    }

    async fn consume(&self, queue: &str) -> Result<Consumer> {
        let (options, none) = (BasicConsumeOptions::default(), FieldTable::default());
        Ok(self.channel.basic_consume(queue.into(), "".into(), options, none).await?)
    }

    /// Takes one message; a task is answered as a worker answers it.
    async fn take(&self, consumer: &mut Consumer, queue: &str) -> Result<()> {
        let delivery = consumer.next().await.context("cancelled")??;
        if queue == TASKS {
            self.publish(RESULTS, RESULT).await?;
        }
        self.channel.basic_ack(delivery.delivery_tag, BasicAckOptions::default()).await?;
        Ok(())
    }

    /// When the broker answers this, it has dealt with all before.
    async fn last_word(&self) -> Result<()> {
        let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        let told = self.channel.queue_declare(RESULTS.into(), options, FieldTable::default());
        told.await?;
        Ok(())
    }

    async fn close(self) -> Result<()> {
        self.channel.close(200, "done".into()).await?;
        self.connection.close(200, "done".into()).await?;
        Ok(())
    }
}

/// A body of about that size; for the task queue one that paladin could have written, v0.7, postcard:
/// result queue, place 0, two flags, a test-only segment, the input, the serializer.
fn body(queue: &str, bytes: usize) -> Vec<u8> {
    if queue != TASKS {
        return vec![7; bytes];
    }
    let mut body = [&[5][..], RESULTS.as_bytes(), &[1, 0, 2, 0, 0, 1]].concat();
    let mut rest = bytes;
    while rest >= 0x80 {
        body.extend(u8::try_from(rest & 0x7f).map(|low| low | 0x80));
        rest >>= 7;
    }
    body.extend(u8::try_from(rest));
    body.resize(body.len() + bytes, 7);
    body.push(0);
    body
}
