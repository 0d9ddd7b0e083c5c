//! What a component imports and exports, before anything of it is compiled.

use muster_plugin::{LoadError, Role, Roles};
use wasmparser::{BinaryReaderError, Parser, Payload};

use crate::limits::MAX_COMPONENT_BYTES;

/// What the contract's interfaces begin with.
const CONTRACT: &str = "muster:plugin/";

/// A version of the contract that this host serves, with all that differ from it in the last number only: a plugin that was built against an
/// older or newer patch is linked all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Contract {
    V1,
    V2,
}

impl Contract {
    pub(crate) const ALL: [Self; 2] = [Self::V1, Self::V2];

    pub(crate) const fn version(self) -> &'static str {
        match self {
            Self::V1 => "0.1.0",
            Self::V2 => "0.2.0",
        }
    }

    /// What it calls one of its interfaces.
    pub(crate) fn interface(self, name: &str) -> String {
        format!("{CONTRACT}{name}@{}", self.version())
    }

    fn of(version: &str) -> Option<Self> {
        let is_patch = |patch: &str| !patch.is_empty() && patch.bytes().all(|byte| byte.is_ascii_digit());
        let begins = |contract: &Self| contract.version().strip_suffix('0').and_then(|line| version.strip_prefix(line));
        Self::ALL.into_iter().find(|contract| begins(contract).is_some_and(is_patch))
    }

    /// All of them, as a sentence names them.
    fn served() -> String {
        Self::ALL.map(Self::version).join(" and ")
    }
}

/// What a component shows at its border.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Interfaces {
    /// By which version of the contract it is served: the newest that it exports.
    pub(crate) contract: Contract,
    pub(crate) roles: Roles,
    /// Whether it can ask for its small memory.
    pub(crate) imports_state: bool,
    /// Whether it can ask to go out.
    pub(crate) imports_http: bool,
}

/// The interfaces of the contract that a plugin may import.
const OFFERED: [&str; 5] = ["types", "log", "config", "state", "secrets"];

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

/// What `delivery` calls origins by. The other roles are stopped when they touch it (`deny_http`).
const HTTP: [&str; 2] = ["wasi:http/outgoing-handler", "wasi:http/types"];

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
        (Some(b"\x7fELF"), _) => "it is machine code; push the component itself, the host compiles it",
        _ => "it does not begin as WebAssembly does",
    };
    Err(LoadError::NotAComponent(problem.to_owned()))
}

/// The border of a component that imports only what can be granted. To compile takes long, to look at the names does not.
pub(crate) fn check_interfaces(bytes: &[u8]) -> Result<Interfaces, LoadError> {
    let Border { imports, exports } = Border::of(bytes).map_err(|error| LoadError::NotAComponent(error.to_string()))?;
    // Whoever was built for another version is told that first: all else follows from it.
    let versions = imports.iter().chain(&exports).filter_map(|name| name.strip_prefix(CONTRACT)?.split_once('@'));
    if let Some((_, asked)) = versions.clone().find(|(_, version)| Contract::of(version).is_none()) {
        return Err(LoadError::Version { asked: shown(asked), known: Contract::served() });
    }
    if let Some(import) = imports.iter().find(|import| !is_granted(import)) {
        return Err(LoadError::Import(shown(import)));
    }
    let mut exported = Vec::new();
    for export in &exports {
        // What does not belong to the contract is never called.
        let Some((interface, version)) = export.strip_prefix(CONTRACT).and_then(|name| name.split_once('@')) else {
            continue;
        };
        let (Some(role), Some(contract)) = (role(interface), Contract::of(version)) else {
            return Err(LoadError::Contract(format!("it exports {}, which this host does not know", shown(export))));
        };
        exported.push((export, role, contract));
    }
    let newest = exported.iter().filter(|(_, role, _)| *role == Role::About).map(|(_, _, contract)| *contract).max();
    let contract = newest.ok_or_else(|| LoadError::Contract(format!("it does not export {CONTRACT}about")))?;
    let own = exported.iter().filter(|(_, _, of)| *of == contract);
    let roles = own.fold(Roles::default(), |roles, (_, role, _)| roles.with(*role));
    // What has a role in another version only would be left out without a word.
    if let Some((export, ..)) = exported.iter().find(|(_, role, _)| !roles.has(*role)) {
        let about = contract.interface("about");
        return Err(LoadError::Contract(format!("it exports {about}, and {} in another version", shown(export))));
    }
    let imports_state = imports.iter().any(|name| interface_of(name) == Some("state"));
    let imports_http = imports.iter().any(|name| name.split_once('@').is_some_and(|(name, _)| HTTP.contains(&name)));
    if imports_http && !roles.has(Role::Delivery) {
        let about = "it imports wasi:http, which is for delivery only, and does not export delivery";
        return Err(LoadError::Contract(about.to_owned()));
    }
    Ok(Interfaces { contract, roles, imports_state, imports_http })
}

/// The interface of the contract that a name is of.
fn interface_of(name: &str) -> Option<&str> {
    name.strip_prefix(CONTRACT)?.split_once('@').map(|(interface, _)| interface)
}

/// The names at a component's border.
#[derive(Debug, Default)]
struct Border {
    imports: Vec<String>,
    exports: Vec<String>,
}

impl Border {
    fn of(bytes: &[u8]) -> Result<Self, BinaryReaderError> {
        let mut border = Self::default();
        let mut depth = 0_u32;
        for payload in Parser::new(0).parse_all(bytes) {
            match payload? {
                // What is inside of it has imports and exports of its own.
                Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
                // The last of them is the end of the whole.
                Payload::End(_) => depth = depth.saturating_sub(1),
                Payload::ComponentImportSection(imports) if depth == 0 => {
                    for import in imports {
                        border.imports.push(import?.name.name.to_owned());
                    }
                }
                Payload::ComponentExportSection(exports) if depth == 0 => {
                    for export in exports {
                        border.exports.push(export?.name.name.to_owned());
                    }
                }
                _ => {}
            }
        }
        Ok(border)
    }
}

/// Characters of a name in a component that are told.
const MAX_NAME_CHARS: usize = 128;

/// A name from a component as it can be told: its author is not known.
fn shown(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(MAX_NAME_CHARS).collect()
}

fn role(interface: &str) -> Option<Role> {
    Some(match interface {
        "about" => Role::About,
        "schemas" => Role::Schemas,
        "mapping" => Role::Mapping,
        "lifecycle" => Role::Lifecycle,
        "adoption" => Role::Adoption,
        "delivery" => Role::Delivery,
        _ => return None,
    })
}

fn is_granted(import: &str) -> bool {
    let Some((interface, version)) = import.split_once('@') else { return false };
    match interface.strip_prefix(CONTRACT) {
        Some(interface) => OFFERED.contains(&interface) && Contract::of(version).is_some(),
        None => (WASI.contains(&interface) || HTTP.contains(&interface)) && version.starts_with("0.2."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A component that exports an empty module of it under each of these names.
    fn exporting(names: &[&str]) -> Vec<u8> {
        let mut bytes = b"\0asm\x0d\0\x01\0".to_vec();
        bytes.extend(b"\x01\x08\0asm\x01\0\0\0");
        for name in names {
            let len = u8::try_from(name.len()).unwrap();
            // One export: the name, the sort (core module 0), and no type.
            let body = [&[1, 0, len], name.as_bytes(), &[0x00, 0x11, 0, 0]].concat();
            bytes.extend([&[11, u8::try_from(body.len()).unwrap()], body.as_slice()].concat());
        }
        bytes
    }

    fn refused(names: &[&str]) -> String {
        check_interfaces(&exporting(names)).unwrap_err().to_string()
    }

    #[test]
    fn what_is_exported_says_the_roles() {
        let found = check_interfaces(&exporting(&[
            "muster:plugin/about@0.1.0",
            "muster:plugin/mapping@0.1.3",
            "acme:x/y@9.0.0",
        ]));
        let found = found.unwrap();
        assert_eq!(found.roles, Roles::default().with(Role::About).with(Role::Mapping));
        assert_eq!((found.contract, found.imports_state), (Contract::V1, false));
        let told = "the plugin does not fit the contract: it does not export muster:plugin/about";
        assert_eq!(refused(&["muster:plugin/mapping@0.1.0"]), told);
        let told = "the plugin does not fit the contract: it exports muster:plugin/oracle@0.1.0, which this host does not know";
        assert_eq!(refused(&["muster:plugin/about@0.1.0", "muster:plugin/oracle@0.1.0"]), told);
    }

    #[test]
    fn of_several_versions_the_newest_serves_and_has_all_the_roles() {
        let found = check_interfaces(&exporting(&[
            "muster:plugin/about@0.1.0",
            "muster:plugin/mapping@0.1.0",
            "muster:plugin/about@0.2.4",
            "muster:plugin/mapping@0.2.4",
            "muster:plugin/lifecycle@0.2.4",
        ]));
        let found = found.unwrap();
        assert_eq!(found.contract, Contract::V2);
        assert_eq!(found.roles, Roles::default().with(Role::About).with(Role::Mapping).with(Role::Lifecycle));
        for (about, mapping) in [("0.2.0", "0.1.0"), ("0.1.0", "0.2.0")] {
            let told = format!(
                "the plugin does not fit the contract: it exports muster:plugin/about@{about}, and muster:plugin/mapping@{mapping} in another version"
            );
            let exports = [format!("muster:plugin/about@{about}"), format!("muster:plugin/mapping@{mapping}")];
            assert_eq!(refused(&[&exports[0], &exports[1]]), told);
        }
    }

    #[test]
    fn another_version_of_the_contract_is_told_with_those_that_there_are() {
        for version in ["0.3.0", "7.0.0", "0.10.0", "0.1", "0.1.", "0.20.0", "0.2.0-rc.1"] {
            let export = format!("muster:plugin/about@{version}");
            let told = format!(
                "the plugin is built for muster:plugin@{version}, and this host serves muster:plugin@0.1.0 and 0.2.0"
            );
            assert_eq!(refused(&[&export]), told);
        }
    }

    #[test]
    fn what_is_not_in_the_list_is_not_granted() {
        for import in [
            "muster:plugin/log@0.1.0",
            "muster:plugin/log@0.2.0",
            "muster:plugin/config@0.1.7",
            "wasi:cli/exit@0.2.6",
            "wasi:io/poll@0.2.0",
            "wasi:http/types@0.2.0",
            "wasi:http/outgoing-handler@0.2.12",
        ] {
            assert!(is_granted(import), "{import}");
        }
        for import in [
            "wasi:sockets/tcp@0.2.6",
            "wasi:http/incoming-handler@0.2.6",
            "wasi:http/outgoing-handler@0.3.0",
            "wasi:cli/exit@0.3.0",
            "wasi:cli/exit",
            "muster:plugin/mapping@0.1.0",
            "muster:plugin/log@0.3.0",
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
        assert!(told(b"\x7fELF\x02\x01\x01").contains("machine code"));
        assert!(told(b"#!/bin/sh").contains("does not begin as WebAssembly"));
        assert!(told(b"").contains("does not begin as WebAssembly"));
        assert!(told(&vec![0; (32 << 20) + 1]).contains("33554433 bytes"));
    }
}
