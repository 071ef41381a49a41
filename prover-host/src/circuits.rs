//! I/O: the folder of circuits: who may fill it, and the marker that says it is complete.
//!
//! Upstream writes its files in place and makes them anew after any error: workers that share an
//! empty or half-filled folder clobber one another. So one process fills it under a lock, and the
//! marker, which appears at once or not at all, says what it was filled for.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::configuration::Configuration;

/// Says that the folder is complete.
pub const MARKER: &str = ".complete";
/// Says that somebody began to fill it.
const BEGUN: &str = ".filling";
/// Held by whoever fills it; the kernel lets go of it however its holder ends.
const LOCK: &str = ".lock";
/// How the names of upstream's files begin.
const STATES: [&str; 2] = ["prover_state", "verifier_state"];
/// What v0.7 requires at the end of the folder's name.
const NEW_NAME: &str = "_circuit_cache";
/// What v0.5 and v0.6 require as the folder's name.
const OLD_NAME: &str = "circuits";

/// Why circuits cannot be used or made.
#[derive(Debug, Error)]
pub enum CircuitsError {
    /// No program of any generation would use that folder.
    #[error(
        "no worker would use `{0}` for its circuits: v0.7 wants a name that ends in `_circuit_cache`, v0.5 and v0.6 want the name `circuits`; rename it or give another --circuits-dir"
    )]
    Name(PathBuf),
    /// It was filled for something else.
    #[error(
        "the circuits in `{folder}` are of another configuration: {differences}; start the worker with the same options, or give an empty --circuits-dir and run init-circuits"
    )]
    Other {
        /// The folder.
        folder: PathBuf,
        /// What differs.
        differences: String,
    },
    /// Files that nobody says anything about.
    #[error(
        "there are circuits in `{0}` and no marker that says what for; remove them, or say with --adopt that they fit"
    )]
    Unmarked(PathBuf),
    /// A file that the marker names is not as it was.
    #[error(
        "the circuits in `{folder}` are damaged: `{file}` is missing or has another size than the marker says; remove `.complete` there and run init-circuits again"
    )]
    Damaged {
        /// The folder.
        folder: PathBuf,
        /// The file.
        file: String,
    },
    /// The worker came up and wrote nothing.
    #[error(
        "the worker made its circuits and left none in `{0}`; does it keep them elsewhere, or is it started with --persistence=none?"
    )]
    Nothing(PathBuf),
    /// The marker cannot be read.
    #[error(
        "the marker in `{folder}` is unreadable: {reason}; remove it and run init-circuits again"
    )]
    Marker {
        /// The folder.
        folder: PathBuf,
        /// Why.
        reason: String,
    },
    /// The file system said no.
    #[error("cannot use the circuits in `{folder}`: {source}")]
    Io {
        /// The folder.
        folder: PathBuf,
        /// The cause.
        source: io::Error,
    },
}

/// What the marker says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Marker {
    digest: String,
    configuration: Configuration,
    files: Vec<StateFile>,
}

/// One of upstream's files.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct StateFile {
    name: String,
    bytes: u64,
}

/// A folder of circuits.
#[derive(Debug, Clone)]
pub struct Circuits {
    folder: PathBuf,
}

/// The right to fill a folder, as long as it is kept.
#[derive(Debug)]
pub struct Filling<'a> {
    circuits: &'a Circuits,
    _lock: File,
}

impl Circuits {
    /// The folder, which must have a name that upstream would use.
    pub fn at(folder: PathBuf) -> Result<Self, CircuitsError> {
        let name = folder.file_name().map(OsStr::to_string_lossy).unwrap_or_default();
        if name.ends_with(NEW_NAME) || name == OLD_NAME {
            return Ok(Self { folder });
        }
        Err(CircuitsError::Name(folder))
    }

    /// Where it is.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The variable that makes a worker use it.
    #[must_use]
    pub fn variable(&self) -> (OsString, OsString) {
        if self.folder.file_name() == Some(OsStr::new(OLD_NAME)) {
            let above = self.folder.parent().unwrap_or(Path::new("."));
            return ("CARGO_WORKSPACE_DIR".into(), above.into());
        }
        ("ZK_EVM_CACHE_DIR".into(), self.folder.clone().into())
    }

    /// Whether it is complete; an error if it is of something else, or damaged.
    pub fn is_complete(&self, wanted: &Configuration) -> Result<bool, CircuitsError> {
        let Some(text) = self.text(MARKER)? else { return Ok(false) };
        let unreadable = |reason| CircuitsError::Marker { folder: self.folder.clone(), reason };
        let marker: Marker =
            serde_json::from_str(&text).map_err(|error| unreadable(error.to_string()))?;
        if marker.digest != wanted.digest() {
            let differences = wanted.differences(&marker.configuration);
            return Err(CircuitsError::Other { folder: self.folder.clone(), differences });
        }
        for file in &marker.files {
            let bytes = fs::metadata(self.folder.join(&file.name)).ok().map(|meta| meta.len());
            if bytes != Some(file.bytes) {
                let (folder, file) = (self.folder.clone(), file.name.clone());
                return Err(CircuitsError::Damaged { folder, file });
            }
        }
        Ok(true)
    }

    /// The right to fill it; `None`: somebody else has it.
    pub fn lock(&self) -> Result<Option<Filling<'_>>, CircuitsError> {
        fs::create_dir_all(&self.folder).map_err(|source| self.failed(source))?;
        let path = self.folder.join(LOCK);
        let lock = OpenOptions::new().create(true).truncate(false).write(true).open(path);
        let lock = lock.map_err(|source| self.failed(source))?;
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(Filling { circuits: self, _lock: lock })),
            Err(Errno::WOULDBLOCK) => Ok(None),
            Err(error) => Err(self.failed(error.into())),
        }
    }

    fn text(&self, name: &str) -> Result<Option<String>, CircuitsError> {
        match fs::read_to_string(self.folder.join(name)) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.failed(error)),
        }
    }

    fn states(&self) -> Result<Vec<StateFile>, CircuitsError> {
        let read = || -> io::Result<Vec<StateFile>> {
            let mut found = Vec::new();
            for entry in fs::read_dir(&self.folder)? {
                let entry = entry?;
                let name = entry.file_name().to_string_lossy().into_owned();
                let metadata = entry.metadata()?;
                if metadata.is_file() && STATES.iter().any(|state| name.starts_with(state)) {
                    found.push(StateFile { name, bytes: metadata.len() });
                }
            }
            found.sort();
            Ok(found)
        };
        read().map_err(|source| self.failed(source))
    }

    fn failed(&self, source: io::Error) -> CircuitsError {
        CircuitsError::Io { folder: self.folder.clone(), source }
    }
}

impl Filling<'_> {
    /// Before the worker starts: what a filling that was cut short has left is removed. Files that
    /// are nobody's are an error unless they are adopted.
    pub fn begin(&self, adopt: bool) -> Result<(), CircuitsError> {
        let circuits = self.circuits;
        let left = circuits.states()?;
        let begun = circuits.text(BEGUN)?.is_some();
        if !left.is_empty() && !begun && !adopt {
            return Err(CircuitsError::Unmarked(circuits.folder.clone()));
        }
        if begun {
            for file in left {
                tracing::info!("removing `{}`, left by a filling that was cut short", file.name);
                let removed = fs::remove_file(circuits.folder.join(&file.name));
                removed.map_err(|source| circuits.failed(source))?;
            }
        }
        if !adopt {
            self.put(BEGUN, "")?;
        }
        Ok(())
    }

    /// The worker has written everything: it is made to last, and the marker put.
    pub fn complete(&self, configuration: &Configuration) -> Result<u64, CircuitsError> {
        let circuits = self.circuits;
        let files = circuits.states()?;
        let bytes = files.iter().map(|file| file.bytes).sum();
        if bytes == 0 || files.iter().any(|file| file.bytes == 0) {
            return Err(CircuitsError::Nothing(circuits.folder.clone()));
        }
        for file in &files {
            let synced =
                File::open(circuits.folder.join(&file.name)).and_then(|file| file.sync_all());
            synced.map_err(|source| circuits.failed(source))?;
        }
        let digest = configuration.digest();
        let marker = Marker { digest, configuration: configuration.clone(), files };
        let text = serde_json::to_string_pretty(&marker);
        let text = text.map_err(|error| circuits.failed(error.into()))?;
        self.put(MARKER, &(text + "\n"))?;
        match fs::remove_file(circuits.folder.join(BEGUN)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(circuits.failed(error)),
            Ok(()) | Err(_) => Ok(bytes),
        }
    }

    /// Puts a file that is there as a whole or not at all, and lasts.
    fn put(&self, name: &str, text: &str) -> Result<(), CircuitsError> {
        let folder = &self.circuits.folder;
        let put = || -> io::Result<()> {
            let mut file = tempfile::Builder::new().prefix(".new-").tempfile_in(folder)?;
            file.write_all(text.as_bytes())?;
            // Workers of another user read it.
            let readable = std::os::unix::fs::PermissionsExt::from_mode(0o644);
            file.as_file().set_permissions(readable)?;
            file.as_file().sync_all()?;
            file.persist(folder.join(name))?;
            File::open(folder)?.sync_all()
        };
        put().map_err(|source| self.circuits.failed(source))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cleaning::Cleaned;

    fn circuits() -> (tempfile::TempDir, Circuits) {
        let above = tempfile::tempdir().unwrap();
        let circuits = Circuits::at(above.path().join("zk_evm_circuit_cache")).unwrap();
        (above, circuits)
    }

    fn configuration(args: &[&str]) -> Configuration {
        let args = args.iter().map(OsString::from).collect();
        Configuration::of(&Cleaned { program: "w".into(), args, env: Vec::new(), folder: None })
    }

    fn state(circuits: &Circuits, name: &str, text: &str) {
        fs::write(circuits.folder().join(name), text).unwrap();
    }

    fn filled(circuits: &Circuits, wanted: &Configuration) {
        let filling = circuits.lock().unwrap().unwrap();
        filling.begin(false).unwrap();
        state(circuits, "prover_state_base_0a0b0c0d_1", "base");
        filling.complete(wanted).unwrap();
    }

    #[test]
    fn a_folder_is_complete_when_its_marker_is_of_the_same_configuration() {
        let (_above, circuits) = circuits();
        let wanted = configuration(&["--cpu=12..20"]);
        assert!(!circuits.is_complete(&wanted).unwrap());
        filled(&circuits, &wanted);
        assert!(circuits.is_complete(&wanted).unwrap());
        let other = configuration(&["--cpu=12..20", "--use-test-config"]);
        let error = circuits.is_complete(&other).unwrap_err().to_string();
        assert!(error.contains("use-test-config is default there and true here"), "{error}");
    }

    #[test]
    fn a_file_that_changed_since_is_told() {
        let (_above, circuits) = circuits();
        let wanted = configuration(&[]);
        filled(&circuits, &wanted);
        state(&circuits, "prover_state_base_0a0b0c0d_1", "cut");
        let error = circuits.is_complete(&wanted).unwrap_err();
        assert!(matches!(error, CircuitsError::Damaged { .. }), "{error}");
        fs::write(circuits.folder().join(MARKER), "{").unwrap();
        let error = circuits.is_complete(&wanted).unwrap_err();
        assert!(matches!(error, CircuitsError::Marker { .. }), "{error}");
    }

    #[test]
    fn only_one_may_fill_it_and_only_while_it_keeps_the_right() {
        let (_above, circuits) = circuits();
        let filling = circuits.lock().unwrap();
        assert!(filling.is_some() && circuits.lock().unwrap().is_none());
        drop(filling);
        assert!(circuits.lock().unwrap().is_some());
    }

    #[test]
    fn what_a_filling_cut_short_has_left_is_removed_and_nothing_else() {
        let (_above, circuits) = circuits();
        circuits.lock().unwrap().unwrap().begin(false).unwrap();
        state(&circuits, "prover_state_base_0a0b0c0d_1", "half");
        state(&circuits, "notes", "mine");
        circuits.lock().unwrap().unwrap().begin(false).unwrap();
        assert_eq!(circuits.states().unwrap(), []);
        assert!(circuits.folder().join("notes").exists());
    }

    #[test]
    fn files_that_are_nobodys_are_kept_and_only_taken_when_told_to() {
        let (_above, circuits) = circuits();
        let filling = circuits.lock().unwrap().unwrap();
        state(&circuits, "prover_state_base_0a0b0c0d_1", "mine");
        assert!(matches!(filling.begin(false), Err(CircuitsError::Unmarked(_))));
        filling.begin(true).unwrap();
        filling.complete(&configuration(&[])).unwrap();
        assert_eq!(circuits.states().unwrap().len(), 1);
    }

    #[test]
    fn a_worker_that_wrote_nothing_is_no_success() {
        let (_above, circuits) = circuits();
        let filling = circuits.lock().unwrap().unwrap();
        let error = filling.complete(&configuration(&[])).unwrap_err();
        assert!(matches!(error, CircuitsError::Nothing(_)), "{error}");
        assert!(!circuits.folder().join(MARKER).exists());
    }

    #[test]
    fn the_folders_name_says_which_generation_uses_it() {
        let variable = |path: &str| Circuits::at(path.into()).map(|circuits| circuits.variable());
        let told = variable("/data/zk_evm_circuit_cache").unwrap();
        assert_eq!(told, ("ZK_EVM_CACHE_DIR".into(), "/data/zk_evm_circuit_cache".into()));
        let told = variable("/data/circuits").unwrap();
        assert_eq!(told, ("CARGO_WORKSPACE_DIR".into(), "/data".into()));
        assert!(matches!(variable("/data/cache"), Err(CircuitsError::Name(_))));
    }
}
