//! The wire. [`scim_router`] is what identity providers meet, [`admin_router`] what operators meet; [`listen::serve`] is how either is served.
//!
//! A request enters at `edge.rs` (limits, request id, which tenant's base path), is routed in `router.rs` to one file of `scim/` or
//! `admin/`, and every handler there takes a [`muster_service::Caller`] or an operator: without one it cannot be written.

mod admin;
mod edge;
mod error;
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

pub use router::{admin_router, scim_router, with_admin};

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
