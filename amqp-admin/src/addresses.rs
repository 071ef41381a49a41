//! Where a broker is, as people write it down: URIs and files of secrets → endpoints.

use std::path::PathBuf;

use secrecy::ExposeSecret;

use crate::endpoint::{Credentials, Endpoint, Tls};
use crate::error::{Error, Result};

/// The port of the management API, plain and with TLS.
const MANAGEMENT_PORTS: [(&str, &str, u16); 2] =
    [("amqp", "http", 15672), ("amqps", "https", 15671)];

/// A broker's addresses and the files that its secrets are in.
#[derive(Debug, Clone, Default)]
pub struct Addresses {
    /// The AMQP URI; may hold credentials.
    pub amqp_uri: String,
    /// The management API; may hold credentials of its own.
    pub management_url: Option<String>,
    /// The metrics ports of all nodes.
    pub metrics_urls: Vec<String>,
    /// A file that holds the user's name.
    pub username_file: Option<PathBuf>,
    /// A file that holds the password.
    pub password_file: Option<PathBuf>,
    /// Certificate authorities to trust besides the system's, PEM.
    pub ca_file: Option<PathBuf>,
    /// Our certificate, PEM.
    pub client_cert_file: Option<PathBuf>,
    /// Its key, PEM, PKCS#8.
    pub client_key_file: Option<PathBuf>,
}

/// The endpoints of a broker, ready to be connected to.
#[derive(Debug, Clone)]
pub struct Endpoints {
    /// AMQP.
    pub amqp: Endpoint,
    /// The management API.
    pub management: Endpoint,
    /// The metrics ports.
    pub metrics: Vec<Endpoint>,
}

impl Addresses {
    /// Reads the files and checks the addresses. Without a management address it is taken to be on
    /// the host of AMQP, at the stock port.
    pub fn resolve(&self) -> Result<Endpoints> {
        let tls = Tls::from_files(
            self.ca_file.as_deref(),
            self.client_cert_file.as_deref(),
            self.client_key_file.as_deref(),
        )?;
        let amqp = Endpoint::amqp(&self.amqp_uri)?.with_tls(tls.clone());
        let credentials = self.credentials(&amqp)?;
        let amqp = amqp.with_credentials(credentials);
        let url = self.management_url.clone().unwrap_or_else(|| beside(&amqp));
        let management = Endpoint::management(&url)?.with_tls(tls.clone());
        // Credentials in the management address win over those of AMQP.
        let own = management.credentials.clone();
        let management = management.with_credentials(own.or(amqp.credentials.clone()));
        let metrics =
            self.metrics_urls.iter().map(|url| Ok(Endpoint::metrics(url)?.with_tls(tls.clone())));
        Ok(Endpoints { metrics: metrics.collect::<Result<_>>()?, amqp, management })
    }

    /// The credentials in the files, the missing half from the URI; `None`: the URI's own.
    fn credentials(&self, amqp: &Endpoint) -> Result<Option<Credentials>> {
        let in_uri = amqp.credentials.as_ref();
        let missing = |what: &str, other: &str, option: &str| Error::InvalidEndpoint {
            kind: "AMQP",
            reason: format!(
                "a {other} file is given, but no {what}: put the {what} into the URI or give {option}"
            ),
        };
        match (self.username_file.as_deref(), self.password_file.as_deref()) {
            (None, None) => Ok(None),
            (Some(user), Some(password)) => Ok(Some(Credentials::from_files(user, password)?)),
            (None, Some(file)) => {
                let user = in_uri.map(|known| known.user.clone()).filter(|user| !user.is_empty());
                let user = user.ok_or_else(|| missing("user", "password", "--username-file"))?;
                let Credentials { password, .. } = Credentials::from_files(file, file)?;
                Ok(Some(Credentials { user, password }))
            }
            (Some(file), None) => {
                let password = in_uri.map(|known| known.password.clone());
                let password = password.filter(|word| !word.expose_secret().is_empty());
                let password =
                    password.ok_or_else(|| missing("password", "user", "--password-file"))?;
                let Credentials { user, .. } = Credentials::from_files(file, file)?;
                Ok(Some(Credentials { user, password }))
            }
        }
    }
}

fn beside(amqp: &Endpoint) -> String {
    let url = amqp.url();
    let (_, scheme, port) = MANAGEMENT_PORTS
        .into_iter()
        .find(|(amqp, ..)| *amqp == url.scheme())
        .unwrap_or(("amqp", "http", 15672));
    format!("{scheme}://{}:{port}", url.host_str().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(folder: &tempfile::TempDir, name: &str, text: &str) -> PathBuf {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    fn user_and_password(endpoint: &Endpoint) -> (String, String) {
        let known = endpoint.credentials.as_ref().unwrap();
        (known.user.clone(), known.password.expose_secret().to_owned())
    }

    #[test]
    fn each_half_of_the_credentials_may_be_in_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let password_file = Some(file(&folder, "password", "s3cret\n"));
        let username_file = Some(file(&folder, "user", "zero\n"));
        let uri = |uri: &str| Addresses { amqp_uri: uri.into(), ..Addresses::default() };
        let both = ("zero".to_owned(), "s3cret".to_owned());
        for addresses in [
            Addresses { password_file: password_file.clone(), ..uri("amqp://zero@h") },
            Addresses { username_file: username_file.clone(), ..uri("amqp://x:s3cret@h") },
            Addresses { username_file, password_file: password_file.clone(), ..uri("amqp://h") },
            uri("amqp://zero:s3cret@h"),
        ] {
            let endpoints = addresses.resolve().unwrap();
            assert_eq!(user_and_password(&endpoints.management), both);
            assert!(!format!("{endpoints:?}").contains("s3cret"));
        }
        let error = Addresses { password_file, ..uri("amqp://h") }.resolve().unwrap_err();
        assert!(error.to_string().contains("--username-file"), "{error}");
    }

    #[test]
    fn the_management_api_is_taken_to_be_beside_amqp() {
        let url = |uri: &str| {
            let addresses = Addresses { amqp_uri: uri.into(), ..Addresses::default() };
            addresses.resolve().unwrap().management.url().to_string()
        };
        assert_eq!(url("amqp://u:p@rabbit:1234/v"), "http://rabbit:15672/");
        assert_eq!(url("amqps://u:p@[::1]/v"), "https://[::1]:15671/");
    }
}
