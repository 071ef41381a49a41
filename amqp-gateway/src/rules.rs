//! PURE: what a declaration becomes, and what a refusal of it is to be told as.

use amq_protocol::protocol::{exchange, queue};
use amq_protocol::types::{AMQPValue, FieldTable};
use amqp_admin::{Lease, QueueName, QueueRole, classify};

use crate::config::QueuePolicy;

pub(crate) use amqp_admin::DEAD_LETTER_QUEUE as DEAD_LETTER;
/// How long a queue may be unused before it is deleted.
const EXPIRES: &str = "x-expires";
/// How many priorities a classic queue tells apart.
const MAX_PRIORITY: &str = "x-max-priority";
/// What a broker of 4.3 may deny, in the words of its refusal and of its configuration.
const TRANSIENT: &str = "transient_nonexcl_queues";
/// What implements a queue.
const TYPE: &str = "x-queue-type";
/// Reply code of the broker to a declaration that differs from what is there.
pub(crate) const PRECONDITION_FAILED: u16 = 406;

/// What a queue is for, by its name alone.
pub(crate) fn role(name: &str) -> QueueRole {
    role_with(name, Lease::Unknown)
}

fn role_with(name: &str, lease: Lease) -> QueueRole {
    QueueName::new(name).map_or(QueueRole::Other, |name| classify(&name, lease))
}

/// What a queue is for, by how the child declares it: an operator's name with paladin's lease is that
/// of a task queue, which a worker is told with `--task-bus-routing-key`.
pub(crate) fn role_of_declared(declare: &queue::Declare) -> QueueRole {
    let name = declare.queue.as_str();
    let lease = lease(&declare.arguments);
    match role_with(name, lease) {
        QueueRole::Other if lease == Lease::Millis(PALADIN_EXPIRES_MS) && !declare.exclusive => {
            QueueRole::Task(amqp_admin::Pool::All)
        }
        role @ (QueueRole::Task(_)
        | QueueRole::Result
        | QueueRole::Control
        | QueueRole::DeadLetter
        | QueueRole::Other) => role,
    }
}

/// The lease that paladin declares all its queues with, in milliseconds.
const PALADIN_EXPIRES_MS: u64 = 1_800_000;

fn lease(arguments: &FieldTable) -> Lease {
    let millis = match arguments.inner().get(EXPIRES) {
        None => return Lease::Never,
        Some(AMQPValue::LongInt(millis)) => u64::try_from(*millis).ok(),
        Some(AMQPValue::LongUInt(millis)) => Some(u64::from(*millis)),
        Some(AMQPValue::LongLongInt(millis)) => u64::try_from(*millis).ok(),
        Some(_) => None,
    };
    millis.map_or(Lease::Unknown, Lease::Millis)
}

/// A queue as the policy wants it; `None`: as the child declares it.
pub(crate) fn declared(
    policy: QueuePolicy,
    max_priority: Option<u8>,
    declare: &queue::Declare,
) -> Option<queue::Declare> {
    if policy == QueuePolicy::AsIs || declare.passive || declare.exclusive {
        return None;
    }
    let role = role_of_declared(declare);
    let is_task = matches!(role, QueueRole::Task(_));
    let (lasting, quorum) = match role {
        QueueRole::Task(_) => (true, policy == QueuePolicy::Quorum),
        QueueRole::Control => (true, false),
        QueueRole::Result => (false, false),
        QueueRole::DeadLetter | QueueRole::Other => return None,
    };
    let mut arguments = declare.arguments.inner().clone();
    if lasting {
        arguments.remove(EXPIRES);
    }
    if let Some(most) = max_priority.filter(|_| is_task && !quorum) {
        arguments.insert(MAX_PRIORITY.into(), AMQPValue::LongInt(most.into()));
    }
    if quorum {
        let text = |text: &str| AMQPValue::LongString(text.into());
        arguments.insert(TYPE.into(), text("quorum"));
        // Since 4.0 a quorum queue drops what was given back twenty times: it is to be put aside.
        arguments.insert("x-dead-letter-exchange".into(), text(""));
        arguments.insert("x-dead-letter-routing-key".into(), text(DEAD_LETTER));
    }
    Some(queue::Declare { durable: true, arguments: arguments.into(), ..declare.clone() })
}

/// An exchange as the policy wants it; `None`: as the child declares it.
pub(crate) fn exchanged(
    policy: QueuePolicy,
    declare: &exchange::Declare,
) -> Option<exchange::Declare> {
    let name = declare.exchange.as_str();
    if policy == QueuePolicy::AsIs || declare.passive || role(name) != QueueRole::Control {
        return None;
    }
    let mut arguments = declare.arguments.inner().clone();
    arguments.remove(EXPIRES);
    Some(exchange::Declare { durable: true, arguments: arguments.into(), ..declare.clone() })
}

/// The private queue of a session in place of the one that all workers share.
pub(crate) fn private(declare: &queue::Declare, name: &str) -> queue::Declare {
    queue::Declare {
        queue: crate::wire::short(name),
        durable: false,
        exclusive: true,
        auto_delete: true,
        arguments: FieldTable::default(),
        ..declare.clone()
    }
}

/// The broker's refusal of a declaration, in words that say what to do: short enough for a reply, and
/// whole for an operator.
pub(crate) fn mismatch(name: &str, policy: QueuePolicy, broker_says: &str) -> (String, String) {
    let policy = match policy {
        QueuePolicy::AsIs => "as-is",
        QueuePolicy::Durable => "durable",
        QueuePolicy::Quorum => "quorum",
    };
    let cure = "start leader and workers with one queue policy, and delete what another one left";
    let difference = difference(broker_says);
    let short = format!(
        "PRECONDITION_FAILED - `{name}` is there already and differs from queue policy `{policy}`: \
         {difference}; {cure}"
    );
    let whole = format!(
        "`{name}` is there already and differs from what the queue policy `{policy}` wants: \
         {broker_says}; {cure} (`kubectl zero queues` shows it, `kubectl zero backup` keeps its tasks)"
    );
    (short, whole)
}

/// The broker's end of the child's connection or channel, in words for an operator.
pub(crate) fn closed(what: &str, code: u16, broker_says: &str) -> String {
    let cure = if broker_says.contains(TRANSIENT) {
        format!(
            "; this broker takes no queues that are neither durable nor exclusive, which paladin's \
             are: start leader and workers with `--queue-policy durable`, or set \
             `deprecated_features.permit.{TRANSIENT} = true` on every node of the broker"
        )
    } else {
        String::new()
    };
    format!("the broker has closed the child's {what}: {broker_says} ({code}){cure}")
}

/// What is there and what was wanted, without what stands beside it in a refusal.
fn difference(broker_says: &str) -> String {
    let what = broker_says.split_once("inequivalent arg ").map_or(broker_says, |(_, it)| it);
    let Some((argument, rest)) = what.split_once(" for queue ") else { return what.to_owned() };
    let values = rest.split_once(": ").map_or(rest, |(_, values)| values);
    let values = values.replace("the value ", "");
    let mut pieces = values.split(" of type ");
    let mut short = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        // The type's name stands in quotes before the rest.
        if let Some((_, rest)) = piece.split_once(' ') {
            short = short + " " + rest;
        }
    }
    format!("{argument}: {short}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn as_paladin_does(name: &str) -> queue::Declare {
        let mut arguments = FieldTable::default();
        arguments.insert(EXPIRES.into(), AMQPValue::LongInt(1_800_000));
        queue::Declare { queue: name.into(), arguments, ..queue::Declare::default() }
    }

    fn argument(declare: &queue::Declare, name: &str) -> Option<String> {
        let value = declare.arguments.inner().get(name)?;
        let text =
            if let AMQPValue::LongString(text) = value { Some(text.to_string()) } else { None };
        Some(text.unwrap_or_else(|| format!("{value:?}")))
    }

    #[test]
    fn as_is_changes_nothing() {
        for name in ["task-ipc-routing-key", "command-ipc-routing-key", "AbCdE", "mine"] {
            assert_eq!(declared(QueuePolicy::AsIs, Some(5), &as_paladin_does(name)), None);
        }
        let exchange = exchange::Declare {
            exchange: "command-ipc-routing-key".into(),
            ..exchange::Declare::default()
        };
        assert_eq!(exchanged(QueuePolicy::AsIs, &exchange), None);
        assert!(exchanged(QueuePolicy::Durable, &exchange).unwrap().durable);
    }

    #[test]
    fn task_queues_never_expire_and_result_queues_keep_their_lease() {
        for (name, lease, kind) in [
            ("heavy-proof", None, Some("quorum")),
            ("00000000000000000000000000000000", None, Some("quorum")),
            ("an-operators-pool", None, Some("quorum")),
            ("command-ipc-routing-key", None, None),
            ("AbCdE", Some("LongInt(1800000)"), None),
        ] {
            for policy in [QueuePolicy::Durable, QueuePolicy::Quorum] {
                let declare = declared(policy, None, &as_paladin_does(name)).unwrap();
                assert!(declare.durable, "{name}");
                assert_eq!(argument(&declare, EXPIRES).as_deref(), lease, "{name}");
                let kind = kind.filter(|_| policy == QueuePolicy::Quorum);
                assert_eq!(argument(&declare, TYPE).as_deref(), kind, "{name}");
            }
        }
    }

    #[test]
    fn what_is_not_paladins_is_left_alone() {
        let mine = queue::Declare { queue: "mine".into(), ..queue::Declare::default() };
        let passive = queue::Declare { passive: true, ..as_paladin_does("default") };
        let exclusive = queue::Declare { exclusive: true, ..as_paladin_does("default") };
        for declare in [mine, passive, exclusive] {
            assert_eq!(declared(QueuePolicy::Quorum, Some(5), &declare), None, "{declare:?}");
        }
    }

    #[test]
    fn only_durable_task_queues_are_declared_with_priorities() {
        for (name, policy, told) in [
            ("default", QueuePolicy::Durable, Some("LongInt(5)")),
            ("an-operators-pool", QueuePolicy::Durable, Some("LongInt(5)")),
            ("AbCdE", QueuePolicy::Durable, None),
            ("command-ipc-routing-key", QueuePolicy::Durable, None),
            ("default", QueuePolicy::Quorum, None),
        ] {
            let declare = declared(policy, Some(5), &as_paladin_does(name)).unwrap();
            assert_eq!(argument(&declare, MAX_PRIORITY).as_deref(), told, "{name} {policy:?}");
        }
    }

    #[test]
    fn a_refusal_of_another_number_of_priorities_has_both_in_a_short_text() {
        let says = "PRECONDITION_FAILED - inequivalent arg 'x-max-priority' for queue \
                    'task-ipc-routing-key' in vhost 'p': received the value '10' of type \
                    'signedint' but current is the value '5' of type 'signedint'";
        let (short, whole) = mismatch("task-ipc-routing-key", QueuePolicy::Durable, says);
        let both = "'x-max-priority': received '10' but current is '5'";
        assert!(short.contains(both) && short.ends_with("another one left"), "{short}");
        assert!(short.len() <= 255 && whole.contains(says), "{} {whole}", short.len());
    }

    #[test]
    fn a_broker_that_denies_transient_queues_is_told_with_both_cures() {
        let says = "INTERNAL_ERROR - Feature `transient_nonexcl_queues` is deprecated.";
        let words = closed("connection", 541, says);
        for part in [
            says,
            "(541)",
            "`--queue-policy durable`",
            "`deprecated_features.permit.transient_nonexcl_queues = true`",
        ] {
            assert!(words.contains(part), "{part}: {words}");
        }
        let words = closed("connection", 501, "FRAME_ERROR - type 7");
        assert!(words.ends_with("FRAME_ERROR - type 7 (501)"), "{words}");
    }

    #[test]
    fn a_refusal_names_the_queue_what_is_there_and_what_was_wanted() {
        let says = "PRECONDITION_FAILED - inequivalent arg 'durable' for queue 'default' in vhost \
                    'p': received 'true' but current is 'false'";
        let (short, whole) = mismatch("default", QueuePolicy::Durable, says);
        for words in [&short, &whole] {
            assert!(words.contains("`default`") && words.contains("`durable`"), "{words}");
            assert!(words.contains("received 'true' but current is 'false'"), "{words}");
        }
        assert!(short.len() <= 255, "{}", short.len());
    }
}
