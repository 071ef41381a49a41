//! Where a broker is and who we are there: plain data, with the addresses built from it.

use anyhow::{Context, ensure};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use url::Url;

use crate::management::Management;

/// The port of the management API when only the AMQP address is given.
const MANAGEMENT_PORT: u16 = 15672;
/// The port of the Prometheus endpoint when only the AMQP address is given.
const METRICS_PORT: u16 = 15692;
/// What may stand unencoded in one segment of a path (RFC 3986, unreserved).
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The three addresses of a broker, and a user that may administer it.
#[derive(Clone)]
pub struct Access {
    /// `host:port` of the AMQP listener.
    pub amqp: String,
    /// Base URL of the management API, without a closing slash.
    pub management_url: String,
    /// Base URL of the Prometheus endpoint, without a closing slash.
    pub metrics_url: String,
    /// An administrator of the broker.
    pub user: String,
    /// That user's password.
    pub password: String,
}

impl std::fmt::Debug for Access {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Access({}, {}, {})", self.amqp, self.management_url, self.metrics_url)
    }
}

impl Access {
    /// Reads an AMQP URI; the other two addresses are taken on the same host when they are not given.
    pub fn parse(
        uri: &str,
        management: Option<&str>,
        metrics: Option<&str>,
    ) -> anyhow::Result<Self> {
        let parsed = Url::parse(uri).context("read the AMQP URI")?;
        ensure!(parsed.scheme() == "amqp", "an AMQP URI starts with `amqp://` here");
        let host = parsed.host_str().context("the AMQP URI names no host")?;
        let on_host = |given: Option<&str>, port: u16| match given {
            Some(url) => url.trim_end_matches('/').to_owned(),
            None => format!("http://{host}:{port}"),
        };
        Ok(Self {
            amqp: format!("{host}:{}", parsed.port().unwrap_or(5672)),
            management_url: on_host(management, MANAGEMENT_PORT),
            metrics_url: on_host(metrics, METRICS_PORT),
            user: decoded(parsed.username()).unwrap_or_else(|| "guest".to_owned()),
            password: parsed.password().and_then(decoded).unwrap_or_else(|| "guest".to_owned()),
        })
    }

    /// The URI of one vhost, with the credentials in it.
    #[must_use]
    pub fn amqp_uri(&self, vhost: &str) -> String {
        let Self { amqp, user, password, .. } = self;
        format!("amqp://{}:{}@{amqp}/{}", segment(user), segment(password), segment(vhost))
    }

    /// A client of the management API, for setting things up and for looking from the outside.
    #[must_use]
    pub fn management(&self) -> Management {
        Management::new(&self.management_url, &self.user, &self.password)
    }
}

/// One segment of a path or one part of a URI's credentials, percent-encoded.
#[must_use]
pub fn segment(text: &str) -> String {
    utf8_percent_encode(text, SEGMENT).to_string()
}

fn decoded(text: &str) -> Option<String> {
    let text = percent_decode_str(text).decode_utf8_lossy().into_owned();
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_amqp_uri_is_enough() {
        let access = Access::parse("amqp://ann:p%40ss@broker.test:5673/jobs", None, None).unwrap();
        assert_eq!(access.amqp, "broker.test:5673");
        assert_eq!(access.management_url, "http://broker.test:15672");
        assert_eq!(access.metrics_url, "http://broker.test:15692");
        assert_eq!((access.user.as_str(), access.password.as_str()), ("ann", "p@ss"));
    }

    #[test]
    fn a_given_management_url_wins_and_loses_its_slash() {
        let access =
            Access::parse("amqp://broker.test", Some("http://other.test:8080/"), None).unwrap();
        assert_eq!(access.management_url, "http://other.test:8080");
        assert_eq!(access.amqp, "broker.test:5672");
        assert_eq!(access.user, "guest");
    }

    #[test]
    fn the_root_vhost_is_percent_encoded() {
        let access = Access::parse("amqp://a:b@h:1", None, None).unwrap();
        assert_eq!(access.amqp_uri("/"), "amqp://a:b@h:1/%2F");
    }

    #[test]
    fn the_password_is_not_shown() {
        let access = Access::parse("amqp://ann:secret@h:1", None, None).unwrap();
        assert!(!format!("{access:?}").contains("secret"));
    }

    #[test]
    fn another_scheme_is_refused() {
        assert!(Access::parse("http://h:1", None, None).is_err());
    }
}
