//! How often the tests that break things do so. Each has two sizes: a small one for every run, and a large one on demand.
//!
//! `FAULTS=full cargo xtask test -- -E 'test(/^crash::/)'` takes the large one; a variable of its own (`CRASH_KILLS=500`) takes any. Each
//! test prints what it held.
//!
//! | variable | what is counted | each run | `FAULTS=full` |
//! |---|---|---|---|
//! | `APPLIVERY_KILLS` | SIGKILLs of the server while a product carries out what it plans | 10 | 100 |
//! | `ASYNC_KILLS` | SIGKILLs of a server that accepts requests for later | 20 | 200 |
//! | `BRAKE_KILLS` | SIGKILLs of a server in the middle of an accident | 6 | 60 |
//! | `CRASH_KILLS` | SIGKILLs of the server under load | 60 | 2,000 |
//! | `DELIVERY_TASKS` | tasks that are planned while the server is killed and what it does is lost or refused | 600 | 100,000 |
//! | `DELIVERY_KILLS` | SIGKILLs of that server | 6 | 200 |
//! | `DEPROVISIONS` | users whose access should have ended, and has not, in the lists of them | 1,000 | 10,000 |
//! | `FEED_EVENTS` | changes that receivers are told of while the server is killed | 400 | 20,000 |
//! | `FEED_KILLS` | SIGKILLs of that server | 20 | 60 |
//! | `POWER_CUTS` | power cuts, of five images each | 10 | 50 |
//! | `DAMAGE_TRIALS` | store files that are damaged | 300 | 20,000 |
//! | `FULL_DISK_ROUNDS` | times that the disk fills up under load and has room again | 1 | 10 |
//! | `SWAPS` | swaps of a plugin under load, in 10 s, and the large size in 10 minutes | 200 | 1,000 |
//! | `SECRETS_PLANTED` | requests with secrets in them | 400 | 20,000 |
//! | `STORE_FAULTS` | rounds of injected errors and panics at each place (`cargo test -p muster-store-sled faults`) | 1 | 10 |
//! | `PROPTEST_CASES` | cases of the memory model (`cargo test -p muster-store-sled model`) | 40 | 5,000 |

pub(crate) mod victim;

/// Of the tests of this program: the variable, the size of each run, the size on demand.
const SIZES: [(&str, u64, u64); 14] = [
    ("APPLIVERY_KILLS", 10, 100),
    ("ASYNC_KILLS", 20, 200),
    ("BRAKE_KILLS", 6, 60),
    ("CRASH_KILLS", 60, 2_000),
    ("DELIVERY_TASKS", 600, 100_000),
    ("DELIVERY_KILLS", 6, 200),
    ("DEPROVISIONS", 1_000, 10_000),
    ("FEED_EVENTS", 400, 20_000),
    ("FEED_KILLS", 20, 60),
    ("POWER_CUTS", 10, 50),
    ("DAMAGE_TRIALS", 300, 20_000),
    ("FULL_DISK_ROUNDS", 1, 10),
    ("SECRETS_PLANTED", 400, 20_000),
    ("SWAPS", 200, 1_000),
];

/// How often it is done.
pub(crate) fn size(name: &str) -> u64 {
    let (_, small, large) = SIZES.iter().find(|(known, ..)| *known == name).expect("it is in the table");
    match variable(name) {
        Some(text) => text.parse().unwrap_or_else(|_| panic!("{name} is a number")),
        None if variable("FAULTS").as_deref() == Some("full") => *large,
        None => *small,
    }
}

/// Whether it is done at least as often as in each run: then it has met what it is meant for.
pub(crate) fn is_whole(name: &str, size: u64) -> bool {
    SIZES.iter().any(|(known, small, _)| *known == name && size >= *small)
}

fn variable(name: &str) -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "the size of a run is the caller's choice")]
    std::env::var(name).ok()
}
