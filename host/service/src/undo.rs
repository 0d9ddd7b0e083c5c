//! Taking back what the log tells: as new changes, by the tenant's present plugin and with its plan. Nothing rewrites the log, and an undo
//! can be taken back like anything else (decision record 11).
//!
//! `undo/select.rs` finds the entries, `undo/net.rs` says what they did to one resource all together, `undo/step.rs` takes that back,
//! `undo/together.rs` where names were exchanged, and `undo/rows.rs` the memberships.

mod net;
mod order;
mod outcome;
mod rows;
mod select;
mod so_far;
mod step;
mod together;

use std::collections::BTreeSet;
use std::sync::Arc;

use muster_model::{Actor, RequestId, ResourceId, TenantId, Timestamp};
use muster_store::LogQuery;
use serde::Deserialize;
use serde_json::{Value, json};

pub use outcome::MAX_TOLD;
pub use rows::MAX_ROWS_A_COMMIT;
pub use select::{MAX_UNDO_ENTRIES, MAX_UNDO_MEMBERSHIPS};
pub use together::MAX_EXCHANGED;

use crate::authenticate::Caller;
use crate::jobs::Progress;
use crate::trail::Notes;
use crate::{AdminError, JobId, ScimError, Service};
use outcome::{Outcome, Result as Came};
use select::{Rows, Selection, What, rows_then};
use so_far::SoFar;

/// How many entries are taken back while the operator waits; more of them are a job.
pub const MAX_UNDO_AT_ONCE: usize = 500;

/// As [`MAX_UNDO_AT_ONCE`], for memberships: one entry can tell of many.
pub const MAX_MEMBERSHIPS_AT_ONCE: usize = 10_000;

/// How the ids begin that the log knows undos by.
pub(crate) const REQUESTS_OF_UNDOS: &str = "undo-";

/// What is to be taken back: exactly one of `change`, `request`, and `from` with `to`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewUndo {
    /// One entry of the log, by its number.
    #[serde(default)]
    pub change: Option<u64>,
    /// Everything that a request did, an earlier undo included.
    #[serde(default)]
    pub request: Option<String>,
    /// Everything since this time,
    #[serde(default)]
    pub from: Option<String>,
    /// and before this one.
    #[serde(default)]
    pub to: Option<String>,
    /// Of it only what was done to this resource and its memberships.
    #[serde(default)]
    pub resource: Option<String>,
    /// Says what would be done, and does nothing.
    #[serde(default)]
    pub dry_run: bool,
    /// Takes back also what has changed or was deleted since.
    #[serde(default)]
    pub force: bool,
}

/// What came of it, or who will tell.
#[derive(Debug)]
pub enum Undone {
    /// It is done.
    Now(Value),
    /// It is being done, and this is what the log will know it by.
    Job(JobId, RequestId),
}

/// One undo on its way.
#[derive(Debug)]
struct Undo {
    tenant: TenantId,
    /// What the log will know it by.
    request: RequestId,
    dry_run: bool,
    force: bool,
    /// Whose changes are taken back.
    about: BTreeSet<ResourceId>,
    /// What is done by now.
    so_far: SoFar,
    /// The memberships of those who had been deleted since and have come back.
    brought_back: Selection,
}

impl Service {
    /// Takes back what entries of a tenant's log did, resource by resource; what stands in the way of one does not hold up the others.
    pub async fn undo(self: &Arc<Self>, tenant: &str, new: NewUndo) -> Result<Undone, AdminError> {
        let id = self.row(tenant)?.id;
        let what = what(&new)?;
        let of = match &new.resource {
            None => None,
            Some(of) => {
                let invalid = || AdminError::Wrong("resource is the id of a resource".to_owned());
                Some(ResourceId::parse(of).ok_or_else(invalid)?)
            }
        };
        let selection = self.select(&id, &what, of).await?;
        let undo = Undo {
            tenant: id,
            request: RequestId(format!("{REQUESTS_OF_UNDOS}{}", self.parts.ids.next()).into()),
            dry_run: new.dry_run,
            force: new.force,
            about: BTreeSet::new(),
            so_far: SoFar::default(),
            brought_back: Selection::default(),
        };
        // Said before anything is done: whoever looks for what an undo did that did not come to its end knows by what.
        tracing::info!(
            tenant.id = %undo.tenant, request.id = %undo.request, undo.entries = selection.entries, undo.dry_run = undo.dry_run, "changes are taken back"
        );
        if selection.entries <= MAX_UNDO_AT_ONCE && selection.memberships <= MAX_MEMBERSHIPS_AT_ONCE {
            return Ok(Undone::Now(self.carry_out(undo, selection, &Progress::default()).await));
        }
        let (service, request) = (self.clone(), undo.request.clone());
        let work = |progress| async move { Ok(service.carry_out(undo, selection, &progress).await) };
        Ok(Undone::Job(self.jobs.start_as(&request, "undo", "resources", work)?, request))
    }

    /// The records in the reverse order of what happened to them, so that names are free again before they are taken; then the rows, for
    /// which both ends must be there.
    async fn carry_out(&self, mut undo: Undo, mut selection: Selection, progress: &Progress) -> Value {
        let entries = selection.entries;
        let records = selection.records();
        let rows = std::mem::take(&mut selection.rows);
        undo.about = records.iter().map(|record| record.id).collect();
        progress.set_total(u64::try_from(records.len() + rows.len()).unwrap_or(u64::MAX));
        let mut outcomes = Vec::with_capacity(records.len());
        for selected in &records {
            outcomes.extend(self.undo_records(&mut undo, &[selected], &rows).await);
            progress.advance(1);
        }
        self.undo_those_whose_names_were_taken(&mut undo, &records, &rows, &mut outcomes).await;
        for (group, rows) in &undo.rows_with_those_brought_back(rows) {
            outcomes.extend(self.undo_rows(&undo, *group, rows).await);
            progress.advance(1);
        }
        tracing::info!(
            tenant.id = %undo.tenant, request.id = %undo.request, undo.entries = entries, undo.dry_run = undo.dry_run, "changes taken back"
        );
        told(&undo, entries, &outcomes)
    }

    /// Who takes back: an operator, and the plugin that decides at this moment.
    fn undo_caller(&self, undo: &Undo) -> Result<Caller, ScimError> {
        let view = self.tenants.view();
        let tenant = view.tenant(&undo.tenant).ok_or(ScimError::PluginNotLoaded)?;
        Ok(Caller {
            tenant: tenant.clone(),
            bound: tenant.bound.load_full().ok_or(ScimError::PluginNotLoaded)?,
            actor: Actor::Operator,
            request: undo.request.clone(),
            now: self.parts.clock.now(),
            base: String::new(),
            notes: Notes::default(),
        })
    }
}

impl Undo {
    /// Whether anything of this resource is taken back.
    fn is_about(&self, id: ResourceId) -> bool {
        self.about.contains(&id)
    }

    /// Later entries took away the rows of those who are back in spite of them.
    fn rows_with_those_brought_back(&mut self, mut rows: Rows) -> Rows {
        rows_then(&mut rows, std::mem::take(&mut self.brought_back.rows));
        rows
    }
}

fn what(new: &NewUndo) -> Result<What, AdminError> {
    let one_of =
        || AdminError::Wrong("exactly one of `change`, `request`, and `from` with `to` says what to undo".into());
    let time = |name: &str, text: &str| {
        let invalid = || AdminError::Wrong(format!("{name} is a time as in 2026-11-03T14:03:00Z"));
        Timestamp::parse(text).ok_or_else(invalid)
    };
    match (new.change, &new.request, &new.from, &new.to) {
        (Some(seq), None, None, None) => Ok(What::Change(seq)),
        (None, Some(request), None, None) => {
            let request = Some(RequestId(request.as_str().into()));
            Ok(What::Where(LogQuery { request, ..LogQuery::default() }))
        }
        (None, None, Some(from), Some(to)) => {
            let (from, to) = (time("from", from)?, time("to", to)?);
            if to <= from {
                return Err(AdminError::Wrong("`to` is after `from`".to_owned()));
            }
            Ok(What::Where(LogQuery { request: None, from: Some(from), to: Some(to) }))
        }
        _ => Err(one_of()),
    }
}

fn told(undo: &Undo, entries: usize, outcomes: &[Outcome]) -> Value {
    let count = |came: Came| outcomes.iter().filter(|outcome| outcome.came == came).count();
    let tasks: usize = outcomes.iter().map(|outcome| outcome.tasks_count).sum();
    json!({
        "tenant": undo.tenant,
        "request": undo.request,
        "dry_run": undo.dry_run,
        "entries": entries,
        "undone": count(Came::Undone),
        "partly": count(Came::Partly),
        "unchanged": count(Came::Unchanged),
        "conflicts": count(Came::Conflict),
        "rejected": count(Came::Rejected),
        "failed": count(Came::Failed),
        "tasks": tasks,
        "outcomes": outcomes,
    })
}
