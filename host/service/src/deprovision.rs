//! Whether access has really ended: each deactivation or deletion of a user, its steps, and by when they were done.
//!
//! Nothing of it is written. `steps.rs` derives where a deprovision stands from the log's entry and the tasks that follow from it, so it cannot
//! say anything else than they do. `watch.rs` keeps in memory which ones are not over, beginning with what waits: only that can be late.

mod evidence;
mod steps;
mod story;
mod watch;

use muster_model::{Change, Event, ResourceType};

pub(crate) use crate::events::ends_access;
pub use evidence::{
    Chain as EvidenceChain, EVIDENCE_VERSION, Evidence, EvidenceError, Link as EvidenceLink, MAX_EVIDENCE_BYTES, Proven,
};
pub(crate) use steps::{Judged, State, Waits, millis};
pub(crate) use story::{Deprovision, Which};
pub(crate) use watch::Watch;
pub use watch::{
    DEPROVISION_INTERVAL, MAX_CHECKED_A_ROUND, MAX_TOLD_A_ROUND, MAX_WATCHED_A_TENANT, MAX_WATCHED_TENANTS_TOLD,
};

/// The longest target that can be set: thirty days, in seconds.
pub const MAX_TARGET_S: u32 = 30 * 24 * 60 * 60;

/// Whether somebody whose access had ended has it again by a change of the user itself.
pub(crate) fn gives_access(change: &Change) -> bool {
    match change.event {
        // What was deleted comes back by an undo.
        Event::Reactivated | Event::Created => change.resource_type == ResourceType::USER,
        Event::Updated
        | Event::Deactivated
        | Event::Deleted
        | Event::MemberAdded
        | Event::MemberRemoved
        | Event::Signalled => false,
    }
}
