//! A memory and the store do the same, whatever is done in whatever order: after each step both are asked everything.
//!
//! What is done is drawn at random and made smaller when it fails. `PROPTEST_CASES=5000` (or `FAULTS=full`) `cargo test -p muster-store-sled
//! model` for the long run; without it the same few cases are tried each time. Nothing here but [`Machine`] knows which store it is.

mod memory;
mod questions;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use muster_model::{LogHash, Seal};
use muster_store::contract::help::{at, tenant};
use muster_store::{Committed, Store, StoreError};
use proptest::prelude::*;
use proptest::strategy::BoxedStrategy;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest};
use tempfile::TempDir;

use self::memory::{Asked, Expected, Memory, Refused};
use crate::{Options, SledStore};

const CASES_IN_CI: u64 = 40;
const CASES_ON_DEMAND: u64 = 5000;
const MAX_STEPS: usize = 40;

/// One thing that is done with a store.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    /// One commit; `told`: with its changes, and tasks for some; `free`: only if no user has this name then.
    Commit { deeds: Vec<Deed>, told: bool, free: Option<u64> },
    /// Seals so many entries more; `stale`: behind another seal than the latest.
    Seal { more: u64, stale: bool },
    /// Prunes up to the anchor (0) or the seals behind it, so many entries at most.
    Prune { seal: usize, limit: usize },
    /// Closes and opens.
    Restart,
    /// Opens what a kill would have left.
    Kill,
}

/// One write. What it is to rely on is worked out by the memory, which knows what is there.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Deed {
    /// Replaces, or adds where there is nothing.
    Put {
        n: u64,
        name: u64,
        expected: Expected,
    },
    /// Adds what may be there already.
    Add {
        n: u64,
        name: u64,
    },
    Remove {
        n: u64,
        expected: Expected,
    },
    Touch {
        n: u64,
        expected: Expected,
    },
    Join {
        group: u64,
        user: u64,
    },
    Leave {
        group: u64,
        user: u64,
    },
}

/// Mostly about what is there: what relies on something else is refused, and says little.
fn deed(memory: &Memory) -> impl Strategy<Value = Deed> + use<> {
    let any = |from: u64, count: u64| -> BoxedStrategy<u64> {
        let there: Vec<u64> = memory.records.keys().copied().filter(|n| (from..from + count).contains(n)).collect();
        let any = from..from + count;
        if there.is_empty() { any.boxed() } else { prop_oneof![6 => prop::sample::select(there), 1 => any].boxed() }
    };
    let (users, groups) = (any(1, memory::USERS), any(memory::FIRST_GROUP, memory::GROUPS));
    let free: Vec<u64> = memory::everybody().filter(|n| !memory.records.contains_key(n)).collect();
    let free = if free.is_empty() { users.clone() } else { prop::sample::select(free).boxed() };
    let n = prop_oneof![3 => users.clone(), 1 => groups.clone()];
    let name = 0..memory::NAMES;
    let expected = prop_oneof![9 => Just(Expected::Right), 3 => Just(Expected::Any), 1 => Just(Expected::Wrong)];
    prop_oneof![
        6 => (free, name.clone()).prop_map(|(n, name)| Deed::Add { n, name }),
        4 => (n.clone(), name, expected.clone()).prop_map(|(n, name, expected)| Deed::Put { n, name, expected }),
        2 => (n.clone(), expected.clone()).prop_map(|(n, expected)| Deed::Remove { n, expected }),
        1 => (n, expected).prop_map(|(n, expected)| Deed::Touch { n, expected }),
        6 => (groups.clone(), users.clone()).prop_map(|(group, user)| Deed::Join { group, user }),
        3 => (groups, users).prop_map(|(group, user)| Deed::Leave { group, user }),
    ]
}

impl ReferenceStateMachine for Memory {
    type State = Self;
    type Transition = Step;

    fn init_state() -> BoxedStrategy<Self> {
        Just(Self::default()).boxed()
    }

    fn transitions(memory: &Self) -> BoxedStrategy<Step> {
        let several = |count| prop::collection::vec(deed(memory), count);
        // One that fails takes the others with it.
        let deeds = prop_oneof![4 => several(1..=1), 2 => several(2..=4)];
        let told = prop::bool::weighted(0.9);
        let free = prop::option::weighted(0.2, 0..memory::NAMES);
        prop_oneof![
            30 => (deeds, told, free).prop_map(|(deeds, told, free)| Step::Commit { deeds, told, free }),
            3 => (0..6_u64, prop::bool::weighted(0.2)).prop_map(|(more, stale)| Step::Seal { more, stale }),
            2 => (0..3_usize, 1..8_usize).prop_map(|(seal, limit)| Step::Prune { seal, limit }),
            1 => Just(Step::Restart),
            1 => Just(Step::Kill),
        ]
        .boxed()
    }

    fn apply(mut state: Self, step: &Step) -> Self {
        state.step(step);
        state
    }
}

/// The store, and how it is opened.
struct Machine {
    runtime: tokio::runtime::Runtime,
    folder: TempDir,
    store: Option<Arc<dyn Store>>,
}

/// What was done in all cases together.
#[derive(Debug, Default)]
struct Held {
    steps: AtomicU64,
    committed: AtomicU64,
    refused: AtomicU64,
    restarts: AtomicU64,
    pruned: AtomicU64,
}

static HELD: Held = Held {
    steps: AtomicU64::new(0),
    committed: AtomicU64::new(0),
    refused: AtomicU64::new(0),
    restarts: AtomicU64::new(0),
    pruned: AtomicU64::new(0),
};

fn open(folder: &Path) -> Arc<dyn Store> {
    Arc::new(SledStore::open(folder, Options::default()).unwrap())
}

impl Machine {
    fn store(&self) -> Arc<dyn Store> {
        Arc::clone(self.store.as_ref().unwrap())
    }

    fn restart(&mut self) {
        if let Some(store) = self.store.take() {
            self.runtime.block_on(store.close());
        }
        self.store = Some(open(self.folder.path()));
    }

    /// The files as they are now, without what a close does.
    fn kill(&mut self) {
        let copy = tempfile::tempdir().unwrap();
        for file in std::fs::read_dir(self.folder.path()).unwrap().map(|entry| entry.unwrap().path()) {
            if file.is_file() {
                std::fs::copy(&file, copy.path().join(file.file_name().unwrap())).unwrap();
            }
        }
        if let Some(store) = self.store.take() {
            self.runtime.block_on(store.close());
        }
        self.folder = copy;
        self.store = Some(open(self.folder.path()));
    }
}

fn assert_outcome<T: std::fmt::Debug + PartialEq>(made: Result<T, StoreError>, expected: &Result<T, Refused>) {
    let made = made.map_err(|error| match error {
        StoreError::Stale => Refused::Stale,
        StoreError::Taken { attribute } => Refused::Taken(attribute),
        other => panic!("{other}"),
    });
    assert_eq!(made, *expected);
    (if made.is_ok() { &HELD.committed } else { &HELD.refused }).fetch_add(1, Ordering::Relaxed);
}

impl StateMachineTest for Machine {
    type SystemUnderTest = Self;
    type Reference = Memory;

    fn init_test(_: &Memory) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let store = Some(runtime.block_on(async { open(folder.path()) }));
        Self { runtime, folder, store }
    }

    fn apply(mut machine: Self, memory: &Memory, step: Step) -> Self {
        HELD.steps.fetch_add(1, Ordering::Relaxed);
        let runtime = machine.runtime.handle().clone();
        let _inside = runtime.enter();
        let acme = tenant("acme");
        let (directory, keeper) = (machine.store().directory(&acme), machine.store().log_keeper(&acme));
        match &memory.asked {
            Asked::Nothing => {}
            Asked::Commit { commit, outcome } => {
                let made: Result<Committed, _> = runtime.block_on(directory.commit(commit.clone()));
                assert_outcome(made, outcome);
            }
            Asked::Seal { seal, after, outcome } => {
                assert_outcome(runtime.block_on(keeper.seal(seal, *after)), outcome);
            }
            Asked::Prune { through, limit, outcome } => {
                assert_outcome(runtime.block_on(keeper.prune(*through, *limit)), outcome);
                HELD.pruned.fetch_add(1, Ordering::Relaxed);
            }
        }
        drop((directory, keeper));
        match step {
            Step::Restart => machine.restart(),
            Step::Kill => machine.kill(),
            Step::Commit { .. } | Step::Seal { .. } | Step::Prune { .. } => return machine,
        }
        HELD.restarts.fetch_add(1, Ordering::Relaxed);
        machine
    }

    fn check_invariants(machine: &Self, memory: &Memory) {
        machine.runtime.block_on(questions::compare(&machine.store(), memory));
    }

    fn teardown(mut machine: Self, memory: Memory) {
        let inside = machine.runtime.handle().clone();
        let _inside = inside.enter();
        machine.restart();
        Self::check_invariants(&machine, &memory);
    }
}

/// The hash of a log up to an entry, which must be one of it.
fn hash_of(memory: &Memory, seq: u64) -> LogHash {
    let entries = memory.log.iter().take_while(|entry| entry.seq <= seq);
    entries.fold(LogHash::START, LogHash::link)
}

fn seal_at(memory: &Memory, seq: u64) -> Seal {
    Seal { seq, hash: hash_of(memory, seq), at: at(9) }
}

#[test]
#[expect(clippy::print_stdout, reason = "what it held is told")]
fn the_store_does_what_a_memory_does() {
    let cases = super::size("PROPTEST_CASES", CASES_IN_CI, CASES_ON_DEMAND);
    let (is_long, cases) = (cases > CASES_IN_CI, u32::try_from(cases).unwrap());
    let config = Config { cases, failure_persistence: None, max_shrink_iters: 2000, ..Config::default() };
    let mut runner = if is_long {
        TestRunner::new(config.clone())
    } else {
        TestRunner::new_with_rng(config.clone(), TestRng::deterministic_rng(RngAlgorithm::ChaCha))
    };
    let outcome = runner.run(&Memory::sequential_strategy(1..=MAX_STEPS), |(initial, steps, seen)| {
        Machine::test_sequential(config.clone(), initial, steps, seen);
        Ok(())
    });
    println!("cases {}, {HELD:?}", config.cases);
    if let Err(failed) = outcome {
        panic!("{failed}");
    }
    let counts =
        [&HELD.committed, &HELD.refused, &HELD.restarts, &HELD.pruned].map(|count| count.load(Ordering::Relaxed));
    assert!(counts.iter().all(|count| *count > 0), "every kind of step was made: {counts:?}");
}
