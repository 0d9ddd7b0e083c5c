//! What follows from a change of a group, where groups give roles or there are collaborators whom one could give a role later. The product has
//! the groups with their roles and members, and gives each collaborator the role that is in front among those of the groups; so the order in
//! which groups change does not matter.

use muster_plugin_sdk::{Account, Change, Config, Event, Task};

use crate::map::ROLE;
use crate::settings::{Audience, groups_give_roles};

pub(crate) fn tasks(change: &Change, config: &Config) -> Vec<Task> {
    let had_role = role(change.before.as_ref()).is_some();
    // Where no group gives a role any more, those who have one by a group lose it still.
    if !groups_give_roles(config) && !Audience::Dashboard.creates(config) && !had_role {
        return Vec::new();
    }
    let task = |action: &str| Task::new(action, &change.id).argument("group", change.id.as_str());
    let of_member = |action: &str| {
        let member = change.member.as_deref().unwrap_or_default();
        let task = task(action).argument("user", member);
        Task { idempotency_key: format!("{action}:{}:{member}", change.id), ..task }
    };
    match change.event {
        Event::Created | Event::Updated if is_other(change) => {
            let after = change.after.as_ref();
            let field = |name: &str| after.and_then(|account| account.get(name)).cloned();
            let task = task("group.set-role").argument("name", field("name"));
            let task = task.argument(ROLE, field(ROLE)).argument("rank", field("rank"));
            vec![if had_role && role(after) != role(change.before.as_ref()) { task.destructive() } else { task }]
        }
        Event::Deleted => vec![task("group.remove").destructive()],
        Event::MemberAdded => vec![of_member("group.add-member")],
        // It can take away all that somebody may do: a group that is emptied by accident is not to.
        Event::MemberRemoved => vec![of_member("group.remove-member").destructive()],
        Event::Created | Event::Updated | Event::Deactivated | Event::Reactivated | Event::Signalled => Vec::new(),
    }
}

fn role(group: Option<&Account>) -> Option<&str> {
    group.and_then(|group| group.text(ROLE))
}

fn is_other(change: &Change) -> bool {
    let fields = |account: Option<&Account>| account.map(|account| account.fields.clone());
    fields(change.before.as_ref()) != fields(change.after.as_ref())
}

#[cfg(test)]
mod tests {
    use muster_plugin_sdk::testing::{self, ID};
    use muster_plugin_sdk::{Kind, Value};
    use serde_json::json;

    use super::*;

    fn group(name: &str, role: Option<&str>) -> Account {
        Account::new("active").field("name", name).field("role", role)
    }

    fn planned(event: Event, before: Option<Account>, after: Option<Account>, member: Option<&str>) -> Vec<Task> {
        let change = testing::change(event, before, after);
        let change = Change { kind: Kind::Group, member: member.map(str::to_owned), ..change };
        tasks(&change, &testing::config(json!({ "group_roles": { "Engines": "Editor" } })))
    }

    #[test]
    fn a_group_is_told_with_its_role_and_again_when_it_has_another() {
        let engines = || Some(group("Engines", Some("Editor")));
        let told = planned(Event::Created, None, engines(), None);
        assert_eq!((told[0].action.as_str(), told[0].text("group")), ("group.set-role", Some(ID)));
        assert_eq!((told[0].text("name"), told[0].text("role")), (Some("Engines"), Some("Editor")));
        let renamed = planned(Event::Updated, engines(), Some(group("Wheels", None)), None);
        assert_eq!((renamed.len(), renamed[0].text("role")), (1, None));
        assert_eq!((told[0].destructive, renamed[0].destructive), (false, true), "its members lose the role");
        assert_eq!(planned(Event::Updated, engines(), engines(), None), []);
    }

    #[test]
    fn a_member_gets_the_role_and_loses_it() {
        let told = |event| planned(event, Some(group("Engines", None)), Some(group("Engines", None)), Some("7"));
        let (added, removed) = (told(Event::MemberAdded), told(Event::MemberRemoved));
        assert_eq!((added[0].action.as_str(), added[0].text("user")), ("group.add-member", Some("7")));
        assert_eq!(added[0].idempotency_key, format!("group.add-member:{ID}:7"));
        assert!(!added[0].destructive);
        assert_eq!((removed[0].action.as_str(), removed[0].destructive), ("group.remove-member", true));
        let gone = planned(Event::Deleted, Some(group("Engines", None)), None, None);
        assert_eq!((gone[0].action.as_str(), gone[0].destructive), ("group.remove", true));
    }

    #[test]
    fn nothing_follows_where_no_group_gives_a_role_and_nobody_could_have_one() {
        let change =
            Change { kind: Kind::Group, ..testing::change(Event::Created, None, Some(group("Engines", None))) };
        assert_eq!(tasks(&change, &testing::config(json!({}))), []);
        let creates = json!({ "dashboard": { "on_create": "create-collaborator", "role": "Viewer" } });
        assert_eq!(tasks(&change, &testing::config(creates)).len(), 1);
        assert_eq!(group("Engines", None).get("name"), Some(&Value::Text("Engines".into())));
    }

    #[test]
    fn a_role_that_groups_do_not_give_any_more_is_taken_away() {
        let (before, after) = (Some(group("Engines", Some("Admin"))), Some(group("Engines", None)));
        let change = Change { kind: Kind::Group, ..testing::change(Event::Updated, before, after) };
        let told = tasks(&change, &testing::config(json!({})));
        assert_eq!(
            (told[0].action.as_str(), told[0].text("role"), told[0].destructive),
            ("group.set-role", None, true)
        );
    }
}
