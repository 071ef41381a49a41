//! `kubectl-zero`: `kubectl zero …` as a plugin of kubectl, and `zero …` by itself.

use std::process::ExitCode;

fn main() -> ExitCode {
    kubectl_plugin::run(std::env::args_os())
}
