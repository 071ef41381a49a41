//! PURE: what a release says of itself, and which one is meant.
//!
//! A release has a ConfigMap with the labels of [`SELECTOR`] and `app.kubernetes.io/instance`, the
//! release's name. Its addresses are written as programs in the cluster use them. Without any such
//! ConfigMap each broker that RabbitMQ's own cluster operator runs counts as a release.

use std::collections::BTreeMap;

use anyhow::Result;

use crate::exit::{NotFound, Usage};

/// Finds the ConfigMaps of releases.
pub(super) const SELECTOR: &str =
    "app.kubernetes.io/part-of=zero-prover,app.kubernetes.io/component=connection";
/// Finds the Services of brokers that RabbitMQ's cluster operator runs; it labels them so.
pub(super) const OPERATOR_SELECTOR: &str =
    "app.kubernetes.io/part-of=rabbitmq,app.kubernetes.io/component=rabbitmq";
/// The label that holds a release's name.
pub(super) const INSTANCE: &str = "app.kubernetes.io/instance";
/// The operator's second Service of a broker, for its nodes among themselves.
const NODES: &str = "-nodes";

/// A release: where its parts are, as programs in the cluster reach them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Release {
    /// The name; the broker's where there is no release.
    pub(crate) name: String,
    /// Its namespace.
    pub(crate) namespace: String,
    /// The object it was found by: its kind and name.
    pub(crate) found_by: (&'static str, String),
    /// The broker over AMQP, without credentials.
    pub(crate) amqp_uri: String,
    /// The management API.
    pub(crate) management_url: Option<String>,
    /// A Secret with `username` and `password`.
    pub(crate) credentials_secret: Option<String>,
    /// A Secret with `ca.crt`, the broker's certificate authority.
    pub(crate) ca_secret: Option<String>,
    /// The scaler's status page.
    pub(crate) scaler_url: Option<String>,
    /// The proof service.
    pub(crate) leader_url: Option<String>,
    /// A Secret with `token`, which the proof service asks for.
    pub(crate) leader_token_secret: Option<String>,
    /// A Secret with `ca.crt`, the proof service's certificate authority.
    pub(crate) leader_ca_secret: Option<String>,
}

impl Release {
    /// What a ConfigMap says. An error names the key that is missing.
    pub(super) fn of_config_map(
        (namespace, object): (&str, &str),
        labels: &BTreeMap<String, String>,
        mut data: BTreeMap<String, String>,
    ) -> Result<Self, String> {
        let mut take = |key: &str| data.remove(key).filter(|value| !value.is_empty());
        let Some(amqp_uri) = take("amqp-uri") else {
            return Err(format!("the ConfigMap `{object}` in `{namespace}` has no `amqp-uri`"));
        };
        Ok(Self {
            name: labels.get(INSTANCE).cloned().unwrap_or_else(|| object.to_owned()),
            namespace: namespace.to_owned(),
            found_by: ("ConfigMap", object.to_owned()),
            amqp_uri,
            management_url: take("management-url"),
            credentials_secret: take("credentials-secret"),
            ca_secret: take("ca-secret"),
            scaler_url: take("scaler-url"),
            leader_url: take("leader-url"),
            leader_token_secret: take("leader-token-secret"),
            leader_ca_secret: take("leader-ca-secret"),
        })
    }

    /// The broker behind a Service of RabbitMQ's cluster operator; `None` for its second Service.
    /// The operator keeps the first user in the Secret `<broker>-default-user`.
    pub(crate) fn of_operator_service(namespace: &str, service: &str) -> Option<Self> {
        if service.ends_with(NODES) {
            return None;
        }
        Some(Self {
            name: service.to_owned(),
            namespace: namespace.to_owned(),
            found_by: ("Service", service.to_owned()),
            amqp_uri: format!("amqp://{service}:5672/"),
            management_url: None,
            credentials_secret: Some(format!("{service}-default-user")),
            ca_secret: None,
            scaler_url: None,
            leader_url: None,
            leader_token_secret: None,
            leader_ca_secret: None,
        })
    }
}

/// The release of that name, or the only one.
pub(super) fn choose(
    mut found: Vec<Release>,
    wanted: Option<&str>,
    namespace: &str,
) -> Result<Release> {
    found.sort_by(|one, other| one.name.cmp(&other.name));
    let names: Vec<String> = found.iter().map(|release| format!("`{}`", release.name)).collect();
    let names = names.join(", ");
    found.retain(|release| wanted.is_none_or(|wanted| release.name == wanted));
    match (found.len(), found.pop()) {
        (1, Some(release)) => Ok(release),
        (0, _) if names.is_empty() => Err(NotFound(format!(
            "namespace `{namespace}` has no release of the prover: neither a ConfigMap with the labels {SELECTOR} nor a broker of RabbitMQ's cluster operator; choose another namespace with -n, or name a broker with --amqp-uri"
        ))
        .into()),
        (0, _) => Err(NotFound(format!(
            "namespace `{namespace}` has no release `{}`; it has {names}",
            wanted.unwrap_or_default()
        ))
        .into()),
        _ => Err(Usage(format!(
            "namespace `{namespace}` has several releases: {names}; choose one with --release"
        ))
        .into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    fn release(name: &str) -> Release {
        let data = map(&[("amqp-uri", "amqp://rabbitmq/"), ("scaler-url", "")]);
        let labels = map(&[(INSTANCE, name)]);
        Release::of_config_map(("provers", "connection"), &labels, data).unwrap()
    }

    fn chosen(found: &[&str], wanted: Option<&str>) -> String {
        match choose(found.iter().map(|name| release(name)).collect(), wanted, "provers") {
            Ok(release) => release.name,
            Err(error) => format!("{error:#}"),
        }
    }

    #[test]
    fn one_release_needs_no_name_and_two_are_both_named() {
        assert_eq!(chosen(&["a"], None), "a");
        assert_eq!(chosen(&["b", "a"], Some("b")), "b");
        insta::assert_snapshot!(chosen(&["b", "a"], None), @"namespace `provers` has several releases: `a`, `b`; choose one with --release");
        insta::assert_snapshot!(chosen(&["b", "a"], Some("c")), @"namespace `provers` has no release `c`; it has `a`, `b`");
        assert!(chosen(&[], None).contains("-n"));
    }

    #[test]
    fn an_empty_value_is_no_value_and_an_address_must_be_there() {
        assert_eq!(release("a").scaler_url, None);
        let none = Release::of_config_map(("provers", "c"), &map(&[]), map(&[]));
        assert!(none.unwrap_err().contains("amqp-uri"));
    }

    #[test]
    fn the_operators_service_for_nodes_is_no_second_broker() {
        let found = Release::of_operator_service("provers", "rabbit").unwrap();
        assert_eq!(found.credentials_secret.as_deref(), Some("rabbit-default-user"));
        assert_eq!(Release::of_operator_service("provers", "rabbit-nodes"), None);
    }
}
