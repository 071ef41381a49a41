//! PURE: which pods are protected, and the Lease by which replicas agree on who does it.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// A namespace and what tells its workers from its other pods.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The namespace.
    pub namespace: String,
    /// A selector of labels, as `kubectl get pods -l` takes it.
    pub selector: String,
}

/// A Lease by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseName {
    /// Its namespace; `None`: our own.
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
}

/// What is wrong with an argument.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum WrongTarget {
    /// Nothing separates a namespace from a selector.
    #[error(
        "it must be NAMESPACE/SELECTOR, for example provers/app.kubernetes.io/component=worker"
    )]
    NoNamespace,
    /// A namespace's name is a DNS label.
    #[error("`{0}` is no name of a namespace: small letters, digits and dashes, at most 63")]
    Namespace(String),
    /// Every pod of the namespace would be a worker.
    #[error("the selector is empty: name the labels that only workers have")]
    NoSelector,
    /// A Lease without a name.
    #[error("it must be NAME or NAMESPACE/NAME: small letters, digits, dashes and dots")]
    Lease,
}

impl FromStr for Target {
    type Err = WrongTarget;

    fn from_str(text: &str) -> Result<Self, WrongTarget> {
        // Keys of labels have slashes too; a namespace's name has none.
        let (namespace, selector) = text.split_once('/').ok_or(WrongTarget::NoNamespace)?;
        let (namespace, selector) = (namespace.trim(), selector.trim());
        if !is_label(namespace) {
            return Err(WrongTarget::Namespace(namespace.to_owned()));
        }
        if selector.is_empty() {
            return Err(WrongTarget::NoSelector);
        }
        Ok(Self { namespace: namespace.to_owned(), selector: selector.to_owned() })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.selector)
    }
}

impl FromStr for LeaseName {
    type Err = WrongTarget;

    fn from_str(text: &str) -> Result<Self, WrongTarget> {
        let (namespace, name) = match text.split_once('/') {
            Some((namespace, name)) => (Some(namespace), name),
            None => (None, text),
        };
        let is_name = !name.is_empty() && name.split('.').all(is_label);
        if !is_name || namespace.is_some_and(|namespace| !is_label(namespace)) {
            return Err(WrongTarget::Lease);
        }
        Ok(Self { namespace: namespace.map(str::to_owned), name: name.to_owned() })
    }
}

fn is_label(text: &str) -> bool {
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    (1..=63).contains(&text.len())
        && text.bytes().all(inner)
        && !text.starts_with('-')
        && !text.ends_with('-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_a_namespace_and_a_selector_whose_keys_may_have_slashes() {
        let target: Target =
            "provers/app.kubernetes.io/component=worker,pool!=light".parse().unwrap();
        assert_eq!(target.namespace, "provers");
        assert_eq!(target.selector, "app.kubernetes.io/component=worker,pool!=light");
        let wrong = |text: &str| text.parse::<Target>().unwrap_err();
        assert_eq!(wrong("app=worker"), WrongTarget::NoNamespace);
        assert_eq!(wrong("provers/ "), WrongTarget::NoSelector);
        assert_eq!(wrong("app=worker/x"), WrongTarget::Namespace("app=worker".into()));
    }

    #[test]
    fn a_lease_has_a_name_and_perhaps_a_namespace() {
        let lease: LeaseName = "zero-scaler".parse().unwrap();
        assert_eq!((lease.namespace.as_deref(), lease.name.as_str()), (None, "zero-scaler"));
        let lease: LeaseName = "a/zero.b".parse().unwrap();
        assert_eq!((lease.namespace.as_deref(), lease.name.as_str()), (Some("a"), "zero.b"));
        for wrong in ["", "a/", "/b", "A", "a/b/c", "-a"] {
            assert_eq!(wrong.parse::<LeaseName>(), Err(WrongTarget::Lease), "{wrong}");
        }
    }
}
