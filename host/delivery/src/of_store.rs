use std::sync::Arc;

use async_trait::async_trait;
use muster_model::{Queue, TenantId};
use muster_store::{Outbox, Store, StoreError};

use crate::{Outboxes, Wake};

/// The outboxes of a store.
#[derive(Debug)]
pub struct OfStore(pub Arc<dyn Store>);

#[async_trait]
impl Outboxes for OfStore {
    fn outbox(&self, tenant: &TenantId) -> Arc<dyn Outbox> {
        self.0.outbox(tenant)
    }

    async fn queues(
        &self,
        after: Option<(TenantId, Queue)>,
        limit: usize,
    ) -> Result<Vec<(TenantId, Queue)>, StoreError> {
        self.0.queues(after, limit).await
    }

    fn on_tasks(&self, wake: Wake) {
        self.0.on_tasks(wake);
    }

    async fn tenants(&self) -> Result<Vec<TenantId>, StoreError> {
        Ok(self.0.tenants().await?.into_iter().map(|row| row.id).collect())
    }
}
