//! The images of `docker`: built from their Dockerfiles, then started.

use std::path::{Path, PathBuf};
use std::process::Command;

use ::tests::harness;
use ::tests::images::{self, STORE_ENV, Sources};
use ::tests::provision;
use ::tests::rabbitmq::RabbitConfig;
use anyhow::Context;

use super::super::stand_in;
use crate::shell;

/// The generation that plays the prover.
const STAND_IN: &str = "tests/stand-in/v0.7";

pub(super) fn run() -> anyhow::Result<()> {
    let mut say = |line: &str| shell::say(line);
    shell::step("what the images are built from");
    let sources = sources()?;
    shell::step("build the images");
    let built = images::build(&sources, &mut say).context("the images were not built")?;
    shell::step("start a broker");
    let broker = provision::own_broker(&RabbitConfig::default(), &mut say)?;
    shell::step("tests of the images");
    // With the features that all tests are built with: nothing of them is built another time.
    let mut test = shell::cargo(&["test", "--locked", "--workspace", "--features", "tests/images"]);
    test.args(["--test", "images"]).env(STORE_ENV, built.folder());
    shell::run(test.envs(harness::broker_variables(broker.access())))
}

fn sources() -> anyhow::Result<Sources> {
    let target = shell::target_dir()?;
    let manifest = shell::root().join(STAND_IN).join("Cargo.toml");
    shell::run(&mut stand_in("build", &manifest, &target))?;
    // The build in the image has no network: all crates have to be here.
    shell::run(&mut shell::cargo(&["fetch", "--locked"]))?;
    let sysroot = shell::read(Command::new("rustc").args(["--print", "sysroot"]))?;
    Ok(Sources {
        repository: std::path::absolute(shell::root())?,
        stand_in: target.join("stand-in").join("debug"),
        toolchain: PathBuf::from(sysroot.trim()),
        crates: cargo_home()?.join("registry"),
    })
}

fn cargo_home() -> anyhow::Result<PathBuf> {
    let usual = || std::env::var_os("HOME").map(|home| Path::new(&home).join(".cargo"));
    let given = std::env::var_os("CARGO_HOME").map(PathBuf::from).or_else(usual);
    given.context("there is neither CARGO_HOME nor HOME to find the crates by")
}
