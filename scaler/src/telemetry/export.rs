//! The collector: [`Status`] → samples, at each scrape.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;

use crate::drain::to_f64;
use crate::status::{Answer, BrokerStatus, RoleStatus, Status, TriggerStatus, VhostStatus};

type Read = Box<dyn Fn() -> Status + Send + Sync>;
pub(super) type Labels<'a> = Vec<(&'static str, &'a str)>;
pub(super) type Samples<'a> = Vec<(Labels<'a>, f64)>;

pub(super) fn register(registry: &mut Registry, status: Read) {
    registry.register_collector(Box::new(Export(status)));
    registry.register_collector(Box::new(Process));
}

/// Reads the status when asked.
struct Export(Read);

impl fmt::Debug for Export {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Export")
    }
}

impl Collector for Export {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let status = (self.0)();
        let mut sink = Sink(encoder);
        sink.build(&status.version)?;
        sink.gauge(
            "uptime_seconds",
            "Since the start",
            vec![(vec![], to_f64(status.uptime_seconds))],
        )?;
        sink.brokers(&status.brokers)?;
        sink.vhosts(&status.brokers)?;
        sink.answers(&status.triggers)?;
        sink.triggers(&status.triggers)?;
        status.protect.as_ref().map_or(Ok(()), |protect| sink.protect(protect))
    }
}

pub(super) struct Sink<'a>(DescriptorEncoder<'a>);

impl Sink<'_> {
    pub(super) fn counter(&mut self, name: &str, help: &str, value: u64) -> fmt::Result {
        let mut metric = self.0.encode_descriptor(name, help, None, MetricType::Counter)?;
        metric.encode_counter::<NoLabelSet, _, u64>(&value, None)
    }

    pub(super) fn gauge(&mut self, name: &str, help: &str, samples: Samples<'_>) -> fmt::Result {
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

    fn build(&mut self, version: &str) -> fmt::Result {
        let help = "Version and commit of the scaler";
        let mut metric = self.0.encode_descriptor("build", help, None, MetricType::Info)?;
        metric.encode_info(&[("version", version)])
    }

    fn brokers(&mut self, brokers: &[BrokerStatus]) -> fmt::Result {
        let each = |value: fn(&BrokerStatus) -> Option<f64>| {
            let told = move |broker| Some((vec![("broker", alias(broker))], value(broker)?));
            brokers.iter().filter_map(told).collect()
        };
        self.gauge(
            "broker_up",
            "1 if the last read of every watched vhost succeeded",
            each(|broker| broker.reachable.map(flag)),
        )?;
        self.gauge(
            "keep_alive_enabled",
            "1 if queues with work and no consumer are kept from expiring",
            each(|broker| Some(flag(broker.keep_alive.enabled))),
        )?;
        self.gauge(
            "keep_alive_queues",
            "Queues renewed in the last round",
            each(|broker| Some(to_f64(broker.keep_alive.kept.len() as u64))),
        )?;
        self.gauge(
            "keep_alive_failing",
            "1 if the last round failed",
            each(|broker| Some(flag(broker.keep_alive.error.is_some()))),
        )
    }

    fn vhosts(&mut self, brokers: &[BrokerStatus]) -> fmt::Result {
        let mut ages = Samples::new();
        let mut orphans = Samples::new();
        let (mut queues, mut ready, mut unacked) = (Samples::new(), Samples::new(), Samples::new());
        for (broker, vhost) in brokers.iter().flat_map(|b| b.vhosts.iter().map(move |v| (b, v))) {
            let mut with_source = place(broker, vhost);
            with_source.push(("source", vhost.source));
            ages.push((with_source, to_f64(vhost.age_ms) / 1000.0));
            for state in ["none", "suspected", "certain"] {
                let mut with_state = place(broker, vhost);
                with_state.push(("state", state));
                orphans.push((with_state, flag(vhost.orphans == state)));
            }
            for role in &vhost.roles {
                let labels = with_role(broker, vhost, role);
                queues.push((labels.clone(), to_f64(role.queues)));
                ready.extend(role.ready.map(|count| (labels.clone(), to_f64(count))));
                unacked.extend(role.unacked.map(|count| (labels.clone(), to_f64(count))));
            }
        }
        self.gauge("snapshot_age_seconds", "The greatest age a vhost's counts can have", ages)?;
        self.gauge("orphans", "1 for the state the vhost's ready tasks are in", orphans)?;
        self.gauge("queues", "Queues of a role", queues)?;
        self.gauge("messages_ready", "Messages waiting; absent while not known", ready)?;
        self.gauge(
            "messages_unacked",
            "Messages in workers' hands; absent while not known",
            unacked,
        )
    }

    fn triggers(&mut self, triggers: &[TriggerStatus]) -> fmt::Result {
        let each = |value: fn(&TriggerStatus) -> f64| {
            triggers.iter().map(|trigger| (identity(trigger), value(trigger))).collect()
        };
        self.gauge(
            "trigger_refused",
            "1 if KEDA gets an error instead of a number",
            each(|trigger| flag(matches!(trigger.answer, Answer::Refused { .. }))),
        )?;
        self.gauge(
            "trigger_asked_seconds_ago",
            "Since KEDA last asked",
            each(|trigger| to_f64(trigger.asked_seconds_ago)),
        )?;
        self.gauge(
            "trigger_warnings",
            "What looks wrong in its metadata",
            each(|trigger| to_f64(trigger.warnings.len() as u64)),
        )
    }

    fn answers(&mut self, triggers: &[TriggerStatus]) -> fmt::Result {
        let mut columns = FIGURES.map(|(name, help)| (name, help, Samples::new()));
        for trigger in triggers {
            let figures = figures(&trigger.answer).into_iter().flatten();
            for ((_, _, samples), value) in columns.iter_mut().zip(figures) {
                samples.push((identity(trigger), value));
            }
        }
        for (name, help, samples) in columns {
            self.gauge(name, help, samples)?;
        }
        Ok(())
    }
}

/// The numbers of an answer, in the order of [`figures`]; a refused trigger has none.
const FIGURES: [(&str, &str); 7] = [
    ("trigger_value", "The value KEDA divides by the target"),
    ("trigger_target", "Messages for each worker"),
    ("trigger_workers", "Workers wanted"),
    ("trigger_messages", "Messages that count"),
    ("trigger_busy", "Messages in workers' hands"),
    ("trigger_orphaned", "Ready tasks whose leader is gone, not counted"),
    ("trigger_active", "1 if there is work"),
];

fn figures(answer: &Answer) -> Option<[f64; 7]> {
    match answer {
        Answer::Value {
            active,
            value,
            target,
            workers,
            messages,
            busy,
            orphaned,
            explanation: _,
        } => {
            let whole = [*workers, *messages, *busy, *orphaned].map(to_f64);
            let [workers, messages, busy, orphaned] = whole;
            Some([*value, *target, workers, messages, busy, orphaned, flag(*active)])
        }
        Answer::Refused { .. } => None,
    }
}

pub(super) fn flag(yes: bool) -> f64 {
    f64::from(u8::from(yes))
}

fn alias(broker: &BrokerStatus) -> &str {
    &broker.alias
}

fn place<'a>(broker: &'a BrokerStatus, vhost: &'a VhostStatus) -> Labels<'a> {
    vec![("broker", &broker.alias), ("vhost", &vhost.name)]
}

fn with_role<'a>(
    broker: &'a BrokerStatus,
    vhost: &'a VhostStatus,
    role: &RoleStatus,
) -> Labels<'a> {
    let mut labels = place(broker, vhost);
    labels.push(("role", role.role));
    labels
}

fn identity(trigger: &TriggerStatus) -> Labels<'_> {
    vec![
        ("namespace", &trigger.namespace),
        ("name", &trigger.name),
        ("metric", &trigger.metric),
        ("broker", &trigger.broker),
    ]
}

/// What the process itself costs; absent where there is no `/proc`.
#[derive(Debug)]
struct Process;

impl Collector for Process {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let Some(bytes) =
            std::fs::read_to_string("/proc/self/status").ok().and_then(|text| resident(&text))
        else {
            return Ok(());
        };
        let samples = vec![(vec![], to_f64(bytes))];
        Sink(encoder).gauge("process_resident_memory_bytes", "Resident memory", samples)
    }
}

/// The `VmRSS` of `/proc/self/status`, which is told in units of 1024 bytes.
fn resident(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use prometheus_client::encoding::text;

    use super::*;
    use crate::status::{KeepAliveStatus, ProtectStatus, ProtectedStatus};

    fn broker() -> BrokerStatus {
        let vhost = VhostStatus {
            name: "/".into(),
            source: "live",
            age_ms: 400,
            queues: 2,
            roles: vec![
                RoleStatus { role: "task", queues: 1, ready: Some(7), unacked: Some(2) },
                RoleStatus { role: "other", queues: 1, ready: None, unacked: None },
            ],
            orphans: "suspected",
            history: vec![],
        };
        let keep_alive =
            KeepAliveStatus { enabled: true, every_seconds: 300, kept: vec![], error: None };
        BrokerStatus {
            alias: "default".into(),
            address: "http://secret-host:15672".into(),
            reachable: Some(true),
            error: Some("an error text".into()),
            vhosts: vec![vhost],
            keep_alive,
        }
    }

    fn status() -> Status {
        let answer = Answer::Value {
            active: true,
            value: 9.0,
            target: 1.0,
            workers: 9,
            messages: 9,
            busy: 2,
            orphaned: 0,
            explanation: vec![],
        };
        let told = TriggerStatus {
            namespace: "provers".into(),
            name: "workers".into(),
            metric: "zero-backlog-1".into(),
            broker: "default".into(),
            asked_seconds_ago: 3,
            answer,
            warnings: vec![],
        };
        let answer = Answer::Refused { reason: "an error text".into() };
        let refused = TriggerStatus { name: "late".into(), answer, ..told.clone() };
        Status {
            version: "0.1.0 (abc)".into(),
            now: String::new(),
            uptime_seconds: 5,
            brokers: vec![broker()],
            triggers: vec![told, refused],
            local: None,
            proofs: None,
            protect: None,
        }
    }

    #[test]
    fn the_state_is_told_and_nothing_is_told_of_what_is_not_known() {
        let mut registry = Registry::with_prefix("zero_scaler");
        registry.register_collector(Box::new(Export(Box::new(status))));
        let mut told = String::new();
        text::encode(&mut told, &registry).unwrap();
        assert!(!told.contains("error text") && !told.contains("secret-host"), "{told}");
        insta::assert_snapshot!(told);
    }

    #[test]
    fn only_the_replica_that_acts_has_numbers_of_pods() {
        let told = |leads| {
            let target = ProtectedStatus {
                namespace: "provers".into(),
                selector: "app=worker".into(),
                busy: Some(2),
                idle: Some(1),
                unknown: None,
            };
            let protect = ProtectStatus {
                leads,
                leader: None,
                age_ms: Some(1_500),
                error: Some("an error text".into()),
                targets: vec![target],
                unmatched: 1,
                unmatched_holders: vec!["10.0.0.9:4000".into()],
                changes: 4,
                failures: 3,
            };
            let read = move || Status { protect: Some(protect.clone()), ..status() };
            let mut registry = Registry::default();
            registry.register_collector(Box::new(Export(Box::new(read))));
            let mut told = String::new();
            text::encode(&mut told, &registry).unwrap();
            let lines = told.lines().filter(|line| line.starts_with("protect_"));
            lines.map(str::to_owned).collect::<Vec<_>>()
        };
        let always = ["protect_failing 1.0", "protect_changes_total 4", "protect_failures_total 3"];
        assert_eq!(told(false), [&["protect_leader 0.0"][..], &always].concat());
        let acts = [
            "protect_age_seconds 1.5",
            "protect_unmatched_holders 1.0",
            r#"protect_pods{namespace="provers",selector="app=worker",holding="busy"} 2.0"#,
            r#"protect_pods{namespace="provers",selector="app=worker",holding="idle"} 1.0"#,
        ];
        assert_eq!(told(true), [&["protect_leader 1.0"][..], &always, &acts].concat());
    }

    #[test]
    fn a_hostile_name_stays_inside_its_label() {
        let mut registry = Registry::default();
        let hostile = || {
            let mut status = status();
            status.triggers.truncate(1);
            for trigger in &mut status.triggers {
                trigger.namespace = "a\"} 1\n\\evil".into();
            }
            status
        };
        registry.register_collector(Box::new(Export(Box::new(hostile))));
        let mut told = String::new();
        text::encode(&mut told, &registry).unwrap();
        assert!(told.contains(r#"trigger_value{namespace="a\"} 1\n\\evil",name"#), "{told}");
    }

    #[test]
    fn resident_memory_is_read_in_bytes() {
        assert_eq!(resident("Name:\tx\nVmRSS:\t    1234 kB\nThreads:\t1\n"), Some(1_263_616));
        assert_eq!(resident("VmRSS:\tmany"), None);
    }
}
