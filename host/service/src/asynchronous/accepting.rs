//! The requests that are being accepted at this moment: they wait already, and are not counted among what waits yet.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use muster_model::TenantId;
use tokio::sync::{RwLock, RwLockReadGuard};

/// Those of this process.
#[derive(Debug, Default)]
pub(crate) struct Accepting {
    /// Held by each while it is written: none is carried out before it is there whole.
    whole: RwLock<()>,
    /// How many of each tenant.
    begun: Mutex<HashMap<TenantId, u64>>,
}

/// One of them, from before it is asked whether there is room until it is written.
pub(super) struct Begun<'a> {
    accepting: &'a Accepting,
    tenant: TenantId,
    /// How many of its tenant there were with it.
    pub(super) together: u64,
}

impl Accepting {
    /// One more. What waits is counted after this: then whoever else is accepted meanwhile is in one of both numbers.
    pub(super) fn begin(&self, tenant: &TenantId) -> Begun<'_> {
        let mut begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        let together = begun.entry(tenant.clone()).or_default();
        *together += 1;
        Begun { accepting: self, tenant: tenant.clone(), together: *together }
    }

    /// While this is held nobody carries anything out.
    pub(super) async fn writing(&self) -> RwLockReadGuard<'_, ()> {
        self.whole.read().await
    }

    /// Done when all that are being written are there.
    pub(super) async fn settled(&self) {
        drop(self.whole.write().await);
    }
}

impl Drop for Begun<'_> {
    fn drop(&mut self) {
        let mut begun = self.accepting.begun.lock().unwrap_or_else(PoisonError::into_inner);
        let left = begun.get(&self.tenant).map_or(0, |together| together.saturating_sub(1));
        if left == 0 {
            begun.remove(&self.tenant);
        } else {
            begun.insert(self.tenant.clone(), left);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_of_one_tenant_are_counted_while_they_are_being_accepted() {
        let (acme, globex) = (TenantId::parse("acme").unwrap(), TenantId::parse("globex").unwrap());
        let accepting = Accepting::default();
        let (first, second) = (accepting.begin(&acme), accepting.begin(&acme));
        assert_eq!((first.together, second.together, accepting.begin(&globex).together), (1, 2, 1));
        drop(first);
        assert_eq!(accepting.begin(&acme).together, 2);
        drop(second);
        assert!(accepting.begun.lock().unwrap().is_empty(), "of whom nothing is begun nothing is kept");
    }
}
