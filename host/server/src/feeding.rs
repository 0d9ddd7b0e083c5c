//! What connects the feeder and the dispatcher with what the service knows of receivers.

use std::sync::Arc;

use async_trait::async_trait;
use muster_delivery::{Feeder, Feeds, OfStore, Outboxes, Ring, Wake};
use muster_model::{Clock, Following, LogEntry, NewTask, Queue, Receiver, TenantId};
use muster_service::Service;
use muster_store::{Outbox, Store, StoreError};

/// The feeder of a server.
pub(crate) fn feeder(service: Arc<Service>, store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Feeder {
    Feeder::new(store, Arc::new(Receivers(service)), clock)
}

/// The outboxes of the server's store, but for queues that nobody carries out.
#[derive(Debug)]
pub(crate) struct Carried {
    pub(crate) of_store: OfStore,
    pub(crate) service: Arc<Service>,
}

#[async_trait]
impl Outboxes for Carried {
    fn outbox(&self, tenant: &TenantId) -> Arc<dyn Outbox> {
        self.of_store.outbox(tenant)
    }

    async fn queues(
        &self,
        after: Option<(TenantId, Queue)>,
        limit: usize,
    ) -> Result<Vec<(TenantId, Queue)>, StoreError> {
        self.of_store.queues(after, limit).await
    }

    fn on_tasks(&self, wake: Wake) {
        self.service.on_receivers(wake.clone());
        self.of_store.on_tasks(wake);
    }

    fn on_lifted(&self, lift: Wake) {
        self.service.on_lifted(lift);
    }

    fn is_carried(&self, tenant: &TenantId, queue: &Queue) -> bool {
        self.service.is_carried(tenant, queue)
    }

    async fn tenants(&self) -> Result<Vec<TenantId>, StoreError> {
        self.of_store.tenants().await
    }
}

/// What the service knows of receivers.
#[derive(Debug)]
struct Receivers(Arc<Service>);

#[async_trait]
impl Feeds for Receivers {
    fn tenants(&self) -> Vec<TenantId> {
        self.0.tenants_with_receivers()
    }

    fn following(&self, tenant: &TenantId) -> Vec<Following> {
        self.0.following(tenant)
    }

    fn events(&self, tenant: &TenantId, receiver: &Receiver, entries: &[LogEntry]) -> Vec<(u64, NewTask)> {
        self.0.events_for(tenant, receiver, entries)
    }

    fn gap(&self, tenant: &TenantId, receiver: &Receiver, first: u64, last: u64) -> Option<NewTask> {
        self.0.gap_for(tenant, receiver, first, last)
    }

    fn fed(&self, tenant: &TenantId, receiver: &Receiver) {
        self.0.was_fed(tenant, receiver);
    }

    async fn forget_if_gone(&self, tenant: &TenantId, receiver: &Receiver) -> Result<(), StoreError> {
        self.0.forget_if_gone(tenant, receiver).await
    }

    async fn forget_gone(&self) -> Result<(), StoreError> {
        self.0.forget_gone().await
    }

    fn on_news(&self, ring: Ring) {
        self.0.on_news(ring);
    }
}
