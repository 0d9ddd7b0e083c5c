//! A host that offers more than plugins were built for.

use muster_model::{FieldValue, RequestId, ResourceId, TenantId, Timestamp};
use muster_plugin::{Call, Kind};
use muster_protocol::Document;
use serde_json::{Value, json};

use super::*;
use crate::bindings::v1::muster::plugin as v1;

/// The contract as it could become within 0.1.
mod next {
    wasmtime::component::bindgen!({
        path: "tests/wit-next",
        world: "full",
        imports: { default: trappable },
        ownership: Borrowing { duplicate_if_necessary: true },
        require_store_data_send: true,
    });
}

use next::muster::plugin::{config, log, metrics, secrets, state, types};

impl types::Host for CallState {}

impl log::Host for CallState {
    fn enabled(&mut self, _: log::Level) -> wasmtime::Result<bool> {
        Ok(true)
    }

    fn write(&mut self, _: log::Level, message: String) -> wasmtime::Result<()> {
        v1::log::Host::write(self, v1::log::Level::Info, message)
    }

    fn write_with(&mut self, level: log::Level, message: String, _: Vec<(String, String)>) -> wasmtime::Result<()> {
        log::Host::write(self, level, message)
    }
}

impl config::Host for CallState {
    fn get(&mut self, pointer: String) -> wasmtime::Result<Option<String>> {
        v1::config::Host::get(self, pointer)
    }

    fn pointers(&mut self) -> wasmtime::Result<Vec<String>> {
        Ok(Vec::new())
    }
}

impl metrics::Host for CallState {
    fn count(&mut self, _: String, _: u64) -> wasmtime::Result<()> {
        Ok(())
    }
}

impl state::Host for CallState {
    fn get(&mut self, _: String) -> wasmtime::Result<Result<Option<state::Entry>, state::StateError>> {
        Ok(Err(state::StateError::Unavailable))
    }

    fn put(&mut self, _: String, _: Vec<u8>, _: Option<u64>) -> wasmtime::Result<Result<u64, state::StateError>> {
        Ok(Err(state::StateError::Unavailable))
    }

    fn delete(&mut self, _: String, _: Option<u64>) -> wasmtime::Result<Result<(), state::StateError>> {
        Ok(Err(state::StateError::Unavailable))
    }
}

impl secrets::Host for CallState {
    fn header_value(&mut self, _: String) -> wasmtime::Result<Option<String>> {
        Ok(None)
    }
}

/// A host that has the next imports, and only those.
fn next_host(folder: PathBuf) -> WasmtimeHost {
    let host = WasmtimeHost::new(HostOptions::new(folder, [1; 32])).unwrap();
    let mut linker = Linker::new(&host.engine);
    next::Full::add_to_linker::<_, HasSelf<CallState>>(&mut linker, |state| state).unwrap();
    v2::add_to_linker(&mut linker).unwrap();
    wasi::add_to_linker(&mut linker).unwrap();
    WasmtimeHost { linker, ..host }
}

/// A component that `cargo xtask test` has built beside this test: `guests/frozen`.
fn built(name: &str) -> Vec<u8> {
    let program = std::env::current_exe().unwrap();
    let file = program.ancestors().nth(2).unwrap().join(name).with_extension("wasm");
    std::fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}; `cargo xtask test` builds it", file.display()))
}

#[test]
fn what_was_built_for_the_first_contract_works_on_a_host_that_has_learnt_more() {
    let folder = tempfile::tempdir().unwrap();
    let host = next_host(folder.path().to_owned());
    let (tenant, request) = (TenantId::parse("acme").unwrap(), RequestId("r-1".into()));
    let config = Arc::new(json!({ "region": "eu" }));
    let call = Call { tenant: &tenant, request: &request, now: Timestamp::from_millis(0), config: &config };
    let Value::Object(ada) = json!({ "userName": "ada", "active": true }) else { unreachable!() };
    for (name, field) in [("guests/frozen", "region"), ("guests/smallest", "email"), ("plugins/standard", "user_name")]
    {
        let plugin = host.load(&built(name)).unwrap();
        let id = ResourceId::from_bytes([1; 16]);
        let account = plugin.to_account(&call, Kind::User, id, &Document(ada.clone()), None).unwrap();
        let value = account.fields.iter().find(|it| it.name == field).map(|field| field.value.clone());
        let expected = if field == "region" { "eu" } else { "ada" };
        assert_eq!(value, Some(FieldValue::Text(expected.to_owned())), "{name}");
    }
}
