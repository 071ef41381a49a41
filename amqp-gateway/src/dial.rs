//! Connecting to an address of the broker, plain or with TLS.

use std::sync::Arc;

use amqp_admin::Endpoint;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use secrecy::ExposeSecret;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::error::{Error, Result};
use crate::link::{Link, Socket};
use crate::trouble::Trouble;

/// The ports of AMQP, plain and with TLS.
const PORTS: (u16, u16) = (5672, 5671);

/// An address of the broker, ready to be connected to.
pub(crate) struct Address {
    pub(crate) endpoint: Endpoint,
    tls: Option<TlsConnector>,
}

impl Address {
    /// Reads the certificates, if the address wants any.
    pub(crate) fn new(endpoint: Endpoint) -> Result<Self> {
        let tls = if endpoint.is_plaintext() { None } else { Some(connector(&endpoint)?) };
        Ok(Self { endpoint, tls })
    }

    pub(crate) async fn connect(&self) -> Result<Link, Trouble> {
        let url = self.endpoint.url();
        let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
        let stock = if self.tls.is_some() { PORTS.1 } else { PORTS.0 };
        let stream = TcpStream::connect((host.as_str(), url.port().unwrap_or(stock))).await?;
        stream.set_nodelay(true)?;
        let socket: Box<dyn Socket> = match &self.tls {
            None => Box::new(stream),
            Some(tls) => {
                let name = ServerName::try_from(host).map_err(|_| Trouble::ServerName)?;
                Box::new(tls.connect(name, stream).await?)
            }
        };
        Ok(Link::new(socket))
    }
}

fn connector(endpoint: &Endpoint) -> Result<TlsConnector> {
    let refused = |reason: String| Error::Tls { endpoint: endpoint.to_string(), reason };
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(ca) = &endpoint.tls.ca {
        for certificate in CertificateDer::pem_slice_iter(ca) {
            let certificate = certificate.map_err(|error| refused(error.to_string()))?;
            roots.add(certificate).map_err(|error| refused(error.to_string()))?;
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| refused(error.to_string()))?
        .with_root_certificates(roots);
    let ours = endpoint.tls.client_cert.as_ref().zip(endpoint.tls.client_key.as_ref());
    let config = match ours {
        None => builder.with_no_client_auth(),
        Some((chain, key)) => {
            let chain = CertificateDer::pem_slice_iter(chain).collect::<Result<Vec<_>, _>>();
            let chain = chain.map_err(|error| refused(error.to_string()))?;
            // The error of a key that cannot be read could repeat a part of it.
            let key = PrivateKeyDer::from_pem_slice(key.expose_secret().as_bytes())
                .map_err(|_| refused("the client's key is not PEM".into()))?;
            let config = builder.with_client_auth_cert(chain, key);
            config.map_err(|error| refused(error.to_string()))?
        }
    };
    Ok(TlsConnector::from(Arc::new(config)))
}
