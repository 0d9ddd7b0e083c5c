use std::collections::HashSet;
use std::sync::Arc;

use muster_model::{
    Field, FieldValue, Following, LogEntry, NewTask, PluginDigest, Queue, Receiver, ReceiverKind, ReceiverName,
    ResourceId, ResourceType, Standing, StreamRow, TenantId, TenantRow, WebhookRow,
};
use muster_store::StoreError;
use tokio::sync::Notify;

use super::{
    ANNOUNCEMENT, ANNOUNCEMENTS, ASYNC_RESPONSE, Announcement, LOG_GAP, Ring, Wake, event_key, event_name, event_names,
    is_destructive,
};
use crate::Service;
use crate::binding::Bound;
use crate::streams::{Scope, SetKind, Told, sets_of, told_by};
use crate::tenants::Tenant;

/// How many tasks of a receiver wait when it is announced no more of what came of requests: those responses are tried again. What the brake and
/// the watch announce is little, and is not counted.
pub const MAX_ANNOUNCED_WAITING: u64 = 10_000;

/// How many tasks are announced in one batch: a commit of them is short, and what was told of a bulk request is there after a few.
pub(crate) const MAX_ANNOUNCED_AT_ONCE: usize = 500;

/// A receiver's row.
#[derive(Debug, Clone, Copy)]
enum Row<'a> {
    Webhook(&'a WebhookRow),
    Stream(&'a StreamRow),
}

impl<'a> Row<'a> {
    fn of(row: &'a TenantRow, receiver: &Receiver) -> Option<Self> {
        match receiver.kind {
            ReceiverKind::Webhook => {
                row.delivery.webhooks.iter().find(|webhook| webhook.name == receiver.name).map(Self::Webhook)
            }
            ReceiverKind::Push | ReceiverKind::Poll => {
                let mut streams = row.delivery.events.streams.iter();
                streams.find(|stream| stream.receiver() == *receiver).map(Self::Stream)
            }
        }
    }

    const fn is_on(self) -> bool {
        match self {
            Self::Webhook(row) => row.is_on,
            Self::Stream(row) => row.is_on,
        }
    }

    const fn is_braked(self) -> bool {
        match self {
            Self::Webhook(row) => row.is_braked,
            Self::Stream(row) => row.is_braked,
        }
    }

    /// Of which resources it is told.
    fn scope(self, bound: Option<&Bound>) -> Scope {
        match self {
            Self::Webhook(_) => Scope::default(),
            Self::Stream(row) => Scope::of(row, bound),
        }
    }

    /// What it is told of an entry, each with an idempotency key and what its task is called.
    fn events_of(self, scope: &Scope, entry: &LogEntry) -> Vec<(String, String)> {
        let (key, name) = (event_key(entry), event_name(&entry.change));
        match self {
            Self::Webhook(row) if lists(row, &name) => vec![(key, name)],
            Self::Webhook(_) => Vec::new(),
            Self::Stream(row) => {
                let named = |set: SetKind| match set.action() {
                    Some(action) => (format!("{key}-{action}"), action.to_owned()),
                    None => (key.clone(), name.clone()),
                };
                // What cannot be judged now is judged when it is told.
                sets_of(row, entry, scope.passage(&entry.change).ok()).into_iter().map(named).collect()
            }
        }
    }

    /// Whether it is told the announcement of this name without being asked for.
    fn takes(self, announcement: &str) -> bool {
        match self {
            Self::Webhook(row) => lists(row, announcement),
            // There is a security event for no other one.
            Self::Stream(row) => match announcement {
                ASYNC_RESPONSE => told_by(row).contains(&Told::AsyncResponse),
                LOG_GAP => told_by(row).contains(&Told::StreamUpdated),
                _ => false,
            },
        }
    }
}

/// A webhook that lists no names takes everything.
fn lists(row: &WebhookRow, name: &str) -> bool {
    row.events.is_empty() || row.events.iter().any(|event| event == name)
}

impl Service {
    /// The names of the events that a tenant's webhooks can be told of.
    pub fn event_names(&self, tenant: &TenantId) -> Vec<String> {
        let bound = self.tenants.view().tenant(tenant).and_then(|tenant| tenant.bound.load_full());
        let kinds = match &bound {
            Some(bound) => bound.served.types.iter().map(|def| ResourceType::new(&def.name)).collect(),
            None => vec![ResourceType::USER, ResourceType::GROUP],
        };
        let of_kinds = kinds.iter().flat_map(event_names);
        of_kinds.chain(ANNOUNCEMENTS.map(str::to_owned)).collect()
    }

    /// The tenants that have receivers, on or off.
    pub fn tenants_with_receivers(&self) -> Vec<TenantId> {
        let view = self.tenants.view();
        let rows = view.rows().filter(|row| row.delivery.receivers().next().is_some());
        rows.map(|row| row.id.clone()).collect()
    }

    /// The receivers of a tenant that are on.
    pub fn following(&self, tenant: &TenantId) -> Vec<Following> {
        self.tenants.view().row(tenant).map(|row| row.delivery.following().collect()).unwrap_or_default()
    }

    /// What a receiver is told of these entries, each task with its entry, in their order. Nothing, if the receiver is gone.
    pub fn events_for(&self, tenant: &TenantId, receiver: &Receiver, entries: &[LogEntry]) -> Vec<(u64, NewTask)> {
        let view = self.tenants.view();
        let Some(row) = view.row(tenant).and_then(|row| Row::of(row, receiver)) else { return Vec::new() };
        let bound = view.tenant(tenant).and_then(|tenant| tenant.bound.load_full());
        let scope = row.scope(bound.as_deref());
        let queue = receiver.queue();
        let mut tasks = Vec::new();
        // Accounts made by hand are the product's own: who follows the users of a tenant is not told of them.
        for entry in entries.iter().filter(|entry| entry.change.resource_type != ResourceType::MANUAL_USER) {
            let destructive = row.is_braked() && is_destructive(&entry.change);
            for (idempotency_key, action) in row.events_of(&scope, entry) {
                // Where to read it, and nothing of what is in it.
                let task = NewTask {
                    resource_type: entry.change.resource_type.clone(),
                    id: entry.change.id,
                    idempotency_key,
                    action,
                    arguments: Vec::new(),
                    destructive,
                    plugin: entry.change.plugin,
                    queue: queue.clone(),
                };
                tasks.push((entry.seq, task));
            }
        }
        tasks
    }

    /// What a receiver is told where entries of the log are gone that it was not told of; `None`: it is told of no such thing.
    pub fn gap_for(&self, tenant: &TenantId, receiver: &Receiver, first: u64, last: u64) -> Option<NewTask> {
        let view = self.tenants.view();
        let row = view.row(tenant)?;
        Row::of(row, receiver).filter(|receiver| receiver.takes(LOG_GAP))?;
        let number = |name: &str, number: u64| {
            let value = FieldValue::Integer(i64::try_from(number).unwrap_or(i64::MAX));
            Field { name: name.to_owned(), value }
        };
        let announcement = Announcement {
            name: LOG_GAP,
            // It is added together with how far the receiver has come by it, so it is made once; a store that is restored from an older
            // copy gives its numbers again.
            key: format!("log-gap-{first}-{last}-{}", self.parts.clock.now().as_millis()),
            data: vec![number("first", first), number("last", last)],
            to: None,
        };
        Some(announced(&announcement, self.parts.ids.next(), row.binding.plugin, receiver.queue()))
    }

    /// Tells a tenant's receivers something that is no change: all that are on and take it, or the one that is named, if it is on. It is
    /// durable when this returns. Does nothing if nobody is to be told.
    pub async fn announce(&self, tenant: &TenantId, announcement: Announcement) -> Result<(), StoreError> {
        self.announce_all(tenant, &[announcement], &HashSet::new(), &HashSet::new()).await
    }

    /// The same of many things, in their order: as few batches as they fit in, each of which is durable as a whole. `told` are the queues that
    /// have been told before, each with the key of what: they are not told that again. Those that are `full` are not told.
    pub(crate) async fn announce_all(
        &self,
        tenant: &TenantId,
        announcements: &[Announcement],
        told: &HashSet<(Queue, String)>,
        full: &HashSet<Queue>,
    ) -> Result<(), StoreError> {
        let Some(plugin) = self.tenants.view().row(tenant).map(|row| row.binding.plugin) else { return Ok(()) };
        let mut tasks = Vec::new();
        for announcement in announcements {
            let mut receivers = self.takers(tenant, announcement);
            receivers.retain(|receiver| {
                let queue = receiver.queue();
                !full.contains(&queue) && !told.contains(&(queue, announcement.key.clone()))
            });
            if receivers.is_empty() {
                continue;
            }
            let id = self.parts.ids.next();
            let of = |receiver: Receiver| (announced(announcement, id, plugin, receiver.queue()), receiver);
            tasks.extend(receivers.into_iter().map(of));
        }
        let outbox = self.parts.store.outbox(tenant);
        for batch in tasks.chunks(MAX_ANNOUNCED_AT_ONCE) {
            let tasks = batch.iter().map(|(task, _)| task.clone()).collect();
            outbox.announce(self.parts.clock.now(), tasks).await?;
            for receiver in batch.iter().map(|(_, receiver)| receiver).collect::<HashSet<_>>() {
                self.was_fed(tenant, receiver);
            }
        }
        Ok(())
    }

    /// The queues of receivers that are told what comes of requests and have so much to take already that they are told no more of it now.
    pub(crate) async fn full_of(&self, tenant: &TenantId) -> Result<HashSet<Queue>, StoreError> {
        let queues: HashSet<Queue> = {
            let view = self.tenants.view();
            let Some(row) = view.row(tenant) else { return Ok(HashSet::new()) };
            let takes = |it: &Receiver| Row::of(row, it).is_some_and(|row| row.takes(ASYNC_RESPONSE));
            row.delivery.following().filter(|it| takes(&it.receiver)).map(|it| it.receiver.queue()).collect()
        };
        let counts = self.parts.store.outbox(tenant).counts().await?;
        let is_full = |(queue, standing, count): &(Queue, Standing, u64)| {
            *standing == Standing::Waiting && *count >= MAX_ANNOUNCED_WAITING && queues.contains(queue)
        };
        Ok(counts.into_iter().filter(is_full).map(|(queue, ..)| queue).collect())
    }

    fn takers(&self, tenant: &TenantId, announcement: &Announcement) -> Vec<Receiver> {
        let view = self.tenants.view();
        let Some(row) = view.row(tenant) else { return Vec::new() };
        let takes = |receiver: &Receiver| match &announcement.to {
            Some(to) => to == receiver,
            None => Row::of(row, receiver).is_some_and(|row| row.takes(announcement.name)),
        };
        row.delivery.following().map(|following| following.receiver).filter(takes).collect()
    }

    /// Whether the dispatcher has anything to do with a queue: not with that of a stream that is polled, nor of a receiver that is off or gone.
    pub fn is_carried(&self, tenant: &TenantId, queue: &Queue) -> bool {
        let Some(receiver) = Receiver::of(queue) else { return true };
        match receiver.kind {
            ReceiverKind::Poll => false,
            ReceiverKind::Webhook | ReceiverKind::Push => {
                let view = self.tenants.view();
                view.row(tenant).and_then(|row| Row::of(row, &receiver)).is_some_and(Row::is_on)
            }
        }
    }

    /// Tells whoever waits at a stream that is polled that there is something: to be listened to before one looks.
    pub fn polled(&self, tenant: &TenantId, name: &ReceiverName) -> Arc<Notify> {
        self.bells.polled(tenant, name)
    }

    /// There is something new in a receiver's queue.
    pub fn was_fed(&self, tenant: &TenantId, receiver: &Receiver) {
        match receiver.kind {
            ReceiverKind::Poll => self.bells.tell_polled(tenant, &receiver.name),
            // The store wakes the dispatcher.
            ReceiverKind::Webhook | ReceiverKind::Push => {}
        }
    }

    /// A tenant's receivers were changed: those that are on now are fed and served. To be called after the tenant's row was replaced.
    pub(crate) fn receivers_changed(&self, tenant: &TenantId) {
        for Following { receiver, .. } in self.following(tenant) {
            self.bells.wake(tenant, &receiver.queue());
            self.was_fed(tenant, &receiver);
        }
        self.bells.ring(tenant);
    }

    /// A receiver is not to be left alone any longer, though it has asked for that: it is another one now, or somebody has mended it.
    pub(crate) fn lift_pause(&self, tenant: &TenantId, queue: &Queue) {
        self.bells.lift(tenant, queue);
    }

    /// The log of a tenant has grown. It costs next to nothing, more so where nobody is told.
    pub(crate) fn has_news(&self, tenant: &Tenant) {
        tenant.news.notify_waiters();
        if tenant.is_told() {
            self.bells.ring(&tenant.id);
        }
    }

    /// Calls `ring` with each tenant that has receivers when its log has grown or they have changed. The first call counts.
    pub fn on_news(&self, ring: Ring) {
        // There is one feeder in a process.
        let _ = self.bells.ring.set(ring);
    }

    /// Calls `wake` with the queues of receivers that are on again. The first call counts.
    pub fn on_receivers(&self, wake: Wake) {
        // There is one dispatcher in a process.
        let _ = self.bells.wake.set(wake);
    }

    /// Calls `lift` with the queues of receivers that are not to be left alone any longer. The first call counts.
    pub fn on_lifted(&self, lift: Wake) {
        // There is one dispatcher in a process.
        let _ = self.bells.lift.set(lift);
    }
}

fn announced(announcement: &Announcement, id: ResourceId, plugin: PluginDigest, queue: Queue) -> NewTask {
    NewTask {
        resource_type: ResourceType::new(ANNOUNCEMENT),
        id,
        idempotency_key: announcement.key.clone(),
        action: announcement.name.to_owned(),
        arguments: announcement.data.clone(),
        destructive: false,
        plugin,
        queue,
    }
}
