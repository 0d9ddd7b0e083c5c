use muster_model::{Field, FieldValue};
use muster_plugin::Rejection;

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
    /// Whether `/Bulk` is served and announced.
    pub bulk_served: bool,
    /// What becomes of members that do not exist.
    pub unknown_members: UnknownMembers,
    /// Whether two groups may have the same name.
    pub duplicate_group_names: bool,
    /// What a PUT without `members` does to them.
    pub without_members: WithoutMembers,
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
                bulk_served: false,
                unknown_members: UnknownMembers::Refuse,
                duplicate_group_names: true,
                without_members: WithoutMembers::Empty,
            }
        );
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
}
