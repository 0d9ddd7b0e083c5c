#![no_main]
//! Any text: a path that is read prints as what is read again.

use libfuzzer_sys::fuzz_target;
use muster_fuzz::{KINDS, is_schema};
use muster_protocol::path::{AttrPath, PatchPath};

fuzz_target!(|text: &str| {
    if let Ok(path) = AttrPath::parse(text, &is_schema) {
        assert_eq!(AttrPath::parse(&path.to_string(), &is_schema).expect("what is printed is read"), path);
        let _ = KINDS[0].resolve(&path);
    }
    if let Ok(path) = PatchPath::parse(text, &is_schema) {
        assert_eq!(PatchPath::parse(&path.to_string(), &is_schema).expect("what is printed is read"), path);
    }
});
