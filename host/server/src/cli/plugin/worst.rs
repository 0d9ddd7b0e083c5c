use std::time::{Duration, Instant};

use muster_model::{Account, Field, FieldValue};
use muster_plugin::{PlannedTask, Plugin, PluginError};
use serde_json::{Value, json};

use super::bytes;
use crate::app;

/// How often each request is measured; what counts is the time in the middle, which the rest of the machine has no part in.
const TIMES: usize = 9;

/// The most that a plugin has used of what a call may have, over everything that it was asked.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Worst {
    /// Bytes over the memories of an instance.
    pub(super) memory: u64,
    /// How long the calls of the slowest request took, in the middle.
    pub(super) time: Duration,
    /// Bytes of an answer, all its texts together.
    pub(super) answer: u64,
}

impl Worst {
    /// Calls one function for one request, and keeps what it took if it is the most so far. To say no takes its time as well.
    pub(super) fn call<T>(
        &mut self,
        mut call: impl FnMut() -> Result<T, PluginError>,
        size: impl Fn(&T) -> usize,
    ) -> Result<Option<T>, PluginError> {
        let mut took = Vec::with_capacity(TIMES);
        let mut answer = None;
        for _ in 0..TIMES {
            let began = Instant::now();
            let answered = call();
            took.push(began.elapsed());
            answer = match answered {
                Ok(answer) => Some(answer),
                Err(PluginError::Rejected(_)) => None,
                Err(error) => return Err(error),
            };
        }
        took.sort();
        self.time = self.time.max(took.get(TIMES / 2).copied().unwrap_or_default());
        self.answer = self.answer.max(answer.as_ref().map_or(0, |answer| as_u64(size(answer))));
        Ok(answer)
    }

    /// With the most memory that any call has had.
    pub(super) fn with_memory(self, plugin: &dyn Plugin) -> Self {
        Self { memory: as_u64(plugin.memory_high_water()), ..self }
    }

    pub(super) fn json(&self) -> Value {
        let of = |used: u64, limit: u64| json!({ "used": used, "limit": limit, "percent": percent(used, limit) });
        json!({
            "memory_bytes": of(self.memory, MEMORY),
            "time_us": of(micros(self.time), micros(app::CALL_DEADLINE)),
            "answer_bytes": of(self.answer, ANSWER),
        })
    }

    /// What is told to people: of what, and how much of it.
    pub(super) fn lines(&self) -> [(&'static str, String); 3] {
        let share = |used: u64, limit: u64| format!("{:.1} %", percent(used, limit));
        let (time, deadline) = (micros(self.time), micros(app::CALL_DEADLINE));
        [
            ("memory at most", format!("{} of {}, {}", bytes(self.memory), bytes(MEMORY), share(self.memory, MEMORY))),
            (
                "slowest request",
                format!(
                    "{time} µs of {} ms, {}, in the middle of {TIMES} calls of each that the cases make",
                    app::CALL_DEADLINE.as_millis(),
                    share(time, deadline)
                ),
            ),
            ("answer at most", format!("{} of {}, {}", bytes(self.answer), bytes(ANSWER), share(self.answer, ANSWER))),
        ]
    }
}

const MEMORY: u64 = app::MAX_PLUGIN_MEMORY_BYTES as u64;
const ANSWER: u64 = app::MAX_PLUGIN_ANSWER_BYTES as u64;

/// Bytes of an account's texts, as the limit counts them.
pub(super) fn account_bytes(account: &Account) -> usize {
    account.keys.iter().map(|key| key.value.len()).sum::<usize>() + fields_bytes(&account.fields)
}

/// The same of tasks.
pub(super) fn tasks_bytes(tasks: &[PlannedTask]) -> usize {
    let of = |task: &PlannedTask| task.idempotency_key.len() + task.action.len() + fields_bytes(&task.arguments);
    tasks.iter().map(of).sum()
}

fn fields_bytes(fields: &[Field]) -> usize {
    let value = |value: &FieldValue| match value {
        FieldValue::Text(text) | FieldValue::Json(text) => text.len(),
        FieldValue::Boolean(_) | FieldValue::Integer(_) | FieldValue::Decimal(_) => 0,
    };
    fields.iter().map(|field| field.name.len() + value(&field.value)).sum()
}

/// With one digit behind the point.
#[expect(clippy::cast_precision_loss, reason = "a share")]
fn percent(used: u64, limit: u64) -> f64 {
    (used as f64 * 1_000.0 / limit as f64).round() / 10.0
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

fn as_u64(size: usize) -> u64 {
    u64::try_from(size).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use muster_model::AccountKey;
    use muster_plugin::Rejection;

    use super::*;

    fn account(name: &str) -> Account {
        let text = Field { name: "name".into(), value: FieldValue::Text(name.into()) };
        let number = Field { name: "n".into(), value: FieldValue::Integer(7) };
        let key = AccountKey { attribute: "userName".into(), value: "ada".into() };
        Account { state: "active".into(), listed: true, keys: vec![key], fields: vec![text, number] }
    }

    #[test]
    fn the_largest_answer_counts_and_a_no_has_none() {
        let mut worst = Worst::default();
        worst.call(|| Ok(account("Ada Byron")), account_bytes).unwrap();
        worst.call(|| Ok(account("Ada")), account_bytes).unwrap();
        assert_eq!(worst.answer, 3 + 4 + 9 + 1, "key, name and text of a field, name of the other");
        let no = || Err(PluginError::Rejected(Rejection { status: 400, scim_type: None, detail: "no".into() }));
        assert_eq!(worst.call::<Account>(no, account_bytes).unwrap(), None);
        assert!(worst.call::<Account>(|| Err(PluginError::Busy), account_bytes).is_err());
    }

    #[test]
    fn each_limit_is_told_with_its_share() {
        let worst = Worst { memory: 16 << 20, time: Duration::from_micros(25), answer: 300 };
        assert_eq!(
            worst.lines().map(|(_, text)| text),
            [
                "16.0 MiB of 64.0 MiB, 25.0 %",
                "25 µs of 10 ms, 0.3 %, in the middle of 9 calls of each that the cases make",
                "300 bytes of 256 KiB, 0.1 %"
            ]
        );
        assert_eq!(worst.json()["memory_bytes"], json!({ "used": 16 << 20, "limit": 64 << 20, "percent": 25.0 }));
    }
}
