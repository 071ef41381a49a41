//! The proof service in a cluster: found from the release, reached through the API server.

use serde_json::{Value, json};
use tests::access::segment;
use tests::cluster::Login;
use tests::poll;
use tests::zero::Zero;

use super::site::lay_out_ours;
use crate::cli::desk::{Desk, LIMIT};
use crate::cli::in_cluster::{REACH, Site, port_of, site};
use crate::proving::service::Setting;
use crate::stand_in::V07;

#[tokio::test(flavor = "multi_thread")]
async fn the_releases_proof_service_is_found_and_changes_leave_an_event() {
    let verbs = [REACH, &[("create", "events")]].concat();
    let Some((desk, site)) = site("leader_in_cluster", &verbs).await else { return };
    let home = tempfile::tempdir().unwrap();
    let setting = Setting { generation: &V07, vhost: &desk.vhost, home: home.path() };
    // The desk's queues are paladin's own.
    let service = setting.start(&["--queue-policy", "as-is"]).await;
    site.serve("zero-leader", None, &[("http", 8080, port_of(service.address()))]);
    let uri = format!("amqp://rabbitmq:5672/{}", segment(desk.vhost.name()));
    let broker = json!({"amqp-uri": uri, "credentials-secret": "rabbitmq-default-user"});
    let mut whole = broker.clone();
    whole["leader-url"] = json!("http://zero-leader:8080");
    site.release_of("zero", &broker);
    lay_out_ours(&desk, &[6]);
    let zero = site.zero(&desk);
    let untold = desk.try_as(&zero, &["proofs"]);
    assert_eq!(untold.code, Some(1), "{untold:?}");
    assert!(untold.stderr.contains("`zero` does not say where its proof service is"), "{untold:?}");

    site.release_of("zero", &whole);
    let entered = desk.try_as(&zero, &["prove", "witnesses", "--detach", "-o", "name"]);
    assert_eq!(entered.code, Some(0), "{entered:?}");
    let id = entered.stdout.trim();
    service.becomes(id, &["running"]).await;
    let event = format!("ZeroChange: zero prove: submitted {id} of block 6 (by alice)");
    assert!(site.events().contains(&event), "{}", site.events());
    // Nothing was added, so nothing is told.
    desk.try_as(&zero, &["prove", "witnesses", "--detach"]);
    assert_eq!(site.events().matches("zero prove:").count(), 1, "{}", site.events());
    let report = desk.try_as(&zero, &["report", id, "-o", "json"]);
    assert!(report.code == Some(0) && report.stdout.contains("\"attempts\""), "{report:?}");
    let args = ["proof", "cancel", id, "--yes", "--reason", "reorg"];
    let cancelled = desk.try_as(&zero, &args);
    assert_eq!(cancelled.code, Some(0), "{cancelled:?}");
    let event = format!("ZeroChange: zero proof cancel: reorg: {id} is cancelled (by alice)");
    assert!(site.events().contains(&event), "{}", site.events());
    let status = desk.try_as(&zero, &["status"]);
    assert!(status.stdout.contains("Proofs    1 cancelled"), "{status:?}");
    let version = desk.try_as(&zero, &["version"]);
    assert!(version.stdout.contains("stand-in-v07") && version.stdout.contains("RabbitMQ"));
}

/// KEDA's operator as its manifests install it, and the command line of somebody who may read
/// the Deployments of every namespace.
fn keda(site: &Site, version: &str, desk: &Desk) -> Zero {
    let labels =
        json!({"app.kubernetes.io/name": "keda-operator", "app.kubernetes.io/version": version});
    let apply = |object: &Value| site.plane.apply(&object.to_string()).unwrap();
    apply(&json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "keda"}}));
    apply(&json!({"apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "keda-operator", "namespace": "keda", "labels": labels},
        "spec": {"selector": {"matchLabels": {"app": "keda"}}, "template": {
            "metadata": {"labels": {"app": "keda"}},
            "spec": {"containers": [{"name": "keda-operator", "image": "keda:latest"}]}}}}));
    let rbac = "rbac.authorization.k8s.io";
    apply(&json!({"apiVersion": format!("{rbac}/v1"), "kind": "ClusterRole",
        "metadata": {"name": "zero-keda"},
        "rules": [{"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["list"]}]}));
    apply(&json!({"apiVersion": format!("{rbac}/v1"), "kind": "ClusterRoleBinding",
        "metadata": {"name": "zero-keda"},
        "roleRef": {"apiGroup": rbac, "kind": "ClusterRole", "name": "zero-keda"},
        "subjects": [{"apiGroup": rbac, "kind": "User", "name": "bob"}]}));
    let login = Login { namespace: Some(&site.namespace), ..Login::of("bob") };
    let bob = site.plane.kubeconfig_for(&login).unwrap();
    Zero::at(desk.folder.path()).env("KUBECONFIG", &bob)
}

#[tokio::test(flavor = "multi_thread")]
async fn kedas_version_is_told_to_who_may_see_its_operator() {
    let Some((desk, site)) = site("keda_version", REACH).await else { return };
    let told = |zero: &Zero| {
        let told = desk.try_as(zero, &["version"]).stdout;
        told.lines().find(|line| line.starts_with("KEDA")).unwrap().to_owned()
    };
    let unknown = told(&site.zero(&desk));
    assert!(unknown.contains("not known: the cluster does not let us"), "{unknown}");
    let bob = keda(&site, "2.18.3", &desk);
    let looked = poll::until("the role to be in force", LIMIT, async || {
        let told = told(&bob);
        if told.ends_with(" 2.18.3") { Ok(()) } else { Err(told) }
    });
    looked.await.unwrap();
}
