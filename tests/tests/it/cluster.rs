//! What must hold for the Kubernetes control plane of the tests before anything is tested with it.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use k8s_openapi::api::core::v1::Pod as LivePod;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config};
use tests::cluster::{self, Login, Pod};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// A server that says back what it hears.
fn echo() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || std::io::copy(&mut &stream, &mut &stream));
        }
    });
    address
}

fn said_back(server: SocketAddr, text: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(server).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    stream.write_all(text).unwrap();
    let mut heard = vec![0; text.len()];
    stream.read_exact(&mut heard).unwrap();
    heard
}

#[test]
fn a_pod_is_running_under_its_labels_and_address() {
    let test = "a_pod_is_running_under_its_labels_and_address";
    let Some(plane) = cluster::shared(test) else { return };
    let namespace = plane.namespace(test).unwrap();
    let pod = Pod {
        labels: &[("app", "worker")],
        ip: Some("10.1.2.3"),
        ..Pod::of(&namespace, "worker-0")
    };
    plane.pod(&pod).unwrap();
    let shown = "jsonpath={range .items[*]}{.metadata.name} {.status.phase} {.status.podIP}{end}";
    let get =
        ["get", "pods", "--namespace", &namespace, "--selector=app=worker", "--output", shown];
    assert_eq!(plane.kubectl(&get).unwrap(), "worker-0 Running 10.1.2.3");
    let versions = plane.kubectl(&["version"]).unwrap();
    assert!(versions.contains("Server Version: v1.35."), "{versions}");
}

#[test]
fn a_user_may_do_what_a_role_grants_and_nothing_else() {
    let test = "a_user_may_do_what_a_role_grants_and_nothing_else";
    let Some(plane) = cluster::shared(test) else { return };
    let namespace = plane.namespace(test).unwrap();
    let login =
        Login { group: Some("operators"), namespace: Some(&namespace), ..Login::of("alice") };
    let alice = plane.kubeconfig_for(&login).unwrap();
    let denied = plane.kubectl_as(&alice, &["get", "pods"]).unwrap();
    let why = String::from_utf8(denied.stderr).unwrap();
    assert!(!denied.status.success());
    assert!(why.contains(r#"User "alice" cannot list resource "pods""#), "{why}");

    let inside = ["--namespace", &namespace];
    let role = ["create", "role", "reader", "--verb=list", "--resource=pods"];
    plane.kubectl(&[&role[..], &inside].concat()).unwrap();
    let binding = ["create", "rolebinding", "readers", "--role=reader", "--group=operators"];
    plane.kubectl(&[&binding[..], &inside].concat()).unwrap();
    let granted = plane.kubectl_as(&alice, &["get", "pods"]).unwrap();
    assert!(granted.status.success(), "{}", String::from_utf8_lossy(&granted.stderr));
    let secrets = plane.kubectl_as(&alice, &["get", "secrets"]).unwrap();
    assert!(!secrets.status.success(), "only pods were granted");
}

#[test]
fn a_pods_port_leads_to_a_local_server_also_after_a_change() {
    let test = "a_pods_port_leads_to_a_local_server_also_after_a_change";
    let Some(plane) = cluster::shared(test) else { return };
    let namespace = plane.namespace(test).unwrap();
    let pod = Pod { ports: &[("amqp", 5672)], ..Pod::of(&namespace, "broker-0") };
    plane.pod(&pod).unwrap();
    let (first, second) = (echo(), echo());
    plane.forward(&namespace, pod.name, 5672, first.port()).unwrap();
    let forward = plane.port_forward(&plane.kubeconfig(), &namespace, pod.name, 5672).unwrap();
    assert_eq!(said_back(forward.local(), b"AMQP"), b"AMQP");
    plane.forward(&namespace, pod.name, 15672, second.port()).unwrap();
    for port in [5672, 15672] {
        let forward = plane.port_forward(&plane.kubeconfig(), &namespace, pod.name, port).unwrap();
        assert_eq!(said_back(forward.local(), b"hello"), b"hello");
    }
}

/// By the subprotocol `v4.channel.k8s.io`; kubectl itself tunnels SPDY through its WebSocket.
#[tokio::test]
async fn a_pods_port_is_reached_as_kubectl_zero_does() {
    let test = "a_pods_port_is_reached_as_kubectl_zero_does";
    let Some(plane) = cluster::shared(test) else { return };
    let namespace = plane.namespace(test).unwrap();
    let pod = Pod { ports: &[("amqp", 5672)], ..Pod::of(&namespace, "broker-0") };
    plane.pod(&pod).unwrap();
    plane.forward(&namespace, pod.name, 5672, echo().port()).unwrap();
    let _ = rustls::crypto::ring::default_provider().install_default();
    let file = Kubeconfig::read_from(plane.kubeconfig()).unwrap();
    let options = KubeConfigOptions::default();
    let config = Config::from_custom_kubeconfig(file, &options).await.unwrap();
    let pods: Api<LivePod> = Api::namespaced(Client::try_from(config).unwrap(), &namespace);
    let mut forward = pods.portforward(pod.name, &[5672]).await.unwrap();
    let mut stream = forward.take_stream(5672).unwrap();
    stream.write_all(b"AMQP").await.unwrap();
    let mut heard = [0; 4];
    let read = stream.read_exact(&mut heard);
    tokio::time::timeout(Duration::from_secs(10), read).await.unwrap().unwrap();
    assert_eq!(&heard, b"AMQP");
}
