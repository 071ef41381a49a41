//! `cargo xtask test --slow`: what takes minutes and needs much that the other tests do not.

mod checkov;
mod images;

use crate::shell;

/// What this run will do, said before it does it.
const PLAN: &str = "\
This runs the slow tests.
  1. checkov, a program in Python, is looked for in the user's cache, and put there when it is missing.
     It looks for what is insecure in `terraform`; what it may pass over stands with its reason in
     terraform/.checkov.yaml.
  2. buildah and debootstrap are looked for, and installed when they are missing: they build the images
     of `docker`, without a registry. A small Debian, this machine's Rust and the stand-in prover play
     what the images start from. Compiling takes some minutes; what was compiled stays in the user's
     cache for the next time, the images go with this command. Only root can do it.
  3. RabbitMQ is looked for, and installed when it is missing; a private broker is started for the
     containers. They run as the chart runs them: a user without rights, a root that is read alone.";

/// Runs the slow tests; what cannot be had for them is a failure, because nobody asks for them by chance.
pub(super) fn run() -> anyhow::Result<()> {
    shell::say(PLAN);
    shell::step("checkov");
    checkov::run()?;
    images::run()?;
    shell::say("all slow tests passed");
    Ok(())
}
