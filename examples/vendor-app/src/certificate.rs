use std::io;
use std::path::Path;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use tokio_rustls::TlsAcceptor;
use webhook_receiver::authority_key;

/// The hosts that Muster is told to find here: where the plugins call, and where webhooks go.
pub const HOSTS: [&str; 4] = ["api.poggio.io", "api.secoda.co", "api.applivery.io", "product.example"];

/// What serves https for the [`HOSTS`], and the authority in PEM that has signed for them. Its key is kept in this file, so that who trusts it
/// does so after a restart too.
pub(crate) fn make(key_file: &Path) -> io::Result<(TlsAcceptor, String)> {
    let mut params = CertificateParams::new(Vec::new()).map_err(io::Error::other)?;
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    // Another name than that of the certificate, which some would otherwise take for one that has signed itself.
    params.distinguished_name.push(DnType::CommonName, "the authority of vendor-app");
    let authority = CertifiedIssuer::self_signed(params, authority_key(key_file)?).map_err(io::Error::other)?;
    let key = KeyPair::generate().map_err(io::Error::other)?;
    let params = CertificateParams::new(HOSTS.map(str::to_owned)).map_err(io::Error::other)?;
    let certificate = params.signed_by(&key, &authority).map_err(io::Error::other)?;
    let key = PrivateKeyDer::try_from(key.serialize_der()).map_err(io::Error::other)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let chain = vec![certificate.der().clone()];
    let config = config.and_then(|config| config.with_no_client_auth().with_single_cert(chain, key));
    Ok((TlsAcceptor::from(Arc::new(config.map_err(io::Error::other)?)), authority.pem()))
}
