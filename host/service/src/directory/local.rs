//! What the product itself keeps of an account: the user groups that it assigned, a device's policy. SCIM neither reads nor writes it, no
//! mapping sees it, and no version of the resource counts it. It goes when the account does.

use std::collections::HashSet;

use muster_model::{Event, ResourceId, TenantId, Version};
use muster_store::{PluginState, StoreError};
use serde_json::{Map, Value};

use super::DirectoryError;
use crate::{AdminError, Expected, Service, Tags};

/// How many attributes one account can have of the product's own.
pub const MAX_LOCAL_NAMES: usize = 64;

/// How long the name of one can be, in bytes.
pub const MAX_LOCAL_NAME_BYTES: usize = 64;

/// How large all of them can be together, as JSON, in bytes.
pub const MAX_LOCAL_BYTES: usize = 16 << 10;

/// Bytes that those of all accounts of a tenant may take.
pub const LOCAL_QUOTA_BYTES: u64 = 4 << 30;

/// Where they stand among what plugins remember: no plugin has a name with a blank in it.
const KEPT: &str = "directory local";

/// How far the log was looked through for accounts that are gone: no id.
const LOOKED_THROUGH: &str = "looked through";

/// How many entries of a log are read at once for that, and how often in one round.
const ENTRIES_A_READ: usize = 256;
const READS_A_ROUND: usize = 64;

/// How often one is written again because another write came between.
const ATTEMPTS: usize = 32;

/// What the product keeps of one account.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Local {
    /// By name: texts, numbers, booleans, and lists of them.
    pub values: Map<String, Value>,
    /// Counts the writes; 0: there is nothing.
    pub version: u64,
}

impl Local {
    /// As HTTP shows the version.
    pub fn etag(&self) -> String {
        Version(self.version).etag()
    }
}

impl Service {
    /// What the product keeps of an account.
    pub async fn product_local(&self, tenant: &str, id: &str) -> Result<Local, DirectoryError> {
        let tenant = self.row(tenant)?.id;
        let record = self.account_of(&tenant, id).await?;
        Ok(self.local_of(&tenant, record.id).await?)
    }

    /// Replaces it (`merge` is false), or lays `values` over it, where `null` takes away (RFC 7396).
    pub async fn put_product_local(
        &self,
        tenant: &str,
        id: &str,
        expected: &Expected,
        values: &Map<String, Value>,
        merge: bool,
    ) -> Result<Local, DirectoryError> {
        let tenant = self.row(tenant)?.id;
        let id = self.account_of(&tenant, id).await?.id;
        let state = self.parts.store.plugin_state(&tenant, KEPT);
        let state = state.as_ref();
        self.begin_to_look(&tenant, state).await?;
        for _ in 0..ATTEMPTS {
            let present = self.local_of(&tenant, id).await?;
            let next = if merge { merged(present.values.clone(), values)? } else { values.clone() };
            let bytes = fitting(&next)?;
            // Whoever asks for what is there already has written it, and was not told (RFC 9110 §13.1.1).
            if next == present.values && present.version > 0 {
                return Ok(present);
            }
            check(expected, &present)?;
            if next == present.values {
                return Ok(present);
            }
            match state.put(&id.to_string(), &bytes, Some(present.version), LOCAL_QUOTA_BYTES).await {
                Err(StoreError::Stale) => {}
                put => {
                    let version = put?;
                    // Whoever was deleted meanwhile leaves nothing behind.
                    if self.account_with(&tenant, id).await?.is_none() {
                        state.delete(&id.to_string(), None).await?;
                        return Err(AdminError::NotFound(format!("account {id} of tenant {tenant}")).into());
                    }
                    return Ok(Local { values: next, version });
                }
            }
        }
        Err(DirectoryError::Scim(crate::ScimError::Contended))
    }

    pub(super) async fn local_of(&self, tenant: &TenantId, id: ResourceId) -> Result<Local, StoreError> {
        let entry = self.parts.store.plugin_state(tenant, KEPT).get(&id.to_string()).await?;
        let Some(entry) = entry else { return Ok(Local::default()) };
        let damaged = |_| StoreError::Damaged(format!("the local attributes of account {id}"));
        let values = serde_json::from_slice(&entry.value).map_err(damaged)?;
        Ok(Local { values, version: entry.version })
    }

    /// From now on the log is looked through for accounts that are gone: a tenant whose product keeps nothing costs nothing.
    async fn begin_to_look(&self, tenant: &TenantId, state: &dyn PluginState) -> Result<(), StoreError> {
        if state.get(LOOKED_THROUGH).await?.is_some() {
            return Ok(());
        }
        let last = self.parts.store.log_keeper(tenant).status().await?.last;
        match state.put(LOOKED_THROUGH, &last.to_be_bytes(), Some(0), LOCAL_QUOTA_BYTES).await {
            Ok(_) | Err(StoreError::Stale) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Forgets what the product keeps of accounts that were deleted since this was last asked. One that is back meanwhile, by an undo or
    /// because it was taken over under its id, keeps it.
    pub(crate) async fn forget_local(&self, tenant: &TenantId) -> Result<(), StoreError> {
        let state = self.parts.store.plugin_state(tenant, KEPT);
        let Some(entry) = state.get(LOOKED_THROUGH).await? else { return Ok(()) };
        let kept = entry.value.first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes));
        // A log that was brought in without its entries can end before what was looked through elsewhere.
        let since = kept.min(self.parts.store.log_keeper(tenant).status().await?.last);
        let directory = self.parts.store.directory(tenant);
        let mut through = since;
        for _ in 0..READS_A_ROUND {
            let entries = directory.log(through, ENTRIES_A_READ).await?;
            let Some(last) = entries.last() else { break };
            through = last.seq;
            for gone in entries.iter().filter(|entry| entry.change.event == Event::Deleted) {
                let id = gone.change.id;
                let place = id.to_string();
                let is_gone = match self.account_with(tenant, id).await {
                    Ok(found) => found.is_none(),
                    Err(AdminError::Unavailable(error)) => return Err(error),
                    Err(_) => false,
                };
                if is_gone && state.get(&place).await?.is_some() {
                    state.delete(&place, None).await?;
                }
            }
        }
        if through != kept {
            state.put(LOOKED_THROUGH, &through.to_be_bytes(), None, LOCAL_QUOTA_BYTES).await?;
        }
        Ok(())
    }
}

/// With this laid over it (RFC 7396). Names that differ in case alone are one, because no body can have both: it is spelled as it came last.
fn merged(mut present: Map<String, Value>, values: &Map<String, Value>) -> Result<Map<String, Value>, DirectoryError> {
    let given = values.iter().filter(|(_, value)| !value.is_null());
    if given.clone().count() > MAX_LOCAL_NAMES {
        return Err(too_many());
    }
    let named: HashSet<String> = values.keys().map(|name| name.to_lowercase()).collect();
    present.retain(|known, _| !named.contains(&known.to_lowercase()));
    present.extend(given.map(|(name, value)| (name.clone(), value.clone())));
    Ok(present)
}

fn too_many() -> DirectoryError {
    AdminError::Wrong(format!("an account has at most {MAX_LOCAL_NAMES} local attributes")).into()
}

/// 412 where it is not one of the versions that the client would have changed. What was never written has a version too: 0.
fn check(expected: &Expected, present: &Local) -> Result<(), DirectoryError> {
    let is_there = present.version > 0;
    let wants_any = matches!(expected.if_match, Some(Tags::Any)) && !is_there;
    let wants_none = expected.if_none_match == Some(Tags::Any);
    let holds = if wants_none { !is_there } else { expected.check(Version(present.version)).is_ok() };
    if holds && !wants_any { Ok(()) } else { Err(DirectoryError::Changed) }
}

/// As it is kept, if it is within the bounds.
fn fitting(values: &Map<String, Value>) -> Result<Vec<u8>, DirectoryError> {
    let wrong = |says: String| DirectoryError::from(AdminError::Wrong(says));
    if values.len() > MAX_LOCAL_NAMES {
        return Err(too_many());
    }
    let is_name = |name: &String| (1..=MAX_LOCAL_NAME_BYTES).contains(&name.len()) && !name.contains(char::is_control);
    if !values.keys().all(is_name) {
        return Err(wrong(format!(
            "the name of a local attribute has 1 to {MAX_LOCAL_NAME_BYTES} bytes and no control characters"
        )));
    }
    let is_plain = |value: &Value| matches!(value, Value::String(_) | Value::Number(_) | Value::Bool(_));
    let is_flat = |value: &Value| value.as_array().map_or_else(|| is_plain(value), |list| list.iter().all(is_plain));
    if let Some((name, _)) = values.iter().find(|(_, value)| !is_flat(value)) {
        let says = format!("{name} is not: a local attribute is a text, a number, a boolean, or a list of these");
        return Err(AdminError::Invalid(says).into());
    }
    let bytes = serde_json::to_vec(values).map_err(|error| wrong(error.to_string()))?;
    if bytes.len() > MAX_LOCAL_BYTES {
        return Err(wrong(format!("the local attributes of an account have at most {MAX_LOCAL_BYTES} bytes")));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(values: &Value) -> Result<Vec<u8>, String> {
        fitting(values.as_object().unwrap()).map_err(|error| error.to_string())
    }

    #[test]
    fn local_attributes_are_flat_and_have_bounds() {
        assert!(of(&json!({ "groups": ["a", "b"], "seats": 3, "beta": true, "policy": "strict" })).is_ok());
        for value in [json!(null), json!({}), json!([[]]), json!([null])] {
            let refused = of(&json!({ "x": value })).unwrap_err();
            assert_eq!(refused, "x is not: a local attribute is a text, a number, a boolean, or a list of these");
        }
        let many = |count: usize| (0..count).map(|n| (format!("n{n}"), json!(n))).collect::<Map<_, _>>();
        assert!(fitting(&many(MAX_LOCAL_NAMES)).is_ok() && fitting(&many(MAX_LOCAL_NAMES + 1)).is_err());
        for (length, fits) in [(0, false), (1, true), (MAX_LOCAL_NAME_BYTES, true), (MAX_LOCAL_NAME_BYTES + 1, false)] {
            assert_eq!(of(&json!({ "n".repeat(length): 1 })).is_ok(), fits, "{length}");
        }
        assert!(of(&json!({ "a\nb": 1 })).is_err());
        let text = |bytes: usize| of(&json!({ "t": "x".repeat(bytes - 8) }));
        assert!(text(MAX_LOCAL_BYTES).is_ok() && text(MAX_LOCAL_BYTES + 1).is_err());
    }

    #[test]
    fn more_names_than_there_can_be_are_refused_before_they_are_laid_over_anything() {
        let given = |count: usize| (0..count).map(|n| (format!("n{n}"), json!(n))).collect::<Map<_, _>>();
        assert!(merged(Map::new(), &given(MAX_LOCAL_NAMES)).is_ok());
        assert!(merged(Map::new(), &given(MAX_LOCAL_NAMES + 1)).is_err());
        let taken_away = (0..10_000).map(|n| (format!("n{n}"), json!(null))).collect();
        assert_eq!(merged(given(3), &taken_away).unwrap(), Map::new());
    }

    #[test]
    fn a_name_in_another_case_is_the_same_one_and_is_spelled_as_it_came_last() {
        let laid = |over: &Value, values: &Value| {
            Value::Object(merged(over.as_object().unwrap().clone(), values.as_object().unwrap()).unwrap())
        };
        let kept = json!({ "seats": 1, "straße": "x" });
        assert_eq!(laid(&kept, &json!({ "Seats": 2 })), json!({ "Seats": 2, "straße": "x" }));
        assert_eq!(laid(&kept, &json!({ "STRASSE": 1 })), json!({ "seats": 1, "straße": "x", "STRASSE": 1 }));
        assert_eq!(laid(&kept, &json!({ "SEATS": null })), json!({ "straße": "x" }));
    }

    #[test]
    fn a_condition_is_held_against_the_version_of_what_the_product_keeps() {
        let tags = |text: &str| Tags::read([Some(text)]);
        let holds = |if_match: Option<&str>, if_none_match: Option<&str>, version: u64| {
            let expected = Expected { if_match: if_match.and_then(tags), if_none_match: if_none_match.and_then(tags) };
            check(&expected, &Local { version, ..Local::default() }).is_ok()
        };
        assert!(holds(None, None, 0) && holds(None, None, 7));
        assert!(holds(Some("W/\"7\""), None, 7) && !holds(Some("W/\"6\""), None, 7));
        assert!(holds(Some("*"), None, 7) && !holds(Some("*"), None, 0));
        assert!(holds(None, Some("*"), 0) && !holds(None, Some("*"), 7));
        assert!(holds(Some("W/\"0\""), None, 0));
    }
}
