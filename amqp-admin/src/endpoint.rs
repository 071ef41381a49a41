//! Where a broker or a service beside it is, and who we are there. Nothing printed from here holds a secret.

use std::borrow::Cow;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use percent_encoding::percent_decode_str;
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use crate::error::{Error, Result};
use crate::name::VhostName;

/// The kind of an address that is no broker's.
const SERVICE: &str = "service";

/// A user and the password.
#[derive(Clone)]
pub struct Credentials {
    /// The user's name.
    pub user: String,
    /// The user's password.
    pub password: SecretString,
}

impl Credentials {
    /// Reads user and password from two files, as a mounted Kubernetes Secret has them. One
    /// trailing newline is not part of either.
    pub fn from_files(user: &Path, password: &Path) -> Result<Self> {
        Ok(Self { user: read_line(user)?, password: read_line(password)?.into() })
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("user", &self.user).finish_non_exhaustive()
    }
}

/// TLS material beyond the system's own certificate authorities. PEM throughout.
#[derive(Clone, Default)]
pub struct Tls {
    /// Certificate authorities to trust.
    pub ca: Option<Vec<u8>>,
    /// Our certificate chain, for brokers that ask for one.
    pub client_cert: Option<Vec<u8>>,
    /// The key of `client_cert`, PKCS#8.
    pub client_key: Option<SecretString>,
}

impl Tls {
    /// Reads the files that are given. A certificate without its key (or the reverse) is refused.
    pub fn from_files(ca: Option<&Path>, cert: Option<&Path>, key: Option<&Path>) -> Result<Self> {
        if cert.is_some() != key.is_some() {
            return Err(Error::InvalidEndpoint {
                kind: "TLS",
                reason: "a client certificate needs its key and a key its certificate".into(),
            });
        }
        Ok(Self {
            ca: ca.map(read_bytes).transpose()?,
            client_cert: cert.map(read_bytes).transpose()?,
            client_key: key.map(read_text).transpose()?.map(SecretString::from),
        })
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls")
            .field("ca", &self.ca.is_some())
            .field("client_cert", &self.client_cert.is_some())
            .finish_non_exhaustive()
    }
}

fn read_bytes(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(|source| Error::ReadFile { path: path.into(), source })
}

fn read_text(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).map_err(|source| Error::ReadFile { path: path.into(), source })
}

pub(crate) fn read_line(path: &Path) -> Result<String> {
    let mut text = read_text(path)?;
    text.truncate(text.strip_suffix('\n').map_or(text.len(), str::len));
    text.truncate(text.strip_suffix('\r').map_or(text.len(), str::len));
    Ok(text)
}

/// An address of a broker or of a service. Its URL never holds credentials: they are kept apart.
#[derive(Debug, Clone)]
pub struct Endpoint {
    kind: &'static str,
    url: Url,
    /// Who we are there.
    pub credentials: Option<Credentials>,
    /// How we trust and are trusted.
    pub tls: Tls,
    /// A file that holds the token a service asks for. It is read for each request: it may be replaced.
    pub(crate) token_file: Option<PathBuf>,
}

impl Endpoint {
    /// Parses `amqp://` and `amqps://` URIs; user and password in them are taken out.
    pub fn amqp(uri: &str) -> Result<Self> {
        Self::parse("AMQP", &["amqp", "amqps"], uri)
    }

    /// Parses the address of the management API.
    pub fn management(url: &str) -> Result<Self> {
        Self::parse("management", &["http", "https"], url)
    }

    /// Parses the address of one node's Prometheus port.
    pub fn metrics(url: &str) -> Result<Self> {
        Self::parse("metrics", &["http", "https"], url)
    }

    /// Parses the address of a service beside the broker, such as the proof service.
    pub fn service(url: &str) -> Result<Self> {
        Self::parse(SERVICE, &["http", "https"], url)
    }

    /// Whether a broker answers there.
    pub(crate) fn is_of_broker(&self) -> bool {
        self.kind != SERVICE
    }

    fn parse(kind: &'static str, schemes: &[&str], text: &str) -> Result<Self> {
        let refuse = |reason: String| Error::InvalidEndpoint { kind, reason };
        let mut url = Url::parse(text.trim()).map_err(|error| refuse(error.to_string()))?;
        if !schemes.contains(&url.scheme()) {
            let known = schemes.join("` or `");
            return Err(refuse(format!("its scheme is `{}`, not `{known}`", url.scheme())));
        }
        if url.host_str().is_none_or(str::is_empty) {
            return Err(refuse("it names no host".into()));
        }
        let credentials = take_credentials(&mut url).map_err(refuse)?;
        Ok(Self { kind, url, credentials, tls: Tls::default(), token_file: None })
    }

    /// The same address of a service that asks for the token in this file.
    #[must_use]
    pub fn with_token_file(mut self, file: Option<PathBuf>) -> Self {
        self.token_file = file;
        self
    }

    /// The same address with credentials from elsewhere, if any are given.
    #[must_use]
    pub fn with_credentials(mut self, credentials: Option<Credentials>) -> Self {
        self.credentials = credentials.or(self.credentials);
        self
    }

    /// The same address with this TLS material.
    #[must_use]
    pub fn with_tls(mut self, tls: Tls) -> Self {
        self.tls = tls;
        self
    }

    /// The same broker by another way: a forward on this machine that speaks TLS itself where the
    /// broker wants it.
    #[must_use]
    pub fn through(&self, local: SocketAddr) -> Self {
        let mut other = self.clone();
        let plain = if self.url.scheme().starts_with("amqp") { "amqp" } else { "http" };
        // The setters fail on other kinds of schemes and on URLs without a host; `parse` refuses both.
        let _ = other.url.set_scheme(plain);
        let _ = other.url.set_ip_host(local.ip());
        let _ = other.url.set_port(Some(local.port()));
        other
    }

    /// The address without credentials.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// True if what we say there can be read on the way.
    #[must_use]
    pub fn is_plaintext(&self) -> bool {
        matches!(self.url.scheme(), "amqp" | "http")
    }

    /// The vhost an AMQP URI names.
    pub fn vhost(&self) -> Result<VhostName> {
        VhostName::from_uri_path(self.url.path())
            .map_err(|error| Error::InvalidEndpoint { kind: self.kind, reason: error.to_string() })
    }

    /// The AMQP URI of another vhost, with credentials: for the client library's eyes only.
    pub(crate) fn secret_uri(&self, vhost: &VhostName) -> SecretString {
        let mut url = self.url.clone();
        url.set_path(&format!("/{}", vhost.url_encoded()));
        if let Some(credentials) = &self.credentials {
            // The setters fail only on URLs without a host, which `parse` refuses.
            let _ = url.set_username(&credentials.user);
            let _ = url.set_password(Some(credentials.password.expose_secret()));
        }
        url.to_string().into()
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.url.as_str())
    }
}

fn take_credentials(url: &mut Url) -> Result<Option<Credentials>, String> {
    let decode = |text: &str| {
        let decoded = percent_decode_str(text).decode_utf8();
        decoded.map(Cow::into_owned).map_err(|_| "its credentials are not UTF-8".to_owned())
    };
    let user = decode(url.username())?;
    let password = decode(url.password().unwrap_or_default())?;
    if user.is_empty() && password.is_empty() {
        return Ok(None);
    }
    let failed = |()| "its credentials cannot be taken out".to_owned();
    url.set_username("").map_err(failed)?;
    url.set_password(None).map_err(failed)?;
    Ok(Some(Credentials { user, password: password.into() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_printed_holds_the_password() {
        let endpoint = Endpoint::amqp("amqps://zero:s%2Fcr%3Ft@broker:5671/proofs").unwrap();
        let credentials = endpoint.credentials.as_ref().unwrap();
        assert_eq!(credentials.user, "zero");
        assert_eq!(credentials.password.expose_secret(), "s/cr?t");
        let printed = format!("{endpoint} {endpoint:?} {}", endpoint.url());
        assert!(!printed.contains("s/cr") && !printed.contains("s%2Fcr"), "{printed}");
        assert_eq!(endpoint.vhost().unwrap().as_str(), "proofs");
    }

    #[test]
    fn the_uri_for_the_client_library_carries_vhost_and_credentials() {
        let endpoint = Endpoint::amqp("amqp://u:p%40ss@h:1/").unwrap();
        let uri = endpoint.secret_uri(&VhostName::new("a/b").unwrap());
        assert_eq!(uri.expose_secret(), "amqp://u:p%40ss@h:1/a%2Fb");
    }

    #[test]
    fn addresses_that_cannot_be_used_are_refused_without_repeating_them() {
        for (text, words) in [
            ("http://u:hunter2@h", "scheme is `http`"),
            ("amqp://", "host"),
            ("hunter2", "relative URL"),
        ] {
            let message = Endpoint::amqp(text).unwrap_err().to_string();
            assert!(message.contains(words), "{message}");
            assert!(!message.contains("hunter2"), "{message}");
        }
    }

    #[test]
    fn another_way_keeps_the_vhost_and_who_we_are() {
        let local = "127.0.0.1:4711".parse().unwrap();
        let by = |endpoint: Endpoint| endpoint.through(local);
        let amqp = by(Endpoint::amqp("amqps://u:p@rabbitmq.provers:5671/a%2Fb").unwrap());
        assert_eq!(amqp.url().as_str(), "amqp://127.0.0.1:4711/a%2Fb");
        assert_eq!(amqp.credentials.unwrap().user, "u");
        let management = by(Endpoint::management("https://rabbitmq/below").unwrap());
        assert_eq!(management.url().as_str(), "http://127.0.0.1:4711/below");
    }

    #[test]
    fn a_certificate_without_its_key_is_refused() {
        assert!(Tls::from_files(None, Some(Path::new("c.pem")), None).is_err());
    }
}
