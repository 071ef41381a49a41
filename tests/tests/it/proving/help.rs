//! What `zero-leader --help` says, and what is refused before anything starts.

use std::process::Command;

use tests::harness;

fn told(args: &[&str]) -> (Option<i32>, String, String) {
    let binary = harness::binary("zero-leader").expect("`cargo xtask test` builds zero-leader");
    let mut command = Command::new(binary);
    command.args(args).env_clear().env("ZERO_LEADER_AMQP_URI", "amqp://zero:s3cr3t@127.0.0.1:9/");
    let output = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn the_help_says_what_can_be_typed_and_shows_no_secret() {
    let (code, help, errors) = told(&["--help"]);
    assert_eq!((code, errors.as_str()), (Some(0), ""));
    assert!(!help.contains("s3cr3t"), "{help}");
    insta::assert_snapshot!("help_zero_leader", help);
}

#[test]
fn a_wrong_command_line_is_told_from_a_failure() {
    assert_eq!(told(&[]).0, Some(2));
    assert_eq!(told(&["--leader", "leader", "--data-dir", "d", "--nothing"]).0, Some(2));
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("file");
    std::fs::write(&file, "").unwrap();
    let (code, _, errors) = told(&["--leader", "leader", "--data-dir", file.to_str().unwrap()]);
    assert_eq!(code, Some(1));
    assert!(errors.contains("cannot use `"), "{errors}");
}
