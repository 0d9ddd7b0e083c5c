//! Components in files: what is none is told by what it is, before anybody is asked to load it.

use std::path::{Path, PathBuf};

use anyhow::{bail, ensure};

use super::build::only_component;
use crate::app::MAX_PLUGIN_BYTES;
use crate::files::Told as _;

/// The file that is meant: this one, or the component of a plugin's folder that was built.
pub(super) fn component_file(path: &Path) -> anyhow::Result<PathBuf> {
    if path.is_dir() { only_component(&path.join("dist")) } else { Ok(path.to_owned()) }
}

/// The bytes of a component.
pub(super) fn component(file: &Path) -> anyhow::Result<Vec<u8>> {
    const WHAT: &str = "a component";
    let name = file.display();
    let size = std::fs::metadata(file).of(file, WHAT)?.len();
    ensure!(size <= MAX_PLUGIN_BYTES, "{name}: it has {size} bytes, and a plugin has at most {MAX_PLUGIN_BYTES}");
    let bytes = std::fs::read(file).of(file, WHAT)?;
    match other(&bytes) {
        None => Ok(bytes),
        Some(other) => bail!("{name}: not a WebAssembly component: {other}"),
    }
}

/// What these bytes are, if they do not begin as a component does.
fn other(bytes: &[u8]) -> Option<&'static str> {
    // The magic word, the version, and the layer: 0 for a core module and 1 for a component.
    if bytes.starts_with(b"\0asm") {
        return match bytes.get(6..8) {
            Some([1, 0]) => None,
            Some([0, 0]) => Some("it is a core module; build it for wasm32-wasip2"),
            Some(_) | None => Some("it begins as WebAssembly does, and is cut off or damaged"),
        };
    }
    let begins: [(&[u8], &str); 6] = [
        (b"\x7fELF", "it is machine code (ELF); the component itself is wanted, the host compiles it"),
        (b"\x1f\x8b", "it is packed (gzip); unpack it first"),
        (b"PK\x03\x04", "it is packed (zip); unpack it first"),
        (b"#!", "it is a script"),
        (b"(component", "it is a component as text; `wasm-tools parse` makes the binary one of it"),
        (b"(module", "it is a core module as text; build it for wasm32-wasip2"),
    ];
    let known = begins.iter().find(|(begin, _)| bytes.starts_with(begin)).map(|(_, told)| *told);
    let readable = || {
        let text = std::str::from_utf8(bytes).is_ok_and(|text| !text.chars().any(|c| c == '\0'));
        if text { "it is text" } else { "it does not begin as WebAssembly does" }
    };
    Some(if bytes.is_empty() { "it is empty" } else { known.unwrap_or_else(readable) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_component_is_told_by_what_it_is() {
        assert_eq!(other(b"\0asm\x0d\0\x01\0"), None);
        for (bytes, told) in [
            (&b"\0asm\x01\0\0\0"[..], "it is a core module; build it for wasm32-wasip2"),
            (b"\0asm", "it begins as WebAssembly does, and is cut off or damaged"),
            (b"", "it is empty"),
            (b"#!/bin/sh\nexit 0\n", "it is a script"),
            (b"a plugin", "it is text"),
            (b"\xff\0\x01", "it does not begin as WebAssembly does"),
        ] {
            assert_eq!(other(bytes), Some(told));
        }
        assert!(other(b"\x7fELF\x02").unwrap().contains("machine code"));
        assert!(other(b"(component)").unwrap().contains("as text"));
    }

    #[test]
    fn a_folder_stands_for_the_component_that_was_built_in_it() {
        let room = tempfile::tempdir().unwrap();
        let told = component_file(room.path()).unwrap_err().to_string();
        assert!(told.ends_with("dist: there is no component in it; `muster plugin build` makes one"), "{told}");
        let file = room.path().join("dist/acme.wasm");
        std::fs::create_dir(room.path().join("dist")).unwrap();
        std::fs::write(&file, b"\0asm\x0d\0\x01\0").unwrap();
        assert_eq!(component_file(room.path()).unwrap(), file);
        assert_eq!(component_file(&file).unwrap(), file);
    }
}
