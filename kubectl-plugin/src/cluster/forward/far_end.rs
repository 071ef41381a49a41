//! Speaking to what stands at the far end of a forward, in TLS where it wants that.

use std::pin::Pin;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream};
use tokio_rustls::TlsConnector;

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
    /// TLS with the name that the far end's certificate holds. `ca` is PEM.
    pub(super) fn tls(name: &str, ca: &[u8]) -> Result<Self> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(ca) {
            let certificate =
                certificate.context("the broker's certificate authority is no PEM")?;
            roots.add(certificate).context("the broker's certificate authority cannot be used")?;
        }
        let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
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
