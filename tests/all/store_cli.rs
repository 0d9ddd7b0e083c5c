//! `muster store` as operators run it: backup and restore, check, and the sentences that it refuses with.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use muster_test_harness::{ServeProcess, USER, wasm};
use serde_json::{Value, json};

use crate::serve::config;

const KEY: &str = "an-admin-key-for-this-test";

fn muster(arguments: &[&str]) -> Output {
    let mut command = Command::new(wasm::folder().join("muster"));
    command.args(arguments).env("MUSTER_ADMIN_KEY", KEY).env_remove("MUSTER_DATA").stdin(Stdio::null());
    command.output().unwrap()
}

/// What a command that must work says.
fn said(arguments: &[&str]) -> String {
    let Output { status, stdout, stderr } = muster(arguments);
    assert!(status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&stderr));
    String::from_utf8(stdout).unwrap()
}

/// The one sentence of a command that must not.
fn refused(arguments: &[&str]) -> String {
    let Output { status, stderr, .. } = muster(arguments);
    assert_eq!(status.code(), Some(1), "{arguments:?}");
    let told = String::from_utf8(stderr).unwrap();
    assert!(told.starts_with("muster: ") && told.trim_end().lines().count() == 1, "{told}");
    told
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Every file below a folder, with what is in it; the lock file, which holds nothing, may come and go.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for path in std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.file_name().unwrap() != "muster.lock" {
                found.insert(path.clone(), std::fs::read(&path).unwrap());
            }
        }
    }
    found
}

fn copy(from: &Path, to: &Path) {
    for (file, bytes) in files(from) {
        let target = to.join(file.strip_prefix(from).unwrap());
        std::fs::create_dir_all(target.parent().unwrap()).unwrap();
        std::fs::write(target, bytes).unwrap();
    }
}

/// A deployment with some users, which was stopped.
async fn stopped(folder: &Path) -> PathBuf {
    let mut server = ServeProcess::start(&config(folder, ""), KEY);
    let acme = server.create_tenant("acme", "standard").await;
    for n in 0..20 {
        acme.user(&format!("user{n}@example.com")).await;
    }
    server.terminate();
    folder.join("data")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_is_made_under_load_restored_elsewhere_and_served() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = ServeProcess::start(&config(folder.path(), ""), KEY);
    let acme = Arc::new(server.create_tenant("acme", "standard").await);
    let (stop, made) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let writers: Vec<_> = (0..8)
        .map(|writer| {
            let (acme, stop, made) = (acme.clone(), stop.clone(), made.clone());
            tokio::spawn(async move {
                let mut n = 0;
                while !stop.load(Ordering::Relaxed) {
                    acme.user(&format!("user{writer}.{n}@example.com")).await;
                    made.fetch_add(1, Ordering::Relaxed);
                    n += 1;
                }
            })
        })
        .collect();
    while made.load(Ordering::Relaxed) < 50 {
        tokio::task::yield_now().await;
    }
    let least = made.load(Ordering::Relaxed);
    assert_eq!(said(&["store", "backups", "--server", &server.admin]), "none\n");
    let remote = server.admin.clone();
    let command = move || said(&["store", "backup", "--to", "monday", "--server", &remote, "--json"]);
    let answer: Value = serde_json::from_str(&tokio::task::spawn_blocking(command).await.unwrap()).unwrap();
    let most = made.load(Ordering::Relaxed) + writers.len();
    stop.store(true, Ordering::Relaxed);
    for writer in writers {
        writer.await.unwrap();
    }
    assert_eq!(answer["backup"], "monday");
    assert!(answer["rows"].as_u64().unwrap() > 0 && answer["bytes"].as_u64().unwrap() > 0);
    let listed = said(&["store", "backups", "--server", &server.admin]);
    assert!(listed.starts_with("monday ") && listed.contains(&format!(" {} bytes ", answer["bytes"])), "{listed}");
    let told = refused(&["store", "backup", "--to", "monday", "--server", &server.admin]);
    assert!(told.contains("there is a backup monday already (409"), "{told}");
    let told = refused(&["store", "backup", "--to", "../monday", "--server", &server.admin]);
    assert!(told.contains("the name of a backup is"), "{told}");
    server.terminate();

    let (data, new) = (folder.path().join("data"), folder.path().join("new"));
    let backup = data.join("backups/monday");
    let restored = said(&["store", "restore", "--from", text(&backup), "--data", text(&new.join("data"))]);
    assert!(restored.contains("put keys/ of the same deployment"), "{restored}");
    copy(&data.join("keys"), &new.join("data/keys"));
    let told = said(&["store", "check", "--data", text(&new.join("data"))]);
    assert!(told.contains("User records"), "{told}");
    let server = ServeProcess::start(&config(&new, ""), KEY);
    let again = server.tenant("/t/acme/scim/v2", &acme.token);
    let users = again.get("/Users?count=0").await.expect(200)["totalResults"].as_u64().unwrap();
    println!("users when the backup began {least}, in it {users}, when it ended at most {most}");
    assert!((least as u64..=most as u64).contains(&users), "{least} {users} {most}");
    let found = again.get("/Users?filter=userName%20eq%20%22user0.0@example.com%22").await.expect(200);
    assert_eq!(found["totalResults"], 1);
    again.post("/Users", json!({ "schemas": [USER], "userName": "later@example.com" })).await.expect(201);
}

#[tokio::test]
async fn a_check_and_a_rebuilding_of_a_sound_store_find_nothing_and_change_nothing_that_is_served() {
    let folder = tempfile::tempdir().unwrap();
    let data = stopped(folder.path()).await;

    let before = files(&data);
    let told = said(&["store", "check", "--data", text(&data)]);
    assert!(files(&data) == before, "a check touches nothing");
    for what in ["20 User records", "1 tenants", "20 log entries", "sound"] {
        assert!(told.contains(what), "{what}: {told}");
    }
    let report: Value = serde_json::from_str(&said(&["store", "check", "--data", text(&data), "--json"])).unwrap();
    assert_eq!((&report["sound"], &report["found"]), (&json!(true), &json!(0)));

    let told = said(&["store", "rebuild-index", "--data", text(&data)]);
    assert!(told.starts_with("0 rows were written or removed\n"), "{told}");
    ServeProcess::start(&config(folder.path(), ""), KEY).terminate();
}

#[tokio::test]
async fn whatever_is_no_store_of_this_version_is_refused_in_a_sentence_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let original = stopped(folder.path()).await;
    let scene = |name: &str, change: &dyn Fn(&Path)| {
        let data = folder.path().join(name);
        copy(&original, &data);
        change(&data.join("store"));
        data
    };
    let marker = |store: &Path| store.join("muster.store");
    let cases = [
        (
            "another-format",
            "has format 1, and this version of Muster reads format 2",
            scene("another-format", &|store| {
                let text = std::fs::read_to_string(marker(store)).unwrap();
                std::fs::write(marker(store), text.replace("format 0000000002", "format 0000000001")).unwrap();
            }),
        ),
        (
            "foreign",
            "it is not a store of Muster",
            scene("foreign", &|store| {
                std::fs::remove_dir_all(store).unwrap();
                std::fs::create_dir(store).unwrap();
                std::fs::write(store.join("thesis.txt"), "chapter 1").unwrap();
            }),
        ),
        (
            "no-marker",
            "has no file `muster.store`",
            scene("no-marker", &|store| {
                std::fs::remove_file(marker(store)).unwrap();
            }),
        ),
        (
            "unreadable-marker",
            "is damaged (`muster.store` cannot be read)",
            scene("unreadable-marker", &|store| {
                std::fs::write(marker(store), "nonsense").unwrap();
            }),
        ),
        (
            "no-database",
            "parts of it are lost or were exchanged",
            scene("no-database", &|store| {
                std::fs::remove_file(store.join("db")).unwrap();
            }),
        ),
        ("no-store", "there is no store in", scene("no-store", &|store| std::fs::remove_dir_all(store).unwrap())),
    ];
    for (name, sentence, data) in cases {
        let before = files(&data);
        for command in ["check", "rebuild-index"] {
            let told = refused(&["store", command, "--data", text(&data)]);
            assert!(told.contains(sentence) && told.contains(text(&data)), "{name}: {told}");
        }
        assert!(files(&data) == before, "{name}: something was touched");
    }
}

#[tokio::test]
async fn a_store_that_is_served_is_not_checked_and_one_that_is_there_is_not_restored_over() {
    let folder = tempfile::tempdir().unwrap();
    let file = config(folder.path(), "");
    let mut server = ServeProcess::start(&file, KEY);
    let data = folder.path().join("data");
    for command in ["check", "rebuild-index"] {
        let told = refused(&["store", command, "--data", text(&data)]);
        assert!(told.contains("is in use by another process"), "{told}");
    }
    said(&["store", "backup", "--to", "one", "--server", &server.admin]);
    server.terminate();

    let before = files(&data);
    let backup = data.join("backups/one");
    let told = refused(&["store", "restore", "--from", text(&backup), "--data", text(&data)]);
    assert!(told.contains("there is a store in"), "{told}");
    let told =
        refused(&["store", "restore", "--from", text(&data.join("store")), "--data", text(&folder.path().join("new"))]);
    assert!(told.contains("is no backup"), "{told}");
    assert!(!folder.path().join("new").exists(), "a restoring that is refused leaves nothing");
    assert!(files(&data) == before);

    let damaged = folder.path().join("damaged");
    copy(&backup, &damaged);
    let bytes = std::fs::read(damaged.join("db")).unwrap();
    std::fs::write(damaged.join("db"), &bytes[..bytes.len() / 2]).unwrap();
    let told =
        refused(&["store", "restore", "--from", text(&damaged), "--data", text(&folder.path().join("new/data"))]);
    assert!(told.contains("is damaged: it does not hold what it says"), "{told}");
    assert!(!folder.path().join("new").exists());

    // More than any disk has: the configuration of the server is theirs, too.
    let file = folder.path().join("full.toml");
    std::fs::write(&file, format!("data = {data:?}\n[store]\nreserve_mib = 1048576\n")).unwrap();
    for command in ["rebuild-index", "check"] {
        let told = refused(&["store", command, "--config", text(&file)]);
        assert!(told.contains("no room") || told.contains("cannot be copied"), "{told}");
    }
    said(&["store", "check", "--data", text(&data)]);
}

#[tokio::test]
async fn a_damaged_store_is_refused_with_a_sentence_that_says_what_became_of_its_files() {
    let folder = tempfile::tempdir().unwrap();
    let data = stopped(folder.path()).await;
    let database = data.join("store/db");
    let bytes = std::fs::read(&database).unwrap();
    std::fs::write(&database, &bytes[..bytes.len() / 2]).unwrap();
    let before = files(&data);

    let told = refused(&["store", "check", "--data", text(&data)]);

    assert!(told.contains("is damaged") || told.contains("parts of it are lost"), "{told}");
    assert!(told.contains("nothing in it was changed") && !told.contains("being-checked"), "{told}");
    assert!(files(&data) == before, "a check touches nothing");

    let told = refused(&["store", "rebuild-index", "--data", text(&data)]);

    assert!(told.contains("its files as they were found are in") && told.contains("as-found"), "{told}");
    assert!(std::fs::read(data.join("store/as-found/1/db")).unwrap() == bytes[..bytes.len() / 2]);
}

#[tokio::test]
async fn whatever_is_damaged_is_told_in_one_sentence_and_no_report_of_a_panic_stands_before_it() {
    let folder = tempfile::tempdir().unwrap();
    let original = stopped(folder.path()).await;
    let bytes = std::fs::read(original.join("store/db")).unwrap();
    let (mut tried, mut told) = (0, Vec::new());
    for (number, place) in (0..bytes.len()).step_by(bytes.len() / 12).enumerate() {
        let data = folder.path().join(format!("damaged{number}"));
        copy(&original, &data);
        let mut damaged = bytes.clone();
        let end = (place + [600, 150_000][number % 2]).min(damaged.len());
        damaged[place..end].iter_mut().enumerate().for_each(|(at, byte)| *byte ^= u8::try_from(at % 251).unwrap());
        std::fs::write(data.join("store/db"), damaged).unwrap();
        let before = files(&data);
        for command in ["check", "rebuild-index"] {
            let Output { status, stderr, .. } = muster(&["store", command, "--data", text(&data)]);
            tried += 1;
            if !status.success() {
                let sentence = String::from_utf8(stderr).unwrap();
                assert!(sentence.starts_with("muster: ") && sentence.trim_end().lines().count() == 1, "{sentence}");
                assert!(sentence.matches("is damaged").count() <= 1, "{sentence}");
                told.push(sentence);
            }
            assert!(command != "check" || files(&data) == before, "a check touches nothing");
        }
    }
    println!("commands on damaged stores {tried}, refused in one sentence {}", told.len());
    assert!(!told.is_empty(), "something was damaged");
}
