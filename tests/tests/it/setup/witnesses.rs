//! `tools/witnesses.sh` with the stand-in of upstream's `rpc`, which answers with the witnesses of this repository.

use std::fs;
use std::os::unix::fs::symlink;

use tests::harness;
use tests::repository;

use super::scene::Scene;

/// An address with a key in it.
const NODE: &str = "http://127.0.0.1:1/?key=very-secret";

fn scene(generation: &str) -> Option<Scene> {
    let program = harness::stand_in(&format!("stand-in-{}-rpc", generation.replace('.', "")));
    let Some(program) = program else {
        harness::say(
            "SKIPPED setup::witnesses: the stand-in prover is not built (`cargo xtask test` builds it)",
        );
        assert!(std::env::var("CI").as_deref() != Ok("true"));
        return None;
    };
    let blocks =
        repository::root().join("witnesses/devnet").join(generation).canonicalize().unwrap();
    let scene = Scene::new()
        .env("ZERO_BIN_RPC_URL", NODE)
        .env("STAND_IN_WITNESS_DIR", blocks.to_str().unwrap());
    symlink(program, scene.path("bin/rpc")).unwrap();
    Some(scene)
}

const RANGE: [&str; 4] = ["--from", "3", "--to", "6"];

#[test]
fn a_range_is_fetched_a_file_for_each_block_and_nothing_is_fetched_twice() {
    for generation in ["v0.6", "v0.7"] {
        let Some(scene) = scene(generation) else { return };
        let first = scene.ends(0, "witnesses.sh", &["--from", "3", "--to", "4"]);
        assert!(
            first.stderr.contains("3  fetched\n4  fetched\n2 of 2 blocks have a good file"),
            "{}",
            first.stderr
        );
        let kept =
            fs::metadata(scene.path("witnesses/3.witness.json")).unwrap().modified().unwrap();
        let more = scene.ends(0, "witnesses.sh", &RANGE);
        assert!(
            more.stderr.contains("3  there\n4  there\n5  fetched\n6  fetched\n"),
            "{}",
            more.stderr
        );
        assert!(more.stderr.contains("all blocks prove from block 2 on"), "{}", more.stderr);
        assert_eq!(
            fs::metadata(scene.path("witnesses/3.witness.json")).unwrap().modified().unwrap(),
            kept
        );
        let files = fs::read_dir(scene.path("witnesses")).unwrap().count();
        assert_eq!(files, 4, "nothing half-way is left");
    }
}

#[test]
fn what_is_there_is_checked_and_never_written_again() {
    let Some(scene) = scene("v0.7") else { return };
    fs::create_dir(scene.path("witnesses")).unwrap();
    scene.write("witnesses/3.witness.json", "[]");
    scene.write("witnesses/.4.witness.json.part.999999999", "half");
    let answer = scene.ends(3, "witnesses.sh", &RANGE);
    assert!(answer.stderr.contains("3  BAD, and left as it is: "), "{}", answer.stderr);
    assert!(answer.stderr.contains("move witnesses/3.witness.json away"), "{}", answer.stderr);
    assert!(answer.stderr.contains("3 of 4 blocks have a good file"), "{}", answer.stderr);
    assert_eq!(scene.read("witnesses/3.witness.json"), "[]");
    assert!(!scene.path("witnesses/.4.witness.json.part.999999999").exists());
    fs::copy(scene.path("witnesses/5.witness.json"), scene.path("witnesses/3.witness.json"))
        .unwrap();
    let other = scene.ends(3, "witnesses.sh", &RANGE);
    assert!(
        other.stderr.contains("3  BAD, and left as it is: it does not hold block 3 alone"),
        "{}",
        other.stderr
    );
}

#[test]
fn a_node_that_fails_is_named_without_its_key_and_given_up() {
    let Some(scene) = scene("v0.7") else { return };
    let answer = scene.ends(1, "witnesses.sh", &["--from", "20", "--to", "90"]);
    assert!(
        answer.stderr.contains("20  FAILED: `rpc` says: Error: no file holds block 20"),
        "{}",
        answer.stderr
    );
    assert!(
        answer.stderr.contains("3 blocks failed one after the other: no more are tried"),
        "{}",
        answer.stderr
    );
    assert!(!answer.stderr.contains("23  FAILED"), "{}", answer.stderr);
    fs::remove_file(scene.path("bin/rpc")).unwrap();
    // A stand-in that says its address, as upstream's client does of one that does not answer.
    scene.write("rpc", "#!/bin/sh\ncase $1 in --help) echo '--rpc-url fetch extract' ;; *) echo \"no answer from $ZERO_BIN_RPC_URL\" >&2; exit 1 ;; esac\n");
    let bits = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(scene.path("rpc"), bits).unwrap();
    let answer = scene.ends(1, "witnesses.sh", &["--from", "3", "--rpc", "./rpc"]);
    assert!(answer.stderr.contains("no answer from [the node]"), "{}", answer.stderr);
    assert!(!answer.stderr.contains("very-secret"), "{}", answer.stderr);
}

#[test]
fn a_dry_run_has_the_commands_of_each_generation_and_no_key() {
    for (generation, command) in [
        (
            "v0.7",
            "rpc --rpc-type native --backoff 1000 --max-retries 5 fetch --start-block 4 --end-block 4 --checkpoint-block-number 2 >witnesses/4.witness.json",
        ),
        (
            "v0.6",
            "rpc fetch --rpc-url \"$ZERO_BIN_RPC_URL\" --rpc-type native --backoff 1000 --max-retries 5 --start-block 4 --end-block 4 --checkpoint-block-number 2 >witnesses/4.witness.json",
        ),
    ] {
        let Some(scene) = scene(generation) else { return };
        let args = ["--from", "3", "--to", "4", "--rpc-type", "native", "--dry-run"];
        let answer = scene.ends(0, "witnesses.sh", &args);
        assert_eq!(answer.stdout.lines().nth(1), Some(command));
        assert!(!answer.stdout.contains("very-secret") && !answer.stderr.contains("very-secret"));
        assert_eq!(
            answer.stderr.contains("wrong byte order"),
            generation == "v0.7",
            "{}",
            answer.stderr
        );
        assert!(!scene.path("witnesses").exists());
    }
}

#[test]
fn a_wrong_command_line_is_refused() {
    let scene = Scene::new().env("ZERO_BIN_RPC_URL", "127.0.0.1:8545");
    for (args, code, words) in [
        (&["--to", "3"][..], 2, "which blocks? --from N"),
        (&["--from", "0"], 2, "the genesis block has no witness"),
        (&["--from", "9", "--to", "7"], 2, "--from is 9 and --to 7"),
        (&["--from", "0x7"], 2, "--from is `0x7`: a whole number is wanted"),
        (&["--from", "7", "--checkpoint", "7"], 2, "--checkpoint is 7: it has to be before --from"),
        (&["--from", "7", "--rpc-type", "geth"], 2, "it is jerigon or native"),
        (&["--from", "7"], 2, "begins with neither http:// nor https://"),
        (&["--from", "7", "--url-file", "nowhere"], 2, "--url-file names `nowhere`"),
    ] {
        let answer = scene.ends(code, "witnesses.sh", args);
        assert!(answer.stderr.contains(words), "{args:?}: {}", answer.stderr);
    }
    let scene = Scene::new().env("ZERO_BIN_RPC_URL", NODE);
    let answer = scene.ends(5, "witnesses.sh", &["--from", "7"]);
    assert!(answer.stderr.contains("`rpc` is not there or not a program"), "{}", answer.stderr);
    let answer = scene.ends(5, "witnesses.sh", &["--from", "7", "--rpc", "cat"]);
    assert!(answer.stderr.contains("its help names no `fetch`"), "{}", answer.stderr);
    let answer = scene.ends(5, "witnesses.sh", &["--from", "7", "--image", "zk_evm:v0.7.0"]);
    assert!(answer.stderr.contains("neither `docker` nor `podman`"), "{}", answer.stderr);
}
