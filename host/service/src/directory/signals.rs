use muster_model::{Actor, Event, Record, RequestId, ResourceType, TenantId};
use muster_plugin::Role;
use muster_protocol::text;
use muster_store::Write;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{DirectoryError, not_by_hand};
use crate::authenticate::Caller;
use crate::calling::called;
use crate::create::{Decided, change_of};
use crate::mapped::{give_up_old_duplicates, keys_of_user, plan_signal};
use crate::retry::Attempt;
use crate::trail::Notes;
use crate::{AdminError, Expected, ScimError, Service};

/// How long the name of a signal can be, in bytes.
pub const MAX_SIGNAL_NAME_BYTES: usize = 64;

/// How large what it says can be, as JSON, in bytes.
pub const MAX_SIGNAL_PAYLOAD_BYTES: usize = 16 << 10;

/// Something that happened in the product.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewSignal {
    /// What: `signed-in`, or whatever the plugin knows.
    name: String,
    /// Whatever else the plugin is to know of it.
    #[serde(default)]
    payload: Map<String, Value>,
}

impl Service {
    /// Tells the tenant's plugin what happened to an account in the product, and keeps what the plugin makes of it: the account as it stands.
    ///
    /// It is a write like any other: it is decided again where another one came between, and one that changes nothing is not made.
    pub async fn product_signal(
        &self,
        tenant: &str,
        id: &str,
        request: RequestId,
        expected: &Expected,
        signal: NewSignal,
    ) -> Result<(Value, String), DirectoryError> {
        let tenant = self.row(tenant)?.id;
        let NewSignal { name, payload } = signal;
        let is_word = (1..=MAX_SIGNAL_NAME_BYTES).contains(&name.len()) && name.bytes().all(|it| it.is_ascii_graphic());
        if !is_word {
            let says = format!("the name of a signal has 1 to {MAX_SIGNAL_NAME_BYTES} visible ASCII characters");
            return Err(AdminError::Wrong(says).into());
        }
        let payload = Value::Object(payload);
        if payload.to_string().len() > MAX_SIGNAL_PAYLOAD_BYTES {
            let says = format!("the payload of a signal has at most {MAX_SIGNAL_PAYLOAD_BYTES} bytes");
            return Err(AdminError::Wrong(says).into());
        }
        check_texts("payload", &payload)?;
        let caller = self.product_caller(&tenant, Actor::Signal(name.clone()), request)?;
        if !caller.bound.plugin.roles().has(Role::Lifecycle) {
            return Err(DirectoryError::TakesNoSignals);
        }
        let mut retries = self.retries();
        let record = loop {
            let current = self.account_of(&tenant, id).await?;
            if ![ResourceType::USER, ResourceType::MANUAL_USER].contains(&current.resource_type) {
                return Err(DirectoryError::NoUser);
            }
            expected.check(current.version)?;
            if let Some(record) = retries.settle(self.signalled(&caller, current, &name, &payload).await)? {
                break record;
            }
        };
        Ok((self.account_shown(&tenant, &record).await?, record.version.etag()))
    }

    /// One attempt at it.
    async fn signalled(
        &self,
        caller: &Caller,
        current: Record,
        name: &str,
        payload: &Value,
    ) -> Result<Record, Attempt> {
        let plugin = caller.bound.plugin.as_ref();
        let account =
            called(caller, || plugin.on_signal(&caller.call(), current.id, name, payload, &current.account))??;
        if account == current.account {
            return Ok(current);
        }
        // What follows for an account made by hand is the product's own affair: it is the one that says so.
        let tasks = if current.resource_type == ResourceType::USER {
            plan_signal(caller, current.id, name, (&current.account, &account))?
        } else {
            Vec::new()
        };
        let mut next = Record {
            modified: caller.now,
            version: current.version.next(),
            keys: keys_of_user(caller, &current.document, &account)?,
            plugin: plugin.digest(),
            account,
            ..current.clone()
        };
        if next.resource_type == ResourceType::USER {
            give_up_old_duplicates(caller, &current, &mut next).await?;
        }
        let change = change_of(caller, Event::Signalled, Some(&current), Some(&next), &next);
        let writes = vec![Write::Replace { record: Box::new(next.clone()), expected: current.version }];
        let free = not_by_hand(&next, &current.keys);
        let decided = Decided { record: next, writes, free, gone: None, change, tasks, shadowed: None };
        Ok(self.commit_apart(caller, decided).await?.record)
    }

    /// The vendor's product as whoever asks, and the plugin that decides at this moment.
    pub(super) fn product_caller(
        &self,
        tenant: &TenantId,
        actor: Actor,
        request: RequestId,
    ) -> Result<Caller, DirectoryError> {
        let known = self.tenants.view().tenant(tenant).cloned();
        let tenant = known.ok_or_else(|| AdminError::NotFound(format!("tenant {tenant}")))?;
        let bound = tenant.bound.load_full().ok_or(ScimError::PluginNotLoaded)?;
        let (now, base, notes) = (self.parts.clock.now(), String::new(), Notes::default());
        Ok(Caller { tenant, bound, actor, request, now, base, notes })
    }
}

/// What is said in a signal can become what an account has: its texts are held to what SCIM may send, member names too.
fn check_texts(place: &str, value: &Value) -> Result<(), ScimError> {
    match value {
        Value::String(said) => Ok(text::check(place, said)?),
        Value::Array(items) => items.iter().try_for_each(|item| check_texts(place, item)),
        Value::Object(members) => members.iter().try_for_each(|(name, value)| {
            text::check(place, name)?;
            check_texts(&format!("{place}.{name}"), value)
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) => Ok(()),
    }
}
