//! Witnesses in, tasks out: what tools see of the stand-in of v0.5 and v0.6.

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
    messages,
    ops::{self, TxnResult},
    proof::{AggregatedProof, PreviousBlock, Segment},
    prover::Prover,
    results::Results,
    samples::SERIALIZERS,
    witness,
};

#[test]
fn the_block_number_is_found_in_every_transaction_task() {
    let op = ops::TxProof { save_inputs_on_error: false };
    let mut blocks = blocks("v0.6");
    blocks.retain(|block| block.block_trace.txn_info.len() < 50);
    for block in blocks {
        for (place, input) in cut(&block).unwrap().into_iter().enumerate() {
            for serializer in SERIALIZERS {
                let input = input.clone();
                let routing_key = "446c1c9c0f5b41cd9db80487e22d4540".parse().unwrap();
                let task = Task { routing_key, metadata: place, op: &op, input };
                let task = task.as_any_task(serializer).unwrap();
                assert_eq!(task.operation_id, 0);
                assert_found(&task, serializer, block.number().unwrap());
            }
        }
    }
}

#[test]
fn the_block_number_is_found_in_the_tasks_of_a_proof() {
    let blocks = blocks("v0.6");
    let block = blocks.iter().find(|block| block.number().unwrap() == 4).unwrap();
    let public = block.public();
    let leaf = Segment::new(&public, [0, 0, 0], vec!["02f8".to_owned()]).unwrap();
    let proof = AggregatedProof::of_segment(public, leaf);
    let prev = Some(PreviousBlock { b_height: 3, digest: "ab".repeat(32) });
    let aggregation = ops::AggProof { save_inputs_on_error: false };
    let close = ops::BlockProof { prev, save_inputs_on_error: false };
    for serializer in SERIALIZERS {
        let part = || TxnResult(Some(proof.clone()));
        let input = (part(), part());
        let routing_key = "446c1c9c0f5b41cd9db80487e22d4540".parse().unwrap();
        let task = Task { routing_key, metadata: (0, 1), op: &aggregation, input };
        assert_found(&task.as_any_task(serializer).unwrap(), serializer, 4);
        let routing_key = "446c1c9c0f5b41cd9db80487e22d4540".parse().unwrap();
        let task = Task { routing_key, metadata: (), op: &close, input: proof.clone() };
        assert_found(&task.as_any_task(serializer).unwrap(), serializer, 4);
    }
}

#[test]
fn the_other_generations_witnesses_are_refused_in_upstreams_words() {
    for (path, text) in files("v0.7") {
        let refused = witness::parse(&text).unwrap_err().to_string();
        let words = "code_db: invalid type: sequence, expected a map";
        assert!(refused.contains(words), "{}: {refused}", path.display());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn committed_messages_are_what_the_generator_writes() {
    common::assert_committed(&messages::samples().await.unwrap(), "v0.6");
}

/// Every operation runs, so this also shows that ids and functions belong together.
#[tokio::test(flavor = "multi_thread")]
async fn a_block_is_proved_in_memory_and_verified() {
    let config = Config { runtime: RuntimeKind::InMemory, ..Default::default() };
    let prover = Prover {
        runtime: Runtime::from_config(&config, ops::register()).await.unwrap(),
        test_only: false,
        save_inputs_on_error: false,
        results: Results::default(),
    };
    let mut previous = None;
    let mut blocks = blocks("v0.6");
    blocks.retain(|block| block.number().unwrap() < 7);
    blocks.sort_by_key(|block| block.number().unwrap());
    assert_eq!(blocks.len(), 5);
    for block in &blocks {
        let parts = prover.prove_parts(block).await.unwrap().unwrap();
        let proof = prover.close(parts, previous).await.unwrap();
        proof.verify().unwrap();
        previous = Some(proof.as_previous());
    }
}
