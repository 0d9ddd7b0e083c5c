use std::collections::{BTreeSet, HashMap};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arc_swap::{ArcSwap, ArcSwapOption};
use governor::{DefaultDirectRateLimiter, Quota};
use muster_model::{RequestValues, Retention, TenantId, TenantRow, Timestamp, TokenHash, TokenRow};
use muster_store::Directory;
use muster_store::request_log::{RequestBounds, RequestLog};
use tokio::sync::Notify;

use crate::binding::Bound;
use crate::figures::Fared;

/// One tenant as requests meet it.
pub struct Tenant {
    /// Its name.
    pub id: TenantId,
    /// Its part of the store: whoever has the tenant reaches no other's.
    pub(crate) directory: Arc<dyn Directory>,
    /// Its plugin; `None` if that could not be loaded. A request takes it once, so that it is decided by one version.
    pub(crate) bound: ArcSwapOption<Bound>,
    /// How its plugins fare.
    fared: Fared,
    /// Where its requests are noted.
    pub(crate) requests: Arc<dyn RequestLog>,
    retention: ArcSwap<Retention>,
    /// Tells whoever waits for it that the log has grown.
    pub(crate) news: Notify,
    /// Whether there are receivers that are told of it.
    is_told: AtomicBool,
    limiter: DefaultDirectRateLimiter,
}

impl std::fmt::Debug for Tenant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tenant").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Tenant {
    pub(crate) fn new(
        id: TenantId,
        directory: Arc<dyn Directory>,
        requests: Arc<dyn RequestLog>,
        per_second: u32,
        bound: Option<Bound>,
    ) -> Self {
        let quota = Quota::per_second(NonZeroU32::new(per_second).unwrap_or(NonZeroU32::MIN));
        let limiter = DefaultDirectRateLimiter::direct(quota);
        let retention = ArcSwap::from_pointee(Retention::default());
        let (none, fared, is_told) = (ArcSwapOption::empty(), Fared::default(), AtomicBool::new(false));
        let tenant =
            Self { id, directory, bound: none, fared, requests, retention, news: Notify::new(), is_told, limiter };
        if let Some(bound) = bound {
            tenant.bind(bound);
        }
        tenant
    }

    /// From now on this one decides. It goes on counting where its plugin has left off; a binding that is the same but for the tenant's own
    /// settings stays the same one to whoever watches it.
    pub(crate) fn bind(&self, mut bound: Bound) {
        bound.figures = self.fared.of(bound.plugin.digest(), bound.figures);
        if let Some(present) = self.bound.load_full()
            && (present.plugin.digest(), &present.config) == (bound.plugin.digest(), &bound.config)
        {
            bound.own = present.own.clone();
        }
        self.bound.store(Some(Arc::new(bound)));
    }

    /// How much of its requests is kept, and how, from now on.
    fn retain(&self, retention: Retention) {
        let bounds = RequestBounds { days: retention.requests_days, bytes: u64::from(retention.requests_mib) << 20 };
        self.requests.keep(&self.id, bounds);
        self.retention.store(Arc::new(retention));
    }

    /// Whether somebody is told when the log grows, from now on.
    fn tell(&self, row: &TenantRow) {
        self.is_told.store(row.delivery.receivers().next().is_some(), Ordering::Relaxed);
    }

    /// Whether somebody is told when the log grows.
    pub(crate) fn is_told(&self) -> bool {
        self.is_told.load(Ordering::Relaxed)
    }

    /// Whether anything is kept of its requests.
    pub(crate) fn keeps_requests(&self) -> bool {
        let retention = self.retention.load();
        retention.requests_days > 0 && retention.requests_mib > 0
    }

    /// What is kept of the values in them.
    pub(crate) fn request_values(&self) -> RequestValues {
        self.retention.load().requests_values
    }

    /// `Err`: in how many seconds there is room for one more request.
    pub(crate) fn admit(&self) -> Result<(), u64> {
        use governor::clock::{Clock as _, DefaultClock};
        self.limiter.check().map_err(|until| {
            let wait = until.wait_time_from(DefaultClock::default().now());
            wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
        })
    }
}

/// All tenants and tokens, as one value that is replaced whole: a revoked token stops at once, and no request waits for a lock.
/// A change makes it anew, of the same rows and tenants but one.
#[derive(Debug, Default)]
pub(crate) struct Tenants {
    view: ArcSwap<View>,
}

#[derive(Debug, Default, Clone)]
pub(crate) struct View {
    by_name: HashMap<TenantId, Arc<Tenant>>,
    rows: HashMap<TenantId, Arc<TenantRow>>,
    by_token: HashMap<[u8; 32], Arc<TokenRow>>,
    base_paths: Vec<String>,
}

impl Tenants {
    pub(crate) fn view(&self) -> arc_swap::Guard<Arc<View>> {
        self.view.load()
    }

    /// Changes the view; the caller holds the service's administration lock.
    pub(crate) fn change(&self, change: impl FnOnce(&mut View)) {
        let mut view = View::clone(&self.view.load());
        change(&mut view);
        // There are many tenants, and few base paths.
        let mut base_paths = BTreeSet::new();
        for tenant in view.by_name.values() {
            if let Some(bound) = tenant.bound.load().as_ref()
                && !base_paths.contains(&bound.plugin.manifest().base_path)
            {
                base_paths.insert(bound.plugin.manifest().base_path.clone());
            }
        }
        view.base_paths = base_paths.into_iter().collect();
        view.base_paths.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        self.view.store(Arc::new(view));
    }
}

impl View {
    pub(crate) fn tenant(&self, id: &TenantId) -> Option<&Arc<Tenant>> {
        self.by_name.get(id)
    }

    pub(crate) fn row(&self, id: &TenantId) -> Option<&TenantRow> {
        self.rows.get(id).map(AsRef::as_ref)
    }

    pub(crate) fn rows(&self) -> impl Iterator<Item = &TenantRow> {
        self.rows.values().map(AsRef::as_ref)
    }

    pub(crate) fn tokens(&self) -> impl Iterator<Item = &TokenRow> {
        self.by_token.values().map(AsRef::as_ref)
    }

    /// The base paths of the bound plugins, longest first.
    pub(crate) fn base_paths(&self) -> &[String] {
        &self.base_paths
    }

    /// The live token with this hash, and its tenant.
    pub(crate) fn by_token(&self, hash: &TokenHash, now: Timestamp) -> Option<(&TokenRow, &Arc<Tenant>)> {
        let row = self.by_token.get(hash.as_bytes())?;
        (row.hash.matches(hash) && row.is_live(now)).then_some(())?;
        Some((row, self.by_name.get(&row.tenant)?))
    }

    pub(crate) fn put_tenant(&mut self, row: TenantRow, tenant: Arc<Tenant>) {
        tenant.retain(row.retention);
        tenant.tell(&row);
        self.by_name.insert(row.id.clone(), tenant);
        self.rows.insert(row.id.clone(), Arc::new(row));
    }

    pub(crate) fn put_row(&mut self, row: TenantRow) {
        if let Some(tenant) = self.by_name.get(&row.id) {
            tenant.retain(row.retention);
            tenant.tell(&row);
        }
        self.rows.insert(row.id.clone(), Arc::new(row));
    }

    pub(crate) fn put_token(&mut self, row: TokenRow) {
        self.by_token.insert(*row.hash.as_bytes(), Arc::new(row));
    }
}
