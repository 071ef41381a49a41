//! A folder in which a script runs: its path holds the stand-ins and the few programs that the scripts need, and nothing
//! else of this machine.

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use tempfile::TempDir;
use tests::repository;
use tests::zero::Answer;

/// What the scripts and their stand-ins need of a machine.
const NEEDED: &[&str] = &[
    "basename",
    "bash",
    "cat",
    "cmp",
    "cp",
    "cut",
    "dirname",
    "env",
    "find",
    "grep",
    "head",
    "ln",
    "mkdir",
    "mktemp",
    "mv",
    "rm",
    "sed",
    "sha256sum",
    "sleep",
    "sort",
    "touch",
    "wc",
    "xargs",
];
/// The stand-ins.
pub(super) const DOUBLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/setup/doubles");
const STAND_INS: &[&str] = &["gcloud", "gke-gcloud-auth-plugin", "helm", "kubectl", "terraform"];

/// A folder that goes with the value.
pub(super) struct Scene {
    folder: TempDir,
    envs: Vec<(String, String)>,
}

impl Scene {
    /// Everything is on the path, and nothing real behind Helm and kubectl.
    pub(super) fn new() -> Self {
        let scene = Self { folder: tempfile::tempdir().unwrap(), envs: Vec::new() };
        for folder in ["bin", "doubles/cloud/buckets", "doubles/cloud/projects"] {
            fs::create_dir_all(scene.path(folder)).unwrap();
        }
        for file in ["calls", "changes"] {
            scene.write(&format!("doubles/{file}"), "");
        }
        for name in STAND_INS {
            symlink(Path::new(DOUBLES).join(name), scene.path("bin").join(name)).unwrap();
        }
        let places = std::env::var_os("PATH").unwrap();
        for name in NEEDED {
            let found = std::env::split_paths(&places).map(|folder| folder.join(name));
            let found = found.into_iter().find(|file| file.is_file());
            let found = found.unwrap_or_else(|| panic!("there is no `{name}` on this machine"));
            symlink(found, scene.path("bin").join(name)).unwrap();
        }
        scene.logged_in();
        let plugin = tests::zero::binary().unwrap();
        symlink(plugin, scene.path("bin/kubectl-zero")).unwrap();
        scene
    }

    /// An account that may use `my-project`.
    fn logged_in(&self) {
        let facts = [
            ("version", "Google Cloud SDK 560.0.0\n"),
            ("terraform", "1.11.4"),
            ("account", "ann@example.com\n"),
            ("credentials", ""),
            ("projects/my-project", ""),
        ];
        for (name, text) in facts {
            self.write(&format!("doubles/cloud/{name}"), text);
        }
    }

    /// The same with a variable of its environment.
    pub(super) fn env(mut self, name: &str, value: &str) -> Self {
        self.envs.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(super) fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    pub(super) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    /// Takes a program off the path.
    pub(super) fn without(self, program: &str) -> Self {
        fs::remove_file(self.path("bin").join(program)).unwrap();
        self
    }

    /// Takes away a fact that the stand-ins tell.
    pub(super) fn forget(&self, fact: &str) {
        fs::remove_file(self.path("doubles/cloud").join(fact)).unwrap();
    }

    /// The script ends with this code, says these words, and has changed nothing.
    pub(super) fn is_refused(&self, code: i32, script: &str, args: &[&str], words: &[&str]) {
        let answer = self.ends(code, script, args);
        for words in words {
            assert!(answer.stderr.contains(words), "{script}: {words}: {}", answer.stderr);
        }
        let changed = self.changes();
        assert!(changed.is_empty(), "{script}: {changed:#?}");
    }

    /// What was changed since the last time, a line for each command.
    pub(super) fn changes(&self) -> Vec<String> {
        let lines = self.read("doubles/changes").lines().map(ToOwned::to_owned).collect();
        self.write("doubles/changes", "");
        lines
    }

    /// Every command that was run.
    pub(super) fn calls(&self) -> String {
        self.read("doubles/calls")
    }

    /// A script of `tools`, without a terminal, in a process group of its own.
    pub(super) fn command(&self, script: &str, args: &[&str]) -> Command {
        let mut command =
            Command::new(repository::root().join("tools").join(script).canonicalize().unwrap());
        command
            .args(args)
            .env_clear()
            .env("PATH", self.path("bin"))
            .env("HOME", self.folder.path())
            .env("DOUBLES", self.path("doubles"))
            .env("DOUBLES_HOME", DOUBLES)
            .envs(self.envs.iter().map(|(name, value)| (name, value)))
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0);
        command
    }

    pub(super) fn run(&self, script: &str, args: &[&str]) -> Answer {
        answer(self.command(script, args).output().unwrap())
    }

    /// The same, which has to end with this code.
    pub(super) fn ends(&self, code: i32, script: &str, args: &[&str]) -> Answer {
        let answer = self.run(script, args);
        assert_eq!(
            answer.code,
            Some(code),
            "{script} {args:?}: {}{}",
            answer.stdout,
            answer.stderr
        );
        answer
    }

    /// The same, killed by the stand-ins at a point such as `before 1`.
    pub(super) fn killed(&self, at: &str, script: &str, args: &[&str]) -> Answer {
        answer(self.command(script, args).env("KILL_AT", at).output().unwrap())
    }

    /// The same, at work.
    pub(super) fn begin(&self, script: &str, args: &[&str]) -> Child {
        self.command(script, args).spawn().unwrap()
    }
}

pub(super) fn answer(output: Output) -> Answer {
    output.try_into().unwrap()
}
