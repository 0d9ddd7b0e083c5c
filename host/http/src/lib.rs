//! The wire. [`scim_router`] is what identity providers meet, [`admin_router`] what operators meet; [`listen::serve`] is how either is served.
//!
//! A request enters at `edge.rs` (limits, request id, which tenant's base path), is routed in `router.rs` to one file of `scim/`,
//! `admin/` or `directory/`, and every handler there takes a [`muster_service::Caller`], an operator or the vendor's product: without one it
//! cannot be written.

mod admin;
mod directory;
mod edge;
mod error;
mod events;
mod extract;
pub mod listen;
mod refusals;
mod reply;
mod router;
mod scim;
mod tenant;

use std::sync::Arc;
use std::time::Duration;

use muster_model::{Token, TokenHash, TokenKey};
use muster_service::Service;

pub use router::{admin_router, scim_router, with_admin, with_directory};

/// Limits of the wire, each with its unit.
#[derive(Debug, Clone)]
pub struct HttpLimits {
    /// Bytes of a request's body.
    pub body_bytes: usize,
    /// Bytes of a request's path and query.
    pub uri_bytes: usize,
    /// Requests that are worked on at once; one more is told 503.
    pub requests_in_flight: usize,
    /// How long a request may take, its body included.
    pub request_timeout: Duration,
    /// Bytes of a plugin that is pushed.
    pub plugin_bytes: usize,
}

impl Default for HttpLimits {
    fn default() -> Self {
        Self {
            body_bytes: 1 << 20,
            uri_bytes: 16 << 10,
            requests_in_flight: 1024,
            request_timeout: Duration::from_secs(30),
            plugin_bytes: 32 << 20,
        }
    }
}

/// What makes an operator: one key, kept as a hash only.
#[derive(Debug, Clone)]
pub struct AdminKey {
    key: TokenKey,
    hash: TokenHash,
}

impl AdminKey {
    /// Recognises `admin` from now on.
    pub fn new(key: TokenKey, admin: &Token) -> Self {
        let hash = key.hash(admin);
        Self { key, hash }
    }

    fn opens_with(&self, presented: &str) -> bool {
        self.key.hash(&Token::presented(presented)).matches(&self.hash)
    }
}

/// The keys that are good now, as hashes: asked for with each request, because they can change while the server runs.
pub type CurrentKeys = Arc<dyn Fn() -> Arc<[TokenHash]> + Send + Sync>;

/// What makes the vendor's backend: one of a few keys.
#[derive(Clone)]
pub struct DirectoryKeys {
    key: TokenKey,
    current: CurrentKeys,
}

impl DirectoryKeys {
    /// Recognises what `current` says; its hashes are made with `key`.
    pub fn new(key: TokenKey, current: CurrentKeys) -> Self {
        Self { key, current }
    }

    fn presented(&self, text: &str) -> TokenHash {
        self.key.hash(&Token::presented(text))
    }

    fn open_with(&self, presented: &TokenHash) -> bool {
        // Each is compared, so that the time tells nothing of which it was.
        (self.current)().iter().fold(false, |opens, known| opens | presented.matches(known))
    }
}

impl std::fmt::Debug for DirectoryKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DirectoryKeys(hidden)")
    }
}

/// Renders the metrics of this process as Prometheus text.
pub type RenderMetrics = Arc<dyn Fn() -> String + Send + Sync>;

/// What the routers are made of.
#[derive(Clone)]
pub struct Wire {
    /// The use cases.
    pub service: Arc<Service>,
    /// How much of everything.
    pub limits: HttpLimits,
    /// Who is an operator.
    pub admin_key: AdminKey,
    /// Who is the vendor's backend.
    pub directory_keys: DirectoryKeys,
    /// What `/metrics` answers.
    pub metrics: RenderMetrics,
    /// The origin that clients know the server by (`https://scim.example.com`); `None`: what their `Host` header says.
    pub public_origin: Option<String>,
    /// The origin of the SCIM surface as operators are told it.
    pub scim_origin: String,
}

impl std::fmt::Debug for Wire {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Wire").field("limits", &self.limits).finish_non_exhaustive()
    }
}
