//! What a tenant can set. The schema says which words there are; here is what they mean, and what they need beside them.

use muster_plugin_sdk::{Config, Problem};
use serde_json::{Map, Value as Json};

/// Who is provisioned: each is configured, planned and carried out by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Audience {
    /// Employees who install apps from the Enterprise Store.
    Store,
    /// Collaborators of the Dashboard.
    Dashboard,
    /// Employees with devices.
    Mdm,
}

/// All of them, in the order in which their tasks are planned.
pub(crate) const AUDIENCES: [Audience; 3] = [Audience::Store, Audience::Dashboard, Audience::Mdm];

impl Audience {
    /// Its name in the configuration, and the field of the account that says whether there is somebody there.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Store => "store",
            Self::Dashboard => "dashboard",
            Self::Mdm => "mdm",
        }
    }

    /// What its people are called there.
    pub(crate) fn person(self) -> &'static str {
        match self {
            Self::Store | Self::Mdm => "employee",
            Self::Dashboard => "collaborator",
        }
    }

    /// Whether a user who is created appears here.
    pub(crate) fn creates(self, config: &Config) -> bool {
        self.setting(config, "on_create").is_some_and(|word| word != "none")
    }

    /// What is done here when a user is deactivated.
    pub(crate) fn on_deactivate(self, config: &Config) -> OnDeactivate {
        match self.setting(config, "on_deactivate").as_deref() {
            Some("remove-employee" | "remove-collaborator" | "remove-user") => OnDeactivate::Remove,
            Some("remove-user-and-devices") => OnDeactivate::RemoveWithDevices,
            Some("unassign") => OnDeactivate::Unassign,
            Some("change-policy") => OnDeactivate::ChangePolicy,
            _ => OnDeactivate::Nothing,
        }
    }

    fn setting(self, config: &Config, name: &str) -> Option<String> {
        config.text(&format!("/{}/{name}", self.name()))
    }
}

/// What is done in an audience when a user is deactivated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OnDeactivate {
    /// Whoever is there stays.
    Nothing,
    /// The employee or collaborator is removed; devices stay, without an owner.
    Remove,
    /// The employee and all devices of the employee are removed.
    RemoveWithDevices,
    /// The employee stays, the devices of the employee are nobody's.
    Unassign,
    /// The employee's devices have another policy from then on.
    ChangePolicy,
}

impl OnDeactivate {
    /// Whether nobody is there afterwards.
    pub(crate) fn removes(self) -> bool {
        matches!(self, Self::Remove | Self::RemoveWithDevices)
    }
}

/// The role that collaborators are made with.
pub(crate) fn role(config: &Config) -> Option<String> {
    config.text("/dashboard/role")
}

/// Whether collaborators who are there get another role when that of the setting is another one.
pub(crate) fn role_follows(config: &Config) -> bool {
    config.boolean("/role_follows_setting").unwrap_or(false)
}

/// Whether the last Admin can be removed.
pub(crate) fn removes_last_admin(config: &Config) -> bool {
    config.text("/dashboard/last_admin").as_deref() == Some("allow")
}

/// The policy that the devices of a deactivated user have.
pub(crate) fn policy(config: &Config) -> Option<String> {
    config.text("/mdm/policy")
}

/// Whether a user who is activated again is created again.
pub(crate) fn reactivation_creates(config: &Config) -> bool {
    config.text("/reactivation").as_deref() != Some("nothing")
}

/// Whether a user who is deleted is deactivated first.
pub(crate) fn deletion_deactivates(config: &Config) -> bool {
    config.text("/deletion").as_deref() != Some("nothing")
}

/// Whether any group gives a role.
pub(crate) fn groups_give_roles(config: &Config) -> bool {
    !group_roles(config).is_empty()
}

/// The role that a group of this name gives to its members. As everywhere else, upper and lower case are one name.
pub(crate) fn role_of_group(config: &Config, name: &str) -> Option<String> {
    let roles = group_roles(config);
    let given = roles.iter().find(|(group, _)| group.to_lowercase() == name.to_lowercase());
    given.and_then(|(_, role)| role.as_str()).map(str::to_owned)
}

fn group_roles(config: &Config) -> Map<String, Json> {
    config.text("/group_roles").and_then(|roles| serde_json::from_str(&roles).ok()).unwrap_or_default()
}

/// How far in front a role is, from 0, when several groups give one.
pub(crate) fn rank(config: &Config, role: &str) -> i64 {
    const ROLES: [&str; 3] = ["Admin", "Editor", "Viewer"];
    let at = |rank: usize| config.text(&format!("/role_order/{rank}"));
    let position = (0..ROLES.len()).position(|rank| at(rank).as_deref().or(ROLES.get(rank).copied()) == Some(role));
    position.and_then(|rank| i64::try_from(rank).ok()).unwrap_or(i64::MAX)
}

/// What the schema cannot say as plainly.
pub(crate) fn problems(config: &Config) -> Vec<Problem> {
    let mut problems = Vec::new();
    if Audience::Dashboard.creates(config) && role(config).is_none() {
        problems.push(Problem::new("/dashboard/role", "whoever creates collaborators has to say with which role"));
    }
    if role_follows(config) && role(config).is_none() {
        problems.push(Problem::new("/dashboard/role", "whoever has collaborators follow the role has to say which"));
    }
    if Audience::Mdm.on_deactivate(config) == OnDeactivate::ChangePolicy && policy(config).is_none() {
        problems.push(Problem::new("/mdm/policy", "whoever changes the policy has to say to which"));
    }
    problems
}

#[cfg(test)]
mod tests {
    use muster_plugin_sdk::testing::config;
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_not_configured_does_nothing() {
        let none = config(json!({}));
        for audience in AUDIENCES {
            assert!(!audience.creates(&none));
            assert_eq!(audience.on_deactivate(&none), OnDeactivate::Nothing);
        }
        assert_eq!(problems(&none), []);
    }

    #[test]
    fn collaborators_need_a_role_and_a_change_of_policy_a_policy() {
        let lacking = config(json!({
            "dashboard": { "on_create": "create-collaborator" }, "mdm": { "on_deactivate": "change-policy" },
        }));
        let places: Vec<_> = problems(&lacking).into_iter().map(|problem| problem.pointer).collect();
        assert_eq!(places, ["/dashboard/role", "/mdm/policy"]);
        let following = config(json!({ "role_follows_setting": true, "dashboard": { "on_deactivate": "none" } }));
        assert_eq!(problems(&following)[0].pointer, "/dashboard/role");
        let whole = config(json!({
            "dashboard": { "on_create": "create-collaborator", "role": "Editor" },
            "mdm": { "on_deactivate": "change-policy", "policy": "locked" },
        }));
        assert_eq!(problems(&whole), []);
    }

    #[test]
    fn a_group_is_found_by_its_name_whatever_stands_in_it() {
        let roles = config(json!({ "group_roles": { "a/b~c": "Editor" } }));
        assert_eq!(role_of_group(&roles, "a/b~c").as_deref(), Some("Editor"));
        assert_eq!(role_of_group(&roles, "A/b~C").as_deref(), Some("Editor"), "as group names are compared");
        assert_eq!(role_of_group(&roles, "a"), None);
        assert!(groups_give_roles(&roles));
        assert!(!groups_give_roles(&config(json!({ "group_roles": {} }))));
    }

    #[test]
    fn roles_have_an_order_that_can_be_set() {
        let ranks = |config: &Config| ["Admin", "Editor", "Viewer"].map(|role| rank(config, role));
        assert_eq!(ranks(&config(json!({}))), [0, 1, 2]);
        assert_eq!(ranks(&config(json!({ "role_order": ["Viewer", "Editor", "Admin"] }))), [2, 1, 0]);
    }
}
