//! One call on one fresh instance.

use std::sync::Arc;

use muster_model::PluginDigest;
use muster_plugin::{Call, PluginError};
use serde_json::Value;
use wasmtime::Store;
use wasmtime::component::{Instance, InstancePre};

use crate::bindings::v1::muster::plugin::types;
use crate::classify::classify;
use crate::deadline;
use crate::host_log::CallLog;
use crate::limits::{self, Growth};
use crate::wasi::Nowhere;

/// What the store of one call holds: the host's side of every import.
#[derive(Debug)]
pub(crate) struct CallState {
    pub(crate) growth: Growth,
    pub(crate) wasi: Nowhere,
    pub(crate) log: CallLog,
    pub(crate) config: Arc<Value>,
}

/// Types have nothing to call; a component imports them all the same.
impl types::Host for CallState {}

/// A component that is linked and ready.
pub(crate) struct Ready {
    pub(crate) pre: InstancePre<CallState>,
    pub(crate) digest: PluginDigest,
    /// For the log; empty until the plugin has told it.
    pub(crate) name: Arc<str>,
}

/// What is called, under the name that the contract gives it, and how long it may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Function {
    pub(crate) name: &'static str,
    pub(crate) deadline_ms: u64,
}

impl Ready {
    /// Runs `call` on a fresh instance, which is gone afterwards: what a trap leaves behind is never met again.
    pub(crate) fn run<R>(
        &self,
        function: Function,
        origin: Option<&Call<'_>>,
        call: impl FnOnce(&mut Store<CallState>, &Instance) -> wasmtime::Result<R>,
    ) -> Result<R, PluginError> {
        let run = || {
            let mut store = Store::try_new(self.pre.engine(), self.state(origin))?;
            store.limiter(|state| &mut state.growth);
            deadline::set(&mut store, function.deadline_ms);
            store.set_hostcall_fuel(limits::MAX_HOST_CALL_BYTES);
            store.set_max_component_handles(limits::MAX_HANDLES);
            let instance = self.pre.instantiate(&mut store)?;
            call(&mut store, &instance)
        };
        run().map_err(|error| classify(&error, function.name, function.deadline_ms))
    }

    fn state(&self, origin: Option<&Call<'_>>) -> CallState {
        let now_ms = origin.map_or(0, now_ms);
        CallState {
            growth: Growth::default(),
            wasi: Nowhere::at(now_ms),
            log: CallLog::new(self.digest, self.name.clone(), origin),
            config: origin.map_or_else(Arc::default, |call| call.config.clone()),
        }
    }
}

/// The contract's clock does not go back behind 1970.
pub(crate) fn now_ms(call: &Call<'_>) -> u64 {
    u64::try_from(call.now.as_millis()).unwrap_or(0)
}
