//! PURE: how a child ended, by name.

use rustix::process::Signal;

/// What the starter of a child exits with when there is no such program, as shells do.
pub const NOT_STARTED: i32 = 127;
/// Shells add it to the number of the signal that ended what they ran.
const BY_SIGNAL: i32 = 128;
/// The signals that end a process in practice.
const NAMED: [(Signal, &str); 11] = [
    (Signal::HUP, "SIGHUP"),
    (Signal::INT, "SIGINT"),
    (Signal::QUIT, "SIGQUIT"),
    (Signal::ILL, "SIGILL, a processor without the instructions the worker was built for?"),
    (Signal::ABORT, "SIGABRT"),
    (Signal::BUS, "SIGBUS"),
    (Signal::KILL, "SIGKILL"),
    (Signal::USR1, "SIGUSR1"),
    (Signal::SEGV, "SIGSEGV"),
    (Signal::PIPE, "SIGPIPE"),
    (Signal::TERM, "SIGTERM"),
];

/// What the operating system told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// The program's own code.
    Code(i32),
    /// The number of the signal that ended it.
    Signal(i32),
}

/// What else is known of the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Signs {
    /// The log told of an abort.
    pub aborted: bool,
    /// The kernel killed something in the container for want of memory.
    pub out_of_memory: bool,
}

/// Why a child ended: a closed set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cause {
    /// Told to by an abort.
    Abort,
    /// It had lost its connection and waited for ever.
    Disconnected,
    /// By itself, with exit code 0.
    Ended,
    /// It said it failed: exit code 1.
    Error,
    /// Its command line is wrong.
    Usage,
    /// The program cannot be started.
    NotStarted,
    /// A panic of its own.
    Panic,
    /// The kernel killed it for want of memory.
    OutOfMemory,
    /// Somebody killed it.
    Killed,
    /// Another signal.
    Signal,
    /// Another exit code.
    Other,
}

impl Cause {
    /// Every cause.
    pub const ALL: [Self; 11] = [
        Self::Abort,
        Self::Disconnected,
        Self::Ended,
        Self::Error,
        Self::Usage,
        Self::NotStarted,
        Self::Panic,
        Self::OutOfMemory,
        Self::Killed,
        Self::Signal,
        Self::Other,
    ];

    /// One word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Abort => "abort",
            Self::Disconnected => "disconnected",
            Self::Ended => "ended",
            Self::Error => "error",
            Self::Usage => "usage",
            Self::NotStarted => "not_started",
            Self::Panic => "panic",
            Self::OutOfMemory => "out_of_memory",
            Self::Killed => "killed",
            Self::Signal => "signal",
            Self::Other => "other",
        }
    }

    /// Another start would end the same.
    #[must_use]
    pub fn is_hopeless(self) -> bool {
        matches!(self, Self::Usage | Self::NotStarted)
    }
}

/// How a child ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ending {
    /// By name.
    pub cause: Cause,
    /// In words.
    pub words: String,
}

/// Names the ending.
#[must_use]
pub fn ending(exit: Exit, signs: Signs) -> Ending {
    let killed =
        [Exit::Signal(Signal::KILL.as_raw()), Exit::Code(BY_SIGNAL + Signal::KILL.as_raw())];
    let (cause, words) = match exit {
        Exit::Code(0) if signs.aborted => {
            (Cause::Abort, "was ended by an abort (exit code 0)".to_owned())
        }
        Exit::Code(0) => (Cause::Ended, "ended by itself (exit code 0)".to_owned()),
        Exit::Code(1) => (Cause::Error, "failed (exit code 1)".to_owned()),
        Exit::Code(2) => (Cause::Usage, "refused its command line (exit code 2)".to_owned()),
        Exit::Code(101) => (Cause::Panic, "panicked (exit code 101)".to_owned()),
        Exit::Code(NOT_STARTED) => {
            (Cause::NotStarted, format!("could not be started (exit code {NOT_STARTED})"))
        }
        exit if killed.contains(&exit) && signs.out_of_memory => {
            (Cause::OutOfMemory, "was killed by the kernel: out of memory (137)".to_owned())
        }
        exit if killed.contains(&exit) => (
            Cause::Killed,
            "was killed (SIGKILL, 137), not for want of memory as far as is known".to_owned(),
        ),
        Exit::Signal(number) => (Cause::Signal, format!("was ended by {}", signal(number))),
        Exit::Code(code) if code > BY_SIGNAL && code < BY_SIGNAL + 65 => {
            (Cause::Signal, format!("was ended by {} (exit code {code})", signal(code - BY_SIGNAL)))
        }
        Exit::Code(code) => (Cause::Other, format!("ended with exit code {code}")),
    };
    Ending { cause, words }
}

/// `SIGTERM`, or `signal 34`.
#[must_use]
pub fn signal(number: i32) -> String {
    let named = NAMED.iter().find(|(signal, _)| signal.as_raw() == number);
    named.map_or_else(|| format!("signal {number}"), |(_, name)| (*name).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_end_has_a_name() {
        let none = Signs::default();
        let aborted = Signs { aborted: true, ..none };
        let starved = Signs { out_of_memory: true, ..none };
        for (exit, signs, cause) in [
            (Exit::Code(0), none, Cause::Ended),
            (Exit::Code(0), aborted, Cause::Abort),
            (Exit::Code(1), aborted, Cause::Error),
            (Exit::Code(2), none, Cause::Usage),
            (Exit::Code(101), none, Cause::Panic),
            (Exit::Code(127), none, Cause::NotStarted),
            (Exit::Signal(9), starved, Cause::OutOfMemory),
            (Exit::Code(137), starved, Cause::OutOfMemory),
            (Exit::Signal(9), none, Cause::Killed),
            (Exit::Code(137), none, Cause::Killed),
            (Exit::Signal(15), starved, Cause::Signal),
            (Exit::Code(143), none, Cause::Signal),
            (Exit::Signal(11), none, Cause::Signal),
            (Exit::Code(7), starved, Cause::Other),
        ] {
            assert_eq!(ending(exit, signs).cause, cause, "{exit:?} {signs:?}");
        }
    }

    #[test]
    fn the_words_name_the_signal_behind_a_shells_code() {
        let words = |exit| ending(exit, Signs::default()).words;
        assert_eq!(words(Exit::Code(143)), "was ended by SIGTERM (exit code 143)");
        assert_eq!(words(Exit::Signal(34)), "was ended by signal 34");
        assert_eq!(words(Exit::Code(255)), "ended with exit code 255");
    }

    #[test]
    fn every_cause_has_a_word_of_its_own() {
        let words: std::collections::BTreeSet<_> = Cause::ALL.map(Cause::word).into();
        assert_eq!(words.len(), Cause::ALL.len());
    }
}
