//! The reference: sled itself, with the very rows that the store wrote when it settled tasks. It checks nothing, encodes nothing and answers
//! nobody.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use muster_bench::measure::{Cost, Watch};
use muster_bench::raw::open;
use muster_store::contract::help;
use sled::Batch;
use tempfile::TempDir;

use crate::place::Place;
use crate::{Args, CACHE_BYTES, place};

/// Tasks that are settled to see what that writes.
const TASKS: u64 = 10_000;

/// A row that was written; `None`: it was taken away.
type Row = (Vec<u8>, Option<Vec<u8>>);

/// What settling tasks has written.
pub(crate) struct Written {
    /// The store as it was before, closed.
    before: TempDir,
    /// The rows of each task.
    tasks: Vec<Vec<Row>>,
    /// Rows that each batch wrote: counters.
    shared: Vec<Row>,
}

impl Written {
    pub(crate) async fn by_settles(args: &Args) -> anyhow::Result<Self> {
        let [before, after] = [(); 2].map(|()| tempfile::Builder::new().prefix("delivery-").tempdir_in(&args.data));
        let (before, after) = (before?, after?);
        let tenant = help::tenant("tenant-0");
        let filled = Place::Store(Arc::new(place::open(before.path())?));
        filled.fill(&tenant, TASKS).await?;
        filled.close().await;
        drop(filled);
        let old = rows(before.path())?;
        copy(before.path(), after.path())?;

        let settled = Place::Store(Arc::new(place::open(after.path())?));
        let delivery = settled.deliver();
        delivery.carrier.until(TASKS).await;
        delivery.stop().await?;
        settled.close().await;
        drop(settled);
        let mut new = rows(after.path())?;
        let mut changed: Vec<Row> = Vec::new();
        for (key, value) in old {
            match new.remove(&key) {
                Some(now) if now == value => {}
                now => changed.push((key, now)),
            }
        }
        changed.extend(new.into_iter().map(|(key, value)| (key, Some(value))));
        // The rows of a task end with its number, and there are several of each; those that do not are of no task.
        let mut by_task = BTreeMap::<Vec<u8>, Vec<Row>>::new();
        for row in changed {
            by_task.entry(row.0.iter().rev().take(8).rev().copied().collect()).or_default().push(row);
        }
        let (tasks, shared): (Vec<_>, Vec<_>) = by_task.into_values().partition(|rows| rows.len() > 1);
        Ok(Self { before, tasks, shared: shared.concat() })
    }

    /// Writes it again into the store as it was, so many tasks in a batch.
    pub(crate) fn again(&self, args: &Args, in_a_batch: usize) -> anyhow::Result<Cost> {
        let folder = tempfile::Builder::new().prefix("delivery-").tempdir_in(&args.data)?;
        copy(self.before.path(), folder.path())?;
        let db = open(folder.path(), CACHE_BYTES)?;
        let data = File::options().write(true).open(folder.path().join("db"))?;
        let watch = Watch::start();
        for some in self.tasks.chunks(in_a_batch.max(1)) {
            let mut batch = Batch::default();
            for (key, value) in some.iter().flatten().chain(&self.shared) {
                match value {
                    Some(value) => batch.insert(&key[..], &value[..]),
                    None => batch.remove(&key[..]),
                }
            }
            db.apply_batch(batch)?;
            db.flush()?;
            data.sync_data()?;
        }
        Ok(watch.stop(self.tasks.len() as u64))
    }
}

fn rows(folder: &Path) -> anyhow::Result<BTreeMap<Vec<u8>, Vec<u8>>> {
    let mut rows = BTreeMap::new();
    for row in open(folder, CACHE_BYTES)?.iter() {
        let (key, value) = row?;
        rows.insert(key.to_vec(), value.to_vec());
    }
    Ok(rows)
}

/// Files and folders of a store that nobody has open.
fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let place = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &place)?;
        } else {
            fs::copy(entry.path(), &place).with_context(|| place.display().to_string())?;
        }
    }
    Ok(())
}
