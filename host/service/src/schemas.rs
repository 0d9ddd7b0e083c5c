//! What tenants serve, kept once for all that serve the same: most tenants of a plugin differ in nothing that matters here, and the schemas of
//! each would be the largest part of what it takes in memory.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use muster_model::PluginDigest;
use muster_protocol::schema::Registry;

/// What one tenant serves. A copy of it shares all that is large.
#[derive(Debug, Clone)]
pub(crate) struct Registries {
    /// What may be sent: the whole of each kind.
    pub(crate) accepted: Registry,
    /// What is kept: narrowed to what the plugin retains.
    pub(crate) served: Registry,
    /// What is announced: what is kept, and the password, where the plugin is told it.
    pub(crate) announced: Registry,
}

/// Which tenants serve the same: those of a plugin for which nothing else is declared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Which {
    pub(crate) plugin: PluginDigest,
    pub(crate) has_groups: bool,
}

/// Two for each plugin at most, and plugins that were loaded stay.
#[derive(Debug, Default)]
pub(crate) struct Schemas {
    known: Mutex<HashMap<Which, Registries>>,
}

impl Schemas {
    /// What these tenants serve; put together by the first of them.
    pub(crate) fn of<E>(&self, which: Which, make: impl FnOnce() -> Result<Registries, E>) -> Result<Registries, E> {
        if let Some(served) = self.known().get(&which) {
            return Ok(served.clone());
        }
        // Outside the lock: two may make the same at a time, and the first one's stays.
        let fresh = make()?;
        Ok(self.known().entry(which).or_insert(fresh).clone())
    }

    fn known(&self) -> std::sync::MutexGuard<'_, HashMap<Which, Registries>> {
        // A map that a panicking thread held is still a map.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn which(plugin: &[u8], has_groups: bool) -> Which {
        Which { plugin: PluginDigest::of(plugin), has_groups }
    }

    fn make() -> Result<Registries, ()> {
        let whole = |name: &str| (name.to_owned(), Vec::new());
        // Made anew each time: the core's own are one already.
        let registry = || Registry::core().narrowed(&[whole("User")]).map_err(drop);
        Ok(Registries { accepted: registry()?, served: registry()?, announced: registry()? })
    }

    #[test]
    fn tenants_of_one_plugin_have_one_copy_and_others_have_their_own() {
        let schemas = Schemas::default();
        let first = schemas.of(which(b"a", true), make).unwrap();
        let is_same = |other: &Registries| Arc::ptr_eq(&first.served.types[0], &other.served.types[0]);

        assert!(is_same(&schemas.of(which(b"a", true), || Err(())).unwrap()), "nothing is made again");
        assert!(!is_same(&schemas.of(which(b"a", false), make).unwrap()), "without groups it is another");
        assert!(!is_same(&schemas.of(which(b"b", true), make).unwrap()));
    }

    #[test]
    fn what_could_not_be_made_is_tried_again() {
        let schemas = Schemas::default();
        assert!(schemas.of(which(b"a", true), || Err("no")).is_err());
        assert!(schemas.of(which(b"a", true), make).is_ok());
    }
}
