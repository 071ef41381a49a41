//! The jumpbox: every tool is there and runs, and it ends at once.

use tests::images::Launch;
use tests::poll;

use crate::scaler::LIMIT;
use crate::shape::image;

/// Each tells its version.
const TOOLS: [&str; 16] = [
    "rpc",
    "leader",
    "worker",
    "verifier",
    "kubectl-zero",
    "zero",
    "jq",
    "ps",
    "bash",
    "curl",
    "git",
    "less",
    "parallel",
    "tini",
    "xz",
    "zstd",
];

#[test]
fn every_tool_is_there() {
    let look = format!(
        "for tool in {}; do $tool --version >/tmp/told 2>&1 || {{ echo $tool; cat /tmp/told; }}; done",
        TOOLS.join(" ")
    );
    let jumpbox = Launch::of(&image("jumpbox")).empty("/jump").empty("/tmp");
    let output = jumpbox.command(&["bash", "-c", &look]).output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert_eq!(told, "", "what does not run, and what it said");
}

#[test]
fn its_tools_work_together() {
    let work =
        "echo '[{\"b\":7}]' | xz | xz -d | jq '.[0].b' && ps -o comm= -p 1 && pwd && echo $HOME";
    let jumpbox = Launch::of(&image("jumpbox")).empty("/jump").empty("/tmp");
    let output = jumpbox.command(&["tini", "--", "bash", "-c", work]).output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(told, "7\ntini\n/jump\n/jump\n", "{output:?}");
}

#[test]
fn it_waits_for_a_shell_and_ends_when_it_is_told_to() {
    let image = image("jumpbox");
    let words = |words: &[&str]| words.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(image.command(), (words(&["tini", "--"]), words(&["sleep", "infinity"])));
    let launch = Launch::of(&image).empty("/jump").empty("/tmp");
    let mut jumpbox = launch.args(["sh", "-c", "echo up; exec sleep infinity"]).start().unwrap();
    let up = poll::until_blocking("the jumpbox to be up", LIMIT, || {
        let log = jumpbox.log();
        if log == "up\n" { Ok(()) } else { Err(log) }
    });
    up.unwrap();
    jumpbox.terminate().unwrap();
    let status = jumpbox.ended(LIMIT).unwrap();
    assert_eq!(status.code(), Some(143), "{}", jumpbox.log());
}
