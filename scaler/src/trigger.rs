//! PURE: `scalerMetadata` → [`Trigger`]. Every refusal names the key and the bad value.

use std::collections::HashMap;
use std::hash::Hasher;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use amqp_admin::{Pool, QueueRole, RoleSet, Selector, VhostName};
use regex::{Regex, RegexBuilder};
use thiserror::Error;

/// The keys that mean something to us, in the order the README's table has them.
const KEYS: [&str; 12] = [
    "broker",
    "vhost",
    "queues",
    "excludeQueues",
    "roles",
    "target",
    "activationTarget",
    "countUnacked",
    "mode",
    "drainSeconds",
    "pool",
    "maxWorkers",
];

/// Keys that KEDA's own client understands; it passes them on to us all the same.
const KEDA_KEYS: [&str; 7] = [
    "scalerAddress",
    "enableTLS",
    "unsafeSsl",
    "caCert",
    "tlsClientCert",
    "tlsClientKey",
    "metricType",
];

/// The alias of the broker when metadata names none.
pub const DEFAULT_BROKER: &str = "default";

/// Below this the HPA's target becomes the quantity "0", which its API refuses.
const MIN_TARGET: f64 = 0.001;
/// With [`crate::decide::MAX_WORKERS`] workers the reported value stays where a Kubernetes
/// quantity in thousandths still fits 64 bits.
const MAX_TARGET: f64 = 1e9;
/// Activation thresholds above this many messages are typing errors.
const MAX_ACTIVATION: f64 = 1e15;
/// A week: longer drains are typing errors.
const MAX_DRAIN_SECONDS: u64 = 7 * 24 * 3600;
/// Bytes a compiled pattern may take; patterns run in linear time.
const REGEX_BYTES: usize = 1 << 20;
/// Unknown keys told one by one.
const MOST_WARNINGS: usize = 10;
/// Characters of a bad value that an error repeats.
const SHOWN_CHARS: usize = 60;

/// Which vhosts a trigger sums over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Vhosts {
    /// One.
    One(VhostName),
    /// Every vhost the scaler's user may see (`*`).
    All,
}

/// How the number of workers follows from the backlog.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// `target` messages for each worker.
    Backlog,
    /// As many workers as empty the backlog within this time at the measured service rate.
    Drain(Duration),
}

/// What one KEDA trigger asks for.
#[derive(Debug, Clone)]
pub struct Trigger {
    /// The alias of a broker in the scaler's own configuration.
    pub broker: String,
    /// Where to look.
    pub vhosts: Vhosts,
    /// Which queues count.
    pub selector: Selector,
    /// Messages for each worker.
    pub target: f64,
    /// Strictly more messages than this make the trigger active.
    pub activation_target: f64,
    /// Whether messages in workers' hands are part of the backlog.
    pub count_unacked: bool,
    /// How workers follow from the backlog.
    pub mode: Mode,
    /// Never ask for more workers than this, unless more are busy.
    pub max_workers: Option<u64>,
    /// The name KEDA asks the value by: a function of the metadata alone.
    pub metric_name: String,
    /// What looks wrong without being refused.
    pub warnings: Vec<String>,
}

/// A trigger that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("trigger metadata `{key}`: {problem}, got `{value}`")]
pub struct TriggerError {
    /// The key.
    pub key: &'static str,
    /// The value, shortened.
    pub value: String,
    /// What is wrong.
    pub problem: String,
}

type Result<T> = std::result::Result<T, TriggerError>;

fn refuse<T>(key: &'static str, value: &str, problem: impl Into<String>) -> Result<T> {
    let mut shown: String = value.chars().filter(|c| !c.is_control()).take(SHOWN_CHARS).collect();
    if value.chars().count() > SHOWN_CHARS {
        shown.push('…');
    }
    Err(TriggerError { key, value: shown, problem: problem.into() })
}

/// The metadata with a reader for each kind of value.
struct Metadata<'a>(&'a HashMap<String, String>);

impl<'a> Metadata<'a> {
    /// The value of a key; an empty one is refused: it is a template that lost its variable.
    fn text(&self, key: &'static str) -> Result<Option<&'a str>> {
        let resolved = format!("{key}FromEnv");
        match (self.0.get(key), self.0.get(&resolved)) {
            (Some(_), Some(_)) => {
                refuse(key, &resolved, "is given twice, also from the environment")
            }
            (Some(value), None) | (None, Some(value)) if value.trim().is_empty() => {
                refuse(key, value, "is empty; leave the key out to get its default")
            }
            (value, resolved) => Ok(value.or(resolved).map(String::as_str)),
        }
    }

    fn number(&self, key: &'static str, lowest: f64, highest: f64) -> Result<Option<f64>> {
        let Some(text) = self.text(key)? else {
            return Ok(None);
        };
        let plain = text.bytes().all(|b| b.is_ascii_digit() || b".eE+-".contains(&b));
        match f64::from_str(text) {
            Ok(number) if plain && (lowest..=highest).contains(&number) => Ok(Some(number)),
            Ok(number) if plain && number.is_finite() => {
                refuse(key, text, format!("must be from {lowest} to {highest}"))
            }
            _ => refuse(key, text, "must be a number such as `2` or `0.5`"),
        }
    }

    fn whole(&self, key: &'static str, lowest: u64, highest: u64) -> Result<Option<u64>> {
        let Some(text) = self.text(key)? else {
            return Ok(None);
        };
        let plain = text.bytes().all(|b| b.is_ascii_digit());
        match u64::from_str(text) {
            Ok(number) if plain && (lowest..=highest).contains(&number) => Ok(Some(number)),
            _ => refuse(key, text, format!("must be a whole number from {lowest} to {highest}")),
        }
    }

    fn flag(&self, key: &'static str) -> Result<Option<bool>> {
        match self.text(key)? {
            None => Ok(None),
            Some("true") => Ok(Some(true)),
            Some("false") => Ok(Some(false)),
            Some(text) => refuse(key, text, "must be `true` or `false`"),
        }
    }

    /// A pattern that must match the whole name.
    fn pattern(&self, key: &'static str) -> Result<Option<Arc<Regex>>> {
        let Some(text) = self.text(key)? else {
            return Ok(None);
        };
        // Tried alone first: wrapping could make sense of a stray parenthesis.
        let built = Regex::new(text).and_then(|_| {
            RegexBuilder::new(&format!("^(?:{text})$"))
                .size_limit(REGEX_BYTES)
                .dfa_size_limit(REGEX_BYTES)
                .build()
        });
        match built {
            Ok(regex) => Ok(Some(Arc::new(regex))),
            Err(error) => refuse(key, text, format!("is no pattern: {}", last_line(&error))),
        }
    }
}

/// The regex crate draws the pattern with a caret; its last line says what is wrong.
fn last_line(error: &regex::Error) -> String {
    let text = error.to_string();
    let line = text.lines().last().unwrap_or_default();
    line.trim_start_matches("error: ").to_owned()
}

/// Reads what KEDA sent. Unknown keys are warnings, not errors.
#[expect(clippy::implicit_hasher, reason = "the generated code has this very type")]
pub fn parse(metadata: &HashMap<String, String>) -> Result<Trigger> {
    let read = Metadata(metadata);
    Ok(Trigger {
        broker: read.text("broker")?.unwrap_or(DEFAULT_BROKER).to_owned(),
        vhosts: vhosts(&read)?,
        selector: Selector {
            queues: read.pattern("queues")?,
            exclude: read.pattern("excludeQueues")?,
            roles: roles(&read)?,
            pool: pool(&read)?,
        },
        target: read.number("target", MIN_TARGET, MAX_TARGET)?.unwrap_or(1.0),
        activation_target: read.number("activationTarget", 0.0, MAX_ACTIVATION)?.unwrap_or(0.0),
        count_unacked: read.flag("countUnacked")?.unwrap_or(true),
        mode: mode(&read)?,
        max_workers: read.whole("maxWorkers", 1, crate::decide::MAX_WORKERS)?,
        metric_name: metric_name(metadata),
        warnings: warnings(metadata),
    })
}

fn vhosts(read: &Metadata<'_>) -> Result<Vhosts> {
    match read.text("vhost")? {
        None => Ok(Vhosts::One(VhostName::default())),
        Some("*") => Ok(Vhosts::All),
        Some(text) => match VhostName::new(text) {
            Ok(name) => Ok(Vhosts::One(name)),
            Err(error) => refuse("vhost", text, error.to_string()),
        },
    }
}

fn roles(read: &Metadata<'_>) -> Result<RoleSet> {
    let Some(text) = read.text("roles")? else {
        return Ok(RoleSet::WORK);
    };
    let mut roles = RoleSet { task: false, result: false, control: false, other: false };
    for word in text.split(',').map(str::trim) {
        let role = match word {
            "task" => &mut roles.task,
            "result" => &mut roles.result,
            "control" => &mut roles.control,
            "other" => &mut roles.other,
            _ => {
                return refuse("roles", text, "must list `task`, `other`, `result` or `control`");
            }
        };
        *role = true;
    }
    Ok(roles)
}

fn pool(read: &Metadata<'_>) -> Result<Pool> {
    match read.text("pool")? {
        None | Some("all") => Ok(Pool::All),
        Some("heavy") => Ok(Pool::Heavy),
        Some("light") => Ok(Pool::Light),
        Some(text) => refuse("pool", text, "must be `all`, `heavy` or `light`"),
    }
}

fn mode(read: &Metadata<'_>) -> Result<Mode> {
    let seconds = read.whole("drainSeconds", 1, MAX_DRAIN_SECONDS)?;
    match (read.text("mode")?, seconds) {
        (None | Some("backlog"), None) => Ok(Mode::Backlog),
        (Some("drain"), Some(seconds)) => Ok(Mode::Drain(Duration::from_secs(seconds))),
        (Some("drain"), None) => refuse("drainSeconds", "", "is needed with `mode: drain`"),
        (None | Some("backlog"), Some(seconds)) => {
            refuse("drainSeconds", &seconds.to_string(), "is only for `mode: drain`")
        }
        (Some(text), _) => refuse("mode", text, "must be `backlog` or `drain`"),
    }
}

fn warnings(metadata: &HashMap<String, String>) -> Vec<String> {
    let mut warnings: Vec<String> = metadata.keys().filter_map(|key| unknown_key(key)).collect();
    warnings.sort();
    let more = warnings.len().saturating_sub(MOST_WARNINGS);
    warnings.truncate(MOST_WARNINGS);
    warnings.extend((more > 0).then(|| format!("{more} more unknown keys are ignored")));
    warnings
}

fn unknown_key(key: &str) -> Option<String> {
    let plain = key.strip_suffix("FromEnv").unwrap_or(key);
    if KEYS.contains(&plain) || KEDA_KEYS.contains(&plain) {
        return None;
    }
    let shown: String = key.chars().filter(|c| !c.is_control()).take(SHOWN_CHARS).collect();
    let near =
        KEYS.iter().map(|known| (strsim::damerau_levenshtein(&lower(plain), &lower(known)), known));
    Some(match near.min() {
        Some((distance, known)) if distance <= 3 => {
            format!("unknown key `{shown}` is ignored; did you mean `{known}`?")
        }
        _ => format!("unknown key `{shown}` is ignored; known are {}", KEYS.join(", ")),
    })
}

/// Bounded, because a key may be of any length and the distance costs by its square.
fn lower(text: &str) -> String {
    text.chars().take(SHOWN_CHARS).flat_map(char::to_lowercase).collect()
}

/// `zero-backlog-` and eight hex digits of the keys that mean something to us, so the HPA keeps
/// finding it across replicas, versions and restarts.
pub(crate) fn metric_name(metadata: &HashMap<String, String>) -> String {
    let mut fnv = Fnv::default();
    for key in KEYS {
        for key in [key.to_owned(), format!("{key}FromEnv")] {
            if let Some(value) = metadata.get(&key) {
                fnv.write(key.as_bytes());
                fnv.write(&[0]);
                fnv.write(value.as_bytes());
                fnv.write(&[0]);
            }
        }
    }
    let hash = fnv.finish();
    format!("zero-backlog-{:08x}", (hash >> 32) ^ (hash & 0xffff_ffff))
}

/// FNV-1a with 64 bits: unlike the standard library's hasher it is the same in every release.
struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Hasher for Fnv {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
}

/// How a role set is written in metadata.
#[must_use]
pub fn role_words(roles: RoleSet) -> String {
    let all = [QueueRole::Task(Pool::All), QueueRole::Other, QueueRole::Result, QueueRole::Control];
    let words: Vec<_> =
        all.into_iter().filter(|role| roles.contains(*role)).map(QueueRole::name).collect();
    words.join(", ")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn with(pairs: &[(&str, &str)]) -> Result<Trigger> {
        let metadata = pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        parse(&metadata)
    }

    fn refusal(key: &str, value: &str) -> String {
        with(&[(key, value)]).unwrap_err().to_string()
    }

    #[test]
    fn without_metadata_everything_a_worker_could_take_counts_one_message_a_worker() {
        let trigger = with(&[("scalerAddress", "zero-scaler:50051")]).unwrap();
        assert_eq!(trigger.broker, "default");
        assert_eq!(trigger.vhosts, Vhosts::One(VhostName::default()));
        assert_eq!(trigger.selector.roles, RoleSet::WORK);
        assert_eq!((trigger.target, trigger.activation_target), (1.0, 0.0));
        assert!(trigger.count_unacked && trigger.warnings.is_empty());
        assert_eq!(trigger.mode, Mode::Backlog);
    }

    #[test]
    fn numbers_that_are_none_or_out_of_range_are_refused_by_name() {
        for value in [
            "0", "-1", "NaN", "inf", "1e400", "10 ", " 10", "1,5", "1_000", "0.0009", "", "１",
            "0x10",
        ] {
            let message = refusal("target", value);
            assert!(message.starts_with("trigger metadata `target`"), "{message}");
        }
        for value in ["-0.1", "NaN", "1e16", "five"] {
            assert!(refusal("activationTarget", value).contains("`activationTarget`"));
        }
        for value in ["0", "-3", "2.5", "1000001", "18446744073709551616", "+4"] {
            assert!(refusal("maxWorkers", value).contains("`maxWorkers`"));
        }
        for value in ["0", "604801", "1m"] {
            let message = with(&[("mode", "drain"), ("drainSeconds", value)]).unwrap_err();
            assert_eq!(message.key, "drainSeconds");
        }
    }

    #[test]
    fn a_wrong_pattern_is_refused_by_name_with_the_reason() {
        let message = refusal("queues", "proof-(");
        assert!(message.contains("`queues`") && message.contains("unclosed group"), "{message}");
        assert!(refusal("excludeQueues", "[").contains("`excludeQueues`"));
        assert!(refusal("queues", "a)|(?:b").contains("unopened group"));
        assert!(refusal("queues", "(a{1000}){1000}").contains("`queues`"));
    }

    #[test]
    fn patterns_match_the_whole_name() {
        let trigger = with(&[("queues", "proof-[0-9]+|heavy")]).unwrap();
        let queues = trigger.selector.queues.unwrap();
        assert!(queues.is_match("proof-12") && queues.is_match("heavy"));
        assert!(!queues.is_match("my-proof-12") && !queues.is_match("heavy-proof"));
    }

    #[test]
    fn an_unknown_key_is_a_warning_with_the_nearest_known_one() {
        let trigger = with(&[("excludequeue", "x"), ("colour", "red")]).unwrap();
        assert_eq!(trigger.warnings.len(), 2);
        assert!(trigger.warnings.iter().any(|w| w.contains("did you mean `excludeQueues`?")));
    }

    #[test]
    fn a_value_keda_resolved_from_the_environment_counts() {
        let trigger = with(&[("vhostFromEnv", "proofs")]).unwrap();
        assert_eq!(trigger.vhosts, Vhosts::One(VhostName::new("proofs").unwrap()));
        assert!(trigger.warnings.is_empty());
        assert_eq!(with(&[("vhost", "a"), ("vhostFromEnv", "b")]).unwrap_err().key, "vhost");
    }

    #[test]
    fn words_outside_their_lists_are_refused() {
        for (key, value) in [
            ("roles", "task,banana"),
            ("roles", "task,,other"),
            ("pool", "medium"),
            ("mode", "turbo"),
            ("countUnacked", "yes"),
            ("drainSeconds", "60"),
            ("vhost", " "),
        ] {
            assert_eq!(with(&[(key, value)]).unwrap_err().key, key);
        }
        assert_eq!(with(&[("mode", "drain")]).unwrap_err().key, "drainSeconds");
    }

    #[test]
    fn the_metric_name_depends_on_our_keys_alone_and_fits_a_url() {
        let name = |pairs: &[(&str, &str)]| with(pairs).unwrap().metric_name;
        let plain = name(&[]);
        assert_eq!(plain, name(&[("scalerAddress", "elsewhere:1"), ("colour", "red")]));
        assert_ne!(plain, name(&[("vhost", "a/%b")]));
        let odd = name(&[("vhost", "a/%b"), ("queues", "ü+ [0-9]")]);
        assert!(odd.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'));
        // Changing this name cuts running HPAs off their metric until the next reconcile.
        assert_eq!(plain, "zero-backlog-4fd0bfc1");
    }

    #[test]
    fn a_refusal_is_short_whatever_was_sent() {
        let message = refusal("target", &"9\n".repeat(40_000));
        assert!(message.len() < 300 && !message.contains('\n'), "{message}");
    }

    proptest! {
        #[test]
        fn any_metadata_is_read_or_refused_and_never_panics(
            pairs in prop::collection::hash_map("[a-zA-Z]{0,16}|broker|vhost|queues|target|mode|pool", "\\PC{0,30}", 0..8)
        ) {
            let _ = parse(&pairs);
        }
    }
}
