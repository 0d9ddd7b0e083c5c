//! What the store of one call holds: the host's side of every import.

use std::sync::{Arc, Mutex, PoisonError};

use muster_plugin::{Call, Errand, Memory};
use serde_json::Value;
use wasmtime::component::ResourceTable;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use super::Delivery;
use super::http::WayOut;
use super::purse::Share;
use crate::host_log::CallLog;
use crate::limits;

pub(super) struct DeliveryState {
    growth: Share,
    pub(super) log: CallLog,
    pub(super) config: Arc<Value>,
    /// `None`: nobody has granted that it remembers anything.
    pub(super) memory: Option<Arc<dyn Memory>>,
    pub(super) way_out: WayOut,
    wasi: WasiCtx,
    http: WasiHttpCtx,
    table: ResourceTable,
    notes: Notes,
}

/// What the host tells beside what the plugin says: a sentence each, the first ones.
#[derive(Debug, Clone, Default)]
pub(super) struct Notes(Arc<Mutex<Vec<String>>>);

impl Notes {
    pub(super) fn add(&self, note: String) {
        let mut notes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Who asks for the same again and again is told of once.
        if notes.len() < limits::MAX_NOTES && !notes.contains(&note) {
            notes.push(note);
        }
    }

    pub(super) fn told(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl DeliveryState {
    pub(super) fn new(delivery: &Delivery, call: &Call<'_>, errand: Errand<'_>) -> Self {
        let notes = Notes::default();
        let Errand { granted, secrets, memory, .. } = errand;
        let memory = Some(memory).filter(|_| granted.may_remember());
        let mut http = WasiHttpCtx::new();
        http.set_field_size_limit(limits::MAX_FIELDS_BYTES);
        let mut table = ResourceTable::new();
        table.set_max_capacity(limits::MAX_TABLE_ENTRIES);
        let log = CallLog::new(delivery.digest, delivery.name.clone(), Some(call), true, delivery.log.clone());
        Self {
            growth: Share::of(delivery.purse.clone()),
            log,
            config: call.config.clone(),
            memory,
            way_out: WayOut::new(delivery.sender.clone(), granted, secrets, notes.clone()),
            // Real clocks and random numbers; no environment, no files, no network of its own; output is dropped.
            wasi: WasiCtx::builder().max_random_size(limits::MAX_RANDOM_BYTES).build(),
            http,
            table,
            notes,
        }
    }

    pub(super) fn notes(&self) -> Notes {
        self.notes.clone()
    }

    pub(super) fn growth(&mut self) -> &mut Share {
        &mut self.growth
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.growth.memory_bytes()
    }
}

impl WasiView for DeliveryState {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl WasiHttpView for DeliveryState {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { hooks: &mut self.way_out, table: &mut self.table, ctx: &mut self.http }
    }
}
