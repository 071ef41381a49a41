//! Names of queues and virtual hosts as validated types. Percent-encoding lives here only.

use std::fmt;
use std::sync::Arc;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use thiserror::Error;

/// Longest name of a queue or virtual host in bytes: AMQP 0-9-1 short strings carry one length byte.
const MAX_NAME_BYTES: usize = 255;

/// Everything outside RFC 3986's unreserved set is encoded, so `/`, `%`, `+` and spaces survive a path.
const PATH_SEGMENT: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Why a string cannot name a queue or a virtual host.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NameError {
    /// The string was empty.
    #[error("the name is empty")]
    Empty,
    /// The string was longer than AMQP can carry; holds its length in bytes.
    #[error("the name has {0} bytes, AMQP allows {MAX_NAME_BYTES}")]
    TooLong(usize),
    /// The percent-encoded form did not decode to UTF-8.
    #[error("the name is not UTF-8")]
    NotUtf8,
}

fn check(name: &str) -> Result<(), NameError> {
    match name.len() {
        0 => Err(NameError::Empty),
        1..=MAX_NAME_BYTES => Ok(()),
        bytes => Err(NameError::TooLong(bytes)),
    }
}

fn encode(name: &str) -> String {
    utf8_percent_encode(name, PATH_SEGMENT).to_string()
}

macro_rules! broker_name {
    ($(#[$doc:meta])* $type:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $type(Arc<str>);

        impl $type {
            /// Checks `name` against what the broker can carry.
            pub fn new(name: &str) -> Result<Self, NameError> {
                check(name)?;
                Ok(Self(name.into()))
            }

            /// The name as the broker knows it.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// The name as one segment of a URL path or one value of a query.
            #[must_use]
            pub fn url_encoded(&self) -> String {
                encode(&self.0)
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl std::str::FromStr for $type {
            type Err = NameError;

            fn from_str(name: &str) -> Result<Self, NameError> {
                Self::new(name)
            }
        }
    };
}

broker_name! {
    /// The name of a queue: 1 to 255 bytes of UTF-8.
    QueueName
}

broker_name! {
    /// The name of a virtual host: 1 to 255 bytes of UTF-8. The default one is `/`.
    VhostName
}

impl VhostName {
    /// Reads the path of an AMQP URI: `/` and the empty path name the vhost `/`, `/%2Fa` names `/a`.
    pub fn from_uri_path(path: &str) -> Result<Self, NameError> {
        let encoded = path.strip_prefix('/').unwrap_or(path);
        if encoded.is_empty() {
            return Ok(Self::default());
        }
        let decoded = percent_decode_str(encoded).decode_utf8().map_err(|_| NameError::NotUtf8)?;
        Self::new(&decoded)
    }
}

impl Default for VhostName {
    fn default() -> Self {
        Self("/".into())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_name_with_slash_percent_plus_and_space_survives_a_path_segment() {
        let name = QueueName::new("pröf %2F+x/y").unwrap();
        assert_eq!(name.url_encoded(), "pr%C3%B6f%20%252F%2Bx%2Fy");
    }

    #[test]
    fn names_amqp_cannot_carry_are_refused() {
        assert_eq!(QueueName::new(""), Err(NameError::Empty));
        assert_eq!(QueueName::new(&"q".repeat(256)), Err(NameError::TooLong(256)));
        assert!(QueueName::new(&"q".repeat(255)).is_ok());
    }

    #[test]
    fn the_path_of_an_amqp_uri_names_the_vhost() {
        assert_eq!(VhostName::from_uri_path("").unwrap().as_str(), "/");
        assert_eq!(VhostName::from_uri_path("/").unwrap().as_str(), "/");
        assert_eq!(VhostName::from_uri_path("/%2F").unwrap().as_str(), "/");
        assert_eq!(VhostName::from_uri_path("/proofs").unwrap().as_str(), "proofs");
        assert_eq!(VhostName::from_uri_path("/%ff"), Err(NameError::NotUtf8));
    }

    proptest! {
        #[test]
        fn encoding_a_name_loses_nothing(name in "\\PC{1,60}") {
            let vhost = VhostName::new(&name).unwrap();
            let back = VhostName::from_uri_path(&format!("/{}", vhost.url_encoded())).unwrap();
            prop_assert_eq!(back, vhost);
        }
    }
}
