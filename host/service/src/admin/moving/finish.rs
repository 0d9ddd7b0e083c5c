use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use muster_model::{PluginDigest, TenantId, TenantRow, TokenRow, Trust};
use muster_store::StoreError;
use muster_store::moving::file::item_line;
use muster_store::moving::{Brought, Counts, Finished, Import, Item, MAX_HELD, Parts, Replay, Unfit, Which};
use serde_json::{Value, json};

use super::super::{retention, scim};
use super::receivers;
use crate::binding::Bound;
use crate::{AdminError, JobId, Progress, Service};

/// What reading an import back has told.
struct ReadBack {
    counts: Counts,
    /// The plugins that are needed, each with one of the tenants that need it.
    needed: BTreeMap<PluginDigest, TenantId>,
    /// How much there is of which no log says anything.
    unproved: u64,
}

impl Service {
    /// Reads back all that an import has brought, holds it against the export, binds the tenants to their plugins, and serves them; as a job.
    /// Until the last step nothing of it is seen, and if something is wrong nothing will be. One that is finished already is answered as it
    /// was then: whoever asks may have missed the answer.
    pub async fn finish_import(self: &Arc<Self>, id: &str) -> Result<JobId, AdminError> {
        let finished = self.finished(id).await?;
        if let Some(finished) = finished {
            let told = self.told(&finished);
            return self.jobs().start("import", "items", move |_| async move { Ok(told) });
        }
        let (import, _) = self.unfinished(id).await?;
        let service = Arc::clone(self);
        self.jobs().start("import", "items", move |progress| async move { service.publish(&import, &progress).await })
    }

    /// What came of a finished import, if it is still remembered.
    pub(super) async fn finished(&self, id: &str) -> Result<Option<Finished>, AdminError> {
        let finished = self.parts.store.mover().finished().await?;
        Ok(finished.into_iter().find(|finished| finished.id.0 == id))
    }

    async fn publish(&self, import: &Import, progress: &Progress) -> Result<Value, AdminError> {
        // No more lines meanwhile.
        let _one_at_a_time = self.loading.lock().await;
        if let Some(finished) = self.finished(&import.id.0).await? {
            return Ok(self.told(&finished));
        }
        self.is_complete(import).await?;
        progress.set_total(import.items);
        let ReadBack { counts, needed, unproved } = self.read_back(import, progress).await?;
        let brought = self.parts.store.mover().brought(&import.id).await?;
        self.has_plugins(import, &brought, &needed).await?;
        let mut bound = Vec::with_capacity(brought.tenants.len());
        for row in &brought.tenants {
            check_rules(row)?;
            bound.push((row.clone(), self.bound_of(import, row).await?));
        }
        self.is_called_so(&brought)?;
        let trust = self.trust_with(import, &brought).await?;
        let tokens = self.tokens_here(import, &brought);
        let tokens_known = tokens.iter().filter(|token| token.key.is_none()).count();
        let finished = Finished {
            id: import.id.clone(),
            at: self.parts.clock.now(),
            whole: import.whole,
            items: import.items,
            digest: import.end,
            counts,
            tokens_known: u64::try_from(tokens_known).unwrap_or(u64::MAX),
            unproved,
        };
        self.serve(&finished, &tokens, bound, trust).await?;
        tracing::info!(import.id = %import.id, items = import.items, tenants = import.tenants.len(), "import finished");
        self.log_grants(finished.counts.tenants.keys());
        Ok(self.told(&finished))
    }

    /// What the operators are told.
    fn told(&self, finished: &Finished) -> Value {
        let mut told = told(finished);
        told["grants"] = self.told_grants(finished.counts.tenants.keys());
        told
    }

    /// The tokens as they are kept here: each says by what key it is recognised, if that is not the one of this deployment.
    fn tokens_here(&self, import: &Import, brought: &Brought) -> Vec<TokenRow> {
        let own = self.token_key_fingerprint();
        let kept = |token: &TokenRow| {
            let key = token.key.clone().unwrap_or_else(|| import.token_key.clone());
            TokenRow { key: Some(key).filter(|key| *key != own), ..token.clone() }
        };
        brought.tokens.iter().map(kept).collect()
    }

    /// Whether the plugins that were loaded are called what the import calls them.
    fn is_called_so(&self, brought: &Brought) -> Result<(), AdminError> {
        let loaded = self.loaded();
        for row in &brought.plugins {
            let manifest = loaded.get(&row.digest).map(|plugin| plugin.manifest());
            if manifest.is_some_and(|manifest| manifest.name != row.name || manifest.version != row.version) {
                return Err(AdminError::Wrong(format!("plugin {} calls itself something else", row.digest)));
            }
        }
        Ok(())
    }

    async fn is_complete(&self, import: &Import) -> Result<(), AdminError> {
        let (_, loaded) = self.unfinished(&import.id.0).await?;
        if loaded.items != import.items {
            let (have, all) = (loaded.items, import.items);
            return Err(AdminError::InUse(format!("{have} of {all} items are there; send the others first")));
        }
        loaded.check.end().map_err(|why| AdminError::Invalid(format!("the last item {why}")))?;
        if loaded.chain != import.end {
            return Err(AdminError::Wrong("what was sent is not what was announced: the digests differ".to_owned()));
        }
        Ok(())
    }

    /// What the store has made of it, item by item: the same lines as in the export, and one moment of its logs, or it is not served.
    async fn read_back(&self, import: &Import, progress: &Progress) -> Result<ReadBack, AdminError> {
        let mut parts = Parts::new(MAX_HELD);
        loop {
            let mut replay = parts.replay();
            let (read, unfit) = match self.read_part(import, progress, &mut replay).await? {
                Ok(read) => (Some(read), None),
                Err(unfit) => (None, Some(unfit)),
            };
            let is_last = parts.heard(unfit.map_or(Ok(&replay), Err)).map_err(AdminError::Invalid)?;
            if let Some(read) = read.filter(|_| is_last) {
                return Ok(ReadBack { unproved: parts.unproved(), ..read });
            }
        }
    }

    /// All of it, of which a part is held against the logs.
    async fn read_part(
        &self,
        import: &Import,
        progress: &Progress,
        replay: &mut Replay,
    ) -> Result<Result<ReadBack, Unfit>, AdminError> {
        let which = Which::Import(import.id.clone());
        let mut export = self.parts.store.mover().export(&which).await?;
        let (mut counts, mut needed, mut chain, mut done) = (Counts::default(), BTreeMap::new(), import.start, 0);
        loop {
            let items: Vec<Item> = export.next().await?;
            if items.is_empty() {
                break;
            }
            for item in &items {
                if let Err(unfit) = replay.take(item) {
                    return Ok(Err(unfit));
                }
                let line = item_line(item).map_err(|error| AdminError::Invalid(format!("an item {error}")))?;
                chain = chain.link(&line);
                counts.add(item);
                if let Some(tenant) = item.tenant() {
                    needed.extend(item.plugins().into_iter().map(|plugin| (plugin, tenant.clone())));
                }
            }
            done += u64::try_from(items.len()).unwrap_or(u64::MAX);
            progress.set_done(done);
        }
        if chain != import.end || done != import.items {
            let why = "what the store has is not what was sent: the digests differ";
            return Err(AdminError::Unavailable(StoreError::Damaged(why.to_owned())));
        }
        if !counts.tenants.keys().eq(import.tenants.iter().collect::<BTreeSet<_>>()) {
            return Err(AdminError::Wrong("a tenant that was announced did not come".to_owned()));
        }
        Ok(replay.end().map(|()| ReadBack { counts, needed, unproved: 0 }))
    }

    async fn has_plugins(
        &self,
        import: &Import,
        brought: &Brought,
        needed: &BTreeMap<PluginDigest, TenantId>,
    ) -> Result<(), AdminError> {
        let mover = self.parts.store.mover();
        for row in &brought.plugins {
            let bytes = mover.plugin(&import.id, &row.digest).await?.unwrap_or_default();
            if PluginDigest::of(&bytes) != row.digest {
                return Err(AdminError::Wrong(format!("the bytes of plugin {} are not its own", row.digest)));
            }
        }
        let mut known: BTreeSet<PluginDigest> = brought.plugins.iter().map(|row| row.digest).collect();
        known.extend(self.parts.store.plugins().await?.iter().map(|row| row.digest));
        match needed.iter().find(|(plugin, _)| !known.contains(plugin)) {
            Some((plugin, tenant)) => {
                Err(AdminError::Invalid(format!("tenant {tenant} needs the plugin {plugin}; push it first")))
            }
            None => Ok(()),
        }
    }

    async fn bound_of(&self, import: &Import, row: &TenantRow) -> Result<Bound, AdminError> {
        let digest = row.binding.plugin;
        let is_loaded = self.loaded().contains_key(&digest);
        if !is_loaded && let Some(bytes) = self.parts.store.mover().plugin(&import.id, &digest).await? {
            self.load(Arc::new(bytes)).await?;
        }
        self.bound(row).await
    }

    /// The last step: at once for all of them.
    async fn serve(
        &self,
        finished: &Finished,
        tokens: &[TokenRow],
        bound: Vec<(TenantRow, Bound)>,
        trust: Option<Trust>,
    ) -> Result<(), AdminError> {
        let _one_at_a_time = self.administration.lock().await;
        {
            let view = self.tenants.view();
            if let Some((row, _)) = bound.iter().find(|(row, _)| view.tenant(&row.id).is_some()) {
                return Err(AdminError::Exists(format!("tenant {}", row.id)));
            }
            if finished.whole {
                is_without_tenants(view.rows().count())?;
            }
            // Who presents a token is one tenant's: no other may have brought the same.
            let mut hashes: BTreeSet<[u8; 32]> = view.tokens().map(|token| *token.hash.as_bytes()).collect();
            if !tokens.iter().all(|token| hashes.insert(*token.hash.as_bytes())) {
                return Err(AdminError::Wrong("a token is there twice, or is another tenant's here".to_owned()));
            }
        }
        if let Some(trust) = trust {
            // Before what it is for: trust that nothing needs yet harms nobody.
            self.put_trust(trust).await?;
        }
        let shown = self.parts.store.mover().finish(finished, tokens).await;
        shown.map_err(|error| match error {
            StoreError::Taken { attribute } => AdminError::Exists(format!("{attribute} of the import")),
            StoreError::Stale => AdminError::InUse("the import has changed meanwhile".to_owned()),
            other => other.into(),
        })?;
        let served: Vec<_> = bound.into_iter().map(|(row, bound)| (self.tenant(&row.id, Some(bound)), row)).collect();
        self.tenants.change(|view| {
            for (tenant, row) in served {
                view.put_tenant(row, tenant);
            }
            for token in tokens {
                view.put_token(token.clone());
            }
        });
        Ok(())
    }
}

/// As it is remembered.
fn told(finished: &Finished) -> Value {
    let Finished { id, at, whole: _, items, digest, counts, tokens_known, unproved } = finished;
    let tokens: u64 = counts.tenants.values().map(|counts| counts.tokens).sum();
    json!({
        "import": id, "finished": at.to_string(), "items": items, "digest": digest, "counts": counts,
        "tokens_work": *tokens_known == tokens, "tokens_unknown": tokens - tokens_known, "unproved": unproved,
    })
}

/// What operators can set has its bounds, however it comes.
fn check_rules(row: &TenantRow) -> Result<(), AdminError> {
    let of_tenant = |error: AdminError| AdminError::Invalid(format!("tenant {}: {error}", row.id));
    retention::check(row.retention).map_err(of_tenant)?;
    scim::check(&row.scim).map_err(of_tenant)?;
    receivers::check(row).map_err(of_tenant)
}

/// A whole deployment goes into one that has nobody yet.
pub(super) fn is_without_tenants(here: usize) -> Result<(), AdminError> {
    if here == 0 {
        return Ok(());
    }
    Err(AdminError::InUse(format!(
        "a whole deployment is imported into one without tenants, and this one has {here}; import single tenants, or use an empty data folder"
    )))
}
