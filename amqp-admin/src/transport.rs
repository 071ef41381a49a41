//! One HTTP GET with bounds: time, bytes, no redirects. Shared by the clients of the management
//! API, of metrics ports and of services.

use std::time::Duration;

use reqwest::{Certificate, Client, Identity, Response, StatusCode, redirect};
use secrecy::ExposeSecret;

use crate::endpoint::{Endpoint, read_line};
use crate::error::{Error, Result};

/// The broker's listeners drop a connection that idles for about 60 s; ours is gone before.
const IDLE_CONNECTION: Duration = Duration::from_secs(45);

/// How much of a refusal's body an error repeats.
const REASON_CHARS: usize = 160;

/// An HTTP client for one address.
#[derive(Debug, Clone)]
pub(crate) struct Transport {
    client: Client,
    endpoint: Endpoint,
    timeout: Duration,
}

impl Transport {
    /// `timeout` bounds each whole answer, from connect to the last byte.
    pub(crate) fn new(endpoint: Endpoint, timeout: Duration) -> Result<Self> {
        let tls = |source: reqwest::Error| Error::Tls {
            endpoint: endpoint.to_string(),
            source: source.into(),
        };
        let mut builder = Client::builder()
            .redirect(redirect::Policy::none())
            .pool_idle_timeout(IDLE_CONNECTION)
            .user_agent(concat!("zero-prover-infra/", env!("CARGO_PKG_VERSION")));
        if let Some(ca) = &endpoint.tls.ca {
            let bundle = Certificate::from_pem_bundle(ca).map_err(tls)?;
            builder = builder.tls_certs_merge(bundle);
        }
        if let Some((cert, key)) =
            endpoint.tls.client_cert.as_ref().zip(endpoint.tls.client_key.as_ref())
        {
            let pem = [cert, b"\n".as_slice(), key.expose_secret().as_bytes()].concat();
            builder = builder.identity(Identity::from_pem(&pem).map_err(tls)?);
        }
        let client = builder.build().map_err(tls)?;
        Ok(Self { client, endpoint, timeout })
    }

    /// The address of `path_and_query` below the endpoint, for requests and for errors.
    pub(crate) fn url(&self, path_and_query: &str) -> String {
        format!("{}{path_and_query}", self.endpoint.url().as_str().trim_end_matches('/'))
    }

    /// Starts a GET. Anything but a success status is an error with the broker's words in it.
    pub(crate) async fn get(&self, path_and_query: &str) -> Result<Answer> {
        let url = self.url(path_and_query);
        let mut request = self.client.get(&url).timeout(self.timeout);
        if let Some(credentials) = &self.endpoint.credentials {
            request =
                request.basic_auth(&credentials.user, Some(credentials.password.expose_secret()));
        }
        if let Some(file) = &self.endpoint.token_file {
            request = request.bearer_auth(read_line(file)?);
        }
        let failed = |error| self.failure(&url, error);
        let response = request.send().await.map_err(failed)?;
        let of_broker = self.endpoint.is_of_broker();
        let mut answer = Answer { response, url, limit: self.timeout, of_broker };
        if !answer.response.status().is_success() {
            return Err(answer.refusal().await);
        }
        Ok(answer)
    }

    fn failure(&self, url: &str, error: reqwest::Error) -> Error {
        failure(url, self.timeout, error)
    }
}

fn failure(url: &str, limit: Duration, error: reqwest::Error) -> Error {
    if error.is_timeout() {
        return Error::Timeout { url: url.into(), limit };
    }
    // The URL stands in our own message; reqwest's would repeat it.
    Error::Request { url: url.into(), source: error.without_url().into() }
}

/// An answer whose head has come; the body comes in pieces.
pub(crate) struct Answer {
    response: Response,
    pub(crate) url: String,
    limit: Duration,
    of_broker: bool,
}

impl Answer {
    /// The next piece of the body.
    pub(crate) async fn chunk(&mut self) -> Result<Option<impl AsRef<[u8]> + use<>>> {
        self.response.chunk().await.map_err(|error| failure(&self.url, self.limit, error))
    }

    /// The whole body, refused above `limit` bytes.
    pub(crate) async fn body(mut self, limit: usize) -> Result<Vec<u8>> {
        let told = self.response.content_length().and_then(|length| usize::try_from(length).ok());
        let mut body = Vec::with_capacity(told.unwrap_or_default().min(limit));
        while let Some(chunk) = self.chunk().await? {
            body.extend_from_slice(chunk.as_ref());
            if body.len() > limit {
                return Err(Error::TooLarge { url: self.url, limit });
            }
        }
        Ok(body)
    }

    async fn refusal(&mut self) -> Error {
        let status = self.response.status();
        let mut words = Vec::new();
        while words.len() < REASON_CHARS * 4 {
            match self.chunk().await {
                Ok(Some(chunk)) => words.extend_from_slice(chunk.as_ref()),
                Ok(None) | Err(_) => break,
            }
        }
        let words = printable(&String::from_utf8_lossy(&words));
        let reason = match hint(status, self.of_broker) {
            Some(hint) => format!("{words}; {hint}"),
            None => words,
        };
        Error::Status { url: self.url.clone(), status: status.as_u16(), reason }
    }
}

fn printable(text: &str) -> String {
    let text: String = text.chars().filter(|c| !c.is_control()).take(REASON_CHARS).collect();
    if text.trim().is_empty() { "no reason given".into() } else { text }
}

fn hint(status: StatusCode, of_broker: bool) -> Option<&'static str> {
    match status {
        status if status.is_redirection() => {
            Some("redirects are not followed; give the final address")
        }
        _ if !of_broker => None,
        StatusCode::UNAUTHORIZED => Some(
            "check user and password, the tag `management` and a permission entry on the vhost",
        ),
        StatusCode::FORBIDDEN => Some("the user lacks a permission on this vhost"),
        StatusCode::NOT_FOUND => {
            Some("check the vhost's name and that the address is the right one")
        }
        _ => None,
    }
}
