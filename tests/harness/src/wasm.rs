//! The components that tests run: built by `cargo xtask test` beside the test binary.

use std::path::PathBuf;

/// A plugin of `plugins/`.
pub fn plugin(name: &str) -> Vec<u8> {
    read("plugins", name)
}

/// A guest of `tests/guests/`.
pub fn guest(name: &str) -> Vec<u8> {
    read("guests", name)
}

/// The names of all guests that were built.
pub fn guests() -> Vec<String> {
    let entries = std::fs::read_dir(folder().join("guests")).expect("built by `cargo xtask test`");
    let stem = |entry: std::io::Result<std::fs::DirEntry>| {
        let path = entry.unwrap().path();
        path.file_stem().unwrap().to_string_lossy().into_owned()
    };
    let mut names: Vec<String> = entries.map(stem).collect();
    names.sort();
    names
}

/// The folder that holds `muster`, `plugins/` and `guests/`: the test binary is in `deps` below it.
pub fn folder() -> PathBuf {
    let program = std::env::current_exe().unwrap();
    program.ancestors().nth(2).unwrap().to_owned()
}

fn read(kind: &str, name: &str) -> Vec<u8> {
    let file = folder().join(kind).join(name).with_extension("wasm");
    std::fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}; build it with `cargo xtask test`", file.display()))
}
