//! The values for the cluster that `terraform/` makes with its own defaults: every pod finds a node there.

use std::collections::BTreeMap;

use regex::Regex;
use serde_norway::Value;
use tests::repository;

use super::{all_cases, at, list, of_kind, pod, text, title};

/// What pods ask for and nodes have: thousandths of a core, and MiB.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Room {
    cpu: f64,
    memory: f64,
}

impl Room {
    fn holds(self, asked: Self) -> bool {
        asked.cpu <= self.cpu && asked.memory <= self.memory
    }

    fn without(self, asked: Self) -> Self {
        Self { cpu: self.cpu - asked.cpu, memory: self.memory - asked.memory }
    }
}

/// A pool of nodes.
struct Pool {
    name: &'static str,
    /// Key and value of the label that pods select it by.
    label: (String, String),
    /// Key, value and effect, as Kubernetes writes them.
    taint: Option<[String; 3]>,
    node: Room,
    most_nodes: usize,
}

/// The default of a variable of Terraform.
fn default_of(variable: &str) -> String {
    let pool = variable.split('_').next().unwrap();
    let file = match pool {
        "default" | "highmem" => format!("terraform/variables-{pool}-pool.tf"),
        _ => "terraform/variables.tf".to_owned(),
    };
    let pattern = format!(r#"(?ms)^variable "{variable}" \{{.*?^  default +?= "?([^"\n]+)"?$"#);
    let source = repository::text(&file);
    let found = Regex::new(&pattern).unwrap().captures(&source);
    found.unwrap_or_else(|| panic!("{file} has no default of {variable}"))[1].to_owned()
}

/// What a pod can have of a node of GKE with image streaming, which our pools have.
///
/// Reservations of CPU and memory, and the 100 MiB below which pods are evicted:
/// <https://cloud.google.com/kubernetes-engine/docs/concepts/plan-node-sizes>. What streaming adds is two fifths of each
/// step: <https://cloud.google.com/kubernetes-engine/docs/how-to/image-streaming>. Our own guesses, not measured: 3 % of a
/// machine's memory for its kernel, 600m and 1 GiB for the pods that GKE puts on every node.
fn allocatable(machine: &str) -> Room {
    let (cores, gib) = match machine {
        "e2-standard-8" => (8.0, 32.0),
        "t2d-standard-60" => (60.0, 240.0),
        other => panic!("say here how large a {other} is"),
    };
    let cpu = [(1.0, 0.06), (1.0, 0.01), (2.0, 0.005), (f64::INFINITY, 0.0025)];
    let memory = [(4.0, 0.25), (4.0, 0.2), (8.0, 0.1), (112.0, 0.06), (f64::INFINITY, 0.02)];
    let reserved = reserved(gib, &memory) * 1.4;
    Room {
        cpu: (cores - self::reserved(cores, &cpu)) * 1000.0 - 600.0,
        memory: (gib * 0.97 - reserved - 1.0) * 1024.0 - 100.0,
    }
}

/// The share of each step in turn.
fn reserved(whole: f64, steps: &[(f64, f64)]) -> f64 {
    let (mut left, mut sum) = (whole, 0.0);
    for (width, share) in steps {
        let part = left.min(*width);
        (left, sum) = (left - part, sum + part * share);
    }
    sum
}

fn pools() -> [Pool; 2] {
    let main = repository::text("terraform/main.tf");
    let label = Regex::new(r#"pool_label = "([^"]+)""#).unwrap().captures(&main).unwrap();
    let taint = Regex::new(
        r#"highmem_taint = \{\s*key\s*= "(\w+)"\s*value\s*= "(\w+)"\s*effect\s*= "NO_SCHEDULE""#,
    );
    let taint = taint.unwrap().captures(&main).unwrap();
    ["default", "highmem"].map(|name| Pool {
        name,
        label: (label[1].to_owned(), name.to_owned()),
        taint: (name == "highmem")
            .then(|| [taint[1].to_owned(), taint[2].to_owned(), "NoSchedule".to_owned()]),
        node: allocatable(&default_of(&format!("{name}_pool_machine_type"))),
        most_nodes: default_of(&format!("{name}_pool_max_nodes")).parse().unwrap(),
    })
}

impl Pool {
    /// Whether the scheduler may put such a pod here.
    fn takes(&self, pod: &Value) -> bool {
        let selector = at(pod, "spec.nodeSelector").as_mapping();
        let selected = selector.into_iter().flatten().all(|(key, value)| {
            (key.as_str(), value.as_str()) == (Some(&self.label.0), Some(&self.label.1))
        });
        let tolerated = self.taint.as_ref().is_none_or(|taint| {
            list(pod, "spec.tolerations").iter().any(|toleration| {
                ["key", "value", "effect"].map(|part| text(toleration, part)) == *taint
            })
        });
        selected && tolerated
    }
}

/// `500m` and `2` in thousandths of a core; `64Mi` and `2Gi` in MiB.
fn quantity(value: &Value) -> f64 {
    let number = value.as_f64().map(|number| number.to_string());
    let text = number.as_deref().or(value.as_str()).unwrap();
    let units = [("Gi", 1024.0), ("Mi", 1.0), ("m", 1.0), ("", 1000.0)];
    let (number, unit) =
        units.iter().find_map(|(end, unit)| Some((text.strip_suffix(end)?, *unit))).unwrap();
    number.parse::<f64>().unwrap() * unit
}

fn asked(pod: &Value) -> Room {
    list(pod, "spec.containers").iter().fold(Room { cpu: 0.0, memory: 0.0 }, |sum, container| {
        let of = |what: &str| quantity(at(container, &format!("resources.requests.{what}")));
        Room { cpu: sum.cpu + of("cpu"), memory: sum.memory + of("memory") }
    })
}

/// How many there are at most.
fn most(objects: &[Value], object: &Value) -> usize {
    let name = text(object, "metadata.name");
    let scaled = of_kind(objects, "ScaledObject")
        .find(|scaled| text(scaled, "spec.scaleTargetRef.name") == name);
    let most = scaled.map_or(at(object, "spec.replicas"), |s| at(s, "spec.maxReplicaCount"));
    most.as_u64().map_or(1, |most| usize::try_from(most).unwrap())
}

/// What finds no room, each pod in words.
fn without_room(objects: &[Value]) -> Vec<String> {
    let pools = pools();
    let (mut homeless, mut by_pool) = (Vec::new(), BTreeMap::<&str, Vec<(Room, String)>>::new());
    for object in objects {
        let Some(pod) = pod(object) else { continue };
        let (name, asked) = (title(object), asked(pod));
        let Some(pool) = pools.iter().find(|p| p.takes(pod) && p.node.holds(asked)) else {
            homeless.push(format!("{name} asks for {asked:?}"));
            continue;
        };
        let all = std::iter::repeat_n((asked, name), most(objects, object));
        by_pool.entry(pool.name).or_default().extend(all);
    }
    for pool in pools {
        let mut pods = by_pool.remove(pool.name).unwrap_or_default();
        pods.sort_by(|one, other| other.0.memory.total_cmp(&one.0.memory));
        let mut nodes = vec![pool.node; pool.most_nodes];
        for (asked, name) in pods {
            match nodes.iter_mut().find(|node| node.holds(asked)) {
                Some(node) => *node = node.without(asked),
                None => homeless.push(format!("{name} is one too many for {}", pool.name)),
            }
        }
    }
    homeless
}

fn rendered(test: &str, case: &str) -> Option<Vec<Value>> {
    let cases = all_cases(test);
    (!cases.is_empty()).then(|| cases.into_iter().find(|(name, _)| name == case).unwrap().1)
}

#[test]
fn every_pod_finds_a_node_of_our_cluster() {
    let Some(objects) = rendered("chart::gke", "gke") else { return };
    assert_eq!(without_room(&objects), Vec::<String>::new());
    let workers =
        of_kind(&objects, "ScaledObject").map(|scaled| at(scaled, "spec.maxReplicaCount"));
    assert!(workers.map(|most| most.as_u64().unwrap()).sum::<u64>() >= 2, "a node holds several");
}

/// Why there are values for it: with the chart's own a worker waits for a node for ever.
#[test]
fn a_pod_without_a_node_would_be_noticed() {
    let Some(objects) = rendered("chart::gke_defaults", "defaults") else { return };
    let homeless = without_room(&objects);
    assert!(
        homeless.iter().any(|pod| pod.contains("Deployment/zp-worker-default asks for")),
        "{homeless:?}"
    );
}

#[test]
fn circuits_are_mounted_on_every_node_of_our_network() {
    let Some(objects) = rendered("chart::gke_circuits", "gke") else { return };
    for pod in objects.iter().filter_map(pod) {
        assert!(at(pod, "spec.affinity").is_null(), "{pod:?}");
    }
    let claim = of_kind(&objects, "PersistentVolumeClaim").next().unwrap();
    assert_eq!(list(claim, "spec.accessModes"), ["ReadWriteMany"]);
    let class = of_kind(&objects, "StorageClass").next().unwrap();
    assert_eq!(text(claim, "spec.storageClassName"), text(class, "metadata.name"));
    let network = repository::text("terraform/modules/network/main.tf");
    let made = Regex::new(r#""\$\{var.name_prefix\}(-\w+)"\n  auto_create_subnetworks"#).unwrap();
    let made = &made.captures(&network).unwrap()[1];
    let name = format!("{}{made}", default_of("name_prefix"));
    assert_eq!(text(class, "parameters.network"), name);
}
