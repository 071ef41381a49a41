//! I/O: runs a verifier on a file. Its words are read and its exit code is not: that is 0 for a bad
//! proof too.

use std::fmt;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;

use anyhow::{Context as _, Result, bail};
use serde::de::{Deserializer as _, IgnoredAny, SeqAccess, Visitor};

use crate::exit::Usage;
use crate::proof::{Verdict, Word};

/// What it writes when every proof is good, at level INFO.
const GOOD: &str = "All proofs verified successfully!";
/// What it writes before the reason when one is bad, at level INFO.
const BAD: &str = "Proof verification failed with error: ";
/// So much of what it writes is kept.
const KEPT: u64 = 1 << 20;
/// So much of its last line is told when none is a verdict.
const TOLD: usize = 400;
/// How our own variables begin: some name secrets.
const OURS: &str = "ZERO_";

/// A verifier's command line.
#[derive(Debug)]
pub(super) struct Verifier {
    program: String,
    args: Vec<String>,
}

impl Verifier {
    /// Splits it as a shell would.
    pub(super) fn of(command: &str) -> Result<Self> {
        let wrong = |why: String| Usage(format!("--verifier `{command}`: {why}"));
        let mut words =
            shell_words::split(command).map_err(|error| wrong(error.to_string()))?.into_iter();
        let program = words.next().ok_or_else(|| wrong("no program is named".to_owned()))?;
        Ok(Self { program, args: words.collect() })
    }

    /// Its verdict about a file.
    pub(super) fn verdict(&self, file: &Path) -> Result<Verdict> {
        look_into(file)?;
        let unrun = |error| {
            let program = &self.program;
            anyhow::anyhow!("cannot run the verifier `{program}`: {error}; look at --verifier")
        };
        let (said, ending) = self.said_of(file).map_err(unrun)?;
        Ok(verdict(&said, &ending))
    }

    fn said_of(&self, file: &Path) -> io::Result<(String, String)> {
        let mut command = Command::new(&self.program);
        command.args(&self.args).arg("-f").arg(file).env("RUST_LOG", "info");
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with(OURS) {
                command.env_remove(name);
            }
        }
        let command = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn()?;
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let (out, err) = thread::scope(|scope| {
            let err = scope.spawn(|| heard(stderr));
            (heard(stdout), err.join().unwrap_or_default())
        });
        Ok((out + "\n" + &err, child.wait()?.to_string()))
    }
}

/// The beginning of what is written; the rest is read too, so that the writer is not held up.
fn heard(from: Option<impl Read>) -> String {
    let Some(mut from) = from else { return String::new() };
    let mut kept = Vec::new();
    // What was written before an error is worth as much.
    let _ = from.by_ref().take(KEPT).read_to_end(&mut kept);
    let _ = io::copy(&mut from, &mut io::sink());
    String::from_utf8_lossy(&kept).into_owned()
}

/// PURE: what the verifier's words mean.
fn verdict(said: &str, ending: &str) -> Verdict {
    let bad = said.lines().find_map(|line| line.split_once(BAD).map(|(_, why)| why.trim_end()));
    if let Some(why) = bad {
        return Verdict { word: Word::Refused, words: Some(why.to_owned()) };
    }
    if said.lines().any(|line| line.trim_end().ends_with(GOOD)) {
        return Verdict { word: Word::Verified, words: None };
    }
    let last = said.lines().rev().map(str::trim).find(|line| !line.is_empty());
    let words = match last {
        None => format!("the verifier ended with {ending} and wrote nothing"),
        Some(line) => {
            let line: String = line.chars().take(TOLD).collect();
            format!("the verifier ended with {ending} and gave no verdict; its last line: {line}")
        }
    };
    Verdict { word: Word::Unknown, words: Some(words) }
}

/// Refuses what the verifier would call verified without a proof in it, and what is no file of proofs.
fn look_into(file: &Path) -> Result<()> {
    let named = || format!("`{}`", file.display());
    let opened = File::open(file).with_context(|| format!("cannot read {}", named()))?;
    let mut json = serde_json::Deserializer::from_reader(BufReader::new(opened));
    let proofs = json.deserialize_any(Proofs).and_then(|count| json.end().map(|()| count));
    match proofs {
        Ok(0) => bail!("{} holds no proof: the verifier would call it verified", named()),
        Ok(_) => Ok(()),
        Err(error) => {
            bail!("{} is no file of proofs: {error}; `zero proof download` writes one", named())
        }
    }
}

/// Counts the proofs of a file.
struct Proofs;

impl<'de> Visitor<'de> for Proofs {
    type Value = usize;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON array of proofs")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<usize, A::Error> {
        let mut count = 0;
        while items.next_element::<IgnoredAny>()?.is_some() {
            count += 1;
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_two_sentences_are_verdicts() {
        let good = format!("2026-01-01T00:00:00Z  INFO verifier: {GOOD}\n");
        assert_eq!(verdict(&good, "exit status: 1").word, Word::Verified);
        let bad = format!("2026-01-01T00:00:00Z  INFO verifier: {BAD}wrong hash\n{good}");
        let bad = verdict(&bad, "exit status: 0");
        assert_eq!((bad.word, bad.words.as_deref()), (Word::Refused, Some("wrong hash")));
        for (said, part) in [("", "wrote nothing"), ("Error: no such file\n\n", "no such file")] {
            let unknown = verdict(said, "exit status: 0");
            assert_eq!(unknown.word, Word::Unknown);
            assert!(unknown.words.unwrap().contains(part));
        }
    }

    #[test]
    fn a_file_without_a_proof_is_never_verified() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("p.zkproof");
        for (text, words) in [
            ("[]", "holds no proof"),
            ("{}", "is no file of proofs"),
            ("[{}] x", "is no file of proofs"),
            ("", "is no file of proofs"),
        ] {
            std::fs::write(&file, text).unwrap();
            let told = Verifier::of("true").unwrap().verdict(&file).unwrap_err().to_string();
            assert!(told.contains(words), "{text}: {told}");
        }
    }

    #[test]
    fn a_command_is_split_as_a_shell_would() {
        let verifier = Verifier::of("verifier --circuits 'a b'").unwrap();
        assert_eq!((verifier.program.as_str(), verifier.args.len()), ("verifier", 2));
        assert!(Verifier::of("").is_err() && Verifier::of("'").is_err());
    }
}
