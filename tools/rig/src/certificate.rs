//! Certificates of an authority that nobody trusts by default.

use std::fs;
use std::path::PathBuf;

use anyhow::Result;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose,
};
use tempfile::TempDir;

/// A private authority, with its certificate and those that it made in files.
#[derive(Debug)]
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: TempDir,
}

impl Authority {
    /// A new one.
    ///
    /// # Errors
    /// When there is no folder for it.
    pub fn new() -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("daybook-authority-").tempdir()?;
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        params.distinguished_name.push(DnType::CommonName, "an authority for tests");
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
        fs::write(folder.path().join("ca.pem"), issuer.pem())?;
        Ok(Self { issuer, folder })
    }

    /// Its own certificate, in PEM.
    #[must_use]
    pub fn certificate(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// The certificate of a server on this machine and its key, in PEM.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn server(&self) -> Result<(PathBuf, PathBuf)> {
        let names = ["localhost", "127.0.0.1"].map(str::to_owned);
        let params = CertificateParams::new(names)?;
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.issuer)?;
        let paths = (self.folder.path().join("server.pem"), self.folder.path().join("key.pem"));
        fs::write(&paths.0, certificate.pem())?;
        fs::write(&paths.1, key.serialize_pem())?;
        Ok(paths)
    }
}
