//! What the RFC knows and this server does not do yet: 501, as RFC 7644 §3.11 and table 8 have it, and `ServiceProviderConfig` says so too.

use axum::routing::{MethodRouter, any};
use muster_service::ScimError;

use crate::Wire;
use crate::error::Refusal;
use crate::tenant::Authenticated;

/// `/Me` (RFC 7644 §3.11).
pub(crate) fn me() -> MethodRouter<Wire> {
    any(async |_: Authenticated| Refusal(ScimError::NotImplemented { what: "/Me" }))
}

/// `/Bulk` (RFC 7644 §3.7).
pub(crate) fn bulk() -> MethodRouter<Wire> {
    any(async |_: Authenticated| Refusal(ScimError::NotImplemented { what: "/Bulk" }))
}

/// `/.search` (RFC 7644 §3.4.3).
pub(crate) fn search() -> MethodRouter<Wire> {
    any(async |_: Authenticated| Refusal(ScimError::NotImplemented { what: "POST /.search" }))
}
