//! I/O: a proof's file, from the proof service to the disk: whole and as it was made, or not at all.

use std::fs::Permissions;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use sha2::{Digest as _, Sha256};
use tempfile::NamedTempFile;

use crate::leader::Leader;

/// What names of proof files end with; upstream's own do.
const ENDING: &str = "zkproof";

/// Downloads a proof's file into a folder, which is made if it is not there. Its digest is the one
/// that the service names, or nothing is kept.
pub(crate) async fn save(leader: &Leader, id: &str, folder: &Path) -> Result<PathBuf> {
    let mut coming = leader.file(id).await?;
    let Some(wanted) = coming.digest() else {
        bail!("the proof service does not say what the SHA-256 of the file of `{id}` is");
    };
    let path = folder.join(format!("{id}.{ENDING}"));
    let unwritten = || format!("cannot write `{}`", path.display());
    let mut file = beside(folder).with_context(unwritten)?;
    let mut digest = Sha256::new();
    while let Some(part) = coming.next().await? {
        digest.update(part.as_ref());
        file.write_all(part.as_ref()).with_context(unwritten)?;
    }
    let found = hexadecimal(&digest.finalize());
    if found != wanted {
        bail!(
            "the file of `{id}` did not come as it is: its SHA-256 is {found}, and the service says {wanted}; download it again"
        );
    }
    file.as_file().sync_all().with_context(unwritten)?;
    file.persist(&path).with_context(unwritten)?;
    Ok(path)
}

/// A file for others to read as well, gone unless it is persisted.
pub(crate) fn beside(folder: &Path) -> std::io::Result<NamedTempFile> {
    std::fs::create_dir_all(folder)?;
    let readable = Permissions::from_mode(0o666);
    tempfile::Builder::new().prefix(".zero-").permissions(readable).tempfile_in(folder)
}

fn hexadecimal(digest: &[u8]) -> String {
    use std::fmt::Write as _;
    digest.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
