//! What the API server refuses or leaves unanswered, and what to do about it.

use std::time::Duration;

use kube::Error;

use super::Asked;

/// A request that was not done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    /// 403.
    #[error(
        "the cluster does not let us {act}: {said}; ask for that verb (docs/cli.md has what each command needs)"
    )]
    Denied {
        /// The verb, the resource and the namespace.
        act: String,
        /// The API server's own words.
        said: String,
    },
    /// 401.
    #[error(
        "the cluster does not know us (401 Unauthorized): the token or certificate has expired or is another cluster's; log in again"
    )]
    Unknown,
    /// 404: no such object, or no such kind of object in this cluster.
    #[error("cannot {act}: {said}")]
    Missing {
        /// The verb, the resource and the namespace.
        act: String,
        /// The API server's own words.
        said: String,
    },
    /// No answer in time.
    #[error(
        "cannot {act}: the API server gave no answer within {limit:?}; look at --context and --server, or raise --request-timeout"
    )]
    Silent {
        /// The verb, the resource and the namespace.
        act: String,
        /// How long we waited.
        limit: Duration,
    },
    /// Anything else.
    #[error("cannot {act}: {why}; look at --context and --kubeconfig")]
    Failed {
        /// The verb, the resource and the namespace.
        act: String,
        /// Every cause, the nearest last.
        why: String,
    },
}

impl Refusal {
    pub(super) fn of(asked: Asked<'_>, error: Error) -> Self {
        let act = act(asked);
        let Error::Api(status) = error else {
            return Self::Failed { act, why: amqp_admin::chain(&error) };
        };
        let said = if status.message.is_empty() { status.reason } else { status.message };
        match status.code {
            401 => Self::Unknown,
            403 => Self::Denied { act, said },
            404 => Self::Missing { act, said },
            code => Self::Failed { act, why: format!("{code} {said}") },
        }
    }

    pub(super) fn silent(asked: Asked<'_>, limit: Duration) -> Self {
        Self::Silent { act: act(asked), limit }
    }

    /// Whether there is no such object.
    pub(crate) fn is_missing(&self) -> bool {
        matches!(self, Self::Missing { .. })
    }

    /// Whether RBAC refused.
    pub(crate) fn is_denied(&self) -> bool {
        matches!(self, Self::Denied { .. })
    }
}

fn act(asked: Asked<'_>) -> String {
    let Asked { verb, resource, namespace } = asked;
    format!("{verb} {resource} in namespace `{namespace}`")
}

#[cfg(test)]
mod tests {
    use kube::core::Status;

    use super::*;

    fn refusal(code: u16) -> Refusal {
        let asked = Asked { verb: "list", resource: "pods", namespace: "provers" };
        let status = Status { code, message: "pods is forbidden".into(), ..Status::default() };
        Refusal::of(asked, Error::Api(Box::new(status)))
    }

    #[test]
    fn each_refusal_names_the_verb_and_the_next_step() {
        insta::assert_snapshot!(refusal(403), @"the cluster does not let us list pods in namespace `provers`: pods is forbidden; ask for that verb (docs/cli.md has what each command needs)");
        insta::assert_snapshot!(refusal(500), @"cannot list pods in namespace `provers`: 500 pods is forbidden; look at --context and --kubeconfig");
        assert!(refusal(401).to_string().contains("log in again"));
        assert!(refusal(404).is_missing() && refusal(403).is_denied());
    }
}
