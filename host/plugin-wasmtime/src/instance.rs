//! One call on one instance: a fresh one, or one that the tenant's binding has kept.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use muster_model::PluginDigest;
use muster_plugin::{Call, PluginError, PluginLog};
use serde_json::Value;
use wasmtime::component::{Instance, InstancePre};
use wasmtime::{PoolConcurrencyLimitError, Store};

use crate::bindings::v1::muster::plugin::types;
use crate::classify::classify;
use crate::deadline;
use crate::host_log::CallLog;
use crate::limits::{self, Growth};
use crate::logged_errors::LoggedErrors;
use crate::shelf::{Owner, Shelf};
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
    /// How many calls one instance serves; 1 until the plugin has told it: a fresh one for each.
    pub(crate) calls_per_instance: u32,
    /// Where instances wait for their next call.
    pub(crate) shelf: Arc<Shelf<Live>>,
    /// Who hears what it logs, beside the host's log.
    pub(crate) log: Option<Arc<dyn PluginLog>>,
    /// In how many calls it has logged an error.
    errors: Arc<LoggedErrors>,
    /// The most memory that an instance has had, in bytes.
    pub(crate) memory: AtomicUsize,
}

/// An instance that can be called.
pub(crate) struct Live {
    store: Store<CallState>,
    instance: Instance,
    calls_left: u32,
}

/// What is called, under the name that the contract gives it, and how long it may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Function {
    pub(crate) name: &'static str,
    pub(crate) deadline_ms: u64,
    /// Whether a kept instance may serve it.
    may_keep: bool,
    /// Whether what the plugin logs goes into the host's log.
    is_heard: bool,
}

/// What an instance does before it can be called, where that has a deadline of its own.
const START: &str = "the start of an instance";

impl Function {
    /// Called when a plugin is loaded or bound: always on a fresh instance.
    pub(crate) const fn new(name: &'static str, deadline_ms: u64) -> Self {
        Self { name, deadline_ms, may_keep: false, is_heard: true }
    }

    /// Called for requests.
    pub(crate) const fn of_requests(name: &'static str) -> Self {
        Self { may_keep: true, ..Self::new(name, limits::CALL_DEADLINE_MS) }
    }

    /// The same, called only so that its code has been run once: when the plugin is bound, and with the time that such calls have.
    pub(crate) const fn to_warm_up(self) -> Self {
        Self { name: self.name, deadline_ms: limits::ABOUT_DEADLINE_MS, may_keep: false, is_heard: false }
    }
}

impl Ready {
    /// One of which nothing is known yet: each call has a fresh instance, and in the log it has no name.
    pub(crate) fn new(
        pre: InstancePre<CallState>,
        digest: PluginDigest,
        shelf: Arc<Shelf<Live>>,
        log: Option<Arc<dyn PluginLog>>,
    ) -> Self {
        Self {
            pre,
            digest,
            name: Arc::from(""),
            calls_per_instance: 1,
            shelf,
            log,
            errors: Arc::default(),
            memory: AtomicUsize::new(0),
        }
    }

    /// Runs `call`; what it answers is given as it is.
    pub(crate) fn run<R>(
        &self,
        function: Function,
        origin: Option<&Call<'_>>,
        call: impl FnOnce(&mut Store<CallState>, &Instance) -> wasmtime::Result<R>,
    ) -> Result<R, PluginError> {
        self.run_and_read(function, origin, call, Ok)
    }

    /// Runs `call`, and reads what it answers.
    ///
    /// A fresh instance is gone afterwards: what a trap leaves behind is never met again. A kept one is gone as well, unless it gave an
    /// answer that could be read; a considered "no" is one.
    pub(crate) fn run_and_read<R, T>(
        &self,
        function: Function,
        origin: Option<&Call<'_>>,
        call: impl FnOnce(&mut Store<CallState>, &Instance) -> wasmtime::Result<R>,
        read: impl FnOnce(R) -> Result<T, PluginError>,
    ) -> Result<T, PluginError> {
        let is_kept = function.may_keep && self.calls_per_instance > 1;
        let owner = origin.filter(|_| is_kept).map(|call| Owner::of(call, self.digest));
        let state = self.state(function, origin);
        let mut live = match owner.as_ref().and_then(|owner| self.shelf.take(owner)) {
            Some(mut kept) => {
                kept.turn_to(state);
                kept
            }
            None => self.start(function, state, owner.is_some())?,
        };
        if owner.is_some() {
            deadline::set(&mut live.store, function.deadline_ms);
        }
        let answer = call(&mut live.store, &live.instance);
        self.memory.fetch_max(live.memory_bytes(), Ordering::Relaxed);
        let answer = answer.map_err(|error| classify(&error, function.name, function.deadline_ms)).and_then(read);
        if let (Some(owner), Ok(_) | Err(PluginError::Rejected(_))) = (owner, &answer) {
            self.keep(owner, live);
        }
        answer
    }

    /// Nothing but a fresh instance: for the benchmarks.
    pub(crate) fn instantiate(&self, function: Function, call: &Call<'_>) -> Result<(), PluginError> {
        let mut store = Store::new(self.pre.engine(), self.state(function, Some(call)));
        // An engine that counts epochs has to be told; nothing else of the store is.
        store.set_epoch_deadline(u64::MAX / 2);
        let instance = self.pre.instantiate(&mut store).map(drop);
        instance.map_err(|error| classify(&error, function.name, function.deadline_ms))
    }

    /// A fresh instance. Of those that are kept the start has a deadline of its own: it is long, and comes once in many calls.
    fn start(&self, function: Function, mut state: CallState, is_kept: bool) -> Result<Live, PluginError> {
        let (name, deadline_ms) =
            if is_kept { (START, limits::START_DEADLINE_MS) } else { (function.name, function.deadline_ms) };
        let classify = |error: &wasmtime::Error| classify(error, name, deadline_ms);
        loop {
            let mut store = Store::try_new(self.pre.engine(), state).map_err(|error| classify(&error))?;
            store.limiter(|state| &mut state.growth);
            deadline::set(&mut store, deadline_ms);
            store.set_hostcall_fuel(limits::MAX_HOST_CALL_BYTES);
            store.set_max_component_handles(limits::MAX_HANDLES);
            match self.pre.instantiate(&mut store) {
                Ok(instance) => return Ok(Live { store, instance, calls_left: self.calls_per_instance }),
                // Whoever waits for a call that may come makes room for one that has.
                Err(error) if error.is::<PoolConcurrencyLimitError>() && self.shelf.drop_oldest() => {
                    state = CallState { growth: Growth::default(), ..store.into_data() };
                }
                Err(error) => {
                    self.memory.fetch_max(store.data().growth.memory_bytes(), Ordering::Relaxed);
                    return Err(classify(&error));
                }
            }
        }
    }

    /// Puts an instance by for the owner's next call, unless it has served as many as it may or has grown too large.
    fn keep(&self, owner: Owner, mut live: Live) {
        live.calls_left -= 1;
        let bytes = live.memory_bytes();
        if live.calls_left > 0 && bytes <= limits::MAX_KEPT_INSTANCE_BYTES {
            // Nothing of the call stays on the host's side; its log is closed here.
            live.turn_to(self.state(BETWEEN_CALLS, None));
            self.shelf.put(owner, live, bytes);
        }
    }

    fn state(&self, function: Function, origin: Option<&Call<'_>>) -> CallState {
        let now_ms = origin.map_or(0, now_ms);
        let log = CallLog::new(self.digest, self.name.clone(), origin, function.is_heard, self.log.clone());
        // Whoever loads or binds a plugin waits for what it says; requests can be of very many calls.
        let log = if function.may_keep { log.counted_by(self.errors.clone()) } else { log };
        CallState {
            growth: Growth::default(),
            wasi: Nowhere::at(now_ms),
            log,
            config: origin.map_or_else(Arc::default, |call| call.config.clone()),
        }
    }
}

/// Nothing is called.
const BETWEEN_CALLS: Function = Function { name: "", deadline_ms: 0, may_keep: false, is_heard: false };

impl Live {
    /// Makes the host's side that of another call; what the instance has grown to stays counted.
    fn turn_to(&mut self, state: CallState) {
        let growth = std::mem::take(&mut self.store.data_mut().growth);
        *self.store.data_mut() = CallState { growth, ..state };
    }

    fn memory_bytes(&self) -> usize {
        self.store.data().growth.memory_bytes()
    }
}

/// The contract's clock does not go back behind 1970.
pub(crate) fn now_ms(call: &Call<'_>) -> u64 {
    u64::try_from(call.now.as_millis()).unwrap_or(0)
}
