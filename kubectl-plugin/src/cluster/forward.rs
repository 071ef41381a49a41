//! Ports of pods, reached through the API server: what `kubectl port-forward` does, in here.
//!
//! Each forward listens on a free port of the loopback interface and opens one stream through the
//! API server for each connection. The way to the node is TLS; what stands at the far end with TLS
//! of its own is spoken to in TLS from here, so that the loopback part alone is plain.

mod far_end;
mod pods;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use amqp_admin::Tls;
use anyhow::{Context as _, Result, bail};
use k8s_openapi::api::core::v1::{Pod, Service};
use kube::api::ListParams;
use tokio::io::{AsyncRead, AsyncWrite, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::{Asked, Cluster, Refusal};
use far_end::FarEnd;
pub(crate) use pods::Pods;
use pods::{ready_pod, selector};

/// A port of a pod, at a port of ours, for as long as this lives.
#[derive(Debug)]
pub(crate) struct Forward {
    /// Where we listen.
    pub(crate) local: SocketAddr,
    /// The pod and its port, for errors.
    pub(crate) to: String,
    trouble: Trouble,
    /// Ended when this is dropped.
    _listening: JoinSet<()>,
}

/// The last thing that went wrong on the way, in words.
type Trouble = Arc<Mutex<Option<String>>>;

/// One port of one pod, and how it is spoken to.
#[derive(Clone)]
struct Target {
    cluster: Cluster,
    namespace: String,
    pod: String,
    port: u16,
    far_end: FarEnd,
}

impl Forward {
    /// Listens, if `host` is a Service of the cluster; `None`: it is not, and is to be dialled as
    /// it is. `tls`: for what speaks TLS there.
    pub(crate) async fn open(
        cluster: &Cluster,
        (host, port): (&str, u16),
        tls: Option<&Tls>,
    ) -> Result<Option<Self>> {
        let Some((name, namespace)) = service_of(host, &cluster.namespace) else {
            return Ok(None);
        };
        let asked = Asked { verb: "get", resource: "services", namespace };
        let api = cluster.api::<Service>(namespace);
        let service = match cluster.ask(asked, api.get(name)).await {
            Err(refusal) if refusal.is_missing() => return Ok(None),
            outcome => outcome?,
        };
        let asked = Asked { verb: "list", resource: "pods", namespace };
        let pods = cluster.api::<Pod>(namespace);
        let behind = ListParams::default().labels(&selector(&service)?);
        let listed = cluster.ask(asked, pods.list(&behind)).await?;
        let (pod, port) = ready_pod(&service, &listed.items, port)?;
        let far_end = tls.map_or(Ok(FarEnd::Plain), |tls| FarEnd::tls(host, tls))?;
        let (cluster, namespace) = (cluster.clone(), namespace.to_owned());
        Self::listen(Target { cluster, namespace, pod, port, far_end }).await.map(Some)
    }

    async fn listen(target: Target) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let listener = listener.context("cannot listen on the loopback interface")?;
        let local = listener.local_addr().context("cannot listen on the loopback interface")?;
        let trouble = Trouble::default();
        let to = format!("port {} of the pod `{}`", target.port, target.pod);
        let mut listening = JoinSet::new();
        listening.spawn(serve(listener, target, trouble.clone()));
        Ok(Self { local, to, trouble, _listening: listening })
    }

    /// The last thing that went wrong on the way, in words.
    pub(crate) fn trouble(&self) -> Option<String> {
        let said = self.trouble.lock().ok()?.clone()?;
        Some(format!("the port-forward to {} said: {said}", self.to))
    }
}

/// Serves connections until it is dropped, and its connections with it.
async fn serve(listener: TcpListener, target: Target, trouble: Trouble) {
    let mut connections = JoinSet::new();
    while let Ok((mut ours, _)) = listener.accept().await {
        let (target, trouble) = (target.clone(), trouble.clone());
        connections.spawn(async move {
            // Ours is closed only after the trouble is known: whoever sees the end can ask why.
            if let Err(error) = target.relay(&mut ours).await
                && let Ok(mut last) = trouble.lock()
            {
                *last = Some(format!("{error:#}"));
            }
        });
        while connections.try_join_next().is_some() {}
    }
}

impl Target {
    async fn relay(&self, ours: &mut TcpStream) -> Result<()> {
        let namespace = self.namespace.as_str();
        let asked = Asked { verb: "create", resource: "pods/portforward", namespace };
        let pods = self.cluster.api::<Pod>(namespace);
        let ports = [self.port];
        let mut forwarder = self.cluster.ask(asked, pods.portforward(&self.pod, &ports)).await?;
        let (stream, failed) = (forwarder.take_stream(self.port), forwarder.take_error(self.port));
        let (Some(stream), Some(failed)) = (stream, failed) else {
            bail!("the API server opened no stream");
        };
        let far = self.far_end.speak(stream);
        tokio::select! {
            Some(words) = failed => bail!("{words}"),
            outcome = copy(ours, far) => outcome,
        }
    }
}

async fn copy<F: AsyncRead + AsyncWrite + Unpin>(
    ours: &mut TcpStream,
    far: impl Future<Output = Result<F>>,
) -> Result<()> {
    let mut far = far.await?;
    ours.set_nodelay(true)?;
    // A connection that one side ends without a word is no trouble of the way.
    let _ = copy_bidirectional(ours, &mut far).await;
    Ok(())
}

/// PURE: a Service and its namespace, if a host name is written as those of Services are.
fn service_of<'a>(host: &'a str, here: &'a str) -> Option<(&'a str, &'a str)> {
    if host.parse::<std::net::IpAddr>().is_ok() {
        return None;
    }
    match host.split('.').collect::<Vec<_>>().as_slice() {
        [name] => Some((name, here)),
        [name, namespace] | [name, namespace, "svc", ..] => Some((name, namespace)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_a_service_only_if_it_is_written_like_one() {
        for (host, service) in [
            ("rabbitmq", Some(("rabbitmq", "here"))),
            ("rabbitmq.provers", Some(("rabbitmq", "provers"))),
            ("rabbitmq.provers.svc", Some(("rabbitmq", "provers"))),
            ("rabbitmq.provers.svc.cluster.local", Some(("rabbitmq", "provers"))),
            ("broker.example.com", None),
            ("10.0.0.7", None),
        ] {
            assert_eq!(service_of(host, "here"), service, "{host}");
        }
    }
}
