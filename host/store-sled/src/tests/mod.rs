//! The contract, and what is sled's own.
mod backup;
mod check;
mod damage;
mod durability;
mod faults;
mod flat;
mod found;
mod guards;
mod leases;
mod load;
mod log;
mod long_reads;
mod model;
mod moves;
mod moving;
mod outbox;
mod outbox_model;
mod room;
mod snapshot;
mod timing;

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use muster_store::Store;
use muster_store::contract::Fixture;
use tempfile::TempDir;

use crate::{Options, SledStore};

struct SledFixture {
    folder: TempDir,
    store: Option<Arc<dyn Store>>,
}

fn open(folder: &Path) -> Arc<dyn Store> {
    let options = Options { max_scanned: SledFixture::MAX_SCANNED, ..Options::default() };
    Arc::new(SledStore::open(folder, options).unwrap())
}

impl SledFixture {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Some(open(folder.path()));
        Self { folder, store }
    }
}

#[async_trait]
impl Fixture for SledFixture {
    fn store(&self) -> Arc<dyn Store> {
        Arc::clone(self.store.as_ref().unwrap())
    }

    async fn reopen(&mut self) {
        if let Some(store) = self.store.take() {
            store.close().await;
        }
        self.store = Some(open(self.folder.path()));
    }
}

impl Drop for SledFixture {
    /// sled would write a page above a certain size to a file of its own, which it never syncs. None may ever come to
    /// be. And a check finds nothing that a rebuilding of the indexes would change.
    fn drop(&mut self) {
        let blobs = std::fs::read_dir(self.folder.path().join("blobs")).unwrap().count();
        assert!(std::thread::panicking() || blobs == 0, "{blobs} blob files");
        drop(self.store.take());
        if std::thread::panicking() {
            return;
        }
        // Some promises of the port are tested with commits that no log tells of; but whatever they do, what follows from the facts follows.
        let report = crate::check(self.folder.path(), &Options::default(), &mut |_| {}).unwrap();
        assert_eq!(report.mendable, 0, "{:?}", report.findings);
    }
}

/// How often it is done: in each run, and on demand (`FAULTS=full`, or a variable of its own).
fn size(name: &str, small: u64, large: u64) -> u64 {
    #[expect(clippy::disallowed_methods, reason = "the size of the run is the caller's choice")]
    let variable = |name: &str| std::env::var(name).ok();
    match variable(name) {
        Some(text) => text.parse().unwrap_or_else(|_| panic!("{name} is a number")),
        None if variable("FAULTS").as_deref() == Some("full") => large,
        None => small,
    }
}

muster_store::contract_tests!(SledFixture::new());
