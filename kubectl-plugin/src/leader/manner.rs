//! How a proof service is spoken to: whom we trust there, who we are, and how long we wait.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Certificate, Client};
use secrecy::{ExposeSecret as _, SecretString};

use super::LeaderArgs;

/// How a proof service is spoken to.
#[derive(Debug, Clone)]
pub(crate) struct Manner {
    /// Bounds each answer from memory, and each silence within a longer one.
    pub(crate) limit: Duration,
    /// Certificate authorities to trust besides the system's, PEM.
    pub(crate) ca: Option<Vec<u8>>,
    /// What says who we are.
    pub(crate) token: Option<SecretString>,
}

impl Manner {
    /// As the command line says; `ca_file` is the broker's option.
    pub(crate) fn of(args: &LeaderArgs, ca_file: Option<&Path>, limit: Duration) -> Result<Self> {
        let ca = ca_file.map(|path| {
            std::fs::read(path).with_context(|| format!("cannot read `{}`", path.display()))
        });
        Ok(Self { limit, ca: ca.transpose()?, token: args.token()? })
    }

    /// A client that speaks so.
    pub(super) fn client(&self) -> Result<Client> {
        let mut client = Client::builder().connect_timeout(self.limit).redirect(Policy::none());
        if let Some(ca) = &self.ca {
            let bundle =
                Certificate::from_pem_bundle(ca).context("--ca-file holds no certificates")?;
            client = client.tls_certs_merge(bundle);
        }
        if let Some(token) = &self.token {
            let mut value = HeaderValue::from_str(&format!("Bearer {}", token.expose_secret()))
                .context(
                    "the token for the proof service is none: it has to be one line of ASCII",
                )?;
            value.set_sensitive(true);
            client = client.default_headers(HeaderMap::from_iter([(AUTHORIZATION, value)]));
        }
        client.build().context("cannot make a client for the proof service")
    }
}

/// The one line of a file that holds a token.
pub(super) fn token_in(path: &Path) -> Result<SecretString> {
    let text = std::fs::read_to_string(path);
    let text = text.with_context(|| format!("cannot read `{}`", path.display()))?;
    token_of(&text).with_context(|| format!("`{}` holds no token", path.display()))
}

/// PURE: a token without the end of its line.
pub(crate) fn token_of(text: &str) -> Result<SecretString> {
    let token = text.trim();
    if token.is_empty() || token.contains(char::is_whitespace) {
        bail!("a token is one word");
    }
    Ok(SecretString::from(token))
}
