//! One data set in a process of its own, so that its memory is its own: does what it is told on standard input, and tells
//! on standard output what it cost.

use std::io::{BufRead as _, Write as _};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use muster_model::{Event, ResourceId};
use muster_store::contract::help::{self, USER};
use muster_store::moving::Which;
use muster_store::{Commit, Directory, Query, Store as _, StoreError};
use muster_store_sled::{OpenError, Options, SledStore};
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

use crate::args::Args;
use crate::measure::{self, Cost, Watch};
use crate::raw::RawSet;
use crate::{data, people, raw};

/// What a set is told to do.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) enum Task {
    /// Reads what the rounds will read and write over, so that they find the cache as it is after a while.
    Warm,
    /// Records by id.
    Get,
    /// Records by key.
    Find,
    /// Filters `userName eq`.
    LookUpName,
    /// Filters `externalId eq`.
    LookUpExternalId,
    /// New users, by 64 clients.
    Create,
    /// Those users read and replaced, by 64 clients.
    Patch,
    /// Those users gone, by 64 clients.
    Delete,
    /// New members of a group with so many, one after the other.
    Join(u64),
    /// Those members gone again.
    Leave(u64),
    /// Pages of 100 of the group's members.
    Page(u64),
    /// Memory and disk.
    Size,
    /// Closes the store and opens it again.
    Reopen,
    /// Closes the store and lets sled itself open the files, its cache warmed as by [`Task::Warm`].
    OpenRaw,
    /// Gives the files back to the store.
    CloseRaw,
    /// The row of a record, read by sled itself, of any.
    GetRaw,
    /// The row of a name and that of the record, likewise.
    FindRaw,
    /// The rows of a new user, written by sled itself, 64 users in a batch.
    CreateRaw,
    /// All of it as items, as `muster export` reads them.
    Export,
    /// A copy of all of it.
    BackUp,
    /// All of it read by sled itself, row by row.
    RawScan,
}

/// What it answers.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) enum Answer {
    Cost(Cost),
    Size { resident: u64, disk: u64 },
}

/// Clients of a measurement that writes.
const CLIENTS: usize = 64;

/// How long sled may take to let go of some gigabytes.
const PATIENCE: Duration = Duration::from_mins(2);

/// Pages of members in a round.
const PAGES: u64 = 500;

struct Set {
    args: Args,
    users: u64,
    store: Option<SledStore>,
    /// In place of the store.
    raw: Option<RawSet>,
    /// Counts what was done, so that no two rounds do the same.
    round: u64,
    /// The users that this run created.
    created: Vec<u64>,
}

/// Until standard input ends.
pub(crate) fn run(args: &Args, users: u64) -> anyhow::Result<()> {
    Args::runtime()?.block_on(async {
        let mut set = Set { args: args.clone(), users, store: None, raw: None, round: 0, created: Vec::new() };
        set.open()?;
        for line in std::io::stdin().lock().lines() {
            let answer = set.answer(serde_json::from_str(&line?)?).await?;
            let mut out = std::io::stdout().lock();
            writeln!(out, "{}", serde_json::to_string(&answer)?)?;
            out.flush()?;
        }
        set.close().await;
        Ok(())
    })
}

impl Set {
    fn open(&mut self) -> anyhow::Result<()> {
        let options = Options { cache_bytes: self.args.cache_bytes(), ..Options::default() };
        self.store = Some(SledStore::open(&data::folder(&self.args, self.users), options)?);
        Ok(())
    }

    async fn close(&mut self) {
        self.raw = None;
        if let Some(store) = self.store.take() {
            store.close().await;
        }
    }

    fn directory(&self) -> anyhow::Result<Arc<dyn Directory>> {
        Ok(self.store.as_ref().context("the store is open")?.directory(&data::tenant()))
    }

    async fn answer(&mut self, task: Task) -> anyhow::Result<Answer> {
        self.round += 1;
        Ok(Answer::Cost(match task {
            Task::Warm => self.warm().await?,
            Task::Get => self.get().await?,
            Task::Find => self.find().await?,
            Task::LookUpName => self.look_up(by_name).await?,
            Task::LookUpExternalId => self.look_up(by_external_id).await?,
            Task::Create => self.create().await?,
            Task::Patch => self.patch().await?,
            Task::Delete => self.delete().await?,
            Task::Join(members) => self.join(members).await?,
            Task::Leave(members) => self.leave(members).await?,
            Task::Page(members) => self.page(members).await?,
            Task::Size => {
                let disk = measure::disk_bytes(&data::folder(&self.args, self.users))?;
                return Ok(Answer::Size { resident: measure::resident_bytes()?, disk });
            }
            Task::Reopen => {
                self.close().await;
                let watch = Watch::start();
                self.open()?;
                watch.stop(1)
            }
            Task::OpenRaw => self.open_raw().await?,
            Task::CloseRaw => self.close_raw().await?,
            Task::GetRaw => self.raw()?.get(&self.some(self.args.reads))?,
            Task::FindRaw => self.raw()?.find(&self.some(self.args.reads))?,
            Task::CreateRaw => self.raw()?.create()?,
            Task::Export => self.export().await?,
            Task::BackUp => self.back_up().await?,
            Task::RawScan => {
                self.close().await;
                let scanned = self.scan_raw();
                self.open()?;
                scanned?
            }
        }))
    }

    /// Users of the set, in no order, others each round.
    fn some(&self, number: u64) -> Vec<u64> {
        let first = self.round << 32;
        (0..number).map(|n| people::scramble(first + n) % self.users + 1).collect()
    }

    /// A page holds eight rows and more: one of eight meets all where users stand in their order, one of four nearly all where they do not.
    async fn warm(&self) -> anyhow::Result<Cost> {
        let directory = self.directory()?;
        let watch = Watch::start();
        let mut reads = 0;
        for n in (1..=self.users).step_by(4) {
            directory.find(&USER, &help::key("username", &people::user_name(n))).await?;
            directory.list(&by_external_id(n)).await?;
            for address in people::addresses(n) {
                directory.list(&equals("emails.value", &address)).await?;
            }
            reads += 4;
        }
        for n in (1..=self.users).step_by(8) {
            directory.list(&equals("meta.lastModified", &people::created(n).to_string())).await?;
            // The rows that lead to the entries, without those.
            directory.history(people::id(n), Some(1), 1).await?;
            reads += 2;
        }
        Ok(watch.stop(reads))
    }

    async fn get(&self) -> anyhow::Result<Cost> {
        let ids: Vec<ResourceId> = self.some(self.args.reads).into_iter().map(people::id).collect();
        let directory = self.directory()?;
        let watch = Watch::start();
        for id in &ids {
            directory.get(&USER, *id).await?.context("the user is there")?;
        }
        Ok(watch.stop(ids.len() as u64))
    }

    async fn find(&self) -> anyhow::Result<Cost> {
        let key = |n| help::key("username", &people::user_name(n));
        let keys: Vec<_> = self.some(self.args.reads).into_iter().map(key).collect();
        let directory = self.directory()?;
        let watch = Watch::start();
        for key in &keys {
            directory.find(&USER, key).await?.context("the user is there")?;
        }
        Ok(watch.stop(keys.len() as u64))
    }

    async fn look_up(&self, query: fn(u64) -> Query) -> anyhow::Result<Cost> {
        let queries: Vec<Query> = self.some(self.args.reads / 4).into_iter().map(query).collect();
        let directory = self.directory()?;
        let watch = Watch::start();
        for query in &queries {
            if directory.list(query).await?.records.len() != 1 {
                bail!("the filter does not find the one user");
            }
        }
        Ok(watch.stop(queries.len() as u64))
    }

    async fn create(&mut self) -> anyhow::Result<Cost> {
        // Behind all others, as new users stand; those of a run that was interrupted may still be there.
        let directory = self.directory()?;
        let mut first = self.users + 1;
        while directory.get(&USER, people::id(first)).await?.is_some() {
            first += self.args.writes;
        }
        self.created = (first..first + self.args.writes).collect();
        let commits = self.created.iter().map(|n| people::create(*n)).collect();
        self.by_clients(commits, commit).await
    }

    async fn patch(&self) -> anyhow::Result<Cost> {
        let round = self.round;
        let patch = move |directory: Arc<dyn Directory>, n: u64| async move {
            loop {
                let old = directory.get(&USER, people::id(n)).await?.context("the user is there")?;
                match directory.commit(people::patch(&old, round)).await {
                    // Another client has the same user.
                    Err(StoreError::Stale) => {}
                    done => return Ok(done.map(drop)?),
                }
            }
        };
        self.by_clients(self.some(self.args.writes), patch).await
    }

    async fn delete(&mut self) -> anyhow::Result<Cost> {
        let delete = |directory: Arc<dyn Directory>, n: u64| async move {
            let old = directory.get(&USER, people::id(n)).await?.context("the user is there")?;
            Ok(directory.commit(people::delete(&old)).await.map(drop)?)
        };
        let gone = std::mem::take(&mut self.created);
        self.by_clients(gone, delete).await
    }

    async fn join(&self, members: u64) -> anyhow::Result<Cost> {
        let join = |n| people::members_change(members, Event::MemberAdded, n);
        self.by_clients(self.outsiders(members).map(join).collect(), commit).await
    }

    async fn leave(&self, members: u64) -> anyhow::Result<Cost> {
        let leave = |n| people::members_change(members, Event::MemberRemoved, n);
        self.by_clients(self.outsiders(members).map(leave).collect(), commit).await
    }

    /// Some who are not in the group, the same each time.
    fn outsiders(&self, members: u64) -> impl Iterator<Item = u64> + use<> {
        let number = (self.args.writes / 4).max(1).min(self.users - members);
        let apart = (self.users - members) / number;
        (0..number).map(move |n| members + 1 + n * apart)
    }

    async fn page(&self, members: u64) -> anyhow::Result<Cost> {
        let starts = self.some(PAGES).into_iter().map(|n| n % members.saturating_sub(100).max(1));
        let starts: Vec<ResourceId> = starts.map(people::id).collect();
        let directory = self.directory()?;
        let watch = Watch::start();
        for after in &starts {
            directory.members(people::group(members), Some(*after), 100).await?;
        }
        Ok(watch.stop(PAGES))
    }

    /// All of it by [`CLIENTS`] at a time.
    async fn by_clients<T: Send + 'static, F: Future<Output = anyhow::Result<()>> + Send>(
        &self,
        all: Vec<T>,
        one: impl Fn(Arc<dyn Directory>, T) -> F + Copy + Send + 'static,
    ) -> anyhow::Result<Cost> {
        let operations = all.len() as u64;
        let mut clients = JoinSet::new();
        let watch = Watch::start();
        for share in raw::shares(all, CLIENTS) {
            let directory = self.directory()?;
            clients.spawn(async move {
                for what in share {
                    one(Arc::clone(&directory), what).await?;
                }
                anyhow::Ok(())
            });
        }
        while let Some(client) = clients.join_next().await {
            client??;
        }
        Ok(watch.stop(operations))
    }

    async fn open_raw(&mut self) -> anyhow::Result<Cost> {
        self.close().await;
        // Behind all others, as those of [`Task::Create`].
        let newcomers: Vec<u64> = (self.users + 1..=self.users + self.args.writes).collect();
        let rows = self.rows_of(&newcomers).await?;
        let watch = Watch::start();
        let raw = RawSet::open(&data::folder(&self.args, self.users), self.args.cache_bytes(), rows)?;
        raw.warm(self.users)?;
        self.raw = Some(raw);
        Ok(watch.stop(1))
    }

    async fn close_raw(&mut self) -> anyhow::Result<Cost> {
        let watch = Watch::start();
        self.close().await;
        let began = Instant::now();
        loop {
            match self.open() {
                Err(error) if is_in_use(&error) && began.elapsed() < PATIENCE => {}
                opened => return opened.map(|()| watch.stop(1)),
            }
        }
    }

    fn raw(&self) -> anyhow::Result<&RawSet> {
        self.raw.as_ref().context("sled itself has the files")
    }

    /// The rows that the adapter makes of these users.
    async fn rows_of(&self, users: &[u64]) -> anyhow::Result<Vec<Vec<raw::Row>>> {
        let folder = data::scratch(&self.args)?;
        let options = Options { cache_bytes: self.args.cache_bytes(), ..Options::default() };
        let store = SledStore::open(folder.path(), options)?;
        store.directory(&data::tenant()).commit(people::create_all(users.iter().copied())).await?;
        store.close().await;
        let ids: Vec<_> = users.iter().map(|n| people::id(*n)).collect();
        raw::rows_by_user(folder.path(), self.args.cache_bytes(), &ids)
    }

    async fn export(&self) -> anyhow::Result<Cost> {
        let store = self.store.as_ref().context("the store is open")?;
        let watch = Watch::start();
        let mut export = store.mover().export(&Which::Whole).await?;
        let mut items = 0;
        loop {
            let next = export.next().await?;
            if next.is_empty() {
                return Ok(watch.stop(items));
            }
            items += next.len() as u64;
        }
    }

    async fn back_up(&self) -> anyhow::Result<Cost> {
        let store = self.store.as_ref().context("the store is open")?;
        let folder = data::scratch(&self.args)?;
        let watch = Watch::start();
        let backed_up = store.back_up(&folder.path().join("copy"), help::at(0), Box::new(|_| {})).await?;
        Ok(watch.stop(backed_up.rows))
    }

    fn scan_raw(&self) -> anyhow::Result<Cost> {
        let db = muster_bench::raw::open(&data::folder(&self.args, self.users), self.args.cache_bytes())?;
        let watch = Watch::start();
        let mut rows = 0;
        for row in db.iter() {
            row?;
            rows += 1;
        }
        Ok(watch.stop(rows))
    }
}

fn is_in_use(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(OpenError::InUse { .. }))
}

fn by_name(n: u64) -> Query {
    equals("userName", &people::user_name(n))
}

fn by_external_id(n: u64) -> Query {
    equals("externalId", &people::external_id(n))
}

fn equals(attribute: &str, value: &str) -> Query {
    Query { limit: 100, ..help::query(&USER, Some(help::eq(attribute, value))) }
}

async fn commit(directory: Arc<dyn Directory>, commit: Commit) -> anyhow::Result<()> {
    Ok(directory.commit(commit).await.map(drop)?)
}
