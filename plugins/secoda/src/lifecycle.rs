use muster_plugin_sdk::{Account, Change, Event, Reject, Signal, Task};

use crate::map::{ACTIVE, DISABLED, HAS_SIGNED_IN, INVITED, WAS_INVITED, flag};

pub(crate) fn tasks(change: &Change, invites_disabled: bool) -> Vec<Task> {
    let account = change.after.as_ref().or(change.before.as_ref());
    let email = account.and_then(|account| account.text("email"));
    let task =
        |action: &str| Task::new(action, &change.id).argument("user", change.id.as_str()).argument("email", email);
    // One invitation in a lifetime, whichever event brings it: a user may be created disabled and activated later.
    let invited_now = flag(change.after.as_ref(), WAS_INVITED) && !flag(change.before.as_ref(), WAS_INVITED);
    // Whoever comes back disabled was invited in an earlier life, and is to have no access in this one.
    let is_back = |account: &Account| {
        account.state == DISABLED
            && flag(Some(account), WAS_INVITED)
            && (flag(Some(account), HAS_SIGNED_IN) || !invites_disabled)
    };
    let comes_disabled = change.event == Event::Created && change.after.as_ref().is_some_and(is_back);
    let mut tasks = Vec::new();
    match change.event {
        Event::Created if comes_disabled => tasks.push(task("disable").destructive()),
        Event::Deactivated => tasks.push(task("disable").destructive()),
        Event::Reactivated if !invited_now => tasks.push(task("enable")),
        Event::Deleted => tasks.push(task("remove").destructive()),
        _ => {}
    }
    if invited_now && !comes_disabled {
        tasks.push(task("send-invitation"));
    }
    tasks
}

/// `signed-in` makes an invited user active, and listed from then on. A disabled one stays disabled, but is known afterwards.
pub(crate) fn signalled(signal: &Signal, current: Account) -> Result<Account, Reject> {
    if signal.name != "signed-in" {
        return Err(Reject::invalid_value("the signal must be `signed-in`"));
    }
    let account = current.field(HAS_SIGNED_IN, true);
    Ok(if account.state == INVITED { account.state(ACTIVE).listed(true) } else { account })
}

#[cfg(test)]
mod tests {
    use muster_plugin_sdk::Kind;

    use super::*;

    fn account(state: &str, was_invited: bool) -> Account {
        Account::new(state).listed(false).field("email", "ada@example.com").field(WAS_INVITED, was_invited)
    }

    fn change(event: Event, before: Option<Account>, after: Option<Account>) -> Vec<Task> {
        tasks(&Change { event, kind: Kind::User, id: "42".into(), before, after, member: None, signal: None }, false)
    }

    fn task(action: &str) -> Task {
        Task::new(action, "42").argument("user", "42").argument("email", "ada@example.com")
    }

    fn signal(name: &str) -> Signal {
        Signal { id: "42".into(), name: name.into(), payload: "{}".into() }
    }

    #[test]
    fn a_new_user_is_sent_one_invitation() {
        let tasks = change(Event::Created, None, Some(account("invited", true)));
        assert_eq!(tasks, [task("send-invitation")]);
        assert_eq!(tasks[0].idempotency_key, "send-invitation:42");
    }

    #[test]
    fn a_user_created_disabled_is_sent_it_when_activated() {
        assert_eq!(change(Event::Created, None, Some(account("disabled", false))), []);
        let activated = change(Event::Reactivated, Some(account("disabled", false)), Some(account("invited", true)));
        assert_eq!(activated, [task("send-invitation")]);
    }

    #[test]
    fn whom_an_update_is_the_first_to_invite_is_sent_it_and_by_no_other_update() {
        let (before, after) = (|| Some(account("disabled", false)), || Some(account("disabled", true)));
        assert_eq!(change(Event::Updated, before(), after()), [task("send-invitation")], "the setting was changed");
        assert_eq!(change(Event::Updated, after(), after()), []);
        let of_another_plugin = Some(Account::new("active"));
        let invited = change(Event::Updated, of_another_plugin, Some(account("invited", true)));
        assert_eq!(invited, [task("send-invitation")]);
    }

    #[test]
    fn a_disabled_user_who_comes_back_is_disabled_and_not_invited() {
        let back = change(Event::Created, None, Some(account("disabled", true)));
        assert_eq!(back, [task("disable").destructive()]);
    }

    #[test]
    fn nobody_is_sent_a_second_one() {
        let back = change(Event::Reactivated, Some(account("disabled", true)), Some(account("invited", true)));
        assert_eq!(back, [task("enable")]);
    }

    #[test]
    fn a_deactivated_user_is_disabled_and_a_deleted_one_removed_and_the_brake_may_hold_both() {
        let disabled = change(Event::Deactivated, Some(account("active", true)), Some(account("disabled", true)));
        assert_eq!(disabled, [task("disable").destructive()]);
        assert_eq!(change(Event::Deleted, Some(account("active", true)), None), [task("remove").destructive()]);
    }

    #[test]
    fn the_first_sign_in_makes_an_invited_user_active_and_listed() {
        let active = signalled(&signal("signed-in"), account("invited", true)).unwrap();
        assert_eq!((active.state.as_str(), active.listed), ("active", true));
        assert_eq!(signalled(&signal("signed-in"), active.clone()).unwrap(), active);
    }

    #[test]
    fn a_disabled_user_stays_disabled_and_an_unknown_signal_is_refused() {
        assert_eq!(signalled(&signal("signed-in"), account("disabled", true)).unwrap().state, "disabled");
        assert_eq!(signalled(&signal("left"), account("active", true)).unwrap_err().status, 400);
    }
}
