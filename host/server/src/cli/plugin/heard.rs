//! What a plugin logs while it is tried here: where it fails, its author reads it. A panic is such a line.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use muster_plugin::{LogLevel, LogLine, PluginLog};
use serde_json::{Value, json};

/// How many lines of one case are kept: the last ones, because whoever panics says so last.
const MAX_LINES: usize = 20;

/// The lines of each case, or whatever else was asked, by the id of its request.
#[derive(Debug, Default)]
pub(super) struct Heard {
    requests: Mutex<BTreeMap<Arc<str>, Lines>>,
}

/// What was logged for one request: the last lines, and how many there were before them.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Lines {
    last: VecDeque<(LogLevel, String)>,
    earlier: u64,
}

impl Heard {
    /// What was logged for this request.
    pub(super) fn of(&self, request: &str) -> Lines {
        self.requests().get(request).cloned().unwrap_or_default()
    }

    /// Nothing panics while it holds the lock.
    fn requests(&self) -> MutexGuard<'_, BTreeMap<Arc<str>, Lines>> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PluginLog for Heard {
    fn heard(&self, line: LogLine<'_>) {
        let mut requests = self.requests();
        let lines = requests.entry(line.request.0.clone()).or_default();
        if lines.last.len() >= MAX_LINES {
            lines.last.pop_front();
            lines.earlier += 1;
        }
        lines.last.push_back((line.level, line.message.to_owned()));
    }
}

impl Lines {
    /// As a person reads it.
    pub(super) fn told(&self) -> Vec<String> {
        let earlier = match self.earlier {
            0 => None,
            1 => Some("it logged one line more before:".to_owned()),
            count => Some(format!("it logged {count} lines more before:")),
        };
        let lines = self.last.iter().map(|(level, message)| format!("it logged ({}): {message}", level.name()));
        earlier.into_iter().chain(lines).collect()
    }

    pub(super) fn json(&self) -> Value {
        let line = |(level, message): &(LogLevel, String)| json!({ "level": level.name(), "message": message });
        json!(self.last.iter().map(line).collect::<Vec<_>>())
    }
}

#[cfg(test)]
mod tests {
    use muster_model::{PluginDigest, RequestId, TenantId};

    use super::*;

    #[test]
    fn the_last_lines_of_a_request_are_kept_and_the_others_counted() {
        let heard = Heard::default();
        let tenant = TenantId::parse("case").unwrap();
        let log = |request: &str, message: &str| {
            let (request, digest) = (RequestId(request.into()), PluginDigest::of(b"plugin"));
            let level = LogLevel::Error;
            heard.heard(LogLine { tenant: &tenant, request: &request, plugin: "p", digest, level, message });
        };
        log("case-2", "panicked");
        for number in 0..MAX_LINES + 2 {
            log("case-1", &number.to_string());
        }
        assert_eq!(heard.of("case-2").told(), ["it logged (error): panicked"]);
        let told = heard.of("case-1").told();
        assert_eq!(told.len(), MAX_LINES + 1);
        assert_eq!(told[..2], ["it logged 2 lines more before:", "it logged (error): 2"]);
        assert_eq!(heard.of("case-3"), Lines::default());
        assert_eq!(heard.of("case-2").json(), json!([{ "level": "error", "message": "panicked" }]));
    }
}
