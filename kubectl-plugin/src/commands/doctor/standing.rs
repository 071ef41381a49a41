//! PURE: how a release stands in its cluster → a finding for each way in which its pods do not come up, or go.

use super::Finding;
use super::Verdict::{CouldNotLook, Found, NotFound};
use crate::cluster::{Claim, Scaled, Standing, Waiting, Warning};

/// Kubernetes' words for an image that cannot be had.
const IMAGE: [&str; 5] = [
    "ErrImagePull",
    "ImagePullBackOff",
    "InvalidImageName",
    "ErrImageNeverPull",
    "ImageInspectError",
];
/// So begins what the API server says of a pod that is too many.
const QUOTA: &str = "exceeded quota";
/// And of one that may do more than the namespace lets it.
const SECURITY: &str = "violates PodSecurity";

/// One finding for each way, by number.
pub(super) fn check(standing: &Standing) -> Vec<Finding> {
    vec![
        volumes(standing),
        images(standing),
        quota(standing),
        security(standing),
        nodes(standing),
        outage(standing),
    ]
}

fn finding(
    (id, hazard, cure): (&'static str, &'static str, &'static str),
    seen: Result<Vec<String>, &String>,
) -> Finding {
    let (verdict, evidence) = match seen {
        Err(why) => (CouldNotLook, why.clone()),
        Ok(seen) if seen.is_empty() => (NotFound, "none is seen".to_owned()),
        Ok(mut seen) => {
            seen.dedup();
            (Found, seen.join("; "))
        }
    };
    Finding { id, hazard, verdict, evidence, cure }
}

fn volumes(standing: &Standing) -> Finding {
    let warnings = standing.warnings.as_ref().map_or(&[][..], Vec::as_slice);
    let told = |claim: &Claim| {
        let name = &claim.name;
        let about = format!("PersistentVolumeClaim/{name}");
        let said = warnings.iter().rev().find(|warning| warning.about == about);
        match (&claim.class, said) {
            (None, _) => format!(
                "the claim `{name}` names no StorageClass, and the cluster has no default one"
            ),
            (Some(class), Some(said)) => {
                format!(
                    "the claim `{name}` of the StorageClass `{class}` has no volume: {}",
                    said.message
                )
            }
            (Some(class), None) => format!(
                "the claim `{name}` of the StorageClass `{class}` has no volume; some are made only when a pod is put on a node"
            ),
        }
    };
    let seen = standing.claims.as_ref().map(|claims| claims.iter().map(told).collect());
    finding(
        (
            "K1",
            "a volume that is never made keeps its pods waiting",
            "kubectl get storageclass; set storageClass in the chart's values, or make one the default; a claim keeps its class: delete it, helm upgrade makes it anew",
        ),
        seen,
    )
}

fn images(standing: &Standing) -> Finding {
    let ours = |waiting: &&Waiting| IMAGE.contains(&waiting.reason.as_str());
    let told = |waiting: &Waiting| {
        let image = waiting.image.as_deref().unwrap_or("an image");
        format!(
            "pod `{}` cannot have `{image}`: {} {}",
            waiting.pod, waiting.reason, waiting.message
        )
    };
    finding(
        (
            "K2",
            "an image that cannot be pulled keeps its pod waiting",
            "image.registry, image.*.tag and image.pullSecrets in the chart's values; a private registry wants a Secret of the type kubernetes.io/dockerconfigjson",
        ),
        standing.pods.as_ref().map(|pods| pods.iter().filter(ours).map(told).collect()),
    )
}

/// What the API server said when it refused pods, in these words.
fn refused<'a>(standing: &'a Standing, words: &str) -> Result<Vec<String>, &'a String> {
    let about = |warning: &Warning| format!("{}: {}", warning.about, warning.message);
    let warnings = standing.warnings.as_ref()?;
    let mut seen: Vec<String> =
        warnings.iter().filter(|warning| warning.message.contains(words)).map(about).collect();
    seen.sort();
    Ok(seen)
}

fn quota(standing: &Standing) -> Finding {
    finding(
        (
            "K3",
            "a quota of the namespace keeps pods from being made",
            "kubectl describe quota; lower resources or maxReplicas in the chart's values, or raise the quota",
        ),
        refused(standing, QUOTA),
    )
}

fn security(standing: &Standing) -> Finding {
    finding(
        (
            "K4",
            "the namespace's Pod Security Standard keeps pods from being made",
            "the chart's own pods fit `restricted`: look for a container that something adds to every pod, such as a mesh's; or label the namespace pod-security.kubernetes.io/enforce=baseline",
        ),
        refused(standing, SECURITY),
    )
}

fn nodes(standing: &Standing) -> Finding {
    let ours = |waiting: &&Waiting| waiting.reason == "Unschedulable";
    let told = |waiting: &Waiting| format!("pod `{}`: {}", waiting.pod, waiting.message);
    finding(
        (
            "K5",
            "no node has room for a pod, or none it may be on",
            "compare resources and nodePool in the chart's values with kubectl get nodes -L zero-prover.io/pool; a ReadWriteOnce volume of circuits keeps all workers on one node",
        ),
        standing.pods.as_ref().map(|pods| pods.iter().filter(ours).map(told).collect()),
    )
}

fn outage(standing: &Standing) -> Finding {
    let told = |scaled: &Scaled| {
        scaled.exposed.as_ref().map(|why| format!("the ScaledObject `{}` {why}", scaled.name))
    };
    finding(
        (
            "K6",
            "while the broker is gone KEDA 2.20 and newer may set 0 workers",
            "give it a `fallback` with replicas of 1 or more, and a cooldownPeriod above (failureThreshold + 1) times pollingInterval; the chart's has both",
        ),
        standing.scaled.as_ref().map(|all| all.iter().filter_map(told).collect()),
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn nothing() -> Standing {
        Standing { claims: Ok(vec![]), pods: Ok(vec![]), warnings: Ok(vec![]), scaled: Ok(vec![]) }
    }

    fn told(standing: &Standing) -> String {
        let lines = check(standing)
            .into_iter()
            .map(|finding| format!("{} {:?} {}\n", finding.id, finding.verdict, finding.evidence));
        lines.collect()
    }

    #[test]
    fn nothing_is_found_where_nothing_is_and_what_was_not_seen_is_said() {
        assert!(check(&nothing()).iter().all(|finding| finding.verdict == NotFound));
        let blind = Standing {
            claims: Err("no".into()),
            pods: Err("no".into()),
            warnings: Err("no".into()),
            scaled: Err("no".into()),
        };
        assert!(check(&blind).iter().all(|finding| finding.verdict == CouldNotLook));
    }

    #[test]
    fn each_way_is_told_with_what_kubernetes_says() {
        let claim = |name: &str, class: Option<&str>| Claim {
            name: name.into(),
            class: class.map(str::to_owned),
        };
        let waiting = |reason: &str, image: Option<&str>| Waiting {
            pod: "zp-leader-0".into(),
            reason: reason.into(),
            message: "words".into(),
            image: image.map(str::to_owned),
        };
        let warning =
            |about: &str, message: &str| Warning { about: about.into(), message: message.into() };
        let mut exposed = Scaled::labelled("worker", "zp", BTreeMap::new());
        exposed.exposed = Some("has no `fallback`".into());
        let standing = Standing {
            claims: Ok(vec![claim("a", None), claim("b", Some("slow")), claim("c", Some("slow"))]),
            pods: Ok(vec![
                waiting("ImagePullBackOff", Some("worker:1")),
                waiting("Unschedulable", None),
                waiting("ContainerCreating", Some("worker:1")),
            ]),
            warnings: Ok(vec![
                warning(
                    "PersistentVolumeClaim/b",
                    "volume \"x\" already bound to a different claim.",
                ),
                warning("ReplicaSet/zp-worker-1", "pods is forbidden: exceeded quota: small"),
                warning(
                    "StatefulSet/zp-leader",
                    "pods is forbidden: violates PodSecurity \"restricted\"",
                ),
                warning("Pod/zp-leader-0", "Readiness probe failed"),
            ]),
            scaled: Ok(vec![Scaled::labelled("safe", "zp", BTreeMap::new()), exposed]),
        };
        insta::assert_snapshot!(told(&standing));
    }
}
