//! I/O: the service's folder: witnesses, proofs, logs. A file is whole or not there.

use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, File};
use std::io;
use std::io::Write as _;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock, statvfs};
use sha2::{Digest as _, Sha256};
use tempfile::NamedTempFile;
use thiserror::Error;

use crate::hex::hex;
use crate::proof::ProofFile;

/// Where a proof is written down, beside the file itself.
const PARTS: [&str; 6] = ["uploads", "witnesses", "proofs", "logs", "work", "removed"];

/// Why the folder cannot be used.
#[derive(Debug, Error)]
pub enum StoreError {
    /// Another service works on it.
    #[error(
        "another zero-leader works on `{0}`; two would start every proof twice: end the other, or use another --data-dir"
    )]
    Taken(PathBuf),
    /// The system's own words.
    #[error("cannot use `{path}`: {source}")]
    Io {
        /// What.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// The folder, ours alone while this is held.
#[derive(Debug)]
pub struct Store {
    root: PathBuf,
    _lock: File,
}

impl Store {
    /// Makes the folder what it should be, and ours. What uploads left behind is gone.
    pub fn open(root: &Path) -> Result<Self, StoreError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| StoreError::Io { path, source }
        };
        let mut builder = DirBuilder::new();
        // Witnesses and logs are nobody else's business.
        builder.recursive(true).mode(0o700);
        builder.create(root).map_err(failed(root))?;
        let root = root.canonicalize().map_err(failed(root))?;
        let lock = root.join("lock");
        let held = File::create(&lock).map_err(failed(&lock))?;
        if flock(&held, FlockOperation::NonBlockingLockExclusive).is_err() {
            return Err(StoreError::Taken(root));
        }
        let uploads = root.join("uploads");
        match fs::remove_dir_all(&uploads) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(failed(&uploads)(error));
            }
            Ok(()) | Err(_) => {}
        }
        for part in PARTS {
            let path = root.join(part);
            builder.create(&path).map_err(failed(&path))?;
        }
        Ok(Self { root, _lock: held })
    }

    /// Where the ledger is.
    #[must_use]
    pub fn ledger(&self) -> PathBuf {
        self.root.join("ledger.sqlite")
    }

    /// A file for an upload; it is gone when it is dropped before it is put in its place.
    pub fn upload(&self) -> io::Result<NamedTempFile> {
        NamedTempFile::new_in(self.root.join("uploads"))
    }

    /// The witness of this digest.
    #[must_use]
    pub fn witness(&self, digest: &str) -> PathBuf {
        self.root.join("witnesses").join(format!("{digest}.json"))
    }

    /// What puts an upload in its place, once somebody wants it.
    pub fn keeping_witness(
        &self,
        upload: NamedTempFile,
        digest: &str,
    ) -> impl FnOnce() -> io::Result<()> + Send + use<> {
        let path = self.witness(digest);
        move || put(upload, &path)
    }

    /// What removes a witness, once nobody wants it any more.
    pub fn dropping_witness(&self, digest: &str) -> impl FnOnce() + Send + use<> {
        let path = self.witness(digest);
        move || remove(&path)
    }

    /// Removes witnesses that no proof has: of a service that was killed while it took one or let it
    /// go. How many. Where nothing is known at all the ledger may be another's, and all stay.
    pub fn drop_strays(&self, known: &BTreeSet<String>) -> io::Result<usize> {
        let mut strays = 0;
        for entry in fs::read_dir(self.root.join("witnesses"))? {
            let path = entry?.path();
            let digest = path.file_stem().and_then(|stem| stem.to_str());
            if !known.is_empty() && digest.is_none_or(|digest| !known.contains(digest)) {
                remove(&path);
                strays += 1;
            }
        }
        Ok(strays)
    }

    /// A proof's file.
    #[must_use]
    pub fn proof(&self, id: &str) -> PathBuf {
        self.root.join("proofs").join(format!("{id}.zkproof"))
    }

    /// Writes a proof's file, and what is to be known of it beside it.
    pub fn keep_proof(
        &self,
        id: &str,
        proof: &[u8],
        about: impl FnOnce(&ProofFile) -> String,
    ) -> io::Result<ProofFile> {
        let file = ProofFile { digest: hex(&Sha256::digest(proof)), bytes: proof.len() as u64 };
        let path = self.proof(id);
        let put_bytes = |bytes: &[u8], path: &Path| {
            let mut temporary = NamedTempFile::new_in(self.root.join("proofs"))?;
            temporary.write_all(bytes)?;
            put(temporary, path)
        };
        put_bytes(proof, &path)?;
        put_bytes(about(&file).as_bytes(), &path.with_extension("json"))?;
        Ok(file)
    }

    /// What a leader wrote in an attempt.
    #[must_use]
    pub fn log(&self, id: &str, attempt: u32) -> PathBuf {
        self.root.join("logs").join(format!("{id}.{attempt}.log"))
    }

    /// An empty folder for a leader to run in.
    pub fn work(&self, id: &str) -> io::Result<PathBuf> {
        let path = self.root.join("work").join(id);
        self.clear_work(id);
        fs::create_dir_all(path.join("out"))?;
        Ok(path)
    }

    /// A leader's folder is not needed any more.
    pub fn clear_work(&self, id: &str) {
        // What cannot be removed now is removed with the next attempt.
        let _ = fs::remove_dir_all(self.root.join("work").join(id));
    }

    /// Where an attempt's tasks go that nobody waits for any more.
    #[must_use]
    pub fn removed(&self, id: &str, attempt: u32) -> PathBuf {
        self.root.join("removed").join(format!("{id}.{attempt}.backup"))
    }

    /// Bytes that may still be written.
    pub fn free(&self) -> io::Result<u64> {
        let told = statvfs(&self.root)?;
        Ok(told.f_bavail.saturating_mul(told.f_frsize))
    }

    /// Removes everything of a proof but its row and its witness.
    pub fn forget(&self, id: &str, attempts: u32) {
        remove(&self.proof(id));
        remove(&self.proof(id).with_extension("json"));
        for attempt in 1..=attempts {
            remove(&self.log(id, attempt));
            let removed = self.removed(id, attempt);
            remove(&removed);
            for later in numbered(&removed).take_while(|later| later.exists()) {
                remove(&later);
            }
        }
    }
}

/// A path's siblings, for those that come when it is taken.
pub fn numbered(path: &Path) -> impl Iterator<Item = PathBuf> {
    (1..).map(move |number: u32| {
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".{number}"));
        PathBuf::from(name)
    })
}

/// Removes a file that may be gone already.
fn remove(path: &Path) {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            tracing::warn!(%error, "cannot remove `{}`", path.display());
        }
        Ok(()) | Err(_) => {}
    }
}

/// Synced, then renamed, then the folder synced: whole or not there, also after a power cut.
fn put(temporary: NamedTempFile, path: &Path) -> io::Result<()> {
    temporary.as_file().sync_all()?;
    temporary.persist(path).map_err(|error| error.error)?;
    match path.parent() {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_service_at_a_time_and_no_upload_outlives_it() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let taken = Store::open(folder.path()).unwrap_err();
        assert!(taken.to_string().contains("another zero-leader"), "{taken}");
        let (_, left) = store.upload().unwrap().keep().unwrap();
        drop(store);
        let store = Store::open(folder.path()).unwrap();
        assert!(!left.exists());
        assert!(store.free().unwrap() > 0);
    }

    #[test]
    fn a_proof_is_kept_with_what_is_known_of_it_until_it_is_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let file = store.keep_proof("7-ab", b"[1]", |file| file.digest.clone()).unwrap();
        assert_eq!((file.bytes, file.digest.len()), (3, 64));
        assert_eq!(fs::read(store.proof("7-ab")).unwrap(), b"[1]");
        assert_eq!(
            fs::read_to_string(store.proof("7-ab").with_extension("json")).unwrap(),
            file.digest
        );
        store.forget("7-ab", 2);
        assert!(!store.proof("7-ab").exists());
    }

    #[test]
    fn every_backup_of_a_proof_is_forgotten_and_nothing_of_one_with_a_like_name() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let backups = |id: &str, attempt| {
            let first = store.removed(id, attempt);
            std::iter::once(first.clone()).chain(numbered(&first).take(2)).collect::<Vec<_>>()
        };
        let [one, second] = [1, 2].map(|attempt| backups("7-ab", attempt));
        let [twelve, other] = [backups("7-ab", 12), backups("7-ab-1", 1)];
        for path in [&one, &second, &twelve, &other].into_iter().flatten() {
            fs::write(path, "").unwrap();
        }
        store.forget("7-ab", 2);
        let left = |paths: &[PathBuf]| paths.iter().filter(|path| path.exists()).count();
        assert_eq!([&one, &second, &twelve, &other].map(|paths| left(paths)), [0, 0, 3, 3]);
    }

    #[test]
    fn witnesses_that_no_proof_has_go_unless_nothing_is_known() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        for digest in ["aa", "bb"] {
            store.keeping_witness(store.upload().unwrap(), digest)().unwrap();
        }
        let known = |digests: &[&str]| digests.iter().map(|it| (*it).to_owned()).collect();
        assert_eq!(store.drop_strays(&known(&[])).unwrap(), 0);
        assert_eq!(store.drop_strays(&known(&["aa", "cc"])).unwrap(), 1);
        assert!(store.witness("aa").exists() && !store.witness("bb").exists());
        store.dropping_witness("aa")();
        assert!(!store.witness("aa").exists());
    }
}
