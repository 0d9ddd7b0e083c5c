//! A registry for components, on loopback and in memory: to try things out, and for tests, which have it misbehave ([`Fault`]).
//!
//! `serve.rs` is the wire, `answer.rs` what is answered to which request, after the OCI distribution specification, `uploads.rs` what comes in
//! pieces.

mod answer;
mod body;
mod serve;
mod uploads;

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use answer::MAX_BLOB_BYTES;
pub use body::Fault;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

/// A registry that serves until it is dropped.
#[derive(Debug)]
pub struct Registry {
    addr: SocketAddr,
    shared: Arc<Shared>,
    serving: tokio::task::JoinHandle<()>,
}

/// Who may ask.
#[derive(Debug, Clone, Default)]
pub enum Access {
    /// Everybody.
    #[default]
    Open,
    /// Whoever sends this `USER:PASSWORD` with each request.
    Basic(String),
    /// Whoever gets a token for this `USER:PASSWORD`, and sends that.
    Token(String),
}

#[derive(Debug)]
struct Shared {
    access: Access,
    host: String,
    /// `http` or `https`.
    scheme: &'static str,
    held: Mutex<answer::Held>,
    fault: Mutex<Fault>,
}

impl Shared {
    fn held(&self) -> MutexGuard<'_, answer::Held> {
        // What a panicking thread held is still what was pushed.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fault(&self) -> Fault {
        self.fault.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Registry {
    /// Serves on this port of 127.0.0.1; 0: any.
    pub async fn start(port: u16, access: Access) -> io::Result<Self> {
        Self::serving(port, access, None).await
    }

    /// As [`Registry::start`], by https: with a chain of certificates and the key of the first of them, both in PEM.
    pub async fn start_tls(port: u16, access: Access, chain: &[u8], key: &[u8]) -> io::Result<Self> {
        let chain: Vec<_> =
            CertificateDer::pem_slice_iter(chain).collect::<Result<_, _>>().map_err(io::Error::other)?;
        let key = PrivateKeyDer::from_pem_slice(key).map_err(io::Error::other)?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let config = config.and_then(|config| config.with_no_client_auth().with_single_cert(chain, key));
        let acceptor = TlsAcceptor::from(Arc::new(config.map_err(io::Error::other)?));
        Self::serving(port, access, Some(acceptor)).await
    }

    async fn serving(port: u16, access: Access, tls: Option<TlsAcceptor>) -> io::Result<Self> {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
        let addr = listener.local_addr()?;
        let (held, fault) = (Mutex::default(), Mutex::default());
        let scheme = if tls.is_some() { "https" } else { "http" };
        let shared = Arc::new(Shared { access, host: addr.to_string(), scheme, held, fault });
        let serving = tokio::spawn(serve::serve(listener, tls, shared.clone()));
        Ok(Self { addr, shared, serving })
    }

    /// `127.0.0.1:PORT`
    pub fn host(&self) -> String {
        self.addr.to_string()
    }

    /// From now on it misbehaves so.
    pub fn misbehave(&self, fault: Fault) {
        *self.shared.fault.lock().unwrap_or_else(PoisonError::into_inner) = fault;
    }

    /// The requests that it has had: `GET /v2/...`.
    pub fn asked(&self) -> Vec<String> {
        self.shared.held().asked.clone()
    }

    /// The manifest under this repository and tag, or digest.
    pub fn manifest(&self, repository: &str, name: &str) -> Option<Vec<u8>> {
        self.shared.held().manifest(repository, name).map(|bytes| bytes.to_vec())
    }

    /// Puts a manifest there as it is, whatever it is.
    pub fn put_manifest(&self, repository: &str, tag: &str, manifest: &[u8]) {
        self.shared.held().put_manifest(repository, tag, manifest.to_vec().into());
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        self.serving.abort();
    }
}
