//! Instances that are kept between calls, for plugins whose languages start slowly.
//!
//! An instance remembers what it was told. So it serves one binding of one tenant, and nobody else ever: another tenant, another plugin
//! and another configuration each have instances of their own. What stands here is called by nobody; whoever calls takes it away.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use muster_model::{PluginDigest, TenantId};
use muster_plugin::{Call, Kept};
use serde_json::Value;

use crate::limits::{MAX_KEPT, MAX_KEPT_A_TENANT};

/// Whose instance it is: one binding's.
#[derive(Debug, Clone)]
pub(crate) struct Owner {
    tenant: TenantId,
    digest: PluginDigest,
    /// The very configuration, not one that is equal: it goes when the binding goes, and its instances with it.
    config: Weak<Value>,
}

impl Owner {
    pub(crate) fn of(call: &Call<'_>, digest: PluginDigest) -> Self {
        Self { tenant: call.tenant.clone(), digest, config: Arc::downgrade(call.config) }
    }

    fn is(&self, other: &Self) -> bool {
        self.config.ptr_eq(&other.config) && self.digest == other.digest && self.tenant == other.tenant
    }

    /// The binding was replaced, and no request is left that has it.
    fn is_gone(&self) -> bool {
        self.config.strong_count() == 0
    }
}

/// The instances that wait for their next call.
pub(crate) struct Shelf<T> {
    shelved: Mutex<Shelved<T>>,
    max_bytes: usize,
}

struct Shelved<T> {
    /// The one that was used least recently stands first.
    places: VecDeque<Place<T>>,
    bytes: usize,
}

struct Place<T> {
    owner: Owner,
    bytes: usize,
    instance: T,
}

impl<T> Shelf<T> {
    /// Room for this much memory of instances, in bytes.
    pub(crate) fn new(max_bytes: usize) -> Self {
        Self { shelved: Mutex::new(Shelved { places: VecDeque::new(), bytes: 0 }), max_bytes }
    }

    /// An instance of this owner, of several the one that was used last.
    pub(crate) fn take(&self, owner: &Owner) -> Option<T> {
        let mut shelved = self.shelved();
        let at = shelved.places.iter().rposition(|place| place.owner.is(owner))?;
        shelved.remove(at).map(|place| place.instance)
    }

    /// Keeps an instance with this much memory. Whatever has no room any more goes.
    pub(crate) fn put(&self, owner: Owner, instance: T, bytes: usize) {
        let gone = self.shelved().put(Place { owner, bytes, instance }, self.max_bytes);
        // To let an instance go takes a moment, and nobody needs to wait for it.
        drop(gone);
    }

    /// What stands here now.
    pub(crate) fn holds(&self) -> Kept {
        let shelved = self.shelved();
        Kept { instances: shelved.places.len(), bytes: shelved.bytes }
    }

    /// Lets the one go that was used least recently; `false`: there is none.
    pub(crate) fn drop_oldest(&self) -> bool {
        let oldest = self.shelved().remove(0);
        oldest.is_some()
    }

    /// Nothing panics while it holds the lock, and a list of instances is one in any case.
    fn shelved(&self) -> MutexGuard<'_, Shelved<T>> {
        self.shelved.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Shelved<T> {
    fn put(&mut self, place: Place<T>, max_bytes: usize) -> Vec<Place<T>> {
        let mut gone = Vec::new();
        while let Some(at) = self.places.iter().position(|place| place.owner.is_gone()) {
            gone.extend(self.remove(at));
        }
        let tenant = place.owner.tenant.clone();
        let is_theirs = |place: &Place<T>| place.owner.tenant == tenant;
        if self.places.iter().filter(|place| is_theirs(place)).count() >= MAX_KEPT_A_TENANT
            && let Some(at) = self.places.iter().position(is_theirs)
        {
            gone.extend(self.remove(at));
        }
        self.bytes += place.bytes;
        self.places.push_back(place);
        while self.places.len() > MAX_KEPT || self.bytes > max_bytes {
            gone.extend(self.remove(0));
        }
        gone
    }

    fn remove(&mut self, at: usize) -> Option<Place<T>> {
        let place = self.places.remove(at)?;
        self.bytes -= place.bytes;
        Some(place)
    }
}

#[cfg(test)]
mod tests {
    use muster_model::{RequestId, Timestamp};

    use super::*;

    /// The owner that a tenant with this configuration is.
    fn owner(tenant: &str, config: &Arc<Value>) -> Owner {
        let (tenant, request) = (TenantId::parse(tenant).unwrap(), RequestId("r-1".into()));
        let now = Timestamp::from_millis(0);
        Owner::of(&Call { tenant: &tenant, request: &request, now, config }, PluginDigest::of(b"plugin"))
    }

    #[test]
    fn an_instance_is_its_owners_and_nobody_elses() {
        let (config, equal) = (Arc::new(Value::Null), Arc::new(Value::Null));
        let shelf = Shelf::new(100);
        shelf.put(owner("acme", &config), "of acme", 1);

        assert_eq!(shelf.take(&owner("globex", &config)), None);
        assert_eq!(shelf.take(&owner("acme", &equal)), None, "a binding that says the same is another binding");
        assert_eq!(shelf.take(&owner("acme", &config)), Some("of acme"));
        assert_eq!(shelf.take(&owner("acme", &config)), None, "one call at a time");
    }

    #[test]
    fn a_tenant_keeps_so_many_and_the_oldest_goes() {
        let config = Arc::new(Value::Null);
        let shelf = Shelf::new(100);
        shelf.put(owner("globex", &config), 99, 1);
        for number in 0..=MAX_KEPT_A_TENANT {
            shelf.put(owner("acme", &config), number, 1);
        }

        let mut left = Vec::new();
        while let Some(number) = shelf.take(&owner("acme", &config)) {
            left.push(number);
        }
        assert_eq!(left, (1..=MAX_KEPT_A_TENANT).rev().collect::<Vec<_>>());
        assert_eq!(shelf.take(&owner("globex", &config)), Some(99), "another tenant's stays");
    }

    #[test]
    fn all_together_have_so_many_bytes_and_so_many_places() {
        let config = Arc::new(Value::Null);
        let shelf = Shelf::new(10);
        for (tenant, bytes) in [("acme", 6), ("globex", 4), ("initech", 1)] {
            shelf.put(owner(tenant, &config), tenant, bytes);
        }
        assert_eq!(shelf.holds(), Kept { instances: 2, bytes: 5 });
        assert_eq!(shelf.take(&owner("acme", &config)), None, "the one that was used least recently made room");
        assert_eq!(shelf.take(&owner("globex", &config)), Some("globex"));
        shelf.put(owner("umbrella", &config), "umbrella", 11);
        assert_eq!(shelf.take(&owner("umbrella", &config)), None, "more than all may have is not kept");

        let shelf = Shelf::new(usize::MAX);
        for number in 0..=MAX_KEPT {
            shelf.put(owner(&format!("tenant-{number}"), &config), number, 1);
        }
        assert_eq!(shelf.take(&owner("tenant-0", &config)), None);
        assert_eq!(shelf.take(&owner("tenant-1", &config)), Some(1));
    }

    #[test]
    fn what_was_kept_for_a_binding_goes_with_it() {
        let (config, next) = (Arc::new(Value::Null), Arc::new(Value::Null));
        let shelf = Shelf::new(100);
        let instance = Arc::new(());
        shelf.put(owner("acme", &config), instance.clone(), 1);
        drop(config);
        shelf.put(owner("acme", &next), Arc::new(()), 1);

        assert_eq!(Arc::strong_count(&instance), 1);
        assert!(shelf.drop_oldest() && !shelf.drop_oldest());
    }
}
