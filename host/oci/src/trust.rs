//! Whose certificates count, and why one does not.

use std::error::Error;
use std::fmt;
use std::io;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{CertificateError, ClientConfig, RootCertStore};

use crate::OciError;

/// Authorities whose certificates count beside those that the machine trusts: for a private registry.
#[derive(Clone)]
pub struct Authorities(RootCertStore);

impl Authorities {
    /// Of their own certificates, in PEM.
    pub fn parse(pem: &[u8]) -> Result<Self, OciError> {
        let wrong = |why: &str| OciError::Authorities(format!("it holds no certificate of an authority in PEM{why}"));
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            let certificate = certificate.map_err(|error| wrong(&format!(": {error}")))?;
            roots.add(certificate).map_err(|error| wrong(&format!(": {error}")))?;
        }
        if roots.is_empty() { Err(wrong("")) } else { Ok(Self(roots)) }
    }
}

impl fmt::Debug for Authorities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Authorities({})", self.0.len())
    }
}

/// How https is spoken.
pub(crate) fn config(authorities: Option<&Authorities>) -> Result<ClientConfig, OciError> {
    let mut roots = authorities.map_or_else(RootCertStore::empty, |Authorities(roots)| roots.clone());
    // What the machine has and nobody understands is passed over: with nothing left, a certificate is refused when one comes.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let config = ClientConfig::builder_with_provider(rustls::crypto::ring::default_provider().into());
    let config = config.with_safe_default_protocol_versions();
    let config = config.map_err(|error| OciError::Authorities(format!("https cannot be spoken: {error}")))?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

/// Why a certificate was refused, if it is that what an error says.
pub(crate) fn refused(error: &(dyn Error + 'static)) -> Option<String> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(rustls::Error::InvalidCertificate(why)) = error.downcast_ref() {
            return Some(told(why));
        }
        // An I/O error does not name what it wraps as its cause.
        next = match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(wrapped) => Some(wrapped),
            None => error.source(),
        };
    }
    None
}

fn told(why: &CertificateError) -> String {
    match why {
        CertificateError::UnknownIssuer => "nobody whom this machine trusts has signed it".to_owned(),
        CertificateError::BadSignature => "its signature is not that of whom it names".to_owned(),
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "it is for another name".to_owned()
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "it has expired".to_owned(),
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => "it is not valid yet".to_owned(),
        other => other.to_string(),
    }
}
