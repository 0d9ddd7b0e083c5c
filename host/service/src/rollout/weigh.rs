//! What a candidate makes of one stored resource: the same decision as a write that sends what is stored. Nothing is written.

use std::sync::Arc;
use std::time::Duration;

use muster_model::{Actor, Record};
use muster_plugin::{Manifest, PluginError, ResourcePlan};

use super::Work;
use crate::authenticate::Caller;
use crate::binding::Bound;
use crate::create::Decided;
use crate::patch::Shall;
use crate::retry::Attempt;
use crate::trail::Notes;
use crate::{ScimError, Service};

/// How often a call is made again because the host had no room for one more instance, or because it was too late: a machine with much to do
/// is no finding about a plugin.
const BUSY_TRIES: usize = 40;
const LATE_TRIES: usize = 2;

/// How long to wait in between.
const BUSY_PAUSE: Duration = Duration::from_millis(50);

/// What a candidate makes of one resource.
#[derive(Debug)]
pub(super) enum Weighed {
    /// What is stored already.
    Unchanged,
    /// Something else.
    Changed(Box<Decided>),
    /// It does not serve such resources.
    NotServed,
    /// It does not want it.
    Rejected(ScimError),
    /// It gave no answer.
    Failed(ScimError),
}

/// How often one call is still made again.
#[derive(Debug)]
pub(super) struct Patience {
    busy: usize,
    late: usize,
}

impl Default for Patience {
    fn default() -> Self {
        Self { busy: BUSY_TRIES, late: LATE_TRIES }
    }
}

impl Patience {
    /// Whether a call that ended so is to be made again, after a moment.
    pub(super) async fn tries_again(&mut self, error: &ScimError) -> bool {
        let is_late = matches!(error, ScimError::Plugin(PluginError::Deadline { .. }));
        let left = if is_late { &mut self.late } else { &mut self.busy };
        if !(is_late || matches!(error, ScimError::Overloaded)) || *left == 0 {
            return false;
        }
        *left -= 1;
        tokio::time::sleep(BUSY_PAUSE).await;
        true
    }
}

impl Service {
    /// Who maps for a rollout: Muster itself, by this binding.
    pub(super) fn rollout_caller(&self, work: &Work, job: &str, bound: Arc<Bound>) -> Result<Caller, ScimError> {
        let view = self.tenants.view();
        let tenant = view.tenant(&work.tenant).ok_or(ScimError::PluginNotLoaded)?;
        Ok(Caller {
            tenant: tenant.clone(),
            bound,
            actor: Actor::Job(job.to_owned()),
            request: work.request(),
            now: self.parts.clock.now(),
            base: String::new(),
            notes: Notes::default(),
        })
    }

    /// One attempt; what is not about this one resource is an error.
    pub(super) async fn weigh(&self, caller: &Caller, record: &Record) -> Result<Weighed, Attempt> {
        if caller.bound.served(&record.resource_type).is_err() {
            return Ok(Weighed::NotServed);
        }
        let mut patience = Patience::default();
        loop {
            let shall = Shall { document: Some(record.document.clone()), names_too: true, ..Shall::default() };
            let error = match self.decide(caller, record, shall).await {
                Ok(None) => return Ok(Weighed::Unchanged),
                Ok(Some(decided)) => return Ok(Weighed::Changed(Box::new(decided))),
                Err(Attempt::Failed(error)) => error,
                Err(Attempt::Stale) => return Err(Attempt::Stale),
            };
            if patience.tries_again(&error).await {
                continue;
            }
            return if matches!(error, ScimError::Plugin(_)) {
                Ok(Weighed::Failed(error))
            } else if error.wire().status.is_client_error() {
                Ok(Weighed::Rejected(error))
            } else {
                Err(Attempt::Failed(error))
            };
        }
    }
}

/// What the candidate reads of resources and the present binding does not keep of them: nobody can say what it would make of that.
pub(super) fn not_kept(present: &Bound, candidate: &Bound) -> Vec<String> {
    let manifest: &Manifest = candidate.plugin.manifest();
    let of = |plan: &ResourcePlan| -> Vec<String> {
        let kind = plan.kind.resource_type();
        let Some(kept) = present.served.get(kind) else { return Vec::new() };
        let lost = plan.attributes.iter().filter(|path| kept.resolve(path).is_none());
        lost.map(|path| format!("{kind}: {path}")).collect()
    };
    manifest.resources.iter().flat_map(of).collect()
}
