//! PURE: the headers that say whose a task or a result is.

use amq_protocol::types::{AMQPValue, FieldTable};
use amqp_admin::{BLOCK_HEADER, PROOF_HEADER, Properties};

use crate::wire::ContentHeader;

/// The same for every copy of a task, and on its result.
pub(crate) const TASK_HEADER: &str = "zero-task";
/// Which attempt this is, from 1.
pub(crate) const ATTEMPT_HEADER: &str = "zero-attempt";
/// What is to be done.
pub(crate) const OPERATION_HEADER: &str = "zero-operation";
/// Why the last attempt failed.
pub(crate) const REASON_HEADER: &str = "zero-reason";
/// The queue that a task was put aside from.
pub(crate) const QUEUE_HEADER: &str = "zero-queue";
/// The worker that a result is of.
pub(crate) const WORKER_HEADER: &str = "zero-worker";
/// What the task of a result has used.
pub(crate) const USED_HEADER: &str = "zero-used";
/// On a failed result: what the worker's log says.
pub(crate) const LOG_HEADER: &str = "zero-log";
/// How often a worker dropped a task without trying it.
pub(crate) const SKIPPED_HEADER: &str = "zero-skipped";

/// What a task's headers say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Tags {
    pub(crate) task: Option<String>,
    pub(crate) proof: Option<String>,
    pub(crate) block: Option<u64>,
    pub(crate) attempt: u32,
    pub(crate) skipped: u32,
}

/// Reads what a task's headers say; without a word about it this is the first attempt.
pub(crate) fn read(header: &ContentHeader) -> Tags {
    let properties = Properties::from(header.properties.clone());
    let number = |name: &str| properties.header(name).and_then(|text| text.parse().ok());
    Tags {
        task: properties.header(TASK_HEADER),
        proof: properties.header(PROOF_HEADER),
        block: properties.header(BLOCK_HEADER).and_then(|text| text.parse().ok()),
        attempt: number(ATTEMPT_HEADER).unwrap_or(1).max(1),
        skipped: number(SKIPPED_HEADER).unwrap_or(0),
    }
}

/// The same header with these tags in place of those of the same name.
pub(crate) fn with(header: &ContentHeader, tags: &[(&str, String)]) -> ContentHeader {
    let properties = header.properties.clone();
    let mut headers = properties.headers().as_ref().map_or_else(FieldTable::default, Clone::clone);
    for (name, text) in tags {
        headers.insert((*name).into(), AMQPValue::LongString(text.as_bytes().into()));
    }
    ContentHeader { properties: properties.with_headers(headers), ..header.clone() }
}

#[cfg(test)]
mod tests {
    use amq_protocol::protocol::BasicProperties;

    use super::*;

    #[test]
    fn tags_are_read_as_they_were_written_and_the_rest_stays() {
        let mut headers = FieldTable::default();
        headers.insert("theirs".into(), AMQPValue::Boolean(true));
        headers.insert(ATTEMPT_HEADER.into(), AMQPValue::LongString("7".into()));
        let properties = BasicProperties::default().with_priority(3).with_headers(headers);
        let header = ContentHeader { class_id: 60, body_size: 5, properties };
        let tagged = with(
            &header,
            &[
                (TASK_HEADER, "t-1".into()),
                (ATTEMPT_HEADER, "2".into()),
                (BLOCK_HEADER, "6".into()),
            ],
        );
        let read = read(&tagged);
        assert_eq!((read.task.as_deref(), read.attempt, read.block), (Some("t-1"), 2, Some(6)));
        assert_eq!(*tagged.properties.priority(), Some(3));
        assert!(tagged.properties.headers().as_ref().unwrap().contains_key("theirs"));
    }

    #[test]
    fn a_task_that_nobody_tagged_is_at_its_first_attempt() {
        let properties = BasicProperties::default();
        let header = ContentHeader { class_id: 60, body_size: 0, properties };
        assert_eq!(read(&header), Tags { attempt: 1, ..Tags::default() });
    }
}
