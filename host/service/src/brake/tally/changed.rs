//! What one change of the log says to whoever counts.

use muster_model::{BrakeSettings, Change, Event, ResourceId, ResourceType, Snapshot, Timestamp};
use muster_protocol::text::fold;

/// When a window begins that ends then.
pub(in crate::brake) fn window_before(at: Timestamp, settings: &BrakeSettings) -> Timestamp {
    Timestamp::from_millis(at.as_millis().saturating_sub(i64::from(settings.window_s) * 1000))
}

/// How many active users there are more after a change.
pub(in crate::brake) fn net(change: &Change) -> i64 {
    if change.resource_type != ResourceType::USER {
        return 0;
    }
    i64::from(change.after.as_ref().is_some_and(has_access)) - i64::from(change.before.as_ref().is_some_and(has_access))
}

/// How many resources of its kind there are more after a change.
pub(in crate::brake) fn more_of(change: &Change) -> i64 {
    i64::from(change.after.is_some()) - i64::from(change.before.is_some())
}

/// How many members a group has more after a change.
pub(in crate::brake) fn net_members(change: &Change) -> i64 {
    let count = |members: &[ResourceId]| i64::try_from(members.len()).unwrap_or(i64::MAX);
    count(&change.members_added) - count(&change.members_removed)
}

/// Whether a user may do anything: by what makes an entry one that says `deactivated`, also of whom `active` was taken away from.
pub(in crate::brake) fn has_access(snapshot: &Snapshot) -> bool {
    snapshot.document.is_active()
}

/// Whether this user had no access already.
pub(in crate::brake) fn had_none(change: &Change) -> bool {
    change.before.as_ref().is_some_and(|before| !has_access(before))
}

pub(super) fn has_another_name(change: &Change) -> bool {
    let (Some(before), Some(after)) = (&change.before, &change.after) else { return false };
    let (before, after) = (before.document.text("userName"), after.document.text("userName"));
    before != after && before.map(fold) != after.map(fold)
}

/// Whether more is counted after this change. What else comes is read when the next of these does.
pub(crate) fn concerns(change: &Change) -> bool {
    let is_loss = match change.event {
        Event::Deactivated | Event::Deleted => true,
        Event::Created
        | Event::Updated
        | Event::Reactivated
        | Event::MemberAdded
        | Event::MemberRemoved
        | Event::Signalled => !change.members_removed.is_empty(),
    };
    is_loss || change.resource_type == ResourceType::USER && has_another_name(change)
}
