//! A log in the store, verified part by part.

use muster_model::Seal;
use muster_store::{Directory, LogKeeper, LogStatus, StoreError};
use serde::Deserialize;

use super::cut::{self, KeptNow};
use super::{Broken, ExportedHead, Held, LogHead, Verifier};

/// How many entries are verified by one request; it ends with the seal behind them.
pub const MAX_VERIFIED_A_CALL: u64 = 20_000;

/// How many entries are read at once.
const ENTRIES_A_READ: usize = 500;

/// How many seals are read at once.
const SEALS_A_READ: usize = 100;

/// Against what a log is verified, and from where on.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewVerification {
    /// A head that was exported from it.
    #[serde(default)]
    pub head: Option<ExportedHead>,
    /// Where an earlier part ended (`through` of its answer); from the oldest entry, if it is not given.
    #[serde(default)]
    pub from: Option<LogHead>,
}

/// What came of verifying a part of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// Behind which entry it began.
    pub from: LogHead,
    /// Where it ended; with a problem, the last entry that was looked at.
    pub through: LogHead,
    /// At the end of the log: what held of this part. `None`: there is more, or a problem.
    pub held: Option<Held>,
    /// What is wrong.
    pub problem: Option<Broken>,
    /// Why the head was not compared, though nothing is wrong: it is older than what is kept.
    pub not_compared: Option<String>,
    /// What a person should know who has given no head.
    pub note: Option<String>,
}

/// Why a part was not verified.
enum Stopped {
    Broken(Broken),
    /// Retention took away what was about to be read.
    Pruned,
    Failed(StoreError),
}

impl From<Broken> for Stopped {
    fn from(broken: Broken) -> Self {
        Self::Broken(broken)
    }
}

/// Verifies a part of a log, in bounded time and memory.
pub async fn verify(
    keeper: &dyn LogKeeper,
    directory: &dyn Directory,
    new: NewVerification,
    kept: KeptNow,
) -> Result<Verified, StoreError> {
    let NewVerification { head, from: asked } = new;
    let is_passed = |at: LogHead| head.as_ref().is_some_and(|head| head.seq <= at.seq);
    // What an earlier part has passed was compared there, also if retention has taken it since.
    let mut compared = asked.is_some_and(is_passed);
    loop {
        let status = keeper.status().await?;
        let anchor = LogHead { seq: status.anchor.seq, hash: status.anchor.hash };
        // What retention has passed meanwhile begins with its new anchor.
        let from = asked.filter(|from| from.seq >= anchor.seq);
        let beginning = head.as_ref().map(|head| cut::judge(&status.anchor, head, kept)).transpose();
        let begun = beginning.and_then(|is_there| {
            let expected = head.as_ref().filter(|_| is_there == Some(true)).map(ExportedHead::head);
            let verifier = match from {
                Some(from) => Verifier::resumed(from, expected),
                None => Verifier::new(anchor, expected)?,
            };
            Ok((verifier, is_there))
        });
        let mut told = Verified {
            from: anchor,
            through: anchor,
            held: None,
            problem: None,
            not_compared: None,
            note: if head.is_none() { cut::without_head(&status.anchor, kept) } else { None },
        };
        let (mut verifier, is_there) = match begun {
            Ok(ready) => ready,
            Err(problem) => return Ok(Verified { problem: Some(problem), ..told }),
        };
        if is_there == Some(false) && !compared {
            told.not_compared = head.as_ref().map(|head| cut::not_compared(&status.anchor, head));
        }
        told.from = verifier.at();
        let walked = walk(keeper, directory, &status, &mut verifier).await;
        told.through = verifier.at();
        match walked {
            Ok(held) => return Ok(Verified { held, ..told }),
            Err(Stopped::Broken(problem)) => return Ok(Verified { problem: Some(problem), ..told }),
            Err(Stopped::Failed(error)) => return Err(error),
            Err(Stopped::Pruned) => compared = compared || is_there == Some(true) && is_passed(told.through),
        }
    }
}

/// Goes through the log from where the verifier stands; `None`: there is more.
async fn walk(
    keeper: &dyn LogKeeper,
    directory: &dyn Directory,
    status: &LogStatus,
    verifier: &mut Verifier,
) -> Result<Option<Held>, Stopped> {
    let begin = verifier.at().seq;
    loop {
        let seals = keeper.seals(verifier.sealed(), SEALS_A_READ).await.map_err(Stopped::Failed)?;
        if let Some(beyond) = seals.last().filter(|seal| seal.seq > status.sealed.seq)
            // It may have been made since.
            && keeper.status().await.map_err(Stopped::Failed)?.sealed.seq < beyond.seq
        {
            let says = format!("there is a seal at entry {}, behind the latest at {}", beyond.seq, status.sealed.seq);
            return Err(Stopped::Broken(verifier.broken(beyond.seq, says)));
        }
        let seals: Vec<Seal> = seals.into_iter().filter(|seal| seal.seq <= status.sealed.seq).collect();
        if seals.is_empty() {
            break;
        }
        for seal in seals {
            entries(keeper, directory, verifier, seal.seq.min(status.last)).await?;
            verifier.seal(&seal)?;
            if verifier.at().seq - begin >= MAX_VERIFIED_A_CALL && verifier.at().seq < status.last {
                return Ok(None);
            }
        }
    }
    entries(keeper, directory, verifier, status.last).await?;
    Ok(Some(verifier.end(status.last, LogHead { seq: status.sealed.seq, hash: status.sealed.hash })?))
}

/// Takes the entries up to `through`.
async fn entries(
    keeper: &dyn LogKeeper,
    directory: &dyn Directory,
    verifier: &mut Verifier,
    through: u64,
) -> Result<(), Stopped> {
    while verifier.at().seq < through {
        let after = verifier.at().seq;
        let wanted = usize::try_from(through - after).unwrap_or(usize::MAX).min(ENTRIES_A_READ);
        let page = match directory.log(after, wanted).await {
            Ok(page) => page,
            Err(StoreError::Damaged(says)) => {
                return Err(Stopped::Broken(verifier.broken(through, format!("the store is damaged: {says}"))));
            }
            Err(error) => return Err(Stopped::Failed(error)),
        };
        if page.first().is_none_or(|first| first.seq != after + 1) {
            let status = keeper.status().await.map_err(Stopped::Failed)?;
            if status.anchor.seq > after {
                return Err(Stopped::Pruned);
            }
        }
        if page.is_empty() {
            let says = format!("entry {} is not there, nor any behind it", after + 1);
            return Err(Stopped::Broken(verifier.broken(through, says)));
        }
        for entry in page.iter().take_while(|entry| entry.seq <= through.max(after + 1)) {
            verifier.entry(entry)?;
        }
        tokio::task::yield_now().await;
    }
    Ok(())
}
