//! Bad input: a sentence at `helm install`, which says what is wrong and what to change.

use std::path::Path;

use tests::helm::{CHART, Generation, Helm};

use super::plane::Place;

/// What was typed, and the words that the refusal has to have.
const TYPED: &[(&[&str], &str)] = &[
    (&["rabitmq.mode=embedded"], "rabitmq"),
    (&["workers.pools.default.maxReplica=3"], "maxReplica"),
    (&["scaler.replicas=two"], "scaler/replicas"),
    (&["rabbitmq.tls.enabled=yes please"], "rabbitmq/tls/enabled"),
    (&["prover.version=v0.4"], "'v0.5', 'v0.6', 'v0.7'"),
    (&["image.worker.tag=latest"], "image/worker/tag"),
    (&["rabbitmq.external.managementUrl=http://user:secret@host"], "managementUrl"),
    (&["prover.circuitSizes.cpu=12-25"], "circuitSizes/cpu"),
    (&["rabbitmq.tls=null"], "at '/rabbitmq': missing property 'tls'"),
    (&["workers.pools.default=null"], "at '/workers/pools': missing property 'default'"),
    (&["image.worker.tag=null"], "at '/image/worker': missing property 'tag'"),
    (&["commonLabels.team=two words"], "at '/commonLabels/team'"),
    (&["autoscaling.scaleUp.pods=1000000"], "at '/autoscaling/scaleUp/pods': maximum"),
    (&["rabbitmq.external.metricsUrls={http://a:15692,}"], "metricsUrls/1"),
    (
        &["prover.circuitSizes.cpu=25..12"],
        "prover.circuitSizes.cpu is `25..12`, which has no size in it",
    ),
    (&["prover.circuitSizes.cpu=12..12"], "the second, which is not counted"),
    (
        &[r"commonLabels.app\.kubernetes\.io/component=prover"],
        "commonLabels has `app.kubernetes.io/component`, which this chart sets itself",
    ),
    (
        &[r"commonLabels.zero-prover\.io/worker=no"],
        "commonLabels has `zero-prover.io/worker`, which this chart sets itself",
    ),
    (&[r"monitoring.labels.helm\.sh/chart=mine"], "monitoring.labels has `helm.sh/chart`"),
    (
        &["prover.version=v0.6", "prover.runMode=affinity"],
        "prover.runMode is `affinity`, which v0.6 does not have: set it to `default`, or prover.version to `v0.7`",
    ),
    (
        &["prover.version=v0.5", "prover.testConfig=true"],
        "prover.testConfig is an option of v0.7, and prover.version is `v0.5`: leave it out",
    ),
    (
        &["prover.version=v0.6", "prover.circuitSizes.mem-after=7..9"],
        "prover.circuitSizes has `mem-after`, which is no table of v0.6: it has arithmetic, byte-packing",
    ),
    (
        &["workers.pools.default.minReplicas=9"],
        "workers.pools.default.minReplicas is 9 and maxReplicas 4: the former may not be greater",
    ),
    (&["rabbitmq.mode=external"], "set rabbitmq.external.host"),
    (
        &["rabbitmq.mode=external", "rabbitmq.external.host=rabbit"],
        "make a Secret with `username` and `password` and set rabbitmq.external.existingSecret to its name",
    ),
    (
        &["rabbitmq.external.host=rabbit"],
        "rabbitmq.external names a broker, but rabbitmq.mode is `embedded`",
    ),
    (
        &["rabbitmq.external.managementUrl=http://rabbit"],
        "rabbitmq.external names a broker, but rabbitmq.mode is `embedded`",
    ),
    (
        &["rabbitmq.external.metricsUrls={http://rabbit:15692}"],
        "rabbitmq.external names a broker, but rabbitmq.mode is `embedded`",
    ),
    (
        &["rabbitmq.mode=operator", "rabbitmq.embedded.existingSecret=user"],
        "rabbitmq.embedded.existingSecret is for rabbitmq.mode `embedded`, and it is `operator`",
    ),
    (
        &["rabbitmq.mode=external", "rabbitmq.tls.enabled=true", "rabbitmq.tls.serverSecret=tls"],
        "rabbitmq.tls.serverSecret is for a broker that this release makes",
    ),
    (&["rabbitmq.tls.enabled=true"], "set rabbitmq.tls.serverSecret to a Secret"),
    (&["rabbitmq.tls.caSecret=ca"], "rabbitmq.tls names Secrets, but TLS is off"),
    (
        &["rabbitmq.mode=operator", "rabbitmq.queuePolicy=quorum", "rabbitmq.operator.replicas=2"],
        "rabbitmq.operator.replicas is 2: quorum queues want an odd number",
    ),
    (&["circuits.mode=existingClaim"], "set circuits.existingClaim.name"),
    (
        &[
            "circuits.mode=existingClaim",
            "circuits.existingClaim.name=circuits",
            "circuits.existingClaim.accessMode=ReadOnlyMany",
        ],
        "such a volume cannot be filled: set circuits.initJob to false",
    ),
    (
        &["circuits.pvc.filestoreNetwork=our-vpc"],
        "circuits.pvc.accessMode is `ReadWriteOnce`: set it to `ReadWriteMany`",
    ),
    (
        &[
            "circuits.pvc.filestoreNetwork=our-vpc",
            "circuits.pvc.accessMode=ReadWriteMany",
            "circuits.pvc.storageClass=standard-rwx",
        ],
        "circuits.pvc.filestoreNetwork makes a StorageClass, and circuits.pvc.storageClass names another",
    ),
    (&["circuits.mode=gcsfuse"], "set circuits.gcsfuse.bucket"),
    (&["circuits.mode=image"], "set circuits.image.reference"),
    (
        &["circuits.existingClaim.name=mine"],
        "circuits.existingClaim.name is set, but circuits.mode is `pvc`: set it to `existingClaim`",
    ),
    (
        &["circuits.gcsfuse.bucket=mine"],
        "circuits.gcsfuse.bucket is set, but circuits.mode is `pvc`: set it to `gcsfuse`",
    ),
    (
        &["circuits.image.reference=circuits:1"],
        "circuits.image.reference is set, but circuits.mode is `pvc`: set it to `image`",
    ),
    (
        &["prover.runMode=affinity", "workers.pools.heavy.nodePool=highmem"],
        "puts all workers on one node, but workers.pools.heavy.nodePool is `highmem` and that of light ``",
    ),
    (
        &["leader.enabled=false", "leader.tokenSecret=token"],
        "leader.tokenSecret is for a proof service, and leader.enabled is false",
    ),
    (&["leader.testOnlyLeader=leader"], "leader.testOnlyLeader is for v0.5 and v0.6"),
    (
        &["autoscaling.cooldownSeconds=75"],
        "autoscaling.cooldownSeconds is 75, and the fallback counts only after 75 s",
    ),
    (&["autoscaling.fallback.replicas=0"], "at '/autoscaling/fallback/replicas': minimum"),
    (
        &["autoscaling.mode=rabbitmq", "autoscaling.drainSeconds=60"],
        "autoscaling.drainSeconds is for autoscaling.mode `external`",
    ),
    (
        &["autoscaling.mode=none", "autoscaling.tls.enabled=true"],
        "autoscaling.mode `none` does not have",
    ),
    (&["autoscaling.tls.enabled=true"], "needs autoscaling.tls.serverSecret"),
    (&["autoscaling.tls.caSecret=ca"], "autoscaling.tls names Secrets, but TLS is off"),
    (
        &["monitoring.rules.enabled=true"],
        "monitoring.rules.enabled without monitoring.enabled: the alerts would wait for metrics",
    ),
    (
        &["monitoring.rules.exclude={ZeroOrphanTasks}"],
        "monitoring.rules.exclude has `ZeroOrphanTasks`, and there is no such alert: there are ZeroBacklogGrowsAtMax",
    ),
];

#[test]
fn bad_values_are_refused_with_their_place_and_what_to_change() {
    let Some(programs) = tests::helm::programs("chart::refusals") else { return };
    let mut wrong = Vec::new();
    for generation in [Generation::V3, Generation::V4] {
        let helm = Helm::of(&programs, generation).unwrap();
        for (sets, words) in TYPED {
            let mut args = vec!["template", "zp", CHART, "--set", "prerequisites.check=false"];
            args.extend(["--kube-version", "1.35.0"]);
            args.extend(sets.iter().flat_map(|set| ["--set", set]));
            let output = helm.run(&args).unwrap();
            let said = String::from_utf8(output.stderr).unwrap();
            if output.status.success() {
                wrong.push(format!("{generation:?} takes {sets:?}"));
            } else if !said.contains(words) {
                wrong.push(format!("{generation:?}, {sets:?}: {said}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Helm takes more names than Kubernetes gives a Service.
#[test]
fn a_release_that_no_service_can_be_called_by_is_refused() {
    let Some(programs) = tests::helm::programs("chart::refusals") else { return };
    for generation in [Generation::V3, Generation::V4] {
        let helm = Helm::of(&programs, generation).unwrap();
        let render = |name| {
            let args = ["template", name, CHART, "--kube-version", "1.35.0"];
            helm.run(&[&args[..], &["--set", "prerequisites.check=false"]].concat())
        };
        for name in ["a.b", "1zero"] {
            let output = render(name).unwrap();
            let said = String::from_utf8(output.stderr).unwrap();
            let words = format!("the release's name is `{name}`, and Kubernetes takes no Service");
            assert!(!output.status.success() && said.contains(&words), "{generation:?}: {said}");
        }
        assert!(render("zero-1").unwrap().status.success());
    }
}

#[test]
fn all_that_is_wrong_is_told_at_once() {
    let Some(programs) = tests::helm::programs("chart::refusals") else { return };
    let helm = Helm::of(&programs, Generation::V4).unwrap();
    let sets = "prerequisites.check=false,circuits.mode=gcsfuse,rabbitmq.mode=external,autoscaling.tls.enabled=true";
    let output = helm.run(&["template", "zp", CHART, "--set", sets]).unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    let told: Vec<&str> = said.lines().filter(|line| line.starts_with("- ")).collect();
    insta::assert_snapshot!(told.join("\n"));
}

/// Without a cluster Helm knows of no custom resource, as in a cluster that has none.
#[test]
fn a_cluster_that_lacks_something_is_told_what_and_the_command() {
    let test = "chart_missing";
    let Some(programs) = tests::helm::programs(test) else { return };
    for generation in [Generation::V3, Generation::V4] {
        let helm = Helm::of(&programs, generation).unwrap();
        let sets = "rabbitmq.mode=operator,monitoring.enabled=true";
        let args = ["template", "zp", CHART, "--set", sets, "--kube-version", "1.35.0"];
        let output = helm.run(&args).unwrap();
        assert!(!output.status.success());
        let said = String::from_utf8(output.stderr).unwrap();
        let told = said.split_once("The cluster lacks:").unwrap().1;
        let told = told.split_once("Not asked of a cluster").unwrap().0;
        insta::allow_duplicates! { insta::assert_snapshot!("missing", told.trim_end()) };
    }
}

#[test]
fn the_real_cluster_has_what_it_needs_and_an_old_one_is_refused() {
    let test = "chart_present";
    let Some(place) = Place::find(test, Generation::V4) else { return };
    let namespace = place.plane.namespace(test).unwrap();
    let every = "rabbitmq.mode=operator,monitoring.enabled=true";
    place.helm_does(&namespace, &["install", "zp", CHART, "--set", every, "--dry-run=server"]);
    let old = ["template", "zp", CHART, "--kube-version", "1.28.0"];
    let said = String::from_utf8(place.helm.run(&old).unwrap().stderr).unwrap();
    assert!(said.contains("requires kubeVersion: >=1.29.0-0"), "{said}");
    let image = [
        "--set",
        "circuits.mode=image,circuits.image.reference=circuits:1,prerequisites.check=false",
    ];
    let old = [&["template", "zp", CHART, "--kube-version", "1.34.0"][..], &image].concat();
    let said = String::from_utf8(place.helm.run(&old).unwrap().stderr).unwrap();
    assert!(said.contains("circuits.mode `image` needs Kubernetes 1.35"), "{said}");
}

#[test]
fn a_volume_of_somebody_else_with_our_name_is_not_taken() {
    let test = "chart_claim";
    let Some(place) = Place::find(test, Generation::V4) else { return };
    let namespace = place.plane.namespace(test).unwrap();
    let claim = "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: zp-circuits, namespace: NAMESPACE}\n\
                 spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}\n";
    place.plane.apply(&claim.replace("NAMESPACE", &namespace)).unwrap();
    let (well, said) = place.helm(&namespace, &["install", "zp", CHART]);
    assert!(!well && said.contains("zp-circuits"), "{said}");
    let words = said.contains("invalid ownership metadata") || said.contains("conflict");
    assert!(words, "{said}");
}

#[test]
fn the_schema_is_closed_everywhere() {
    let schema = std::fs::read(Path::new(CHART).join("values.schema.json")).unwrap();
    let schema: serde_json::Value = serde_json::from_slice(&schema).unwrap();
    let of = |is_so: fn(&Keys) -> bool| {
        let found = objects(&schema, "").into_iter().filter(|(_, keys)| is_so(keys));
        found.map(|(path, _)| path).collect::<Vec<String>>()
    };
    // Whatever Kubernetes takes there, and what Helm itself hands down.
    let env = "/definitions/env/items/properties/valueFrom";
    assert_eq!(of(|keys| !keys.contains_key("additionalProperties")), [env, "/properties/global"]);
    // A value that is taken away with `null` is missing, and a template would stumble over it. Only lists of the user's own
    // have keys that may be left out, and a request or a limit may be none.
    let partial =
        ["/definitions/env/items", "/definitions/resources", "/definitions/tolerations/items"];
    assert_eq!(of(lacks_required), [&[""], &partial[..]].concat());
    let lacked: Vec<&str> = missing(schema.as_object().unwrap()).collect();
    assert_eq!(lacked, ["global"]);
}

type Keys = serde_json::Map<String, serde_json::Value>;

/// The object types of a schema and where they are.
fn objects<'a>(schema: &'a serde_json::Value, path: &str) -> Vec<(String, &'a Keys)> {
    let map = schema.as_object();
    let own = map.filter(|map| map.get("type").is_some_and(|kind| kind == "object"));
    let own = own.map(|map| (path.to_owned(), map));
    let within = map.into_iter().flatten();
    let within = within.flat_map(|(key, value)| objects(value, &format!("{path}/{key}")));
    let listed = schema.as_array().into_iter().flatten().flat_map(|item| objects(item, path));
    own.into_iter().chain(within).chain(listed).collect()
}

/// The keys that may be left out.
fn missing(keys: &Keys) -> impl Iterator<Item = &str> {
    let required = keys.get("required").and_then(serde_json::Value::as_array);
    let is_required = move |key: &str| required.is_some_and(|all| all.iter().any(|one| one == key));
    let properties = keys.get("properties").and_then(serde_json::Value::as_object);
    let all = properties.into_iter().flatten().map(|(key, _)| key.as_str());
    all.filter(move |key| !is_required(key))
}

fn lacks_required(keys: &Keys) -> bool {
    missing(keys).next().is_some()
}
