//! Accounts that the product makes by hand. They are records of a kind of their own, mapped by the tenant's plugin like users of SCIM; no
//! list, filter or count of SCIM meets one, and nothing is planned for them: whoever makes them does what follows.

use muster_model::{Actor, Event, Record, RequestId, ResourceType, TenantId, Version};
use muster_protocol::Document;
use muster_protocol::normalise::{self, Normalised};
use muster_store::Write;
use serde_json::{Map, Value};

use super::{DirectoryError, not_by_hand};
use crate::authenticate::Caller;
use crate::create::{Decided, change_of};
use crate::mapped::map;
use crate::retry::Attempt;
use crate::{Expected, Service};

impl Service {
    /// Makes an account by hand, of attributes as SCIM has them: the account, and its version.
    pub async fn product_create(
        &self,
        tenant: &str,
        request: RequestId,
        body: Map<String, Value>,
    ) -> Result<(Value, String), DirectoryError> {
        let tenant = self.row(tenant)?.id;
        let caller = self.product_caller(&tenant, Actor::Product, request)?;
        let accepted = caller.bound.accepted(&ResourceType::USER)?;
        let mut sent =
            normalise::create(accepted, &caller.bound.profile, Value::Object(body)).map_err(crate::ScimError::from)?;
        normalise::active_by_default(accepted, &mut sent.document);
        let mut retries = self.retries();
        let record = loop {
            if let Some(record) = retries.settle(self.insert_by_hand(&caller, &sent).await)? {
                break record;
            }
        };
        Ok((self.account_shown(&tenant, &record).await?, record.version.etag()))
    }

    async fn insert_by_hand(&self, caller: &Caller, sent: &Normalised) -> Result<Record, Attempt> {
        let id = self.parts.ids.next();
        let mapped = map(caller, &ResourceType::USER, id, &sent.document, None)?;
        let record = Record {
            id,
            resource_type: ResourceType::MANUAL_USER,
            created: caller.now,
            modified: caller.now,
            version: Version::FIRST,
            document: mapped.document,
            account: mapped.account,
            plugin: mapped.plugin,
            keys: mapped.keys,
            index: mapped.index,
        };
        let change = change_of(caller, Event::Created, None, Some(&record), &record);
        let (writes, free) = (vec![Write::Insert(Box::new(record.clone()))], not_by_hand(&record, &[]));
        let decided = Decided { record, writes, free, gone: None, change, tasks: Vec::new(), shadowed: None };
        Ok(self.commit_apart(caller, decided).await?.record)
    }

    /// Replaces the attributes of an account made by hand (`merge` is false), or lays `body` over them, where `null` takes away (RFC 7396).
    pub async fn product_replace(
        &self,
        (tenant, id): (&str, &str),
        request: RequestId,
        expected: &Expected,
        body: &Map<String, Value>,
        merge: bool,
    ) -> Result<(Value, String), DirectoryError> {
        let tenant = self.row(tenant)?.id;
        let caller = self.product_caller(&tenant, Actor::Product, request)?;
        let mut retries = self.retries();
        let record = loop {
            let current = self.own_account(&tenant, id).await?;
            expected.check(current.version)?;
            if let Some(record) = retries.settle(self.replace_by_hand(&caller, current, body, merge).await)? {
                break record;
            }
        };
        Ok((self.account_shown(&tenant, &record).await?, record.version.etag()))
    }

    async fn replace_by_hand(
        &self,
        caller: &Caller,
        current: Record,
        body: &Map<String, Value>,
        merge: bool,
    ) -> Result<Record, Attempt> {
        let accepted = caller.bound.accepted(&ResourceType::USER)?;
        let body = if merge { merged(&current.document, body) } else { body.clone() };
        let sent = normalise::replace(accepted, &caller.bound.profile, &current.document, Value::Object(body))?;
        let mapped = map(caller, &ResourceType::USER, current.id, &sent.document, Some(&current.account))?;
        if mapped.is_in(&current) {
            return Ok(current);
        }
        let event = crate::mapped::update_event(&current.document, &mapped.document);
        let next = Record {
            modified: caller.now,
            version: current.version.next(),
            document: mapped.document,
            account: mapped.account,
            plugin: mapped.plugin,
            keys: mapped.keys,
            index: mapped.index,
            ..current.clone()
        };
        let change = change_of(caller, event, Some(&current), Some(&next), &next);
        let writes = vec![Write::Replace { record: Box::new(next.clone()), expected: current.version }];
        let free = not_by_hand(&next, &current.keys);
        let decided = Decided { record: next, writes, free, gone: None, change, tasks: Vec::new(), shadowed: None };
        Ok(self.commit_apart(caller, decided).await?.record)
    }

    /// Removes an account made by hand; its names are free at once.
    pub async fn product_delete(
        &self,
        (tenant, id): (&str, &str),
        request: RequestId,
        expected: &Expected,
    ) -> Result<(), DirectoryError> {
        let tenant = self.row(tenant)?.id;
        let caller = self.product_caller(&tenant, Actor::Product, request)?;
        let mut retries = self.retries();
        loop {
            let current = self.own_account(&tenant, id).await?;
            expected.check(current.version)?;
            let change = change_of(&caller, Event::Deleted, Some(&current), None, &current);
            let (resource_type, id, expected) = (ResourceType::MANUAL_USER, current.id, Some(current.version));
            let writes = vec![Write::Remove { resource_type, id, expected }];
            let (record, free) = (current, Vec::new());
            let decided = Decided { record, writes, free, gone: None, change, tasks: Vec::new(), shadowed: None };
            if retries.settle(self.commit(&caller, decided).await)?.is_some() {
                return Ok(());
            }
        }
    }

    /// An account that is the product's to change.
    async fn own_account(&self, tenant: &TenantId, id: &str) -> Result<Record, DirectoryError> {
        let record = self.account_of(tenant, id).await?;
        match record.resource_type.as_str() {
            "ManualUser" => Ok(record),
            "User" => Err(DirectoryError::OfScim),
            _ => Err(DirectoryError::NoUser),
        }
    }
}

/// A document with this laid over it (RFC 7396).
fn merged(document: &Document, patch: &Map<String, Value>) -> Map<String, Value> {
    let mut merged = document.0.clone();
    lay_over(&mut merged, patch);
    merged
}

fn lay_over(target: &mut Map<String, Value>, patch: &Map<String, Value>) {
    for (name, value) in patch {
        // Attributes are the same in any case (RFC 7643 §2.1).
        let known = target.keys().find(|known| known.eq_ignore_ascii_case(name)).cloned();
        let name = known.unwrap_or_else(|| name.clone());
        match value {
            Value::Null => {
                target.remove(&name);
            }
            Value::Object(patch) => {
                let entry = target.entry(name).or_insert_with(|| Value::Object(Map::new()));
                if !entry.is_object() {
                    *entry = Value::Object(Map::new());
                }
                if let Value::Object(parts) = entry {
                    lay_over(parts, patch);
                }
            }
            Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
                target.insert(name, value.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_merge_takes_away_what_is_null_and_keeps_what_is_not_said() {
        let Value::Object(map) =
            json!({ "userName": "ada", "title": "Countess", "name": { "givenName": "Ada", "familyName": "Byron" } })
        else {
            unreachable!()
        };
        let patch = json!({ "TITLE": null, "name": { "familyName": "Lovelace" }, "nickName": "A" });

        let merged = merged(&Document(map), patch.as_object().unwrap());

        let expected =
            json!({ "userName": "ada", "nickName": "A", "name": { "givenName": "Ada", "familyName": "Lovelace" } });
        assert_eq!(Value::Object(merged), expected);
    }
}
