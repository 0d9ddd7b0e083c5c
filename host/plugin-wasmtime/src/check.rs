//! What a component imports and exports, before anything of it runs.

use muster_plugin::{LoadError, Role, Roles};
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::limits::MAX_COMPONENT_BYTES;

/// The interfaces of the contract that a plugin may import.
const CONTRACT: [&str; 5] = ["types", "log", "config", "state", "secrets"];

/// The parts of WASI that the standard libraries of Rust, JavaScript and Python need to start. They lead nowhere (`wasi`).
const WASI: [&str; 20] = [
    "wasi:cli/environment",
    "wasi:cli/exit",
    "wasi:cli/stdin",
    "wasi:cli/stdout",
    "wasi:cli/stderr",
    "wasi:cli/terminal-input",
    "wasi:cli/terminal-output",
    "wasi:cli/terminal-stdin",
    "wasi:cli/terminal-stdout",
    "wasi:cli/terminal-stderr",
    "wasi:clocks/monotonic-clock",
    "wasi:clocks/wall-clock",
    "wasi:filesystem/preopens",
    "wasi:filesystem/types",
    "wasi:io/error",
    "wasi:io/poll",
    "wasi:io/streams",
    "wasi:random/insecure",
    "wasi:random/insecure-seed",
    "wasi:random/random",
];

/// Refuses what is plainly no component, with a sentence that helps.
pub(crate) fn check_bytes(bytes: &[u8]) -> Result<(), LoadError> {
    let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    if size > MAX_COMPONENT_BYTES {
        return Err(LoadError::TooLarge { size, limit: MAX_COMPONENT_BYTES });
    }
    // The preamble: magic, version, and the layer, 0 for a core module and 1 for a component.
    let problem = match (bytes.get(..4), bytes.get(6..8)) {
        (Some(b"\0asm"), Some([1, 0])) => return Ok(()),
        (Some(b"\0asm"), Some([0, 0])) => "it is a core module; build it for wasm32-wasip2",
        _ => "it does not begin as WebAssembly does",
    };
    Err(LoadError::NotAComponent(problem.to_owned()))
}

/// The roles of a component that imports only what is granted.
pub(crate) fn check_interfaces(engine: &Engine, component: &Component) -> Result<Roles, LoadError> {
    let kind = component.component_type();
    if let Some((import, _)) = kind.imports(engine).find(|(import, _)| !is_granted(import)) {
        return Err(LoadError::Import(import.to_owned()));
    }
    let mut roles = Roles::default();
    for (export, _) in kind.exports(engine) {
        // What does not belong to the contract is never called.
        let Some(interface) = export.strip_prefix("muster:plugin/") else { continue };
        let Some(role) = role(interface) else {
            return Err(LoadError::Contract(format!("it exports {export}, which this host does not know")));
        };
        roles = roles.with(role);
    }
    if !roles.has(Role::About) {
        return Err(LoadError::Contract("it does not export muster:plugin/about@0.1.0".to_owned()));
    }
    Ok(roles)
}

fn role(interface: &str) -> Option<Role> {
    Some(match interface {
        "about@0.1.0" => Role::About,
        "schemas@0.1.0" => Role::Schemas,
        "mapping@0.1.0" => Role::Mapping,
        "lifecycle@0.1.0" => Role::Lifecycle,
        "adoption@0.1.0" => Role::Adoption,
        "delivery@0.1.0" => Role::Delivery,
        _ => return None,
    })
}

/// Versions that begin alike fit one another: a plugin that was built against an older or newer patch is linked all the same.
fn is_granted(import: &str) -> bool {
    let Some((interface, version)) = import.split_once('@') else { return false };
    match interface.strip_prefix("muster:plugin/") {
        Some(interface) => CONTRACT.contains(&interface) && version.starts_with("0.1."),
        None => WASI.contains(&interface) && version.starts_with("0.2."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_in_the_list_is_not_granted() {
        for import in
            ["muster:plugin/log@0.1.0", "muster:plugin/config@0.1.7", "wasi:cli/exit@0.2.6", "wasi:io/poll@0.2.0"]
        {
            assert!(is_granted(import), "{import}");
        }
        for import in [
            "wasi:sockets/tcp@0.2.6",
            "wasi:http/outgoing-handler@0.2.6",
            "wasi:cli/exit@0.3.0",
            "wasi:cli/exit",
            "muster:plugin/mapping@0.1.0",
            "muster:plugin/log@0.2.0",
            "acme:billing/charge@0.1.0",
        ] {
            assert!(!is_granted(import), "{import}");
        }
    }

    #[test]
    fn what_is_no_component_is_told_so() {
        let told = |bytes: &[u8]| check_bytes(bytes).unwrap_err().to_string();
        assert!(check_bytes(b"\0asm\x0d\0\x01\0").is_ok());
        assert!(told(b"\0asm\x01\0\0\0").contains("wasm32-wasip2"));
        assert!(told(b"#!/bin/sh").contains("does not begin as WebAssembly"));
        assert!(told(b"").contains("does not begin as WebAssembly"));
        assert!(told(&vec![0; (32 << 20) + 1]).contains("33554433 bytes"));
    }
}
