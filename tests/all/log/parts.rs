//! A log that is longer than one verification goes, and what retention may do between two of them.

use muster_model::{LogEntry, LogHash, Seal, Timestamp};
use muster_service::{
    ExportedHead, KeptNow, KeptThen, LogHead, MAX_VERIFIED_A_CALL, NewVerification, Verified, verify,
};

use super::tampering::{A_DAY_MS, BLOCK, Log, sealed_by};

/// A log of so many entries, sealed in blocks, written anew over the short one; its seals.
fn written_anew(log: &Log, last: u64) -> Vec<Seal> {
    let (mut seals, mut block) = (Vec::new(), Vec::new());
    for seq in 1..=last {
        let entry = LogEntry { seq, ..log.entries[0].clone() };
        log.raw.put_entry(&entry).unwrap();
        block.push(entry);
        if seq % BLOCK == 0 {
            let sealed = sealed_by(seals.last().unwrap_or(&Seal::START), &block);
            log.raw.put_seal(&sealed).unwrap();
            seals.push(sealed);
            block.clear();
        }
    }
    log.raw.set_last(last).unwrap();
    log.raw.set_sealed(seals.last().unwrap()).unwrap();
    seals
}

fn exported(seal: &Seal, log_days: Option<u32>) -> ExportedHead {
    let kept = KeptThen { at: seal.at, first: 1, since: seal.at, log_days };
    ExportedHead { tenant: None, seq: seal.seq, hash: seal.hash, kept: Some(kept) }
}

#[tokio::test]
async fn a_long_log_is_verified_in_parts_of_bounded_length() {
    let log = Log::new().await;
    let seals = written_anew(&log, MAX_VERIFIED_A_CALL + 2 * BLOCK);
    let sealed = seals.last().unwrap();
    let kept = KeptNow { now: sealed.at, log_days: None };
    let part = async |from| {
        let new = NewVerification { head: Some(exported(sealed, None)), from };
        verify(log.keeper.as_ref(), log.directory.as_ref(), new, kept).await.unwrap()
    };

    let first = part(None).await;
    let second = part(Some(first.through)).await;
    let elsewhere = part(Some(LogHead { hash: LogHash::START, ..first.through })).await;

    assert_eq!((first.through.seq, first.held, first.problem), (MAX_VERIFIED_A_CALL, None, None));
    assert_eq!((second.through, second.problem), (LogHead { seq: sealed.seq, hash: sealed.hash }, None));
    assert_eq!(second.held.map(|held| (held.sealed, held.unsealed)), Some((2 * BLOCK, 0)));
    let problem = elsewhere.problem.unwrap();
    assert_eq!((problem.from, problem.through), (MAX_VERIFIED_A_CALL + 1, MAX_VERIFIED_A_CALL + BLOCK));
}

#[tokio::test]
async fn retention_may_pass_the_head_between_two_parts() {
    let log = Log::new().await;
    let seals = written_anew(&log, MAX_VERIFIED_A_CALL + 3 * BLOCK);
    let (end, at) = (seals.len() - 1, seals[0].at);
    let now = Timestamp::from_millis(at.as_millis() + 40 * A_DAY_MS);
    let kept = KeptNow { now, log_days: Some(30) };
    let part = async |head: &Seal, from| {
        let new = NewVerification { head: Some(exported(head, Some(30))), from };
        verify(log.keeper.as_ref(), log.directory.as_ref(), new, kept).await.unwrap()
    };

    let first = part(&seals[3], None).await;
    log.raw.set_anchor(&seals[end - 1]).unwrap();
    let met_before = part(&seals[3], Some(first.through)).await;
    let not_met = part(&seals[end - 2], Some(first.through)).await;
    let there = part(&seals[end], Some(first.through)).await;

    assert_eq!((first.through.seq, &first.problem, &first.not_compared), (MAX_VERIFIED_A_CALL, &None, &None));
    let sealed = |verified: &Verified| verified.held.map(|held| held.sealed);
    assert_eq!((&met_before.problem, &met_before.not_compared, sealed(&met_before)), (&None, &None, Some(BLOCK)));
    assert_eq!((&there.problem, &there.not_compared, sealed(&there)), (&None, &None, Some(BLOCK)));
    assert_eq!((&not_met.problem, sealed(&not_met)), (&None, Some(BLOCK)), "what is kept is as it was");
    let says = format!(
        "the exported head is of entry {}, which is older than what is kept (from entry {} on): it was not compared; export a newer head",
        MAX_VERIFIED_A_CALL + BLOCK,
        MAX_VERIFIED_A_CALL + 2 * BLOCK + 1
    );
    assert_eq!(not_met.not_compared, Some(says));
}
