use serde_json::Value;

use super::{MAX_ACKNOWLEDGED_AT_ONCE, MAX_SETS_A_POLL, PollError};
use crate::webhooks::line;

/// A poll (RFC 8936 §2.2). What else stands in it is for others.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Poll {
    /// How many tokens are wanted at most.
    pub(super) most: usize,
    /// Whether it waits for the first one.
    pub(super) is_patient: bool,
    /// The names of tokens that the receiver has.
    pub(super) acknowledged: Vec<String>,
    /// The name of a token, and the receiver's own words about it.
    pub(super) refused: Vec<(String, String)>,
}

impl Poll {
    pub(super) fn read(body: &Value) -> Result<Self, PollError> {
        let invalid = |says: &str| PollError::Invalid(says.to_owned());
        let members = body.as_object().ok_or_else(|| invalid("the body is no JSON object"))?;
        let most = match members.get("maxEvents") {
            None => MAX_SETS_A_POLL,
            Some(most) => most
                .as_u64()
                .and_then(|most| usize::try_from(most).ok())
                .ok_or_else(|| invalid("maxEvents is a whole number, and not below 0"))?,
        };
        let is_patient = match members.get("returnImmediately") {
            None => true,
            Some(at_once) => !at_once.as_bool().ok_or_else(|| invalid("returnImmediately is true or false"))?,
        };
        let too_many =
            |what: &str| PollError::Invalid(format!("{what} has more than {MAX_ACKNOWLEDGED_AT_ONCE} tokens"));
        let acknowledged: Vec<String> = match members.get("ack") {
            None => Vec::new(),
            Some(Value::Array(names)) if names.len() > MAX_ACKNOWLEDGED_AT_ONCE => return Err(too_many("ack")),
            Some(Value::Array(names)) => {
                let names = names.iter().map(|name| name.as_str().map(str::to_owned)).collect::<Option<_>>();
                names.ok_or_else(|| invalid("ack is a list of texts"))?
            }
            Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_)) => {
                return Err(invalid("ack is a list of texts"));
            }
        };
        let refused: Vec<(String, String)> = match members.get("setErrs") {
            None => Vec::new(),
            Some(Value::Object(errors)) if errors.len() > MAX_ACKNOWLEDGED_AT_ONCE => return Err(too_many("setErrs")),
            Some(Value::Object(errors)) => errors
                .iter()
                .map(refusal)
                .collect::<Option<_>>()
                .ok_or_else(|| invalid("setErrs has an object with err and description for each token"))?,
            Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_)) => {
                return Err(invalid("setErrs is an object"));
            }
        };
        if let Some((both, _)) = refused.iter().find(|(name, _)| acknowledged.contains(name)) {
            let both: String = line(both).chars().take(64).collect();
            return Err(PollError::Invalid(format!("{both} is in ack and in setErrs; it is one or the other")));
        }
        Ok(Self { most: most.min(MAX_SETS_A_POLL), is_patient: is_patient && most > 0, acknowledged, refused })
    }
}

fn refusal((name, error): (&String, &Value)) -> Option<(String, String)> {
    let err = line(error.as_object()?.get("err")?.as_str()?);
    let says = match error.get("description") {
        Some(description) => format!("the receiver refused it, {err}: {}", line(description.as_str()?)),
        None => format!("the receiver refused it, {err}"),
    };
    Some((name.clone(), says))
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, json};

    use super::*;

    fn refused(body: &Value) -> String {
        Poll::read(body).unwrap_err().to_string()
    }

    #[test]
    fn a_poll_has_its_defaults() {
        let defaults = Poll { most: MAX_SETS_A_POLL, is_patient: true, acknowledged: Vec::new(), refused: Vec::new() };
        assert_eq!(Poll::read(&json!({})).unwrap(), defaults);
        assert_eq!(Poll::read(&json!({ "maxEvents": 1_000_000, "sub": 7 })).unwrap(), defaults);
        let only = Poll::read(&json!({ "maxEvents": 0, "ack": ["1-a"] })).unwrap();
        assert_eq!((only.most, only.is_patient, only.acknowledged), (0, false, vec!["1-a".to_owned()]));
    }

    #[test]
    fn what_is_no_poll_is_told_in_one_sentence() {
        assert_eq!(refused(&json!([])), "the body is no JSON object");
        for most in [json!(-1), json!(1.5), json!("1"), json!(null)] {
            assert_eq!(refused(&json!({ "maxEvents": most })), "maxEvents is a whole number, and not below 0");
        }
        assert_eq!(refused(&json!({ "returnImmediately": "yes" })), "returnImmediately is true or false");
        assert_eq!(refused(&json!({ "ack": [1] })), "ack is a list of texts");
        assert_eq!(refused(&json!({ "ack": "1-a" })), "ack is a list of texts");
        assert_eq!(refused(&json!({ "setErrs": [] })), "setErrs is an object");
        let says = "setErrs has an object with err and description for each token";
        assert_eq!(refused(&json!({ "setErrs": { "1-a": "no" } })), says);
        let both = json!({ "ack": ["1-a", "2-b"], "setErrs": { "2-b": { "err": "x" } } });
        assert_eq!(refused(&both), "2-b is in ack and in setErrs; it is one or the other");
        let many: Vec<String> = (0..=MAX_ACKNOWLEDGED_AT_ONCE).map(|number| format!("{number:x}-a")).collect();
        assert_eq!(refused(&json!({ "ack": many })), "ack has more than 1000 tokens");
        let errors: Map<String, Value> = many.into_iter().map(|name| (name, json!({ "err": "x" }))).collect();
        assert_eq!(refused(&json!({ "setErrs": errors })), "setErrs has more than 1000 tokens");
    }

    #[test]
    fn what_a_receiver_says_of_a_token_is_one_line() {
        let poll = Poll::read(&json!({ "setErrs": {
            "1-a": { "err": "invalid_key", "description": "which\nkey?\u{1b}[2J" }, "2-b": { "err": "x" },
        } }));
        let refused = poll.unwrap().refused;
        let first = "the receiver refused it, invalid_key: which key? [2J";
        let expected = [("1-a", first), ("2-b", "the receiver refused it, x")];
        assert_eq!(refused, expected.map(|(name, says)| (name.to_owned(), says.to_owned())));
    }
}
