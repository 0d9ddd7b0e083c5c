//! The memory of all instances together: each has some for itself, and what is beyond it comes out of a purse that all share. So an instance
//! that takes much leaves to the others what they need, and the host knows the most that plugins can take of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use wasmtime::{ResourceLimiter, Result};

use crate::limits::{self, Growth};

/// How much of [`limits::MAX_DELIVERY_SHARED_BYTES`] is taken.
#[derive(Debug, Clone, Default)]
pub(super) struct Purse(Arc<AtomicUsize>);

/// There is nothing left in the purse: the host's fullness, not the plugin's fault.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the instances that run have all the memory that there is for them")]
pub(crate) struct NothingLeft;

/// What one instance grows to, and what it has taken for that out of the purse.
#[derive(Debug)]
pub(super) struct Share {
    growth: Growth,
    purse: Purse,
    taken: usize,
}

impl Share {
    pub(super) const fn of(purse: Purse) -> Self {
        Self { growth: Growth::up_to(limits::MAX_DELIVERY_MEMORY_BYTES), purse, taken: 0 }
    }

    /// Bytes over all memories of the instance.
    pub(super) const fn memory_bytes(&self) -> usize {
        self.growth.memory_bytes()
    }

    /// Takes what it needs to have so much.
    fn reach(&mut self, bytes: usize) -> Result<(), NothingLeft> {
        let more = bytes.saturating_sub(limits::OWN_DELIVERY_MEMORY_BYTES).saturating_sub(self.taken);
        let take = |taken: usize| Some(taken + more).filter(|taken| *taken <= limits::MAX_DELIVERY_SHARED_BYTES);
        self.purse.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).map_err(|_| NothingLeft)?;
        self.taken += more;
        Ok(())
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.purse.0.fetch_sub(self.taken, Ordering::Relaxed);
    }
}

impl ResourceLimiter for Share {
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> Result<bool> {
        let may = self.growth.memory_growing(current, desired, maximum)?;
        self.reach(self.growth.memory_bytes())?;
        Ok(may)
    }

    fn table_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> Result<bool> {
        self.growth.table_growing(current, desired, maximum)
    }

    fn instances(&self) -> usize {
        self.growth.instances()
    }

    fn tables(&self) -> usize {
        self.growth.tables()
    }

    fn memories(&self) -> usize {
        self.growth.memories()
    }
}

#[cfg(test)]
mod tests {
    use muster_plugin::PluginError;

    use super::*;
    use crate::classify::classify;

    #[test]
    fn those_that_grow_share_what_there_is_and_each_has_some_for_itself() {
        let purse = Purse::default();
        let own = limits::OWN_DELIVERY_MEMORY_BYTES;
        let beyond = limits::MAX_DELIVERY_MEMORY_BYTES - own;
        let full = limits::MAX_DELIVERY_SHARED_BYTES / beyond;
        let mut shares: Vec<Share> = (0..limits::MAX_DELIVERY_INSTANCES).map(|_| Share::of(purse.clone())).collect();
        for share in &mut shares[..full] {
            assert!(share.memory_growing(0, own + beyond, None).unwrap());
        }
        let late = &mut shares[full];
        assert!(late.memory_growing(0, own, None).unwrap(), "what it has for itself");
        let refused = late.memory_growing(own, own + beyond, None).unwrap_err();
        assert!(matches!(classify(&refused, "f", 1), PluginError::Busy), "{refused}");

        drop(shares.remove(0));
        let mut next = Share::of(purse.clone());
        assert!(next.memory_growing(0, own + beyond, None).unwrap(), "who ends makes room");
        drop((shares, next));
        assert_eq!(purse.0.load(Ordering::Relaxed), 0);
    }
}
