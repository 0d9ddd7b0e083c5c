//! A disk that is full. Writes are refused with 507, reads go on, nothing that was acknowledged is lost; and when there is room again,
//! writes are accepted, without a restart.
//!
//! The real server has its data on a small disk of its own (a tmpfs), for which this test must be root, or be allowed to have a user
//! namespace.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use muster_test_harness::{ServeProcess, TenantClient, USER};
use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::faults::size;
use crate::serve::config;

const KEY: &str = "an-admin-key-for-a-full-disk";
const DISK_MIB: u64 = 128;
/// What the server leaves free, in MiB: the least that can be configured.
const RESERVE_MIB: u64 = 16;
const WORKERS: usize = 8;
const MIB: usize = 1024 * 1024;
/// Nobody waits longer than this for an answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// Set in the process that has a user namespace.
const INSIDE: &str = "FULL_DISK_INSIDE";

/// A small disk, which goes when this goes.
struct Disk(TempDir);

impl Disk {
    fn mount() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let size = format!("size={DISK_MIB}m");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(folder.path()).output();
        mounted.is_ok_and(|done| done.status.success()).then_some(Self(folder))
    }

    /// Something else on the same disk.
    fn foreign(&self) -> PathBuf {
        self.0.path().join("foreign")
    }

    fn free_mib(&self) -> u64 {
        let told = Command::new("df").args(["--block-size=1M", "--output=avail"]).arg(self.0.path()).output().unwrap();
        String::from_utf8(told.stdout).unwrap().lines().nth(1).unwrap().trim().parse().unwrap()
    }

    /// Leaves so much free, or less, because the server writes meanwhile; 0: not a byte.
    fn fill(&self, leave_mib: u64) {
        let mut file = File::options().create(true).append(true).open(self.foreign()).unwrap();
        let more = usize::try_from(self.free_mib().saturating_sub(leave_mib)).unwrap();
        // Whether it fits is not known before.
        let _ = file.write_all(&vec![7; more * MIB]);
        while leave_mib == 0 && file.write_all(&[7; 512]).is_ok() {}
    }

    fn make_room(&self) {
        std::fs::remove_file(self.foreign()).unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").args(["--lazy"]).arg(self.0.path()).status();
    }
}

/// What the load has learned.
#[derive(Debug, Default)]
struct Learned {
    acknowledged: Mutex<BTreeMap<String, String>>,
    full: AtomicU64,
    reads: AtomicU64,
    stop: AtomicBool,
}

impl Learned {
    fn acknowledged(&self) -> usize {
        self.acknowledged.lock().unwrap().len()
    }
}

/// Creates and reads until it is told to stop, or the server is gone.
async fn work(tenant: TenantClient, learned: Arc<Learned>, worker: usize, round: usize) {
    let padding = "x".repeat(20_000);
    for number in 0.. {
        if learned.stop.load(Ordering::Relaxed) {
            return;
        }
        let name = format!("r{round}-w{worker}-{number}@example.com");
        let body = json!({ "schemas": [USER], "userName": name, "title": padding });
        let Some((status, answer)) = send(&tenant, Method::POST, "/Users", Some(body)).await else { return };
        match status {
            201 => {
                let id = answer["id"].as_str().unwrap().to_owned();
                learned.acknowledged.lock().unwrap().insert(id, name);
            }
            507 => {
                assert_eq!((&answer["status"], answer.get("scimType")), (&json!("507"), None), "{answer}");
                learned.full.fetch_add(1, Ordering::Relaxed);
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            other => panic!("a write is answered with 201 or 507, not {other}: {answer}"),
        }
        let known = learned.acknowledged.lock().unwrap().iter().next().map(|(id, name)| (id.clone(), name.clone()));
        let Some((id, name)) = known else { continue };
        let Some((status, answer)) = send(&tenant, Method::GET, &format!("/Users/{id}"), None).await else { return };
        assert_eq!((status, &answer["userName"]), (200, &json!(name)), "reads go on: {answer}");
        learned.reads.fetch_add(1, Ordering::Relaxed);
    }
}

/// `None`: the server is gone. To wait for ever is a failure.
async fn send(tenant: &TenantClient, method: Method, path: &str, body: Option<Value>) -> Option<(u16, Value)> {
    let mut request = tenant.request(method, path).bearer_auth(&tenant.token).timeout(PATIENCE);
    if let Some(body) = body {
        request = request.header("content-type", "application/scim+json").body(body.to_string());
    }
    let answer = match request.send().await {
        Ok(answer) => answer,
        Err(error) => {
            assert!(!error.is_timeout(), "an answer took more than {PATIENCE:?}");
            return None;
        }
    };
    let status = answer.status().as_u16();
    let text = answer.text().await.ok()?;
    Some((status, serde_json::from_str(&text).unwrap_or_default()))
}

/// The load on a server, until it is ended.
struct Load {
    learned: Arc<Learned>,
    workers: Vec<tokio::task::JoinHandle<()>>,
}

impl Load {
    fn start(tenant: &TenantClient, round: usize) -> Self {
        let learned = Arc::new(Learned::default());
        let start = |worker| tokio::spawn(work(tenant.clone(), learned.clone(), worker, round));
        let workers = (0..WORKERS).map(start).collect();
        Self { learned, workers }
    }

    async fn wait_for(&self, what: &str, holds: impl Fn(&Learned) -> bool) {
        let until = Instant::now() + 2 * PATIENCE;
        while !holds(&self.learned) {
            assert!(self.workers.iter().all(|worker| !worker.is_finished()), "a worker ended: {what}");
            assert!(Instant::now() < until, "{what}: waited in vain, at {:?}", self.learned.full);
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// The disk is full: writes are refused, again and again, and reads go on.
    async fn is_refused(&self, what: &str) {
        let (full, reads) = (self.learned.full.load(Ordering::Relaxed), self.learned.reads.load(Ordering::Relaxed));
        let more = |now: &AtomicU64, than: u64| now.load(Ordering::Relaxed) > than + 50;
        self.wait_for(what, |learned| more(&learned.full, full) && more(&learned.reads, reads)).await;
    }

    /// There is room: writes are accepted.
    async fn is_accepted(&self, what: &str) {
        let before = self.learned.acknowledged();
        self.wait_for(what, |learned| learned.acknowledged() > before + 20).await;
    }

    async fn end(self) -> Learned {
        self.learned.stop.store(true, Ordering::Relaxed);
        for worker in self.workers {
            worker.await.unwrap();
        }
        Arc::try_unwrap(self.learned).unwrap()
    }
}

async fn assert_there(tenant: &TenantClient, acknowledged: &BTreeMap<String, String>) {
    for (id, name) in acknowledged {
        assert_eq!(tenant.get(&format!("/Users/{id}")).await.expect(200)["userName"], *name, "lost");
    }
    let some = acknowledged.values().step_by(10);
    for name in some {
        assert_eq!(tenant.ids("/Users", &format!("userName eq \"{name}\"")).await.len(), 1, "torn: {name}");
    }
}

fn start(file: &Path) -> ServeProcess {
    ServeProcess::start(file, KEY)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_refuses_writes_and_nothing_else_and_recovers_by_itself() {
    let Some(disk) = Disk::mount() else { return once_more_in_a_namespace() };
    let file = config(disk.0.path(), &format!("[store]\nreserve_mib = {RESERVE_MIB}\n"));
    let mut server = start(&file);
    let tenant = server.create_tenant("acme", "standard").await;
    let base = tenant.base.strip_prefix(&server.scim).unwrap().to_owned();
    let mut acknowledged = BTreeMap::new();

    let load = Load::start(&tenant, 1);
    load.is_accepted("at first").await;
    let (rounds, mut full) = (size("FULL_DISK_ROUNDS"), 0);
    for _ in 0..rounds {
        // Bit by bit, until the reserve is reached; and then to the last byte.
        for leave in [60, 50, 40, 30, 25, 20] {
            disk.fill(leave);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        load.is_refused("the reserve is reached").await;
        disk.fill(0);
        load.is_refused("not a byte is free").await;
        let ready = reqwest::get(format!("{}/readyz", server.admin)).await.unwrap().status().as_u16();
        assert_eq!(ready, 200, "reads are served");
        disk.make_room();
        load.is_accepted("there is room again").await;

        // By a foreign file, at once.
        disk.fill(2);
        load.is_refused("filled at once").await;
        disk.make_room();
        load.is_accepted("there is room once more").await;
        full += 3;
    }

    // Killed while it is full, and started when there is room.
    disk.fill(2);
    load.is_refused("before the kill").await;
    server.kill();
    let learned = load.end().await;
    acknowledged.extend(learned.acknowledged.into_inner().unwrap());
    disk.make_room();
    let mut server = start(&file);
    let tenant = server.tenant(&base, &tenant.token);
    assert_there(&tenant, &acknowledged).await;

    // Killed while it writes.
    let load = Load::start(&tenant, 2);
    load.is_accepted("after the restart").await;
    server.kill();
    acknowledged.extend(load.end().await.acknowledged.into_inner().unwrap());
    let mut server = start(&file);
    let tenant = server.tenant(&base, &tenant.token);
    assert_there(&tenant, &acknowledged).await;
    println!(
        "a disk of {DISK_MIB} MiB, full {} times: acknowledged {} and all there, refused with 507 {}, reads {}, kills 2",
        full + 1,
        acknowledged.len(),
        learned.full.into_inner(),
        learned.reads.into_inner(),
    );
    server.terminate();
}

/// Who is not root may still mount something for itself.
fn once_more_in_a_namespace() {
    #[expect(clippy::disallowed_methods, reason = "a program that is started by a test")]
    let is_inside = std::env::var(INSIDE).is_ok();
    let needed = "this test needs a disk of its own: run it as root, or where `unshare --user --map-root-user --mount` is allowed";
    assert!(!is_inside, "{needed}");
    let name = "full_disk::a_full_disk_refuses_writes_and_nothing_else_and_recovers_by_itself";
    let mut inside = Command::new("unshare");
    inside.args(["--user", "--map-root-user", "--mount"]).arg(std::env::current_exe().unwrap());
    let done = inside.args(["--exact", name, "--nocapture"]).env(INSIDE, "1").status();
    assert!(done.is_ok_and(|status| status.success()), "{needed}");
}
