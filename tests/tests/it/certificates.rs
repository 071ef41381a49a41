//! Certificates made on the fly: an authority of one's own and what it signs.

use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose, date_time_ymd,
};

/// An authority.
pub(crate) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// A certificate and its key, PEM.
#[derive(Clone)]
pub(crate) struct Pair {
    pub(crate) cert: String,
    pub(crate) key: String,
}

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap());
        Self { issuer: issuer.unwrap() }
    }

    /// The authority's own certificate.
    pub(crate) fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// A server's certificate for these names and addresses.
    pub(crate) fn server(&self, names: &[&str]) -> Pair {
        self.sign(names, ExtendedKeyUsagePurpose::ServerAuth, false)
    }

    /// A server's certificate that was good once.
    pub(crate) fn expired(&self, names: &[&str]) -> Pair {
        self.sign(names, ExtendedKeyUsagePurpose::ServerAuth, true)
    }

    /// A client's certificate.
    pub(crate) fn client(&self, name: &str) -> Pair {
        self.sign(&[name], ExtendedKeyUsagePurpose::ClientAuth, false)
    }

    /// A client's certificate that was good once.
    pub(crate) fn expired_client(&self, name: &str) -> Pair {
        self.sign(&[name], ExtendedKeyUsagePurpose::ClientAuth, true)
    }

    fn sign(&self, names: &[&str], purpose: ExtendedKeyUsagePurpose, expired: bool) -> Pair {
        let names = names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let mut params = CertificateParams::new(names.clone()).unwrap();
        params.distinguished_name.push(DnType::CommonName, names[0].clone());
        params.extended_key_usages = vec![purpose];
        if expired {
            params.not_before = date_time_ymd(2020, 1, 1);
            params.not_after = date_time_ymd(2021, 1, 1);
        }
        let key = KeyPair::generate().unwrap();
        let cert = params.signed_by(&key, &self.issuer).unwrap();
        Pair { cert: cert.pem(), key: key.serialize_pem() }
    }
}

/// A folder as Kubernetes mounts a Secret: the files are links into a folder behind one link, `..data`, which is
/// turned to new contents at once.
pub(crate) struct MountedSecret {
    folder: tempfile::TempDir,
    version: u32,
}

impl MountedSecret {
    pub(crate) fn new(files: &[(&str, &str)]) -> Self {
        let mut secret = Self { folder: tempfile::tempdir().unwrap(), version: 0 };
        secret.replace(files);
        for (name, _) in files {
            std::os::unix::fs::symlink(Path::new("..data").join(name), secret.path(name)).unwrap();
        }
        secret
    }

    /// Where a file is for those who read it.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// New contents, in one turn of the link.
    pub(crate) fn replace(&mut self, files: &[(&str, &str)]) {
        let old = self.path(&format!("..version-{}", self.version));
        self.version += 1;
        let target = format!("..version-{}", self.version);
        std::fs::create_dir(self.path(&target)).unwrap();
        for (name, text) in files {
            std::fs::write(self.path(&target).join(name), text).unwrap();
        }
        let link = self.path("..data_tmp");
        std::os::unix::fs::symlink(&target, &link).unwrap();
        std::fs::rename(link, self.path("..data")).unwrap();
        let _ = std::fs::remove_dir_all(old);
    }
}
