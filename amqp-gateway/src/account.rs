//! PURE: what a worker's gateway knows of a task beside its result, and the headers that carry it to the
//! leader's.

use std::fmt;
use std::time::Duration;

use amqp_admin::Properties;

use crate::tags::{ATTEMPT_HEADER, LOG_HEADER, USED_HEADER, WORKER_HEADER};
use crate::wire::ContentHeader;

/// Host names are shorter.
const WORKER_MAX: usize = 255;
/// The words of a log are for people, and have to fit a frame with the other headers.
pub(crate) const LOG_MAX: usize = 1000;

/// What a task has used; what is not known is missing, and never 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Used {
    /// CPU time of all processors together.
    pub cpu: Option<Duration>,
    /// Bytes read from devices.
    pub read: Option<u64>,
    /// Bytes written to devices.
    pub written: Option<u64>,
    /// The most memory, in bytes.
    pub memory_peak: Option<u64>,
}

/// What whoever runs a worker knows of it that frames do not tell.
pub trait Owner: fmt::Debug + Send + Sync {
    /// The worker's name, for people: its host's, which is its pod's.
    fn name(&self) -> Option<String>;
    /// A task is shown to the worker, the only one in its hands.
    fn begins(&self);
    /// What has been used since then.
    fn used(&self) -> Used;
    /// What the worker has written since then about what went wrong.
    fn last_words(&self) -> Option<String>;
}

/// What is known of one try of a task. Nothing of it is known of a worker without a gateway.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Account {
    /// The worker.
    pub worker: Option<String>,
    /// Which try it was, from 1.
    pub attempt: Option<u32>,
    /// How long the task was in the worker's hands, to its result.
    pub took: Option<Duration>,
    /// What it has used.
    pub used: Used,
    /// Of a failed task: what the worker's log says beside.
    pub log: Option<String>,
}

impl Account {
    /// The headers that carry it.
    pub(crate) fn tags(&self) -> Vec<(&'static str, String)> {
        let used = [
            ("ms", self.took.map(millis)),
            ("cpu_ms", self.used.cpu.map(millis)),
            ("memory_peak", self.used.memory_peak),
            ("read", self.used.read),
            ("written", self.used.written),
        ];
        let known = used.iter().filter_map(|(key, value)| Some(format!("{key}={}", (*value)?)));
        let used = known.collect::<Vec<_>>().join(" ");
        let cut = |text: &String, most| text.chars().take(most).collect();
        let tags = [
            (WORKER_HEADER, self.worker.as_ref().map(|name| cut(name, WORKER_MAX))),
            (ATTEMPT_HEADER, self.attempt.map(|attempt| attempt.to_string())),
            (USED_HEADER, Some(used).filter(|used| !used.is_empty())),
            (LOG_HEADER, self.log.as_ref().map(|words| cut(words, LOG_MAX))),
        ];
        tags.into_iter().filter_map(|(name, text)| Some((name, text?))).collect()
    }

    /// What the headers of a result say.
    pub(crate) fn of(header: &ContentHeader) -> Self {
        let properties = Properties::from(header.properties.clone());
        let used = properties.header(USED_HEADER).unwrap_or_default();
        let number = |key: &str| {
            let mut pairs = used.split(' ').filter_map(|pair| pair.split_once('='));
            pairs.find(|(name, _)| *name == key).and_then(|(_, value)| value.parse::<u64>().ok())
        };
        Self {
            worker: properties.header(WORKER_HEADER),
            attempt: properties.header(ATTEMPT_HEADER).and_then(|text| text.parse().ok()),
            took: number("ms").map(Duration::from_millis),
            used: Used {
                cpu: number("cpu_ms").map(Duration::from_millis),
                read: number("read"),
                written: number("written"),
                memory_peak: number("memory_peak"),
            },
            log: properties.header(LOG_HEADER),
        }
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use amq_protocol::protocol::BasicProperties;

    use super::*;

    fn plain() -> ContentHeader {
        ContentHeader { class_id: 60, body_size: 0, properties: BasicProperties::default() }
    }

    #[test]
    fn what_is_written_is_read_and_what_is_not_known_stays_so() {
        let some = Account {
            worker: Some("prover-worker-0".into()),
            attempt: Some(2),
            took: Some(Duration::from_millis(1250)),
            used: Used { cpu: Some(Duration::from_secs(9)), written: Some(0), ..Used::default() },
            log: None,
        };
        let failed = Account { log: Some("ERROR no circuits".into()), ..Account::default() };
        for account in [some, failed, Account::default()] {
            assert_eq!(Account::of(&crate::tags::with(&plain(), &account.tags())), account);
        }
    }

    #[test]
    fn what_nobody_of_ours_wrote_says_nothing_and_long_words_are_cut() {
        let tags = [(USED_HEADER, "ms=soon cpu_ms= read=-1 =5 memory_peak".to_owned())];
        let read = Account::of(&crate::tags::with(&plain(), &tags));
        assert_eq!(read, Account::default());
        let long = Account { log: Some("é".repeat(5000)), ..Account::default() };
        assert_eq!(long.tags()[0].1.chars().count(), LOG_MAX);
    }
}
