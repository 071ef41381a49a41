//! kubectl's own completion: it runs `kubectl_complete-zero` with the words typed so far and reads
//! candidates, one a line, and a last line that says what the shell is to make of them.

use std::ffi::{OsStr, OsString};
use std::process::ExitCode;
use std::time::Duration;

use clap::{CommandFactory as _, Parser};
use clap_complete::engine::{CompletionCandidate, complete};

use crate::broker::BrokerArgs;
use crate::cli::Cli;
use crate::cluster::ClusterArgs;
use crate::commands::start;
use crate::exit;
use crate::leader::{LeaderArgs, Which};
use crate::output::{Format, Printer};
use crate::place::{Named, reach};
use crate::proof::Proof;

/// What the name of the program begins with when kubectl asks for candidates.
pub(crate) const NAME: &str = "kubectl_complete-";
/// cobra's directives: nothing to add; no file names.
const NO_FILES: u8 = 4;
const DEFAULT: u8 = 0;
/// Somebody waits with a finger on the Tab key.
const PATIENCE: Duration = Duration::from_secs(1);
/// More ids than these nobody reads.
const OFFERED: u32 = 200;

/// The broker as the environment and the kubeconfig name it.
#[derive(Debug, Parser)]
struct FromEnvironment {
    #[command(flatten)]
    broker: BrokerArgs,
    #[command(flatten)]
    cluster: ClusterArgs,
    #[command(flatten)]
    leader: LeaderArgs,
}

/// Answers kubectl. `args` are the program's name and the words typed, the last one unfinished.
pub(crate) fn respond(args: &[OsString]) -> ExitCode {
    match Printer::open(Format::Table).text(&answer(args)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => exit::FAILED.into(),
    }
}

fn answer(args: &[OsString]) -> String {
    let typed = args.iter().skip(1).cloned();
    let words: Vec<OsString> = std::iter::once("zero".into()).chain(typed).collect();
    let last = words.len() - 1;
    let found = complete(&mut Cli::command(), words, last, None).unwrap_or_default();
    let shown = found.iter().filter(|candidate| !candidate.is_hide_set());
    let directive = if found.is_empty() { DEFAULT } else { NO_FILES };
    shown.fold(String::new(), line) + &format!(":{directive}\n")
}

fn line(all: String, candidate: &CompletionCandidate) -> String {
    let value = candidate.get_value().to_string_lossy().into_owned();
    let help = candidate.get_help().map(ToString::to_string).unwrap_or_default();
    let help = help.lines().next().unwrap_or_default().to_owned();
    if help.is_empty() { all + &value + "\n" } else { all + &value + "\t" + &help + "\n" }
}

/// Names of queues that begin so, asked of the broker that the environment or the kubeconfig names; none where that
/// cannot be had at once.
pub(crate) fn queue_names(begun: &OsStr) -> Vec<CompletionCandidate> {
    candidates(begun, async |named| {
        let broker = reach(&named.broker, &named.cluster, |_| ()).await.ok()?;
        let queues = broker.management.queues(&broker.vhost).await.ok()?;
        Some(queues.into_iter().map(|queue| (queue.name.to_string(), None)).collect())
    })
}

/// Ids of proofs that begin so, the newest, with where they stand, asked of the proof service in the same way.
pub(crate) fn proof_ids(begun: &OsStr) -> Vec<CompletionCandidate> {
    candidates(begun, async |named| {
        let which = Which { limit: OFFERED, ..Which::default() };
        let proofs = named.leader().await.ok()?.list(&which).await.ok()?;
        let told = |proof: Proof| (proof.id, Some(proof.state.word().to_owned()));
        Some(proofs.into_iter().map(told).collect())
    })
}

/// What somebody who is asked knows: names, each with a word about it.
type Known = Vec<(String, Option<String>)>;

/// The names that begin so, of all that are known; none where they cannot be had at once.
fn candidates(
    begun: &OsStr,
    ask: impl AsyncFnOnce(&Named) -> Option<Known>,
) -> Vec<CompletionCandidate> {
    let begun = begun.to_string_lossy().into_owned();
    let known = || -> Option<Known> {
        let FromEnvironment { broker, cluster, leader } =
            FromEnvironment::try_parse_from(["zero"]).ok()?;
        // First: the clients want the TLS provider.
        let runtime = start().ok()?;
        let broker = BrokerArgs { timeout: PATIENCE, ..broker };
        runtime.block_on(ask(&Named { broker, cluster, leader }))
    };
    let fitting =
        known().unwrap_or_default().into_iter().filter(|(name, _)| name.starts_with(&begun));
    fitting.map(|(name, word)| CompletionCandidate::new(name).help(word.map(Into::into))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer_to(words: &[&str]) -> String {
        let program = std::iter::once(&"kubectl_complete-zero");
        answer(&program.chain(words).map(OsString::from).collect::<Vec<_>>())
    }

    #[test]
    fn candidates_come_with_what_they_do_and_a_directive() {
        assert_eq!(answer_to(&["pu"]), "purge\tEmpty queues\n:4\n");
        assert!(answer_to(&["purge", "--rol"]).starts_with("--role\t"));
        assert!(answer_to(&["purge", "--role", "co"]).contains("control\t"));
    }

    #[test]
    fn nothing_to_add_leaves_the_shell_its_own_ways() {
        assert_eq!(answer_to(&["restore", "no-such-file-"]), ":0\n");
    }
}
