//! The host itself: the cache of compiled plugins, and room for instances.

#![expect(clippy::unwrap_used, reason = "tests")]

#[expect(dead_code, reason = "shared with the other tests of this crate")]
mod common;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use common::{Caller, bytes};
use muster_plugin::{PluginError, PluginHost};
use muster_plugin_wasmtime::{HostOptions, WasmtimeHost};
use serde_json::json;

fn host(folder: &Path, key: u8) -> WasmtimeHost {
    WasmtimeHost::new(HostOptions::new(folder.to_owned(), [key; 32])).unwrap()
}

/// Loads the smallest guest and shows that it works.
fn load(host: &WasmtimeHost) {
    let plugin = host.load(&bytes("muster_guest_smallest")).unwrap();
    let account = Caller::new(json!({})).user(&*plugin, json!({ "userName": "ada" })).unwrap();
    assert_eq!(account.state, "active");
}

fn files(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
}

fn written(file: &Path) -> SystemTime {
    fs::metadata(file).unwrap().modified().unwrap()
}

#[test]
fn the_cache_is_closed_to_others_and_read_by_the_next_start() {
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("compiled");
    fs::create_dir(&cache).unwrap();
    fs::set_permissions(&cache, fs::Permissions::from_mode(0o755)).unwrap();
    load(&host(&cache, 1));

    assert_eq!(fs::metadata(&cache).unwrap().permissions().mode() & 0o777, 0o700);
    let [file] = &files(&cache)[..] else { panic!("one file") };
    let first = written(file);
    load(&host(&cache, 1));
    assert_eq!(written(file), first);
}

#[test]
fn a_file_that_was_tampered_with_is_compiled_again() {
    let folder = tempfile::tempdir().unwrap();
    load(&host(folder.path(), 1));
    let [file] = &files(folder.path())[..] else { panic!("one file") };
    let sound = fs::read(file).unwrap();
    let flipped = |at: usize| {
        let mut bytes = sound.clone();
        bytes[at] ^= 1;
        bytes
    };
    for damaged in [flipped(0), flipped(40), flipped(sound.len() - 1), sound[..31].to_vec(), sound[..1000].to_vec()] {
        fs::write(file, &damaged).unwrap();
        load(&host(folder.path(), 1));
        assert_eq!(fs::read(file).unwrap(), sound);
    }
    assert_eq!(files(folder.path()).len(), 1, "nothing half-written is left");
}

#[test]
fn another_key_compiles_again() {
    let folder = tempfile::tempdir().unwrap();
    load(&host(folder.path(), 1));
    let [file] = &files(folder.path())[..] else { panic!("one file") };
    let first = fs::read(file).unwrap();
    load(&host(folder.path(), 2));
    let second = fs::read(file).unwrap();
    assert_eq!(first[32..], second[32..]);
    assert_ne!(first[..32], second[..32]);
}

#[test]
fn one_file_does_not_stand_in_for_another() {
    let folder = tempfile::tempdir().unwrap();
    let host = host(folder.path(), 1);
    load(&host);
    let [smallest] = &files(folder.path())[..] else { panic!("one file") };
    host.load(&bytes("muster_guest_swap_a")).unwrap();
    let other = files(folder.path()).into_iter().find(|file| file != smallest).unwrap();
    let sound = fs::read(&other).unwrap();
    fs::copy(smallest, &other).unwrap();
    assert_eq!(host.load(&bytes("muster_guest_swap_a")).unwrap().manifest().name, "swap");
    assert_eq!(fs::read(&other).unwrap(), sound);
}

#[test]
fn a_full_host_says_that_it_is_busy_and_blames_no_plugin() {
    let folder = tempfile::tempdir().unwrap();
    let options = HostOptions::new(folder.path().to_owned(), [1; 32]);
    let host = WasmtimeHost::with_instances(options, 1).unwrap();
    let loops = host.load(&bytes("muster_guest_loops")).unwrap();
    let smallest = host.load(&bytes("muster_guest_smallest")).unwrap();
    let caller = Caller::new(json!({}));
    let seen = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !seen.load(Ordering::SeqCst) {
                caller.user(&*loops, json!({ "userName": "ada" })).unwrap_err();
            }
        });
        while !seen.load(Ordering::SeqCst) {
            if let Err(error) = caller.user(&*smallest, json!({ "userName": "ada" })) {
                seen.store(matches!(error, PluginError::Busy), Ordering::SeqCst);
            }
        }
    });
    assert!(caller.user(&*smallest, json!({ "userName": "ada" })).is_ok());
}
