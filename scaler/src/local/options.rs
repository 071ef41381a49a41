//! The options of `zero-scaler local`.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;

use amqp_admin::VhostName;
use anyhow::{Context, bail};
use clap::Args;

use super::command::WorkerCommand;
use super::plan::Limits;
use crate::trigger;

/// More worker processes than this on one machine are a typing error.
const MOST_CHILDREN: i64 = 1_000;
/// Below this every look costs more than it tells: the broker samples every 5 s.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(100);

/// Scales worker processes on this machine: as many as the backlog wants, within bounds.
#[derive(Debug, Clone, Args)]
pub struct LocalOptions {
    /// The command line of one worker. It is split as a shell would and given to none; `{n}` stands
    /// for the worker's number, from 1. SIGTERM must end it: let a wrapper finish the task in hand.
    #[arg(long, env = "ZERO_SCALER_LOCAL_WORKER", value_name = "COMMAND")]
    pub worker: WorkerCommand,
    /// Never fewer workers, even with nothing to do.
    #[arg(long, env = "ZERO_SCALER_LOCAL_MIN", value_name = "N", default_value_t = 0,
        value_parser = clap::value_parser!(u32).range(0..=MOST_CHILDREN))]
    pub min: u32,
    /// Never more worker processes, those about to end included.
    #[arg(long, env = "ZERO_SCALER_LOCAL_MAX", value_name = "N", default_value_t = 1,
        value_parser = clap::value_parser!(u32).range(1..=MOST_CHILDREN))]
    pub max: u32,
    /// One key of the trigger, as in a ScaledObject's metadata: `vhost=proofs`, `target=2`. May be
    /// repeated.
    #[arg(long, env = "ZERO_SCALER_LOCAL_TRIGGER", value_name = "KEY=VALUE", value_delimiter = '\n',
        value_parser = key_value)]
    pub trigger: Vec<(String, String)>,
    /// How long a worker may take to end after SIGTERM; then it is killed. A proof task lasts
    /// minutes and a killed one starts from zero, so this is above the slowest task, and RabbitMQ
    /// itself gives a task 30 minutes (`consumer_timeout`).
    #[arg(long, env = "ZERO_SCALER_LOCAL_GRACE", value_name = "DURATION", default_value = "30m",
        value_parser = humantime::parse_duration)]
    pub grace: Duration,
    /// How long fewer workers must have been wanted before one is stopped. More are started at
    /// once.
    #[arg(long, env = "ZERO_SCALER_LOCAL_STABILIZATION", value_name = "DURATION", default_value = "10s",
        value_parser = humantime::parse_duration)]
    pub stabilization: Duration,
    /// Between two looks at the workers; a change of the backlog is acted on at once.
    #[arg(long, env = "ZERO_SCALER_LOCAL_INTERVAL", value_name = "DURATION", default_value = "1s",
        value_parser = humantime::parse_duration)]
    pub interval: Duration,
    /// Write each worker's output to `worker-<n>.log` in this folder instead of our own.
    #[arg(long, env = "ZERO_SCALER_LOCAL_WORKER_LOG_DIR", value_name = "FOLDER")]
    pub worker_log_dir: Option<PathBuf>,
}

impl LocalOptions {
    /// The trigger's metadata.
    #[must_use]
    pub fn metadata(&self) -> HashMap<String, String> {
        self.trigger.iter().cloned().collect()
    }

    /// A trigger that names no vhost counts in the one that the AMQP URI names: workers started
    /// with the same URI take from there.
    #[must_use]
    pub fn on_vhost(mut self, home: &VhostName) -> Self {
        let metadata = self.metadata();
        if !metadata.contains_key("vhost") && !metadata.contains_key("vhostFromEnv") {
            self.trigger.push(("vhost".to_owned(), home.to_string()));
        }
        self
    }

    /// Refuses what does not go together, before anything is started.
    pub fn check(&self) -> anyhow::Result<()> {
        if self.min > self.max {
            bail!(
                "`--min {}` is above `--max {}`; lower the one or raise the other",
                self.min,
                self.max
            );
        }
        if self.interval < SHORTEST_INTERVAL {
            bail!("`--interval` is below 100 ms; 1s is plenty, the broker samples every 5 s");
        }
        let metadata = self.metadata();
        if metadata.len() < self.trigger.len() {
            bail!("`--trigger` gives one key twice; leave one of them out");
        }
        let parsed = trigger::parse(&metadata).context("cannot use `--trigger`")?;
        if let Some(warning) = parsed.warnings.first() {
            bail!("cannot use `--trigger`: {warning}");
        }
        Ok(())
    }

    /// The bounds of every plan.
    #[must_use]
    pub fn limits(&self) -> Limits {
        Limits {
            min: self.min,
            max: self.max,
            stabilization: self.stabilization,
            grace: self.grace,
        }
    }
}

fn key_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => {
            Ok((key.trim().to_owned(), value.to_owned()))
        }
        _ => Err("it must be KEY=VALUE, for example `vhost=proofs`".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        options: LocalOptions,
    }

    fn options(words: &[&str]) -> Result<LocalOptions, String> {
        let all = ["local", "--worker", "worker -v"].iter().chain(words);
        let line = Line::try_parse_from(all).map_err(|error| error.to_string())?;
        line.options.check().map_err(|error| format!("{error:#}"))?;
        Ok(line.options)
    }

    #[test]
    fn the_options_are_consistent_and_each_has_an_environment_name() {
        Line::command().debug_assert();
        for arg in Line::command().get_arguments().filter(|arg| arg.get_id() != "help") {
            let expected = format!("ZERO_SCALER_LOCAL_{}", arg.get_id().as_str().to_uppercase());
            assert_eq!(arg.get_env().and_then(|env| env.to_str()), Some(expected.as_str()));
        }
    }

    #[test]
    fn left_alone_one_worker_runs_when_there_is_work() {
        let options = options(&[]).unwrap();
        assert_eq!((options.min, options.max), (0, 1));
        assert_eq!(options.limits().grace, Duration::from_secs(1800));
        assert_eq!(options.limits().stabilization, Duration::from_secs(10));
    }

    #[test]
    fn without_a_vhost_the_trigger_counts_where_the_amqp_uri_points() {
        let home = VhostName::new("proofs").unwrap();
        let vhost = |given: &[&str]| {
            options(given).unwrap().on_vhost(&home).metadata().remove("vhost").unwrap()
        };
        assert_eq!(vhost(&[]), "proofs");
        assert_eq!(vhost(&["--trigger", "vhost=other"]), "other");
    }

    #[test]
    fn a_trigger_is_given_key_by_key() {
        let given = options(&["--trigger", "vhost=a=b", "--trigger", "target=2"]).unwrap();
        assert_eq!(given.metadata()["vhost"], "a=b");
        assert_eq!(given.metadata()["target"], "2");
    }

    #[test]
    fn what_cannot_work_is_refused_by_name() {
        for (words, named) in [
            (&["--min", "3", "--max", "2"][..], "`--min 3`"),
            (&["--max", "0"], "--max"),
            (&["--max", "1001"], "--max"),
            (&["--interval", "0s"], "`--interval`"),
            (&["--trigger", "target=none"], "`target`"),
            (&["--trigger", "vhots=a"], "did you mean `vhost`?"),
            (&["--trigger", "target"], "KEY=VALUE"),
            (&["--trigger", "target=1", "--trigger", "target=2"], "twice"),
        ] {
            let refusal = options(words).unwrap_err();
            assert!(refusal.contains(named), "{words:?}: {refusal}");
        }
    }
}
