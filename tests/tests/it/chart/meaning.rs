//! What must hold of the objects whatever the values are.

use std::collections::BTreeSet;

use serde_norway::Value;

use super::{NAMESPACE, RELEASE, all_cases, at, list, of_kind, pod, text, title};

/// KEDA makes an autoscaler `keda-hpa-NAME`, and names end at 63.
const LONGEST_SCALED: usize = 63 - "keda-hpa-".len();
/// The pods of a `StatefulSet` carry `NAME-` and a hash of ten characters as a label.
const LONGEST_SET: usize = 63 - 11;

fn each(test: &str, check: impl Fn(&[Value])) {
    for (name, objects) in all_cases(test) {
        let _named = Named(&name);
        check(&objects);
    }
}

/// Says which case it was when a check fails.
struct Named<'a>(&'a str);

impl Drop for Named<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("in the case {}", self.0);
        }
    }
}

fn selects(selector: &Value, labels: &Value) -> bool {
    let wanted = selector.as_mapping().unwrap();
    wanted.iter().all(|(key, value)| labels.get(key) == Some(value))
}

fn labels(object: &Value) -> &Value {
    at(object, "metadata.labels")
}

fn containers(pod: &Value) -> impl Iterator<Item = &Value> {
    list(pod, "spec.containers").iter().chain(list(pod, "spec.initContainers"))
}

fn port_names(pod: &Value) -> BTreeSet<&str> {
    let ports = containers(pod).flat_map(|container| list(container, "ports"));
    ports.map(|port| text(port, "name")).collect()
}

#[test]
fn selectors_select_their_own_pods_and_no_others() {
    each("chart::selectors", |objects| {
        let pods: Vec<(String, &Value)> =
            objects.iter().filter_map(|object| Some((title(object), pod(object)?))).collect();
        for object in objects {
            let (selector, own) = match text(object, "kind") {
                "Deployment" | "StatefulSet" => (at(object, "spec.selector.matchLabels"), true),
                "PodDisruptionBudget" | "PodMonitor" => {
                    (at(object, "spec.selector.matchLabels"), false)
                }
                "Service" => (at(object, "spec.selector"), false),
                "NetworkPolicy" => (at(object, "spec.podSelector.matchLabels"), false),
                _ => continue,
            };
            let found = pods.iter().filter(|(_, pod)| selects(selector, labels(pod)));
            let found: Vec<&str> = found.map(|(title, _)| title.as_str()).collect();
            let name = selector.get("app.kubernetes.io/name").and_then(Value::as_str);
            let of_operator = name == Some("zp-rabbitmq");
            assert!(of_operator || !found.is_empty(), "{} selects no pod", title(object));
            if own {
                assert_eq!(found, [title(object)]);
            }
            if text(object, "kind") == "Service" {
                assert_eq!(found.len(), 1, "{} mixes pods: {found:?}", title(object));
            }
        }
    });
}

#[test]
fn services_monitors_and_probes_hit_ports_that_are_there() {
    each("chart::ports", |objects| {
        for pod in objects.iter().filter_map(pod) {
            for container in containers(pod) {
                for probe in ["startupProbe", "livenessProbe", "readinessProbe"] {
                    for how in ["httpGet", "tcpSocket"] {
                        let port = at(container, &format!("{probe}.{how}.port"));
                        let named = port.as_str().is_none_or(|name| port_names(pod).contains(name));
                        assert!(named, "{probe} asks {port:?}");
                    }
                }
            }
        }
        for service in of_kind(objects, "Service") {
            let selector = at(service, "spec.selector");
            let mut behind =
                objects.iter().filter_map(pod).filter(|pod| selects(selector, labels(pod)));
            let names = port_names(behind.next().unwrap());
            for port in list(service, "spec.ports") {
                assert!(names.contains(text(port, "targetPort")), "{}: {port:?}", title(service));
            }
        }
        for monitor in of_kind(objects, "ServiceMonitor") {
            let selector = at(monitor, "spec.selector.matchLabels");
            let behind: Vec<&Value> = of_kind(objects, "Service")
                .filter(|service| selects(selector, labels(service)))
                .collect();
            let [service] = behind[..] else { panic!("{} has {behind:?}", title(monitor)) };
            let names: BTreeSet<&str> =
                list(service, "spec.ports").iter().map(|port| text(port, "name")).collect();
            for endpoint in list(monitor, "spec.endpoints") {
                assert!(names.contains(text(endpoint, "port")), "{}", title(monitor));
            }
        }
    });
}

#[test]
fn pods_are_restricted_and_bounded_and_say_which_image() {
    each("chart::pods", |objects| {
        for (title, pod) in objects.iter().filter_map(|object| Some((title(object), pod(object)?)))
        {
            assert_eq!(at(pod, "spec.securityContext.runAsNonRoot"), &Value::Bool(true), "{title}");
            let account = at(pod, "spec.automountServiceAccountToken").as_bool();
            let words = containers(pod).flat_map(|container| list(container, "args"));
            let mut words = words.filter_map(Value::as_str);
            let asks =
                title.contains("jumpbox") || words.any(|word| word.starts_with("--protect="));
            assert_eq!(account, Some(asks), "{title}");
            for container in containers(pod) {
                let context = at(container, "securityContext");
                assert_eq!(at(context, "readOnlyRootFilesystem").as_bool(), Some(true), "{title}");
                assert_eq!(
                    at(context, "allowPrivilegeEscalation").as_bool(),
                    Some(false),
                    "{title}"
                );
                assert!(!at(container, "resources.requests.memory").is_null(), "{title}");
                assert!(!at(container, "resources.limits.memory").is_null(), "{title}");
                let image = text(container, "image");
                let (_, tag) = image.rsplit_once(':').unwrap();
                assert!(tag != "latest" && !tag.contains('/'), "{image}");
            }
            let mounted: BTreeSet<&str> = containers(pod)
                .flat_map(|container| list(container, "volumeMounts"))
                .map(|mount| text(mount, "name"))
                .collect();
            let volumes = list(pod, "spec.volumes").iter().map(|volume| text(volume, "name"));
            let claims =
                objects.iter().flat_map(|object| list(object, "spec.volumeClaimTemplates"));
            let claims = claims.map(|claim| text(claim, "metadata.name"));
            let there: BTreeSet<&str> = volumes.chain(claims).collect();
            assert!(mounted.is_subset(&there), "{title} mounts {mounted:?} of {there:?}");
        }
    });
}

#[test]
fn pods_with_something_to_lose_are_not_moved_about() {
    each("chart::evictions", |objects| {
        for (title, pod) in objects.iter().filter_map(|object| Some((title(object), pod(object)?)))
        {
            let stays = ["-worker-", "-circuits-", "-leader", "-rabbitmq"];
            let stays = stays.iter().any(|part| title.contains(part));
            let key = "cluster-autoscaler.kubernetes.io/safe-to-evict";
            let said = at(pod, "metadata.annotations").get(key).and_then(Value::as_str);
            assert_eq!(said, stays.then_some("false"), "{title}");
        }
        for cluster in of_kind(objects, "RabbitmqCluster") {
            let name = text(cluster, "metadata.name");
            let budget = of_kind(objects, "PodDisruptionBudget")
                .find(|budget| text(budget, "metadata.name") == name);
            let several = at(cluster, "spec.replicas").as_u64() > Some(1);
            assert_eq!(budget.is_some(), several, "one node after the other");
            if let Some(budget) = budget {
                let labels = at(budget, "spec.selector.matchLabels");
                assert_eq!(labels.get("app.kubernetes.io/name"), Some(&name.into()));
                assert_eq!(at(budget, "spec.maxUnavailable"), &Value::from(1));
            }
        }
    });
}

#[test]
fn secrets_are_files_and_never_words() {
    each("chart::secrets", |objects| {
        let secrets: Vec<&Value> = of_kind(objects, "Secret").collect();
        let password = secrets.first().map(|secret| text(secret, "stringData.password"));
        for object in objects.iter().filter(|object| text(object, "kind") != "Secret") {
            let written = serde_norway::to_string(object).unwrap();
            assert!(password.is_none_or(|word| !written.contains(word)), "{}", title(object));
            assert!(!written.contains("guest"), "{}", title(object));
            for env in pod(object).into_iter().flat_map(containers).flat_map(|c| list(c, "env")) {
                let name = text(env, "name").to_lowercase();
                let secret =
                    ["password", "secret", "token", "key"].iter().any(|w| name.contains(w));
                assert!(!secret || at(env, "value").is_null(), "{name} in {}", title(object));
            }
        }
        let uri = of_kind(objects, "ConfigMap").find_map(|map| at(map, "data.amqp-uri").as_str());
        assert!(uri.is_some_and(|uri| !uri.contains('@')), "{uri:?}");
    });
}

#[test]
fn kubectl_zero_finds_the_release() {
    each("chart::connection", |objects| {
        let maps = of_kind(objects, "ConfigMap").filter(|map| {
            labels(map).get("app.kubernetes.io/component") == Some(&"connection".into())
        });
        let [map] = maps.collect::<Vec<_>>()[..] else {
            panic!("one ConfigMap says where things are")
        };
        for (key, value) in [("part-of", "zero-prover"), ("instance", RELEASE)] {
            let label = labels(map).get(format!("app.kubernetes.io/{key}"));
            assert_eq!(label, Some(&value.into()));
        }
        for key in ["scaler-url", "leader-url"] {
            let Some(url) = at(map, "data").get(key).and_then(Value::as_str) else { continue };
            let url = url::Url::parse(url).unwrap();
            let service = of_kind(objects, "Service")
                .find(|service| Some(text(service, "metadata.name")) == url.host_str())
                .unwrap_or_else(|| panic!("{url} is no Service"));
            let port = i64::from(url.port().unwrap());
            assert!(
                list(service, "spec.ports").iter().any(|p| at(p, "port").as_i64() == Some(port))
            );
        }
    });
}

#[test]
fn what_is_scaled_is_there_and_goes_slowly() {
    each("chart::scaling", |objects| {
        for scaled in of_kind(objects, "ScaledObject") {
            let target = text(scaled, "spec.scaleTargetRef.name");
            let deployment = of_kind(objects, "Deployment")
                .find(|object| text(object, "metadata.name") == target)
                .unwrap_or_else(|| panic!("there is no {target}"));
            assert!(at(deployment, "spec.replicas").is_null(), "an upgrade would put it back");
            let down = at(scaled, "spec.advanced.horizontalPodAutoscalerConfig.behavior.scaleDown");
            assert!(at(down, "stabilizationWindowSeconds").as_u64() >= Some(600));
            assert_eq!(list(down, "policies").len(), 1);
            let trigger = &list(scaled, "spec.triggers")[0];
            if let Some((host, _)) = text(trigger, "metadata.scalerAddress").split_once('.') {
                assert!(of_kind(objects, "Service").any(|s| text(s, "metadata.name") == host));
            }
            for value in at(trigger, "metadata").as_mapping().unwrap().values() {
                assert!(value.is_string(), "KEDA takes strings alone: {value:?}");
            }
        }
    });
}

#[test]
fn nothing_is_a_hook_but_the_test_and_nothing_is_outside_the_namespace() {
    each("chart::hooks", |objects| {
        for object in objects {
            let hook = at(object, "metadata.annotations").get("helm.sh/hook");
            let hook = hook.and_then(Value::as_str);
            assert_eq!(
                hook,
                (text(object, "kind") == "Pod").then_some("test"),
                "{}",
                title(object)
            );
            let instance = labels(object).get("app.kubernetes.io/instance");
            assert_eq!(instance, Some(&RELEASE.into()), "{}", title(object));
            let kind = text(object, "kind");
            assert!(!kind.starts_with("Cluster") && kind != "Namespace", "{}", title(object));
            // The one object outside of it, which the values have to ask for; its name says whose it is.
            let asked = at(object, "parameters.network").as_str() == Some("zero-prover-vpc");
            let name = format!("{NAMESPACE}-{RELEASE}-circuits");
            assert!(kind != "StorageClass" || asked && text(object, "metadata.name") == name);
        }
    });
}

#[test]
fn a_label_for_one_kind_of_object_takes_the_place_of_the_common_one() {
    let Some(programs) = tests::helm::programs("chart::labels") else { return };
    let helm = tests::helm::Helm::of(&programs, tests::helm::Generation::V4).unwrap();
    let values = "prerequisites.check=false,monitoring.enabled=true,monitoring.dashboards.enabled=true,\
                  commonLabels.team=all,monitoring.labels.team=monitors,monitoring.dashboards.labels.team=boards";
    let told = helm.told(&["template", "zp", tests::helm::CHART, "--set", values]).unwrap();
    for document in told.split("\n---\n") {
        let own =
            document.lines().filter(|line| line.starts_with("    team: ")).collect::<Vec<_>>();
        let wanted = if document.contains("apiVersion: monitoring.coreos.com/v1\n") {
            "monitors"
        } else if document.contains("component: dashboards") {
            "boards"
        } else {
            "all"
        };
        assert!(
            own.iter().all(|line| line.ends_with(wanted)) && own.len() < 2,
            "{own:?}: {document}"
        );
    }
    assert!(told.contains("team: monitors") && told.contains("team: boards"));
}

#[test]
fn the_longest_release_name_has_names_that_fit() {
    let Some(programs) = tests::helm::programs("chart::names") else { return };
    let helm = tests::helm::Helm::of(&programs, tests::helm::Generation::V4).unwrap();
    let (one, other) = ("a".repeat(53), format!("{}b", "a".repeat(52)));
    for (case, values) in super::cases() {
        let objects = super::rendered_as(&helm, &one, &values);
        let titles = |objects: &[Value]| objects.iter().map(title).collect::<BTreeSet<_>>();
        for object in &objects {
            let most = match text(object, "kind") {
                "ScaledObject" => LONGEST_SCALED,
                "StatefulSet" => LONGEST_SET,
                // The operator adds `-server` before it makes a StatefulSet.
                "RabbitmqCluster" => LONGEST_SET - "-server".len(),
                _ => 63,
            };
            let name = text(object, "metadata.name");
            assert!(name.len() <= most, "{case}: {} has {} characters", title(object), name.len());
            for (key, value) in labels(object).as_mapping().unwrap() {
                assert!(
                    value.as_str().is_some_and(|value| value.len() <= 63),
                    "{key:?}: {value:?}"
                );
            }
        }
        let others = titles(&super::rendered_as(&helm, &other, &values));
        assert!(titles(&objects).is_disjoint(&others), "two releases share a name");
    }
}
