//! Ends the node when its owner cannot: killed, interrupted, or gone with a value in a `static`.
//!
//! The guard is a small shell process that holds the reading end of a pipe. However the owner ends, the kernel closes
//! the other end; the guard then kills the processes whose `HOME` is the node's directory, by their numbers, and
//! removes the directory. What cannot have such a `HOME` has the directory in the variable `MARK`.

use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::Context;

/// Marks a process in the place of `HOME`.
pub(crate) const MARK: &str = "ZERO_TEST_HOME";
/// Three rounds, because a process may start another between the look and the signal.
const SCRIPT: &str = r#"
read -r word
[ "$word" = dismissed ] && exit 0
for round in 1 2 3; do
    for environ in $(grep -slzxF -e "HOME=$1" -e "ZERO_TEST_HOME=$1" /proc/[0-9]*/environ); do
        pid=${environ#/proc/}
        kill -KILL "${pid%/environ}"
    done
    sleep 0.2
done
rm -rf "$1"
"#;

/// The guard of one node.
pub(crate) struct Guard {
    process: Child,
}

impl Guard {
    /// Starts watching over the processes of a node's directory.
    pub(crate) fn start(home: &Path) -> anyhow::Result<Self> {
        let process = Command::new("sh")
            .args(["-c", SCRIPT, "zero-broker-guard"])
            .arg(home)
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Its own group: an interrupt typed at the terminal must not end it before its work is done.
            .process_group(0)
            .spawn()
            .context("start the guard of the node")?;
        Ok(Self { process })
    }

    /// The owner has cleaned up itself.
    pub(crate) fn dismiss(&mut self) {
        if let Some(mut line) = self.process.stdin.take() {
            let _ = line.write_all(b"dismissed\n");
        }
        let _ = self.process.wait();
    }
}
