//! The role `delivery`: a call that waits, on an engine of its own.
//!
//! Its instances are always fresh, and so many run at a time. A call has a time of the processor (`meter`), and one on the wall, because a guest
//! that waits in the host is not met by the first. What it may touch is in `state`: the log, the configuration, real clocks and random numbers,
//! its memory, and the way out (`http`), each only as far as the errand says.

mod http;
mod link;
mod meter;
mod purse;
mod state;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use muster_model::PluginDigest;
use muster_outbound::Sender;
use muster_plugin::{Call, Errand, LoadError, Outcome, Performed, PluginError, PluginLog};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use wasmtime::component::{Component, ComponentExportIndex, InstancePre, Linker, TypedFunc};
use wasmtime::{Engine, Store};

use crate::answer::Reader;
use crate::bindings::v1::exports::muster::plugin::delivery;
use crate::bindings::v1::muster::plugin::types;
use crate::classify::classify;
use crate::{engine, limits, params};

use meter::Meter;
pub(crate) use purse::NothingLeft;
use purse::Purse;
use state::DeliveryState;

const PERFORM: &str = "delivery.perform";

type PerformFunc<'a> = TypedFunc<(types::Context<'a>, types::TaskParam<'a>, u32), (delivery::Outcome,)>;

/// Where calls of `delivery` run. The engine is started with the first plugin that has the role.
pub(crate) struct Deliveries {
    started: OnceLock<(Engine, Linker<DeliveryState>)>,
    sender: Option<Sender>,
    room: Arc<Semaphore>,
    purse: Purse,
}

/// The role of one plugin.
pub(crate) struct Delivery {
    pre: InstancePre<DeliveryState>,
    perform: ComponentExportIndex,
    sender: Option<Sender>,
    room: Arc<Semaphore>,
    purse: Purse,
    log: Option<Arc<dyn PluginLog>>,
    digest: PluginDigest,
    name: Arc<str>,
    /// The most memory that an instance has had, in bytes.
    memory: AtomicUsize,
}

impl Deliveries {
    /// `sender`: who lets requests out; `None`: nobody does.
    pub(crate) fn new(sender: Option<Sender>) -> Self {
        let room = Arc::new(Semaphore::new(limits::MAX_DELIVERY_INSTANCES));
        Self { started: OnceLock::new(), sender, room, purse: Purse::default() }
    }

    pub(crate) fn engine(&self) -> wasmtime::Result<&Engine> {
        self.started().map(|(engine, _)| engine)
    }

    fn started(&self) -> wasmtime::Result<&(Engine, Linker<DeliveryState>)> {
        if let Some(started) = self.started.get() {
            return Ok(started);
        }
        let engine = engine::delivery()?;
        let linker = link::linker(&engine)?;
        // Of two that start at once, one is not used.
        Ok(self.started.get_or_init(|| (engine, linker)))
    }

    /// The role of a component that was compiled for this engine. `name`: what the plugin calls itself.
    pub(crate) fn of(
        &self,
        component: &Component,
        interface: &str,
        digest: PluginDigest,
        log: Option<Arc<dyn PluginLog>>,
    ) -> Result<Delivery, LoadError> {
        let misfit = |error: wasmtime::Error| LoadError::Contract(format!("{error:#}"));
        let (_, linker) = self.started().map_err(misfit)?;
        let found = component.get_export_index(None, interface);
        let found = found.and_then(|instance| component.get_export_index(Some(&instance), "perform"));
        let missing = || LoadError::Contract(format!("its {interface} does not export perform"));
        Ok(Delivery {
            pre: linker.instantiate_pre(component).map_err(misfit)?,
            perform: found.ok_or_else(missing)?,
            sender: self.sender.clone(),
            room: self.room.clone(),
            purse: self.purse.clone(),
            log,
            digest,
            name: Arc::from(""),
            memory: AtomicUsize::new(0),
        })
    }
}

impl Delivery {
    /// The same, of a plugin that has told its name.
    pub(crate) fn named(self, name: &str) -> Self {
        Self { name: Arc::from(name), ..self }
    }

    pub(crate) fn memory_high_water(&self) -> usize {
        self.memory.load(Ordering::Relaxed)
    }

    pub(crate) async fn perform(&self, call: &Call<'_>, errand: Errand<'_>) -> Performed {
        let room = timeout(limits::DELIVERY_ROOM_WAIT, self.room.clone().acquire_owned()).await;
        let Ok(Ok(_place)) = room else { return Performed { outcome: Err(PluginError::Busy), notes: Vec::new() } };
        let (task, attempt) = (errand.task, errand.attempt);
        let state = DeliveryState::new(self, call, errand);
        let notes = state.notes();
        let (meter, mut store) = match self.store(state) {
            Ok(ready) => ready,
            Err(error) => return Performed { outcome: Err(failed(&error)), notes: Vec::new() },
        };
        let arguments = params::fields(&task.arguments);
        let param = types::TaskParam {
            idempotency_key: &task.idempotency_key,
            action: &task.action,
            arguments: &arguments,
            destructive: task.destructive,
        };
        let run = async {
            let instance = self.pre.instantiate_async(&mut store).await?;
            let function: PerformFunc<'_> = instance.get_typed_func(&mut store, self.perform)?;
            function.call_async(&mut store, (params::context(call), param, attempt)).await
        };
        let answer = timeout(limits::DELIVERY_WALL, meter.measure(run)).await;
        self.memory.fetch_max(store.data().memory_bytes(), Ordering::Relaxed);
        // What was still under way ends with it.
        drop(store);
        let outcome = match answer {
            Ok(Ok((outcome,))) => read(outcome),
            Ok(Err(error)) => Err(failed(&error)),
            Err(_) => {
                let limit_ms = u64::try_from(limits::DELIVERY_WALL.as_millis()).unwrap_or(u64::MAX);
                Err(PluginError::Deadline { function: PERFORM, limit_ms })
            }
        };
        Performed { outcome, notes: notes.told() }
    }

    fn store(&self, state: DeliveryState) -> wasmtime::Result<(Meter, Store<DeliveryState>)> {
        let mut store = Store::try_new(self.pre.engine(), state)?;
        store.limiter(|state| state.growth());
        store.set_hostcall_fuel(limits::MAX_HOST_CALL_BYTES);
        store.set_max_component_handles(limits::MAX_HANDLES);
        let meter = Meter::default();
        meter.limit(&mut store, Duration::from_millis(limits::DELIVERY_PROCESSOR_MS));
        Ok((meter, store))
    }
}

fn failed(error: &wasmtime::Error) -> PluginError {
    classify(error, PERFORM, limits::DELIVERY_PROCESSOR_MS)
}

/// What the plugin says: its sentences are checked as those of a rejection are. What it puts off for longer than may be, is put off for as
/// long as may be.
fn read(outcome: delivery::Outcome) -> Result<Outcome, PluginError> {
    let invalid = |problem| PluginError::Invalid { function: PERFORM, problem };
    Ok(match outcome {
        delivery::Outcome::Done => Outcome::Done,
        delivery::Outcome::Retry(delivery::Again { reason, after_ms }) => Outcome::Again {
            reason: Reader::default().reason(reason).map_err(invalid)?,
            after: after_ms.map(|ms| Duration::from_millis(ms).min(limits::MAX_PUT_OFF)),
        },
        delivery::Outcome::Failed(reason) => {
            Outcome::Failed { reason: Reader::default().reason(reason).map_err(invalid)? }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_plugin_says_is_a_sentence_that_can_be_shown() {
        let failed =
            |reason: &str| read(delivery::Outcome::Failed(reason.to_owned())).map_err(|error| error.to_string());
        assert_eq!(failed("no such user"), Ok(Outcome::Failed { reason: "no such user".to_owned() }));
        let about = "the plugin's answer to delivery.perform is not valid: the reason";
        for (reason, problem) in [
            ("", "is empty"),
            (" \n", "is empty"),
            ("a\0b", "contains NUL"),
            ("\u{202e}x", "has characters that do not show"),
            ("\u{1b}[31m", "has characters that do not show"),
            ("a\nb", "has characters that do not show"),
            ("x".repeat(1_025).as_str(), "is longer than 1024 bytes"),
        ] {
            assert_eq!(failed(reason).unwrap_err(), format!("{about} {problem}"));
        }
        assert!(failed(&"x".repeat(1_024)).is_ok());
    }

    #[test]
    fn an_attempt_is_put_off_for_an_hour_at_most() {
        for (asked, given) in
            [(None, None), (Some(0), Some(0)), (Some(1_500), Some(1_500)), (Some(u64::MAX), Some(3_600_000))]
        {
            let again = delivery::Again { reason: "later".to_owned(), after_ms: asked };
            let after = given.map(Duration::from_millis);
            let expected = Outcome::Again { reason: "later".to_owned(), after };
            assert_eq!(read(delivery::Outcome::Retry(again)).unwrap(), expected);
        }
    }
}
