//! What came out of a request, in the words of a case.

use muster_model::{Account, Field, FieldValue, NewTask, Record, Task};
use serde_json::{Map, Value, json};

use super::case::{Expect, TaskExpected};
use super::compare::Differences;
use super::names::Names;
use crate::ScimError;

/// How a request was answered.
#[derive(Debug)]
pub(super) enum Answered {
    /// With this status.
    Well(u16),
    /// It was refused.
    Refused(ScimError),
}

/// What there is after it.
#[derive(Debug)]
pub(super) struct Actual {
    pub answered: Answered,
    /// The resource that the request was about, as it is stored now.
    pub record: Option<Record>,
    /// The members of the group.
    pub members: Vec<String>,
    /// The ids in a list.
    pub found: Vec<String>,
    /// The tasks that follow from it.
    pub tasks: Vec<Task>,
}

impl Actual {
    /// Tells what is not as expected.
    pub(super) fn check(&self, expect: &Expect, names: &Names, differences: &mut Differences) {
        let shows_refusal = expect.error.is_some() || expect.status.is_some_and(|status| status >= 400);
        let status = match (&self.answered, shows_refusal) {
            (Answered::Refused(error), false) => {
                differences.tell("/error", None, Some(names.unresolve(&refusal(error))));
                return;
            }
            (Answered::Well(status), true) => {
                let expected = if expect.error.is_some() { "a refusal" } else { "a status of 400 or more" };
                differences.tell("/error", Some(json!(expected)), Some(json!(format!("it is accepted ({status})"))));
                return;
            }
            (Answered::Refused(error), true) => {
                refused(error, expect, names, differences);
                error.wire().status.as_u16()
            }
            (Answered::Well(status), false) => *status,
        };
        if let Some(expected) = expect.status {
            differences.compare("/status", &json!(expected), &json!(status));
        }
        self.check_account(expect, names, differences);
        let compare = |differences: &mut Differences, pointer: &str, expected: &Value, actual: &Value| {
            differences.compare(pointer, &names.settle(expected), &names.unresolve(actual));
        };
        if let Some(expected) = &expect.resource {
            match &self.record {
                Some(record) => compare(differences, "/resource", &json!(expected), &json!(record.document)),
                None => differences.tell("/resource", Some(json!(expected)), None),
            }
        }
        for (pointer, expected, actual) in
            [("/members", &expect.members, &self.members), ("/found", &expect.found, &self.found)]
        {
            let Some(expected) = expected else { continue };
            compare(
                differences,
                pointer,
                &in_order(names.settle(&json!(expected))),
                &in_order(names.unresolve(&json!(actual))),
            );
        }
        if let Some(expected) = &expect.tasks {
            check_tasks(expected, &self.tasks, names, differences);
        }
    }

    fn check_account(&self, expect: &Expect, names: &Names, differences: &mut Differences) {
        if expect.account.is_none() && expect.keys.is_none() {
            return;
        }
        let Some(account) = self.record.as_ref().map(|record| &record.account) else {
            differences.tell("/account", Some(json!("an account")), None);
            return;
        };
        let mut compare = |pointer: &str, expected: &Value, actual: &Value| {
            differences.compare(pointer, &names.settle(expected), &names.unresolve(actual));
        };
        if let Some(expected) = &expect.account {
            if let Some(state) = &expected.state {
                compare("/account/state", &json!(state), &json!(account.state));
            }
            if let Some(listed) = expected.listed {
                compare("/account/listed", &json!(listed), &json!(account.listed));
            }
            if let Some(fields) = &expected.fields {
                compare("/account/fields", &json!(fields), &Value::Object(by_name(&account.fields)));
            }
        }
        if let Some(expected) = &expect.keys {
            compare("/keys", &json!(expected), &Value::Object(keys(account)));
        }
    }
}

/// A refusal, with what caused it: authors read this, identity providers do not.
pub(super) fn refusal(error: &ScimError) -> Value {
    let wire = error.wire();
    let mut told = json!({ "status": wire.status.as_u16() });
    if let Some(scim_type) = wire.scim_type {
        told["scimType"] = json!(scim_type.as_str());
    }
    told["detail"] = json!(error.to_string());
    if let Some(cause) = std::error::Error::source(error) {
        told["cause"] = json!(cause.to_string());
    }
    told
}

fn refused(error: &ScimError, expect: &Expect, names: &Names, differences: &mut Differences) {
    let Some(expected) = &expect.error else { return };
    let told = names.unresolve(&refusal(error));
    let members = [("scimType", &expected.scim_type), ("detail", &expected.detail)];
    for (member, expected) in members.into_iter().filter_map(|(member, value)| Some((member, value.as_ref()?))) {
        let pointer = format!("/error/{member}");
        let expected = names.settle(&json!(expected));
        match told.get(member) {
            Some(actual) => differences.compare(&pointer, &expected, actual),
            None => differences.tell(&pointer, Some(expected), None),
        }
    }
    // A plugin that failed is not a plugin that refused, whatever the case asks for.
    if let Some(cause) = told.get("cause") {
        differences.tell("/error/cause", None, Some(cause.clone()));
    }
}

fn check_tasks(expected: &[TaskExpected], actual: &[Task], names: &Names, differences: &mut Differences) {
    for n in 0..expected.len().max(actual.len()) {
        let place = format!("/tasks/{n}");
        let actual = actual.get(n).map(|task| &task.task);
        let Some(expected) = expected.get(n) else {
            differences.tell(&place, None, actual.map(|task| names.unresolve(&whole(task))));
            continue;
        };
        let Some(actual) = actual else {
            differences.tell(&place, Some(json!({ "action": expected.action })), None);
            continue;
        };
        let mut compare = |member: &str, expected: &Value, actual: &Value| {
            differences.compare(&format!("{place}/{member}"), &names.settle(expected), &names.unresolve(actual));
        };
        compare("action", &json!(expected.action), &json!(actual.action));
        if let Some(arguments) = &expected.arguments {
            compare("arguments", &json!(arguments), &Value::Object(by_name(&actual.arguments)));
        }
        if let Some(destructive) = expected.destructive {
            compare("destructive", &json!(destructive), &json!(actual.destructive));
        }
        if let Some(key) = &expected.idempotency_key {
            compare("idempotencyKey", &json!(key), &json!(actual.idempotency_key));
        }
    }
}

fn whole(task: &NewTask) -> Value {
    json!({
        "action": task.action,
        "arguments": by_name(&task.arguments),
        "destructive": task.destructive,
        "idempotencyKey": task.idempotency_key,
    })
}

fn by_name(fields: &[Field]) -> Map<String, Value> {
    fields.iter().map(|field| (field.name.clone(), plain(&field.value))).collect()
}

fn plain(value: &FieldValue) -> Value {
    match value {
        FieldValue::Boolean(value) => json!(value),
        FieldValue::Integer(value) => json!(value),
        FieldValue::Decimal(value) => json!(value),
        FieldValue::Text(text) => json!(text),
        // Checked when it came from the plugin; should it be none after all, the text itself says so.
        FieldValue::Json(text) => serde_json::from_str(text).unwrap_or_else(|_| json!(text)),
    }
}

/// The keys by attribute: a text where there is one, a list where there are several.
fn keys(account: &Account) -> Map<String, Value> {
    let mut all = Map::new();
    for key in &account.keys {
        let value = json!(key.value);
        match all.get_mut(&key.attribute) {
            None => drop(all.insert(key.attribute.clone(), value)),
            Some(Value::Array(values)) => values.push(value),
            Some(one) => *one = json!([one.take(), value]),
        }
    }
    all
}

/// A list of texts, whose order does not count.
fn in_order(list: Value) -> Value {
    let Value::Array(mut values) = list else { return list };
    values.sort_by(|a, b| a.as_str().cmp(&b.as_str()));
    Value::Array(values)
}

#[cfg(test)]
mod tests {
    use muster_model::AccountKey;
    use muster_plugin::PluginError;

    use super::*;

    fn key(attribute: &str, value: &str) -> AccountKey {
        AccountKey { attribute: attribute.to_owned(), value: value.to_owned() }
    }

    fn told(answered: Answered, expect: &Value) -> Vec<String> {
        let actual = Actual {
            answered,
            record: None,
            members: vec!["b".into(), "a".into()],
            found: Vec::new(),
            tasks: Vec::new(),
        };
        let expect: Expect = serde_json::from_value(expect.clone()).unwrap();
        let mut differences = Differences::default();
        actual.check(&expect, &Names::default(), &mut differences);
        differences.into_found().iter().map(ToString::to_string).collect()
    }

    fn taken() -> Answered {
        Answered::Refused(ScimError::Uniqueness { attribute: "userName".to_owned() })
    }

    #[test]
    fn a_refusal_is_compared_where_it_is_expected_and_told_where_it_is_not() {
        let right =
            json!({ "status": 409, "error": { "scimType": "uniqueness", "detail": "userName is already in use" } });
        assert_eq!(told(taken(), &right), [""; 0]);
        assert_eq!(told(taken(), &json!({ "status": 409 })), [""; 0]);
        let refusal = "the request is refused, and should not be: 409 uniqueness: userName is already in use";
        assert_eq!(told(taken(), &json!({})), [refusal]);
        let wrong = json!({ "status": 400, "error": { "scimType": "invalidValue" } });
        let expected =
            [r#"/error/scimType: expected "invalidValue", got "uniqueness""#, "/status: expected 400, got 409"];
        assert_eq!(told(taken(), &wrong), expected);
    }

    #[test]
    fn a_success_is_told_where_a_refusal_is_expected() {
        let expected = ["the request should get a refusal; it is accepted (201)"];
        assert_eq!(told(Answered::Well(201), &json!({ "error": {} })), expected);
        assert_eq!(told(Answered::Well(201), &json!({ "status": 201, "members": ["a", "b"] })), [""; 0]);
        assert_eq!(told(Answered::Well(200), &json!({ "status": 201 })), ["/status: expected 201, got 200"]);
    }

    #[test]
    fn a_plugin_that_failed_has_not_refused() {
        let failure = PluginError::Deadline { function: "mapping.to-account", limit_ms: 10 };
        let told = told(Answered::Refused(ScimError::Plugin(failure)), &json!({ "error": {} }));
        let expected = "this is no refusal of the plugin: the plugin did not answer mapping.to-account within 10 ms";
        assert_eq!(told, [expected]);
    }

    #[test]
    fn several_keys_of_one_attribute_are_a_list() {
        let account = Account {
            keys: vec![
                key("userName", "a"),
                key("emails.value", "b"),
                key("emails.value", "c"),
                key("emails.value", "d"),
            ],
            ..Account::unmapped()
        };
        assert_eq!(json!(keys(&account)), json!({ "userName": "a", "emails.value": ["b", "c", "d"] }));
    }

    #[test]
    fn fields_are_plain_json() {
        let field = |name: &str, value| Field { name: name.to_owned(), value };
        let fields = [
            field("a", FieldValue::Integer(7)),
            field("b", FieldValue::Json(r#"{"c":[1]}"#.to_owned())),
            field("d", FieldValue::Text("{}".to_owned())),
        ];
        assert_eq!(json!(by_name(&fields)), json!({ "a": 7, "b": { "c": [1] }, "d": "{}" }));
    }
}
