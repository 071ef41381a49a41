//! Files of witnesses: which are meant, and what is in each.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use ::witness::{Checked, copy_checked};
use anyhow::{Context as _, Result};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::exit::{self, Code, NotFound};
use crate::output::Printer;

/// How the names of witnesses in a folder end.
const ENDINGS: [&str; 5] = [".json", ".json.gz", ".json.zst", ".json.xz", ".witness"];
/// The name of standard input.
const STDIN: &str = "-";

/// What every command takes that reads files.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Limit {
    /// The most that a file may be once unpacked, in MiB.
    #[arg(long, value_name = "MIB", default_value_t = 4096)]
    limit: u64,
}

/// A file, and what is in it.
pub(crate) struct Seen {
    /// As it was named.
    pub(crate) name: String,
    /// What is in it, or why that cannot be told.
    pub(crate) outcome: Result<Checked>,
}

/// The files that are meant: those named, and those in the folders named, in the order of the names.
pub(crate) fn found(paths: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in paths {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let within = in_folder(path)
            .with_context(|| format!("cannot list the folder `{}`", path.display()))?;
        if within.is_empty() {
            let (path, endings) = (path.display(), ENDINGS.join(", "));
            let words = format!("no witness in `{path}`: their names end in one of {endings}");
            return Err(NotFound(words).into());
        }
        files.extend(within);
    }
    Ok(files)
}

fn in_folder(path: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(path)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if ENDINGS.iter().any(|ending| name.ends_with(ending)) && path.is_file() {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Reads the files one after the other. Those that are refused are named at once, and do not stop
/// the others.
pub(crate) fn read(files: &[PathBuf], limit: &Limit, printer: &mut Printer) -> Vec<Seen> {
    let mut seen = Vec::new();
    for path in files {
        let name = path.display().to_string();
        let outcome = read_one(path, limit);
        if let Err(error) = &outcome {
            printer.say(&format!("error: {name}: {error:#}"));
        }
        seen.push(Seen { name, outcome });
    }
    seen
}

fn read_one(path: &Path, limit: &Limit) -> Result<Checked> {
    let limit = limit.limit.saturating_mul(1 << 20);
    let (reader, length): (Box<dyn Read>, _) = if path == Path::new(STDIN) {
        (Box::new(io::stdin().lock()), None)
    } else {
        let file = File::open(path).context("cannot open it")?;
        let length = file.metadata().ok().filter(fs::Metadata::is_file).map(|about| about.len());
        (Box::new(file), length)
    };
    let mut watched = Watched { reader, bar: hidden_bar(path, length) };
    let checked = copy_checked(&mut watched, io::sink(), limit);
    watched.bar.finish_and_clear();
    Ok(checked?)
}

/// How far the reading has come: it shows on a terminal, once it has taken two seconds.
struct Watched<R> {
    reader: R,
    bar: ProgressBar,
}

impl<R: Read> Read for Watched<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        const PATIENCE: Duration = Duration::from_secs(2);
        let read = self.reader.read(into)?;
        self.bar.inc(read as u64);
        if self.bar.is_hidden() && self.bar.elapsed() > PATIENCE {
            self.bar.set_draw_target(ProgressDrawTarget::stderr_with_hz(10));
        }
        Ok(read)
    }
}

fn hidden_bar(path: &Path, length: Option<u64>) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(length, ProgressDrawTarget::hidden());
    let template = match length {
        Some(_) => "{msg} [{bar:30}] {binary_bytes}/{binary_total_bytes} {eta}",
        None => "{msg} {binary_bytes}",
    };
    let style = ProgressStyle::with_template(template);
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("=> "));
    bar.set_message(path.display().to_string());
    bar
}

/// The exit code of so many files, of which some were refused.
pub(crate) fn code(files: usize, refused: usize) -> Code {
    exit::of(files.saturating_sub(refused), files)
}

/// The words for a file's refusal, for programs.
pub(crate) fn words(error: &anyhow::Error) -> String {
    format!("{error:#}")
}
