//! The Dockerfiles, held against what else names the images: the chart and the file of `docker buildx bake`; and the
//! script that builds the prover's own image.
//!
//! The images themselves are built and started by `cargo xtask test --slow`.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Output};

use serde_norway::Value;
use tests::images::NAMES;
use tests::repository::{self, text};

/// The lines of each stage of the Dockerfile that is an image, by its name.
fn stages() -> Vec<(String, Vec<String>)> {
    let text = text("docker/Dockerfile");
    let mut stages: Vec<(String, Vec<String>)> = Vec::new();
    for line in text.lines() {
        if let Some((_, name)) = line.strip_prefix("FROM ").and_then(|line| line.split_once(" AS "))
        {
            stages.push((name.to_owned(), Vec::new()));
        } else if let Some((_, lines)) = stages.last_mut() {
            lines.push(line.to_owned());
        }
    }
    assert_eq!(stages.remove(0).0, "build");
    stages
}

/// What stands last behind an instruction of a stage.
fn last<'a>(lines: &'a [String], instruction: &str) -> Option<&'a str> {
    lines.iter().rev().find_map(|line| line.strip_prefix(instruction)?.strip_prefix(' '))
}

#[test]
fn every_image_is_a_stage_and_a_target_of_bake() {
    let names: Vec<String> = stages().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, NAMES);
    let bake = text("docker/docker-bake.hcl");
    for name in NAMES {
        for part in [
            format!("target \"{name}\" {{"),
            format!("target   = \"{name}\"\n"),
            format!("\"${{REGISTRY}}/{name}:${{VERSION}}"),
        ] {
            assert_eq!(bake.matches(&part).count(), 1, "{part}");
        }
    }
}

#[test]
fn the_chart_pulls_images_that_bake_makes() {
    let values: Value = serde_norway::from_str(&text("helm/zero-prover/values.yaml")).unwrap();
    let chart: Value = serde_norway::from_str(&text("helm/zero-prover/Chart.yaml")).unwrap();
    let image = values.get("image").unwrap();
    let bake = text("docker/docker-bake.hcl");
    let text = |value: &Value, key: &str| value.get(key).unwrap().as_str().unwrap().to_owned();
    let default = |value: String| format!("default = \"{value}\"\n");
    assert!(bake.contains(&default(text(image, "registry"))));
    assert!(bake.contains(&default(text(&chart, "appVersion"))));
    for name in ["scaler", "worker", "leader", "jumpbox"] {
        let repository = text(image.get(name).unwrap(), "repository");
        let prover = if name == "scaler" { "" } else { "-${ZK_EVM}" };
        let tag = format!("tags     = [\"${{REGISTRY}}/{repository}:${{VERSION}}{prover}\"]");
        assert!(bake.contains(&tag), "{tag}");
    }
}

#[test]
fn the_chart_runs_images_as_the_user_they_are_made_for() {
    let templates = [
        ("scaler", "scaler.yaml"),
        ("worker", "workers.yaml"),
        ("leader", "leader.yaml"),
        ("jumpbox", "jumpbox.yaml"),
    ];
    for (name, template) in templates {
        let (_, lines) = stages().into_iter().find(|(stage, _)| stage == name).unwrap();
        let (user, group) = last(&lines, "USER").unwrap().split_once(':').unwrap();
        assert_eq!(user, group, "{name}");
        let template = text(&format!("helm/zero-prover/templates/{template}"));
        assert!(template.contains(&format!("\"uid\" {user})")), "{name}: {user}");
    }
}

#[test]
fn the_version_of_images_is_the_one_of_the_programs() {
    let version = format!("ARG VERSION={}", env!("CARGO_PKG_VERSION"));
    for (name, lines) in stages() {
        assert!(lines.contains(&version), "{name}");
    }
}

#[test]
fn an_sbom_is_made_of_what_is_compiled_too() {
    let dockerfile = text("docker/Dockerfile");
    let (before, _) = dockerfile.split_once("\nFROM ").unwrap();
    // BuildKit takes it from the Dockerfile alone: an argument only overrides what stands there.
    assert!(before.lines().any(|line| line == "ARG BUILDKIT_SBOM_SCAN_CONTEXT=true"));
}

/// The script for the prover's image, on sources of our own and with a `docker` that only notes how it is called.
struct ZkEvm {
    home: tempfile::TempDir,
}

impl ZkEvm {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let docker = home.path().join("bin/docker");
        fs::create_dir_all(docker.parent().unwrap()).unwrap();
        fs::write(&docker, "#!/bin/sh\necho \"$@\" >> \"$HOME/calls\"\n").unwrap();
        fs::set_permissions(&docker, fs::Permissions::from_mode(0o755)).unwrap();
        let sources = home.path().join("sources");
        fs::create_dir_all(&sources).unwrap();
        let git = "git init -q . && git -c user.name=n -c user.email=e commit -q --allow-empty -m one \
                   && git tag v0.6.0";
        let made = Command::new("sh").args(["-c", git]).current_dir(&sources).status().unwrap();
        assert!(made.success());
        Self { home }
    }

    fn run(&self, args: &[&str]) -> Output {
        let path = std::env::var("PATH").unwrap();
        let home = self.home.path();
        Command::new(repository::root().join("docker/zk-evm.sh"))
            .args(args)
            .env("PATH", format!("{}:{path}", home.join("bin").display()))
            .env("HOME", home)
            .env("ZK_EVM_REPOSITORY", format!("file://{}/sources", home.display()))
            .output()
            .unwrap()
    }

    /// How `docker` was called.
    fn calls(&self) -> String {
        fs::read_to_string(self.home.path().join("calls")).unwrap_or_default()
    }

    /// The commit of the sources.
    fn commit(&self) -> String {
        let mut git = Command::new("git");
        let sources = self.home.path().join("sources");
        let told = git.args(["rev-parse", "HEAD"]).current_dir(sources).output().unwrap();
        String::from_utf8(told.stdout).unwrap().trim().to_owned()
    }
}

#[test]
fn the_provers_image_is_built_for_the_cpu_that_is_named_and_says_its_commit() {
    let script = ZkEvm::new();
    let output =
        script.run(&["--cpu", "znver3", "--image", "registry.test/zk_evm:v0.6", "--push", "v0.6"]);
    assert!(output.status.success(), "{output:?}");
    let calls = script.calls();
    let lines: Vec<&str> = calls.lines().collect();
    let [info, base, own, push] = lines[..] else { panic!("{calls}") };
    assert_eq!(info, "info");
    assert!(base.contains("--build-arg CPU=znver3"), "{base}");
    assert!(base.contains("--tag zk_evm-build:v0.6.0-znver3"), "{base}");
    assert!(own.contains("--build-arg BUILD_BASE=zk_evm-build:v0.6.0-znver3"), "{own}");
    assert!(own.contains(&format!("revision={}", script.commit())), "{own}");
    assert_eq!(push, "push registry.test/zk_evm:v0.6");
}

#[test]
fn another_commit_than_the_one_asked_for_is_not_built() {
    let script = ZkEvm::new();
    let other = "0".repeat(40);
    let output = script.run(&["--commit", &other, "v0.6"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains(&format!("is {}, not {other}", script.commit())), "{said}");
    assert_eq!(script.calls(), "info\n");
    assert!(script.run(&["--commit", &script.commit(), "v0.6"]).status.success());
}

#[test]
fn a_dry_run_calls_nothing_and_a_wrong_word_is_named() {
    let script = ZkEvm::new();
    let output = script.run(&["--dry-run", "v0.7"]);
    assert!(output.status.success(), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("--branch v0.7.0"), "{output:?}");
    for (words, fault) in
        [(vec!["v0.8"], "`v0.8`"), (vec!["--cup", "x"], "--cup"), (vec![], "v0.5")]
    {
        let output = script.run(&words);
        assert_eq!(output.status.code(), Some(1));
        assert!(String::from_utf8_lossy(&output.stderr).contains(fault), "{words:?}: {output:?}");
    }
    assert_eq!(script.calls(), "");
}
