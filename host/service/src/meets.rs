//! What identity providers meet otherwise under another binding, whatever becomes of their resources: the URL, and what the host does itself.

use muster_store::MembersShown;

use crate::binding::Bound;
use crate::settings::{HostSettings, UnknownMembers, WithoutMembers};

/// What an identity provider that is set up for the one binding would no longer find with the other: a sentence each. What is only added, and
/// the wording of a 404, is not among it.
pub(crate) fn otherwise(present: &Bound, next: &Bound) -> Vec<String> {
    let of = |bound: &Bound| bound.plugin.manifest().base_path.clone();
    let moved = moved(&of(present), &of(next));
    let refused = refused(&next.settings).filter(|_| present.settings.scim_refused.is_none());
    refused.into_iter().chain(moved).chain(narrowed(&present.settings, &next.settings)).collect()
}

/// That nothing is served at all: a configuration can be meant for that, and can as well lack what a product wants first.
pub(crate) fn refused(settings: &HostSettings) -> Option<String> {
    let detail = settings.scim_refused.as_ref()?;
    Some(format!("SCIM is switched off, every call is answered 403: {detail:?} (scim.refused-detail)"))
}

fn moved(from: &str, to: &str) -> Option<String> {
    let says = || format!("SCIM is served under {to} and no longer under {from}, where each request is answered 404");
    (from != to).then(says)
}

fn narrowed(present: &HostSettings, next: &HostSettings) -> impl Iterator<Item = String> {
    let ends = |was: bool, is: bool| was && !is;
    let other = |is_so: bool, says: &'static str| is_so.then(|| says.to_owned());
    let members = (present.without_members != next.without_members).then(|| match next.without_members {
        WithoutMembers::Keep => "a PUT of a group without members keeps them (groups.put-without-members)".to_owned(),
        WithoutMembers::Empty => "a PUT of a group without members removes all (groups.put-without-members)".to_owned(),
    });
    let leaves_out = present.members_shown == MembersShown::All && next.members_shown == MembersShown::Listed;
    let refuses = present.unknown_members == UnknownMembers::Ignore && next.unknown_members == UnknownMembers::Refuse;
    let inactive = next.users_inactive_states.iter().filter(|state| !present.users_inactive_states.contains(state));
    let inactive: Vec<&str> = inactive.map(String::as_str).collect();
    let hides = (!inactive.is_empty()).then(|| {
        let states = inactive.join(", ");
        format!(
            "users in these states are shown as not active, and whoever writes that back disables them: {states} (users.inactive-states)"
        )
    });
    [
        other(ends(present.groups_served, next.groups_served), "groups are no longer served (groups.served)"),
        other(
            ends(present.users_full_list, next.users_full_list),
            "a list of users without a filter is empty (users.full-list)",
        ),
        other(ends(present.bulk_served, next.bulk_served), "/Bulk is no longer served (bulk.served)"),
        other(
            ends(present.users_put_creates, next.users_put_creates),
            "a PUT to an unknown user's id no longer creates one (users.put-creates)",
        ),
        other(refuses, "members that do not exist are refused (groups.unknown-members)"),
        other(
            ends(present.duplicate_group_names, next.duplicate_group_names),
            "two groups can no longer have one name (groups.duplicate-names)",
        ),
        members,
        other(
            leaves_out,
            "members whose account is not listed are not shown in groups, and stay in them until a request removes them by id (groups.members-shown)",
        ),
        hides,
    ]
    .into_iter()
    .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(present: &HostSettings, next: &HostSettings) -> Vec<String> {
        narrowed(present, next).collect()
    }

    #[test]
    fn another_base_path_is_told_with_the_one_before() {
        assert_eq!(moved("/scim/v2", "/scim/v2"), None);
        let says = "SCIM is served under /scim/v2 and no longer under /api/v2/scim, where each request is answered 404";
        assert_eq!(moved("/api/v2/scim", "/scim/v2").as_deref(), Some(says));
    }

    #[test]
    fn a_tenant_of_which_every_call_is_refused_is_told_with_what_it_answers() {
        let off =
            HostSettings { scim_refused: Some("not before it is activated".to_owned()), ..HostSettings::default() };
        let says =
            "SCIM is switched off, every call is answered 403: \"not before it is activated\" (scim.refused-detail)";
        assert_eq!(refused(&off).as_deref(), Some(says));
        assert_eq!(refused(&HostSettings::default()), None);
    }

    #[test]
    fn what_is_no_longer_to_be_had_is_told_and_what_is_added_is_not() {
        let much = HostSettings {
            users_put_creates: true,
            duplicate_group_names: true,
            user_not_found: Some("nobody".to_owned()),
            ..HostSettings::default()
        };
        let little = HostSettings {
            groups_served: false,
            users_full_list: false,
            users_inactive_states: vec!["invited".to_owned(), "on leave".to_owned()],
            bulk_served: false,
            unknown_members: UnknownMembers::Refuse,
            without_members: WithoutMembers::Empty,
            members_shown: MembersShown::Listed,
            ..HostSettings::default()
        };
        let expected = [
            "groups are no longer served (groups.served)",
            "a list of users without a filter is empty (users.full-list)",
            "/Bulk is no longer served (bulk.served)",
            "a PUT to an unknown user's id no longer creates one (users.put-creates)",
            "members that do not exist are refused (groups.unknown-members)",
            "two groups can no longer have one name (groups.duplicate-names)",
            "a PUT of a group without members removes all (groups.put-without-members)",
            "members whose account is not listed are not shown in groups, and stay in them until a request removes them by id (groups.members-shown)",
            "users in these states are shown as not active, and whoever writes that back disables them: invited, on leave (users.inactive-states)",
        ];
        assert_eq!(told(&much, &little), expected);
        let kept = "a PUT of a group without members keeps them (groups.put-without-members)";
        assert_eq!(told(&little, &much), [kept]);
        assert_eq!(told(&much, &much), Vec::<String>::new());
    }
}
