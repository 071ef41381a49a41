//! One message as the broker keeps it, and its properties as they stand on the wire.

use lapin::BasicProperties;
use lapin::protocol::basic::{gen_properties, parse_properties};
use lapin::types::AMQPValue;
use thiserror::Error;

/// The header in which a quorum queue says how often it was given a message back. Its delivery
/// limit is about this number.
const DELIVERY_COUNT: &str = "x-delivery-count";
/// The header in which a quorum queue of RabbitMQ 4.3 says how often a message was taken, in
/// whatever way it came back.
const ACQUIRED_COUNT: &str = "x-acquired-count";

/// Bytes that are not the properties of an AMQP 0-9-1 message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the message's properties cannot be read")]
pub struct NotProperties;

/// A message's properties and headers.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Properties(BasicProperties);

impl Properties {
    /// The properties as AMQP 0-9-1 encodes them in a content header (section 4.2.6.1).
    pub fn encoded(&self) -> Result<Vec<u8>, NotProperties> {
        let written = cookie_factory::r#gen(gen_properties(&self.0), Vec::new());
        written.map(|(bytes, _)| bytes).map_err(|_| NotProperties)
    }

    /// Reads what [`Self::encoded`] wrote.
    pub fn decode(bytes: &[u8]) -> Result<Self, NotProperties> {
        match parse_properties(bytes) {
            Ok(([], properties)) => Ok(Self(properties)),
            Ok(_) | Err(_) => Err(NotProperties),
        }
    }

    /// A header that holds text or a number, as text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<String> {
        let value = self.0.headers().as_ref()?.inner().get(name)?;
        text_of(value)
    }

    /// The same with a table of headers: an empty one where there is none. A quorum queue that adds
    /// its counts makes none into an empty one for us.
    pub(crate) fn with_headers(&self) -> Self {
        let headers = self.0.headers().clone().unwrap_or_default();
        Self(self.0.clone().with_headers(headers))
    }

    pub(super) fn inner(&self) -> BasicProperties {
        self.0.clone()
    }

    /// The properties as the publisher gave them, and how often a quorum queue was given the
    /// message back; the broker writes its counts among the headers.
    pub(super) fn without_counts(self) -> (Self, Option<u64>) {
        let count = self.header(DELIVERY_COUNT).and_then(|count| count.parse().ok());
        let Some(headers) = self.0.headers() else {
            return (self, count);
        };
        let mut headers = headers.inner().clone();
        headers.retain(|name, _| ![DELIVERY_COUNT, ACQUIRED_COUNT].contains(&name.as_str()));
        (Self(self.0.with_headers(headers.into())), count)
    }
}

impl From<BasicProperties> for Properties {
    fn from(properties: BasicProperties) -> Self {
        Self(properties)
    }
}

fn text_of(value: &AMQPValue) -> Option<String> {
    match value {
        AMQPValue::ShortString(text) => Some(text.to_string()),
        AMQPValue::LongString(text) => Some(text.to_string()),
        AMQPValue::ShortShortInt(number) => Some(number.to_string()),
        AMQPValue::ShortShortUInt(number) => Some(number.to_string()),
        AMQPValue::ShortInt(number) => Some(number.to_string()),
        AMQPValue::ShortUInt(number) => Some(number.to_string()),
        AMQPValue::LongInt(number) => Some(number.to_string()),
        AMQPValue::LongUInt(number) => Some(number.to_string()),
        AMQPValue::LongLongInt(number) => Some(number.to_string()),
        AMQPValue::Boolean(_)
        | AMQPValue::Float(_)
        | AMQPValue::Double(_)
        | AMQPValue::DecimalValue(_)
        | AMQPValue::FieldArray(_)
        | AMQPValue::Timestamp(_)
        | AMQPValue::FieldTable(_)
        | AMQPValue::ByteArray(_)
        | AMQPValue::Void => None,
    }
}

/// A message with everything that a publisher gave it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Message {
    /// The exchange it was published to; empty for the default exchange.
    pub exchange: String,
    /// The routing key it was published with: with the default exchange, the queue's name.
    pub routing_key: String,
    /// Its properties and headers.
    pub properties: Properties,
    /// Its body.
    pub body: Vec<u8>,
}

#[cfg(test)]
pub(super) mod tests {
    use lapin::types::FieldTable;
    use proptest::prelude::*;

    use super::*;

    /// Properties with one header that holds text.
    pub(crate) fn tagged(name: &str, text: &str) -> Properties {
        let mut headers = FieldTable::default();
        headers.insert(name.into(), AMQPValue::LongString(text.into()));
        Properties(BasicProperties::default().with_headers(headers))
    }

    fn rich() -> Properties {
        let mut headers = FieldTable::default();
        headers.insert("zero-block".into(), AMQPValue::LongString("20362226".into()));
        headers.insert("x-delivery-count".into(), AMQPValue::LongLongInt(3));
        headers.insert("x-acquired-count".into(), AMQPValue::LongLongInt(5));
        let properties = BasicProperties::default()
            .with_delivery_mode(2)
            .with_headers(headers)
            .with_message_id("m".into());
        Properties(properties)
    }

    #[test]
    fn properties_survive_encoding() {
        let encoded = rich().encoded().unwrap();
        assert_eq!(Properties::decode(&encoded).unwrap(), rich());
        assert_eq!(
            Properties::decode(&Properties::default().encoded().unwrap()).unwrap(),
            Properties::default()
        );
    }

    #[test]
    fn headers_are_told_as_text() {
        assert_eq!(rich().header("zero-block").as_deref(), Some("20362226"));
        assert_eq!(rich().header("x-delivery-count").as_deref(), Some("3"));
        assert_eq!(rich().header("none"), None);
    }

    #[test]
    fn the_brokers_counts_are_told_apart_from_the_publishers_headers() {
        let (published, count) = rich().without_counts();
        assert_eq!(count, Some(3));
        assert_eq!(published.header("x-delivery-count"), None);
        assert_eq!(published.header("x-acquired-count"), None);
        assert_eq!(published.header("zero-block").as_deref(), Some("20362226"));
        assert_eq!(published.clone().without_counts(), (published, None));
        assert_eq!(Properties::default().without_counts(), (Properties::default(), None));
    }

    /// RabbitMQ 4.3 tells that a message was taken, and that it was never given back by not telling.
    #[test]
    fn a_message_that_was_only_taken_was_never_given_back() {
        let (published, count) = tagged("x-acquired-count", "2").without_counts();
        assert_eq!((published.header("x-acquired-count"), count), (None, None));
    }

    #[test]
    fn a_torn_or_longer_encoding_is_refused() {
        let encoded = rich().encoded().unwrap();
        let torn = encoded.get(..encoded.len() - 1).unwrap();
        assert_eq!(Properties::decode(torn), Err(NotProperties));
        assert_eq!(Properties::decode(&[encoded, vec![0]].concat()), Err(NotProperties));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Properties::decode(&bytes);
        }
    }
}
