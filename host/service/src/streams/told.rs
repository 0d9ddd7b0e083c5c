use muster_model::{Event, LogEntry, ResourceType, StreamRow};

use super::Passage;
use crate::difference::{differences, document};

/// An event that a stream can tell, with its URI.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Told {
    /// A resource is one of those that the stream tells of, from now on.
    FeedAdd,
    /// It is none of them any more.
    FeedRemove,
    /// A resource is new; which attributes it has.
    CreateNotice,
    /// A resource is new; what it is.
    CreateFull,
    /// A resource or its members have changed; which attributes.
    PatchNotice,
    /// A resource or its members have changed; what became of it.
    PatchFull,
    /// A resource is gone.
    Delete,
    /// `active` became true again.
    Activate,
    /// `active` became false.
    Deactivate,
    /// A request that nobody waited for came to its end.
    AsyncResponse,
    /// RISC: a user is deactivated or deleted.
    AccountDisabled,
    /// CAEP: the same, for who holds sessions.
    SessionRevoked,
    /// SSF: of the stream itself, such as that it missed something.
    StreamUpdated,
}

/// RFC 9967 §2: prefix of its events.
const SCIM: &str = "urn:ietf:params:scim:event:";

impl Told {
    /// All of them.
    pub(crate) const ALL: [Self; 13] = [
        Self::FeedAdd,
        Self::FeedRemove,
        Self::CreateNotice,
        Self::CreateFull,
        Self::PatchNotice,
        Self::PatchFull,
        Self::Delete,
        Self::Activate,
        Self::Deactivate,
        Self::AsyncResponse,
        Self::AccountDisabled,
        Self::SessionRevoked,
        Self::StreamUpdated,
    ];

    /// What a stream tells that was not asked for anything: that something happened, and no value of anybody's.
    pub(crate) const BY_DEFAULT: [Self; 6] =
        [Self::CreateNotice, Self::PatchNotice, Self::Delete, Self::Activate, Self::Deactivate, Self::StreamUpdated];

    /// What is told beside that by a stream that does not tell of everything.
    pub(crate) const OF_A_SCOPE: [Self; 2] = [Self::FeedAdd, Self::FeedRemove];

    /// Its URI.
    pub(crate) const fn uri(self) -> &'static str {
        match self {
            Self::FeedAdd => "urn:ietf:params:scim:event:feed:add",
            Self::FeedRemove => "urn:ietf:params:scim:event:feed:remove",
            Self::CreateNotice => "urn:ietf:params:scim:event:prov:create:notice",
            Self::CreateFull => "urn:ietf:params:scim:event:prov:create:full",
            Self::PatchNotice => "urn:ietf:params:scim:event:prov:patch:notice",
            Self::PatchFull => "urn:ietf:params:scim:event:prov:patch:full",
            Self::Delete => "urn:ietf:params:scim:event:prov:delete",
            Self::Activate => "urn:ietf:params:scim:event:prov:activate",
            Self::Deactivate => "urn:ietf:params:scim:event:prov:deactivate",
            Self::AsyncResponse => "urn:ietf:params:scim:event:misc:asyncresp",
            Self::AccountDisabled => "https://schemas.openid.net/secevent/risc/event-type/account-disabled",
            Self::SessionRevoked => "https://schemas.openid.net/secevent/caep/event-type/session-revoked",
            Self::StreamUpdated => "https://schemas.openid.net/secevent/ssf/event-type/stream-updated",
        }
    }

    /// The event of this URI; of its short names as well: what is behind the beginning that those of the RFC have in common, and
    /// `account-disabled` or `risc:account-disabled` of the others. URNs are written in many cases.
    pub(crate) fn parse(uri: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|told| {
            let own = told.uri();
            let mut names = [Some(own), own.strip_prefix(SCIM)].into_iter().chain(told.short()).flatten();
            names.any(|name| name.eq_ignore_ascii_case(uri))
        })
    }

    /// What an event is called whose URI is none of the RFC.
    const fn short(self) -> [Option<&'static str>; 2] {
        match self {
            Self::AccountDisabled => [Some("account-disabled"), Some("risc:account-disabled")],
            Self::SessionRevoked => [Some("session-revoked"), Some("caep:session-revoked")],
            Self::StreamUpdated => [Some("stream-updated"), Some("ssf:stream-updated")],
            Self::FeedAdd
            | Self::FeedRemove
            | Self::CreateNotice
            | Self::CreateFull
            | Self::PatchNotice
            | Self::PatchFull
            | Self::Delete
            | Self::Activate
            | Self::Deactivate
            | Self::AsyncResponse => [None, None],
        }
    }
}

/// What a stream tells. Of what is told in two ways the fuller one is.
pub(crate) fn told_by(row: &StreamRow) -> Vec<Told> {
    if row.events.is_empty() {
        let of_a_scope = if row.scope.is_empty() { &[][..] } else { &Told::OF_A_SCOPE };
        return [of_a_scope, &Told::BY_DEFAULT].concat();
    }
    row.events.iter().filter_map(|uri| Told::parse(uri)).collect()
}

/// A token of its own: what tells of one entry of the log is one token of RFC 9967, and one each of RISC and CAEP, whose subjects are written
/// otherwise and who want one event a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SetKind {
    /// What RFC 9967 tells of the entry.
    Change,
    /// RISC.
    AccountDisabled,
    /// CAEP.
    SessionRevoked,
}

impl SetKind {
    /// What a task that tells it is called; `None`: as the event that it tells of.
    pub(crate) const fn action(self) -> Option<&'static str> {
        match self {
            Self::Change => None,
            Self::AccountDisabled => Some("risc.account-disabled"),
            Self::SessionRevoked => Some("caep.session-revoked"),
        }
    }

    /// What a task of this name tells.
    pub(crate) fn of(action: &str) -> Self {
        let named = [Self::AccountDisabled, Self::SessionRevoked].into_iter();
        named.into_iter().find(|kind| kind.action() == Some(action)).unwrap_or(Self::Change)
    }
}

/// The tokens that a stream gets of an entry of the log, in this order. `passage` is what the entry is to it; `None`: that cannot be said now,
/// and is when it is told.
pub(crate) fn sets_of(row: &StreamRow, entry: &LogEntry, passage: Option<Passage>) -> Vec<SetKind> {
    let told = told_by(row);
    let takes = |any: &[Told]| any.iter().any(|it| told.contains(it));
    let change = &entry.change;
    let patch = [Told::PatchNotice, Told::PatchFull];
    // A signal of the product may change the account alone, which no SCIM client sees.
    let differs = || {
        !change.members_added.is_empty()
            || !change.members_removed.is_empty()
            || !differences(document(change.before.as_ref()), document(change.after.as_ref())).is_empty()
    };
    let of_resource = || match change.event {
        Event::Created => takes(&[Told::CreateNotice, Told::CreateFull]),
        Event::Updated | Event::Signalled | Event::MemberAdded | Event::MemberRemoved => takes(&patch) && differs(),
        Event::Deactivated => takes(&[Told::Deactivate]) || takes(&patch),
        Event::Reactivated => takes(&[Told::Activate]) || takes(&patch),
        Event::Deleted => takes(&[Told::Delete]),
    };
    let of_state = || state(change.event).is_some_and(|state| takes(&[state]));
    let is_told = match passage {
        Some(Passage::Within | Passage::ByNow) => of_resource(),
        Some(Passage::Entered) => takes(&[Told::FeedAdd]) || of_state(),
        Some(Passage::Left) => takes(&[Told::FeedRemove]) || of_state(),
        Some(Passage::Outside) => return Vec::new(),
        None => of_resource() || takes(&Told::OF_A_SCOPE),
    };
    let ends = change.resource_type == ResourceType::USER && is_ending(change.event);
    [
        (is_told, SetKind::Change),
        (ends && takes(&[Told::AccountDisabled]), SetKind::AccountDisabled),
        (ends && takes(&[Told::SessionRevoked]), SetKind::SessionRevoked),
    ]
    .into_iter()
    .filter_map(|(is_so, kind)| is_so.then_some(kind))
    .collect()
}

/// What is told without any value.
pub(super) const fn state(event: Event) -> Option<Told> {
    match event {
        Event::Deactivated => Some(Told::Deactivate),
        Event::Reactivated => Some(Told::Activate),
        Event::Deleted => Some(Told::Delete),
        Event::Created | Event::Updated | Event::Signalled | Event::MemberAdded | Event::MemberRemoved => None,
    }
}

/// Whether an access ends by it.
pub(crate) const fn is_ending(event: Event) -> bool {
    match event {
        Event::Deactivated | Event::Deleted => true,
        Event::Created
        | Event::Updated
        | Event::Reactivated
        | Event::MemberAdded
        | Event::MemberRemoved
        | Event::Signalled => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_event_is_known_by_its_uri_in_any_case_and_by_its_short_name() {
        for told in Told::ALL {
            assert_eq!(Told::parse(told.uri()), Some(told));
        }
        assert_eq!(Told::parse("urn:ietf:params:SCIM:event:prov:create:FULL"), Some(Told::CreateFull));
        assert_eq!(Told::parse("prov:delete"), Some(Told::Delete));
        for short in ["account-disabled", "risc:account-disabled", "RISC:Account-Disabled"] {
            assert_eq!(Told::parse(short), Some(Told::AccountDisabled), "{short}");
        }
        for short in ["session-revoked", "caep:session-revoked"] {
            assert_eq!(Told::parse(short), Some(Told::SessionRevoked), "{short}");
        }
        assert_eq!(Told::parse("stream-updated"), Some(Told::StreamUpdated));
        assert_eq!(Told::parse("feed:Add"), Some(Told::FeedAdd));
        for unknown in [
            "",
            "prov:put:full",
            "feed:added",
            "urn:ietf:params:scim:event:",
            "delete",
            "caep:account-disabled",
            "risc:session-revoked",
        ] {
            assert_eq!(Told::parse(unknown), None, "{unknown}");
        }
    }

    #[test]
    fn each_token_of_its_own_has_a_name_by_which_its_task_is_known() {
        for kind in [SetKind::Change, SetKind::AccountDisabled, SetKind::SessionRevoked] {
            assert_eq!(SetKind::of(kind.action().unwrap_or("user.deleted")), kind);
        }
    }
}
