//! PURE: what the demo reads out of the scaler's `/status.json`.

use serde_json::Value;

/// One look at the scaler and its autoscaler.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Look {
    /// Queues by role.
    pub(crate) roles: Vec<Role>,
    /// Workers the backlog asks for, before `--max`; nothing without an answer.
    pub(crate) wanted: Option<u64>,
    /// Workers that run and were not told to end.
    pub(crate) running: u64,
    /// Places for workers that have a story.
    pub(crate) workers: Vec<Worker>,
    /// Why the scaler does not know.
    pub(crate) trouble: Option<String>,
}

/// The queues of one role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Role {
    /// `task`, `other`, `result` or `control`.
    pub(crate) name: String,
    /// How many.
    pub(crate) queues: u64,
    /// Messages waiting.
    pub(crate) ready: Option<u64>,
    /// Messages in somebody's hands.
    pub(crate) unacked: Option<u64>,
}

/// One place for a worker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Worker {
    /// Its number.
    pub(crate) number: u64,
    /// What it does.
    pub(crate) state: String,
    /// Its process; none while none runs.
    pub(crate) pid: Option<u32>,
    /// It keeps ending early.
    pub(crate) crash_loop: bool,
    /// How the last one there ended.
    pub(crate) last_exit: Option<String>,
}

impl Look {
    /// Takes what matters of one vhost.
    pub(crate) fn of(status: &Value, vhost: &str) -> Self {
        let brokers = list(status, "brokers");
        let vhosts = brokers.iter().flat_map(|broker| list(broker, "vhosts"));
        let ours = vhosts.filter(|entry| text(entry, "name").as_deref() == Some(vhost));
        let unreachable = brokers.iter().find_map(|broker| text(broker, "error"));
        let local = status.get("local").unwrap_or(&Value::Null);
        Self {
            roles: ours.flat_map(|entry| list(entry, "roles")).map(role).collect(),
            wanted: number(local, "wanted"),
            running: number(local, "running").unwrap_or_default(),
            workers: list(local, "children").iter().map(worker).collect(),
            trouble: unreachable.or_else(|| text(local, "refused")),
        }
    }

    /// Messages that want a worker or are with one; nothing where the broker did not say.
    pub(crate) fn backlog(&self) -> Option<u64> {
        self.sum(Role::is_work)
    }

    /// Nothing to do, nothing on its way, and nobody there.
    pub(crate) fn is_quiet(&self) -> bool {
        !self.roles.is_empty()
            && self.sum(|_| true) == Some(0)
            && self.workers.iter().all(|worker| worker.pid.is_none())
    }

    /// A worker that keeps ending early.
    pub(crate) fn crashing(&self) -> Option<&Worker> {
        self.workers.iter().find(|worker| worker.crash_loop)
    }

    fn sum(&self, counts: impl Fn(&Role) -> bool) -> Option<u64> {
        let roles = self.roles.iter().filter(|role| counts(role));
        roles.map(|role| Some(role.ready? + role.unacked?)).sum()
    }
}

impl Role {
    /// Its messages are work for workers.
    pub(crate) fn is_work(&self) -> bool {
        self.name == "task" || self.name == "other"
    }
}

fn role(value: &Value) -> Role {
    Role {
        name: text(value, "role").unwrap_or_default(),
        queues: number(value, "queues").unwrap_or_default(),
        ready: number(value, "ready"),
        unacked: number(value, "unacked"),
    }
}

fn worker(value: &Value) -> Worker {
    Worker {
        number: number(value, "number").unwrap_or_default(),
        state: text(value, "state").unwrap_or_default(),
        pid: number(value, "pid").and_then(|pid| u32::try_from(pid).ok()),
        crash_loop: value.get("crash_loop").and_then(Value::as_bool).unwrap_or_default(),
        last_exit: text(value, "last_exit"),
    }
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn text(value: &Value, key: &str) -> Option<String> {
    value.get(key).and_then(Value::as_str).map(str::to_owned)
}

fn number(value: &Value, key: &str) -> Option<u64> {
    value.get(key).and_then(Value::as_u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn status() -> Value {
        let roles = json!([
            {"role": "task", "queues": 1, "ready": 12, "unacked": 4},
            {"role": "result", "queues": 3, "ready": 1, "unacked": 0},
        ]);
        let child = json!({"number": 1, "pid": 77, "state": "busy", "since_seconds": 3,
            "restarts": 0, "crash_loop": false, "last_exit": null});
        json!({
            "brokers": [{"error": null, "vhosts": [
                {"name": "other", "roles": [{"role": "task", "queues": 9, "ready": 99, "unacked": 0}]},
                {"name": "ours", "roles": roles},
            ]}],
            "local": {"wanted": 16, "refused": null, "running": 1, "children": [child]},
        })
    }

    #[test]
    fn only_our_vhost_counts() {
        let look = Look::of(&status(), "ours");
        assert_eq!((look.backlog(), look.wanted, look.running), (Some(16), Some(16), 1));
        assert_eq!(look.workers.first().map(|worker| worker.pid.is_some()), Some(true));
        assert!(!look.is_quiet());
    }

    #[test]
    fn a_count_that_is_missing_is_not_nothing() {
        let mut status = status();
        *status.pointer_mut("/brokers/0/vhosts/1/roles/0/ready").unwrap() = Value::Null;
        let look = Look::of(&status, "ours");
        assert_eq!(look.backlog(), None);
        assert!(!look.is_quiet());
    }

    #[test]
    fn quiet_is_empty_queues_and_no_process() {
        let mut look = Look::of(&status(), "ours");
        look.roles.iter_mut().for_each(|role| (role.ready, role.unacked) = (Some(0), Some(0)));
        assert!(!look.is_quiet());
        look.workers.iter_mut().for_each(|worker| worker.pid = None);
        assert!(look.is_quiet());
    }

    #[test]
    fn trouble_is_passed_on() {
        let refused = json!({"local": {"wanted": null, "refused": "no counts yet"}});
        let look = Look::of(&refused, "ours");
        assert_eq!(look.trouble.as_deref(), Some("no counts yet"));
        let mut status = status();
        *status.pointer_mut("/brokers/0/error").unwrap() = "gone".into();
        assert_eq!(Look::of(&status, "ours").trouble.as_deref(), Some("gone"));
    }
}
