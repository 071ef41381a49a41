//! The programs of a Kubernetes control plane, built with Go.
//!
//! Distributions package no kube-apiserver and no KWOK, and etcd in versions too old for them (Debian 12: 3.4.23, which
//! lacks the progress requests that streamed lists need). So all are built once, from sources whose versions and
//! checksums are in `tests/cluster`, into a cache outside the tree: `zero-prover-infra/tools` in the user's cache folder.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::AtomicBool;

use anyhow::{Context, bail};

use super::{Say, cache, on_path};
use crate::process::{Process, tail};
use crate::rabbitmq::guard::Guard;

/// Where Go puts itself when no distribution does.
const GO_PATHS: [&str; 2] = ["/usr/local/go/bin/go", "/usr/lib/go/bin/go"];

/// Where the programs of a control plane are.
#[derive(Debug, Clone)]
pub struct Programs {
    /// Where the API server keeps its objects.
    pub etcd: PathBuf,
    /// The API server.
    pub kube_apiserver: PathBuf,
    /// What plays nodes and their kubelets.
    pub kwok: PathBuf,
    /// The command line client.
    pub kubectl: PathBuf,
}

impl Programs {
    /// Those in a folder, if all are there.
    #[must_use]
    pub fn in_folder(folder: &Path) -> Option<Self> {
        let programs = Self {
            etcd: folder.join("etcd"),
            kube_apiserver: folder.join("kube-apiserver"),
            kwok: folder.join("kwok"),
            kubectl: folder.join("kubectl"),
        };
        let Self { etcd, kube_apiserver, kwok, kubectl } = &programs;
        [etcd, kube_apiserver, kwok, kubectl].iter().all(|path| path.is_file()).then_some(programs)
    }

    /// The folder they are in.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.kubectl.parent().unwrap_or(&self.kubectl)
    }
}

/// A Go module of ours that pins programs of others.
struct Module {
    folder: &'static str,
    manifest: &'static str,
    sums: &'static str,
    /// Names of programs and the packages they are built from.
    programs: &'static [(&'static str, &'static str)],
}

const MODULES: [Module; 3] = [
    Module {
        folder: "etcd",
        manifest: include_str!("../../cluster/etcd/go.mod"),
        sums: include_str!("../../cluster/etcd/go.sum"),
        programs: &[("etcd", "go.etcd.io/etcd/server/v3")],
    },
    Module {
        folder: "kwok",
        manifest: include_str!("../../cluster/kwok/go.mod"),
        sums: include_str!("../../cluster/kwok/go.sum"),
        programs: &[("kwok", "sigs.k8s.io/kwok/cmd/kwok")],
    },
    Module {
        folder: "kubernetes",
        manifest: include_str!("../../cluster/kubernetes/go.mod"),
        sums: include_str!("../../cluster/kubernetes/go.sum"),
        programs: &[
            ("kube-apiserver", "k8s.io/kubernetes/cmd/kube-apiserver"),
            ("kubectl", "k8s.io/kubernetes/cmd/kubectl"),
        ],
    },
];

/// The programs, if they were built before; looks and changes nothing.
#[must_use]
pub fn programs() -> Option<Programs> {
    Programs::in_folder(&cache::folder().ok()?.join(Go::find().ok()?.key()))
}

/// The programs, built and installed when they are missing.
///
/// `give_up` ends a build under way.
pub fn ensure_programs(say: Say<'_>, give_up: &AtomicBool) -> anyhow::Result<Programs> {
    let go = Go::find()?;
    let cache = cache::folder()?;
    let folder = cache.join(go.key());
    if let Some(programs) = Programs::in_folder(&folder) {
        return Ok(programs);
    }
    say(
        "etcd, kube-apiserver, kubectl and KWOK are built with Go: tests of `kubectl zero` run against a real Kubernetes \
         API server. It takes eight to twenty minutes on two cores, the first time only, and some 3 GB of Go's build cache.",
    );
    let _lock = cache::lock("lock", say, give_up)?;
    if Programs::in_folder(&folder).is_none() {
        go.build(&cache, &folder, give_up)?;
        say("etcd, kube-apiserver, kubectl and KWOK are built.");
    }
    Programs::in_folder(&folder).context("the programs were built but are not there")
}

/// The Go of this machine.
struct Go {
    program: PathBuf,
    version: String,
}

impl Go {
    fn find() -> anyhow::Result<Self> {
        let known = GO_PATHS.iter().map(PathBuf::from).find(|path| path.is_file());
        let program = on_path("go").or(known).context(
            "there is no Go on this machine; install Go 1.26 or newer to run the tests against a Kubernetes API server",
        )?;
        let version = read(Command::new(&program).arg("version"))?;
        Ok(Self { program, version: version.trim().to_owned() })
    }

    /// A name for what this Go makes of the pinned sources.
    fn key(&self) -> String {
        let parts = MODULES.iter().flat_map(|module| [module.manifest, module.sums]);
        format!("{:016x}", digest(parts.chain([self.version.as_str()])))
    }

    /// Builds beside the place, and puts all into it at once.
    fn build(&self, cache: &Path, folder: &Path, give_up: &AtomicBool) -> anyhow::Result<()> {
        let work = tempfile::Builder::new().prefix("building-").tempdir_in(cache)?;
        let mut guard = Guard::start(work.path())?;
        let mut modules = MODULES.iter();
        let built = modules.try_for_each(|module| self.build_module(module, work.path(), give_up));
        guard.dismiss();
        built?;
        fs::rename(work.path().join("bin"), folder).context("put what was built into its place")
    }

    fn build_module(
        &self,
        module: &Module,
        work: &Path,
        give_up: &AtomicBool,
    ) -> anyhow::Result<()> {
        let sources = work.join(module.folder);
        fs::create_dir_all(&sources)?;
        fs::write(sources.join("go.mod"), module.manifest)?;
        fs::write(sources.join("go.sum"), module.sums)?;
        let places = self.places()?;
        let log = work.join("go.log");
        for (name, package) in module.programs {
            let mut command = Command::new("nice");
            command.args(["-n", "15"]).arg(&self.program);
            command.args(["build", "-trimpath", "-buildvcs=false"]);
            command.arg(format!("-ldflags={}", linker_flags(module)));
            command.arg("-o").arg(work.join("bin").join(name)).arg(package);
            // The guard knows what to end by its HOME; Go's own folders are named apart.
            command.envs(places.clone()).env("GOWORK", "off").env("HOME", work);
            let built = cache::finish(Process::spawn(command, &sources, &log)?, give_up);
            built.with_context(|| format!("build {name}: {}", tail(&log)))?;
        }
        Ok(())
    }

    /// What Go would find by the `HOME` of the user.
    fn places(&self) -> anyhow::Result<Vec<(&'static str, String)>> {
        let names = ["GOENV", "GOPATH", "GOCACHE", "GOMODCACHE"];
        let values = read(Command::new(&self.program).arg("env").args(names))?;
        Ok(names.into_iter().zip(values.lines().map(str::to_owned)).collect())
    }
}

/// No symbols, and for Kubernetes its version, which it does not know when built as a dependency.
fn linker_flags(module: &Module) -> String {
    let line =
        module.manifest.lines().find_map(|line| line.trim().strip_prefix("k8s.io/kubernetes v"));
    let Some(version) = line.and_then(|rest| rest.split_whitespace().next()) else {
        return "-s -w".to_owned();
    };
    let mut numbers = version.split('.');
    let (major, minor) = (numbers.next().unwrap_or_default(), numbers.next().unwrap_or_default());
    let at = "-X k8s.io/component-base/version";
    format!(
        "-s -w {at}.gitVersion=v{version} {at}.gitMajor={major} {at}.gitMinor={minor} {at}.gitTreeState=clean"
    )
}

/// FNV-1a, 64 bits: the same for every version of everything.
fn digest<'a>(parts: impl Iterator<Item = &'a str>) -> u64 {
    parts.flat_map(|part| part.bytes().chain([0])).fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

fn read(command: &mut Command) -> anyhow::Result<String> {
    let output = command.output().with_context(|| format!("run {command:?}"))?;
    if !output.status.success() {
        bail!("{command:?}: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8(output.stdout)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kubernetes_is_told_its_version_and_the_others_are_not() {
        let [etcd, kwok, kubernetes] = &MODULES;
        let flags = linker_flags(kubernetes);
        assert!(flags.contains("version.gitVersion=v1."), "{flags}");
        assert!(flags.contains("version.gitMajor=1 "), "{flags}");
        assert_eq!([etcd, kwok].map(linker_flags), ["-s -w", "-s -w"]);
    }

    #[test]
    fn another_go_or_another_source_is_another_key() {
        let key = |version: &str| Go { program: PathBuf::new(), version: version.to_owned() }.key();
        assert_eq!(key("go1.26.1"), key("go1.26.1"));
        assert_ne!(key("go1.26.1"), key("go1.26.2"));
        assert_ne!(digest(["ab", "c"].into_iter()), digest(["a", "bc"].into_iter()));
    }

    #[test]
    fn a_folder_without_the_programs_has_none() {
        assert!(Programs::in_folder(Path::new("/nobody/lives/here")).is_none());
    }
}
