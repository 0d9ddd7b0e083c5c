use muster_model::{Seal, TenantRow};
use serde_json::{Value, json};

use crate::verify::{ExportedHead, KeptNow, KeptThen, NewVerification, Verified, verify};
use crate::{AdminError, Service};

impl Service {
    /// Seals a tenant's log up to now, and tells its head: to be kept where whoever can write to the store cannot.
    pub async fn log_head(&self, tenant: &str) -> Result<ExportedHead, AdminError> {
        let TenantRow { id, retention, .. } = self.row(tenant)?;
        let keeper = self.parts.store.log_keeper(&id);
        loop {
            let Seal { seq, hash, at } = self.seal_all(&id).await?;
            let before = keeper.status().await?;
            let first_seal = keeper.seals(before.anchor.seq, 1).await?.first().copied();
            let status = keeper.status().await?;
            // What retention takes meanwhile belongs to another answer.
            if status.anchor == before.anchor && status.anchor.seq <= seq {
                let since = first_seal.map_or(at, |seal| seal.at);
                let kept = KeptThen { at, first: status.first, since, log_days: retention.log_days };
                return Ok(ExportedHead { tenant: Some(id), seq, hash, kept: Some(kept) });
            }
        }
    }

    /// Verifies a part of a tenant's log: `end` says whether it was the last, `through` where to go on.
    pub async fn verify_log(&self, tenant: &str, new: NewVerification) -> Result<Value, AdminError> {
        let TenantRow { id, retention, .. } = self.row(tenant)?;
        if let Some(other) = new.head.as_ref().and_then(|head| head.tenant.as_ref()).filter(|head| **head != id) {
            return Err(AdminError::Invalid(format!("the head is of the log of tenant {other}, not of {id}")));
        }
        // A clock that is not believed only makes what is gone look older.
        let kept = KeptNow { now: self.parts.clock.now(), log_days: retention.log_days };
        let (keeper, directory) = (self.parts.store.log_keeper(&id), self.parts.store.directory(&id));
        let Verified { from, through, held, problem, not_compared, note } =
            verify(keeper.as_ref(), directory.as_ref(), new, kept).await?;
        Ok(json!({
            "tenant": id,
            "ok": problem.is_none() && not_compared.is_none(),
            "from": from,
            "through": through,
            "end": held.is_some() || problem.is_some(),
            "unsealed": held.map(|held| held.unsealed),
            "problem": problem,
            "not_compared": not_compared,
            "note": note,
        }))
    }
}
