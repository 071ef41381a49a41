//! A Kubernetes cluster, as far as a release of the prover is concerned.
//!
//! `login` makes a client of kubectl's own flags, `release` says what a release is and `find` finds
//! it, `forward` reaches its Services through the API server, `scaled` pauses and resumes its
//! scaling, `standing` tells what keeps its pods from coming up, `keda` tells its version, `record`
//! leaves an Event. Types of Kubernetes stay in here.

mod find;
mod flags;
mod forward;
mod keda;
mod login;
mod record;
mod refusal;
mod release;
mod scaled;
mod standing;

use std::future::Future;
use std::time::Duration;

use anyhow::Result;
use k8s_openapi::NamespaceResourceScope;
use kube::api::{Api, Resource};

pub(crate) use find::find;
pub(crate) use flags::ClusterArgs;
pub(crate) use forward::{Forward, Pods};
pub(crate) use record::record;
pub(crate) use refusal::Refusal;
pub(crate) use release::Release;
pub(crate) use scaled::{Hold, Scaled};
pub(crate) use standing::{Claim, Standing, Waiting, Warning};

/// A client of the API server and the namespace we look into.
#[derive(Clone)]
pub(crate) struct Cluster {
    client: kube::Client,
    pub(crate) namespace: String,
    /// Bounds each request.
    limit: Duration,
}

/// What is asked of the API server, in the words that RBAC has for it.
#[derive(Debug, Clone, Copy)]
struct Asked<'a> {
    verb: &'static str,
    resource: &'static str,
    namespace: &'a str,
}

impl Cluster {
    /// Reads the kubeconfig; nothing is asked yet. `limit` bounds each request.
    pub(crate) async fn log_in(args: &ClusterArgs, limit: Duration) -> Result<Self> {
        let (client, namespace) = login::log_in(args).await?;
        Ok(Self { client, namespace, limit })
    }

    fn api<K>(&self, namespace: &str) -> Api<K>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>,
    {
        Api::namespaced(self.client.clone(), namespace)
    }

    async fn ask<T>(
        &self,
        asked: Asked<'_>,
        answer: impl Future<Output = kube::Result<T>>,
    ) -> Result<T, Refusal> {
        match tokio::time::timeout(self.limit, answer).await {
            Ok(answer) => answer.map_err(|error| Refusal::of(asked, error)),
            Err(_) => Err(Refusal::silent(asked, self.limit)),
        }
    }
}

impl std::fmt::Debug for Cluster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cluster").field("namespace", &self.namespace).finish_non_exhaustive()
    }
}
