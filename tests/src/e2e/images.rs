//! What images hold: programs under the names by which containers start them, and what an image itself sets.

use std::fs;
use std::net::Ipv4Addr;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use anyhow::{Context, Result};

use crate::{harness, ports, provision};

/// Programs of images, and the names of ours that are behind them.
const OURS: [&str; 4] = ["zero-scaler", "zero-worker", "zero-leader", "kubectl-zero"];
/// The prover's programs, and the stand-ins that are behind their names.
const PROVERS: [(&str, &str); 3] = [
    ("stand-in-worker", "stand-in-v07-worker"),
    ("leader", "stand-in-v07-leader"),
    ("verifier", "stand-in-v07-verifier"),
];
/// What the image of the broker starts.
const BROKER: &str = "rabbitmq";
/// Programs that stand in place of others.
const SCRIPTS: [(&str, &str); 2] =
    [(BROKER, include_str!("rabbitmq.sh")), ("worker", include_str!("worker.sh"))];

/// Puts every program there, with those that people have on their own machine: kubectl and helm.
pub(super) fn fill(images: &Path, kubectl: &Path) -> Result<()> {
    fs::create_dir_all(images)?;
    symlink(kubectl, images.join("kubectl"))?;
    let helm = provision::helm::programs();
    let helm = helm.context("there is no Helm: `cargo xtask e2e` builds it")?;
    symlink(helm.helm4, images.join("helm"))?;
    let missing = |name: &str| format!("{name} is not built: `cargo xtask e2e` builds it");
    for name in OURS {
        let program = harness::binary(name).with_context(|| missing(name))?;
        symlink(program, images.join(name))?;
    }
    for (name, stand_in) in PROVERS {
        let program = harness::stand_in(stand_in).with_context(|| missing(stand_in))?;
        symlink(program, images.join(name))?;
    }
    for (name, script) in SCRIPTS {
        let program = images.join(name);
        fs::write(&program, script)?;
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755))?;
    }
    Ok(())
}

/// What the image of a program sets in the environment, in the paths of its containers.
pub(super) fn environment(program: &str, ip: Ipv4Addr) -> Result<Vec<(String, String)>> {
    if program != BROKER {
        return Ok(Vec::new());
    }
    let server = provision::machine_rabbitmq();
    let server = server.context("there is no `rabbitmq-server` on this machine")?;
    let [epmd, distribution] = ports::free()?;
    let set = [
        ("SERVER", server.display().to_string()),
        ("POD_IP", ip.to_string()),
        ("CONFIGURATION", "/etc/rabbitmq".to_owned()),
        ("DATA", "/var/lib/rabbitmq".to_owned()),
        ("SCRATCH", "/tmp".to_owned()),
        ("ERL_EPMD_PORT", epmd.to_string()),
        ("RABBITMQ_DIST_PORT", distribution.to_string()),
    ];
    Ok(set.map(|(name, value)| (name.to_owned(), value)).to_vec())
}
