use muster_plugin_sdk::{Account, Change, Event, Reject, Signal, Task};
use serde_json::Value;

pub(crate) fn tasks(change: &Change) -> Vec<Task> {
    let account = change.after.as_ref().or(change.before.as_ref());
    let workspace = account.and_then(|account| account.text("workspace"));
    let task = |action: &str| {
        Task::new(action, &change.id).argument("user", change.id.as_str()).argument("workspace", workspace)
    };
    match change.event {
        Event::Deactivated => vec![task("end-sessions").destructive()],
        // Who was disabled before has no sessions any more.
        Event::Deleted if was_active(change.before.as_ref()) => vec![task("remove").destructive()],
        Event::Reactivated => vec![task("restore")],
        _ => Vec::new(),
    }
}

fn was_active(before: Option<&Account>) -> bool {
    before.is_some_and(|account| account.state == "active")
}

/// `renamed` gives the account the name that somebody has typed in the product. The mapping does not look at it: so the next push is a change
/// of the account even where it brings what was pushed before, and brings the pushed name back.
pub(crate) fn signalled(signal: &Signal, current: Account) -> Result<Account, Reject> {
    if signal.name != "renamed" {
        return Err(Reject::invalid_value("the signal must be `renamed`"));
    }
    let payload: Value = serde_json::from_str(&signal.payload).unwrap_or_default();
    let name = payload["name"].as_str().filter(|name| !name.trim().is_empty());
    let name = name.ok_or_else(|| Reject::invalid_value("the payload of `renamed` must have a `name`"))?;
    Ok(current.field("full_name", name))
}

#[cfg(test)]
mod tests {
    use muster_plugin_sdk::Kind;

    use super::*;

    fn change(event: Event, before: Option<&str>, after: Option<&str>) -> Change {
        let account = |state: &str| Account::new(state).field("workspace", "W1");
        Change {
            event,
            kind: Kind::User,
            id: "42".into(),
            before: before.map(account),
            after: after.map(account),
            member: None,
            signal: None,
        }
    }

    fn task(action: &str) -> Task {
        Task::new(action, "42").argument("user", "42").argument("workspace", "W1")
    }

    fn signalled_by(name: &str, payload: &str) -> Result<Account, Reject> {
        let ada = Account::new("disabled").field("full_name", "Ada Byron").field("workspace", "W1");
        signalled(&Signal { id: "42".into(), name: name.into(), payload: payload.into() }, ada)
    }

    #[test]
    fn a_deactivated_user_is_logged_out_and_the_brake_may_hold_that() {
        let tasks = tasks(&change(Event::Deactivated, Some("active"), Some("disabled")));
        assert_eq!(tasks, [task("end-sessions").destructive()]);
    }

    #[test]
    fn a_reactivated_user_is_restored() {
        let tasks = tasks(&change(Event::Reactivated, Some("disabled"), Some("active")));
        assert_eq!(tasks, [task("restore")]);
    }

    #[test]
    fn a_deleted_user_is_removed_unless_the_sessions_ended_before() {
        assert_eq!(tasks(&change(Event::Deleted, Some("active"), None)), [task("remove").destructive()]);
        assert_eq!(tasks(&change(Event::Deleted, Some("disabled"), None)), []);
    }

    #[test]
    fn nothing_follows_from_a_new_name() {
        assert_eq!(tasks(&change(Event::Updated, Some("active"), Some("active"))), []);
    }

    #[test]
    fn a_name_that_was_typed_in_the_product_is_the_accounts_and_nothing_else_is_another() {
        let countess = signalled_by("renamed", r#"{"name":"Countess of Lovelace"}"#).unwrap();
        assert_eq!(countess.text("full_name"), Some("Countess of Lovelace"));
        assert_eq!((countess.state.as_str(), countess.text("workspace")), ("disabled", Some("W1")));
    }

    #[test]
    fn a_signal_without_a_name_and_one_that_is_unknown_are_refused() {
        for (name, payload) in [
            ("renamed", "{}"),
            ("renamed", r#"{"name":" "}"#),
            ("renamed", r#"{"name":7}"#),
            ("left", r#"{"name":"Countess"}"#),
        ] {
            assert_eq!(signalled_by(name, payload).unwrap_err().status, 400, "{name} {payload}");
        }
    }
}
