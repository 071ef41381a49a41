//! I/O: what the parts of the demo wrote, for when something fails.

use std::fs;
use std::path::{Path, PathBuf};

/// Enough to see a cause, little enough to read.
const LINES: usize = 6;

/// The end of a log file.
pub(crate) fn last_lines(path: &Path) -> String {
    let text = fs::read(path).unwrap_or_default();
    end_of(&String::from_utf8_lossy(&text))
}

/// The end of a text, each line set in.
pub(crate) fn end_of(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let end = lines.iter().skip(lines.len().saturating_sub(LINES));
    let shown = end.fold(String::new(), |all, line| all + "\n    " + line);
    if shown.is_empty() { "\n    (nothing)".to_owned() } else { shown }
}

/// Copies all logs below a folder to another, which is emptied first; says where they are then.
pub(crate) fn keep(from: &Path, to: &Path) -> std::io::Result<PathBuf> {
    if to.exists() {
        fs::remove_dir_all(to)?;
    }
    fs::create_dir_all(to)?;
    for folder in [from.to_owned(), from.join(super::stage::WORKER_LOGS)] {
        let Ok(entries) = fs::read_dir(folder) else { continue };
        for path in entries.flatten().map(|entry| entry.path()) {
            if let Some(name) =
                path.file_name().filter(|_| path.extension() == Some("log".as_ref()))
            {
                fs::copy(&path, to.join(name))?;
            }
        }
    }
    Ok(to.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_end_is_shown() {
        let lines: Vec<String> = (0..100).map(|number| format!("line {number}")).collect();
        let text = lines.join("\n");
        let end = end_of(&text);
        assert!(end.starts_with("\n    line 94\n") && end.ends_with("line 99"), "{end}");
        assert_eq!(end_of(""), "\n    (nothing)");
    }

    #[test]
    fn logs_are_kept_and_nothing_else() {
        let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::create_dir(from.path().join("workers")).unwrap();
        for name in ["stderr.log", "amqp-uri", "workers/worker-1.log"] {
            fs::write(from.path().join(name), name).unwrap();
        }
        let to = keep(from.path(), &to.path().join("logs")).unwrap();
        let mut kept: Vec<_> =
            fs::read_dir(&to).unwrap().map(|file| file.unwrap().file_name()).collect();
        kept.sort();
        assert_eq!(kept, ["stderr.log", "worker-1.log"]);
    }
}
