//! The worker's process: how it is started, signalled, restarted and ended.

use rustix::process::{Pid, Signal, kill_process};
use tests::poll;

use super::{Host, NOWHERE, gone, is_alive};
use crate::stand_in::LIMIT;

/// A shell that waits without a program of its own to wait for.
const WAIT: &str = "while :; do read -r nothing <> wait.fifo; done";

fn with_fifo(script: &str) -> String {
    format!("rm -f wait.fifo; mkfifo wait.fifo; {script}; {WAIT}")
}

/// The process that the worker says it has started.
fn sleeper(host: &Host) -> i32 {
    let out = host.out();
    out.lines().find_map(|line| line.strip_prefix("sleeper ")).unwrap().parse().unwrap()
}

#[tokio::test]
async fn the_worker_finds_the_gateway_and_nothing_that_opens_the_broker() {
    let home = tempfile::tempdir().unwrap();
    let mut command = super::command_in(
        home.path(),
        &["--", "sh", "-c", &with_fifo("echo ready"), "worker", "--amqp-uri", NOWHERE],
    );
    for name in ["ZERO_WORKER_AMQP_URI", "AMQP_URI", "PALADIN_AMQP_URI", "QUEUE_URL"] {
        command.env(name, NOWHERE);
    }
    command.env("RABBITMQ_PASSWORD", "s3cr3t-pa55word").env("KEPT", "as it was");
    let host = Host::spawned("host", command, home.path());
    host.says("ready").await;
    let pid = host.runs(1).await;
    let read = |file| std::fs::read(format!("/proc/{pid}/{file}")).unwrap();
    let [environ, cmdline] = ["environ", "cmdline"]
        .map(|file| String::from_utf8(read(file)).unwrap().replace('\0', "\n"));
    for told in [&environ, &cmdline, &host.out(), &host.log()] {
        assert!(!told.contains("s3cr3t"), "{told}");
    }
    let uri = |text: &str, before: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(before)).unwrap_or_default();
        line.to_owned()
    };
    let gateway = uri(&environ, "PALADIN_AMQP_URI=");
    assert!(gateway.starts_with("amqp://127.0.0.1:"), "{environ}");
    assert_eq!(uri(&environ, "AMQP_URI="), gateway);
    assert!(cmdline.contains(&format!("--amqp-uri\n{gateway}\n")), "{cmdline}");
    assert!(environ.contains("KEPT=as it was\n") && environ.contains("RUST_LOG=info\n"));
}

#[tokio::test]
async fn a_worker_that_keeps_ending_is_given_up_by_name() {
    for (script, words) in [
        ("exit 0", "ended by itself (exit code 0)"),
        ("exit 1", "failed (exit code 1)"),
        ("exit 101", "panicked (exit code 101)"),
        ("exit 7", "ended with exit code 7"),
        ("kill -SEGV $$", "was ended by SIGSEGV"),
        ("kill -KILL $$", "was killed (SIGKILL, 137)"),
    ] {
        let home = tempfile::tempdir().unwrap();
        let options = ["--max-restarts", "2", "--restart-pause", "10ms"];
        let mut host = Host::of_script(&options, script, home.path());
        assert_eq!(host.ended().await, Some(1), "{script}");
        assert_eq!(host.workers().len(), 3, "{script}: {}", host.log());
        let last = host.log().lines().last().unwrap().to_owned();
        assert!(last.contains(words) && last.contains("number 3 in a row"), "{script}: {last}");
    }
}

#[tokio::test]
async fn a_command_that_can_never_work_is_not_tried_again() {
    for (command, words) in [
        (["sh", "-c", "exit 2"].as_slice(), "refused its command line (exit code 2)"),
        (&["no-such-worker"], "cannot start `no-such-worker`: No such file or directory"),
    ] {
        let home = tempfile::tempdir().unwrap();
        let mut host = Host::start("host", NOWHERE, &[], command, home.path());
        assert_eq!(host.ended().await, Some(1));
        assert_eq!(host.workers().len(), 1, "{}", host.log());
        assert!(host.log().contains(words), "{}", host.log());
    }
}

#[tokio::test]
async fn want_of_memory_is_told_from_any_other_kill() {
    for (kills, cause) in [("1", "killed"), ("2", "out_of_memory")] {
        let home = tempfile::tempdir().unwrap();
        let told = |kills| format!("oom 5\noom_kill {kills}\n");
        std::fs::write(home.path().join("memory.events"), told("1")).unwrap();
        let script = format!("printf '{}' > memory.events; kill -KILL $$", told(kills));
        let options = [
            "--cgroup",
            ".",
            "--listen",
            "127.0.0.1:0",
            "--restart-pause",
            "1h",
            "--restart-pause-max",
            "1h",
        ];
        let host = Host::of_script(&options, &script, home.path());
        host.measures(&format!("zero_worker_child_ends_total{{cause=\"{cause}\"}} 1.0")).await;
        host.measures(&format!("zero_worker_oom_kills_total {kills}.0")).await;
    }
}

#[tokio::test]
async fn a_worker_that_is_killed_is_started_again() {
    let home = tempfile::tempdir().unwrap();
    let mut host =
        Host::of_script(&["--restart-pause", "10ms"], &with_fifo("echo up"), home.path());
    let first = host.runs(1).await;
    host.says("up").await;
    kill_process(Pid::from_raw(first).unwrap(), Signal::KILL).unwrap();
    let second = host.runs(2).await;
    assert!(first != second && is_alive(second));
    host.signal(Signal::TERM);
    assert_eq!(host.ended().await, Some(0));
    assert!(!is_alive(second));
}

#[tokio::test]
async fn signals_of_the_worker_reach_it_and_those_to_end_do_not() {
    let home = tempfile::tempdir().unwrap();
    let traps = "for name in HUP USR1 USR2 QUIT INT; do trap \"echo heard $name\" $name; done";
    let mut host = Host::of_script(&[], &with_fifo(&format!("{traps}; echo up")), home.path());
    host.says("up").await;
    for (signal, name) in [
        (Signal::HUP, "HUP"),
        (Signal::USR1, "USR1"),
        (Signal::USR2, "USR2"),
        (Signal::QUIT, "QUIT"),
    ] {
        host.signal(signal);
        host.says(&format!("heard {name}")).await;
    }
    host.signal(Signal::INT);
    assert_eq!(host.ended().await, Some(0));
    assert!(!host.out().contains("heard INT"), "{}", host.out());
}

#[tokio::test]
async fn a_worker_that_does_not_listen_is_killed_with_all_it_has_started() {
    let home = tempfile::tempdir().unwrap();
    let script = with_fifo("trap '' TERM; (sleep 1000) & echo sleeper $!; echo up");
    let mut host = Host::of_script(&["--kill-after", "100ms"], &script, home.path());
    host.says("up").await;
    let worker = host.runs(1).await;
    let sleeper = sleeper(&host);
    host.signal(Signal::TERM);
    assert_eq!(host.ended().await, Some(0));
    assert!(host.log().contains("did not end within 0.1 s of SIGTERM"), "{}", host.log());
    gone(worker).await;
    gone(sleeper).await;
}

#[tokio::test]
async fn what_a_worker_that_died_has_left_behind_ends_too() {
    let home = tempfile::tempdir().unwrap();
    let options = ["--restart-pause", "1h", "--restart-pause-max", "1h"];
    let script = "sleep 1000 & echo sleeper $!; exit 1";
    let host = Host::of_script(&options, script, home.path());
    host.says("it is started again").await;
    gone(sleeper(&host)).await;
}

#[tokio::test]
async fn a_worker_ends_with_its_host_however_that_ends() {
    let home = tempfile::tempdir().unwrap();
    let mut host = Host::of_script(&[], &with_fifo("echo up"), home.path());
    host.says("up").await;
    let worker = host.runs(1).await;
    host.signal(Signal::KILL);
    assert_eq!(host.ended().await, None);
    gone(worker).await;
}

#[tokio::test]
async fn asked_to_end_between_two_workers_it_ends() {
    let home = tempfile::tempdir().unwrap();
    let options = ["--restart-pause", "1h", "--restart-pause-max", "1h"];
    let mut host = Host::of_script(&options, "exit 1", home.path());
    host.says("it is started again in 3600 s").await;
    host.signal(Signal::TERM);
    assert_eq!(host.ended().await, Some(0));
}

#[tokio::test]
async fn probes_tell_a_live_host_from_a_ready_worker() {
    let home = tempfile::tempdir().unwrap();
    let host = Host::of_script(&["--listen", "127.0.0.1:0"], &with_fifo("echo up"), home.path());
    host.says("up").await;
    let looked = poll::until("an answer", LIMIT, async || host.get("/livez"));
    assert_eq!(looked.await.unwrap(), (200, "ok\n".to_owned()));
    let (code, words) = host.get("/readyz").unwrap();
    assert_eq!(code, 503);
    assert!(words.contains("not connected; it loads or makes its circuits first"), "{words}");
    assert_eq!(host.get("/").unwrap().0, 404);
}
