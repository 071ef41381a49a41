//! Our programs, as people type them, and what their own help says of them.

use std::collections::BTreeSet;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use tests::harness;
use tests::repository::root;

/// What is typed, and the program that is meant.
const TYPED: [(&[&str], &str); 6] = [
    (&["kubectl", "zero"], "kubectl-zero"),
    (&["zero"], "kubectl-zero"),
    (&["zero-scaler"], "zero-scaler"),
    (&["zero-worker"], "zero-worker"),
    (&["zero-leader"], "zero-leader"),
    (&["cargo", "xtask"], "xtask"),
];

/// Scripts of ours that people call.
const SCRIPTS: [&str; 4] =
    ["tools/setup.sh", "tools/teardown.sh", "tools/witnesses.sh", "docker/zk-evm.sh"];

/// What the programs told of themselves, asked once.
static HELP: OnceLock<String> = OnceLock::new();

/// Which of our programs a command line calls, and what it says to it; nothing of somebody else's.
pub(super) fn called(words: &[String]) -> Option<(&'static str, &[String])> {
    TYPED.iter().find_map(|(typed, program)| {
        let (first, rest) = words.split_at_checked(typed.len())?;
        (first == *typed).then_some((*program, rest))
    })
}

/// Whether a program takes these words, by its own parser, which ends at `--help` before anything is done. What is for
/// another program, behind `--`, is not looked at.
pub(super) fn takes(program: &str, words: &[String]) -> Result<(), String> {
    let ours: Vec<&str> =
        words.iter().map(String::as_str).take_while(|word| *word != "--").collect();
    let answer = ask(program, &[&ours[..], &["--help"]].concat());
    if answer.code == Some(0) && answer.stdout.contains("Usage: ") {
        Ok(())
    } else {
        Err(answer.stderr)
    }
}

/// All that the programs and their commands say with `--help`.
pub(super) fn help() -> &'static str {
    HELP.get_or_init(|| {
        let programs: BTreeSet<&str> = TYPED.iter().map(|(_, program)| *program).collect();
        let programs = programs.into_iter().map(|program| told(program, &[]));
        programs.chain(SCRIPTS.map(usage)).collect()
    })
}

/// What a script says of itself.
fn usage(script: &str) -> String {
    let output = Command::new(root().join(script)).arg("--help").output().unwrap();
    assert!(output.status.success(), "{script}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// The help of a command and of those below it.
fn told(program: &str, above: &[&str]) -> String {
    let text = ask(program, &[above, &["--help"]].concat()).stdout;
    assert!(text.contains("Usage: "), "{program} {above:?}: {text}");
    let list = text
        .lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| !line.is_empty());
    // A longer text of a command goes on in lines further in.
    let names = list.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    let names =
        names.filter_map(|line| line.split_whitespace().next()).filter(|name| *name != "help");
    let below: String = names.map(|name| told(program, &[above, &[name]].concat())).collect();
    text + &below
}

/// What a program answered.
struct Answer {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

fn ask(program: &str, args: &[&str]) -> Answer {
    let mut command = Command::new(binary(program));
    // As `zero` it speaks of itself by the shorter name; nothing of our environment is an option of theirs.
    if program == "kubectl-zero" {
        command.arg0("zero");
    }
    let output = command.args(args).env_clear().stdin(Stdio::null()).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Answer { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

/// The one this run has built, else the one beside the running test.
fn binary(program: &str) -> PathBuf {
    harness::binary(program).unwrap_or_else(|| {
        let here = std::env::current_exe().unwrap();
        let folder = here.ancestors().nth(2).unwrap();
        folder.join(program)
    })
}
