//! I/O: what the container has used, from cgroup v2. A file that is not there or cannot be read
//! tells nothing; it never tells 0.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

/// Where control groups are mounted.
const MOUNT: &str = "/sys/fs/cgroup";

/// A control group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cgroup(PathBuf);

/// What it has used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// CPU time since it was made.
    pub cpu: Option<Duration>,
    /// Memory now, page cache included.
    pub memory: Option<u64>,
    /// The most memory it ever had.
    pub memory_peak: Option<u64>,
    /// Bytes read from devices.
    pub read: Option<u64>,
    /// Bytes written to devices.
    pub written: Option<u64>,
}

impl Cgroup {
    /// The one in this folder.
    #[must_use]
    pub fn at(folder: PathBuf) -> Self {
        Self(folder)
    }

    /// Our own. In a container it is the whole container's, the child's included.
    #[must_use]
    pub fn own() -> Option<Self> {
        let text = fs::read_to_string("/proc/self/cgroup").ok()?;
        let path = text.lines().find_map(|line| line.strip_prefix("0::/"))?;
        Some(Self(PathBuf::from(MOUNT).join(path)))
    }

    /// What has been used so far.
    #[must_use]
    pub fn usage(&self) -> Usage {
        let text = |file| fs::read_to_string(self.0.join(file)).ok();
        let number = |file| text(file)?.trim().parse().ok();
        let cpu = text("cpu.stat").and_then(|text| entry(&text, "usage_usec"));
        let io = text("io.stat");
        let sum = |key| io.as_deref().and_then(|text| sum(text, key));
        Usage {
            cpu: cpu.map(Duration::from_micros),
            memory: number("memory.current"),
            memory_peak: number("memory.peak"),
            read: sum("rbytes="),
            written: sum("wbytes="),
        }
    }

    /// How many processes the kernel has killed in it for want of memory.
    #[must_use]
    pub fn oom_kills(&self) -> Option<u64> {
        entry(&fs::read_to_string(self.0.join("memory.events")).ok()?, "oom_kill")
    }
}

/// The value in a line such as `usage_usec 4711`.
fn entry(text: &str, key: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(' '))?;
    line.trim().parse().ok()
}

/// The sum over all devices of a value such as `rbytes=4711`. No device: nothing was moved.
fn sum(text: &str, key: &str) -> Option<u64> {
    let devices = text.lines().map(|line| {
        let value = line.split(' ').find_map(|word| word.strip_prefix(key));
        value.map_or(Some(0), |value| value.parse::<u64>().ok())
    });
    devices.sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(files: &[(&str, &str)]) -> (tempfile::TempDir, Cgroup) {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs::write(folder.path().join(name), text).unwrap();
        }
        let group = Cgroup::at(folder.path().to_owned());
        (folder, group)
    }

    #[test]
    fn what_the_files_say_is_told() {
        let (_folder, group) = group(&[
            ("cpu.stat", "usage_usec 2500000\nuser_usec 2000000\n"),
            ("memory.current", "1000\n"),
            ("memory.peak", "3000\n"),
            ("memory.events", "low 0\noom 2\noom_kill 1\noom_group_kill 0\n"),
            ("io.stat", "8:0 rbytes=10 wbytes=20 rios=1\n8:16 rbytes=5 wbytes=7\n254:0 \n"),
        ]);
        let usage = Usage {
            cpu: Some(Duration::from_millis(2500)),
            memory: Some(1000),
            memory_peak: Some(3000),
            read: Some(15),
            written: Some(27),
        };
        assert_eq!((group.usage(), group.oom_kills()), (usage, Some(1)));
    }

    #[test]
    fn what_is_missing_or_garbled_tells_nothing_and_never_0() {
        let (_folder, group) = group(&[
            ("cpu.stat", "usage_usec many\n"),
            ("memory.peak", "max\n"),
            ("io.stat", "8:0 rbytes=x wbytes=1\n"),
        ]);
        let usage = Usage { written: Some(1), ..Usage::default() };
        assert_eq!((group.usage(), group.oom_kills()), (usage, None));
    }
}
