//! What only `delivery` may touch, for the roles that are not `delivery`: the call stops, and says which capability it wanted.
//!
//! Stubs rather than missing imports, because one component has all its roles and imports for all of them; and written out rather than
//! made for whatever is missing, because that would also stand before what is there in another version.

use wasmtime::bail;

use crate::bindings::v1::muster::plugin::{secrets, state};
use crate::instance::CallState;

impl state::Host for CallState {
    fn get(&mut self, _: String) -> wasmtime::Result<Result<Option<state::Entry>, state::StateError>> {
        bail!("state.get is for delivery only")
    }

    fn put(&mut self, _: String, _: Vec<u8>, _: Option<u64>) -> wasmtime::Result<Result<u64, state::StateError>> {
        bail!("state.put is for delivery only")
    }

    fn delete(&mut self, _: String, _: Option<u64>) -> wasmtime::Result<Result<(), state::StateError>> {
        bail!("state.delete is for delivery only")
    }
}

impl secrets::Host for CallState {
    fn header_value(&mut self, _: String) -> wasmtime::Result<Option<String>> {
        bail!("secrets.header-value is for delivery only")
    }
}
