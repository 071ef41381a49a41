//! TLS on the gRPC port: a key pair and, if callers must show a certificate, their authorities.
//! The files are read again and again; new contents count for the connections made after that.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::sync::watch;

/// Between two looks at the files. Contents are compared, not times: Kubernetes replaces a mounted
/// Secret by turning a symbolic link, and the new files may be older than the ones before.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// What gRPC over TLS is called in the handshake; KEDA's client insists on it.
const ALPN: &[u8] = b"h2";

/// Where the key pair and the callers' authorities are, all PEM.
#[derive(Debug, Clone)]
pub struct TlsFiles {
    /// Our certificate and what stands between it and its authority.
    pub cert: PathBuf,
    /// The key of our certificate.
    pub key: PathBuf,
    /// With these, only callers are served that show a certificate of one of them.
    pub client_ca: Option<PathBuf>,
}

/// What the files held at one look.
#[derive(PartialEq, Eq)]
struct Contents {
    cert: Vec<u8>,
    key: Vec<u8>,
    client_ca: Option<Vec<u8>>,
}

/// The TLS of the gRPC port, as of the last good look at its files. Cheap to clone.
#[derive(Clone)]
pub struct Tls {
    files: Arc<TlsFiles>,
    current: watch::Sender<Arc<Current>>,
}

struct Current {
    contents: Contents,
    config: Arc<ServerConfig>,
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("files", &self.files).finish_non_exhaustive()
    }
}

impl Tls {
    /// Reads the files; here, at the start, anything wrong with them is an error.
    pub fn load(files: TlsFiles) -> Result<Self> {
        let contents = Contents::read(&files)?;
        let config = contents.config(&files)?;
        let current = watch::Sender::new(Arc::new(Current { contents, config }));
        Ok(Self { files: Arc::new(files), current })
    }

    /// What a handshake that begins now goes by.
    #[must_use]
    pub fn config(&self) -> Arc<ServerConfig> {
        self.current.borrow().config.clone()
    }

    /// Follows the files for ever. What cannot be used changes nothing but the log.
    pub async fn follow(&self) {
        let mut trouble = Trouble::default();
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            match self.look() {
                Ok(Look::Unchanged) => trouble = Trouble::default(),
                Ok(Look::Replaced) => {
                    trouble = Trouble::default();
                    tracing::info!(
                        "the TLS files of the gRPC port changed; new connections use the new ones"
                    );
                }
                Err(error) if trouble.is_lasting(&format!("{error:#}")) => {
                    tracing::warn!(error = %format!("{error:#}"), "the new TLS files of the gRPC port cannot be used; the old ones stay in use");
                }
                Err(_) => {}
            }
        }
    }

    fn look(&self) -> Result<Look> {
        let contents = Contents::read(&self.files)?;
        if contents == self.current.borrow().contents {
            return Ok(Look::Unchanged);
        }
        let config = contents.config(&self.files)?;
        self.current.send_replace(Arc::new(Current { contents, config }));
        Ok(Look::Replaced)
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Look {
    Unchanged,
    Replaced,
}

/// What was wrong at the looks before. A look in the middle of a change finds a certificate
/// without its key: only what is still wrong at the next look is worth a word, and that once.
#[derive(Debug, Default)]
struct Trouble {
    words: String,
    looks: u32,
}

impl Trouble {
    fn is_lasting(&mut self, words: &str) -> bool {
        if self.words != words {
            *self = Self { words: words.to_owned(), looks: 0 };
        }
        self.looks = self.looks.saturating_add(1);
        self.looks == 2
    }
}

impl Contents {
    fn read(files: &TlsFiles) -> Result<Self> {
        let TlsFiles { cert, key, client_ca } = files;
        let client_ca = client_ca.as_deref().map(read).transpose()?;
        Ok(Self { cert: read(cert)?, key: read(key)?, client_ca })
    }

    fn config(&self, files: &TlsFiles) -> Result<Arc<ServerConfig>> {
        let provider = Arc::new(ring::default_provider());
        let chain = certificates(&self.cert, &files.cert)?;
        let key = PrivateKeyDer::from_pem_slice(&self.key)
            .with_context(|| format!("`{}` holds no private key in PEM", files.key.display()))?;
        let verifier = match self.client_ca.as_deref().zip(files.client_ca.as_deref()) {
            None => WebPkiClientVerifier::no_client_auth(),
            Some((authorities, path)) => callers_of(authorities, path, &provider)?,
        };
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_client_cert_verifier(verifier)
            .with_single_cert(chain, key)
            .with_context(|| {
                let (cert, key) = (files.cert.display(), files.key.display());
                format!("cannot use the certificate `{cert}` with the key `{key}`")
            })?;
        config.alpn_protocols = vec![ALPN.to_vec()];
        Ok(Arc::new(config))
    }
}

fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("cannot read `{}`", path.display()))
}

fn certificates(pem: &[u8], path: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let all = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>();
    let all = all.with_context(|| format!("`{}` is not PEM", path.display()))?;
    ensure!(!all.is_empty(), "`{}` holds no certificate in PEM", path.display());
    Ok(all)
}

fn callers_of(
    pem: &[u8],
    path: &Path,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>> {
    let unusable = || format!("cannot use the authorities of callers in `{}`", path.display());
    let mut roots = RootCertStore::empty();
    for authority in certificates(pem, path)? {
        roots.add(authority).with_context(unusable)?;
    }
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone()).build();
    verifier.with_context(unusable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_look_in_the_middle_of_a_change_is_not_told_and_lasting_trouble_is_told_once() {
        let mut trouble = Trouble::default();
        let told = ["torn", "bad", "bad", "bad", "worse", "worse"].map(|it| trouble.is_lasting(it));
        assert_eq!(told, [false, false, true, false, false, true]);
    }

    #[test]
    fn what_is_wrong_with_a_file_is_told_with_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let files = TlsFiles { cert: path("tls.crt"), key: path("tls.key"), client_ca: None };
        let wrong = || format!("{:#}", Tls::load(files.clone()).unwrap_err());
        assert!(wrong().contains("cannot read") && wrong().contains("tls.crt"), "{}", wrong());
        std::fs::write(&files.cert, "no certificate").unwrap();
        std::fs::write(&files.key, "no key").unwrap();
        assert!(wrong().contains("tls.crt` holds no certificate"), "{}", wrong());
    }
}
