//! What `/metrics` tells, read at the moment of the scrape. What is not known has no sample; it is
//! never 0.

use std::fmt;
use std::time::Duration;

use amqp_gateway::{Activity, Counters, Used};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::metrics::MetricType;
use tokio::sync::watch;

use crate::books::{Account, Books};
use crate::cgroup::Cgroup;
use crate::clock;
use crate::ending::Cause;
use crate::tally::{Counts, Row};

/// The beginning of every metric's name.
pub const PREFIX: &str = "zero_worker";

type Labels<'a> = Vec<(&'static str, &'a str)>;
type Samples<'a> = Vec<(Labels<'a>, f64)>;
/// A column of the tally: a name, what it is, and its value.
type Column = (&'static str, &'static str, fn(&Counts) -> f64);
/// A count of the gateway's: a name, what it is, and its value.
type Count = (&'static str, &'static str, fn(&Counters) -> u64);

const COLUMNS: [Column; 7] = [
    ("witnesses_proved", "Proofs of transactions or segments, from the log", |counts| {
        to_f64(counts.witnesses_proved)
    }),
    ("witnesses_failed", "Attempts at them that failed or were given up", |counts| {
        to_f64(counts.witnesses_failed)
    }),
    ("proving_seconds", "Time spent on both", |counts| counts.proving.as_secs_f64()),
    ("cpu_halts", "Halts of the virtual machine", |counts| to_f64(counts.cpu_halts)),
    ("cpu_halt_cycles", "Cycles up to them", |counts| to_f64(counts.cpu_halt_cycles)),
    ("cpu_trace_pads", "CPU traces that were padded", |counts| to_f64(counts.cpu_trace_pads)),
    ("cpu_trace_pad_cycles", "Their cycles after padding", |counts| {
        to_f64(counts.cpu_trace_pad_cycles)
    }),
];

const COUNTS: [Count; 11] = [
    ("deliveries", "Tasks that were shown to the worker", |counters| counters.delivered),
    ("retries", "Failed tasks that were given back to be tried again", |counters| counters.retried),
    ("dead_letters", "Failed tasks that were put aside", |counters| counters.dead_lettered),
    ("dead_letters_refused", "Tries to put a task aside that the broker refused", |counters| {
        counters.dead_letters_refused
    }),
    ("aborts", "Tasks that were dropped because of an abort", |counters| counters.aborted),
    ("given_back", "Tasks that went back to their queue untried", |counters| counters.given_back),
    (
        "unreadable",
        "Tasks that were not shown to the worker because it cannot read them",
        |counters| counters.unreadable,
    ),
    ("results", "Results that the worker published", |counters| counters.results),
    ("twins", "Results and tasks that were there before and were dropped", |counters| {
        counters.twins
    }),
    ("aborts_dropped", "Aborts that did not concern the worker", |counters| {
        counters.aborts_dropped
    }),
    ("reconnects", "Connections to the broker that were made anew", |counters| counters.reconnects),
];

/// Everything that is told. Reads when asked.
#[derive(Debug)]
pub struct Export {
    /// What was counted.
    pub books: Books,
    /// What the gateway sees.
    pub activity: watch::Receiver<Activity>,
    /// What the container uses, where it can be read.
    pub cgroup: Option<Cgroup>,
}

impl Collector for Export {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let account = self.books.account();
        let activity = self.activity.borrow().clone();
        let mut sink = Sink(encoder);
        sink.build()?;
        sink.log(&account)?;
        sink.child(&account)?;
        sink.tasks(&account)?;
        sink.used(&account)?;
        sink.gateway(&activity)?;
        self.cgroup.as_ref().map_or(Ok(()), |cgroup| sink.container(cgroup))
    }
}

struct Sink<'a>(DescriptorEncoder<'a>);

impl Sink<'_> {
    fn gauge(&mut self, name: &str, help: &str, samples: Samples<'_>) -> fmt::Result {
        if samples.is_empty() {
            return Ok(());
        }
        let mut metric = self.0.encode_descriptor(name, help, None, MetricType::Gauge)?;
        for (labels, value) in samples {
            if labels.is_empty() {
                metric.encode_gauge(&value)?;
            } else {
                metric.encode_family(&labels)?.encode_gauge(&value)?;
            }
        }
        Ok(())
    }

    fn counter(&mut self, name: &str, help: &str, samples: Samples<'_>) -> fmt::Result {
        if samples.is_empty() {
            return Ok(());
        }
        let mut metric = self.0.encode_descriptor(name, help, None, MetricType::Counter)?;
        for (labels, value) in samples {
            if labels.is_empty() {
                metric.encode_counter::<Labels<'_>, f64, f64>(&value, None)?;
            } else {
                metric
                    .encode_family(&labels)?
                    .encode_counter::<Labels<'_>, f64, f64>(&value, None)?;
            }
        }
        Ok(())
    }

    fn build(&mut self) -> fmt::Result {
        let help = "Version of zero-worker";
        let mut metric = self.0.encode_descriptor("build", help, None, MetricType::Info)?;
        metric.encode_info(&[("version", env!("CARGO_PKG_VERSION"))])
    }

    fn log(&mut self, account: &Account) -> fmt::Result {
        let rows: Vec<Row<'_>> = account.tally.rows().collect();
        let labels = |row: &'_ Row<'_>| (row.0.clone(), row.1.clone());
        let labels: Vec<(String, String)> = rows.iter().map(labels).collect();
        let places = || rows.iter().zip(&labels);
        for (name, help, value) in COLUMNS {
            let samples = places().map(|((.., counts), (block, txn))| {
                (vec![("block", block.as_str()), ("txn", txn.as_str())], value(counts))
            });
            self.counter(name, help, samples.collect())?;
        }
        let lengths = places().flat_map(|((.., counts), (block, txn))| {
            counts.trace_lengths.iter().map(move |(table, length)| {
                (vec![("block", block.as_str()), ("txn", txn), ("table", table)], to_f64(*length))
            })
        });
        let help = "The greatest length of a table before padding";
        self.gauge("trace_lengths", help, lengths.collect())
    }

    fn child(&mut self, account: &Account) -> fmt::Result {
        let running = vec![(vec![], flag(account.running))];
        self.gauge("child_running", "1 while the worker's process runs", running)?;
        let ends = Cause::ALL.map(|cause| {
            let times = account.ends.get(&cause).copied().unwrap_or(0);
            (vec![("cause", cause.word())], to_f64(times))
        });
        self.counter("child_ends", "Ends of the worker that nobody asked for", ends.into())
    }

    fn tasks(&mut self, account: &Account) -> fmt::Result {
        let each = |value: fn(&(u64, Duration)) -> f64| {
            let samples = account.tasks.iter().map(|((operation, outcome), counted)| {
                let labels = vec![("operation", operation.as_str()), ("outcome", outcome.word())];
                (labels, value(counted))
            });
            samples.collect()
        };
        self.counter(
            "tasks",
            "Tasks that left the worker's hands",
            each(|(count, _)| to_f64(*count)),
        )?;
        self.counter(
            "task_seconds",
            "Time they were in its hands",
            each(|(_, took)| took.as_secs_f64()),
        )
    }

    fn used(&mut self, account: &Account) -> fmt::Result {
        let each = |value: fn(&Used) -> Option<f64>| {
            let told = |(operation, used)| {
                let operation: &'_ String = operation;
                Some((vec![("operation", operation.as_str())], value(used)?))
            };
            account.used.iter().filter_map(told).collect()
        };
        self.counter(
            "task_cpu_seconds",
            "CPU time the container used during tasks",
            each(|used| used.cpu.map(|cpu| cpu.as_secs_f64())),
        )?;
        self.counter(
            "task_read_bytes",
            "Bytes read from devices during tasks",
            each(|used| used.read.map(to_f64)),
        )?;
        self.counter(
            "task_written_bytes",
            "Bytes written to devices during tasks",
            each(|used| used.written.map(to_f64)),
        )?;
        self.gauge(
            "task_memory_peak_bytes",
            "The most memory during the last task, looked at each second",
            each(|used| used.memory_peak.map(to_f64)),
        )
    }

    fn gateway(&mut self, activity: &Activity) -> fmt::Result {
        let one = |value: f64| vec![(vec![], value)];
        let busy = flag(!activity.in_hand.is_empty());
        self.gauge("busy", "1 while the worker has a task in its hands", one(busy))?;
        let since = activity.in_hand.iter().map(|task| task.since).min();
        let held = since.map(|since| clock::now().saturating_duration_since(since).as_secs_f64());
        let held = held.map(|held| (vec![], held)).into_iter().collect();
        self.gauge("in_hand_seconds", "How long it has had that task", held)?;
        let ready = flag(!activity.consuming.is_empty());
        self.gauge("consuming", "1 while the worker takes tasks from a queue", one(ready))?;
        let draining = flag(activity.draining);
        self.gauge("draining", "1 while it is shown no further task", one(draining))?;
        let connections = to_f64(activity.connections as u64);
        self.gauge("connections", "The worker's connections to the broker", one(connections))?;
        for (name, help, value) in COUNTS {
            self.counter(name, help, one(to_f64(value(&activity.counters))))?;
        }
        let bytes = vec![
            (vec![("from", "child")], to_f64(activity.counters.bytes_from_child)),
            (vec![("from", "broker")], to_f64(activity.counters.bytes_from_broker)),
        ];
        self.counter("bytes", "Bytes between worker and broker", bytes)
    }

    fn container(&mut self, cgroup: &Cgroup) -> fmt::Result {
        let usage = cgroup.usage();
        let one = |value: Option<f64>| value.map(|value| (vec![], value)).into_iter().collect();
        let cpu = usage.cpu.map(|cpu| cpu.as_secs_f64());
        self.counter("cpu_seconds", "CPU time of the container", one(cpu))?;
        let memory = usage.memory.map(to_f64);
        self.gauge("memory_bytes", "Memory of the container, page cache included", one(memory))?;
        let peak = usage.memory_peak.map(to_f64);
        self.gauge("memory_peak_bytes", "The most memory the container ever had", one(peak))?;
        let kills = cgroup.oom_kills().map(to_f64);
        self.counter("oom_kills", "Processes killed for want of memory", one(kills))?;
        self.counter("read_bytes", "Bytes read from devices", one(usage.read.map(to_f64)))?;
        self.counter("written_bytes", "Bytes written to devices", one(usage.written.map(to_f64)))
    }
}

fn flag(yes: bool) -> f64 {
    f64::from(u8::from(yes))
}

/// Exact up to 2^53, and no count here comes near it.
#[expect(clippy::cast_precision_loss, reason = "metrics are floating point numbers")]
fn to_f64(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use prometheus_client::encoding::text;
    use prometheus_client::registry::Registry;

    use super::*;
    use crate::logs::read;
    use crate::tasks::{Ended, Outcome};

    fn told(export: Export) -> String {
        let mut registry = Registry::with_prefix(PREFIX);
        registry.register_collector(Box::new(export));
        let mut told = String::new();
        text::encode(&mut told, &registry).unwrap();
        told
    }

    fn books() -> Books {
        let books = Books::new(2);
        let line =
            |rest: &str| books.heard(&read(&format!("2026-07-08T12:00:00.0Z {rest}")).unwrap());
        line(" INFO a::b: CPU halted after 100 cycles id=\"b3 - 79\"");
        line(" INFO a::b: CPU trace padded to 128 cycles id=\"b3 - 79\"");
        line(
            " INFO a::b: Trace lengths (before padding): T { cpu_len: 100 }, mem_before_len: 7 id=\"b3 - 79\"",
        );
        line(" INFO a::b: segment proof (Dummy) took 1.5s id=\"b3 - 79\"");
        line("ERROR a::b: execution error: Fatal { secret } routing_key=aB3dE");
        line(" INFO a::b: segment proof (Dummy) took 2.5s id=\"b4 - 0_10 (1)\"");
        line(" INFO a::b: anything");
        books.started();
        books.ended(Cause::OutOfMemory);
        assert!(!books.gone());
        let operation = "SegmentProof".to_owned();
        let took = Duration::from_secs(4);
        let ended = Ended { operation, block: None, attempt: 1, outcome: Outcome::Done, took };
        let cpu = Some(Duration::from_secs(3));
        books.task(&ended, Used { cpu, memory_peak: Some(5), ..Used::default() });
        books
    }

    #[test]
    fn everything_known_is_told_and_nothing_else() {
        let (_sender, activity) =
            watch::channel(Activity { connections: 1, ..Activity::default() });
        let told = told(Export { books: books(), activity, cgroup: None });
        assert!(!told.contains("secret") && !told.contains("aB3dE"), "{told}");
        insta::assert_snapshot!(told);
    }

    #[test]
    fn the_age_of_the_task_in_hand_is_told_while_there_is_one() {
        let since = clock::now().checked_sub(Duration::from_secs(90)).unwrap();
        let task = |since| amqp_gateway::Task {
            id: None,
            queue: "task-ipc-routing-key".into(),
            operation: None,
            proof: None,
            result_queue: None,
            block: None,
            attempt: 1,
            since,
        };
        let in_hand = vec![task(clock::now()), task(since)];
        let (_sender, activity) = watch::channel(Activity { in_hand, ..Activity::default() });
        let told = told(Export { books: Books::new(2), activity, cgroup: None });
        let line = told.lines().find_map(|line| line.strip_prefix("zero_worker_in_hand_seconds "));
        let seconds: f64 = line.unwrap().parse().unwrap();
        assert!((90.0..120.0).contains(&seconds), "{told}");
    }

    #[test]
    fn what_the_container_does_not_tell_has_no_sample() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("cpu.stat"), "usage_usec 1500000\n").unwrap();
        let (_sender, activity) = watch::channel(Activity::default());
        let cgroup = Some(Cgroup::at(folder.path().to_owned()));
        let told = told(Export { books: Books::new(2), activity, cgroup });
        assert!(told.contains("zero_worker_cpu_seconds_total 1.5\n"), "{told}");
        assert!(!told.contains("memory_") && !told.contains("read_bytes"), "{told}");
    }
}
