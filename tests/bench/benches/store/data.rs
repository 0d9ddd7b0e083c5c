//! The data sets: built once, used by every run after that.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context;
use muster_model::TenantId;
use muster_store::contract::help;
use muster_store::{Directory, Store as _};
use muster_store_sled::{Options, SledStore};
use tempfile::TempDir;

use crate::args::Args;
use crate::people;

/// To be changed with whatever a data set consists of: sets of another version are built anew.
const VERSION: u32 = 4;

/// A set of so many users is built in seconds: anew for each run.
const ALWAYS_FRESH: u64 = 1000;

/// Users in one commit while a set is built.
const AT_ONCE: u64 = 500;

/// Commits that are on their way at a time while a set is built: one thread commits, the others encode.
const IN_FLIGHT: usize = 4;

pub(crate) fn tenant() -> TenantId {
    help::tenant("acme")
}

/// A folder for one measurement, on the same disk as the data sets.
pub(crate) fn scratch(args: &Args) -> anyhow::Result<TempDir> {
    fs::create_dir_all(&args.data)?;
    Ok(tempfile::Builder::new().prefix("scratch-").tempdir_in(&args.data)?)
}

/// What a server is given as its data.
pub(crate) fn deployment(args: &Args, users: u64) -> PathBuf {
    args.data.join(format!("users-{users}"))
}

/// The store in it.
pub(crate) fn folder(args: &Args, users: u64) -> PathBuf {
    deployment(args, users).join("store")
}

/// Builds the set unless it is there.
pub(crate) fn prepare(args: &Args, users: u64) -> anyhow::Result<()> {
    let folder = deployment(args, users);
    let made = args.data.join(format!("users-{users}.made"));
    let version = format!("{VERSION} {:?}\n", args.members);
    let is_there = fs::read_to_string(&made).is_ok_and(|found| found == version);
    // What runs leave behind (log entries, above all) is nothing among a million users, and most of what is among a thousand.
    if is_there && !args.fresh && users > ALWAYS_FRESH {
        return Ok(());
    }
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&args.data)?;
    let began = Instant::now();
    Args::runtime()?
        .block_on(build(args, &self::folder(args, users), users))
        .with_context(|| format!("building {}", folder.display()))?;
    fs::write(&made, version)?;
    let seconds = began.elapsed().as_secs_f64();
    println!("built a data set of {users} users in {seconds:.0} s, {:.0} users a second", users as f64 / seconds);
    Ok(())
}

async fn build(args: &Args, folder: &Path, users: u64) -> anyhow::Result<()> {
    let store = SledStore::open(folder, Options { cache_bytes: args.cache_bytes(), ..Options::default() })?;
    store.add_tenant(&people::tenant_row()?).await?;
    let directory = store.directory(&tenant());
    let mut building = tokio::task::JoinSet::new();
    for first in (1..=users).step_by(usize::try_from(AT_ONCE)?) {
        if building.len() >= IN_FLIGHT
            && let Some(one) = building.join_next().await
        {
            one??;
        }
        let directory = Arc::clone(&directory);
        let last = (first + AT_ONCE - 1).min(users);
        building.spawn(async move { directory.commit(people::create_all(first..=last)).await.map(drop) });
    }
    while let Some(one) = building.join_next().await {
        one??;
    }
    for &members in args.members.iter().filter(|members| fits(**members, users)) {
        build_group(directory.as_ref(), members).await?;
    }
    store.close().await;
    Ok(())
}

/// Whether a data set of so many users has the group, with as many users again who can become its members.
pub(crate) fn fits(members: u64, users: u64) -> bool {
    members * 2 <= users
}

async fn build_group(directory: &dyn Directory, members: u64) -> anyhow::Result<()> {
    directory.commit(people::create_group(members)).await?;
    for first in (1..=members).step_by(usize::try_from(AT_ONCE)?) {
        let last = (first + AT_ONCE - 1).min(members);
        directory.commit(help::commit((first..=last).map(|n| people::join(members, n)).collect())).await?;
    }
    Ok(())
}
