use std::sync::Arc;

use muster_model::{Brake, Cancelled, Progress, Standing, Task, TenantId};
use muster_store::{MAX_TASKS_A_PAGE, Outbox, StoreError};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::admin::tasks::{Verdict, decided};
use crate::brake::released_told;
use crate::{AdminError, Service};

/// How many tasks one call looks at, of all of them; and how many users or tasks can be named.
pub const MAX_RELIEVED_AT_ONCE: usize = 1_000;

/// How many refusals are told one by one.
const MAX_REFUSALS_TOLD: usize = 20;

/// How often it is decided again because the task went on meanwhile.
const ATTEMPTS: u32 = 8;

/// What becomes of what is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BrakeRelief {
    /// It is carried out.
    Release,
    /// It is never carried out. What the identity provider has written stays.
    Cancel,
}

impl BrakeRelief {
    /// The word for it, if it is one.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Release, Self::Cancel].into_iter().find(|relief| relief.word() == word)
    }

    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Release => "release",
            Self::Cancel => "cancel",
        }
    }
}

/// Of whom: exactly one of `users`, `tasks` and `all`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewRelief {
    /// Of these users, by id or `userName`, or groups, by id: all their destructive tasks. The brake stays as it is.
    #[serde(default)]
    pub users: Vec<String>,
    /// These tasks. The brake stays as it is.
    #[serde(default)]
    pub tasks: Vec<u64>,
    /// Everything, and the brake is disengaged.
    #[serde(default)]
    pub all: bool,
    /// Where an earlier call for everything has left off: its `next`.
    #[serde(default)]
    pub from: Option<Resume>,
}

/// Where to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resume {
    /// With those that stand so,
    pub standing: Standing,
    /// behind this task.
    pub after: u64,
}

/// What was decided in one call.
#[derive(Debug, Default)]
struct Decided {
    tasks: u64,
    /// Beside those that were cancelled: what is from before the accident.
    released: u64,
    refused: u64,
    refusals: Vec<Value>,
}

impl Service {
    /// Lets go on, or gives up, what the brake holds. Everything is done in steps: `next` is where the next one begins, and a call without
    /// `from` takes up what was interrupted.
    pub async fn relieve_brake(&self, tenant: &str, relief: BrakeRelief, new: NewRelief) -> Result<Value, AdminError> {
        let NewRelief { users, tasks, all, from } = new;
        let named = users.len().max(tasks.len());
        if [!users.is_empty(), !tasks.is_empty(), all].into_iter().filter(|is| *is).count() != 1 {
            return Err(AdminError::Wrong("exactly one of `users`, `tasks` and `all` says whose".to_owned()));
        }
        if from.is_some() && !all {
            return Err(AdminError::Wrong("`from` belongs to `all`".to_owned()));
        }
        if from.is_some_and(|from| !from.standing.blocks()) {
            return Err(AdminError::Wrong("`from` is the `next` of an earlier call".to_owned()));
        }
        if named > MAX_RELIEVED_AT_ONCE {
            return Err(AdminError::Wrong(format!("one request names at most {MAX_RELIEVED_AT_ONCE}")));
        }
        let row = self.row(tenant)?;
        let outbox = self.parts.store.outbox(&row.id);
        let (decided, next) = if all {
            let from = match from {
                Some(from) => from,
                None => self.disengage(tenant, relief).await?,
            };
            self.relieve_part(&row.id, &outbox, relief, from).await?
        } else {
            let is_engaged = row.delivery.brake.engaged.is_some();
            let mut decided = Decided::default();
            // All names are understood before anything is decided.
            for id in self.named_users(&row, &users).await? {
                for (task, progress) in outbox.lanes_of(id, MAX_TASKS_A_PAGE).await? {
                    if is_affected(&task, &progress, is_engaged) {
                        decided.add(task.seq, self.relieve(&outbox, task.seq, relief).await)?;
                    }
                }
            }
            for seq in tasks {
                decided.add(seq, self.relieve(&outbox, seq, relief).await)?;
            }
            (decided, None)
        };
        let Decided { tasks: decided, released, refused, refusals } = decided;
        tracing::info!(tenant.id = %row.id, decision = relief.word(), tasks = decided, "decided over what the brake holds");
        let held = self.held_tasks(&row.id).await?;
        Ok(json!({
            "decided": decided, "released": released, "refused": refused, "refusals": refusals, "next": next,
            "held": held,
        }))
    }

    /// What was done until now is as it should be, or is given up: either way it is not counted again. Where it is done already, where to
    /// take up what is left.
    async fn disengage(&self, tenant: &str, relief: BrakeRelief) -> Result<Resume, AdminError> {
        let _one_at_a_time = self.administration.lock().await;
        let row = self.row(tenant)?;
        let brake = row.delivery.brake.clone();
        // Those that wait behind a held one are given up first: otherwise they are held next, behind who goes through the held ones.
        let standing = match relief {
            BrakeRelief::Release => Standing::Held,
            BrakeRelief::Cancel => Standing::Waiting,
        };
        let resume = Resume { standing, after: 0 };
        let Some(engaged) = &brake.engaged else {
            return if relief == BrakeRelief::Cancel && brake.cancelled.is_empty() {
                Err(AdminError::InUse(
                    "the brake is not engaged: name the users or tasks that are to be cancelled".to_owned(),
                ))
            } else {
                Ok(resume)
            };
        };
        let (by, first, told) = (engaged.by, engaged.first, released_told(engaged, relief.word()));
        self.announce(&row.id, told).await?;
        // What is committed from here on, and held before the row is written, is counted, and asked for again.
        let through = self.parts.store.log_keeper(&row.id).status().await?.last;
        let mut brake = Brake { engaged: None, since: through, ..brake };
        if relief == BrakeRelief::Cancel {
            brake.cancel(Cancelled { first, through });
        }
        let row = self.put_brake(row, brake, 0).await?;
        tracing::info!(tenant.id = %row.id, log.seq = by, decision = relief.word(), "the brake is disengaged");
        // What came meanwhile is counted from here.
        self.brakes.wake(&row.id);
        Ok(resume)
    }

    /// One step of everything. The row alone says what becomes of a task, so nobody who makes a `from` up moves more than it says, and nothing
    /// carries those out meanwhile that wait and are to be cancelled.
    async fn relieve_part(
        &self,
        tenant: &TenantId,
        outbox: &Arc<dyn Outbox>,
        relief: BrakeRelief,
        from: Resume,
    ) -> Result<(Decided, Option<Resume>), AdminError> {
        let mut decided = Decided::default();
        let Some(brake) = self.brake_of(tenant) else { return Ok((decided, None)) };
        let tasks = outbox.tasks(Some(from.standing), from.after, MAX_RELIEVED_AT_ONCE).await?;
        let last = tasks.last().filter(|_| tasks.len() == MAX_RELIEVED_AT_ONCE).map(|(task, _)| task.seq);
        for (task, progress) in tasks {
            let before = decided.tasks;
            let what = match fate(&brake, relief, &task, &progress) {
                Fate::Decided(what) => {
                    decided.add(task.seq, self.relieve(outbox, task.seq, what).await)?;
                    what
                }
                Fate::AskedAgain => {
                    decided.tasks += u64::from(self.hold_no_more(tenant, outbox.as_ref(), &task, progress).await?);
                    BrakeRelief::Release
                }
                Fate::Stays => continue,
            };
            if what != relief {
                decided.released += std::mem::replace(&mut decided.tasks, before) - before;
            }
        }
        let next = match (last, from.standing, relief) {
            (Some(after), ..) => Some(Resume { after, ..from }),
            (None, Standing::Waiting, BrakeRelief::Cancel) => Some(Resume { standing: Standing::Held, after: 0 }),
            (None, ..) => None,
        };
        Ok((decided, next))
    }

    /// Decides over one task as it stands.
    async fn relieve(&self, outbox: &Arc<dyn Outbox>, seq: u64, relief: BrakeRelief) -> Result<(), AdminError> {
        for _ in 0..ATTEMPTS {
            let found = outbox.task(seq).await?;
            let (task, progress) = found.ok_or_else(|| AdminError::NotFound(format!("task {seq}")))?;
            if !task.task.destructive {
                return Err(AdminError::InUse(format!("task {seq} does not destroy, so the brake never holds it")));
            }
            let now = self.parts.clock.now();
            let verdict = match relief {
                BrakeRelief::Release => Verdict::Release,
                BrakeRelief::Cancel if progress.told.is_empty() => Verdict::Cancel,
                BrakeRelief::Cancel => Verdict::Skip,
            };
            let standing = if is_ahead(&task, &progress, relief) {
                Standing::Waiting
            } else {
                verdict.over(&progress, now).map_err(|why| AdminError::InUse(format!("task {seq} {why}")))?
            };
            let expected = progress.revision;
            match outbox.decide(seq, expected, decided(progress, verdict, standing, now)).await {
                Err(StoreError::Stale) => {}
                done => return Ok(done?),
            }
        }
        Err(AdminError::InUse(format!("task {seq} is going on right now; try again")))
    }
}

/// Whether a task of somebody who is named is decided over.
pub(super) fn is_affected(task: &Task, progress: &Progress, is_engaged: bool) -> bool {
    task.task.destructive && !progress.is_released && (progress.standing == Standing::Held || is_engaged)
}

/// It waits behind one that is held, and is not to be held when its turn comes.
fn is_ahead(task: &Task, progress: &Progress, relief: BrakeRelief) -> bool {
    relief == BrakeRelief::Release
        && task.task.destructive
        && progress.standing == Standing::Waiting
        && !progress.is_released
}

/// What becomes of one task when everything is decided over.
#[derive(Debug, PartialEq, Eq)]
enum Fate {
    /// This.
    Decided(BrakeRelief),
    /// It waits as before, unless the brake holds it.
    AskedAgain,
    /// Nothing.
    Stays,
}

/// What somebody has said before is not to be carried out is cancelled, or stays held: only who names it, or its user, lets it go on. What else
/// is held goes on; what only waits does so by itself.
fn fate(brake: &Brake, relief: BrakeRelief, task: &Task, progress: &Progress) -> Fate {
    let is_held = progress.standing == Standing::Held;
    if !task.task.destructive || progress.is_released && !is_held {
        return Fate::Stays;
    }
    match relief {
        BrakeRelief::Cancel if brake.is_cancelled(task.change) => Fate::Decided(BrakeRelief::Cancel),
        BrakeRelief::Release if brake.is_cancelled(task.change) => Fate::Stays,
        BrakeRelief::Cancel | BrakeRelief::Release if !is_held => Fate::Stays,
        BrakeRelief::Cancel | BrakeRelief::Release if task.change <= brake.since => Fate::Decided(BrakeRelief::Release),
        BrakeRelief::Cancel | BrakeRelief::Release => Fate::AskedAgain,
    }
}

impl Decided {
    /// One more; what is not so any more is no reason to end.
    fn add(&mut self, seq: u64, came: Result<(), AdminError>) -> Result<(), AdminError> {
        match came {
            Ok(()) => self.tasks += 1,
            Err(error @ (AdminError::InUse(_) | AdminError::NotFound(_))) => {
                self.refused += 1;
                if self.refusals.len() < MAX_REFUSALS_TOLD {
                    self.refusals.push(json!({ "seq": seq, "detail": error.to_string() }));
                }
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }
}
