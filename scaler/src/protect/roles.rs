//! PURE: which of the broker's clients may hold tasks, by the queues that they consume from.

use std::collections::HashMap;

use amqp_admin::{Holder, Lease, QueueName, QueueRole, VhostName, classify};

use crate::snapshot::Snapshot;

/// What the queues of watched vhosts are for.
pub(super) struct Roles<'a>(HashMap<&'a VhostName, HashMap<QueueName, QueueRole>>);

impl<'a> Roles<'a> {
    pub(super) fn of(snapshot: &'a Snapshot) -> Self {
        let mut roles: HashMap<&VhostName, HashMap<QueueName, QueueRole>> = HashMap::new();
        for vhost in snapshot.vhosts.keys() {
            snapshot.each_queue(vhost, |queue| {
                roles.entry(vhost).or_default().insert(queue.name.clone(), queue.role);
            });
        }
        Self(roles)
    }

    /// Whether it consumes from a queue of tasks.
    pub(super) fn works(&self, holder: &Holder) -> bool {
        let roles = self.0.get(&holder.vhost);
        holder.queues.iter().any(|name| {
            let known = roles.and_then(|roles| roles.get(name)).copied();
            is_work(known.unwrap_or_else(|| classify(name, Lease::Unknown)))
        })
    }

    /// Whether it may hold tasks: it does not if all it consumes from is something else, as a leader.
    pub(super) fn may_hold(&self, holder: &Holder) -> bool {
        holder.queues.is_empty() || self.works(holder)
    }
}

/// Whether messages of such a queue may be tasks.
pub(super) fn is_work(role: QueueRole) -> bool {
    match role {
        QueueRole::Task(_) | QueueRole::Other => true,
        QueueRole::Result | QueueRole::Control | QueueRole::DeadLetter => false,
    }
}
