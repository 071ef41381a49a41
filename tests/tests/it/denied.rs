//! A broker that denies transient queues: what a prover meets there.

use amqp_gateway::QueuePolicy;
use lapin::options::QueueDeclareOptions;
use lapin::types::FieldTable;
use tests::amqp::Amqp;
use tests::harness;

use crate::gateway::{Behind, config};
use crate::host::Host;
use crate::stand_in::V07;

/// What the broker says, and an operator can look for.
const WORDS: &str = "transient_nonexcl_queues";

#[tokio::test]
async fn the_broker_names_the_setting() {
    let Some(vhost) = harness::vhost("denied") else { return };
    let amqp = Amqp::connect(&vhost.amqp_uri()).await.unwrap();
    let (options, none) = (QueueDeclareOptions::default(), FieldTable::default());
    let declared = amqp.channel().queue_declare("default".into(), options, none).await;
    let said = declared.unwrap_err().to_string();
    assert!(said.contains("INTERNAL_ERROR") && said.contains(WORDS), "{said}");
}

/// So whoever reads its log alone does not learn of it.
#[tokio::test]
async fn a_leader_without_a_gateway_ends_and_does_not_name_it() {
    let Some(vhost) = harness::vhost("denied_leader") else { return };
    let home = tempfile::tempdir().unwrap();
    let mut leader = V07.leader(6, &[], &vhost, home.path());
    assert!(!leader.ended().await.success());
    let words = leader.errors();
    assert!(words.contains("empty agg proof") && !words.contains(WORDS), "{words}");
}

#[tokio::test]
async fn behind_a_gateway_that_changes_no_queue_the_setting_and_the_cure_are_told() {
    let Some(vhost) = harness::vhost("denied_as_is") else { return };
    let home = tempfile::tempdir().unwrap();
    let mut config = config(&vhost);
    config.policy = QueuePolicy::AsIs;
    let behind = Behind::start(config).await;
    let mut leader = V07.leader(6, &[], &behind, home.path());
    assert!(!leader.ended().await.success());
    let told = behind.tells("a word about it", |told| told.trouble.is_some()).await;
    let words = told.trouble.unwrap();
    let program = V07.path("worker");
    let command = [program.to_str().unwrap(), "--runtime=amqp"];
    let host = Host::start("host", &vhost.amqp_uri(), &[], &command, home.path());
    host.says("the broker has closed the child's connection").await;
    for words in [words, host.log()] {
        for part in [WORDS, "`--queue-policy durable`", "deprecated_features.permit."] {
            assert!(words.contains(part), "{part}: {words}");
        }
    }
}
