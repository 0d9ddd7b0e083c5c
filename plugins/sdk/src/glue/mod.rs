//! From the types of the contract to those of this crate and back: what [`export!`](crate::export) puts into a component.
//!
//! Every role is a world of its own here, and a component is the union of those that it was linked with: so a plugin exports the
//! roles that it names, and imports what it calls.

mod convert;
pub(crate) mod http;
mod roles;

use host::muster::plugin::{config, log as host_log, secrets, state, types};

use crate::delivery::{StateEntry, StateError};
use crate::log::Level;
use crate::{Context, Input, Plugin};

/// What the host offers, and the types that all roles share.
pub mod host {
    wit_bindgen::generate!({
        inline: "package muster:sdk; world host {
            import muster:plugin/types@0.2.0;
            import muster:plugin/log@0.2.0;
            import muster:plugin/config@0.2.0;
            import muster:plugin/state@0.2.0;
            import muster:plugin/secrets@0.2.0;
        }",
        path: "../../wit/v2",
        generate_all,
        generate_unused_types: true,
    });
}

macro_rules! role {
    ($role:ident, $export:literal, $world:literal) => {
        role!($role, $export, $world, { "muster:plugin/types@0.2.0": crate::glue::host::muster::plugin::types });
    };
    ($role:ident, $export:literal, $world:literal, $with:tt) => {
        pub mod $role {
            wit_bindgen::generate!({
                inline: $world,
                path: "../../wit/v2",
                with: $with,
                pub_export_macro: true,
                export_macro_name: $export,
            });
        }
    };
}

role!(about, "export_about", "package muster:sdk; world about { export muster:plugin/about@0.2.0; }");
role!(schemas, "export_schemas", "package muster:sdk; world schemas { export muster:plugin/schemas@0.2.0; }", {});
role!(mapping, "export_mapping", "package muster:sdk; world mapping { export muster:plugin/mapping@0.2.0; }");
role!(lifecycle, "export_lifecycle", "package muster:sdk; world lifecycle { export muster:plugin/lifecycle@0.2.0; }");
role!(adoption, "export_adoption", "package muster:sdk; world adoption { export muster:plugin/adoption@0.2.0; }");
role!(delivery, "export_delivery", "package muster:sdk; world delivery { export muster:plugin/delivery@0.2.0; }");

/// A plugin as exports.
pub struct Glue<T>(core::marker::PhantomData<T>);

/// Runs the author's code; should it panic, the host's log says where.
///
/// A message is repeated only when it is a literal: one that was put together may hold user data.
fn enter<R>(call: impl FnOnce() -> R) -> R {
    std::panic::set_hook(Box::new(|panic| {
        let message = panic.payload().downcast_ref::<&'static str>().copied().unwrap_or("(a message with values)");
        let line = match panic.location() {
            Some(place) => format!("panicked at {}:{}: {message}", place.file(), place.line()),
            None => format!("panicked: {message}"),
        };
        host_log::write(host_log::Level::Error, &line);
    }));
    call()
}

fn input<T: Plugin>(
    kind: types::Kind,
    id: String,
    attributes: Vec<types::Attribute>,
    current: Option<types::Account>,
) -> Input {
    let kind = kind.into();
    Input {
        kind,
        id,
        names: T::MANIFEST.names(kind),
        crossed: convert::all(attributes),
        current: current.map(Into::into),
    }
}

impl From<types::Context> for Context {
    fn from(ctx: types::Context) -> Self {
        Self { tenant: ctx.tenant, request: ctx.request, now_ms: ctx.now_ms, config: crate::Config {} }
    }
}

pub(crate) fn config_get(pointer: &str) -> Option<String> {
    config::get(pointer)
}

pub(crate) fn log_enabled(level: Level) -> bool {
    host_log::enabled(level.into())
}

pub(crate) fn log_write(level: Level, message: &str) {
    host_log::write(level.into(), message);
}

pub(crate) fn state_get(key: &str) -> Result<Option<StateEntry>, StateError> {
    let entry = state::get(key)?;
    Ok(entry.map(|state::Entry { value, version }| StateEntry { value, version }))
}

pub(crate) fn state_put(key: &str, value: &[u8], expected: Option<u64>) -> Result<u64, StateError> {
    Ok(state::put(key, value, expected)?)
}

pub(crate) fn state_delete(key: &str, expected: Option<u64>) -> Result<(), StateError> {
    Ok(state::delete(key, expected)?)
}

pub(crate) fn secret_header(name: &str) -> Option<String> {
    secrets::header_value(name)
}
