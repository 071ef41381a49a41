//! PURE: what the verifier's words mean. Its exit code is 0 for a bad proof too.

use crate::proof::Verdict;

/// What it writes when every proof is good, at level INFO.
const GOOD: &str = "All proofs verified successfully!";
/// What it writes before the reason when one is bad, at level INFO.
const BAD: &str = "Proof verification failed with error: ";
/// So much of what it wrote is told when none of it is a verdict.
const TOLD: usize = 400;

/// Reads a verdict from all that the verifier wrote. Only one of the two sentences is a verdict.
#[must_use]
pub fn verdict(output: &str, ending: &str) -> Verdict {
    let bad = output.lines().find_map(|line| line.split_once(BAD).map(|(_, why)| why));
    let good = output.lines().any(|line| line.trim_end().ends_with(GOOD));
    match (bad, good) {
        (Some(why), _) => Verdict::Refused(why.trim_end().to_owned()),
        (None, true) => Verdict::Verified,
        (None, false) => Verdict::Unknown(unknown(output, ending)),
    }
}

fn unknown(output: &str, ending: &str) -> String {
    let last = output.lines().rev().find(|line| !line.trim().is_empty());
    match last {
        None => format!("the verifier {ending} and wrote nothing; is RUST_LOG=info kept from it?"),
        Some(line) => {
            let line: String = line.trim().chars().take(TOLD).collect();
            format!("the verifier {ending} without a verdict; its last line: {line}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_two_sentences_are_verdicts() {
        let good = "2026-01-01T00:00:00Z  INFO verifier: All proofs verified successfully!\n";
        assert_eq!(verdict(good, "ended with 0"), Verdict::Verified);
        let bad = "2026-01-01T00:00:00Z  INFO verifier: Proof verification failed with error: wrong hash\n";
        assert_eq!(verdict(bad, "ended with 0"), Verdict::Refused("wrong hash".into()));
        let both = format!("{bad}{good}");
        assert_eq!(verdict(&both, "ended with 0"), Verdict::Refused("wrong hash".into()));
    }

    #[test]
    fn everything_else_is_unknown_and_says_what_was_there() {
        for (output, part) in [
            ("", "wrote nothing"),
            ("Error: No such file\n\n", "last line: Error: No such file"),
            ("All proofs verified successfully! But", "without a verdict"),
        ] {
            let Verdict::Unknown(words) = verdict(output, "ended with 1") else {
                panic!("{output}")
            };
            assert!(words.contains(part) && words.contains("ended with 1"), "{words}");
        }
    }
}
