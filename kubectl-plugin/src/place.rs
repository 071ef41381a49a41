//! A broker's place in a cluster: finding it from the command line, and what being there is good
//! for: names of pods, an Event for each change, what the way to the broker said.

use std::time::Duration;

use amqp_admin::{Credentials, Endpoint, Endpoints, Tls};
use anyhow::{Context as _, Result, bail};
use reqwest::Url;

use crate::broker::{Broker, BrokerArgs};
use crate::change::now;
use crate::cluster::{
    Cluster, ClusterArgs, Forward, Pods, Refusal, Release, Scaled, Standing, find, record,
};
use crate::exit::Usage;
use crate::leader::{Leader, LeaderArgs, Manner, token_of};
use crate::output::Printer;
use crate::scaler::Scaler;

/// The stock ports of schemes that URLs know no port of.
const PORTS: [(&str, u16); 4] = [("amqp", 5672), ("amqps", 5671), ("http", 80), ("https", 443)];

/// A release in a cluster, and the ways that are open to it.
#[derive(Debug)]
pub(crate) struct Place {
    cluster: Cluster,
    pub(crate) release: Release,
    pods: Pods,
    forwards: Vec<Forward>,
}

/// The broker that the command line names, or that of the release in the cluster it names.
pub(crate) async fn reach(
    args: &BrokerArgs,
    cluster: &ClusterArgs,
    warn: impl FnOnce(&str),
) -> Result<Broker> {
    match &args.amqp_uri {
        Some(_) if cluster.names_any() => Err(Usage(
            "both a broker (--amqp-uri or ZERO_AMQP_URI) and a cluster or release are named; leave one of them out".into(),
        )
        .into()),
        Some(uri) => Broker::direct(uri.clone(), args),
        None => in_cluster(args, cluster, warn).await,
    }
}

/// What the command line names: a broker, a cluster, a proof service.
#[derive(Debug, Clone)]
pub(crate) struct Named {
    pub(crate) broker: BrokerArgs,
    pub(crate) cluster: ClusterArgs,
    pub(crate) leader: LeaderArgs,
}

/// The release that a proof service belongs to, and the way there.
#[derive(Debug)]
pub(crate) struct Home {
    cluster: Cluster,
    release: Release,
    /// For a proof service that speaks TLS.
    tls: Tls,
    forward: Option<Forward>,
}

impl Named {
    /// Whether parts are named one by one: none is looked for in a cluster.
    pub(crate) fn is_without_cluster(&self) -> bool {
        self.broker.amqp_uri.is_some() && !self.cluster.names_any()
    }

    /// The proof service: the one named directly, or that of the release in the cluster.
    pub(crate) async fn leader(&self) -> Result<Leader> {
        let limit = self.broker.timeout;
        let manner = Manner::of(&self.leader, self.broker.ca_file.as_deref(), limit)?;
        if let Some(url) = &self.leader.leader_url {
            return Leader::at(url.clone(), &manner, None);
        }
        if self.is_without_cluster() {
            let words = "a broker is named directly, and no proof service: say where it is with --leader-url";
            return Err(Usage(words.to_owned()).into());
        }
        let cluster = Cluster::log_in(&self.cluster, limit).await?;
        let release = find(&cluster, self.cluster.release.as_deref()).await?;
        let name = release.name.clone();
        leader_of(cluster, release, manner).await?.with_context(|| {
            format!("the release `{name}` does not say where its proof service is; say it with --leader-url")
        })
    }
}

async fn leader_of(
    cluster: Cluster,
    release: Release,
    mut manner: Manner,
) -> Result<Option<Leader>> {
    if let Some(secret) = release.leader_token_secret.as_deref().filter(|_| manner.token.is_none())
    {
        let [token] = release.secret(&cluster, secret, ["token"]).await?;
        let token = text(token, (secret, "token"))?;
        let named = || format!("the Secret `{secret}`");
        manner.token = Some(token_of(&token).with_context(named)?);
    }
    if let Some(secret) = release.leader_ca_secret.as_deref().filter(|_| manner.ca.is_none()) {
        let [authority] = release.secret(&cluster, secret, ["ca.crt"]).await?;
        manner.ca = Some(authority);
    }
    let tls = Tls { ca: manner.ca.clone(), ..Tls::default() };
    let mut home = Home { cluster, release, tls, forward: None };
    match home.open().await? {
        Some(url) => Leader::at(url, &manner, Some(home)).map(Some),
        None => Ok(None),
    }
}

impl Home {
    /// Opens the way, in place of the one there was; `None`: the release does not say where.
    pub(crate) async fn open(&mut self) -> Result<Option<Url>> {
        let Some(url) = &self.release.leader_url else { return Ok(None) };
        let way = way_to(&self.cluster, &self.release, ("leader-url", url), &self.tls);
        let (url, forward) = way.await?;
        self.forward = forward;
        Ok(Some(url))
    }

    /// What went wrong on the way, in words.
    pub(crate) fn trouble(&self) -> Option<String> {
        self.forward.as_ref().and_then(Forward::trouble)
    }

    /// Leaves an Event of what a command did.
    pub(crate) async fn record(&self, why: (&str, &str), done: &str, printer: &mut Printer) {
        leave_event((&self.cluster, &self.release), why, done, printer).await;
    }
}

/// KEDA's version in the cluster, or why it is not known.
pub(crate) async fn keda(flags: &ClusterArgs, limit: Duration) -> Result<String, String> {
    let cluster = Cluster::log_in(flags, limit).await.map_err(|error| format!("{error:#}"))?;
    cluster.keda().await
}

/// The scaler of the release in the cluster.
pub(crate) async fn reach_scaler(flags: &ClusterArgs, limit: Duration) -> Result<Scaler> {
    let cluster = Cluster::log_in(flags, limit).await?;
    let release = find(&cluster, flags.release.as_deref()).await?;
    scaler_of(&cluster, &release, limit).await?.with_context(|| {
        let name = &release.name;
        format!("the release `{name}` does not say where its scaler is; say it with --scaler-url")
    })
}

async fn scaler_of(
    cluster: &Cluster,
    release: &Release,
    limit: Duration,
) -> Result<Option<Scaler>> {
    let Some(url) = &release.scaler_url else { return Ok(None) };
    let nobody = Tls::default();
    let (url, forward) = way_to(cluster, release, ("scaler-url", url), &nobody).await?;
    Ok(Some(Scaler { url, forward, limit }))
}

/// The address of a part of the release, through a forward if it is a Service of the cluster.
async fn way_to(
    cluster: &Cluster,
    release: &Release,
    (key, url): (&str, &str),
    tls: &Tls,
) -> Result<(Url, Option<Forward>)> {
    let named = || format!("`{key}` of the release `{}`", release.name);
    let url = Url::parse(url).with_context(named)?;
    let at = (url.host_str().unwrap_or_default(), url.port_or_known_default().unwrap_or(80));
    let tls = Some(tls).filter(|_| url.scheme() == "https");
    let forward = Forward::open(cluster, at, tls).await.with_context(named)?;
    if forward.is_some() && tls.is_some_and(|tls| tls.ca.is_none()) {
        bail!("{} speaks TLS, and its certificate authority is not known: give --ca-file", named());
    }
    let local = forward.as_ref().map(|forward| Url::parse(&format!("http://{}/", forward.local)));
    Ok((local.transpose()?.unwrap_or(url), forward))
}

/// How a release stands in its cluster, be its broker there or not.
pub(crate) async fn standing(flags: &ClusterArgs, limit: Duration) -> Result<Standing> {
    let cluster = Cluster::log_in(flags, limit).await?;
    let release = find(&cluster, flags.release.as_deref()).await?;
    Ok(Standing::read(&cluster, &release).await)
}

async fn in_cluster(
    args: &BrokerArgs,
    flags: &ClusterArgs,
    warn: impl FnOnce(&str),
) -> Result<Broker> {
    let cluster = Cluster::log_in(flags, args.timeout).await?;
    let release = find(&cluster, flags.release.as_deref()).await?;
    let mut endpoints = endpoints(args, &cluster, &release).await?;
    let (amqp, management, pods) = tokio::join!(
        forward(&cluster, &mut endpoints.amqp),
        forward(&cluster, &mut endpoints.management),
        Pods::read(&cluster, &release.namespace),
    );
    let forwards = [amqp?, management?].into_iter().flatten().collect();
    let pods = pods.unwrap_or_else(|refusal| {
        warn(&format!("warning: pods are called by their addresses: {refusal}"));
        Pods::default()
    });
    Broker::at(endpoints, args, Some(Place { cluster, release, pods, forwards }))
}

/// The release's addresses, with the credentials and authority of its Secrets, unless the command
/// line has its own.
async fn endpoints(args: &BrokerArgs, cluster: &Cluster, release: &Release) -> Result<Endpoints> {
    let management_url = args.management_url.clone().or(release.management_url.clone());
    let addresses = args.addresses(release.amqp_uri.clone(), management_url);
    let (kind, object) = &release.found_by;
    let mut endpoints = addresses
        .resolve()
        .with_context(|| format!("the {kind} `{object}` in `{}`", release.namespace))?;
    if let Some(secret) = release.credentials_secret.as_deref().filter(|_| !args.names_a_user()) {
        let keys = ["username", "password"];
        let [user, password] = release.secret(cluster, secret, keys).await?;
        let user = text(user, (secret, "username"))?;
        let password = text(password, (secret, "password"))?.into();
        let credentials = Some(Credentials { user, password });
        endpoints.amqp.credentials = credentials.clone();
        endpoints.management.credentials = credentials;
    }
    if let Some(secret) = release.ca_secret.as_deref().filter(|_| args.ca_file.is_none()) {
        let [authority] = release.secret(cluster, secret, ["ca.crt"]).await?;
        endpoints.amqp.tls.ca = Some(authority.clone());
        endpoints.management.tls.ca = Some(authority);
    }
    Ok(endpoints)
}

fn text(value: Vec<u8>, (secret, key): (&str, &str)) -> Result<String> {
    String::from_utf8(value)
        .map_err(|_| anyhow::anyhow!("`{key}` of the Secret `{secret}` is not UTF-8"))
}

/// Lets the endpoint lead through a forward, if it is a Service of the cluster.
async fn forward(cluster: &Cluster, endpoint: &mut Endpoint) -> Result<Option<Forward>> {
    let url = endpoint.url();
    let stock = PORTS.iter().find(|(scheme, _)| *scheme == url.scheme()).map(|(_, port)| *port);
    let port = url.port().or(stock).unwrap_or_default();
    let host = url.host_str().unwrap_or_default();
    let tls = Some(&endpoint.tls).filter(|_| !endpoint.is_plaintext());
    if tls.is_some_and(|tls| tls.ca.is_none()) {
        bail!(
            "`{endpoint}` speaks TLS, and its certificate authority is not known: give --ca-file, or let the release's `ca-secret` name a Secret with `ca.crt`"
        );
    }
    let forward = Forward::open(cluster, (host, port), tls)
        .await
        .with_context(|| format!("cannot reach `{endpoint}`"))?;
    if let Some(forward) = &forward {
        *endpoint = endpoint.through(forward.local);
    }
    Ok(forward)
}

impl Place {
    /// The release's scaler, if it says where that is.
    pub(crate) async fn scaler(&self, limit: Duration) -> Result<Option<Scaler>> {
        scaler_of(&self.cluster, &self.release, limit).await
    }

    /// The release's proof service, if it says where that is.
    pub(crate) async fn leader(&self, manner: Manner) -> Result<Option<Leader>> {
        leader_of(self.cluster.clone(), self.release.clone(), manner).await
    }

    /// The ScaledObjects of the release that somebody holds.
    pub(crate) async fn held(&self) -> Result<Vec<Scaled>, Refusal> {
        let all = Scaled::list_if_known(&self.cluster, &self.release.namespace).await?;
        let ours = all.into_iter().filter(|scaled| scaled.is_of(&self.release.name));
        Ok(ours.filter(|scaled| !scaled.held.is_empty()).collect())
    }

    /// How the release stands in its cluster.
    pub(crate) async fn standing(&self) -> Standing {
        Standing::read(&self.cluster, &self.release).await
    }

    /// The name of the pod that has this address, or the address.
    pub(crate) fn name_of(&self, address: &str) -> String {
        self.pods.name(address).unwrap_or(address).to_owned()
    }

    /// What went wrong on the way to the broker, in words.
    pub(crate) fn trouble(&self) -> Option<String> {
        self.forwards.iter().find_map(Forward::trouble)
    }

    /// Leaves an Event of what a command did.
    pub(crate) async fn record(&self, why: (&str, &str), done: &str, printer: &mut Printer) {
        leave_event((&self.cluster, &self.release), why, done, printer).await;
    }
}

/// Leaves an Event on the release: which command did what, and for what reason. That it could not
/// be left is said and fails nothing: what it tells of is done.
pub(crate) async fn leave_event(
    (cluster, release): (&Cluster, &Release),
    (act, reason): (&str, &str),
    done: &str,
    printer: &mut Printer,
) {
    let why = if reason.is_empty() { String::new() } else { format!("{reason}: ") };
    let message = format!("zero {act}: {why}{done}");
    if let Err(refusal) = record(cluster, release, &message, now()).await {
        printer.say(&format!("warning: no Event was left of this: {refusal}"));
    }
}
