//! Power cuts. A small program commits to a store while every write and every sync of it is recorded; the files are then rebuilt as a cut
//! at some moment would leave them, opened, and asked everything.
//!
//! What was synced is there. Of what was written and not synced nothing is, or everything, or some of it, down to single sectors. What
//! was acknowledged before the cut must be there, and every commit whole or not at all.
//!
//! `POWER_CUTS` says how many; see [`crate::faults`].

mod disk;
mod trace;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use muster_store::Store;
use muster_store_sled::{Options, SledStore};
use tempfile::TempDir;

use self::disk::{Disk, Honours, Left};
use crate::faults::size;
use crate::numbered::{Answers, Dice, Numbered, ask, ask_deployment, found_deployment};

const WORKERS: u64 = 3;
/// Up to which commit each process of the program works. The first one closes its store, the second one is gone without a word.
const LIVES: [u64; 3] = [15, 30, 40];
/// More than there are resources of one worker.
const IDS: u64 = 60;

/// For the program that is recorded: where its store is, and which of the [`LIVES`] it lives.
const FOLDER: &str = "POWER_CUT_FOLDER";
const LIFE: &str = "POWER_CUT_LIFE";

fn variable(name: &str) -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "a program that is started by a test, or the size of a run")]
    std::env::var(name).ok()
}

fn open(folder: &Path) -> Result<Arc<dyn Store>, String> {
    SledStore::open(folder, Options::default())
        .map(|store| Arc::new(store) as Arc<dyn Store>)
        .map_err(|error| error.to_string())
}

/// One write, so that the recording tells when.
fn acknowledge(what: &str) {
    std::io::stdout().write_all(format!("acknowledged {what}\n").as_bytes()).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "it is the program that the other tests record"]
async fn the_program_that_is_recorded() {
    let folder = variable(FOLDER).expect("it is started by the tests of this file");
    let life: usize = variable(LIFE).unwrap().parse().unwrap();
    let store = open(Path::new(&folder)).unwrap();
    if life == 0 {
        found_deployment(&store, WORKERS).await;
        acknowledge("deployment 0");
    }
    let from = if life == 0 { 0 } else { LIVES[life - 1] };
    let work = |worker| {
        let store = store.clone();
        async move {
            let mut numbered = Numbered::new(worker).skip(from);
            let directory = store.directory(&numbered.tenant());
            while numbered.made < LIVES[life] {
                directory.commit(numbered.commit()).await.unwrap();
                acknowledge(&format!("{worker} {}", numbered.made));
            }
        }
    };
    let workers: Vec<_> = (0..WORKERS).map(|worker| tokio::spawn(work(worker))).collect();
    for worker in workers {
        worker.await.unwrap();
    }
    match life {
        1 => std::process::exit(0),
        _ => store.close().await,
    }
}

/// What was recorded: the disk, and at which line each commit was acknowledged.
struct Recording {
    disk: Disk,
    acknowledged: BTreeMap<String, Vec<(usize, u64)>>,
    /// At which line each life began.
    lives: Vec<usize>,
    lines: usize,
    #[expect(dead_code, reason = "it is held, not used")]
    folder: TempDir,
}

fn recording() -> Recording {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("disk");
    std::fs::create_dir(&root).unwrap();
    let (mut disk, mut acknowledged, mut lives, mut lines) = (Disk::new(&root), BTreeMap::new(), Vec::new(), 0);
    for life in 0..LIVES.len() {
        let trace = folder.path().join(format!("trace-{life}"));
        let mut program = Command::new(std::env::current_exe().unwrap());
        program.args(["--exact", "power_cut::the_program_that_is_recorded", "--ignored", "--nocapture"]);
        program.env(FOLDER, store_of(&root)).env(LIFE, life.to_string());
        let told = trace::record(program, &trace);
        let calls = trace::read(&trace, lines);
        lives.push(lines);
        lines = calls.iter().map(|call| call.ended).max().unwrap() + 1;
        let mut count = 0;
        for call in calls.iter().filter(|call| call.name == "write" && call.number(0) == 1) {
            for line in call.text(1).lines().filter_map(|line| line.strip_prefix("acknowledged ")) {
                let (who, number) = line.split_once(' ').unwrap();
                let told: &mut Vec<(usize, u64)> = acknowledged.entry(who.to_owned()).or_default();
                told.push((call.began, number.parse().unwrap()));
                count += 1;
            }
        }
        assert_eq!(count, told.matches("acknowledged ").count(), "the recording tells what the program told");
        disk.run(&calls);
        disk.assert_is(&root);
    }
    Recording { disk, acknowledged, lives, lines, folder }
}

fn store_of(disk: &Path) -> PathBuf {
    disk.join("store")
}

/// What a store must answer for each worker after each commit, found out in one that nobody disturbs.
struct Expected {
    deployment: Answers,
    workers: Vec<Vec<Answers>>,
}

async fn expected() -> Expected {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).unwrap();
    found_deployment(&store, WORKERS).await;
    let mut workers = Vec::new();
    for worker in 0..WORKERS {
        let mut numbered = Numbered::new(worker);
        let tenant = numbered.tenant();
        let mut after = vec![ask(&store, &tenant, IDS).await];
        while numbered.made < LIVES[LIVES.len() - 1] {
            store.directory(&tenant).commit(numbered.commit()).await.unwrap();
            after.push(ask(&store, &tenant, IDS).await);
        }
        workers.push(after);
    }
    let deployment = ask_deployment(&store).await;
    store.close().await;
    Expected { deployment, workers }
}

fn is_same(one: &Answers, other: &Answers) -> bool {
    one.len() == other.len()
        && one
            .iter()
            .zip(other)
            .all(|(one, other)| one.0 == other.0 && matches!((one.1, other.1), (Ok(one), Ok(other)) if one == other))
}

/// What was found at the cuts.
#[derive(Debug, Default)]
struct Held {
    images: u64,
    acknowledged: u64,
    lost: Vec<String>,
    torn: Vec<String>,
    failed_opens: Vec<String>,
}

impl Recording {
    /// Some right behind an acknowledgement, some in the middle of a sync, some while a store is opened, some anywhere.
    fn cuts(&self, count: usize, dice: &mut Dice) -> Vec<usize> {
        let acknowledged: Vec<usize> = self.acknowledged.values().flatten().map(|(line, _)| *line).collect();
        let syncs = self.disk.sync_ends();
        let cut = |number: usize| match number % 5 {
            0 | 1 => acknowledged[dice.index(acknowledged.len())] + 1,
            2 => syncs[dice.index(syncs.len())],
            3 => self.lives[number / 5 % self.lives.len()] + dice.index(120),
            _ => dice.index(self.lines),
        };
        (0..count).map(cut).collect()
    }

    fn acknowledged(&self, who: &str, cut: usize) -> Option<u64> {
        self.acknowledged[who].iter().filter(|(line, _)| *line < cut).map(|(_, number)| *number).max()
    }

    async fn check(
        &self,
        cut: usize,
        left: Left,
        honours: Honours,
        dice: &mut Dice,
        expected: &Expected,
        held: &mut Held,
    ) {
        let folder = tempfile::tempdir().unwrap();
        self.disk.after_cut(cut, left, honours, dice, folder.path());
        let place = format!("cut at line {cut} of {}, left {left:?}", self.lines);
        held.images += 1;
        let store = match open(&store_of(folder.path())) {
            Ok(store) => store,
            Err(error) => return held.failed_opens.push(format!("{place}: {error}")),
        };
        if self.acknowledged("deployment", cut).is_some()
            && !is_same(&ask_deployment(&store).await, &expected.deployment)
        {
            held.lost.push(format!("{place}: tenants, tokens or plugins"));
        }
        let mut next = Vec::new();
        for worker in 0..WORKERS {
            let states = &expected.workers[usize::try_from(worker).unwrap()];
            let mut numbered = Numbered::new(worker);
            let answers = ask(&store, &numbered.tenant(), IDS).await;
            let acknowledged = self.acknowledged(&worker.to_string(), cut).unwrap_or(0);
            held.acknowledged += acknowledged;
            let made = states.iter().position(|state| is_same(state, &answers)).map(|made| made as u64);
            match made {
                None => held.torn.push(format!("{place}: worker {worker} is nowhere between two commits")),
                Some(made) if made < acknowledged => {
                    held.lost.push(format!("{place}: worker {worker} has {made} of {acknowledged} commits"));
                }
                Some(made) if made > acknowledged + 1 => {
                    held.torn
                        .push(format!("{place}: worker {worker} has {made} commits, {acknowledged} were acknowledged"));
                }
                Some(made) if made < LIVES[LIVES.len() - 1] => {
                    numbered = numbered.skip(made);
                    next.push(numbered);
                }
                Some(_) => {}
            }
        }
        if honours == Honours::Syncs && self.acknowledged("deployment", cut).is_some() {
            go_on(store, &store_of(folder.path()), next, expected, held, &place).await;
        } else {
            store.close().await;
        }
    }
}

/// A store that was found whole can be written to, and opened once more.
async fn go_on(
    store: Arc<dyn Store>,
    folder: &Path,
    next: Vec<Numbered>,
    expected: &Expected,
    held: &mut Held,
    place: &str,
) {
    let mut made = Vec::new();
    for mut numbered in next {
        store.directory(&numbered.tenant()).commit(numbered.commit()).await.unwrap();
        made.push(numbered);
    }
    store.close().await;
    drop(store);
    let store = match open(folder) {
        Ok(store) => store,
        Err(error) => return held.failed_opens.push(format!("{place}, then written to: {error}")),
    };
    for numbered in made {
        let answers = ask(&store, &numbered.tenant(), IDS).await;
        let state =
            &expected.workers[usize::try_from(numbered.worker).unwrap()][usize::try_from(numbered.made).unwrap()];
        if !is_same(state, &answers) {
            held.torn.push(format!("{place}, then written to: worker {}", numbered.worker));
        }
    }
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_power_cut_takes_back_nothing_that_was_acknowledged() {
    let cuts = usize::try_from(size("POWER_CUTS")).unwrap();
    let (recording, expected) = (recording(), expected().await);
    let mut dice = Dice::new(7);
    let (mut held, mut control) = (Held::default(), Held::default());
    for cut in recording.cuts(cuts, &mut dice) {
        for left in [Left::Nothing, Left::Everything, Left::SomeWrites, Left::SomeSectors, Left::SomeSectors] {
            recording.check(cut, left, Honours::Syncs, &mut dice, &expected, &mut held).await;
        }
        recording.check(cut, Left::Nothing, Honours::AllButThoseOfCommits, &mut dice, &expected, &mut control).await;
    }
    println!(
        "power cuts {cuts}, images {}, acknowledged {}, lost {}, torn {}, failed opens {}; without fdatasync: images {}, lost {}, torn {}, \
         failed opens {}",
        held.images,
        held.acknowledged,
        held.lost.len(),
        held.torn.len(),
        held.failed_opens.len(),
        control.images,
        control.lost.len(),
        control.torn.len(),
        control.failed_opens.len(),
    );
    let found: Vec<_> = [&held.lost, &held.torn, &held.failed_opens].into_iter().flatten().collect();
    assert!(found.is_empty(), "{found:#?}");
    assert!(held.acknowledged > 0, "there was something to lose");
    assert!(!control.lost.is_empty(), "the rig finds what a missing sync loses");
}
