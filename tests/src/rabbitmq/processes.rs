//! What the kernel knows of the node's processes.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use rustix::process::{Pid, Signal, kill_process};

use crate::poll;

/// Helper processes of a killed node end by themselves as soon as they notice.
const HELPERS_END: Duration = Duration::from_secs(2);

/// The numbers of all running processes that belong to a node, told by their `HOME`.
#[must_use]
pub fn left_running(home: &Path) -> Vec<u32> {
    let mark = format!("HOME={}", home.display());
    let Ok(all) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    all.flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok())
        .filter(|pid| {
            fs::read(format!("/proc/{pid}/environ")).is_ok_and(|environ| {
                environ.split(|byte| *byte == 0).any(|var| var == mark.as_bytes())
            })
        })
        .collect()
}

/// Waits for a node's helper processes, and kills those that stay.
pub(super) fn end_all(home: &Path) {
    let gone = poll::until_blocking("the node's helper processes to end", HELPERS_END, || {
        let left = left_running(home);
        if left.is_empty() { Ok(()) } else { Err(format!("{left:?} are left")) }
    });
    if gone.is_ok() {
        return;
    }
    for pid in left_running(home) {
        if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
            let _ = kill_process(pid, Signal::KILL);
        }
    }
}

/// User and system time of one process.
pub(super) fn cpu_time(pid: u32) -> anyhow::Result<Duration> {
    let stat =
        fs::read_to_string(format!("/proc/{pid}/stat")).context("read the process's times")?;
    let ticks =
        cpu_ticks(&stat).context("the kernel's line of process times is not as expected")?;
    let micros = ticks * 1_000_000 / rustix::param::clock_ticks_per_second();
    Ok(Duration::from_micros(micros))
}

/// The 14th and 15th field; the second is a name in brackets that may itself hold spaces and brackets.
fn cpu_ticks(stat: &str) -> Option<u64> {
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut fields = after_name.split_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_brackets_does_not_shift_the_fields() {
        let stat = "42 (be am) 1) S 1 42 42 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 1 0";
        assert_eq!(cpu_ticks(stat), Some(300));
        assert_eq!(cpu_ticks("42 (beam) S 1"), None);
    }

    #[test]
    fn our_own_time_can_be_read() {
        assert!(cpu_time(std::process::id()).is_ok());
    }

    #[test]
    fn a_home_of_nobody_has_no_processes() {
        assert!(left_running(Path::new("/nobody/lives/here")).is_empty());
    }
}
