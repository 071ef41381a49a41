//! A broker does not outlive its owner, however the owner ends.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use tests::harness;
use tests::poll;
use tests::rabbitmq::{PrivateBroker, RabbitConfig, left_running};

/// Tells this test binary, started once more, to be the owner that is killed.
const OWNER_ENV: &str = "ZERO_TEST_GUARD_OWNER";

/// Not a test of its own: the other process of the test below.
#[test]
fn the_owner_that_is_killed() {
    let Some(note) = std::env::var_os(OWNER_ENV) else {
        return;
    };
    let broker = PrivateBroker::start_new(&RabbitConfig::default()).unwrap();
    std::fs::write(note, broker.home().to_str().unwrap()).unwrap();
    let mut until_killed = Vec::new();
    std::io::stdin().read_to_end(&mut until_killed).unwrap();
}

#[test]
fn a_killed_owner_takes_its_broker_along() {
    let Some(_vhost) = harness::vhost("a_killed_owner_takes_its_broker_along") else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let note = dir.path().join("home");
    let mut owner = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "guard::the_owner_that_is_killed"])
        .env(OWNER_ENV, &note)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let home = poll::until_blocking("the owner's broker", Duration::from_secs(120), || {
        std::fs::read_to_string(&note).map(PathBuf::from).and_then(non_empty)
    });
    owner.kill().unwrap();
    owner.wait().unwrap();
    let home = home.unwrap();
    poll::until_blocking("the guard to clean up", Duration::from_secs(30), || gone(&home)).unwrap();
}

fn non_empty(path: PathBuf) -> std::io::Result<PathBuf> {
    if path.as_os_str().is_empty() {
        Err(std::io::ErrorKind::UnexpectedEof.into())
    } else {
        Ok(path)
    }
}

fn gone(home: &Path) -> Result<(), String> {
    let left = left_running(home);
    if left.is_empty() && !home.exists() {
        Ok(())
    } else {
        Err(format!("{left:?} run in {}", home.display()))
    }
}
