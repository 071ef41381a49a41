//! A folder of images that buildah has built, and what it tells of them.
//!
//! Every call has mounts of its own: none outlives it, however it ends.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, ensure};
use serde_json::Value;

use crate::process::tail;
use crate::provision;

/// Where images are, and who is asked about them.
#[derive(Debug, Clone)]
pub struct Store {
    buildah: PathBuf,
    folder: PathBuf,
    cache: PathBuf,
}

/// One call of `buildah bud`.
pub(super) struct Build {
    tag: String,
    words: Vec<String>,
    context: PathBuf,
}

impl Build {
    pub(super) fn new(dockerfile: &Path, context: &Path, tag: &str) -> Self {
        let file = format!("--file={}", dockerfile.display());
        let words = vec![file, format!("--tag={tag}")];
        Self { tag: tag.to_owned(), words, context: context.to_owned() }
    }

    pub(super) fn target(self, stage: &str) -> Self {
        self.word(format!("--target={stage}"))
    }

    pub(super) fn argument(self, name: &str, value: &str) -> Self {
        self.word(format!("--build-arg={name}={value}"))
    }

    /// A folder of this machine that every step sees.
    pub(super) fn mount(self, folder: &Path, inside: &str) -> Self {
        self.word(format!("--volume={}:{inside}", folder.display()))
    }

    fn word(mut self, word: String) -> Self {
        self.words.push(word);
        self
    }
}

impl Store {
    /// One in a folder, which holds nothing else.
    pub(super) fn new(buildah: PathBuf, folder: &Path) -> Self {
        Self { buildah, folder: folder.to_owned(), cache: folder.to_owned() }
    }

    /// What Dockerfiles mount as a cache is kept in this folder.
    pub(super) fn caching_in(mut self, folder: &Path) -> Self {
        folder.clone_into(&mut self.cache);
        self
    }

    /// The one that the environment names.
    pub fn of_this_run() -> anyhow::Result<Self> {
        let folder = std::env::var_os(super::STORE_ENV)
            .context("no images are named: `cargo xtask test --slow` builds and names them")?;
        let buildah = provision::ensure_buildah(&mut |_| {})?;
        Ok(Self::new(buildah, Path::new(&folder)))
    }

    /// Its folder, which is the `HOME` of all that works in it.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// One of our images.
    pub fn image(&self, name: &str) -> anyhow::Result<Image> {
        let told = self.told(&["inspect", "--type", "image", &Image::reference(name)])?;
        let told: Value = serde_json::from_str(&told).context("read what buildah tells")?;
        let config = told.pointer("/OCIv1/config").context("buildah tells no configuration")?;
        Ok(Image { store: self.clone(), name: name.to_owned(), config: config.clone() })
    }

    pub(super) fn build(&self, build: &Build) -> anyhow::Result<()> {
        let log = self.folder.join("build.log");
        let written = File::create(&log).context("make the log of a build")?;
        let mut command = self.command();
        // Docker's own format: OCI's has no place for all that a Dockerfile says.
        command.args(["bud", "--isolation=chroot", "--pull-never", "--layers", "--format=docker"]);
        command.args(&build.words).arg(&build.context).env("TMPDIR", &self.cache);
        let status = command.stdout(written.try_clone()?).stderr(written).status()?;
        ensure!(status.success(), "{} was not built, {status}:\n{}", build.tag, tail(&log));
        Ok(())
    }

    /// What a call of buildah writes.
    pub(super) fn told(&self, words: &[&str]) -> anyhow::Result<String> {
        read(self.command().args(words))
    }

    fn command(&self) -> Command {
        let mut command = Command::new("unshare");
        command.args(["--mount"]).arg(&self.buildah);
        command.args(self.place()).env("HOME", &self.folder).stdin(Stdio::null());
        command
    }

    fn place(&self) -> [String; 2] {
        let folder = self.folder.display();
        [format!("--root={folder}/root"), format!("--runroot={folder}/run")]
    }

    /// The words that mount a container; they tell its folder.
    pub(super) fn mounting(&self, container: &str) -> Vec<String> {
        let mut words = vec![self.buildah.display().to_string()];
        words.extend(self.place());
        words.extend(["mount".to_owned(), container.to_owned()]);
        words
    }
}

/// An image of ours.
#[derive(Debug, Clone)]
pub struct Image {
    pub(super) store: Store,
    name: String,
    config: Value,
}

/// Mounts a container and lists its files.
const LIST: &str = r#"find "$("$@")" -xdev -type f -printf '%s /%P\n'"#;

impl Image {
    pub(super) fn reference(name: &str) -> String {
        format!("localhost/{name}:test")
    }

    /// A label.
    #[must_use]
    pub fn label(&self, name: &str) -> Option<&str> {
        self.config.get("Labels")?.get(name)?.as_str()
    }

    /// Who its processes are: user and group, by number.
    pub fn user(&self) -> anyhow::Result<(u32, u32)> {
        let user = self.config.get("User").and_then(Value::as_str).unwrap_or_default();
        let (user, group) = user.split_once(':').context("no user and group are named")?;
        Ok((user.parse().context("read the user")?, group.parse().context("read the group")?))
    }

    /// What it runs, and with which arguments if none are given.
    #[must_use]
    pub fn command(&self) -> (Vec<String>, Vec<String>) {
        (self.list("Entrypoint"), self.list("Cmd"))
    }

    /// Its variables, each `NAME=VALUE`.
    #[must_use]
    pub fn environment(&self) -> Vec<String> {
        self.list("Env")
    }

    /// The folder it starts in.
    #[must_use]
    pub fn folder(&self) -> &str {
        self.config.get("WorkingDir").and_then(Value::as_str).unwrap_or("/")
    }

    /// Its files: where each is, and its bytes.
    pub fn files(&self) -> anyhow::Result<Vec<(String, u64)>> {
        let container = self.container()?;
        let mut list = Command::new("unshare");
        list.args(["--mount", "sh", "-c", LIST, "list"]).args(self.store.mounting(&container));
        let listed = read(list.env("HOME", self.store.folder()))?;
        let entry = |line: &str| {
            let (size, path) = line.split_once(' ')?;
            Some((path.to_owned(), size.parse().ok()?))
        };
        listed.lines().map(|line| entry(line).context("read a list of files")).collect()
    }

    /// A fresh container of it, by its name.
    pub(super) fn container(&self) -> anyhow::Result<String> {
        let told = self.store.told(&["from", "--pull-never", &Self::reference(&self.name)])?;
        Ok(told.trim().to_owned())
    }

    fn list(&self, name: &str) -> Vec<String> {
        let words = self.config.get(name).and_then(Value::as_array).into_iter().flatten();
        words.filter_map(Value::as_str).map(ToOwned::to_owned).collect()
    }
}

fn read(command: &mut Command) -> anyhow::Result<String> {
    let output = command.output().with_context(|| format!("start {command:?}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{command:?} ended with {}: {}", output.status, said.trim());
    String::from_utf8(output.stdout).context("read what buildah writes")
}
