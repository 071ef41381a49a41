//! How many workers are wanted, and what is wrong with their scaling.

use crate::broker::Broker;
use crate::cluster::Scaled;
use crate::scaler::{Answer, Scaler, Trigger, wanted};

use super::Warning;

/// What the scaler and the ScaledObjects say.
#[derive(Debug, Default)]
pub(super) struct Scaling {
    pub(super) wanted: Option<u64>,
    pub(super) warnings: Vec<Warning>,
    /// What could not be asked.
    pub(super) notes: Vec<String>,
}

impl Scaling {
    /// Asks the scaler, if there is one to ask, and the cluster, if there is one.
    pub(super) async fn read(
        broker: &Broker,
        scaler: Result<&Option<Scaler>, &anyhow::Error>,
    ) -> Self {
        let namespace = broker.place.as_ref().map(|place| place.release.namespace.as_str());
        let mut scaling = match scaler {
            Ok(None) => Self::default(),
            Err(error) => Self::silent(error),
            Ok(Some(scaler)) => match scaler.triggers().await {
                Ok(triggers) => Self::of(triggers, namespace),
                Err(error) => Self::silent(&error),
            },
        };
        if let Some(place) = &broker.place {
            match place.held().await {
                Ok(held) => scaling.warnings.extend(held.iter().map(paused)),
                Err(refusal) => scaling.notes.push(format!(
                    "warning: whether somebody holds the scaling is not known: {refusal}"
                )),
            }
        }
        scaling
    }

    /// PURE: of one namespace's triggers, where one is known.
    fn of(mut triggers: Vec<Trigger>, namespace: Option<&str>) -> Self {
        triggers.retain(|trigger| namespace.is_none_or(|name| trigger.namespace == name));
        let warnings = triggers.iter().filter_map(refused).collect();
        Self { wanted: wanted(&triggers), warnings, notes: Vec::new() }
    }

    fn silent(error: &anyhow::Error) -> Self {
        let what = format!("how many workers are wanted is not known: {error:#}");
        let cure = "zero scale explain".to_owned();
        Self { warnings: vec![Warning { what, cure }], ..Self::default() }
    }
}

fn refused(trigger: &Trigger) -> Option<Warning> {
    let Answer::Refused { reason } = &trigger.answer else { return None };
    let Trigger { namespace, name, .. } = trigger;
    let what = format!("the scaler gives KEDA no number for `{namespace}/{name}`: {reason}");
    Some(Warning { what, cure: format!("zero scale explain --object {namespace}/{name}") })
}

fn paused(scaled: &Scaled) -> Warning {
    let how: Vec<String> =
        scaled.held.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let what = format!("the scaling of {} is held: {}", scaled.target, how.join(", "));
    Warning { what, cure: format!("zero scale resume {}", scaled.name) }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn trigger(namespace: &str, answer: Answer) -> Trigger {
        Trigger { namespace: namespace.into(), name: "worker".into(), answer }
    }

    #[test]
    fn other_namespaces_do_not_count_and_refusals_are_told() {
        let refused = Answer::Refused { reason: "the snapshot is 40 s old".into() };
        let told = vec![trigger("a", Answer::Value { workers: 3 }), trigger("b", refused)];
        let ours = Scaling::of(told.clone(), Some("a"));
        assert_eq!((ours.wanted, ours.warnings.len()), (Some(3), 0));
        let theirs = Scaling::of(told, Some("b"));
        assert_eq!(theirs.wanted, None);
        insta::assert_snapshot!(theirs.warnings[0].what, @"the scaler gives KEDA no number for `b/worker`: the snapshot is 40 s old");
    }

    #[test]
    fn who_holds_what_is_told_with_the_cure() {
        let held = BTreeMap::from([("paused-replicas".to_owned(), "0".to_owned())]);
        let warning = paused(&Scaled::labelled("worker", "zero", held));
        insta::assert_snapshot!(warning.what, @"the scaling of deployment/worker is held: paused-replicas=0");
        assert_eq!(warning.cure, "zero scale resume worker");
    }
}
