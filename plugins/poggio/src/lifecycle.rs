use muster_plugin_sdk::{Account, Change, Event, Task};

pub(crate) fn tasks(change: &Change) -> Vec<Task> {
    let account = change.after.as_ref().or(change.before.as_ref());
    let workspace = account.and_then(|account| account.text("workspace"));
    let task = |action: &str| Task::new(action, &change.id).argument("workspace", workspace);
    match change.event {
        Event::Deactivated => vec![task("end-sessions").destructive()],
        // Who was disabled before has no sessions any more.
        Event::Deleted if was_active(change.before.as_ref()) => vec![task("end-sessions").destructive()],
        Event::Reactivated => vec![task("restore")],
        _ => Vec::new(),
    }
}

fn was_active(before: Option<&Account>) -> bool {
    before.is_some_and(|account| account.state == "active")
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

    #[test]
    fn a_deactivated_user_is_logged_out_and_the_brake_may_hold_that() {
        let tasks = tasks(&change(Event::Deactivated, Some("active"), Some("disabled")));
        assert_eq!(tasks, [Task::new("end-sessions", "42").argument("workspace", "W1").destructive()]);
    }

    #[test]
    fn a_reactivated_user_is_restored() {
        let tasks = tasks(&change(Event::Reactivated, Some("disabled"), Some("active")));
        assert_eq!(tasks, [Task::new("restore", "42").argument("workspace", "W1")]);
    }

    #[test]
    fn a_deleted_user_is_logged_out_unless_that_happened_before() {
        assert_eq!(tasks(&change(Event::Deleted, Some("active"), None)).len(), 1);
        assert_eq!(tasks(&change(Event::Deleted, Some("disabled"), None)), []);
    }

    #[test]
    fn nothing_follows_from_a_new_name() {
        assert_eq!(tasks(&change(Event::Updated, Some("active"), Some("active"))), []);
    }
}
