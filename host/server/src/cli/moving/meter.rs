use std::io::{IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

/// How often progress is told: to somebody who looks, and to a file.
const OFTEN: Duration = Duration::from_millis(200);
const SELDOM: Duration = Duration::from_secs(5);

/// Tells on standard error how far a command is.
#[derive(Debug)]
pub(in crate::cli) struct Meter {
    is_watched: bool,
    told: Option<Instant>,
    began: Instant,
}

impl Meter {
    pub(in crate::cli) fn new() -> Self {
        Self { is_watched: std::io::stderr().is_terminal(), told: None, began: Instant::now() }
    }

    /// So much of so much; not oftener than anybody reads.
    pub(in crate::cli) fn tell(&mut self, what: &str, done: u64, total: u64) {
        self.tell_in("", what, done, total);
    }

    /// The same, in a unit.
    pub(in crate::cli) fn tell_in(&mut self, unit: &str, what: &str, done: u64, total: u64) {
        let pause = if self.is_watched { OFTEN } else { SELDOM };
        if self.told.unwrap_or(self.began).elapsed() < pause {
            return;
        }
        self.told = Some(Instant::now());
        let percent = (done.min(total) * 100).checked_div(total);
        let share = percent.map(|percent| format!(" ({percent} %)")).unwrap_or_default();
        let (start, end) = if self.is_watched { ("\r\x1b[K", "") } else { ("", "\n") };
        let space = if unit.is_empty() { "" } else { " " };
        // Progress that cannot be told is no reason to stop.
        let _ = write!(std::io::stderr(), "{start}{what}: {done}{space}{unit}{share}{end}");
    }

    /// One line that stays.
    pub(in crate::cli) fn say(&mut self, line: &str) {
        let start = if self.is_watched && self.told.is_some() { "\r\x1b[K" } else { "" };
        let _ = writeln!(std::io::stderr(), "{start}{line}");
    }

    /// Takes back what stands on the line.
    pub(in crate::cli) fn clear(&mut self) {
        if self.is_watched && self.told.is_some() {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}
