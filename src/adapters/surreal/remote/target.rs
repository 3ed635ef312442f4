//! Where a server is, and whose certificates are trusted there.

use std::path::Path;
use std::sync::Arc;

use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt;

use super::version_probe::Probe;
use crate::ports::StoreError;

/// A server.
#[derive(Clone)]
pub(in crate::adapters::surreal) struct Target {
    /// The address for the SDK.
    pub(super) address: String,
    /// For the SDK; without a use where the address is not one of TLS.
    pub(super) tls: ClientConfig,
    /// Its HTTP side.
    pub(in crate::adapters::surreal) probe: Probe,
}

impl Target {
    /// # Errors
    /// [`StoreError::Misconfigured`], naming the setting.
    pub(in crate::adapters::surreal) fn new(
        address: String,
        secure: bool,
        host: &str,
        ca_file: Option<&Path>,
    ) -> Result<Self, StoreError> {
        // Both ways to the server trust the same; by themselves they would not.
        let tls = match (secure, ca_file) {
            (true, Some(path)) => trusting(read(path)?)?,
            (true, None) => trusting_the_system()?,
            (false, Some(_)) => return Err(needless()),
            // Nobody is asked for a certificate, and no roots need be there.
            (false, None) => trusting(RootCertStore::empty())?,
        };
        let probe = Probe::new(secure, host, tls.clone())?;
        Ok(Self { address, tls, probe })
    }
}

/// The certificates in a file.
fn read(path: &Path) -> Result<RootCertStore, StoreError> {
    let bad = |why: &dyn std::fmt::Display| refused(&format!("{}: {why}", path.display()));
    let text = std::fs::read(path).map_err(|error| bad(&error))?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&text) {
        let certificate = certificate.map_err(|error| bad(&error))?;
        roots.add(certificate).map_err(|error| bad(&error))?;
    }
    if roots.is_empty() { Err(bad(&"there is no certificate (PEM) in it")) } else { Ok(roots) }
}

fn trusting(roots: RootCertStore) -> Result<ClientConfig, StoreError> {
    let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()));
    let builder =
        builder.with_safe_default_protocol_versions().map_err(|error| internal(&error))?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

fn trusting_the_system() -> Result<ClientConfig, StoreError> {
    let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()));
    let builder =
        builder.with_safe_default_protocol_versions().map_err(|error| internal(&error))?;
    let verified = builder.with_platform_verifier().map_err(|error| {
        refused(&format!("the system has no certificates to trust, so a file is needed: {error}"))
    })?;
    Ok(verified.with_no_client_auth())
}

/// What to say of a certificate that was refused; `None` where the text is about
/// something else.
pub(super) fn untrusted(text: &str) -> Option<StoreError> {
    text.contains("invalid peer certificate").then(|| {
        refused(&format!(
            "the certificate of the server is not trusted ({text}); the file must hold the \
             certificate of the authority that issued it"
        ))
    })
}

/// What to say where nobody is asked for a certificate.
pub(in crate::adapters::surreal) fn needless() -> StoreError {
    refused("only a server behind TLS (wss://) needs it; remove it")
}

fn refused(why: &str) -> StoreError {
    StoreError::Misconfigured(format!("DB_CA_FILE: {why}"))
}

fn internal(error: &rustls::Error) -> StoreError {
    StoreError::Internal(error.to_string())
}
