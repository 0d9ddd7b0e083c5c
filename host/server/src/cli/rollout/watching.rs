use clap::Args;
use serde_json::{Value, json};

/// How long the candidate is watched once it decides, and over what the tenant goes back to the binding before by itself.
#[derive(Debug, Args)]
#[command(next_help_heading = "Watching")]
pub(super) struct Watching {
    /// How long the candidate is watched once it decides: 90s, 5m, 2h; 0: not at all
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = seconds)]
    watch: u64,
    /// Goes back when more calls in a hundred fail
    #[arg(long, value_name = "PERCENT", default_value_t = 5)]
    watch_failed: u32,
    /// Goes back when so many calls have failed, however many there were
    #[arg(long, value_name = "CALLS", default_value_t = 20)]
    watch_failures: u32,
    /// Goes back when so many more calls in a hundred are rejected than by the binding before, or than the preview has shown
    #[arg(long, value_name = "PERCENT", default_value_t = 20)]
    watch_rejected: u32,
    /// Goes back when half of the calls take so many times as long as before, and a millisecond at least
    #[arg(long, value_name = "TIMES", default_value_t = 10)]
    watch_slow: u32,
    /// Goes back when half of the calls take as long as this, whatever they took before, in microseconds
    #[arg(long, value_name = "MICROSECONDS")]
    watch_slow_us: Option<u64>,
    /// Shares are judged after so many calls
    #[arg(long, value_name = "CALLS", default_value_t = 20)]
    watch_calls: u32,
}

impl Watching {
    /// As the admin API has it.
    pub(super) fn asked(&self) -> Value {
        let mut asked = json!({
            "seconds": self.watch,
            "least_calls": self.watch_calls,
            "failed_percent": self.watch_failed,
            "failures": self.watch_failures,
            "rejected_percent": self.watch_rejected,
            "slow_times": self.watch_slow,
        });
        if let Some(us) = self.watch_slow_us {
            asked["slow_us"] = json!(us);
        }
        asked
    }
}

/// `90s`, `5m`, `2h`: in seconds. Whoever writes 24 may mean hours: only nothing has no unit.
pub(super) fn seconds(text: &str) -> Result<u64, String> {
    let units = [("s", 1), ("m", 60), ("h", 3_600)];
    let unit = units.iter().find_map(|(name, seconds)| Some((text.strip_suffix(name)?, *seconds)));
    let (number, seconds) = unit.or((text == "0").then_some((text, 1))).unwrap_or_default();
    let number: Option<u64> = number.parse().ok();
    let seconds = number.and_then(|number| number.checked_mul(seconds));
    seconds.ok_or_else(|| "a time with its unit, as in 90s, 5m or 2h".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_a_unit_unless_it_is_none() {
        for (text, expected) in [("0", 0), ("0m", 0), ("90s", 90), ("5m", 300), ("2h", 7_200)] {
            assert_eq!(seconds(text), Ok(expected), "{text}");
        }
        for text in ["", "m", "24", "5 m", "-1", "1.5h", "5d", "99999999999999999999h"] {
            assert_eq!(seconds(text), Err("a time with its unit, as in 90s, 5m or 2h".to_owned()), "{text}");
        }
    }
}
