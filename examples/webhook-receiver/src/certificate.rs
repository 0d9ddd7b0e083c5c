use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

use crate::of;

/// A certificate for one host, by an authority that signs nothing else.
#[derive(Debug)]
pub struct Certificate {
    chain: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
    /// The authority in PEM: what Muster is told to trust.
    pub authority: String,
}

impl Certificate {
    /// For this host, by a new authority.
    pub fn make(host: &str) -> io::Result<Self> {
        Self::by(KeyPair::generate().map_err(io::Error::other)?, host)
    }

    /// For this host, by the authority with the key in this file: who trusts it does so after a restart too.
    pub fn kept(host: &str, key_file: &Path) -> io::Result<Self> {
        Self::by(authority_key(key_file)?, host)
    }

    fn by(key: KeyPair, host: &str) -> io::Result<Self> {
        let mut params = CertificateParams::new(Vec::new()).map_err(io::Error::other)?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, key).map_err(io::Error::other)?;
        let key = KeyPair::generate().map_err(io::Error::other)?;
        let params = CertificateParams::new(vec![host.to_owned()]).map_err(io::Error::other)?;
        let certificate = params.signed_by(&key, &authority).map_err(io::Error::other)?;
        let key = PrivateKeyDer::try_from(key.serialize_der()).map_err(io::Error::other)?;
        Ok(Self { chain: certificate.der().clone(), key, authority: authority.pem() })
    }

    /// What takes connections with it.
    pub fn acceptor(&self) -> io::Result<TlsAcceptor> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let chain = vec![self.chain.clone()];
        let config =
            config.and_then(|config| config.with_no_client_auth().with_single_cert(chain, self.key.clone_key()));
        Ok(TlsAcceptor::from(Arc::new(config.map_err(io::Error::other)?)))
    }
}

/// The key of an authority, in a file that is made with one if it is not there, and that only its owner reads.
pub fn authority_key(file: &Path) -> io::Result<KeyPair> {
    let pem = match fs::read_to_string(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let pem = KeyPair::generate().map_err(io::Error::other)?.serialize_pem();
            let made = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(file);
            made.and_then(|mut new| new.write_all(pem.as_bytes())).map_err(|error| of(file.display(), &error))?;
            pem
        }
        read => read.map_err(|error| of(file.display(), &error))?,
    };
    KeyPair::from_pem(&pem).map_err(|_| io::Error::other(format!("{}: it has no key of an authority", file.display())))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use rustls::RootCertStore;
    use rustls::pki_types::pem::PemObject as _;

    use super::*;

    #[test]
    fn who_trusts_a_kept_authority_goes_on_trusting_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ca.pem.key");
        let trusted = |certificate: &Certificate| {
            let mut roots = RootCertStore::empty();
            roots.add(CertificateDer::from_pem_slice(certificate.authority.as_bytes()).unwrap()).unwrap();
            roots.roots
        };

        let [first, again] = [(); 2].map(|()| Certificate::kept("receiver.example", &file).unwrap());

        assert_eq!(trusted(&first), trusted(&again));
        assert_ne!(trusted(&first), trusted(&Certificate::make("receiver.example").unwrap()));
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        fs::write(&file, "nothing").unwrap();
        let refused = Certificate::kept("receiver.example", &file).unwrap_err().to_string();
        assert!(refused.ends_with("ca.pem.key: it has no key of an authority"), "{refused}");
    }
}
