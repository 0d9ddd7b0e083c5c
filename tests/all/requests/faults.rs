//! The log in trouble: no request fails, and the log says what it has not kept.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use muster_test_harness::{TenantClient, TestApp};
use serde_json::{Value, json};

use super::{asked, files};

/// Writes and reads for so long, on eight connections at once; how long each took, in order of length.
async fn load(acme: &TenantClient, user: &str, for_: Duration) -> Vec<Duration> {
    let until = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> = (0..8)
        .map(|number| {
            let (acme, path, until) = (acme.clone(), format!("/Users/{user}"), until.clone());
            tokio::spawn(async move {
                let mut took = Vec::new();
                while !until.load(Ordering::Relaxed) {
                    let began = Instant::now();
                    if number % 2 == 0 {
                        acme.get(&path).await.expect(200);
                    } else {
                        let title =
                            json!([{ "op": "replace", "path": "title", "value": format!("{number} {}", took.len()) }]);
                        acme.operations(&path, title).await.expect(200);
                    }
                    took.push(began.elapsed());
                }
                took
            })
        })
        .collect();
    tokio::time::sleep(for_).await;
    until.store(true, Ordering::Relaxed);
    let mut took = Vec::new();
    for client in clients {
        took.extend(client.await.unwrap());
    }
    took.sort();
    took
}

fn print(what: &str, took: &[Duration]) {
    let at = |percent: usize| took[(took.len() - 1) * percent / 100];
    println!("{what}: {} requests, none failed, p50 {:?}, p99 {:?}, longest {:?}", took.len(), at(50), at(99), at(100));
}

/// How many requests the log says that it has not kept.
async fn lost(app: &TestApp) -> u64 {
    let mut lost = 0;
    let mut before = String::new();
    loop {
        let page = app.admin_get(&format!("/tenants/acme/requests?limit=1000{before}")).await.expect(200);
        lost += page["requests"].as_array().unwrap().iter().filter_map(|request| request["lost"].as_u64()).sum::<u64>();
        match page["next"].as_u64() {
            Some(next) => before = format!("&before={next}"),
            None => return lost,
        }
    }
}

fn folder(app: &TestApp) -> PathBuf {
    app.data().join("requests/acme")
}

/// What takes the place of a tenant's folder for a while.
async fn under_trouble(what: &str, trouble: impl FnOnce(&Path), undo: impl FnOnce(&Path)) {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let user = acme.user("ada").await;
    let span = Duration::from_millis(700);
    print("with a log that is well", &load(&acme, &user, span).await);

    trouble(&folder(&app));
    let took = load(&acme, &user, span).await;
    print(what, &took);
    let ready = app.admin_request(reqwest::Method::GET, "/readyz").send().await.unwrap();
    assert_eq!(ready.status(), 200, "it is no reason not to serve");

    undo(&folder(&app));
    let began = Instant::now();
    let told = loop {
        let last = acme.get("/Users").await;
        let id = last.header("x-request-id").to_owned();
        if asked(&app, "acme", "limit=1").await.iter().any(|request| request["request"] == json!(id)) {
            break lost(&app).await;
        }
        assert!(began.elapsed() < Duration::from_secs(20), "it is not written again");
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    println!("{told} requests are told as lost, of {}", took.len());
    assert!(told > 0);
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_fails_no_request() {
    under_trouble(
        "with a file where the folder was",
        |folder| {
            // The log may put a file into it while it is being removed, and make it again before the other one is there.
            while std::fs::remove_dir_all(folder).is_err() || std::fs::write(folder, "in the way").is_err() {}
        },
        |folder| std::fs::remove_file(folder).unwrap(),
    )
    .await;
}

#[tokio::test]
async fn a_full_disk_below_the_log_fails_no_request() {
    under_trouble(
        "with a full disk below the log",
        |folder| {
            let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=4k", "tmpfs"]).arg(folder).output();
            if !mounted.is_ok_and(|done| done.status.success()) {
                // Whoever may not mount has one failure: every write to this device finds it full.
                let newest = files(folder).pop().unwrap().0;
                std::fs::remove_file(&newest).unwrap();
                std::os::unix::fs::symlink("/dev/full", &newest).unwrap();
            }
        },
        |folder| {
            let _ = Command::new("umount").arg("--lazy").arg(folder).output();
        },
    )
    .await;
}

#[tokio::test]
async fn a_folder_that_is_removed_again_and_again_fails_no_request() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let user = acme.user("ada").await;
    let (requests, stop) = (app.data().join("requests"), Arc::new(AtomicBool::new(false)));
    let removing = std::thread::spawn({
        let stop = stop.clone();
        move || {
            let mut removed = 0;
            while !stop.load(Ordering::Relaxed) {
                removed += u32::from(std::fs::remove_dir_all(&requests).is_ok());
                std::thread::sleep(Duration::from_millis(20));
            }
            removed
        }
    });
    let took = load(&acme, &user, Duration::from_secs(1)).await;
    stop.store(true, Ordering::Relaxed);
    print(&format!("while the folder was removed {} times", removing.join().unwrap()), &took);
    let began = Instant::now();
    while asked(&app, "acme", "").await.is_empty() {
        assert!(began.elapsed() < Duration::from_secs(20), "it is not written again");
        acme.get("/Users").await.expect(200);
    }
}

#[tokio::test]
async fn a_writer_that_hangs_delays_no_request_and_its_losses_are_counted() {
    let mut builder = TestApp::builder();
    builder.config.requests.queue_entries = 50;
    let mut app = builder.start().await;
    let acme = app.tenant("acme").await;
    let user = acme.user("ada").await;
    let well = load(&acme, &user, Duration::from_millis(700)).await;
    print("with a log that is well", &well);
    // A pipe that nobody reads stands for a disk that does not answer: to open it is to hang.
    asked(&app, "acme", "limit=1").await;
    let newest = files(&folder(&app)).pop().unwrap().0;
    std::fs::remove_file(&newest).unwrap();
    assert!(Command::new("mkfifo").arg(&newest).status().unwrap().success());

    let took = load(&acme, &user, Duration::from_millis(700)).await;
    print("with a log that hangs", &took);
    let metrics = app.admin_request(reqwest::Method::GET, "/metrics").send().await.unwrap().text().await.unwrap();
    let lost = |reason: &str| {
        let line =
            metrics.lines().find(|line| line.starts_with("muster_request_log_lost_total") && line.contains(reason));
        line.and_then(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).unwrap_or_default()
    };
    assert!(lost("queue") > 0.0, "{metrics}");
    let began = Instant::now();
    app.stop().await;
    println!("and the server stops in {:?}", began.elapsed());
    assert!(began.elapsed() < Duration::from_secs(20));
}

#[tokio::test]
async fn a_line_that_a_crash_has_cut_off_is_skipped() {
    let mut app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    for _ in 0..3 {
        acme.get("/Users").await.expect(200);
    }
    app.stop().await;
    let (newest, bytes) = files(&folder(&app)).pop().unwrap();
    std::fs::write(&newest, &bytes[..bytes.len() - 30]).unwrap();

    let app = app.restart().await;
    let acme = app.client("/scim/v2", &acme.token);
    let after = acme.get("/Groups").await;
    let told = asked(&app, "acme", "").await;
    let paths: Vec<&Value> = told.iter().map(|request| &request["path"]).collect();
    assert_eq!(paths, ["/Groups", "/Users", "/Users"]);
    assert_eq!(told[0]["request"], json!(after.header("x-request-id")));
}
