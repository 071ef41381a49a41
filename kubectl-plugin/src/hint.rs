//! PURE: what to do about the broker's refusals and silences, and about a backup that cannot be read:
//! their own words do not say it.

use amqp_admin::{BackupError, Error, SiftCause};

/// The broker does not let us into the vhost, or there is none of that name.
const NOT_ALLOWED: u16 = 530;

/// The next step, for the end of an error's line.
pub(crate) fn of(error: &anyhow::Error) -> Option<&'static str> {
    if let Some(BackupError::Damaged { .. }) = error.downcast_ref() {
        return Some("nothing was put back: use another copy of the file");
    }
    let of_broker = error.chain().find_map(|cause| {
        let sifting = cause.downcast_ref::<SiftCause>();
        let broker = sifting.and_then(|cause| match cause {
            SiftCause::Broker(error) => Some(error),
            SiftCause::Backup(_) | SiftCause::NearDeliveryLimit(_) => None,
        });
        cause.downcast_ref::<Error>().or(broker)
    })?;
    if matches!(of_broker, Error::Amqp { reply: Some(NOT_ALLOWED), .. }) {
        return Some("check the vhost's name and the user's permissions on it");
    }
    if matches!(of_broker, Error::Amqp { .. }) && of_broker.is_denied() {
        return Some("check user and password, and the user's permissions on the queue");
    }
    if matches!(of_broker, Error::Timeout { .. }) {
        return Some("look whether the broker is well, or raise --request-timeout");
    }
    if matches!(of_broker, Error::Request { .. } | Error::Amqp { reply: None, .. }) {
        return Some("look whether the broker runs, and at --amqp-uri and --management-url");
    }
    matches!(of_broker, Error::ReadFile { .. })
        .then_some("look at the option or variable that names the file")
}

#[cfg(test)]
mod tests {
    use anyhow::Context as _;

    use super::*;

    fn amqp(reply: Option<u16>) -> Error {
        let (act, endpoint) = ("connect".into(), "amqp://h/".into());
        Error::Amqp { act, endpoint, reply, source: "no".into() }
    }

    #[test]
    fn each_refusal_and_each_silence_has_a_next_step() {
        let told = |error: Error| of(&anyhow::Error::from(error)).unwrap_or_default();
        assert!(told(amqp(Some(530))).contains("vhost"));
        assert!(told(amqp(Some(403))).contains("password"));
        assert!(told(amqp(None)).contains("--amqp-uri"));
        assert_eq!(told(amqp(Some(404))), "", "what is missing is named already");
    }

    #[test]
    fn the_cause_is_found_below_other_words() {
        let sift = SiftCause::from(amqp(Some(403)));
        let wrapped = Err::<(), _>(sift).context("cannot look into `q`").unwrap_err();
        assert!(of(&wrapped).is_some_and(|hint| hint.contains("permissions")));
        assert_eq!(of(&anyhow::anyhow!("words")), None);
    }
}
