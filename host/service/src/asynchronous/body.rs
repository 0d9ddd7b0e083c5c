//! The body of a request that waits: it may hold a password, so it is sealed, apart from the task that stays for weeks, and gone when it is
//! answered.

use muster_model::{ResourceId, TenantId};
use muster_store::{PluginState, StoreError};

use super::MAX_ASYNC_KEPT_BYTES;
use crate::{ScimError, Service};

/// Where bodies stand among what plugins remember: no plugin has a name with a blank in it.
const KEPT: &str = "async requests";

/// Bytes of one part, before it is sealed: with that it is smaller than a value can be.
const PART_BYTES: usize = 48 << 10;

/// What is sealed, so that no other use of the key opens it.
const LABEL: &str = "muster request 1";

/// A body that was kept.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Body {
    /// All of it.
    Whole(Vec<u8>),
    /// A part is not there: it was not accepted to the end, or is forgotten.
    Missing,
    /// It was sealed with another key.
    Closed,
}

impl Service {
    /// Keeps the body of a request, durably.
    pub(super) async fn keep_body(&self, tenant: &TenantId, txn: ResourceId, body: &[u8]) -> Result<(), ScimError> {
        let kept = self.parts.store.plugin_state(tenant, KEPT);
        for (number, part) in body.chunks(PART_BYTES).enumerate() {
            let sealed = self.parts.secrets_key.seal_at(&place(tenant, txn, number), part);
            let sealed = sealed.map_err(|error| ScimError::Internal(error.into()))?;
            match kept.put(&key(txn, number), &sealed, None, MAX_ASYNC_KEPT_BYTES).await {
                // Other bodies wait to be carried out first; if it is the disk that is full, the next request finds out.
                Err(StoreError::Full) => return Err(ScimError::Overloaded),
                put => put?,
            };
        }
        Ok(())
    }

    /// A body of so many bytes.
    pub(super) async fn body(&self, tenant: &TenantId, txn: ResourceId, bytes: usize) -> Result<Body, StoreError> {
        let kept = self.parts.store.plugin_state(tenant, KEPT);
        let mut body = Vec::with_capacity(bytes);
        for number in 0..parts(bytes) {
            let Some(part) = kept.get(&key(txn, number)).await? else { return Ok(Body::Missing) };
            let part = self.parts.secrets_key.open_at(&place(tenant, txn, number), &part.value);
            let Some(part) = part else { return Ok(Body::Closed) };
            body.extend(part);
        }
        Ok(Body::Whole(body))
    }

    /// Forgets a body of so many bytes; does nothing where there is none.
    pub(super) async fn forget_body(&self, tenant: &TenantId, txn: ResourceId, bytes: usize) -> Result<(), StoreError> {
        let kept = self.parts.store.plugin_state(tenant, KEPT);
        for number in 0..parts(bytes) {
            forget(kept.as_ref(), &key(txn, number)).await?;
        }
        Ok(())
    }
}

async fn forget(kept: &dyn PluginState, key: &str) -> Result<(), StoreError> {
    // A read costs nothing, a write a flush.
    if kept.get(key).await?.is_some() { kept.delete(key, None).await } else { Ok(()) }
}

const fn parts(bytes: usize) -> usize {
    bytes.div_ceil(PART_BYTES)
}

fn key(txn: ResourceId, number: usize) -> String {
    format!("{txn}/{number}")
}

/// Neither a tenant's name nor an id has a blank in it.
fn place(tenant: &TenantId, txn: ResourceId, number: usize) -> String {
    format!("{LABEL} {tenant} {txn} {number}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SecretsKey;

    #[test]
    fn a_part_opens_in_its_own_place_only_and_fits_into_a_value() {
        let (key, tenant) = (SecretsKey::new([7; 32]), TenantId::parse("acme").unwrap());
        let txn = ResourceId::from_bytes([1; 16]);
        let sealed = key.seal_at(&place(&tenant, txn, 0), &vec![b'x'; PART_BYTES]).unwrap();
        assert!(sealed.len() <= muster_store::MAX_STATE_VALUE_BYTES);
        assert!(key.open_at(&place(&tenant, txn, 0), &sealed).is_some());
        let globex = TenantId::parse("globex").unwrap();
        for elsewhere in [place(&tenant, txn, 1), place(&globex, txn, 0), place(&tenant, super::super::BULK_LANE, 0)] {
            assert_eq!(key.open_at(&elsewhere, &sealed), None);
        }
    }

    #[test]
    fn a_body_has_as_many_parts_as_it_needs() {
        assert_eq!([0, 1, PART_BYTES, PART_BYTES + 1].map(parts), [0, 1, 1, 2]);
    }
}
