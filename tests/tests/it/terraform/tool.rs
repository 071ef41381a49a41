//! Runs Terraform in a copy of the configuration, with the stub provider.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;
use tests::harness::{self, env};
use tests::provision;
use tests::repository;

use super::provider::StubProvider;

/// What can be applied: the root, the state's bucket, and the examples.
pub(super) const ROOTS: [&str; 4] = [".", "state", "examples/minimal", "examples/full"];

/// The configuration in the tree.
pub(super) fn source() -> PathBuf {
    repository::root().join("terraform")
}

/// A copy of the configuration that this value owns, and the program to run in it.
pub(super) struct Terraform {
    program: PathBuf,
    provider: StubProvider,
    folder: TempDir,
}

impl Terraform {
    /// `None` where there is no Terraform, said aloud; in CI that is a failure.
    pub(super) fn find(test: &str) -> Option<Self> {
        let given = std::env::var_os(env::TERRAFORM).map(PathBuf::from);
        let Some(program) = given.or_else(provision::terraform) else {
            let why = format!(
                "SKIPPED {test}: there is no Terraform 1.9 or newer and no OpenTofu (`cargo xtask test` makes one)"
            );
            harness::say(&why);
            assert!(std::env::var("CI").as_deref() != Ok("true"), "{why}");
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("settings"), "").unwrap();
        copy(&source(), &folder.path().join("terraform"));
        Some(Self { program, provider: StubProvider::start(), folder })
    }

    /// Whether it is not Terraform itself.
    pub(super) fn is_opentofu(&self) -> bool {
        self.program.file_name().is_some_and(|name| name == "tofu")
    }

    /// A folder of the copy.
    pub(super) fn folder(&self, root: &str) -> PathBuf {
        self.folder.path().join("terraform").join(root)
    }

    /// Runs it with the modules of the folder in place.
    pub(super) fn run(&self, root: &str, args: &[&str]) -> Output {
        if !self.folder(root).join(".terraform").exists() {
            let made = self.call(root, &["init", "-backend=false", "-input=false", "-no-color"]);
            assert!(made.status.success(), "init in {root}: {}", said(&made));
        }
        self.call(root, args)
    }

    /// Runs it; nothing of the user's settings and variables reaches it, and it asks no registry.
    pub(super) fn call(&self, root: &str, args: &[&str]) -> Output {
        let mut command = Command::new(&self.program);
        command.args(args).current_dir(self.folder(root)).stdin(Stdio::null());
        command.env_clear().env("HOME", self.folder.path());
        command.envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
        command.env("TF_CLI_CONFIG_FILE", self.folder.path().join("settings"));
        command.env("TF_REATTACH_PROVIDERS", self.provider.reattach());
        command.env("TF_IN_AUTOMATION", "1").env("CHECKPOINT_DISABLE", "1");
        command.output().unwrap()
    }

    /// Runs `test` and reads its report, a JSON object on each line.
    pub(super) fn test(&self, root: &str, args: &[&str]) -> Vec<Value> {
        let output = self.run(root, &[&["test", "-json"], args].concat());
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

/// Everything that it printed.
pub(super) fn said(output: &Output) -> String {
    let both = [&output.stdout, &output.stderr];
    both.map(|text| String::from_utf8_lossy(text).into_owned()).concat()
}

/// All but what an earlier run has left.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (path, name) = (entry.path(), entry.file_name());
        if path.is_dir() && name != ".terraform" {
            copy(&path, &to.join(name));
        } else if path.extension().is_some_and(|end| end == "tf" || end == "hcl") {
            fs::copy(&path, to.join(name)).unwrap();
        }
    }
}
