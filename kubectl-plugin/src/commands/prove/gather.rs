//! I/O: the witnesses that are named on the command line, read here before anything is sent.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use amqp_admin::{agree, plural};
use anyhow::{Context as _, Result, bail};
use tempfile::{NamedTempFile, TempPath};
use witness::{Witness, copy_checked, decoded, read};

use crate::exit::NotFound;
use crate::output::Printer;

/// What the name of a witness in a folder ends with.
const ENDINGS: [&str; 4] = [".json", ".json.gz", ".json.zst", ".json.xz"];
/// Stands for the standard input.
const STDIN: &str = "-";
/// Longer than any witness, unpacked: what goes on beyond is a trap.
const LONGEST: u64 = 64 << 30;

/// A witness that the leader would read, and its file.
#[derive(Debug)]
pub(super) struct Sheet {
    /// As people know it.
    pub(super) name: String,
    pub(super) path: PathBuf,
    /// As it is sent.
    pub(super) bytes: u64,
    pub(super) witness: Witness,
    /// A file of ours, gone with this.
    _kept: Option<TempPath>,
}

/// Reads every witness, in files and folders and from the standard input. Every fault is said.
pub(super) fn gather(paths: &[PathBuf], printer: &mut Printer) -> Result<Vec<Sheet>> {
    let files = files(paths)?;
    let (mut sheets, mut faults) = (Vec::new(), 0);
    for path in &files {
        match sheet(path) {
            Ok(sheet) => {
                for warning in sheet.witness.warnings() {
                    printer.say(&format!("warning: {}: {warning}", sheet.name));
                }
                sheets.push(sheet);
            }
            Err(error) => {
                faults += 1;
                printer.say(&format!("{}: {error:#}", path.display()));
            }
        }
    }
    if faults > 0 {
        let (all, faults) = (plural(files.len() as u64, "witness file"), faults);
        let are = agree(faults, "is", "are");
        bail!("{faults} of {all} {are} at fault, as said above; nothing was sent");
    }
    Ok(sheets)
}

/// The files that are meant, those of a folder by their names.
fn files(paths: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for path in paths {
        if path.is_dir() {
            found
                .extend(inside(path).with_context(|| format!("cannot list `{}`", path.display()))?);
        } else {
            found.push(path.clone());
        }
    }
    if found.is_empty() {
        let named: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
        let (named, endings) =
            (named.join("`, `"), ENDINGS.map(|end| format!("*{end}")).join(", "));
        return Err(NotFound(format!("no witness is in `{named}`: {endings}")).into());
    }
    Ok(found)
}

fn inside(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let named = ENDINGS.iter().any(|ending| name.ends_with(ending)) && !name.starts_with('.');
        found.extend(Some(path).filter(|path| named && path.is_file()));
    }
    found.sort();
    Ok(found)
}

fn sheet(path: &Path) -> Result<Sheet> {
    if path.as_os_str() == STDIN {
        return from_stdin();
    }
    let file = File::open(path).context("cannot open the file")?;
    let bytes = file.metadata().context("cannot look at the file")?.len();
    let plain = decoded(file, LONGEST).context("cannot read the file")?;
    let (name, path) = (path.display().to_string(), path.to_owned());
    Ok(Sheet { name, path, bytes, witness: read(plain)?, _kept: None })
}

/// What comes once is copied to a file, unpacked: it is read once more when it is sent.
fn from_stdin() -> Result<Sheet> {
    let file = NamedTempFile::new().context("cannot make a file for the standard input")?;
    let checked = copy_checked(io::stdin().lock(), file.as_file(), LONGEST)?;
    let kept = file.into_temp_path();
    let (name, path) = ("standard input".to_owned(), kept.to_path_buf());
    Ok(Sheet { name, path, bytes: checked.bytes, witness: checked.witness, _kept: Some(kept) })
}

#[cfg(test)]
impl Sheet {
    /// One of these blocks, which is nowhere.
    pub(super) fn of(name: &str, numbers: impl IntoIterator<Item = u64>) -> Self {
        let block = |number| witness::Block {
            number,
            transactions: 3,
            chain_id: 1,
            hash: format!("0x{number}"),
            parent_hash: Some(format!("0x{}", number - 1)),
            ..witness::Block::default()
        };
        let blocks = numbers.into_iter().map(block).collect();
        let witness = Witness { form: witness::Form::V07, has_blob_fields: true, blocks };
        Self { name: name.into(), path: name.into(), bytes: 1000, witness, _kept: None }
    }
}
