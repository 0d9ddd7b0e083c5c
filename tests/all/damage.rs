//! Files of a store that were damaged, byte by byte. Whatever is asked of such a store is answered rightly or not at all: no record is
//! missing or old without a word, nothing begins anew, and nobody waits for ever.
//!
//! `DAMAGE_TRIALS` says how many, see [`crate::faults`]; `DAMAGE_SEED=N` repeats one trial.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use muster_store::{Store, StoreError};
use muster_store_sled::{Options, SledStore};

use crate::faults::{is_whole, size};
use crate::numbered::{Answers, Dice, Numbered, ask, ask_deployment, found_deployment};

const WORKERS: u64 = 2;
const COMMITS: u64 = 50;
/// More than there are resources of one worker.
const IDS: u64 = 70;
/// At a time.
const PROCESSES: u64 = 2;
/// A trial takes a fraction of a second.
const PATIENCE: Duration = Duration::from_secs(60);

/// For the processes that try: where the undamaged stores are, and the first trial of theirs.
const FOLDER: &str = "DAMAGE_FOLDER";
const FIRST: &str = "DAMAGE_FIRST";
const LAST: &str = "DAMAGE_LAST";

fn variable(name: &str) -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "a program that is started by a test, or the size of a run")]
    std::env::var(name).ok()
}

fn number(name: &str) -> Option<u64> {
    variable(name).map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is a number")))
}

/// How the store was left that is then damaged.
const LEFT: [&str; 3] = ["killed", "closed", "reopened"];

/// The same store, left in several ways.
async fn make_stores(folder: &Path) {
    let work = folder.join("work");
    let workers = || (0..WORKERS).map(Numbered::new);
    for (from, to) in [(0, COMMITS / 2), (COMMITS / 2, COMMITS)] {
        let store: Arc<dyn Store> = Arc::new(SledStore::open(&work, Options::default()).unwrap());
        if from == 0 {
            found_deployment(&store, WORKERS).await;
        }
        for mut numbered in workers().map(|numbered| numbered.skip(from)) {
            while numbered.made < to {
                store.directory(&numbered.tenant()).commit(numbered.commit()).await.unwrap();
            }
        }
        if to == COMMITS {
            copy(&work, &folder.join("killed"));
        }
        store.close().await;
    }
    copy(&work, &folder.join("closed"));
    SledStore::open(&work, Options::default()).unwrap().close().await;
    copy(&work, &folder.join("reopened"));
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(|entry| entry.unwrap().path()) {
        let target = to.join(entry.file_name().unwrap());
        if entry.is_dir() {
            copy(&entry, &target);
        } else {
            fs::copy(&entry, target).unwrap();
        }
    }
}

async fn ask_everything(store: Arc<dyn Store>) -> Answers {
    let mut answers = ask_deployment(&store).await;
    for worker in 0..WORKERS {
        let told = ask(&store, &Numbered::new(worker).tenant(), IDS).await;
        answers.extend(told.into_iter().map(|(question, answer)| (format!("worker {worker}: {question}"), answer)));
    }
    answers
}

/// Damages one file; says how.
fn damage(folder: &Path, dice: &mut Dice) -> String {
    let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.is_file() && path.metadata().unwrap().len() > 0);
    files.sort();
    let data = files.iter().position(|file| file.file_name().unwrap() == "db").unwrap();
    let file = if dice.below(10) < 7 { files.swap_remove(data) } else { files.swap_remove(dice.index(files.len())) };
    let name = file.file_name().unwrap().to_str().unwrap().to_owned();
    let mut content = fs::read(&file).unwrap();
    let length = content.len();
    // Half of a young database is empty.
    let mut place = dice.index(length);
    for _ in 0..10 {
        if content[place..(place + 16).min(length)].iter().any(|byte| *byte != 0) {
            break;
        }
        place = dice.index(length);
    }
    let until = |longest: usize, dice: &mut Dice| (place + 1 + dice.index(longest)).min(length);
    let how = match dice.below(16) {
        0..=6 => {
            let bit = dice.below(8);
            content[place] ^= 1 << bit;
            format!("bit {bit} of byte {place} turned")
        }
        7 => {
            let end = until(8192, dice);
            content[place..end].fill(0);
            format!("bytes {place} to {end} zeroed")
        }
        8 => {
            let (start, end) = (place / 512 * 512, (place / 512 * 512 + 512).min(length));
            content[start..end].fill(0);
            format!("sector at {start} zeroed")
        }
        9 | 10 => {
            let end = until(4096, dice);
            content[place..end].fill_with(|| u8::try_from(dice.below(256)).unwrap());
            format!("bytes {place} to {end} overwritten")
        }
        11 | 12 => {
            let (start, from) = (place / 512 * 512, dice.index(length) / 512 * 512);
            let size = (512 << dice.below(4)).min(length - start).min(length - from);
            content.copy_within(from..from + size, start);
            format!("{size} bytes of {from} written to {start} as well")
        }
        13 => {
            content.truncate(place);
            format!("cut off at {place}")
        }
        14 => {
            let more = 1 + dice.index(100_000);
            content.resize_with(length + more, || u8::try_from(dice.below(256)).unwrap());
            format!("{more} bytes appended")
        }
        _ => {
            fs::remove_file(&file).unwrap();
            return format!("{name}: deleted");
        }
    };
    fs::write(&file, content).unwrap();
    format!("{name}: {how}")
}

/// How one trial ended: the beginning of the line that tells of it.
const REFUSED: &str = "refused";
const TOLD: &str = "told";
const UNHARMED: &str = "unharmed";
const WRONG: &str = "WRONG";
const PANICKED: &str = "PANICKED";

async fn attempt(stores: &Path, right: &Answers, seed: u64) -> String {
    let mut dice = Dice::new(seed);
    let left = LEFT[dice.index(LEFT.len())];
    let folder = tempfile::tempdir().unwrap();
    copy(&stores.join(left), folder.path());
    let how = format!("{left}, {}", damage(folder.path(), &mut dice));
    let store: Arc<dyn Store> = match SledStore::open(folder.path(), Options::default()) {
        Ok(store) => Arc::new(store),
        Err(error) => return format!("{REFUSED} | {how} | {error}"),
    };
    let asked = tokio::spawn(ask_everything(store.clone())).await;
    store.close().await;
    let Ok(answers) = asked else { return format!("{PANICKED} | {how}") };
    let differs = |(question, answer): (&String, &Result<String, StoreError>)| {
        let answer = answer.as_ref().ok()?;
        let expected = right.get(question).and_then(|answer| answer.as_ref().ok());
        (expected != Some(answer)).then(|| format!("{question}: {answer} and not {expected:?}"))
    };
    let wrong: Vec<String> = answers.iter().filter_map(differs).collect();
    match answers.values().filter_map(|answer| answer.as_ref().err()).next() {
        _ if !wrong.is_empty() => format!("{WRONG} | {how} | {} answers, as {}", wrong.len(), wrong[0]),
        Some(error) => format!("{TOLD} | {how} | {error}"),
        None if answers.len() == right.len() => format!("{UNHARMED} | {how}"),
        None => format!("{WRONG} | {how} | a question could not be asked"),
    }
}

#[tokio::test]
#[ignore = "it is the program that the other tests start"]
async fn the_program_that_tries() {
    let stores = PathBuf::from(variable(FOLDER).expect("it is started by the tests of this file"));
    let undamaged = tempfile::tempdir().unwrap();
    copy(&stores.join(LEFT[1]), undamaged.path());
    let store: Arc<dyn Store> = Arc::new(SledStore::open(undamaged.path(), Options::default()).unwrap());
    let right = ask_everything(store.clone()).await;
    store.close().await;
    for seed in number(FIRST).unwrap()..number(LAST).unwrap() {
        let outcome = attempt(&stores, &right, seed).await.replace('\n', " ");
        std::io::stdout().write_all(format!("trial {seed} {outcome}\n").as_bytes()).unwrap();
    }
}

/// A process that tries: it may hang or abort without harm to the others.
struct Trying {
    child: Child,
    lines: mpsc::Receiver<String>,
}

impl Trying {
    fn start(stores: &Path, first: u64, last: u64) -> Self {
        let mut program = Command::new(std::env::current_exe().unwrap());
        program.args(["--exact", "damage::the_program_that_tries", "--ignored", "--nocapture"]);
        program.env(FOLDER, stores).env(FIRST, first.to_string()).env(LAST, last.to_string());
        // sled's panics, which the store catches, would fill the report.
        let mut child = program.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let told = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in told.lines().map_while(Result::ok) {
                let Some(line) = line.strip_prefix("trial ") else { continue };
                if sender.send(line.to_owned()).is_err() {
                    return;
                }
            }
        });
        Self { child, lines }
    }
}

impl Drop for Trying {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// All trials from `first` to `last`; by seed.
fn try_all(stores: &Path, first: u64, last: u64) -> BTreeMap<u64, String> {
    let mut outcomes = BTreeMap::new();
    let mut next = first;
    while next < last {
        let trying = Trying::start(stores, next, last);
        while next < last {
            let outcome = match trying.lines.recv_timeout(PATIENCE) {
                Ok(line) => {
                    let (seed, outcome) = line.split_once(' ').unwrap();
                    assert_eq!(seed.parse(), Ok(next));
                    outcome.to_owned()
                }
                Err(mpsc::RecvTimeoutError::Timeout) => "HUNG".to_owned(),
                Err(mpsc::RecvTimeoutError::Disconnected) => "ABORTED".to_owned(),
            };
            let goes_on = !outcome.starts_with(['H', 'A']);
            outcomes.insert(next, outcome);
            next += 1;
            if !goes_on {
                break;
            }
        }
    }
    outcomes
}

#[tokio::test]
async fn a_damaged_store_answers_rightly_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    make_stores(folder.path()).await;
    let (first, last) = match number("DAMAGE_SEED") {
        Some(seed) => (seed, seed + 1),
        None => (0, size("DAMAGE_TRIALS")),
    };
    let share = (last - first).div_ceil(PROCESSES);
    let trying: Vec<_> = (0..PROCESSES)
        .map(|process| {
            let stores = folder.path().to_owned();
            let from = first + process * share;
            std::thread::spawn(move || try_all(&stores, from, (from + share).min(last)))
        })
        .collect();
    let outcomes: BTreeMap<u64, String> = trying.into_iter().flat_map(|trying| trying.join().unwrap()).collect();
    let count = |beginning: &str| outcomes.values().filter(|outcome| outcome.starts_with(beginning)).count();
    println!(
        "trials {}: refused {}, errors {}, unharmed {}, wrong {}, panics {}, hangs {}, aborts {}",
        outcomes.len(),
        count(REFUSED),
        count(TOLD),
        count(UNHARMED),
        count(WRONG),
        count(PANICKED),
        count("HUNG"),
        count("ABORTED"),
    );
    let bad: Vec<_> = outcomes
        .iter()
        .filter(|(_, outcome)| ![REFUSED, TOLD, UNHARMED].iter().any(|good| outcome.starts_with(good)))
        .collect();
    assert!(bad.is_empty(), "{bad:#?}");
    assert_eq!(outcomes.len() as u64, last - first);
    assert!(
        !is_whole("DAMAGE_TRIALS", last - first) || (count(REFUSED) > 0 && count(UNHARMED) > 0),
        "damage of several kinds was done"
    );
}
