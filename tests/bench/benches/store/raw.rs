//! The reference: sled itself, with the rows that the adapter wrote for the same users. It checks nothing, encodes
//! nothing and answers no reader, and it is set up as well as we know how to: what it commits a second is what the disk and the
//! engine give.

use std::collections::HashMap;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};

use anyhow::{Context, anyhow};
use muster_bench::raw::open;
use muster_model::ResourceId;
use sled::{Batch, IVec};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use crate::measure::{Cost, Watch};
use crate::people;

/// One row: its key and its value.
pub(crate) type Row = (Vec<u8>, Vec<u8>);

/// What a store that was made of nothing but [`crate::people::create`] consists of, told apart by user. Rows that belong to
/// no user, such as counters, were written anew by each commit, and are part of each.
pub(crate) fn rows_by_user(folder: &Path, cache_bytes: u64, ids: &[ResourceId]) -> anyhow::Result<Vec<Vec<Row>>> {
    let numbers: HashMap<[u8; 16], usize> = ids.iter().zip(0..).map(|(id, n)| (*id.as_bytes(), n)).collect();
    let texts: HashMap<String, usize> = ids.iter().zip(0..).map(|(id, n)| (id.to_string(), n)).collect();
    let bare = |bytes: &[u8]| bytes.windows(16).find_map(|window| numbers.get(window).copied());
    let in_text = |value: &[u8]| {
        let marks = value.windows(6).enumerate().filter(|(_, window)| *window == b"\"id\":\"");
        let mut found = marks.filter_map(|(at, _)| texts.get(std::str::from_utf8(value.get(at + 6..at + 42)?).ok()?));
        found.next().copied()
    };
    let (mut by_user, mut shared) = (vec![Vec::new(); ids.len()], Vec::new());
    for row in open(folder, cache_bytes)?.iter() {
        let (key, value) = row?;
        let whose = bare(&key).or_else(|| in_text(&value)).or_else(|| bare(value.get(..64).unwrap_or(&value)));
        match whose.and_then(|n| by_user.get_mut(n)) {
            Some(rows) => rows.push((key.to_vec(), value.to_vec())),
            None => shared.push((key.to_vec(), value.to_vec())),
        }
    }
    for rows in &mut by_user {
        rows.extend(shared.iter().cloned());
    }
    Ok(by_user)
}

/// A data set that sled itself has open, with nothing of ours around it.
pub(crate) struct RawSet {
    db: sled::Db,
    data: File,
    /// What stands before the id in the key of a user.
    records: Vec<u8>,
    /// The rows of all names.
    names: Vec<IVec>,
    /// What new users consist of.
    newcomers: Vec<Vec<Row>>,
}

impl RawSet {
    pub(crate) fn open(folder: &Path, cache_bytes: u64, newcomers: Vec<Vec<Row>>) -> anyhow::Result<Self> {
        let db = open(folder, cache_bytes)?;
        let Places { records, keys } = places(&db, people::id(1), &people::user_name(1))?;
        let names = db.scan_prefix(&keys).keys().collect::<Result<_, _>>()?;
        let data = File::options().write(true).open(folder.join("db"))?;
        Ok(Self { db, data, records, names, newcomers })
    }

    /// The names were read by [`RawSet::open`].
    pub(crate) fn warm(&self, users: u64) -> anyhow::Result<()> {
        (1..=users).step_by(4).try_for_each(|n| self.record(people::id(n).as_bytes()))
    }

    fn record(&self, id: &[u8]) -> anyhow::Result<()> {
        self.db.get([&self.records, id].concat())?.context("the record is there").map(drop)
    }

    pub(crate) fn get(&self, users: &[u64]) -> anyhow::Result<Cost> {
        let ids: Vec<ResourceId> = users.iter().map(|n| people::id(*n)).collect();
        let watch = Watch::start();
        ids.iter().try_for_each(|id| self.record(id.as_bytes()))?;
        Ok(watch.stop(ids.len() as u64))
    }

    pub(crate) fn find(&self, users: &[u64]) -> anyhow::Result<Cost> {
        let position = |n: &u64| usize::try_from(*n).unwrap_or(0) % self.names.len();
        let some: Vec<_> = users.iter().map(|n| &self.names[position(n)]).collect();
        let watch = Watch::start();
        for key in &some {
            let holder = self.db.get(key)?.context("the key is there")?;
            self.record(&holder)?;
        }
        Ok(watch.stop(some.len() as u64))
    }

    /// Writes the new users, and puts everything back.
    pub(crate) fn create(&self) -> anyhow::Result<Cost> {
        let mut before = Batch::default();
        for (key, _) in self.newcomers.iter().flatten() {
            match self.db.get(key)? {
                Some(value) => before.insert(&key[..], value),
                None => before.remove(&key[..]),
            }
        }
        let watch = Watch::start();
        for some in self.newcomers.chunks(IN_A_BATCH) {
            let mut batch = Batch::default();
            for (key, value) in some.iter().flatten() {
                batch.insert(&key[..], &value[..]);
            }
            self.commit(batch)?;
        }
        let cost = watch.stop(self.newcomers.len() as u64);
        self.commit(before)?;
        Ok(cost)
    }

    fn commit(&self, batch: Batch) -> anyhow::Result<()> {
        self.db.apply_batch(batch)?;
        self.db.flush()?;
        Ok(self.data.sync_data()?)
    }
}

/// Users that one batch of sled itself brings: as many as a batch of ours where 64 clients write.
const IN_A_BATCH: usize = 64;

/// Where the adapter keeps what a read looks for.
struct Places {
    records: Vec<u8>,
    /// What the rows of all user names begin with.
    keys: Vec<u8>,
}

/// Found out from the rows of one user, so that no layout of keys need be known here.
fn places(db: &sled::Db, id: ResourceId, user_name: &str) -> anyhow::Result<Places> {
    let (mut records, mut keys) = (None, None);
    for row in db.iter() {
        let (key, value) = row?;
        if let Some(prefix) = key.strip_suffix(id.as_bytes())
            && value.len() > 512
        {
            records = records.or_else(|| Some(prefix.to_vec()));
        }
        if *value == *id.as_bytes()
            && let Some(at) = key.windows(user_name.len()).position(|window| window == user_name.as_bytes())
        {
            // The length of a name may stand before it, in two bytes.
            keys = keys.or_else(|| Some(key[..at - 2].to_vec()));
        }
        if records.is_some() && keys.is_some() {
            break;
        }
    }
    Ok(Places { records: records.context("the user has a row")?, keys: keys.context("the name has a row")? })
}

struct Job {
    rows: Vec<Row>,
    answer: oneshot::Sender<()>,
}

/// One thread commits: it takes what waits, applies it as one batch, flushes and syncs once, and answers all. Gives the
/// number of syncs as well.
pub(crate) async fn one_committer(
    folder: &Path,
    cache_bytes: u64,
    clients: usize,
    commits: Vec<Vec<Row>>,
) -> anyhow::Result<(Cost, u64)> {
    let db = open(folder, cache_bytes)?;
    let data = File::options().write(true).open(folder.join("db"))?;
    let (sender, jobs) = sync_channel::<Job>(1024);
    let committer = std::thread::spawn(move || gather(&db, &data, &jobs));
    let operations = commits.len() as u64;
    let shares = shares(commits, clients);
    let watch = Watch::start();
    let mut writing = JoinSet::new();
    for share in shares {
        let sender = sender.clone();
        writing.spawn(async move {
            for rows in share {
                let (answer, done) = oneshot::channel();
                sender.send(Job { rows, answer }).map_err(|_| anyhow!("the committer is gone"))?;
                done.await?;
            }
            anyhow::Ok(())
        });
    }
    while let Some(client) = writing.join_next().await {
        client??;
    }
    let cost = watch.stop(operations);
    drop(sender);
    let syncs = committer.join().map_err(|_| anyhow!("the committer panicked"))??;
    Ok((cost, syncs))
}

fn gather(db: &sled::Db, data: &File, jobs: &Receiver<Job>) -> anyhow::Result<u64> {
    let mut syncs = 0;
    while let Ok(first) = jobs.recv() {
        let mut batch = Batch::default();
        let mut answers = Vec::new();
        for Job { rows, answer } in std::iter::once(first).chain(jobs.try_iter().take(1024)) {
            for (key, value) in rows {
                batch.insert(key, value);
            }
            answers.push(answer);
        }
        db.apply_batch(batch)?;
        db.flush()?;
        data.sync_data()?;
        syncs += 1;
        for answer in answers {
            // Whoever asked waits.
            let _ = answer.send(());
        }
    }
    Ok(syncs)
}

/// Each client applies, flushes and syncs on a thread of its own.
pub(crate) fn each_for_itself(
    folder: &Path,
    cache_bytes: u64,
    clients: usize,
    commits: Vec<Vec<Row>>,
) -> anyhow::Result<(Cost, u64)> {
    let db = open(folder, cache_bytes)?;
    let data = Arc::new(File::options().write(true).open(folder.join("db"))?);
    let operations = commits.len() as u64;
    let shares = shares(commits, clients);
    let watch = Watch::start();
    let threads: Vec<_> = shares
        .into_iter()
        .map(|share| {
            let (db, data) = (db.clone(), Arc::clone(&data));
            std::thread::spawn(move || {
                for rows in share {
                    let mut batch = Batch::default();
                    for (key, value) in rows {
                        batch.insert(key, value);
                    }
                    db.apply_batch(batch)?;
                    db.flush()?;
                    data.sync_data()?;
                }
                anyhow::Ok(())
            })
        })
        .collect();
    for thread in threads {
        thread.join().map_err(|_| anyhow!("a client panicked"))??;
    }
    Ok((watch.stop(operations), operations))
}

/// Deals what is to be done to the clients, one after the other.
pub(crate) fn shares<T>(all: Vec<T>, clients: usize) -> Vec<Vec<T>> {
    let mut shares: Vec<Vec<T>> = (0..clients).map(|_| Vec::new()).collect();
    for (one, client) in all.into_iter().zip((0..clients).cycle()) {
        shares[client].push(one);
    }
    shares
}
