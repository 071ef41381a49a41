//! Witnesses in, tasks out: what tools see of the stand-in of v0.7.

#[cfg(test)]
#[path = "../../tests/common.rs"]
mod common;

use common::{assert_found, blocks, files};
use paladin::{
    config::{Config, Runtime as RuntimeKind},
    runtime::Runtime,
    task::Task,
};
use stand_in::{
    inputs::cut,
    leader_args::ProverArgs,
    messages, ops,
    proof::{AggregatedProof, PreviousBlock, Segment},
    prover::Prover,
    results::Results,
    samples::SERIALIZERS,
    synthetic, witness,
};

const KEY: &str = "VhVIH";

#[test]
fn the_block_number_is_found_in_every_simulation_task() {
    let op = ops::SegmentProofTestOnly { save_inputs_on_error: false, save_tries_on_error: false };
    for block in blocks("v0.7") {
        for (place, batch) in cut(&block, 10).unwrap().into_iter().enumerate() {
            for serializer in SERIALIZERS {
                let input = (batch.clone(), 19, place);
                let task = Task { routing_key: KEY.to_owned(), metadata: place, op: &op, input };
                let task = task.as_any_task(serializer).unwrap();
                assert_eq!(task.operation_id, 1);
                assert_found(&task, serializer, block.number().unwrap());
            }
        }
    }
}

#[test]
fn the_block_number_is_found_in_the_tasks_of_a_proof() {
    let blocks = blocks("v0.7");
    let block = blocks.iter().find(|block| block.number().unwrap() == 4).unwrap();
    let public = block.public();
    let leaf = Segment::new(&public, [0, 0, 0], vec!["02f8".to_owned()]).unwrap();
    let proof = AggregatedProof::of_segment(public, leaf);
    let prev = Some(PreviousBlock { b_height: 3, digest: "ab".repeat(32) });
    let aggregation = ops::BatchAggProof { save_inputs_on_error: false };
    let close = ops::BlockProof { prev, save_inputs_on_error: false };
    for serializer in SERIALIZERS {
        let input = (proof.clone(), proof.clone());
        let routing_key = KEY.to_owned();
        let task = Task { routing_key, metadata: (0, 1), op: &aggregation, input };
        assert_found(&task.as_any_task(serializer).unwrap(), serializer, 4);
        let routing_key = KEY.to_owned();
        let task = Task { routing_key, metadata: (), op: &close, input: proof.clone() };
        assert_found(&task.as_any_task(serializer).unwrap(), serializer, 4);
    }
}

#[test]
fn the_other_generations_witnesses_are_refused_in_upstreams_words() {
    for (path, text) in files("v0.6") {
        let refused = witness::parse(&text).unwrap_err().to_string();
        assert!(refused.contains("missing field `strategy`"), "{}: {refused}", path.display());
    }
    let refused = witness::parse(b"{}").unwrap_err().to_string();
    assert!(refused.contains("invalid type: map, expected a sequence"), "{refused}");
}

#[test]
fn committed_witnesses_are_what_the_generator_writes() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../witnesses/synthetic");
    for (name, text) in synthetic::files().unwrap() {
        let committed = std::fs::read_to_string(format!("{root}/{name}")).unwrap();
        assert!(committed == text, "{name} differs: run stand-in-witness-gen");
        assert!(text.len() < 1_000_000, "{name} is too large");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn committed_messages_are_what_the_generator_writes() {
    common::assert_committed(&messages::samples().await.unwrap(), "v0.7");
}

/// Every operation runs, so this also shows that ids and functions belong together.
#[tokio::test(flavor = "multi_thread")]
async fn a_block_is_proved_in_memory_and_verified() {
    let config = || Config { runtime: RuntimeKind::InMemory, ..Default::default() };
    let runtime = || async { Runtime::from_config(&config(), ops::register()).await.unwrap() };
    let args = ProverArgs {
        max_cpu_len_log: 19,
        batch_size: 5,
        save_inputs_on_error: false,
        test_only: false,
        block_pool_size: 16,
        segments_per_batch: 2,
    };
    let mut prover = Prover {
        heavy: runtime().await,
        light: runtime().await,
        args,
        results: Results::default(),
    };
    let mut previous = None;
    let mut blocks = blocks("v0.7");
    blocks.retain(|block| block.number().unwrap() < 7);
    blocks.sort_by_key(|block| block.number().unwrap());
    assert_eq!(blocks.len(), 5);
    for block in &blocks {
        let parts = prover.prove_parts(block).await.unwrap().unwrap();
        let proof = prover.close(parts, previous).await.unwrap();
        proof.verify().unwrap();
        previous = Some(proof.as_previous());
    }
    prover.args.test_only = true;
    assert!(prover.prove_parts(&blocks[0]).await.unwrap().is_none());
}
