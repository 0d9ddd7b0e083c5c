use muster_model::Seal;
use serde_json::{Value, json};

use crate::verify::{NewVerification, Verified, verify};
use crate::{AdminError, Service};

impl Service {
    /// Seals a tenant's log up to now, and tells its head: to be kept where whoever can write to the store cannot.
    pub async fn log_head(&self, tenant: &str) -> Result<Value, AdminError> {
        let id = self.row(tenant)?.id;
        let Seal { seq, hash, at } = self.seal_all(&id).await?;
        Ok(json!({ "tenant": id, "seq": seq, "hash": hash, "at": at.to_string() }))
    }

    /// Verifies a part of a tenant's log: `end` says whether it was the last, `through` where to go on.
    pub async fn verify_log(&self, tenant: &str, new: NewVerification) -> Result<Value, AdminError> {
        let id = self.row(tenant)?.id;
        let (keeper, directory) = (self.parts.store.log_keeper(&id), self.parts.store.directory(&id));
        let Verified { from, through, held, problem } = verify(keeper.as_ref(), directory.as_ref(), new).await?;
        Ok(json!({
            "tenant": id,
            "ok": problem.is_none(),
            "from": from,
            "through": through,
            "end": held.is_some() || problem.is_some(),
            "unsealed": held.map(|held| held.unsealed),
            "problem": problem,
        }))
    }
}
