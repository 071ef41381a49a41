//! Compiles KEDA's contract without a `protoc` on the machine, and notes the commit.

use std::process::Command;

use prost::Message as _;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let proto = "proto/externalscaler.proto";
    let descriptors = protox::compile([proto], ["proto"])?;
    let out = std::path::PathBuf::from(std::env::var("OUT_DIR")?);
    std::fs::write(out.join("externalscaler.bin"), descriptors.encode_to_vec())?;
    tonic_prost_build::configure().build_transport(false).compile_fds(descriptors)?;
    println!("cargo::rerun-if-changed={proto}");

    println!("cargo::rustc-env=ZERO_COMMIT={}", commit());
    println!("cargo::rerun-if-env-changed=ZERO_COMMIT");
    // Grows with each commit and each checkout, where there is a repository.
    let history = "../.git/logs/HEAD";
    if std::path::Path::new(history).exists() {
        println!("cargo::rerun-if-changed={history}");
    }
    Ok(())
}

/// Given by the build of an image, which has no `.git`; else asked of git.
fn commit() -> String {
    if let Ok(commit) = std::env::var("ZERO_COMMIT") {
        return commit;
    }
    let asked = Command::new("git").args(["rev-parse", "--short=12", "HEAD"]).output();
    match asked {
        Ok(output) if output.status.success() => {
            String::from_utf8_lossy(&output.stdout).trim().to_owned()
        }
        _ => "unknown".to_owned(),
    }
}
