//! As the first process of a container: a PID namespace of its own.

use std::io::Write as _;
use std::process::Command;

use rustix::process::{Pid, Signal, kill_process};
use tests::poll;

use super::{Host, NOWHERE, binary};
use crate::stand_in::LIMIT;

/// A command in a namespace of its own; `None`: nobody here may make one.
pub(crate) fn unshared() -> Option<Command> {
    let mut command = Command::new("unshare");
    command.args(["--pid", "--fork", "--mount-proc", "--kill-child"]);
    let mut trial = Command::new("unshare");
    let made = trial.args(["--pid", "--fork", "--mount-proc", "true"]).status();
    if made.is_ok_and(|status| status.success()) {
        return Some(command);
    }
    let _ = writeln!(
        std::io::stderr(),
        "skipped: a PID namespace needs `unshare` and the right to make one"
    );
    None
}

fn as_first(script: &str, home: &std::path::Path) -> Option<Host> {
    let mut command = unshared()?;
    command.arg(binary()).args(["--", "sh", "-c", script]);
    command.env("ZERO_WORKER_AMQP_URI", NOWHERE).current_dir(home);
    Some(Host::spawned("host", command, home))
}

/// The process that the namespace began with, as we see it from outside.
async fn first_of(host: &Host) -> Pid {
    let file = format!("/proc/{0}/task/{0}/children", host.child.id());
    let looked = poll::until("the first process", LIMIT, async || {
        let told = std::fs::read_to_string(&file).map_err(|error| error.to_string())?;
        told.trim().parse().ok().and_then(Pid::from_raw).ok_or(told)
    });
    looked.await.unwrap()
}

/// Sends a signal to the process that the namespace began with.
pub(crate) async fn tell(host: &Host, signal: Signal) {
    kill_process(first_of(host).await, signal).unwrap();
}

#[tokio::test]
async fn as_the_first_process_it_reaps_every_orphan() {
    let home = tempfile::tempdir().unwrap();
    let script = "\
        for number in 1 2 3 4 5 6 7 8; do (true & true &); done; \
        while grep -qs '^State:.Z' /proc/[0-9]*/status; do :; done; \
        echo no zombie of $PPID; mkfifo wait; read -r nothing <> wait";
    let Some(host) = as_first(script, home.path()) else { return };
    host.says("no zombie of 1").await;
}

#[tokio::test]
async fn as_the_first_process_it_ends_on_sigterm() {
    let home = tempfile::tempdir().unwrap();
    let script = "echo up; mkfifo wait; read -r nothing <> wait";
    let Some(mut host) = as_first(script, home.path()) else { return };
    host.says("up").await;
    tell(&host, Signal::TERM).await;
    assert_eq!(host.ended().await, Some(0));
    assert!(host.log().contains("the worker is ended"), "{}", host.log());
}
