//! A registry for components, on loopback and in memory: to try things out, and for tests, which have it misbehave ([`Fault`]).
//!
//! `serve.rs` is the wire, `answer.rs` what is answered to which request, after the OCI distribution specification.

mod answer;
mod body;
mod serve;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use answer::MAX_BLOB_BYTES;
pub use body::Fault;

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
    pub async fn start(port: u16, access: Access) -> std::io::Result<Self> {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
        let addr = listener.local_addr()?;
        let (held, fault) = (Mutex::default(), Mutex::default());
        let shared = Arc::new(Shared { access, host: addr.to_string(), held, fault });
        let serving = tokio::spawn(serve::serve(listener, shared.clone()));
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
