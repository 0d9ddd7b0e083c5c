use muster_model::{Field, FieldValue};
use muster_plugin::Rejection;
use muster_store::MembersShown;

use crate::ScimError;

/// How the host does its own part for one tenant: what the plugin's `host-settings` said, typed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a setting of the contract, which has a name of its own")]
pub struct HostSettings {
    /// `detail` of the 403 that every call is answered; `None`: SCIM is served.
    pub scim_refused: Option<String>,
    /// `detail` of the 404 for a user.
    pub user_not_found: Option<String>,
    /// `detail` of the 404 for a group.
    pub group_not_found: Option<String>,
    /// A PUT to an unknown id creates.
    pub users_put_creates: bool,
    /// Whether there are groups at all.
    pub groups_served: bool,
    /// What calls of groups are answered where there are none.
    pub groups_refused: GroupsRefused,
    /// Whether a list of users that filters nothing has them in it.
    pub users_full_list: bool,
    /// States whose users are shown as not active, whatever was written.
    pub users_inactive_states: Vec<String>,
    /// Which members of a group are shown. Who is not stays a member until a client names the id.
    pub members_shown: MembersShown,
    /// Whether `/Bulk` is served and announced.
    pub bulk_served: bool,
    /// What becomes of members that do not exist.
    pub unknown_members: UnknownMembers,
    /// Whether two groups may have the same name.
    pub duplicate_group_names: bool,
    /// What a PUT without `members` does to them.
    pub without_members: WithoutMembers,
}

/// What calls of groups are answered where there are none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroupsRefused {
    /// 404, as at any place where nothing is.
    NotFound,
    /// 501: SCIM knows them, this service does not have them.
    NotImplemented,
}

/// What becomes of members that do not exist (Q18).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnknownMembers {
    /// The known ones are applied: one stale id does not block a group for ever.
    Ignore,
    /// 400, and nothing is applied.
    Refuse,
}

/// What a PUT without `members` does to them (Q16).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WithoutMembers {
    /// Nothing.
    Keep,
    /// Removes them all.
    Empty,
}

impl Default for HostSettings {
    fn default() -> Self {
        Self {
            scim_refused: None,
            user_not_found: None,
            group_not_found: None,
            users_put_creates: false,
            groups_served: true,
            groups_refused: GroupsRefused::NotFound,
            users_full_list: true,
            users_inactive_states: Vec::new(),
            members_shown: MembersShown::All,
            bulk_served: true,
            unknown_members: UnknownMembers::Ignore,
            duplicate_group_names: false,
            without_members: WithoutMembers::Keep,
        }
    }
}

impl HostSettings {
    /// The 403 that every call is answered where SCIM is not served.
    pub(crate) fn serves(&self) -> Result<(), ScimError> {
        let refused =
            |detail: &String| ScimError::Rejected(Rejection { status: 403, scim_type: None, detail: detail.clone() });
        self.scim_refused.as_ref().map_or(Ok(()), |detail| Err(refused(detail)))
    }

    /// Reads what a plugin said (the table in `wit/v2/plugin.wit`). The error is a sentence for the operator.
    pub fn read(fields: &[Field]) -> Result<Self, String> {
        let mut settings = Self::default();
        for Field { name, value } in fields {
            match name.as_str() {
                "scim.refused-detail" => settings.scim_refused = Some(text(name, value)?.to_owned()),
                "users.not-found-detail" => settings.user_not_found = Some(text(name, value)?.to_owned()),
                "groups.not-found-detail" => settings.group_not_found = Some(text(name, value)?.to_owned()),
                "users.put-creates" => settings.users_put_creates = boolean(name, value)?,
                "groups.served" => settings.groups_served = boolean(name, value)?,
                "groups.refused-status" => {
                    settings.groups_refused = match integer(name, value)? {
                        404 => GroupsRefused::NotFound,
                        501 => GroupsRefused::NotImplemented,
                        _ => return Err(format!("the host setting {name} is 404 or 501")),
                    };
                }
                "users.inactive-states" => {
                    let states = text(name, value)?.split(',').map(|state| state.trim().to_owned());
                    settings.users_inactive_states = states.collect();
                }
                "groups.members-shown" => {
                    settings.members_shown = match text(name, value)? {
                        "all" => MembersShown::All,
                        "listed" => MembersShown::Listed,
                        _ => return Err(format!("the host setting {name} is `all` or `listed`")),
                    };
                }
                "users.full-list" => settings.users_full_list = boolean(name, value)?,
                "bulk.served" => settings.bulk_served = boolean(name, value)?,
                "groups.duplicate-names" => settings.duplicate_group_names = boolean(name, value)?,
                "groups.unknown-members" => {
                    settings.unknown_members = match text(name, value)? {
                        "ignore" => UnknownMembers::Ignore,
                        "refuse" => UnknownMembers::Refuse,
                        _ => return Err(format!("the host setting {name} is `ignore` or `refuse`")),
                    };
                }
                "groups.put-without-members" => {
                    settings.without_members = match text(name, value)? {
                        "keep" => WithoutMembers::Keep,
                        "empty" => WithoutMembers::Empty,
                        _ => return Err(format!("the host setting {name} is `keep` or `empty`")),
                    };
                }
                unknown => return Err(format!("this version of Muster has no host setting {unknown}")),
            }
        }
        Ok(settings)
    }
}

/// How long a not-found sentence can be, in bytes.
const MAX_DETAIL_BYTES: usize = 1024;

fn text<'a>(name: &str, value: &'a FieldValue) -> Result<&'a str, String> {
    match value {
        FieldValue::Text(text) if text.trim().is_empty() => Err(format!("the host setting {name} is empty")),
        FieldValue::Text(text) if text.len() <= MAX_DETAIL_BYTES => Ok(text),
        FieldValue::Text(_) => Err(format!("the host setting {name} is longer than {MAX_DETAIL_BYTES} bytes")),
        FieldValue::Boolean(_) | FieldValue::Integer(_) | FieldValue::Decimal(_) | FieldValue::Json(_) => {
            Err(format!("the host setting {name} is a text"))
        }
    }
}

fn integer(name: &str, value: &FieldValue) -> Result<i64, String> {
    match value {
        FieldValue::Integer(value) => Ok(*value),
        FieldValue::Boolean(_) | FieldValue::Text(_) | FieldValue::Decimal(_) | FieldValue::Json(_) => {
            Err(format!("the host setting {name} is an integer"))
        }
    }
}

fn boolean(name: &str, value: &FieldValue) -> Result<bool, String> {
    match value {
        FieldValue::Boolean(value) => Ok(*value),
        FieldValue::Text(_) | FieldValue::Integer(_) | FieldValue::Decimal(_) | FieldValue::Json(_) => {
            Err(format!("the host setting {name} is a boolean"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(name: &str, value: FieldValue) -> Field {
        Field { name: name.to_owned(), value }
    }

    #[test]
    fn every_setting_of_the_contract_is_read() {
        let settings = HostSettings::read(&[
            field("scim.refused-detail", FieldValue::Text("not switched on".into())),
            field("users.not-found-detail", FieldValue::Text("User not found".into())),
            field("groups.not-found-detail", FieldValue::Text("Group not found".into())),
            field("users.put-creates", FieldValue::Boolean(true)),
            field("groups.served", FieldValue::Boolean(false)),
            field("groups.refused-status", FieldValue::Integer(501)),
            field("users.full-list", FieldValue::Boolean(false)),
            field("users.inactive-states", FieldValue::Text("invited, on leave".into())),
            field("groups.members-shown", FieldValue::Text("listed".into())),
            field("bulk.served", FieldValue::Boolean(false)),
            field("groups.unknown-members", FieldValue::Text("refuse".into())),
            field("groups.duplicate-names", FieldValue::Boolean(true)),
            field("groups.put-without-members", FieldValue::Text("empty".into())),
        ])
        .unwrap();

        assert_eq!(
            settings,
            HostSettings {
                scim_refused: Some("not switched on".into()),
                user_not_found: Some("User not found".into()),
                group_not_found: Some("Group not found".into()),
                users_put_creates: true,
                groups_served: false,
                groups_refused: GroupsRefused::NotImplemented,
                users_full_list: false,
                users_inactive_states: vec!["invited".into(), "on leave".into()],
                members_shown: MembersShown::Listed,
                bulk_served: false,
                unknown_members: UnknownMembers::Refuse,
                duplicate_group_names: true,
                without_members: WithoutMembers::Empty,
            }
        );
    }

    #[test]
    fn of_a_group_all_members_are_shown_or_the_listed_ones_and_no_others() {
        let read = |value: &str| HostSettings::read(&[field("groups.members-shown", FieldValue::Text(value.into()))]);

        assert_eq!(read("all").unwrap(), HostSettings::default());
        assert_eq!(read("active").unwrap_err(), "the host setting groups.members-shown is `all` or `listed`");
    }

    #[test]
    fn an_unknown_setting_is_refused_by_name() {
        let refused = HostSettings::read(&[field("users.colour", FieldValue::Text("blue".into()))]);

        assert_eq!(refused.unwrap_err(), "this version of Muster has no host setting users.colour");
    }

    #[test]
    fn a_setting_of_the_wrong_type_is_refused_by_name() {
        let refused = HostSettings::read(&[field("users.put-creates", FieldValue::Text("yes".into()))]);

        assert_eq!(refused.unwrap_err(), "the host setting users.put-creates is a boolean");
    }

    #[test]
    fn groups_are_refused_with_404_or_501_and_no_other_status() {
        let read = |value| HostSettings::read(&[field("groups.refused-status", value)]);
        let refused = |value| read(value).unwrap_err();

        assert_eq!(read(FieldValue::Integer(404)).unwrap(), HostSettings::default());
        assert_eq!(refused(FieldValue::Integer(403)), "the host setting groups.refused-status is 404 or 501");
        assert_eq!(refused(FieldValue::Text("501".into())), "the host setting groups.refused-status is an integer");
    }
}
