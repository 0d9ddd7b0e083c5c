//! What an accident has come to by now: nothing is judged while the brake is engaged, and somebody has to decide over all of it.

use muster_model::{BrakeSettings, Engaged, Progress, Standing, Task, TenantId, TenantRow};
use muster_store::{MAX_TASKS_A_PAGE, StoreError};
use serde::Serialize;

use super::tally::{Counts, Suspect, Tally};
use crate::Service;

/// How many entries of the log one look at an engaged brake counts at most; the next look goes on.
pub const MAX_ENTRIES_A_LOOK: usize = 5_000;

/// How many tasks that wait are looked at for those that would be held.
pub const MAX_WAITING_LOOKED_AT: usize = 5_000;

/// How many entries are read at once.
const READ_AT_ONCE: usize = 500;

/// What is counted at this moment: within the window, or since the accident began, if the brake is engaged.
#[derive(Debug, Default, Clone, Copy, Serialize)]
pub(crate) struct Counted {
    #[serde(flatten)]
    pub(crate) counts: Counts,
    /// The last entry of the log that was looked at.
    through: u64,
    /// Whether there was no more.
    is_whole: bool,
}

/// What was lost since the brake was engaged by this entry, and in the window before.
#[derive(Debug)]
pub(super) struct Affected {
    by: u64,
    tally: Tally,
}

/// Tasks that wait and are held when their turn comes.
#[derive(Debug, Default, Clone, Copy, Serialize)]
pub(crate) struct ToBeHeld {
    pub(crate) tasks: u64,
    /// Whether there are no more.
    is_whole: bool,
}

impl Service {
    /// What is counted at this moment.
    pub(crate) async fn counted_by_brake(&self, tenant: &TenantId) -> Result<Counted, StoreError> {
        self.count_through(tenant, u64::MAX).await?;
        let known = self.brakes.of(tenant);
        let mut known = known.lock().await;
        let Some(brake) = self.brake_of(tenant) else { return Ok(Counted::default()) };
        let Some(engaged) = &brake.engaged else {
            let of = |tally: &Tally| Counted { counts: tally.counted(), through: tally.through, is_whole: true };
            return Ok(known.tally.as_ref().map(of).unwrap_or_default());
        };
        let affected = match known.affected.take().filter(|affected| affected.by == engaged.by) {
            Some(affected) => affected,
            None => Affected::new(engaged, brake.settings),
        };
        let Affected { tally, .. } = known.affected.insert(affected);
        let is_whole = self.count_affected(tenant, tally).await?;
        Ok(Counted { counts: tally.counted(), through: tally.through, is_whole })
    }

    /// Goes on counting; whether there is no more.
    async fn count_affected(&self, tenant: &TenantId, tally: &mut Tally) -> Result<bool, StoreError> {
        let directory = self.parts.store.directory(tenant);
        let mut looked_at = 0;
        while looked_at < MAX_ENTRIES_A_LOOK {
            let entries = directory.log(tally.through, READ_AT_ONCE).await?;
            if entries.is_empty() {
                return Ok(true);
            }
            looked_at += entries.len();
            for entry in &entries {
                if tally.is_full() {
                    return Ok(false);
                }
                let kept = self.kept(tenant, &directory, entry).await?;
                for suspect in tally.take(entry, &kept) {
                    match suspect {
                        Suspect::Members(group) => {
                            let members = self.all_then(tenant, &directory, tally, suspect).await?;
                            tally.too_many_groups(group, members);
                        }
                        Suspect::Users(_) | Suspect::Names | Suspect::Groups => {}
                    }
                }
                tally.fit();
            }
            tokio::task::yield_now().await;
        }
        Ok(false)
    }

    /// How many tasks wait that are held when their turn comes, as far as is looked.
    pub(crate) async fn to_be_held(&self, row: &TenantRow) -> Result<ToBeHeld, StoreError> {
        let mut found = ToBeHeld { tasks: 0, is_whole: true };
        if !may_hold(row) {
            return Ok(found);
        }
        let outbox = self.parts.store.outbox(&row.id);
        let (mut after, mut looked_at) = (0, 0);
        while looked_at < MAX_WAITING_LOOKED_AT {
            let tasks = outbox.tasks(Some(Standing::Waiting), after, MAX_TASKS_A_PAGE).await?;
            found.tasks += tasks.iter().filter(|(task, progress)| would_hold(row, task, progress)).count() as u64;
            looked_at += tasks.len();
            match tasks.last().filter(|_| tasks.len() == MAX_TASKS_A_PAGE) {
                Some((task, _)) => after = task.seq,
                None => return Ok(found),
            }
        }
        found.is_whole = false;
        Ok(found)
    }
}

impl Affected {
    /// Nothing of it leaves the window: what is decided over is all that came since.
    fn new(engaged: &Engaged, settings: BrakeSettings) -> Self {
        let settings = BrakeSettings { window_s: u32::MAX, ..settings };
        Self { by: engaged.by, tally: Tally::new(settings, 0, engaged.first.saturating_sub(1)) }
    }
}

/// Whether anything that waits would be held: what it counts decides that only when it engages.
pub(crate) fn may_hold(row: &TenantRow) -> bool {
    let brake = &row.delivery.brake;
    brake.engaged.is_some() || !brake.cancelled.is_empty()
}

/// Whether a task that waits is held when its turn comes.
pub(crate) fn would_hold(row: &TenantRow, task: &Task, progress: &Progress) -> bool {
    let brake = &row.delivery.brake;
    let is_free = !task.task.destructive || progress.is_released;
    !is_free && (brake.engaged.is_some() || brake.is_cancelled(task.change))
}
