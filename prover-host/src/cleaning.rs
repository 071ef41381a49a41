//! PURE: the child's command and environment: it finds the gateway where it would have found the
//! broker, and nothing that opens the broker.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::PathBuf;

use percent_encoding::percent_decode;
use thiserror::Error;

/// Where a program of either generation looks for its broker.
const URI_VARIABLES: [&str; 2] = ["AMQP_URI", "PALADIN_AMQP_URI"];
/// The option that goes before both.
const URI_OPTION: &str = "--amqp-uri";
/// Variables of ours: none of the child's business, and some hold credentials.
const OURS: [&str; 2] = ["ZERO_WORKER_", "ZERO_LEADER_"];
/// Without it a program writes errors only, and there is nothing to count.
const LOG_FILTER: (&str, &str) = ("RUST_LOG", "info");

/// What a child is started with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cleaned {
    /// The program.
    pub program: OsString,
    /// Its arguments.
    pub args: Vec<OsString>,
    /// Its whole environment.
    pub env: Vec<(OsString, OsString)>,
    /// Where it runs; where we do, without one.
    pub folder: Option<PathBuf>,
}

/// Why a command cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum CleanError {
    /// There is none.
    #[error(
        "no command is given; put it after two dashes: `zero-worker … -- worker --runtime=amqp`"
    )]
    Empty,
    /// The password in an argument that is not ours to change.
    #[error(
        "argument {0} of the worker's command holds the broker's password, and every program on the machine can read it there; leave the broker's address out, the worker gets one without a password"
    )]
    Secret(usize),
}

/// The broker's passwords.
#[derive(Clone, Default)]
pub struct Secrets(Vec<Vec<u8>>);

impl Secrets {
    /// Of these passwords; empty ones are none.
    #[must_use]
    pub fn new<'a>(passwords: impl IntoIterator<Item = &'a str>) -> Self {
        let kept = passwords.into_iter().filter(|word| !word.is_empty());
        Self(kept.map(|word| word.as_bytes().to_vec()).collect())
    }

    /// The text is a password, or a URI with one in it, encoded or not.
    fn are_in(&self, text: &OsStr) -> bool {
        let decoded: Vec<u8> = percent_decode(text.as_bytes()).collect();
        [text.as_bytes(), &decoded].into_iter().any(|text| {
            self.0.iter().any(|word| {
                let in_uri = [b":", word.as_slice(), b"@"].concat();
                text == word.as_slice() || text.windows(in_uri.len()).any(|part| part == in_uri)
            })
        })
    }
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secrets")
    }
}

/// The command and the environment for a child that finds its broker at `uri`.
pub fn clean(
    command: &[OsString],
    env: impl IntoIterator<Item = (OsString, OsString)>,
    uri: &str,
    secrets: &Secrets,
) -> Result<Cleaned, CleanError> {
    let (program, args) = command.split_first().ok_or(CleanError::Empty)?;
    let args = clean_args(args, uri);
    for (at, word) in std::iter::once(program).chain(&args).enumerate() {
        if secrets.are_in(word) {
            return Err(CleanError::Secret(at));
        }
    }
    let mut kept: Vec<(OsString, OsString)> =
        env.into_iter().filter(|(name, value)| is_kept(name, value, secrets)).collect();
    if !kept.iter().any(|(name, _)| name == LOG_FILTER.0) {
        kept.push((LOG_FILTER.0.into(), LOG_FILTER.1.into()));
    }
    kept.extend(URI_VARIABLES.map(|name| (name.into(), uri.into())));
    Ok(Cleaned { program: program.clone(), args, env: kept, folder: None })
}

fn is_kept(name: &OsStr, value: &OsStr, secrets: &Secrets) -> bool {
    let ours = OURS.iter().any(|prefix| name.as_bytes().starts_with(prefix.as_bytes()));
    let address = URI_VARIABLES.iter().any(|variable| name == *variable);
    !ours && !address && !secrets.are_in(value)
}

fn clean_args(args: &[OsString], uri: &str) -> Vec<OsString> {
    let joined = [URI_OPTION.as_bytes(), b"="].concat();
    let mut is_value = false;
    let put = |arg: &OsString| {
        if std::mem::take(&mut is_value) {
            return uri.into();
        }
        is_value = arg == URI_OPTION;
        if arg.as_bytes().starts_with(&joined) {
            return OsString::from_vec([joined.as_slice(), uri.as_bytes()].concat());
        }
        arg.clone()
    };
    args.iter().map(put).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GATEWAY: &str = "amqp://127.0.0.1:4711";

    fn words(words: &[&str]) -> Vec<OsString> {
        words.iter().map(OsString::from).collect()
    }

    fn env(pairs: &[(&str, &str)]) -> Vec<(OsString, OsString)> {
        pairs.iter().map(|(name, value)| (name.into(), value.into())).collect()
    }

    fn cleaned(command: &[&str], variables: &[(&str, &str)]) -> Result<Cleaned, CleanError> {
        clean(&words(command), env(variables), GATEWAY, &Secrets::new(["p@ss"]))
    }

    #[test]
    fn every_address_of_a_broker_becomes_the_gateways() {
        let told = cleaned(
            &["worker", "--amqp-uri", "amqp://u:p@h", "-s", "cbor", "--amqp-uri=amqp://u:p@h"],
            &[("AMQP_URI", "amqp://u:p@h"), ("PALADIN_AMQP_URI", "x"), ("PATH", "/bin")],
        );
        let told = told.unwrap();
        let expected = format!("--amqp-uri {GATEWAY} -s cbor --amqp-uri={GATEWAY}");
        assert_eq!(told.args, words(&expected.split(' ').collect::<Vec<_>>()));
        let variables = env(&[
            ("PATH", "/bin"),
            ("RUST_LOG", "info"),
            ("AMQP_URI", GATEWAY),
            ("PALADIN_AMQP_URI", GATEWAY),
        ]);
        assert_eq!((told.program, told.env), ("worker".into(), variables));
    }

    #[test]
    fn nothing_of_ours_and_no_password_reaches_the_child() {
        let variables = [
            ("ZERO_WORKER_PASSWORD_FILE", "f"),
            ("RABBITMQ_PASSWORD", "p@ss"),
            ("QUEUE_URL", "amqp://u:p%40ss@rabbit:5672/v"),
            ("OTHER_URL", "amqp://u:p@ss@rabbit"),
            ("RUST_LOG", "warn"),
            ("HOME", "/p@ss/x"),
        ];
        let told = cleaned(&["worker"], &variables).unwrap();
        let names: Vec<_> = told.env.iter().map(|(name, _)| name.to_str().unwrap()).collect();
        assert_eq!(names, ["RUST_LOG", "HOME", "AMQP_URI", "PALADIN_AMQP_URI"]);
    }

    #[test]
    fn a_password_in_another_argument_is_refused_and_not_repeated() {
        let error = cleaned(&["sh", "-c", "worker --amqp-uri amqp://u:p@ss@h"], &[]).unwrap_err();
        assert_eq!(error, CleanError::Secret(2));
        assert!(!error.to_string().contains("p@ss"));
        assert_eq!(cleaned(&[], &[]), Err(CleanError::Empty));
    }

    #[test]
    fn an_option_without_a_value_stays_the_workers_own_mistake() {
        assert_eq!(cleaned(&["w", "--amqp-uri"], &[]).unwrap().args, words(&["--amqp-uri"]));
    }
}
