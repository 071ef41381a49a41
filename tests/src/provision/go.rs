//! Programs of others, built once with Go from sources that are pinned in `tests/cluster`.
//!
//! They go into a cache outside the tree: `zero-prover-infra/tools` in the user's cache folder, a folder for each set of
//! modules and each version of Go.

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

/// A Go module of ours that pins programs of others.
pub(super) struct Module {
    pub(super) folder: &'static str,
    pub(super) manifest: &'static str,
    pub(super) sums: &'static str,
    /// Names of programs and the packages they are built from.
    pub(super) programs: &'static [(&'static str, &'static str)],
    /// A folder of data in a module of others, and the name under which it is kept beside the programs.
    pub(super) data: Option<Data>,
}

/// A folder of a module that the programs were built from.
pub(super) struct Data {
    /// The module's path; with `@` and its version where nothing is built from it.
    pub(super) module: &'static str,
    /// The folder in it.
    pub(super) folder: &'static str,
    /// What it is called beside the programs.
    pub(super) name: &'static str,
}

/// Programs that are built together, and what is said of that.
pub(super) struct Set {
    pub(super) modules: &'static [Module],
    /// Said before they are built: what, what for, how long.
    pub(super) why: &'static str,
    /// What they are, in few words.
    pub(super) what: &'static str,
    /// What cannot be done without Go.
    pub(super) purpose: &'static str,
}

impl Set {
    /// Where they are if they were built before; looks and changes nothing.
    pub(super) fn folder(&self) -> Option<PathBuf> {
        Some(cache::folder().ok()?.join(Go::find(self.purpose).ok()?.key(self.modules)))
    }

    /// What `find` makes of their folder; they are built when it makes nothing of it.
    ///
    /// `give_up` ends a build under way.
    pub(super) fn ensure<T>(
        &self,
        find: fn(&Path) -> Option<T>,
        say: Say<'_>,
        give_up: &AtomicBool,
    ) -> anyhow::Result<T> {
        let go = Go::find(self.purpose)?;
        let cache = cache::folder()?;
        let folder = cache.join(go.key(self.modules));
        if let Some(found) = find(&folder) {
            return Ok(found);
        }
        say(self.why);
        let _lock = cache::lock("lock", say, give_up)?;
        if find(&folder).is_none() {
            go.build(self.modules, (&cache, &folder), give_up)?;
            say(&format!("{} are built.", self.what));
        }
        find(&folder).context("the programs were built but are not there")
    }
}

/// The Go of this machine.
struct Go {
    program: PathBuf,
    version: String,
}

impl Go {
    fn find(purpose: &str) -> anyhow::Result<Self> {
        let known = GO_PATHS.iter().map(PathBuf::from).filter(|path| path.is_file());
        let program = Self::first(on_path("go").into_iter().chain(known), purpose)?;
        let version = read(Command::new(&program).arg("version"))?;
        Ok(Self { program, version: version.trim().to_owned() })
    }

    fn first(mut found: impl Iterator<Item = PathBuf>, purpose: &str) -> anyhow::Result<PathBuf> {
        found.next().with_context(|| {
            format!("there is no Go on this machine; install Go 1.26 or newer to {purpose}")
        })
    }

    /// A name for what this Go makes of the pinned sources.
    fn key(&self, modules: &[Module]) -> String {
        let parts = modules.iter().flat_map(|module| [module.manifest, module.sums]);
        format!("{:016x}", digest(parts.chain([self.version.as_str()])))
    }

    /// Builds beside the place, and puts all into it at once.
    fn build(
        &self,
        modules: &[Module],
        (cache, folder): (&Path, &Path),
        give_up: &AtomicBool,
    ) -> anyhow::Result<()> {
        let work = tempfile::Builder::new().prefix("building-").tempdir_in(cache)?;
        let mut guard = Guard::start(work.path())?;
        let mut modules = modules.iter();
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
        module.data.as_ref().map_or(Ok(()), |data| self.copy(data, &sources, &work.join("bin")))
    }

    /// Copies a folder of a module out of Go's own cache, where its files may not be written.
    fn copy(&self, data: &Data, sources: &Path, bin: &Path) -> anyhow::Result<()> {
        let mut download = Command::new(&self.program);
        download.args(["mod", "download", data.module]);
        read(download.current_dir(sources).env("GOWORK", "off"))?;
        let mut command = Command::new(&self.program);
        command.args(["list", "-m", "-f", "{{.Dir}}", data.module]);
        let module = read(command.current_dir(sources).env("GOWORK", "off"))?;
        let from = Path::new(module.trim()).join(data.folder);
        let to = bin.join(data.name);
        fs::create_dir_all(&to)?;
        for entry in fs::read_dir(&from).with_context(|| format!("read {}", from.display()))? {
            let path = entry?.path();
            let name = path.file_name().context("a file has a name")?;
            fs::write(to.join(name), fs::read(&path)?)?;
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

/// No symbols, and for Kubernetes and Helm their version, which they do not know when built as a dependency.
fn linker_flags(module: &Module) -> String {
    for helm in ["helm.sh/helm/v3", "helm.sh/helm/v4"] {
        if let Some(version) = required(module, helm) {
            return format!("-s -w -X {helm}/internal/version.version=v{version}");
        }
    }
    let Some(version) = required(module, "k8s.io/kubernetes") else {
        return "-s -w".to_owned();
    };
    let mut numbers = version.split('.');
    let (major, minor) = (numbers.next().unwrap_or_default(), numbers.next().unwrap_or_default());
    let at = "-X k8s.io/component-base/version";
    format!(
        "-s -w {at}.gitVersion=v{version} {at}.gitMajor={major} {at}.gitMinor={minor} {at}.gitTreeState=clean"
    )
}

/// The version of another module that a module of ours builds from.
fn required<'a>(module: &'a Module, of: &str) -> Option<&'a str> {
    let line = |line: &'a str| line.trim().trim_start_matches("require ").strip_prefix(of);
    let rest = module.manifest.lines().find_map(|text| line(text)?.strip_prefix(" v"))?;
    rest.split_whitespace().next()
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

    const PLAIN: Module =
        Module { folder: "a", manifest: "module a", sums: "", programs: &[], data: None };
    const KUBERNETES: Module = Module { manifest: "require k8s.io/kubernetes v1.35.8", ..PLAIN };

    #[test]
    fn kubernetes_is_told_its_version_and_the_others_are_not() {
        let flags = linker_flags(&KUBERNETES);
        assert!(flags.contains("version.gitVersion=v1.35.8 "), "{flags}");
        assert!(flags.contains("version.gitMajor=1 "), "{flags}");
        assert_eq!(linker_flags(&PLAIN), "-s -w");
        let helm = Module { manifest: "require (\n\thelm.sh/helm/v4 v4.3.1\n)", ..PLAIN };
        let flags = linker_flags(&helm);
        assert_eq!(flags, "-s -w -X helm.sh/helm/v4/internal/version.version=v4.3.1");
    }

    #[test]
    fn a_machine_without_go_is_told_what_to_install_and_why() {
        let told = Go::first(std::iter::empty(), "run the scenarios").unwrap_err().to_string();
        assert_eq!(
            told,
            "there is no Go on this machine; install Go 1.26 or newer to run the scenarios"
        );
    }

    #[test]
    fn another_go_or_another_source_is_another_key() {
        let go = |version: &str| Go { program: PathBuf::new(), version: version.to_owned() };
        assert_eq!(go("go1.26.1").key(&[PLAIN]), go("go1.26.1").key(&[PLAIN]));
        assert_ne!(go("go1.26.1").key(&[PLAIN]), go("go1.26.2").key(&[PLAIN]));
        assert_ne!(go("go1.26.1").key(&[PLAIN]), go("go1.26.1").key(&[KUBERNETES]));
        assert_ne!(digest(["ab", "c"].into_iter()), digest(["a", "bc"].into_iter()));
    }
}
