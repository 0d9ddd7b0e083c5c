//! Durable creates: how many a second, beside sled itself with the same rows, and how many share one sync.

use std::path::Path;

use muster_store::{Commit, Store as _};
use muster_store_sled::{Options, SledStore};
use tokio::task::JoinSet;

use crate::args::Args;
use crate::measure::{Cost, Watch, median};
use crate::{data, people, raw};

/// One way to commit, over all rounds.
#[derive(Default)]
struct Way {
    per_second: Vec<f64>,
    cpu_us: Vec<f64>,
    syncs_each: Vec<f64>,
}

impl Way {
    fn add(&mut self, (cost, syncs): (Cost, u64)) {
        self.per_second.push(cost.per_second());
        self.cpu_us.push(cost.cpu_us());
        self.syncs_each.push(syncs as f64 / cost.operations as f64);
    }

    fn tell(self, name: &str) -> f64 {
        let per_second = median(self.per_second);
        let (cpu, syncs) = (median(self.cpu_us), median(self.syncs_each));
        println!("    {name:34} {per_second:9.0} /s {cpu:9.1} µs of processor time each {syncs:7.3} syncs each");
        per_second
    }
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    println!("\ndurable creates, each a record of 1.5 KB with its keys, index entries and log entry");
    for &clients in &args.clients {
        let number = args.commits_of(clients);
        let [mut adapter, mut one, mut each] = [Way::default(), Way::default(), Way::default()];
        let mut shape = String::new();
        for _ in 0..args.rounds {
            let folder = data::scratch(args)?;
            adapter.add(creates(args, folder.path(), clients, number)?);
            let ids: Vec<_> = (1..=number).map(people::id).collect();
            let rows = raw::rows_by_user(folder.path(), args.cache_bytes(), &ids)?;
            drop(folder);
            shape = told(&rows);
            let folder = data::scratch(args)?;
            let running = raw::one_committer(folder.path(), args.cache_bytes(), clients, rows.clone());
            one.add(Args::runtime()?.block_on(running)?);
            drop(folder);
            let folder = data::scratch(args)?;
            // It is slower by an order of magnitude: a part of them is enough.
            let part = rows.into_iter().take(usize::try_from(number / 4)?.max(1)).collect();
            each.add(raw::each_for_itself(folder.path(), args.cache_bytes(), clients, part)?);
        }
        println!("  {clients} clients, {number} creates, {} rounds; {shape}", args.rounds);
        let ours = adapter.tell("muster-store-sled");
        let theirs = one.tell("sled, one thread commits");
        let alone = each.tell("sled, each client for itself");
        println!(
            "    of sled's rate: {:.2} (aim: at least 0.50), of each for itself: {:.2}",
            ours / theirs,
            ours / alone
        );
    }
    Ok(())
}

fn told(rows: &[Vec<raw::Row>]) -> String {
    let all: Vec<&raw::Row> = rows.iter().flatten().collect();
    let bytes: usize = all.iter().map(|(key, value)| key.len() + value.len()).sum();
    let users = rows.len().max(1);
    format!("{:.1} rows and {} bytes each", all.len() as f64 / users as f64, bytes / users)
}

/// The clients each create one user after the other.
fn creates(args: &Args, folder: &Path, clients: usize, number: u64) -> anyhow::Result<(Cost, u64)> {
    Args::runtime()?.block_on(async {
        let options = Options { cache_bytes: args.cache_bytes(), ..Options::default() };
        let store = SledStore::open(folder, options)?;
        let commits: Vec<Commit> = (1..=number).map(people::create).collect();
        let shares = raw::shares(commits, clients);
        let syncs = store.syncs();
        let watch = Watch::start();
        let mut writing = JoinSet::new();
        for share in shares {
            let directory = store.directory(&data::tenant());
            writing.spawn(async move {
                for commit in share {
                    directory.commit(commit).await?;
                }
                anyhow::Ok(())
            });
        }
        while let Some(client) = writing.join_next().await {
            client??;
        }
        let cost = watch.stop(number);
        let syncs = store.syncs() - syncs;
        store.close().await;
        Ok((cost, syncs))
    })
}
