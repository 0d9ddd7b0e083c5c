//! What follows from a change of a user: a task for each audience that has something to do, so that each is repeated by itself.

use muster_plugin_sdk::{Account, Change, Config, Event, Reject, Signal, Task};

use crate::map::{ACTIVE, DETAILS, LAST_ADMIN, ROLE, WAS_ACTIVE, flag};
use crate::settings::{self, AUDIENCES, Audience, OnDeactivate};

/// What the identity provider is told instead of a deactivation or deletion.
const STAYS: &str = "the last Admin of the Dashboard is not removed; make somebody else an Admin first";

/// The role that somebody has to have.
const ADMIN: &str = "Admin";

/// The product's signal of a collaborator who has become the only Admin.
const IS_LAST_ADMIN: &str = "last-admin";
/// Its signal of one who was, and is so no longer.
const IS_NOT_LAST_ADMIN: &str = "no-longer-last-admin";

pub(crate) fn tasks(change: &Change, config: &Config) -> Result<Vec<Task>, Reject> {
    if removes_last_admin(change, config) && !settings::removes_last_admin(config) {
        return Err(Reject::new(409, STAYS));
    }
    let leaves_groups = leaves_groups(change, config);
    let last_admin = if settings::removes_last_admin(config) { "allow" } else { "refuse" };
    let user = || {
        let task = Task::new("dashboard.leave-groups", &change.id).argument("user", change.id.as_str());
        task.argument("last_admin", last_admin).destructive()
    };
    let tasks = AUDIENCES.into_iter().flat_map(|audience| of(audience, change, config));
    Ok(tasks.chain(leaves_groups.then(user)).collect())
}

/// Whether the Dashboard would have no Admin any more, as far as the product has told by now. What it has not told yet, it says itself when
/// it is asked to remove the collaborator.
fn removes_last_admin(change: &Change, config: &Config) -> bool {
    let is_removed = leaves(change, config) && Audience::Dashboard.on_deactivate(config).removes();
    // Who is an Admin by no group stays one without them.
    let is_by_group = change.before.as_ref().and_then(|account| account.text(ROLE)) != Some(ADMIN);
    flag(change.before.as_ref(), LAST_ADMIN) && (is_removed || is_by_group && leaves_groups(change, config))
}

/// Whether the product is told that somebody is in no group any more: wherever it is told of groups, so that none gives a role later.
fn leaves_groups(change: &Change, config: &Config) -> bool {
    change.event == Event::Deleted && (settings::groups_give_roles(config) || Audience::Dashboard.creates(config))
}

/// Keeps who is the last Admin. Nothing follows from it by itself.
pub(crate) fn signalled(signal: &Signal, current: Account) -> Result<Account, Reject> {
    let is_told = match signal.name.as_str() {
        IS_LAST_ADMIN => true,
        IS_NOT_LAST_ADMIN => false,
        _ => {
            let says = format!("the signal must be `{IS_LAST_ADMIN}` or `{IS_NOT_LAST_ADMIN}`");
            return Err(Reject::invalid_value(says));
        }
    };
    // Also of who is not there by what is known here: a removal that the product refuses leaves its collaborator.
    Ok(current.field(LAST_ADMIN, is_told.then_some(true)))
}

fn of(audience: Audience, change: &Change, config: &Config) -> Vec<Task> {
    let (before, after) = (before(change), change.after.as_ref());
    let (was_there, is_there) = (flag(before, audience.name()), flag(after, audience.name()));
    let mut tasks = Vec::new();
    if comes(change, config) && is_there && audience.creates(config) {
        let (audience_name, person) = (audience.name(), audience.person());
        tasks.push(with_details(Task::new(&format!("{audience_name}.create-{person}"), &change.id), audience, change));
    } else if was_there && is_there && differ(audience, before, after) {
        let (audience_name, person) = (audience.name(), audience.person());
        tasks.push(with_details(Task::new(&format!("{audience_name}.update-{person}"), &change.id), audience, change));
    }
    if leaves(change, config) {
        tasks.extend(deactivation(audience, change, config));
    }
    tasks
}

/// The account before. For whom the product has nobody there was none: an account that was made by hand, and is taken over now, was mapped
/// without anything following from it.
fn before(change: &Change) -> Option<&Account> {
    change.before.as_ref().filter(|_| change.event != Event::Created)
}

/// Whether access begins, as far as this plugin knows. An update of somebody who has it is none, also where an audience creates since.
fn comes(change: &Change, config: &Config) -> bool {
    let before = before(change);
    let had_access = before.is_some_and(|account| account.state == ACTIVE);
    let is_first = !flag(before, WAS_ACTIVE);
    change.state_after() == Some(ACTIVE) && (is_first || !had_access && settings::reactivation_creates(config))
}

/// Whether access ends: who was deactivated before is not deactivated once more by a deletion.
fn leaves(change: &Change, config: &Config) -> bool {
    let had_access = change.state_before() == Some(ACTIVE);
    let ends = if change.event == Event::Deleted {
        settings::deletion_deactivates(config)
    } else {
        change.state_after().is_some_and(|state| state != ACTIVE)
    };
    had_access && ends
}

fn deactivation(audience: Audience, change: &Change, config: &Config) -> Option<Task> {
    let (name, person) = (audience.name(), audience.person());
    let task = |action: &str| Task::new(&format!("{name}.{action}"), &change.id).argument("user", change.id.as_str());
    match audience.on_deactivate(config) {
        OnDeactivate::Nothing => None,
        OnDeactivate::Remove => {
            let last_admin = if settings::removes_last_admin(config) { "allow" } else { "refuse" };
            let last_admin = (audience == Audience::Dashboard).then_some(last_admin);
            Some(task(&format!("remove-{person}")).argument("last_admin", last_admin).destructive())
        }
        OnDeactivate::RemoveWithDevices => Some(task("remove-employee-and-devices").destructive()),
        OnDeactivate::Unassign => Some(task("unassign-devices").destructive()),
        OnDeactivate::ChangePolicy => {
            Some(task("change-policy").argument("policy", settings::policy(config)).destructive())
        }
    }
}

/// With what the audience has of a person.
fn with_details(task: Task, audience: Audience, change: &Change) -> Task {
    let text = |name: &str| change.after.as_ref().and_then(|account| account.text(name));
    let task =
        DETAILS.iter().fold(task.argument("user", change.id.as_str()), |task, name| task.argument(name, text(name)));
    if audience == Audience::Dashboard { task.argument(ROLE, text(ROLE)) } else { task }
}

/// Whether the audience has something else of a person now.
fn differ(audience: Audience, before: Option<&Account>, after: Option<&Account>) -> bool {
    let text =
        |account: Option<&Account>, name: &str| account.and_then(|account| account.text(name)).map(str::to_owned);
    let differs = |name: &str| text(before, name) != text(after, name);
    DETAILS.into_iter().any(differs) || audience == Audience::Dashboard && differs(ROLE)
}

#[cfg(test)]
mod tests {
    use muster_plugin_sdk::testing::{self, ID};
    use serde_json::{Value, json};

    use super::*;

    fn account(state: &str, there: [bool; 3]) -> Account {
        let account =
            Account::new(state).field("email", "ada@example.com").field("name", "Ada").field("role", "Editor");
        let account = account.field("was_active", true);
        AUDIENCES.into_iter().zip(there).fold(account, |account, (audience, is)| account.field(audience.name(), is))
    }

    fn all(mdm: &str) -> Value {
        json!({
            "store": { "on_create": "create-employee", "on_deactivate": "remove-employee" },
            "dashboard": {
                "on_create": "create-collaborator", "role": "Editor", "on_deactivate": "remove-collaborator",
            },
            "mdm": { "on_create": "create-employee", "on_deactivate": mdm, "policy": "locked" },
        })
    }

    fn planned(event: Event, before: Option<Account>, after: Option<Account>, config: Value) -> Vec<Task> {
        tasks(&testing::change(event, before, after), &testing::config(config)).unwrap()
    }

    fn actions(tasks: &[Task]) -> Vec<&str> {
        tasks.iter().map(|task| task.action.as_str()).collect()
    }

    #[test]
    fn each_audience_creates_by_itself() {
        let ada = || Some(account("active", [true; 3]));
        let tasks = planned(Event::Created, None, ada(), all("nothing"));
        assert_eq!(actions(&tasks), ["store.create-employee", "dashboard.create-collaborator", "mdm.create-employee"]);
        assert_eq!(tasks.iter().filter_map(|task| task.text("role")).collect::<Vec<_>>(), ["Editor"]);
        assert!(
            tasks.iter().all(|task| task.text("user") == Some(ID) && task.text("email") == Some("ada@example.com"))
        );
        assert!(tasks.iter().all(|task| !task.destructive));
        let nobody = Some(account("active", [false; 3]));
        assert_eq!(planned(Event::Created, None, nobody, json!({})), []);
    }

    #[test]
    fn each_audience_deactivates_by_itself_and_the_brake_may_hold_it() {
        let of_mdm = [
            ("nothing", None),
            ("unassign", Some("mdm.unassign-devices")),
            ("change-policy", Some("mdm.change-policy")),
            ("remove-user", Some("mdm.remove-employee")),
            ("remove-user-and-devices", Some("mdm.remove-employee-and-devices")),
        ];
        for (choice, action) in of_mdm {
            let before = Some(account("active", [true; 3]));
            let after = Some(account("disabled", [false; 3]));
            let tasks = planned(Event::Deactivated, before, after, all(choice));
            let expected: Vec<_> =
                ["store.remove-employee", "dashboard.remove-collaborator"].into_iter().chain(action).collect();
            assert_eq!(actions(&tasks), expected);
            assert!(tasks.iter().all(|task| task.destructive));
            assert_eq!(tasks[1].text("last_admin"), Some("refuse"));
            assert_eq!(
                tasks.last().and_then(|task| task.text("policy")),
                (choice == "change-policy").then_some("locked")
            );
        }
    }

    #[test]
    fn a_deletion_deactivates_unless_that_happened_before_or_the_setting_says_otherwise() {
        let deleted = |state: &str, config| planned(Event::Deleted, Some(account(state, [true; 3])), None, config);
        assert_eq!(deleted("active", all("unassign")).len(), 4);
        assert_eq!(actions(&deleted("disabled", all("unassign"))), ["dashboard.leave-groups"]);
        let mut config = all("unassign");
        config["deletion"] = json!("nothing");
        assert_eq!(actions(&deleted("active", config)), ["dashboard.leave-groups"]);
        assert_eq!(deleted("active", json!({ "deletion": "nothing" })), [], "of groups the product is told nothing");
    }

    #[test]
    fn a_user_who_is_back_is_created_again_unless_the_setting_says_otherwise() {
        let back = |config| {
            let (before, after) = (account("disabled", [false; 3]), account("active", [true; 3]));
            planned(Event::Reactivated, Some(before), Some(after), config)
        };
        assert_eq!(back(all("nothing")).len(), 3);
        let mut config = all("nothing");
        config["reactivation"] = json!("nothing");
        assert_eq!(back(config), []);
    }

    #[test]
    fn a_new_name_goes_where_the_user_is_and_nothing_else_goes_anywhere() {
        let before = account("active", [true, false, true]);
        let renamed = before.clone().field("name", "Ada Lovelace");
        let tasks = planned(Event::Updated, Some(before.clone()), Some(renamed), all("nothing"));
        assert_eq!(actions(&tasks), ["store.update-employee", "mdm.update-employee"]);
        assert_eq!(planned(Event::Updated, Some(before.clone()), Some(before), all("nothing")), []);
    }

    #[test]
    fn another_role_is_told_to_the_dashboard_alone() {
        let before = account("active", [true; 3]);
        let after = before.clone().field("role", "Viewer");
        let tasks = planned(Event::Updated, Some(before), Some(after), all("nothing"));
        assert_eq!((actions(&tasks), tasks[0].text("role")), (vec!["dashboard.update-collaborator"], Some("Viewer")));
    }

    #[test]
    fn a_new_name_that_comes_with_a_deactivation_is_told_where_the_user_stays() {
        let before = account("active", [true; 3]);
        let after = account("disabled", [false, false, true]).field("name", "Ada Lovelace");
        let tasks = planned(Event::Deactivated, Some(before), Some(after), all("unassign"));
        let expected =
            ["store.remove-employee", "dashboard.remove-collaborator", "mdm.update-employee", "mdm.unassign-devices"];
        assert_eq!(actions(&tasks), expected);
    }
    /// What comes of the end of an access of the last Admin's.
    fn last_admin_goes(event: Event, config: Value) -> Result<Vec<Task>, Reject> {
        let before = account("active", [true; 3]).field(LAST_ADMIN, true);
        let after = (event != Event::Deleted).then(|| account("disabled", [false; 3]));
        tasks(&testing::change(event, Some(before), after), &testing::config(config))
    }

    #[test]
    fn the_last_admin_is_neither_deactivated_nor_deleted_unless_the_setting_allows_it() {
        for event in [Event::Deactivated, Event::Deleted] {
            let refused = last_admin_goes(event, all("nothing")).unwrap_err();
            assert_eq!((refused.status, refused.scim_type, refused.detail.as_str()), (409, None, STAYS));
            let mut config = all("nothing");
            config["dashboard"]["last_admin"] = json!("allow");
            let tasks = last_admin_goes(event, config).unwrap();
            assert_eq!(tasks[1].text("last_admin"), Some("allow"));
        }
    }

    #[test]
    fn the_last_admin_can_go_where_the_collaborator_stays() {
        let mut config = all("nothing");
        config["dashboard"]["on_deactivate"] = json!("none");
        assert_eq!(actions(&last_admin_goes(Event::Deactivated, config).unwrap()), ["store.remove-employee"]);
        let mut config = all("nothing");
        config["deletion"] = json!("nothing");
        assert_eq!(last_admin_goes(Event::Deleted, config.clone()).unwrap_err().status, 409, "an Admin by a group");
        let by_creation = account("active", [true; 3]).field(LAST_ADMIN, true).field("role", ADMIN);
        let told = planned(Event::Deleted, Some(by_creation), None, config);
        assert_eq!(actions(&told), ["dashboard.leave-groups"], "who stays an Admin without groups");
    }

    #[test]
    fn the_product_says_who_is_the_last_admin_and_who_is_it_no_longer() {
        let told = |name: &str, account: Account| signalled(&testing::signal(name), account);
        let ada = account("active", [true; 3]);
        let last = told(IS_LAST_ADMIN, ada.clone()).unwrap();
        assert_eq!(last, ada.clone().field(LAST_ADMIN, true));
        assert_eq!(told(IS_LAST_ADMIN, last.clone()).unwrap(), last);
        assert_eq!(told(IS_NOT_LAST_ADMIN, last).unwrap(), ada);
        let gone = account("disabled", [false; 3]);
        let stays = gone.clone().field(LAST_ADMIN, true);
        assert_eq!(told(IS_LAST_ADMIN, gone).unwrap(), stays, "the product has not removed the collaborator");
        assert_eq!(told("signed-in", ada).unwrap_err().status, 400);
    }
}
