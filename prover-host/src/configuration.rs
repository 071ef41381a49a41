//! PURE: what decides which circuits a worker makes and loads. Upstream's own file names do not hold
//! all of it: a folder filled with `--use-test-config` is used without it, and says nothing.

use std::collections::BTreeMap;
use std::ffi::OsString;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::cleaning::Cleaned;
use crate::hex::hex;

/// The options for the sizes of the tables, and the variables for the same.
const SIZES: [(&str, &str); 9] = [
    ("arithmetic", "ARITHMETIC_CIRCUIT_SIZE"),
    ("byte-packing", "BYTE_PACKING_CIRCUIT_SIZE"),
    ("cpu", "CPU_CIRCUIT_SIZE"),
    ("keccak", "KECCAK_CIRCUIT_SIZE"),
    ("keccak-sponge", "KECCAK_SPONGE_CIRCUIT_SIZE"),
    ("logic", "LOGIC_CIRCUIT_SIZE"),
    ("memory", "MEMORY_CIRCUIT_SIZE"),
    ("mem-before", "MEMORY_BEFORE_CIRCUIT_SIZE"),
    ("mem-after", "MEMORY_AFTER_CIRCUIT_SIZE"),
];
/// Part of the file names of v0.5 and v0.6.
const PACKAGE_VERSION: &str = "EVM_ARITHMETIZATION_PKG_VER";
/// Fast and insecure; not part of any file name.
const TEST_CONFIG: &str = "use-test-config";
/// What stands for a size that is left to the worker.
const DEFAULT: &str = "default";

/// What circuits are made of.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Configuration(BTreeMap<String, String>);

impl Configuration {
    /// As a worker that is started so would see it. An option goes before its variable.
    #[must_use]
    pub fn of(cleaned: &Cleaned) -> Self {
        let args = texts(&cleaned.args);
        let variable = |name: &str| {
            let found = cleaned.env.iter().find(|(known, _)| known == name);
            found.and_then(|(_, value)| value.to_str().map(str::to_owned))
        };
        let sizes = SIZES.iter().filter_map(|(option, name)| {
            Some(((*option).to_owned(), value_of(&args, option).or_else(|| variable(name))?))
        });
        let mut found: BTreeMap<String, String> = sizes.collect();
        if args.iter().any(|arg| arg.strip_prefix("--") == Some(TEST_CONFIG)) {
            found.insert(TEST_CONFIG.to_owned(), true.to_string());
        }
        found.extend(variable(PACKAGE_VERSION).map(|value| (PACKAGE_VERSION.to_owned(), value)));
        Self(found)
    }

    /// The same for the same configuration, different for any other.
    #[must_use]
    pub fn digest(&self) -> String {
        let mut sum = Sha256::new();
        for (key, value) in &self.0 {
            for text in [key, value] {
                sum.update(text.len().to_be_bytes());
                sum.update(text);
            }
        }
        format!("sha256:{}", hex(&sum.finalize()))
    }

    /// What differs, in words: `cpu is 12..20 there and 12..25 here`.
    #[must_use]
    pub fn differences(&self, there: &Self) -> String {
        let keys = self.0.keys().chain(there.0.keys());
        let keys: std::collections::BTreeSet<&String> = keys.collect();
        let value =
            |of: &Self, key: &String| of.0.get(key).map_or(DEFAULT, String::as_str).to_owned();
        let different = keys.into_iter().filter(|key| self.0.get(*key) != there.0.get(*key));
        let told = different.map(|key| {
            format!("{key} is {} there and {} here", value(there, key), value(self, key))
        });
        told.collect::<Vec<_>>().join(", ")
    }
}

fn texts(args: &[OsString]) -> Vec<&str> {
    args.iter().filter_map(|arg| arg.to_str()).collect()
}

/// The value of `--option VALUE` or `--option=VALUE`; the last one counts.
fn value_of(args: &[&str], option: &str) -> Option<String> {
    let after = |arg: &str| arg.strip_prefix("--")?.strip_prefix(option).map(str::to_owned);
    let mut found = None;
    for (at, arg) in args.iter().enumerate() {
        match after(arg).as_deref() {
            Some("") => found = args.get(at + 1).map(|value| (*value).to_owned()),
            Some(rest) => found = rest.strip_prefix('=').map(str::to_owned).or(found),
            None => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(args: &[&str], env: &[(&str, &str)]) -> Configuration {
        Configuration::of(&Cleaned {
            program: "worker".into(),
            args: args.iter().map(OsString::from).collect(),
            env: env.iter().map(|(name, value)| (name.into(), value.into())).collect(),
            folder: None,
        })
    }

    #[test]
    fn an_option_and_its_variable_mean_the_same_and_the_option_goes_first() {
        let expected = of(&["--cpu", "12..20"], &[]);
        for (args, env) in [
            (["--cpu=12..20"].as_slice(), [].as_slice()),
            (&["--cpu", "9..10", "--cpu=12..20"], &[]),
            (&[], &[("CPU_CIRCUIT_SIZE", "12..20")]),
            (&["--cpu=12..20"], &[("CPU_CIRCUIT_SIZE", "1..2"), ("HOME", "/x")]),
            (&["--cpu=12..20", "-s", "cbor", "--runtime=amqp"], &[]),
        ] {
            assert_eq!(of(args, env), expected, "{args:?} {env:?}");
            assert_eq!(of(args, env).digest(), expected.digest());
        }
    }

    #[test]
    fn anything_that_changes_circuits_changes_the_digest() {
        let digests = [
            of(&[], &[]),
            of(&["--use-test-config"], &[]),
            of(&["--keccak=4..5"], &[]),
            of(&["--keccak-sponge=4..5"], &[]),
            of(&["--keccak=4..6"], &[]),
            of(&[], &[("MEMORY_AFTER_CIRCUIT_SIZE", "4..5")]),
            of(&[], &[("EVM_ARITHMETIZATION_PKG_VER", "0.4.0")]),
        ]
        .map(|configuration| configuration.digest());
        let different: std::collections::BTreeSet<_> = digests.iter().collect();
        assert_eq!(different.len(), digests.len());
    }

    #[test]
    fn differences_are_told_in_words() {
        let here = of(&["--cpu=12..25"], &[]);
        let there = of(&["--cpu=12..20", "--use-test-config"], &[]);
        assert_eq!(
            here.differences(&there),
            "cpu is 12..20 there and 12..25 here, use-test-config is true there and default here"
        );
        assert_eq!(here.differences(&here), "");
    }
}
