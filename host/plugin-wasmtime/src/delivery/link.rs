//! The host's side of the imports of `delivery`, of both versions of the contract.

use muster_plugin::MemoryError;
use wasmtime::component::Linker;
use wasmtime::{Engine, Result, StoreContextMut};
use wasmtime_wasi::cli::{WasiCli, WasiCliView as _};
use wasmtime_wasi::filesystem::{WasiFilesystem, WasiFilesystemView as _};
use wasmtime_wasi::p2::bindings::{cli, filesystem, random};
use wasmtime_wasi::random::{WasiRandom, WasiRandomView as _};

use super::state::DeliveryState;
use crate::bindings::v1::muster::plugin::{log, state};
use crate::check::Contract;
use crate::host_config;

type Caller<'a> = StoreContextMut<'a, DeliveryState>;

pub(super) fn linker(engine: &Engine) -> Result<Linker<DeliveryState>> {
    let mut linker = Linker::new(engine);
    for contract in Contract::ALL {
        own(&mut linker, contract)?;
    }
    wasi(&mut linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker)?;
    Ok(linker)
}

/// WASI itself, as far as `check` lets a component import it: no sockets.
fn wasi(l: &mut Linker<DeliveryState>) -> Result<()> {
    type State = DeliveryState;
    wasmtime_wasi::p2::add_to_linker_proxy_interfaces_async(l)?;
    random::insecure::add_to_linker::<State, WasiRandom>(l, State::random)?;
    random::insecure_seed::add_to_linker::<State, WasiRandom>(l, State::random)?;
    cli::exit::add_to_linker::<State, WasiCli>(l, State::cli)?;
    cli::environment::add_to_linker::<State, WasiCli>(l, State::cli)?;
    cli::terminal_input::add_to_linker::<State, WasiCli>(l, State::cli)?;
    cli::terminal_output::add_to_linker::<State, WasiCli>(l, State::cli)?;
    cli::terminal_stdin::add_to_linker::<State, WasiCli>(l, State::cli)?;
    cli::terminal_stdout::add_to_linker::<State, WasiCli>(l, State::cli)?;
    cli::terminal_stderr::add_to_linker::<State, WasiCli>(l, State::cli)?;
    filesystem::preopens::add_to_linker::<State, WasiFilesystem>(l, State::filesystem)?;
    filesystem::types::add_to_linker::<State, WasiFilesystem>(l, State::filesystem)
}

/// What the contract offers.
fn own(linker: &mut Linker<DeliveryState>, contract: Contract) -> Result<()> {
    linker.instance(&contract.interface("types"))?;
    let mut own = linker.instance(&contract.interface("log"))?;
    own.func_wrap("enabled", |mut caller: Caller<'_>, (level,): (log::Level,)| {
        Ok((caller.data_mut().log.enabled(level),))
    })?;
    own.func_wrap("write", |mut caller: Caller<'_>, (level, message): (log::Level, String)| {
        caller.data_mut().log.write(level, &message);
        Ok(())
    })?;
    let mut own = linker.instance(&contract.interface("config"))?;
    own.func_wrap("get", |caller: Caller<'_>, (pointer,): (String,)| {
        Ok((host_config::at(&caller.data().config, &pointer),))
    })?;
    let mut own = linker.instance(&contract.interface("secrets"))?;
    own.func_wrap("header-value", |mut caller: Caller<'_>, (name,): (String,)| {
        Ok((caller.data_mut().way_out.placeholder(&name),))
    })?;
    memory(linker, contract)
}

fn memory(linker: &mut Linker<DeliveryState>, contract: Contract) -> Result<()> {
    let mut own = linker.instance(&contract.interface("state"))?;
    own.func_wrap_async("get", |caller: Caller<'_>, (key,): (String,)| {
        let memory = caller.data().memory.clone();
        Box::new(async move {
            let Some(memory) = memory else { return Ok((Err(state::StateError::Unavailable),)) };
            let found = memory.get(&key).await.map_err(told);
            Ok((found.map(|entry| entry.map(|it| state::Entry { value: it.value, version: it.version })),))
        })
    })?;
    own.func_wrap_async("put", |caller: Caller<'_>, (key, value, expected): (String, Vec<u8>, Option<u64>)| {
        let memory = caller.data().memory.clone();
        Box::new(async move {
            let Some(memory) = memory else { return Ok((Err(state::StateError::Unavailable),)) };
            Ok((memory.put(&key, value, expected).await.map_err(told),))
        })
    })?;
    own.func_wrap_async("delete", |caller: Caller<'_>, (key, expected): (String, Option<u64>)| {
        let memory = caller.data().memory.clone();
        Box::new(async move {
            let Some(memory) = memory else { return Ok((Err(state::StateError::Unavailable),)) };
            Ok((memory.delete(&key, expected).await.map_err(told),))
        })
    })
}

fn told(error: MemoryError) -> state::StateError {
    match error {
        MemoryError::Quota => state::StateError::Quota,
        MemoryError::Conflict => state::StateError::Conflict,
        MemoryError::Unavailable => state::StateError::Unavailable,
    }
}
