//! A log that was cut off at its beginning: whether it was retention that did it.

use muster_model::{Seal, Timestamp};

use super::{Broken, ExportedHead, KeptThen};
use crate::upkeep::cutoff;

/// How long a log is kept at the time of its verification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeptNow {
    /// What time it is.
    pub now: Timestamp,
    /// For how many days it is kept; `None`: for ever.
    pub log_days: Option<u32>,
}

/// Holds what is gone against how long it is to be kept; whether the head is still there to be met.
///
/// Retention removes what was sealed longer ago than so many days, and the head says how many, because the store's own setting can be
/// forged like all else in it. It also says when what was kept then was sealed; of the places between, only the store tells.
pub(super) fn judge(anchor: &Seal, head: &ExportedHead, kept: KeptNow) -> Result<bool, Broken> {
    let gone_before = head.kept.map_or(0, |then| then.first.saturating_sub(1));
    if anchor.seq <= gone_before {
        return Ok(true);
    }
    let broken = |why: String| {
        let says = format!("they were removed, though {why}{}", reason(head, kept));
        Err(Broken { from: gone_before + 1, through: anchor.seq, says })
    };
    let days = match (head.kept, kept.log_days) {
        (Some(KeptThen { log_days: None, .. }), _) => {
            return broken("the log was to be kept for ever".to_owned());
        }
        (None, None) => return broken("the log is kept for ever".to_owned()),
        (Some(KeptThen { log_days: Some(days), .. }), _) | (None, Some(days)) => days,
    };
    let oldest = head.kept.map(|then| ("the first of them", then.since));
    let newest = head.kept.filter(|_| anchor.seq >= head.seq).map(|then| ("those at the head", then.at));
    let sealed = [oldest, newest, Some(("the last of them", anchor.at))];
    let is_young = |(_, at): &(&str, Timestamp)| *at > cutoff(kept.now, days);
    match sealed.into_iter().flatten().find(is_young) {
        Some((which, at)) => broken(format!("they are kept for {} and {which} were sealed at {at}", told(days))),
        None => Ok(anchor.seq <= head.seq),
    }
}

/// What can be said of a log without a beginning where there is no head to hold it against.
pub(super) fn without_head(anchor: &Seal, kept: KeptNow) -> Option<String> {
    let (span, shorter) = match kept.log_days {
        None => ("for ever".to_owned(), "a number of days"),
        Some(days) if anchor.at > cutoff(kept.now, days) => (format!("for {}", told(days)), "fewer"),
        Some(_) => return None,
    };
    let first = anchor.seq + 1;
    (anchor.seq > 0).then(|| {
        format!(
            "the log is kept {span}, and begins at entry {first}, sooner than that explains: unless it was kept for {shorter} before, somebody \
             has cut it off"
        )
    })
}

/// Why the head is not there to be met, though nothing is wrong.
pub(super) fn not_compared(anchor: &Seal, head: &ExportedHead) -> String {
    format!(
        "the exported head is of entry {}, which is older than what is kept (from entry {} on): it was not compared; export a newer head",
        head.seq,
        anchor.seq + 1
    )
}

/// What a person should know who judges a finding.
fn reason(head: &ExportedHead, now: KeptNow) -> String {
    let span = |days: Option<u32>| days.map_or_else(|| "for ever".to_owned(), |days| format!("for {}", told(days)));
    match head.kept {
        Some(then) if then.log_days != now.log_days => format!(
            " (it was kept {} when the head was exported, and is kept {} now; if that was decided, export a newer head)",
            span(then.log_days),
            span(now.log_days)
        ),
        Some(_) => String::new(),
        None => {
            " (the head does not say how long it was kept before; if that was shorter, export a newer head)".to_owned()
        }
    }
}

fn told(days: u32) -> String {
    if days == 1 { "1 day".to_owned() } else { format!("{days} days") }
}

#[cfg(test)]
mod tests {
    use muster_model::LogHash;

    use super::*;

    fn day(n: i64) -> Timestamp {
        Timestamp::from_millis(n * 24 * 60 * 60 * 1000)
    }

    fn anchor(seq: u64, sealed: i64) -> Seal {
        Seal { seq, hash: LogHash::START, at: day(sealed) }
    }

    fn head(kept: Option<KeptThen>) -> ExportedHead {
        ExportedHead { tenant: None, seq: 100, hash: LogHash::START, kept }
    }

    /// Exported on day 60: of entries that were sealed since day 20.
    const fn then(log_days: Option<u32>) -> KeptThen {
        KeptThen {
            at: Timestamp::from_millis(60 * 24 * 60 * 60 * 1000),
            first: 11,
            since: Timestamp::from_millis(20 * 24 * 60 * 60 * 1000),
            log_days,
        }
    }

    #[test]
    fn a_beginning_may_be_gone_if_it_is_older_than_it_had_to_be_kept() {
        let thirty = Some(30);
        for (what, anchor, kept, now, today, expected) in [
            ("as it was", anchor(10, 19), Some(then(None)), 61, None, Ok(true)),
            ("more than there was", anchor(0, 0), Some(then(thirty)), 61, thirty, Ok(true)),
            ("old enough", anchor(50, 31), Some(then(thirty)), 61, thirty, Ok(true)),
            ("up to the head", anchor(100, 60), Some(then(thirty)), 90, thirty, Ok(true)),
            ("the head as well", anchor(150, 65), Some(then(thirty)), 95, thirty, Ok(false)),
            ("a longer time was set", anchor(50, 50), Some(then(Some(7))), 61, thirty, Ok(true)),
            ("a plain head", anchor(50, 31), None, 61, thirty, Ok(true)),
            ("a plain head as well", anchor(150, 31), None, 61, thirty, Ok(false)),
            ("a day too much", anchor(50, 32), Some(then(thirty)), 61, thirty, Err("the last of them")),
            ("of a forged time", anchor(50, 1), Some(then(thirty)), 49, thirty, Err("the first of them")),
            (
                "the head, of a forged time",
                anchor(100, 1),
                Some(then(thirty)),
                89,
                thirty,
                Err("those at the head were"),
            ),
            ("more, of a forged time", anchor(150, 1), Some(then(thirty)), 89, thirty, Err("those at the head were")),
            ("a shorter time was set", anchor(50, 50), Some(then(thirty)), 61, Some(7), Err("is kept for 7 days now")),
            ("for ever", anchor(50, 1), Some(then(None)), 900, None, Err("was to be kept for ever")),
            ("no more for ever", anchor(50, 1), Some(then(None)), 900, thirty, Err("is kept for 30 days now")),
            (
                "a plain head, for ever",
                anchor(50, 1),
                None,
                900,
                None,
                Err("the log is kept for ever (the head does not"),
            ),
            ("a plain head, too young", anchor(50, 60), None, 61, Some(1), Ok(true)),
            ("a plain head, younger", anchor(50, 61), None, 61, Some(1), Err("kept for 1 day and the last of them")),
        ] {
            let judged = judge(&anchor, &head(kept), KeptNow { now: day(now), log_days: today });
            match (&judged, &expected) {
                (Err(found), Err(says)) => {
                    assert!(found.says.contains(says), "{what}: {found}");
                    assert_eq!((found.from, found.through), (kept.map_or(1, |then| then.first), anchor.seq), "{what}");
                }
                _ => assert_eq!(judged.as_ref().ok(), expected.as_ref().ok(), "{what}: {judged:?}"),
            }
        }
    }

    #[test]
    fn without_a_head_a_beginning_that_should_be_there_is_mentioned() {
        let kept = |log_days| KeptNow { now: day(90), log_days };
        assert_eq!(without_head(&anchor(0, 0), kept(None)), None);
        assert_eq!(without_head(&anchor(5, 60), kept(Some(30))), None);
        assert!(without_head(&anchor(5, 61), kept(Some(30))).unwrap().contains("kept for 30 days"));
        assert!(without_head(&anchor(5, 1), kept(None)).unwrap().contains("begins at entry 6"));
    }
}
