//! What images are: labels, users, files.

use tests::images::{Image, Launch, NAMES, REVISION, Store, VERSION};

/// KEDA's scaler is pulled by every node that runs one. docker/compile.sh holds every build to it, also those that are
/// compiled otherwise than for tests.
const LIMIT_OF_SCALER: u64 = 20 << 20;

pub(crate) fn image(name: &str) -> Image {
    Store::of_this_run().unwrap().image(name).unwrap()
}

#[test]
fn every_image_says_what_it_is() {
    for name in NAMES {
        let image = image(name);
        let label = |what: &str| image.label(&format!("org.opencontainers.image.{what}"));
        assert_eq!(label("title"), Some(name));
        assert_eq!(label("version"), Some(VERSION), "{name}");
        assert_eq!(label("revision"), Some(REVISION), "{name}");
        assert!(label("description").is_some_and(|words| words.len() > 20), "{name}");
    }
}

#[test]
fn images_with_the_prover_name_the_image_they_are_made_on() {
    for name in ["worker", "leader", "jumpbox"] {
        let image = image(name);
        let base = image.label("org.opencontainers.image.base.name");
        assert_eq!(base, Some("localhost/double/zk-evm:latest"), "{name}");
    }
}

#[test]
fn no_image_runs_as_root() {
    let users = NAMES.map(|name| image(name).user().unwrap());
    let (own, prover) = ((65_532, 65_532), (10_001, 10_001));
    assert_eq!(users, [own, own, prover, prover, prover]);
}

#[test]
fn our_own_images_hold_the_program_and_the_authorities_and_nothing_else() {
    for (name, program) in [("scaler", "zero-scaler"), ("kubectl-zero", "kubectl-zero")] {
        let files = image(name).files().unwrap();
        let mut paths: Vec<&str> = files.iter().map(|(path, _)| path.as_str()).collect();
        paths.sort_unstable();
        let program = format!("/usr/local/bin/{program}");
        assert_eq!(paths, ["/etc/ssl/certs/ca-certificates.crt", program.as_str()], "{name}");
    }
}

#[test]
fn the_scaler_is_small() {
    let bytes: u64 = image("scaler").files().unwrap().iter().map(|(_, bytes)| bytes).sum();
    assert!(bytes > 1 << 20, "{bytes} bytes are no program");
    assert!(bytes <= LIMIT_OF_SCALER, "{bytes} bytes");
}

#[test]
fn each_program_runs_in_its_image_and_tells_its_version() {
    let version = env!("CARGO_PKG_VERSION");
    let programs = [
        ("scaler", format!("zero-scaler {version} ({})", &REVISION[..12])),
        ("kubectl-zero", format!("kubectl zero {version}")),
        ("worker", format!("zero-worker {version}")),
        ("leader", format!("zero-leader {version}")),
    ];
    for (name, version) in programs {
        let output = Launch::of(&image(name)).args(["--version"]).output().unwrap();
        assert!(output.status.success(), "{name}: {output:?}");
        assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), version);
    }
}

#[test]
fn what_is_run_in_a_container_can_write_nowhere_and_become_nobody_else() {
    let look = "id -u; grep -E '^(CapEff|NoNewPrivs)' /proc/self/status; touch /usr/x /x; echo $$";
    let output = Launch::of(&image("worker")).command(&["sh", "-c", look]).output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    let words: Vec<&str> = told.split_whitespace().collect();
    assert_eq!(words, ["10001", "CapEff:", "0000000000000000", "NoNewPrivs:", "1", "1"], "{told}");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(said.matches("Read-only file system").count(), 2, "{said}");
}
