//! Speaking to what stands at the far end of a forward, in TLS where it wants that.

use std::pin::Pin;
use std::sync::Arc;

use amqp_admin::Tls;
use anyhow::{Context as _, Result};
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use secrecy::ExposeSecret as _;
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream};
use tokio_rustls::TlsConnector;

fn certificates(pem: &[u8]) -> impl Iterator<Item = Result<CertificateDer<'static>, pem::Error>> {
    CertificateDer::pem_slice_iter(pem)
}

/// A stream of bytes in both directions.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send {}
impl<T: AsyncRead + AsyncWrite + Send> Stream for T {}

/// How the far end is spoken to.
#[derive(Clone)]
pub(super) enum FarEnd {
    Plain,
    Tls(TlsConnector, ServerName<'static>),
}

impl FarEnd {
    /// TLS with the name that the far end's certificate holds.
    pub(super) fn tls(name: &str, tls: &Tls) -> Result<Self> {
        let mut roots = RootCertStore::empty();
        for certificate in certificates(tls.ca.as_deref().unwrap_or_default()) {
            let certificate =
                certificate.context("the broker's certificate authority is no PEM")?;
            roots.add(certificate).context("the broker's certificate authority cannot be used")?;
        }
        let config = ClientConfig::builder().with_root_certificates(roots);
        let config = match tls.client_cert.as_ref().zip(tls.client_key.as_ref()) {
            None => config.with_no_client_auth(),
            Some((chain, key)) => {
                let chain = certificates(chain).collect::<Result<_, _>>();
                let chain = chain.context("our certificate is no PEM")?;
                let key = PrivateKeyDer::from_pem_slice(key.expose_secret().as_bytes());
                let key = key.context("the key of our certificate is no PEM")?;
                config.with_client_auth_cert(chain, key).context("our certificate is refused")?
            }
        };
        let name = ServerName::try_from(name.to_owned())
            .with_context(|| format!("`{name}` cannot stand in a certificate"))?;
        Ok(Self::Tls(TlsConnector::from(Arc::new(config)), name))
    }

    pub(super) async fn speak(&self, stream: DuplexStream) -> Result<Pin<Box<dyn Stream>>> {
        match self {
            Self::Plain => Ok(Box::pin(stream)),
            Self::Tls(connector, name) => {
                let spoken = connector.connect(name.clone(), stream).await;
                let spoken = spoken
                    .with_context(|| format!("no TLS with `{}` at the far end", name.to_str()))?;
                Ok(Box::pin(spoken))
            }
        }
    }
}
