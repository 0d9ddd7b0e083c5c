//! Whose certificates count, and why one does not.

use std::fmt;
use std::io;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{CertificateError, ClientConfig, RootCertStore};

/// Authorities whose certificates count beside those that the machine trusts.
#[derive(Clone)]
pub struct Authorities(RootCertStore);

/// Why bytes are no authorities.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("it holds no certificate of an authority in PEM")]
pub struct InvalidAuthorities;

impl Authorities {
    /// Of their own certificates, in PEM.
    pub fn parse(pem: &[u8]) -> Result<Self, InvalidAuthorities> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            roots.add(certificate.map_err(|_| InvalidAuthorities)?).map_err(|_| InvalidAuthorities)?;
        }
        if roots.is_empty() { Err(InvalidAuthorities) } else { Ok(Self(roots)) }
    }
}

impl fmt::Debug for Authorities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Authorities({})", self.0.len())
    }
}

/// How https is spoken: HTTP/1.1, and TLS 1.2 or 1.3.
pub(crate) fn config(authorities: Option<&Authorities>) -> Result<ClientConfig, rustls::Error> {
    let mut roots = authorities.map_or_else(RootCertStore::empty, |Authorities(roots)| roots.clone());
    // What the machine has and nobody understands is passed over: with nothing left, a certificate is refused when one comes.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let config = ClientConfig::builder_with_provider(rustls::crypto::ring::default_provider().into());
    let mut config = config.with_safe_default_protocol_versions()?.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    // Sessions would tell one tenant's requests from another's, and that they come from the same place.
    config.resumption = rustls::client::Resumption::disabled();
    Ok(config)
}

/// Why a certificate was refused, if it is that what an error says.
pub(crate) fn refused(error: &io::Error) -> Option<&'static str> {
    let Some(rustls::Error::InvalidCertificate(why)) = error.get_ref().and_then(|inner| inner.downcast_ref()) else {
        return None;
    };
    Some(match why {
        CertificateError::UnknownIssuer => "nobody whom this machine trusts has signed it",
        CertificateError::BadSignature => "its signature is not that of whom it names",
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => "it is for another name",
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "it has expired",
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => "it is not valid yet",
        _ => "it is not valid",
    })
}
