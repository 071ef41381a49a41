//! What `--help` and `--version` say.

use std::path::Path;

use regex::Regex;
use tests::zero::Zero;

fn help(zero: &Zero, command: &[String], option: &str) -> String {
    let args = command.iter().map(String::as_str).chain([option]).collect::<Vec<_>>();
    let answer = zero.run(&args).unwrap();
    assert_eq!((answer.code, answer.stderr.as_str()), (Some(0), ""), "{args:?}");
    assert!(!answer.stdout.contains('\u{1b}'), "{args:?} writes escape codes");
    answer.stdout
}

/// The program itself, and every command and command of a command that its help names.
fn commands(zero: &Zero, above: Vec<String>) -> Vec<Vec<String>> {
    let told = help(zero, &above, "-h");
    let list = told.lines().skip_while(|line| *line != "Commands:").skip(1);
    let list = list.take_while(|line| !line.is_empty());
    let names = list.filter_map(|line| line.split_whitespace().next());
    let below = names.filter(|name| *name != "help").flat_map(|name| {
        let command = [above.as_slice(), &[name.to_owned()]].concat();
        commands(zero, command)
    });
    let below: Vec<_> = below.collect();
    [vec![above], below].concat()
}

/// The environment, which the help names, holds a password.
fn zero() -> Zero {
    let uri = "amqp://zero:s3cr3t-pa55word@localhost/";
    Zero::at(Path::new(env!("CARGO_MANIFEST_DIR"))).env("ZERO_AMQP_URI", uri)
}

#[test]
fn every_command_says_what_it_does_and_how_it_is_used() {
    let commands = commands(&zero(), Vec::new());
    assert!(commands.len() > 12, "{commands:?}");
    for command in &commands {
        let told = help(&zero(), command, "--help");
        assert!(!told.contains("s3cr3t"), "{command:?} shows a password");
        let name = if command.is_empty() { "zero".to_owned() } else { command.join("_") };
        insta::assert_snapshot!(format!("help_{name}"), told);
    }
}

#[test]
fn every_command_names_itself_as_it_was_called() {
    for (called, typed) in [("zero", "zero"), ("kubectl-zero", "kubectl zero")] {
        let zero = zero().called(called);
        for command in &commands(&zero, Vec::new()) {
            let told = help(&zero, command, "--help");
            let usage = told.lines().find(|line| line.starts_with("Usage: ")).unwrap();
            let usage = usage.strip_prefix("Usage: ").unwrap();
            let whole = [&[typed.to_owned()], command.as_slice()].concat().join(" ");
            assert!(usage.starts_with(&format!("{whole} ")), "{called}: {usage}");
            assert!(told.contains("-h, --help"), "{whole} does not name its own help");
        }
    }
    insta::assert_snapshot!("help_kubectl_zero", help(&zero().called("kubectl-zero"), &[], "-h"));
}

#[test]
fn the_version_is_a_version() {
    for (called, typed) in [("zero", "zero"), ("kubectl-zero", "kubectl zero")] {
        let told = help(&zero().called(called), &[], "--version");
        let version = Regex::new(&format!(r"^{typed} \d+\.\d+\.\d+\n$")).unwrap();
        assert!(version.is_match(&told), "{told:?}");
    }
}
