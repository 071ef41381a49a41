//! `kubectl logs`: KWOK reads the files that a container runtime would write, which are made here from what processes print.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Result;
use jiff::Timestamp;

/// What one container has printed, and as much of it as is in the runtime's form.
pub(super) struct Log {
    printed: PathBuf,
    kept: PathBuf,
    read: u64,
}

impl Log {
    /// The log of a container in the folder of its pod.
    pub(super) fn of(folder: &Path, container: &str) -> Self {
        let file = |end: &str| folder.join(format!("{container}.{end}"));
        Self { printed: file("log"), kept: file("cri"), read: 0 }
    }

    /// Where its process prints to.
    pub(super) fn printed(&self) -> &Path {
        &self.printed
    }

    /// The file in the runtime's form.
    pub(super) fn kept(&self) -> &Path {
        &self.kept
    }

    /// Takes over the lines that are new.
    #[expect(clippy::disallowed_methods, reason = "a line of a log has the time at which it came")]
    pub(super) fn follow(&mut self) -> Result<()> {
        let Ok(mut printed) = File::open(&self.printed) else { return Ok(()) };
        if printed.metadata()?.len() == self.read {
            return Ok(());
        }
        printed.seek(SeekFrom::Start(self.read))?;
        let mut bytes = Vec::new();
        printed.read_to_end(&mut bytes)?;
        let whole = whole_lines(&bytes);
        let mut kept = Vec::new();
        for line in String::from_utf8_lossy(whole).lines() {
            writeln!(kept, "{} stdout F {line}", Timestamp::now())?;
        }
        let mut file = OpenOptions::new().create(true).append(true).open(&self.kept)?;
        file.write_all(&kept)?;
        self.read += whole.len() as u64;
        Ok(())
    }
}

/// What ends with the last line that is whole.
fn whole_lines(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().rposition(|byte| *byte == b'\n');
    end.and_then(|end| bytes.get(..=end)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_kept_once_it_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let mut log = Log::of(folder.path(), "worker");
        log.follow().unwrap();
        let kept = || std::fs::read_to_string(folder.path().join("worker.cri")).unwrap();
        std::fs::write(log.printed(), "one\ntw").unwrap();
        log.follow().unwrap();
        assert!(kept().ends_with(" stdout F one\n"), "{}", kept());
        std::fs::write(log.printed(), "one\ntwo\n").unwrap();
        log.follow().unwrap();
        log.follow().unwrap();
        assert_eq!(kept().lines().count(), 2);
        assert!(kept().ends_with(" stdout F two\n"), "{}", kept());
    }
}
