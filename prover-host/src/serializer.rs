//! PURE: what a worker reads and writes, by its command.

use std::ffi::{OsStr, OsString};

use amqp_admin::paladin::Serializer;

/// The variable for the option, of v0.7.
pub const VARIABLE: &str = "PALADIN_SERIALIZER";
const LONG: &str = "--serializer";
const SHORT: &str = "-s";
/// Options that only a worker has: arguments among which one of them is are the worker's own, and not
/// those of a shell or another program that starts it.
const OWN: [&str; 4] = ["--runtime", "--amqp-uri", "--task-bus-routing-key", "--persistence"];

/// What a worker that is started so reads and writes. `None`: it cannot be told.
#[must_use]
pub fn serializer(command: &[OsString], variable: Option<&OsStr>) -> Option<Serializer> {
    let args: Vec<&str> = command.iter().skip(1).filter_map(|arg| arg.to_str()).collect();
    if let Some(named) = option(&args) {
        return of(named);
    }
    if let Some(named) = variable {
        return named.to_str().and_then(of);
    }
    let is_own = |arg: &&str| {
        let name = arg.split_once('=').map_or(*arg, |(name, _)| name);
        OWN.contains(&name)
    };
    // paladin's own default.
    args.iter().any(is_own).then_some(Serializer::Postcard)
}

/// The value of the option; the last one counts.
fn option<'a>(args: &[&'a str]) -> Option<&'a str> {
    let mut found = None;
    for (at, arg) in args.iter().enumerate() {
        if *arg == LONG || *arg == SHORT {
            found = args.get(at + 1).copied().or(found);
        } else if let Some(value) = arg.strip_prefix(LONG).and_then(|rest| rest.strip_prefix('=')) {
            found = Some(value);
        } else if let Some(value) = arg.strip_prefix(SHORT) {
            found = Some(value.strip_prefix('=').unwrap_or(value));
        }
    }
    found
}

fn of(name: &str) -> Option<Serializer> {
    match name {
        "postcard" => Some(Serializer::Postcard),
        "cbor" => Some(Serializer::Cbor),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(command: &[&str], variable: Option<&str>) -> Option<Serializer> {
        let command: Vec<OsString> = command.iter().map(OsString::from).collect();
        serializer(&command, variable.map(OsStr::new))
    }

    #[test]
    fn the_option_goes_before_the_variable_and_the_last_one_counts() {
        for args in [
            ["--serializer", "cbor"].as_slice(),
            &["--serializer=cbor"],
            &["-s", "cbor"],
            &["-scbor"],
            &["-s=cbor"],
            &["--serializer", "postcard", "--runtime=amqp", "-s", "cbor"],
        ] {
            let command = [&["worker"], args].concat();
            assert_eq!(told(&command, Some("postcard")), Some(Serializer::Cbor), "{args:?}");
        }
        assert_eq!(told(&["worker"], Some("cbor")), Some(Serializer::Cbor));
    }

    #[test]
    fn the_default_is_known_only_where_the_arguments_are_the_workers_own() {
        for own in ["--runtime=amqp", "--runtime", "--amqp-uri=amqp://x", "--task-bus-routing-key"]
        {
            assert_eq!(told(&["worker", own], None), Some(Serializer::Postcard), "{own}");
        }
        for command in [
            ["sh", "-c", "exec worker --runtime=amqp -s cbor"].as_slice(),
            &["worker"],
            &["worker", "--serializer", "json", "--runtime=amqp"],
            &[],
        ] {
            assert_eq!(told(command, None), None, "{command:?}");
        }
    }
}
