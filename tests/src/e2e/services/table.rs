//! PURE: Services and pods → who is behind which address and name.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;

/// An annotation of a pod: where its ports lead on this machine, as `5672=127.0.0.1:10001,…`.
pub const LEADS_TO: &str = "tests/leads-to";

/// Takes turns among pods.
static TURN: AtomicUsize = AtomicUsize::new(0);

/// One port of one Service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its own address, or one that was lent to it; else none for a headless one.
    pub address: Option<IpAddr>,
    /// The port.
    pub port: u16,
    /// Ready pods.
    pub behind: Vec<SocketAddr>,
}

/// All Services.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Table {
    rows: Vec<Row>,
}

impl Table {
    /// Reads Services and pods as the API server lists them.
    ///
    /// `lent` are addresses of headless ones: there is no name server whose answers would follow their pods.
    #[must_use]
    pub fn of(services: &[Value], pods: &[Value], lent: &BTreeMap<String, IpAddr>) -> Self {
        // One without a selector is looked after by somebody else.
        let ours = services.iter().filter(|service| service.pointer("/spec/selector").is_some());
        let rows = ours.flat_map(|service| {
            let of_its_own = text(service, "/spec/clusterIP").parse().ok();
            let address = of_its_own.or_else(|| lent.get(&uid(service)?).copied());
            rows_of(service, pods, address)
        });
        Self { rows: rows.collect() }
    }

    /// Where Services want to be listened for.
    #[must_use]
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.rows.iter().filter_map(Row::own).collect()
    }

    /// The ready pods behind an address, whose turn it is first.
    #[must_use]
    pub fn behind(&self, address: SocketAddr) -> Vec<SocketAddr> {
        let row = self.rows.iter().find(|row| row.own() == Some(address));
        row.map(|row| in_turn(&row.behind)).unwrap_or_default()
    }

    /// The ready pods behind `name.namespace…:port`; `None`: no such Service.
    #[must_use]
    pub fn named(&self, target: &str) -> Option<Vec<SocketAddr>> {
        let (host, port) = target.rsplit_once(':')?;
        let mut words = host.split('.');
        let (name, namespace, port) = (words.next()?, words.next()?, port.parse::<u16>().ok()?);
        let row = self
            .rows
            .iter()
            .find(|row| row.name == name && row.namespace == namespace && row.port == port)?;
        Some(in_turn(&row.behind))
    }

    /// The text with the names of Services in it replaced by their addresses, as seen from a namespace.
    #[must_use]
    pub fn resolved(&self, text: &str, here: &str) -> String {
        let mut names = BTreeMap::new();
        for row in &self.rows {
            let Row { namespace, name, port, .. } = row;
            let Some(to) = row.own().or_else(|| row.behind.first().copied()) else { continue };
            for end in [".svc.cluster.local", ".svc", ""] {
                names.insert(format!("{name}.{namespace}{end}:{port}"), to);
            }
            if namespace == here {
                names.insert(format!("{name}:{port}"), to);
            }
        }
        let mut names: Vec<_> = names.into_iter().collect();
        names.sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
        names
            .iter()
            .fold(text.to_owned(), |text, (name, to)| replaced(&text, name, &to.to_string()))
    }
}

impl Row {
    fn own(&self) -> Option<SocketAddr> {
        self.address.map(|ip| SocketAddr::new(ip, self.port))
    }
}

/// Where the name stands by itself, not as the end of a longer one.
fn replaced(text: &str, name: &str, to: &str) -> String {
    let mut done = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(name) {
        let part = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
        let whole = !before.ends_with(part) && !after.starts_with(|c: char| c.is_ascii_digit());
        done += before;
        done += if whole { to } else { name };
        rest = after;
    }
    done + rest
}

fn in_turn(all: &[SocketAddr]) -> Vec<SocketAddr> {
    let mut all = all.to_vec();
    let turn = TURN.fetch_add(1, Ordering::Relaxed).checked_rem(all.len()).unwrap_or_default();
    all.rotate_left(turn);
    all
}

fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// The Services that have no address of their own, by uid.
#[must_use]
pub fn headless(services: &[Value]) -> Vec<String> {
    let without = services.iter().filter(|one| text(one, "/spec/clusterIP") == "None");
    without.filter_map(uid).collect()
}

fn uid(object: &Value) -> Option<String> {
    Some(object.pointer("/metadata/uid")?.as_str()?.to_owned())
}

fn rows_of(service: &Value, pods: &[Value], address: Option<IpAddr>) -> Vec<Row> {
    let ports = service.pointer("/spec/ports").and_then(Value::as_array);
    let row = |port: &Value| {
        let number = u16::try_from(port.get("port")?.as_u64()?).ok()?;
        let behind = pods.iter().filter(|pod| is_behind(service, pod));
        Some(Row {
            namespace: text(service, "/metadata/namespace").to_owned(),
            name: text(service, "/metadata/name").to_owned(),
            address,
            port: number,
            behind: behind.filter_map(|pod| place(pod, port, number)).collect(),
        })
    };
    ports.into_iter().flatten().filter_map(row).collect()
}

fn is_behind(service: &Value, pod: &Value) -> bool {
    let Some(selector) = service.pointer("/spec/selector").and_then(Value::as_object) else {
        return false;
    };
    let same = service.pointer("/metadata/namespace") == pod.pointer("/metadata/namespace");
    let labels = pod.pointer("/metadata/labels");
    let chosen = selector.iter().all(|(key, value)| labels.and_then(|l| l.get(key)) == Some(value));
    same && chosen && is_ready(pod) && pod.pointer("/metadata/deletionTimestamp").is_none()
}

/// Whether a pod's condition says so.
#[must_use]
pub fn is_ready(pod: &Value) -> bool {
    let conditions = pod.pointer("/status/conditions").and_then(Value::as_array);
    conditions.into_iter().flatten().any(|condition| {
        condition.get("type").is_some_and(|kind| kind == "Ready")
            && condition.get("status").is_some_and(|status| status == "True")
    })
}

/// Where a Service's port leads in a pod.
fn place(pod: &Value, port: &Value, number: u16) -> Option<SocketAddr> {
    let target = match port.get("targetPort") {
        Some(Value::String(name)) => named_port(pod, name)?,
        Some(other) => u16::try_from(other.as_u64()?).ok()?,
        None => number,
    };
    let leads = pod.pointer("/metadata/annotations").and_then(|all| all.get(LEADS_TO));
    if let Some(leads) = leads.and_then(Value::as_str) {
        let mut ways = leads.split(',').filter_map(|way| way.split_once('='));
        return ways.find(|(from, _)| *from == target.to_string())?.1.parse().ok();
    }
    let ip = pod.pointer("/status/podIP")?.as_str()?.parse().ok()?;
    Some(SocketAddr::new(ip, target))
}

fn named_port(pod: &Value, name: &str) -> Option<u16> {
    let containers = pod.pointer("/spec/containers")?.as_array()?;
    let ports = containers.iter().filter_map(|one| one.get("ports")?.as_array()).flatten();
    let port = ports.into_iter().find(|port| port.get("name").is_some_and(|told| told == name))?;
    u16::try_from(port.get("containerPort")?.as_u64()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn table() -> Table {
        let service = json!({
            "metadata": {"namespace": "provers", "name": "scaler"},
            "spec": {"clusterIP": "127.78.0.5", "selector": {"app": "scaler"},
                "ports": [{"port": 50051, "targetPort": "grpc"}]},
        });
        let pod = |ready: &str| {
            json!({
                "metadata": {"namespace": "provers", "labels": {"app": "scaler", "more": "x"}},
                "spec": {"containers": [{"ports": [{"name": "grpc", "containerPort": 9095}]}]},
                "status": {"podIP": "127.77.0.1", "conditions": [{"type": "Ready", "status": ready}]},
            })
        };
        let headless = json!({
            "metadata": {"namespace": "provers", "name": "broker", "uid": "1"},
            "spec": {"clusterIP": "None", "selector": {"app": "scaler"}, "ports": [{"port": 9095}]},
        });
        let services = [service, headless];
        let lent = "127.77.3.1".parse().unwrap();
        let lent = super::headless(&services).into_iter().map(|uid| (uid, lent)).collect();
        Table::of(&services, &[pod("True"), pod("False")], &lent)
    }

    #[test]
    fn a_headless_service_is_found_at_the_address_that_was_lent_to_it() {
        let table = table();
        assert_eq!(table.resolved("amqp://broker:9095/x", "provers"), "amqp://127.77.3.1:9095/x");
        let pod: SocketAddr = "127.77.0.1:9095".parse().unwrap();
        assert_eq!(table.behind("127.77.3.1:9095".parse().unwrap()), [pod]);
    }

    #[test]
    fn a_service_leads_to_its_ready_pods_by_address_and_by_name() {
        let table = table();
        let pod: SocketAddr = "127.77.0.1:9095".parse().unwrap();
        assert_eq!(table.behind(table.addresses()[0]), [pod]);
        assert_eq!(table.named("scaler.provers.svc.cluster.local:50051"), Some(vec![pod]));
        assert_eq!(table.named("scaler.elsewhere:50051"), None);
    }

    #[test]
    fn names_in_a_text_become_addresses_and_longer_names_stay() {
        let table = table();
        let text =
            "a=http://scaler:50051/x,scaler.provers.svc:50051,other-scaler:50051,scaler:500511";
        let seen = table.resolved(text, "provers");
        let to = "127.78.0.5:50051";
        assert_eq!(seen, format!("a=http://{to}/x,{to},other-scaler:50051,scaler:500511"));
        assert!(table.resolved(text, "elsewhere").contains("http://scaler:50051"));
    }
}
