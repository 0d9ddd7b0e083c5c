//! Instants, to the millisecond.

use std::fmt;

use jiff::SignedDuration;
use jiff::civil::DateTime;
use jiff::fmt::temporal::Pieces;
use serde::{Deserialize, Serialize};

/// An instant: milliseconds since 1970-01-01T00:00:00Z, leap seconds not counted. Stored as that integer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(i64);

const EPOCH: DateTime = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);

impl Timestamp {
    /// That many milliseconds after 1970-01-01T00:00:00Z.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// Reads the `dateTime` of RFC 7643 §2.3.5: `2026-10-01T08:00:00Z`, with up to nine digits of a second's fraction and
    /// any offset. What is finer than a millisecond is cut off; a time without an offset is taken as UTC.
    ///
    /// `None` for anything else: a date alone, a year of more than four digits, a zone by name.
    pub fn parse(text: &str) -> Option<Self> {
        // jiff also reads shorter forms, time zone names and years with a sign: the shape is settled before it is asked.
        let bytes = text.as_bytes();
        let shaped = bytes.len() >= 19
            && bytes.iter().enumerate().take(19).all(|(at, byte)| match at {
                4 | 7 => *byte == b'-',
                10 => matches!(byte, b'T' | b't' | b' '),
                13 | 16 => *byte == b':',
                _ => byte.is_ascii_digit(),
            })
            && !text.contains(['[', ',']);
        if !shaped {
            return None;
        }

        let pieces = Pieces::parse(text).ok()?;
        let local = DateTime::from_parts(pieces.date(), pieces.time()?);
        let offset = pieces.to_numeric_offset().map_or(0, jiff::tz::Offset::seconds);
        let since_epoch = local.duration_since(EPOCH).checked_sub(SignedDuration::from_secs(i64::from(offset)))?;
        let millis = since_epoch.as_nanos().div_euclid(1_000_000); // towards the past, before 1970 too
        i64::try_from(millis).ok().map(Self)
    }
}

impl fmt::Display for Timestamp {
    /// `2026-10-01T08:00:00.123Z`, always with three digits after the point. Outside the years 0000 to 9999, which four
    /// digits cannot tell, the nearest instant inside them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match EPOCH.checked_add(SignedDuration::from_millis(self.0)) {
            Ok(t) if t.year() >= 0 => write!(
                f,
                "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
                t.year(),
                t.month(),
                t.day(),
                t.hour(),
                t.minute(),
                t.second(),
                t.millisecond()
            ),
            _ if self.0 < 0 => f.write_str("0000-01-01T00:00:00.000Z"),
            _ => f.write_str("9999-12-31T23:59:59.999Z"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(text: &str) -> Option<String> {
        Timestamp::parse(text).map(|time| time.to_string())
    }

    #[test]
    fn it_prints_utc_with_three_digits() {
        assert_eq!(Timestamp::from_millis(0).to_string(), "1970-01-01T00:00:00.000Z");
        assert_eq!(Timestamp::from_millis(1_790_841_600_123).to_string(), "2026-10-01T08:00:00.123Z");
        assert_eq!(Timestamp::from_millis(-1).to_string(), "1969-12-31T23:59:59.999Z");
    }

    #[test]
    fn every_offset_and_fraction_is_read_as_the_instant_it_means() {
        for (text, means) in [
            ("2026-10-01T08:00:00Z", "2026-10-01T08:00:00.000Z"),
            ("2026-10-01t08:00:00z", "2026-10-01T08:00:00.000Z"),
            ("2015-10-10T14:38:21.8617979-07:00", "2015-10-10T21:38:21.861Z"),
            ("2026-10-01T08:00:00.123456789+05:45", "2026-10-01T02:15:00.123Z"),
            ("2026-10-01T00:30:00+14:00", "2026-09-30T10:30:00.000Z"),
            ("2026-10-01T08:00:00", "2026-10-01T08:00:00.000Z"),
            ("2026-10-01T08:00:00-00:00", "2026-10-01T08:00:00.000Z"),
            ("1969-12-31T23:59:59.9999Z", "1969-12-31T23:59:59.999Z"),
            ("9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59.999Z"),
            ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000Z"),
            ("2024-02-29T00:00:00Z", "2024-02-29T00:00:00.000Z"),
        ] {
            assert_eq!(shown(text).as_deref(), Some(means), "{text}");
        }
    }

    #[test]
    fn what_is_no_date_and_time_is_none() {
        for text in [
            "",
            "yesterday",
            "2026-10-01",
            "2026-10-01T08:00",
            "2026-13-01T08:00:00Z",
            "2026-02-29T08:00:00Z",
            "2026-10-01T25:00:00Z",
            "2026-10-01T08:00:00.1234567890Z",
            "2026-10-01T08:00:00Z[UTC]",
            "2026-10-01T08:00:00+99:00",
            "2026-10-01T08:00:00Zx",
            "-002026-10-01T08:00:00Z",
            "20261001T080000Z",
            "２０26-10-01T08:00:00Z",
        ] {
            assert_eq!(shown(text), None, "{text}");
        }
    }

    #[test]
    fn the_ends_of_time_print_as_the_ends_of_four_digit_years() {
        assert_eq!(Timestamp::from_millis(i64::MAX).to_string(), "9999-12-31T23:59:59.999Z");
        assert_eq!(Timestamp::from_millis(i64::MIN).to_string(), "0000-01-01T00:00:00.000Z");
        assert_eq!(shown("9999-12-31T23:59:59-10:00").as_deref(), Some("9999-12-31T23:59:59.999Z"));
        assert_eq!(shown("0000-01-01T00:00:00+10:00").as_deref(), Some("0000-01-01T00:00:00.000Z"));
    }

    #[test]
    fn it_is_stored_as_an_integer() {
        assert_eq!(serde_json::to_string(&Timestamp::from_millis(-5)).unwrap(), "-5");
        assert_eq!(serde_json::from_str::<Timestamp>("7").unwrap(), Timestamp::from_millis(7));
    }

    proptest! {
        #[test]
        fn no_integer_makes_it_panic(millis in any::<i64>()) {
            prop_assert_eq!(Timestamp::from_millis(millis).to_string().len(), 24);
        }

        #[test]
        fn what_is_printed_is_read_back(millis in -62_167_219_200_000_i64..=253_402_300_799_999) {
            let time = Timestamp::from_millis(millis);
            prop_assert_eq!(Timestamp::parse(&time.to_string()), Some(time));
        }

        #[test]
        fn no_text_makes_it_panic(text in "[0-9TZ:.+-]{0,32}") {
            let _ = Timestamp::parse(&text);
        }
    }
}
