//! What a component imports and exports, without running it.

use std::collections::BTreeSet;

use anyhow::Context;
use wasmparser::{Parser, Payload};

/// The interfaces at a component's border.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Shape {
    /// The versions of the contract that it speaks.
    pub(super) contract: BTreeSet<String>,
    pub(super) imports: Vec<String>,
    pub(super) exports: Vec<String>,
}

/// What interfaces of the contract begin with.
const CONTRACT: &str = "muster:plugin/";

impl Shape {
    pub(super) fn of(component: &[u8]) -> anyhow::Result<Self> {
        let mut shape = Self::default();
        let mut depth = 0_u32;
        for payload in Parser::new(0).parse_all(component) {
            match payload.context("not a WebAssembly component")? {
                Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
                // The last of them is the end of the whole.
                Payload::End(_) => depth = depth.saturating_sub(1),
                Payload::ComponentImportSection(imports) if depth == 0 => {
                    for import in imports {
                        shape.imports.push(import.context("its imports")?.name.name.to_owned());
                    }
                }
                Payload::ComponentExportSection(exports) if depth == 0 => {
                    for export in exports {
                        shape.exports.push(export.context("its exports")?.name.name.to_owned());
                    }
                }
                _ => {}
            }
        }
        let versions = shape.imports.iter().chain(&shape.exports).filter_map(|name| {
            let (_, version) = name.strip_prefix(CONTRACT)?.split_once('@')?;
            Some(version.to_owned())
        });
        shape.contract = versions.collect();
        Ok(shape)
    }

    /// The exports of the contract, by their short names.
    pub(super) fn roles(&self) -> Vec<&str> {
        once(&self.exports)
    }

    /// The imports of the contract by their short names, and those of WASI.
    pub(super) fn granted(&self) -> (Vec<&str>, Vec<&str>) {
        let wasi = self.imports.iter().filter_map(|name| Some(name.strip_prefix("wasi:")?.split_once('@')?.0));
        (once(&self.imports), wasi.collect())
    }
}

/// The interfaces of the contract by their short names, each once: there may be several versions of one.
fn once(names: &[String]) -> Vec<&str> {
    let mut told = Vec::new();
    for name in names.iter().filter_map(|name| short(name)) {
        if !told.contains(&name) {
            told.push(name);
        }
    }
    told
}

fn short(name: &str) -> Option<&str> {
    Some(name.strip_prefix(CONTRACT)?.split_once('@')?.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_component_without_anything_has_no_border() {
        assert_eq!(Shape::of(b"\0asm\x0d\0\x01\0").unwrap(), Shape::default());
        assert!(Shape::of(b"#!/bin/sh").is_err());
    }

    #[test]
    fn interfaces_are_told_by_their_short_names() {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let shape = Shape {
            imports: names(&["muster:plugin/log@0.1.0", "wasi:cli/exit@0.2.6", "other"]),
            exports: names(&["muster:plugin/about@0.1.0", "muster:plugin/mapping@0.1.0", "muster:plugin/about@0.2.0"]),
            ..Shape::default()
        };
        assert_eq!(shape.roles(), ["about", "mapping"]);
        assert_eq!(shape.granted(), (vec!["log"], vec!["cli/exit"]));
    }
}
