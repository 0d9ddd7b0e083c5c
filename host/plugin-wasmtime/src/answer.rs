//! What a plugin answers: untrusted, and checked against the contract before anything is made of it.

use std::collections::BTreeSet;
use std::fmt::Display;

use muster_model::{Account, AccountKey, Field, FieldValue};
use muster_plugin::{PlannedTask, Rejection};
use muster_protocol::ScimType;
use muster_protocol::path::AttrPath;
use muster_protocol::schema::ResourceTypeDef;

use crate::bindings::v1::muster::plugin::types;
use crate::limits;

/// What is wrong with an answer: the end of a sentence for the operator's log, without the values of the directory.
pub(crate) type Problem = String;

/// States of a manifest that are named in one sentence.
const MAX_STATES_TOLD: usize = 8;

/// A state is the plugin's own word, and no value of the directory: whoever wrote the plugin finds it by that.
fn unknown_state(state: &str, states: &[String]) -> Problem {
    let shown: String = state.chars().take(limits::MAX_WORD_BYTES).collect();
    let mut told: Vec<String> = states.iter().take(MAX_STATES_TOLD).map(|state| format!("{state:?}")).collect();
    if states.len() > MAX_STATES_TOLD {
        told.push(format!("{} more", states.len() - MAX_STATES_TOLD));
    }
    format!("the account's state {shown:?} is not one of the manifest's states ({})", told.join(", "))
}

/// Counts the bytes of one answer as it is read.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    bytes: usize,
}

impl Reader {
    pub(crate) fn account(
        &mut self,
        account: types::AccountResult,
        states: &[String],
        def: Option<&ResourceTypeDef>,
    ) -> Result<Account, Problem> {
        if !states.contains(&account.state) {
            return Err(unknown_state(&account.state, states));
        }
        let limit = limits::MAX_KEYS;
        if account.keys.len() > limit {
            return Err(format!("the account has more than {limit} keys"));
        }
        let keys = account.keys.into_iter().map(|key| self.key(key, def)).collect::<Result<Vec<_>, _>>()?;
        let fields = self.fields(account.fields, "fields")?;
        // An account is shown to people. What is sent is held to this before the plugin sees it.
        let shows = |text: &str| muster_protocol::text::check("text", text).is_ok();
        if let Some(field) = fields.iter().find(|field| matches!(&field.value, FieldValue::Text(text) if !shows(text)))
        {
            // The name is the plugin's own word: whoever wrote it finds the place by that.
            return Err(format!("the field {:?} of the account has characters that do not show", field.name));
        }
        if keys.iter().any(|key| !shows(&key.value)) {
            return Err("a key of the account has characters that do not show".to_owned());
        }
        Ok(Account { state: account.state, listed: account.listed, keys, fields })
    }

    fn key(&mut self, key: types::KeyResult, def: Option<&ResourceTypeDef>) -> Result<AccountKey, Problem> {
        self.text(&key.value, limits::MAX_KEY_BYTES, "the value of a key")?;
        if key.value.is_empty() {
            return Err("the value of a key is empty".to_owned());
        }
        let names = |def: &ResourceTypeDef| {
            let path = AttrPath::parse(&key.attribute, &|urn| def.is_schema(urn)).ok();
            path.is_some_and(|path| def.resolve(&path).is_some_and(|resolved| resolved.attribute.is_some()))
        };
        if !def.is_some_and(names) {
            return Err("the attribute of a key is not an attribute of the resource".to_owned());
        }
        Ok(AccountKey { attribute: key.attribute, value: key.value })
    }

    /// Fields of an account, or arguments of a task, or settings of the host: `what`.
    pub(crate) fn fields(&mut self, fields: Vec<types::FieldResult>, what: &str) -> Result<Vec<Field>, Problem> {
        let limit = limits::MAX_FIELDS;
        if fields.len() > limit {
            return Err(format!("there are more than {limit} {what}"));
        }
        let mut names = BTreeSet::new();
        for field in &fields {
            self.word(&field.name, format_args!("the name of one of the {what}"))?;
            if !names.insert(field.name.as_str()) {
                return Err(format!("two of the {what} have the same name"));
            }
        }
        fields.into_iter().map(|field| Ok(Field { value: self.value(field.value)?, name: field.name })).collect()
    }

    fn value(&mut self, value: types::ValueResult) -> Result<FieldValue, Problem> {
        Ok(match value {
            types::ValueResult::Boolean(boolean) => FieldValue::Boolean(boolean),
            types::ValueResult::Integer(integer) => FieldValue::Integer(integer),
            types::ValueResult::Decimal(decimal) if decimal.is_finite() => FieldValue::Decimal(decimal),
            types::ValueResult::Decimal(_) => return Err("a decimal is not a finite number".to_owned()),
            types::ValueResult::Text(text) => {
                self.text(&text, limits::MAX_STRING_BYTES, "a text")?;
                FieldValue::Text(text)
            }
            types::ValueResult::Json(json) => {
                self.text(&json, limits::MAX_STRING_BYTES, "a json value")?;
                if serde_json::from_str::<serde_json::Value>(&json).is_err() {
                    return Err("a json value is not JSON".to_owned());
                }
                FieldValue::Json(json)
            }
        })
    }

    pub(crate) fn tasks(&mut self, tasks: Vec<types::TaskResult>) -> Result<Vec<PlannedTask>, Problem> {
        let limit = limits::MAX_TASKS;
        if tasks.len() > limit {
            return Err(format!("there are more than {limit} tasks"));
        }
        tasks.into_iter().map(|task| self.task(task)).collect()
    }

    fn task(&mut self, task: types::TaskResult) -> Result<PlannedTask, Problem> {
        self.word(&task.idempotency_key, "the idempotency key of a task")?;
        self.word(&task.action, "the action of a task")?;
        Ok(PlannedTask {
            idempotency_key: task.idempotency_key,
            action: task.action,
            arguments: self.fields(task.arguments, "arguments")?,
            destructive: task.destructive,
        })
    }

    pub(crate) fn rejection(&mut self, rejection: types::Rejection) -> Result<Rejection, Problem> {
        if !limits::REJECTION_STATUSES.contains(&rejection.status) {
            return Err("the status of a rejection is not one that a plugin may answer".to_owned());
        }
        let detail = self.detail(rejection.detail, "the detail of a rejection")?;
        let scim_type = rejection.scim_type.map(scim_type);
        Ok(Rejection { status: rejection.status, scim_type, detail })
    }

    /// A sentence that is shown to people, in tools that nobody here knows.
    pub(crate) fn detail(&mut self, detail: String, what: &str) -> Result<String, Problem> {
        self.text(&detail, limits::MAX_DETAIL_BYTES, what)?;
        if detail.trim().is_empty() {
            return Err(format!("{what} is empty"));
        }
        if muster_protocol::text::check("detail", &detail).is_err() {
            return Err(format!("{what} has characters that do not show"));
        }
        Ok(detail)
    }

    /// The reason of an outcome: shown to people, in one line.
    pub(crate) fn reason(&mut self, reason: String) -> Result<String, Problem> {
        self.text(&reason, limits::MAX_DETAIL_BYTES, "the reason")?;
        if reason.trim().is_empty() {
            return Err("the reason is empty".to_owned());
        }
        if reason.chars().any(char::is_control) || muster_protocol::text::check("reason", &reason).is_err() {
            return Err("the reason has characters that do not show".to_owned());
        }
        Ok(reason)
    }

    fn word(&mut self, text: &str, what: impl Display) -> Result<(), Problem> {
        if text.is_empty() {
            return Err(format!("{what} is empty"));
        }
        self.text(text, limits::MAX_NAME_BYTES, what)
    }

    /// NUL is refused because not every store can keep it.
    pub(crate) fn text(&mut self, text: &str, limit: usize, what: impl Display) -> Result<(), Problem> {
        self.bytes = self.bytes.saturating_add(text.len());
        if text.len() > limit {
            return Err(format!("{what} is longer than {limit} bytes"));
        }
        if self.bytes > limits::MAX_ANSWER_BYTES {
            return Err(format!("the answer is longer than {} bytes", limits::MAX_ANSWER_BYTES));
        }
        if text.contains('\0') {
            return Err(format!("{what} contains NUL"));
        }
        Ok(())
    }
}

fn scim_type(scim_type: types::ScimType) -> ScimType {
    match scim_type {
        types::ScimType::InvalidFilter => ScimType::InvalidFilter,
        types::ScimType::TooMany => ScimType::TooMany,
        types::ScimType::Uniqueness => ScimType::Uniqueness,
        types::ScimType::Mutability => ScimType::Mutability,
        types::ScimType::InvalidSyntax => ScimType::InvalidSyntax,
        types::ScimType::InvalidPath => ScimType::InvalidPath,
        types::ScimType::NoTarget => ScimType::NoTarget,
        types::ScimType::InvalidValue => ScimType::InvalidValue,
        types::ScimType::InvalidVers => ScimType::InvalidVers,
        types::ScimType::Sensitive => ScimType::Sensitive,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(key: &str) -> types::TaskResult {
        types::TaskResult {
            idempotency_key: key.to_owned(),
            action: "invite".to_owned(),
            arguments: Vec::new(),
            destructive: true,
        }
    }

    #[test]
    fn tasks_have_their_limits() {
        let tasks = |count, key: &str| Reader::default().tasks((0..count).map(|_| task(key)).collect());
        assert_eq!(tasks(limits::MAX_TASKS, "k").unwrap().len(), limits::MAX_TASKS);
        assert_eq!(tasks(limits::MAX_TASKS + 1, "k").unwrap_err(), "there are more than 32 tasks");
        assert_eq!(tasks(1, "").unwrap_err(), "the idempotency key of a task is empty");
        let long = tasks(1, &"k".repeat(257)).unwrap_err();
        assert_eq!(long, "the idempotency key of a task is longer than 256 bytes");
    }

    #[test]
    fn the_texts_of_an_account_show_what_they_are() {
        let account = |name: &str| {
            let value = types::ValueResult::Text(name.to_owned());
            let fields = vec![types::FieldResult { name: "name".to_owned(), value }];
            let answer = types::AccountResult { state: "active".to_owned(), listed: true, keys: Vec::new(), fields };
            Reader::default().account(answer, &["active".to_owned()], None)
        };
        assert!(account("Ada\nByron 👩\u{200D}💻").is_ok(), "an address has lines, and names have joiners");
        for name in ["Ada\u{202E}nimda", "Ada\u{1B}[31m", "A\u{200B}da"] {
            assert_eq!(account(name).unwrap_err(), "the field \"name\" of the account has characters that do not show");
        }
    }

    #[test]
    fn a_rejection_has_a_status_of_the_list_and_a_detail() {
        let rejection = |status, detail: &str| {
            Reader::default().rejection(types::Rejection { status, scim_type: None, detail: detail.to_owned() })
        };
        for status in limits::REJECTION_STATUSES {
            assert!(rejection(status, "no").is_ok(), "{status}");
        }
        for status in [0, 200, 302, 401, 500, 503] {
            assert!(rejection(status, "no").is_err(), "{status}");
        }
        assert!(rejection(409, "").is_err());
        assert!(rejection(409, &"x".repeat(1_025)).is_err());
    }
}
