//! What a release is made by: the workflows, and the manifest by which krew installs `kubectl zero`.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Output};

use regex::Regex;
use serde_json::Value;
use tests::repository::{self, text};

/// A tag, and a digest.
const TAG: &str = "v1.2.3";
const DIGEST: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
/// What may stand in a manifest of krew, v1alpha2, below `spec` and below each platform.
const SPEC: [&str; 7] =
    ["version", "homepage", "shortDescription", "description", "caveats", "platforms", "files"];
const PLATFORM: [&str; 6] = ["selector", "uri", "sha256", "bin", "files", "addFileSuffixOnWindows"];
/// What krew's index takes: a line that is cut off in lists is no description.
const SHORT: usize = 50;

fn workflow(name: &str) -> Value {
    serde_norway::from_str(&text(&format!(".github/workflows/{name}.yml"))).unwrap()
}

/// The script that fills in the manifest, told of a folder of archives.
fn fill(folder: &Path) -> Output {
    let script = repository::root().join(".github/krew-manifest.sh");
    Command::new(script).arg(TAG).arg(folder).output().unwrap()
}

/// The manifest of a release that has every archive.
fn manifest() -> Value {
    let folder = tempfile::tempdir().unwrap();
    for archive in archives() {
        let sum = format!("{DIGEST}  {archive}\n");
        std::fs::write(folder.path().join(format!("{archive}.sha256")), sum).unwrap();
    }
    let output = fill(folder.path());
    assert!(output.status.success(), "{output:?}");
    serde_norway::from_slice(&output.stdout).unwrap()
}

/// The archives that the workflow makes of a release.
fn archives() -> BTreeSet<String> {
    let job = &workflow("release")["jobs"]["kubectl-zero"];
    let platforms = job["strategy"]["matrix"]["include"].as_array().unwrap();
    let name = job["env"]["ARCHIVE"].as_str().unwrap();
    let named = platforms.iter().map(|row| {
        let platform = row["platform"].as_str().unwrap();
        name.replace("${{ github.ref_name }}", TAG).replace("${{ matrix.platform }}", platform)
    });
    named.collect()
}

#[test]
fn krew_takes_the_manifest() {
    let manifest = manifest();
    assert_eq!(manifest["apiVersion"], "krew.googlecontainertools.github.com/v1alpha2");
    assert_eq!(manifest["kind"], "Plugin");
    let name = manifest["metadata"]["name"].as_str().unwrap();
    assert!(Regex::new(r"^[a-z0-9]+(-[a-z0-9]+)*$").unwrap().is_match(name), "{name}");
    let spec = manifest["spec"].as_object().unwrap();
    assert!(spec.keys().all(|key| SPEC.contains(&key.as_str())), "{:?}", spec.keys());
    assert!(Regex::new(r"^v\d+\.\d+\.\d+$").unwrap().is_match(spec["version"].as_str().unwrap()));
    assert!(spec["homepage"].as_str().unwrap().starts_with("https://"));
    let short = spec["shortDescription"].as_str().unwrap();
    assert!(short.len() <= SHORT && !short.ends_with('.'), "{short}");
    assert!(!spec["description"].as_str().unwrap().contains("kubectl plugin"), "krew knows that");
    let platforms = spec["platforms"].as_array().unwrap();
    let digest = Regex::new("^[a-f0-9]{64}$").unwrap();
    for platform in platforms.iter().map(|platform| platform.as_object().unwrap()) {
        assert!(platform.keys().all(|key| PLATFORM.contains(&key.as_str())), "{platform:?}");
        assert!(digest.is_match(platform["sha256"].as_str().unwrap()));
        assert_eq!(platform["bin"], "kubectl-zero");
    }
}

#[test]
fn krew_is_sent_to_the_archives_that_a_release_has() {
    let manifest = manifest();
    let mut named = BTreeSet::new();
    for platform in manifest["spec"]["platforms"].as_array().unwrap() {
        let labels = &platform["selector"]["matchLabels"];
        let (os, arch) = (labels["os"].as_str().unwrap(), labels["arch"].as_str().unwrap());
        let uri = platform["uri"].as_str().unwrap();
        assert!(uri.ends_with(&format!("/{TAG}/kubectl-zero-{TAG}-{os}-{arch}.tar.gz")), "{uri}");
        named.insert(uri.rsplit('/').next().unwrap().to_owned());
    }
    assert_eq!(named, archives());
}

#[test]
fn a_release_without_an_archive_has_no_manifest() {
    let folder = tempfile::tempdir().unwrap();
    let output = fill(folder.path());
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains(&format!("kubectl-zero-{TAG}-linux-amd64.tar.gz.sha256")), "{said}");
}

#[test]
fn a_release_is_compiled_by_the_rust_that_tests_and_images_have() {
    let container = workflow("ci")["jobs"]["all"]["container"].as_str().unwrap().to_owned();
    let job = &workflow("release")["jobs"]["kubectl-zero"];
    let released = job["env"]["RUSTUP_TOOLCHAIN"].as_str().unwrap();
    let minor = released.strip_suffix(".0").unwrap();
    assert!(container.contains(&format!("rust:{minor}-")), "{container}");
    assert!(text("docker/Dockerfile").contains(&format!("rust:{released}-")));
}

#[test]
fn a_release_passes_the_tests_first() {
    let jobs = workflow("release")["jobs"].clone();
    assert_eq!(jobs["ci"]["uses"], "./.github/workflows/ci.yml");
    for job in ["kubectl-zero", "images"] {
        let needs = jobs[job]["needs"].as_array().unwrap();
        assert!(needs.contains(&"ci".into()), "{job}: {needs:?}");
    }
}

#[test]
fn every_action_is_of_one_commit_and_no_workflow_may_write_but_where_it_must() {
    let pinned = Regex::new(r"^[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$").unwrap();
    for name in ["ci", "release"] {
        let text = text(&format!(".github/workflows/{name}.yml"));
        let uses: Vec<&str> =
            text.lines().filter_map(|line| line.trim().strip_prefix("- uses: ")).collect();
        assert!(!uses.is_empty());
        assert!(uses.iter().all(|action| pinned.is_match(action)), "{name}: {uses:?}");
        let workflow = workflow(name);
        assert_eq!(workflow["permissions"], serde_json::json!({"contents": "read"}), "{name}");
        for (job, what) in workflow["jobs"].as_object().unwrap() {
            let limited = what["timeout-minutes"].is_u64() || what["uses"].is_string();
            assert!(limited, "{name}: {job} may run for ever");
            let writes = what["permissions"]
                .as_object()
                .into_iter()
                .flatten()
                .any(|(_, right)| right == "write");
            assert!(!writes || name == "release", "{name}: {job} may write");
        }
        assert!(
            !text.contains("pull_request_target"),
            "{name}: a stranger's change would run with our rights"
        );
    }
}

#[test]
fn a_change_passes_what_developers_run() {
    let workflow = text(".github/workflows/ci.yml");
    assert!(workflow.contains("- run: .ci/run\n"));
    assert!(workflow.contains("pull_request:"));
    let run = text(".ci/run");
    let commands: Vec<&str> = run.lines().filter(|line| line.starts_with("cargo ")).collect();
    let wanted = ["lint", "test", "test --slow", "e2e --second-go"]
        .map(|what| format!("cargo xtask {what}"));
    assert_eq!(commands, wanted);
}
