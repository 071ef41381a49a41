//! What a release is made by: the workflows, and the manifest by which krew installs `kubectl zero`.

use std::collections::BTreeSet;

use regex::Regex;
use serde_json::Value;
use tests::repository::text;

/// A tag, and a digest, as the bot would fill them in.
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

/// The manifest as krew-release-bot fills it in.
fn manifest(template: &str) -> Value {
    let call = Regex::new(r#"\{\{addURIAndSha "([^"]+)" \.TagName \}\}"#).unwrap();
    let filled = call.replace_all(template, format!("uri: $1\n    sha256: {DIGEST}"));
    serde_norway::from_str(&filled.replace("{{ .TagName }}", TAG)).unwrap()
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
    let manifest = manifest(&text(".krew.yaml"));
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
    let manifest = manifest(&text(".krew.yaml"));
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
fn every_action_is_of_one_version_and_no_workflow_may_write_but_where_it_must() {
    let pinned = Regex::new(r"^[\w./-]+@v\d+\.\d+\.\d+$").unwrap();
    for name in ["ci", "release"] {
        let text = text(&format!(".github/workflows/{name}.yml"));
        let uses: Vec<&str> =
            text.lines().filter_map(|line| line.trim().strip_prefix("- uses: ")).collect();
        assert!(!uses.is_empty());
        assert!(uses.iter().all(|action| pinned.is_match(action)), "{name}: {uses:?}");
        let workflow = workflow(name);
        assert_eq!(workflow["permissions"], serde_json::json!({"contents": "read"}), "{name}");
        for (job, what) in workflow["jobs"].as_object().unwrap() {
            assert!(what["timeout-minutes"].is_u64(), "{name}: {job} may run for ever");
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
    let text = text(".github/workflows/ci.yml");
    assert!(text.contains("- run: .ci/run\n"));
    assert!(text.contains("pull_request:"));
}
