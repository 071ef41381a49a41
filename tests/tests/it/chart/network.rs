//! `NetworkPolicies` let through what the parts are told to reach, and cover every pod.

use serde_norway::Value;

use super::{all_cases, at, list, of_kind, pod, text, title};

fn selects(selector: &Value, pod: &Value) -> bool {
    let wanted = at(selector, "matchLabels").as_mapping();
    let labels = at(pod, "metadata.labels");
    wanted.into_iter().flatten().all(|(key, value)| labels.get(key) == Some(value))
}

/// The policies of a pod.
fn policies<'a>(objects: &'a [Value], pod: &'a Value) -> impl Iterator<Item = &'a Value> {
    of_kind(objects, "NetworkPolicy").filter(|policy| selects(at(policy, "spec.podSelector"), pod))
}

/// Where a container's words send it: host and port.
fn reached(pod: &Value) -> Vec<(String, u16)> {
    let words = list(pod, "spec.containers").iter().flat_map(|container| list(container, "args"));
    let values = words.filter_map(|word| word.as_str()?.split_once('='));
    let urls =
        values.filter(|(option, _)| option.starts_with("--")).flat_map(|(_, urls)| urls.split(','));
    let urls = urls.filter(|url| url.contains("://")).map(|url| url::Url::parse(url).unwrap());
    let place =
        |url: url::Url| (url.host_str().unwrap().to_owned(), url.port_or_known_default().unwrap());
    urls.map(place).collect()
}

/// Whether a rule lets a pod reach a port of whoever is behind a host's name.
fn lets_through(rule: &Value, objects: &[Value], (host, port): &(String, u16)) -> bool {
    let ports = list(rule, "ports");
    let named = ports.iter().any(|one| at(one, "port").as_u64() == Some((*port).into()));
    let service =
        of_kind(objects, "Service").find(|service| text(service, "metadata.name") == host);
    let Some(service) = service else { return named };
    let behind = objects.iter().filter_map(pod).find(|pod| {
        let wanted = at(service, "spec.selector").as_mapping().unwrap();
        wanted.iter().all(|(key, value)| at(pod, "metadata.labels").get(key) == Some(value))
    });
    let to = list(rule, "to");
    let reaches = |peer: &Value| behind.is_some_and(|pod| selects(at(peer, "podSelector"), pod));
    named && (to.is_empty() || to.iter().any(reaches))
}

#[test]
fn each_part_may_reach_what_it_is_told_of() {
    let mut asked = 0;
    for (case, objects) in all_cases("chart::network") {
        if of_kind(&objects, "NetworkPolicy").next().is_none() {
            continue;
        }
        for (name, pod) in objects.iter().filter_map(|object| Some((title(object), pod(object)?))) {
            let mut policies = policies(&objects, pod).peekable();
            assert!(policies.peek().is_some(), "{case}: no policy has {name}");
            let rules: Vec<&Value> =
                policies.flat_map(|policy| list(policy, "spec.egress")).collect();
            for place in reached(pod) {
                let open = rules.iter().any(|rule| lets_through(rule, &objects, &place));
                assert!(open, "{case}: {name} may not reach {place:?}");
                asked += 1;
            }
        }
        let scaler =
            of_kind(&objects, "Service").any(|one| text(one, "metadata.name") == "zp-scaler");
        let test = of_kind(&objects, "Pod").next().unwrap();
        let asks = reached(test).contains(&("zp-scaler".to_owned(), 8080));
        assert_eq!(asks, scaler, "{case}: `helm test` asks the scaler");
    }
    assert!(asked == 0 || asked > 20, "{asked}");
}
