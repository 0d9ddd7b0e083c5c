//! What 0.2 has in another form than 0.1: the manifest. Its other types and functions are those of 0.1 under other names, so they are not
//! made a second time: [`add_to_linker`] offers the same functions, and `exports` finds them by name.

use wasmtime::StoreContextMut;
use wasmtime::component::{ComponentType, Lift, Linker};

use super::v1::exports::muster::plugin::about::{AdoptionPolicy, ResourcePlan};
use super::v1::muster::plugin::{config, log, secrets, state};
use crate::instance::CallState;

#[derive(Debug, Clone, ComponentType, Lift)]
#[component(record)]
pub(crate) struct Manifest {
    pub(crate) name: String,
    pub(crate) version: String,
    #[component(name = "base-path")]
    pub(crate) base_path: String,
    pub(crate) resources: Vec<ResourcePlan>,
    pub(crate) states: Vec<String>,
    pub(crate) adoption: AdoptionPolicy,
    #[component(name = "config-schema")]
    pub(crate) config_schema: String,
    pub(crate) wants: Vec<Want>,
    #[component(name = "calls-per-instance")]
    pub(crate) calls_per_instance: u32,
}

#[derive(Debug, Clone, ComponentType, Lift)]
#[component(record)]
pub(crate) struct Want {
    pub(crate) kind: WantKind,
    pub(crate) name: String,
    pub(crate) why: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ComponentType, Lift)]
#[component(enum)]
#[repr(u8)]
#[cfg_attr(not(test), expect(dead_code, reason = "plugins make them, and the host reads them"))]
pub(crate) enum WantKind {
    #[component(name = "origin")]
    Origin,
    #[component(name = "secret")]
    Secret,
    #[component(name = "state")]
    State,
}

type Caller<'a> = StoreContextMut<'a, CallState>;

/// The host's side of the imports of 0.2: what 0.1 has.
pub(crate) fn add_to_linker(linker: &mut Linker<CallState>) -> wasmtime::Result<()> {
    linker.instance("muster:plugin/types@0.2.0")?;
    let mut own = linker.instance("muster:plugin/log@0.2.0")?;
    own.func_wrap("enabled", |mut caller: Caller<'_>, (level,): (log::Level,)| {
        Ok((log::Host::enabled(caller.data_mut(), level)?,))
    })?;
    own.func_wrap("write", |mut caller: Caller<'_>, (level, message): (log::Level, String)| {
        log::Host::write(caller.data_mut(), level, message)
    })?;
    let mut own = linker.instance("muster:plugin/config@0.2.0")?;
    own.func_wrap("get", |mut caller: Caller<'_>, (pointer,): (String,)| {
        Ok((config::Host::get(caller.data_mut(), pointer)?,))
    })?;
    let mut own = linker.instance("muster:plugin/state@0.2.0")?;
    own.func_wrap("get", |mut caller: Caller<'_>, (key,): (String,)| Ok((state::Host::get(caller.data_mut(), key)?,)))?;
    own.func_wrap("put", |mut caller: Caller<'_>, (key, value, expected): (String, Vec<u8>, Option<u64>)| {
        Ok((state::Host::put(caller.data_mut(), key, value, expected)?,))
    })?;
    own.func_wrap("delete", |mut caller: Caller<'_>, (key, expected): (String, Option<u64>)| {
        Ok((state::Host::delete(caller.data_mut(), key, expected)?,))
    })?;
    let mut own = linker.instance("muster:plugin/secrets@0.2.0")?;
    own.func_wrap("header-value", |mut caller: Caller<'_>, (name,): (String,)| {
        Ok((secrets::Host::header_value(caller.data_mut(), name)?,))
    })
}
