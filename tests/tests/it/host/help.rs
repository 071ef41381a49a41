//! What `--help` and `--version` say, and what is refused before anything starts.

use super::{Host, NOWHERE, command_in};

fn told(args: &[&str]) -> (Option<i32>, String, String) {
    let home = tempfile::tempdir().unwrap();
    let mut command = command_in(home.path(), args);
    let output = command.env("ZERO_WORKER_AMQP_URI", NOWHERE).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn the_help_says_what_can_be_typed_and_shows_no_secret() {
    for (args, name) in
        [(["--help"].as_slice(), "zero_worker"), (&["init-circuits", "--help"], "init_circuits")]
    {
        let (code, help, errors) = told(args);
        assert_eq!((code, errors.as_str()), (Some(0), ""));
        assert!(!help.contains("s3cr3t"), "{help}");
        insta::assert_snapshot!(format!("help_{name}"), help);
    }
}

#[test]
fn a_wrong_command_line_is_told_from_a_failure() {
    assert_eq!(told(&["--no-such-option", "--", "worker"]).0, Some(2));
    assert_eq!(told(&[]).0, Some(2));
    let (code, _, errors) = told(&["--circuits-dir", "cache", "--", "worker"]);
    assert_eq!(code, Some(1));
    assert!(errors.contains("a name that ends in `_circuit_cache`"), "{errors}");
    for policy in ["as-is", "quorum"] {
        let args = ["--max-priority", "5", "--queue-policy", policy, "--", "worker"];
        let (code, _, errors) = told(&args);
        assert_eq!(code, Some(1));
        assert!(errors.contains("without --queue-policy durable"), "{errors}");
    }
}

#[test]
fn a_password_in_the_workers_own_command_is_refused() {
    let (code, _, errors) = told(&["--", "sh", "-c", &format!("worker --amqp-uri {NOWHERE}")]);
    assert_eq!(code, Some(1));
    assert!(errors.contains("argument 2 of the worker's command holds the broker's password"));
    assert!(!errors.contains("s3cr3t"), "{errors}");
}

#[tokio::test]
async fn without_a_broker_it_says_how_to_name_one() {
    let home = tempfile::tempdir().unwrap();
    let mut host = Host::spawned("host", command_in(home.path(), &["--", "worker"]), home.path());
    assert_eq!(host.ended().await, Some(1));
    assert!(host.log().contains("give --amqp-uri, or set PALADIN_AMQP_URI"), "{}", host.log());
}
