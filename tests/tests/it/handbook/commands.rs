//! Every block of shell can be read by a shell, and every command of ours in a page is taken by the program it is for.

use std::io::Write as _;
use std::process::{Command, Stdio};

use super::pages::{self, Page};
use super::programs;

/// What ends a command in a line of shell.
const ENDS: [&str; 10] = ["|", "||", "&&", "&", ";", ">", ">>", "<", "2>", "2>&1"];
/// What stands for something left out.
const LEFT_OUT: &str = "…";
/// What stands for a number, a duration, and the pods of workers.
const PLACEHOLDERS: [(&str, &str); 3] =
    [("N", "7"), ("D", "1h"), ("NAMESPACE/SELECTOR", "provers/app=worker")];

#[test]
fn every_block_of_shell_can_be_read_by_a_shell() {
    let mut blocks = 0;
    for page in pages::all() {
        for block in page.blocks("sh") {
            let said = unread(&block.text);
            assert_eq!(said, "", "{}:{}", page.path, block.line);
            blocks += 1;
        }
        assert!(
            page.blocks("").is_empty(),
            "{}: a block says of no language that it is",
            page.path
        );
    }
    assert!(blocks > 20, "{blocks} blocks");
}

#[test]
fn every_command_of_ours_is_one() {
    let (mut commands, mut wrong) = (0, Vec::new());
    for page in pages::all() {
        for (line, words) in typed(&page) {
            for command in parts(&words) {
                let Some((program, args)) = programs::called(&command) else { continue };
                commands += 1;
                if let Err(said) = programs::takes(program, args) {
                    wrong.push(format!("{}:{line}: {}\n{said}", page.path, command.join(" ")));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(commands > 60, "only {commands} commands");
}

#[test]
fn a_command_that_is_none_would_be_noticed() {
    for line in [
        "zero stats",
        "kubectl zero purge --everything",
        "zero remove --block many",
        "zero plan --txs-per-hour x",
        "zero-scaler --max-agee 3s",
        "cargo xtask tests",
        "zero status now",
    ] {
        let words = shell_words::split(line).unwrap();
        let (program, args) = programs::called(&words).unwrap();
        assert!(programs::takes(program, args).is_err(), "{line}");
    }
}

/// What a shell says of a text that it cannot read.
fn unread(text: &str) -> String {
    let mut bash = Command::new("bash");
    bash.arg("-n").stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = bash.spawn().unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    String::from_utf8(output.stderr).unwrap()
}

/// Every line that is typed, with its number: in blocks of shell, behind the prompt of transcripts, in the text.
fn typed(page: &Page) -> Vec<(usize, Vec<String>)> {
    let mut found = Vec::new();
    for block in page.blocks("sh") {
        found.extend(joined(&block.text).into_iter().map(|(at, line)| (block.line + at, line)));
    }
    for block in page.blocks("console") {
        let lines = block.text.lines().enumerate();
        let behind_prompt = lines
            .filter_map(|(at, line)| Some((block.line + at, line.strip_prefix("$ ")?.to_owned())));
        found.extend(behind_prompt);
    }
    // A sentence may name an option without its value; that there is such an option, `names` holds.
    let without_last = |text: &str| {
        text.rsplit_once(" --")
            .filter(|(_, last)| !last.contains(' '))
            .map_or(text.to_owned(), |(before, _)| before.to_owned())
    };
    found.extend(page.inline().into_iter().map(|spot| (spot.line, without_last(&spot.text))));
    // A line with an open quotation belongs to what no shell is to read: a sentence, a part of a script.
    let split = |(at, line): (usize, String)| Some((at, shell_words::split(&line).ok()?));
    found.into_iter().filter_map(split).collect()
}

/// The lines of a block; one that ends in a backslash goes on in the next.
fn joined(text: &str) -> Vec<(usize, String)> {
    let (mut found, mut begun) = (Vec::new(), None::<(usize, String)>);
    for (at, line) in text.lines().enumerate() {
        let (start, before) = begun.take().unwrap_or((at, String::new()));
        match line.strip_suffix('\\') {
            Some(part) => begun = Some((start, before + part)),
            None => found.push((start, before + line)),
        }
    }
    found
}

/// The commands of a line: what is between pipes and the like, without variables before, comments and omissions.
fn parts(words: &[String]) -> Vec<Vec<String>> {
    let uncommented: Vec<&String> =
        words.iter().take_while(|word| !word.starts_with('#')).collect();
    let parts = uncommented.split(|word| ENDS.contains(&word.as_str()));
    let is_variable = |word: &String| {
        word.split_once('=')
            .is_some_and(|(name, _)| name.chars().all(|c| c.is_ascii_uppercase() || c == '_'))
    };
    parts
        .map(|part| {
            let part: Vec<&String> =
                part.iter().copied().skip_while(|word| is_variable(word)).collect();
            // Behind an option it is the value that is left out.
            let is_value = |at: usize| {
                at.checked_sub(1)
                    .and_then(|at| part.get(at))
                    .is_some_and(|before| before.starts_with("--"))
            };
            let kept =
                part.iter().enumerate().filter(|(at, word)| **word != LEFT_OUT || is_value(*at));
            kept.map(|(_, word)| filled_in(word)).collect()
        })
        .collect()
}

/// A word, or what a placeholder may stand for.
fn filled_in(word: &str) -> String {
    let found = PLACEHOLDERS.iter().find(|(placeholder, _)| *placeholder == word);
    found.map_or(word, |(_, value)| value).to_owned()
}

#[test]
fn commands_are_found_in_lines() {
    let line = "A=1 zero status -w | head -n 2 && zero-scaler … --check # all is well";
    let words = shell_words::split(line).unwrap();
    let found: Vec<String> = parts(&words).into_iter().map(|part| part.join(" ")).collect();
    assert_eq!(found, ["zero status -w", "head -n 2", "zero-scaler --check"]);
    assert_eq!(joined("a \\\n  b\nc\n"), [(0, "a   b".to_owned()), (2, "c".to_owned())]);
}
