//! The plugin port: what a tenant's plugin decides.
//!
//! [`PluginHost::load`] turns bytes into a [`Plugin`]; the service calls its roles. All calls are synchronous and short: a runtime
//! stops them at a deadline. Only [`Plugin::perform`] waits, because it goes out into the world. What comes back has been checked against
//! the limits of the contract and is otherwise untrusted input.

#![deny(missing_docs)]

mod call;
mod errand;
mod error;
mod granted;
mod log;
mod manifest;
mod outcome;

use std::sync::Arc;

use async_trait::async_trait;
use muster_model::{Account, Field, PluginDigest, ResourceId};
use muster_protocol::Document;
use serde_json::Value;

pub use call::{Call, PlanChange, PlannedTask};
pub use errand::{Errand, Memory, MemoryError, Performed, Remembered, Secret, Secrets};
pub use error::{LoadError, PluginError, Rejection};
pub use granted::Granted;
pub use log::{LogLevel, LogLine, PluginLog};
pub use manifest::{AdoptionPolicy, Decision, EventSet, Kind, Manifest, Problem, ResourcePlan, Role, Roles, Wanted};
pub use outcome::Outcome;

/// What is shown in the place of a value that is not.
pub const HIDDEN: &str = "(hidden)";

/// A configuration of which nobody can say what in it may be shown: its members by their names.
pub fn all_hidden(config: &Value) -> Value {
    match config {
        Value::Object(members) => members.keys().map(|name| (name.clone(), Value::from(HIDDEN))).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => Value::from(HIDDEN),
    }
}

/// Where plugins run.
pub trait PluginHost: Send + Sync + std::fmt::Debug {
    /// Checks, compiles (or takes from the cache) and describes a plugin. Slow: not for the request path.
    fn load(&self, bytes: &[u8]) -> Result<Arc<dyn Plugin>, LoadError>;

    /// The instances that wait for their next call, of all plugins; none where none are kept.
    fn kept(&self) -> Kept {
        Kept::default()
    }
}

/// Instances that are kept between calls.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Kept {
    /// How many there are.
    pub instances: usize,
    /// Bytes over the memories of all of them.
    pub bytes: usize,
}

/// A loaded plugin.
#[async_trait]
pub trait Plugin: Send + Sync + std::fmt::Debug {
    /// Its true name.
    fn digest(&self) -> PluginDigest;

    /// What it said of itself when it was loaded.
    fn manifest(&self) -> &Manifest;

    /// What it exports.
    fn roles(&self) -> Roles;

    /// Checks a tenant's configuration: first against the manifest's JSON Schema, then by the plugin itself. Empty: it is good.
    fn check_config(&self, call: &Call<'_>) -> Result<Vec<Problem>, PluginError>;

    /// A configuration as it can be shown: without the values that are only written.
    fn shown_config(&self, config: &Value) -> Value {
        all_hidden(config)
    }

    /// How the host is to do its own part for a tenant with this configuration.
    fn host_settings(&self, call: &Call<'_>) -> Result<Vec<Field>, PluginError>;

    /// Gets ready for the first request: whatever is slow only the first time is done now, once, and nothing comes of it. A plugin that
    /// fails at it is none the worse. Where there is nothing of the kind nothing is done.
    fn warm_up(&self, _: &Call<'_>) -> Result<(), PluginError> {
        Ok(())
    }

    /// The most memory that one instance of it has had since it was loaded, in bytes; 0 where nobody counts.
    fn memory_high_water(&self) -> usize {
        0
    }

    /// The account that a resource becomes. Without the role `mapping`: the current account, or an `active` one without fields.
    ///
    /// `document` is what the IdP sent, before it is narrowed to what is retained; the declared attributes of it cross.
    fn to_account(
        &self,
        call: &Call<'_>,
        kind: Kind,
        id: ResourceId,
        document: &Document,
        current: Option<&Account>,
    ) -> Result<Account, PluginError>;

    /// The tasks that follow from a change. Not called (none) without the role `lifecycle` or when the manifest does not ask for the event.
    fn plan(&self, call: &Call<'_>, change: &PlanChange<'_>) -> Result<Vec<PlannedTask>, PluginError>;

    /// The account after the vendor's product reported something. Without the role `lifecycle`: unchanged.
    fn on_signal(
        &self,
        call: &Call<'_>,
        id: ResourceId,
        name: &str,
        payload: &Value,
        current: &Account,
    ) -> Result<Account, PluginError>;

    /// What becomes of an account that was made by hand and holds a key of this user: asked where the manifest says `ask`. Without the role
    /// `adoption` it stays what it is.
    fn decide(&self, _: &Call<'_>, _document: &Document, _existing: &Account) -> Result<Decision, PluginError> {
        Ok(Decision::Hide)
    }

    /// Carries a task out, outside of any request. Without the role `delivery` it never can.
    async fn perform(&self, _: &Call<'_>, _: Errand<'_>) -> Performed {
        Performed::failed("the plugin does not export delivery: nobody carries this task out")
    }
}
