//! PURE: how a process ended, in words.

use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;

use rustix::process::Signal;

/// The signals that end a process in practice. SIGKILL from nobody here is most often the kernel
/// out of memory.
const NAMED: [(Signal, &str); 10] = [
    (Signal::HUP, "SIGHUP"),
    (Signal::INT, "SIGINT"),
    (Signal::QUIT, "SIGQUIT"),
    (Signal::ILL, "SIGILL, a processor without the instructions the worker was built for?"),
    (Signal::ABORT, "SIGABRT"),
    (Signal::BUS, "SIGBUS"),
    (Signal::KILL, "SIGKILL"),
    (Signal::SEGV, "SIGSEGV"),
    (Signal::PIPE, "SIGPIPE"),
    (Signal::TERM, "SIGTERM"),
];

/// `exit code 7`, `signal 9 (SIGKILL)`.
#[must_use]
pub fn exit_words(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(number)) => match NAMED.iter().find(|(signal, _)| signal.as_raw() == number) {
            Some((_, name)) => format!("signal {number} ({name})"),
            None => format!("signal {number}"),
        },
        (None, None) => "no exit code".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_and_signals_are_named() {
        let words = |raw| exit_words(ExitStatus::from_raw(raw));
        assert_eq!(words(7 << 8), "exit code 7");
        assert_eq!(words(0), "exit code 0");
        assert_eq!(words(9), "signal 9 (SIGKILL)");
        assert_eq!(words(60), "signal 60");
    }
}
