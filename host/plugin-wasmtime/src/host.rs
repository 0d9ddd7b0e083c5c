use std::path::PathBuf;
use std::sync::Arc;

use muster_model::PluginDigest;
use muster_outbound::Sender;
use muster_plugin::{Kept, LoadError, Plugin, PluginHost, PluginLog, Role};
use wasmtime::Engine;
use wasmtime::component::{HasSelf, InstancePre, Linker};

use crate::bare::Bare;
use crate::bindings::v1::Full;
use crate::bindings::v2;
use crate::cache::Cache;
use crate::check::Interfaces;
use crate::compile::Compiler;
use crate::delivery::{Deliveries, Delivery};
use crate::instance::{CallState, Live, Ready};
use crate::plugin::WasmtimePlugin;
use crate::shelf::Shelf;
use crate::{check, deny_http, engine, limits, wasi};

/// Where and how plugins are kept.
pub struct HostOptions {
    /// The folder of compiled plugins: the host's own, closed to all others when it is opened. It can be emptied at any time.
    pub cache_dir: PathBuf,
    /// Authenticates what is in the folder: 256 random bits that are not kept in it. With another key everything is compiled again.
    pub cache_key: [u8; 32],
    /// What compiles; `None`: this process does, without limits on what that takes.
    pub compiler: Option<Compiler>,
    /// Bytes over the memories of all instances that are kept between calls.
    pub kept_bytes: usize,
    /// Who hears what plugins log, beside the host's own log.
    pub log: Option<Arc<dyn PluginLog>>,
    /// Who lets the requests of plugins out; `None`: none of them leaves.
    pub sender: Option<Sender>,
}

impl HostOptions {
    /// With a cache in this folder, and everything else as it is if nothing is said about it.
    pub fn new(cache_dir: PathBuf, cache_key: [u8; 32]) -> Self {
        Self { cache_dir, cache_key, compiler: None, kept_bytes: limits::MAX_KEPT_BYTES, log: None, sender: None }
    }
}

/// Runs plugins with wasmtime: a fresh instance for every call, or one that is kept where the plugin's manifest asks for it.
pub struct WasmtimeHost {
    engine: Engine,
    linker: Linker<CallState>,
    cache: Cache,
    compiler: Option<Compiler>,
    shelf: Arc<Shelf<Live>>,
    deliveries: Deliveries,
    log: Option<Arc<dyn PluginLog>>,
}

impl WasmtimeHost {
    /// Opens the cache and starts the engine, with its clock on a thread of its own.
    pub fn new(options: HostOptions) -> Result<Self, LoadError> {
        Self::with_instances(options, limits::MAX_INSTANCES)
    }

    /// As [`WasmtimeHost::new`], with room for so many calls at a time: for a test that fills it.
    #[doc(hidden)]
    pub fn with_instances(options: HostOptions, instances: u32) -> Result<Self, LoadError> {
        let cache =
            Cache::open(options.cache_dir, options.cache_key).map_err(|error| LoadError::Host(Box::new(error)))?;
        let host = |error: wasmtime::Error| LoadError::Host(error.into_boxed_dyn_error());
        let engine = engine::hot(instances).map_err(host)?;
        let mut linker = Linker::new(&engine);
        Full::add_to_linker::<_, HasSelf<CallState>>(&mut linker, |state| state).map_err(host)?;
        v2::add_to_linker(&mut linker).map_err(host)?;
        wasi::add_to_linker(&mut linker).map_err(host)?;
        deny_http::add_to_linker(&mut linker).map_err(host)?;
        let shelf = Arc::new(Shelf::new(options.kept_bytes));
        let deliveries = Deliveries::new(options.sender);
        Ok(Self { engine, linker, cache, compiler: options.compiler, shelf, deliveries, log: options.log })
    }

    /// The component of these bytes as code, with the host's side of its imports.
    fn linked(&self, digest: PluginDigest, bytes: &[u8]) -> Result<InstancePre<CallState>, LoadError> {
        let component = self.cache.component(&self.engine, digest, bytes, self.compiler.as_ref())?;
        self.linker.instantiate_pre(&component).map_err(|error| LoadError::Contract(format!("{error:#}")))
    }

    /// The role `delivery` of a component that has it: the same code once more, on the engine of calls that wait.
    fn delivery(&self, digest: PluginDigest, bytes: &[u8], found: Interfaces) -> Result<Option<Delivery>, LoadError> {
        if !found.roles.has(Role::Delivery) {
            return Ok(None);
        }
        let engine = self.deliveries.engine().map_err(|error| LoadError::Host(error.into_boxed_dyn_error()))?;
        let component = self.cache.component(engine, digest, bytes, self.compiler.as_ref())?;
        let interface = found.contract.interface("delivery");
        self.deliveries.of(&component, &interface, digest, self.log.clone()).map(Some)
    }

    /// What starts instances of a component and calls none: for the benchmarks.
    #[doc(hidden)]
    pub fn bare(&self, bytes: &[u8]) -> Result<Bare, LoadError> {
        let digest = PluginDigest::of(bytes);
        Ok(Bare::new(Ready::new(self.linked(digest, bytes)?, digest, self.shelf.clone(), None)))
    }
}

impl PluginHost for WasmtimeHost {
    fn load(&self, bytes: &[u8]) -> Result<Arc<dyn Plugin>, LoadError> {
        check::check_bytes(bytes)?;
        let interfaces = check::check_interfaces(bytes)?;
        let digest = PluginDigest::of(bytes);
        let pre = self.linked(digest, bytes)?;
        let delivery = self.delivery(digest, bytes, interfaces)?;
        let kept = self.shelf.clone();
        Ok(Arc::new(WasmtimePlugin::load(pre, delivery, digest, interfaces, kept, self.log.clone())?))
    }

    fn kept(&self) -> Kept {
        self.shelf.holds()
    }
}

impl std::fmt::Debug for HostOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HostOptions").field("cache_dir", &self.cache_dir).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for WasmtimeHost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WasmtimeHost").field("cache", &self.cache).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
