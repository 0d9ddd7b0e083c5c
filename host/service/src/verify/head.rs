//! Heads: what somebody keeps of a log who does not trust the store.

use std::fmt;

use muster_model::{LogHash, TenantId, Timestamp};
use serde::{Deserialize, Serialize};

/// What a log is at one of its entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogHead {
    /// The entry.
    pub seq: u64,
    /// The hash of the log up to it.
    pub hash: LogHash,
}

/// A head as it was exported. It is told as JSON, and as the one line of its `Display`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExportedHead {
    /// Of whose log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<TenantId>,
    /// The entry.
    pub seq: u64,
    /// The hash of the log up to it.
    pub hash: LogHash,
    /// What was kept then; `None`: it is not told, and the retention of today must do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept: Option<KeptThen>,
}

/// What was kept of a log when its head was exported. Retention takes nothing that is younger than it says, so that this tells what can
/// have gone since.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeptThen {
    /// When the head was sealed.
    #[serde(with = "in_words")]
    pub at: Timestamp,
    /// The oldest entry that was kept.
    pub first: u64,
    /// When it was sealed.
    #[serde(with = "in_words")]
    pub since: Timestamp,
    /// For how many days the log was kept; `None`: for ever.
    pub log_days: Option<u32>,
}

const FIRST: &str = "first=";
const SINCE: &str = "since=";
const LOG_DAYS: &str = "log_days=";
const FOR_EVER: &str = "forever";

impl ExportedHead {
    /// Of `SEQ:HASH`, of the line that is its `Display`, or of its JSON.
    pub fn parse(text: &str) -> Option<Self> {
        let words: Vec<&str> = text.split_whitespace().collect();
        match words.as_slice() {
            [plain] if plain.contains(':') && !plain.starts_with('{') => {
                let (seq, hash) = plain.split_once(':')?;
                Some(Self { tenant: None, seq: seq.parse().ok()?, hash: LogHash::parse(hash)?, kept: None })
            }
            [tenant, seq, hash, kept @ ..] if !tenant.starts_with('{') => Some(Self {
                tenant: Some(TenantId::parse(tenant).ok()?),
                seq: seq.parse().ok()?,
                hash: LogHash::parse(hash)?,
                kept: if kept.is_empty() { None } else { Some(KeptThen::parse(kept)?) },
            }),
            _ => serde_json::from_str(text).ok(),
        }
    }

    pub(super) const fn head(&self) -> LogHead {
        LogHead { seq: self.seq, hash: self.hash }
    }
}

impl KeptThen {
    fn parse(words: &[&str]) -> Option<Self> {
        let [at, first, since, log_days] = words else { return None };
        let log_days = match log_days.strip_prefix(LOG_DAYS)? {
            FOR_EVER => None,
            days => Some(days.parse().ok()?),
        };
        Some(Self {
            at: Timestamp::parse(at)?,
            first: first.strip_prefix(FIRST)?.parse().ok()?,
            since: Timestamp::parse(since.strip_prefix(SINCE)?)?,
            log_days,
        })
    }
}

impl fmt::Display for ExportedHead {
    /// `acme 512 9f3a... 2026-11-03T14:03:00.000Z first=1 since=2026-10-04T08:00:00.000Z log_days=30`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { tenant, seq, hash, kept } = self;
        match tenant {
            Some(tenant) => write!(f, "{tenant} {seq} {hash}")?,
            None => return write!(f, "{seq}:{hash}"),
        }
        let Some(KeptThen { at, first, since, log_days }) = kept else { return Ok(()) };
        let log_days = log_days.map_or_else(|| FOR_EVER.to_owned(), |days| days.to_string());
        write!(f, " {at} {FIRST}{first} {SINCE}{since} {LOG_DAYS}{log_days}")
    }
}

/// Instants as people and other programs read them.
mod in_words {
    use muster_model::Timestamp;
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
    pub(super) fn serialize<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(at)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
        let text = String::deserialize(deserializer)?;
        Timestamp::parse(&text).ok_or_else(|| D::Error::custom("a time as in 2026-11-03T14:03:00Z"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_is_read_back_as_a_line_as_json_and_as_its_least_part() {
        let hash = LogHash::from_bytes([0xab; 32]);
        for log_days in [None, Some(30)] {
            let (at, since) = (Timestamp::from_millis(1_793_714_580_000), Timestamp::from_millis(1_793_714_579_001));
            let kept = Some(KeptThen { at, first: 7, since, log_days });
            let head = ExportedHead { tenant: TenantId::parse("acme").ok(), seq: 12, hash, kept };
            let line = head.to_string();
            assert_eq!(ExportedHead::parse(&line), Some(head.clone()), "{line}");
            assert_eq!(ExportedHead::parse(&format!("{line}\n")), Some(head.clone()));
            assert_eq!(ExportedHead::parse(&serde_json::to_string(&head).unwrap()), Some(head.clone()));
            assert_eq!(ExportedHead::parse(&serde_json::to_string_pretty(&head).unwrap()), Some(head.clone()));
            let without = ExportedHead { kept: None, ..head.clone() };
            assert_eq!(ExportedHead::parse(&without.to_string()), Some(without.clone()));
            let plain = ExportedHead { tenant: None, ..without };
            assert_eq!(ExportedHead::parse(&format!("12:{hash}")), Some(plain.clone()));
            assert_eq!(ExportedHead::parse(&plain.to_string()), Some(plain));
        }
    }

    #[test]
    fn half_a_line_is_no_head() {
        let hash = "ab".repeat(32);
        let line =
            format!("acme 12 {hash} 2026-11-03T14:03:00.000Z first=7 since=2026-11-03T14:02:59.001Z log_days=30");
        assert!(ExportedHead::parse(&line).is_some());
        for words in 4..7 {
            let half: Vec<&str> = line.split(' ').take(words).collect();
            assert_eq!(ExportedHead::parse(&half.join(" ")), None, "{half:?}");
        }
        for wrong in ["", "12", "12:ab", "{}", "x:y z", &line.replace("30", "soon"), &line.replace("acme", "A B")] {
            assert_eq!(ExportedHead::parse(wrong), None, "{wrong}");
        }
    }
}
