use std::sync::Arc;

use muster_model::{Account, Event, Field, RequestId, ResourceId, TenantId, Timestamp};
use serde_json::Value;

use crate::Kind;

/// Where a call comes from.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// Whose request it is.
    pub tenant: &'a TenantId,
    /// Which request it is.
    pub request: &'a RequestId,
    /// The time that the whole request has.
    pub now: Timestamp,
    /// The tenant's configuration of the plugin: an object. Shared, because the call keeps it for as long as the plugin may ask.
    pub config: &'a Arc<Value>,
}

/// What happened, as `lifecycle.plan` is told it.
#[derive(Debug, Clone, Copy)]
pub struct PlanChange<'a> {
    /// What happened.
    pub event: Event,
    /// To which kind of resource.
    pub kind: Kind,
    /// To which one.
    pub id: ResourceId,
    /// The account before; `None`: it did not exist.
    pub before: Option<&'a Account>,
    /// The account after; `None`: it does not exist any more.
    pub after: Option<&'a Account>,
    /// The other side of a membership event.
    pub member: Option<ResourceId>,
    /// The name of the signal.
    pub signal: Option<&'a str>,
}

/// A task as a plugin planned it.
#[derive(Debug, Clone, PartialEq)]
pub struct PlannedTask {
    /// The same key is never carried out twice for the same change.
    pub idempotency_key: String,
    /// The plugin's own name for what is to be done.
    pub action: String,
    /// With what.
    pub arguments: Vec<Field>,
    /// Whether the brake may hold it.
    pub destructive: bool,
}
