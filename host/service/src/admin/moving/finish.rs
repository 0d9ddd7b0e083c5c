use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use muster_model::{PluginDigest, TenantId, TenantRow};
use muster_store::StoreError;
use muster_store::moving::file::{Counts, item_line};
use muster_store::moving::{Brought, Import, Item, Which};
use serde_json::{Value, json};

use crate::binding::Bound;
use crate::{AdminError, JobId, Progress, Service};

/// What reading an import back has told.
struct ReadBack {
    counts: Counts,
    /// The plugins that are needed, each with one of the tenants that need it.
    needed: BTreeMap<PluginDigest, TenantId>,
}

impl Service {
    /// Reads back all that an import has brought, holds it against the export, binds the tenants to their plugins, and serves them; as a job.
    /// Until the last step nothing of it is seen, and if something is wrong nothing will be.
    pub async fn finish_import(self: &Arc<Self>, id: &str) -> Result<JobId, AdminError> {
        let (import, _) = self.unfinished(id).await?;
        let service = Arc::clone(self);
        self.jobs().start("import", "items", move |progress| async move { service.publish(&import, &progress).await })
    }

    async fn publish(&self, import: &Import, progress: &Progress) -> Result<Value, AdminError> {
        // No more lines meanwhile.
        let _one_at_a_time = self.loading.lock().await;
        self.is_complete(import).await?;
        progress.set_total(import.items);
        let ReadBack { counts, needed } = self.read_back(import, progress).await?;
        let brought = self.parts.store.mover().brought(&import.id).await?;
        self.has_plugins(import, &brought, &needed).await?;
        let mut bound = Vec::with_capacity(brought.tenants.len());
        for row in &brought.tenants {
            bound.push((row.clone(), self.bound_of(import, row).await?));
        }
        self.serve(import, &brought, bound).await?;
        tracing::info!(import.id = %import.id, items = import.items, tenants = import.tenants.len(), "import finished");
        let tokens_work = import.token_key == self.token_key_fingerprint();
        let (items, digest) = (import.items, import.end);
        Ok(json!({ "items": items, "digest": digest, "counts": counts, "tokens_work": tokens_work }))
    }

    async fn is_complete(&self, import: &Import) -> Result<(), AdminError> {
        let (_, loaded) = self.unfinished(&import.id.0).await?;
        if loaded.items != import.items {
            let (have, all) = (loaded.items, import.items);
            return Err(AdminError::InUse(format!("{have} of {all} items are there; send the others first")));
        }
        loaded.check.end().map_err(|why| AdminError::Invalid(format!("the last item {why}")))?;
        if loaded.chain != import.end {
            return Err(AdminError::Invalid("what was sent is not what was announced: the digests differ".to_owned()));
        }
        Ok(())
    }

    /// What the store has made of it, item by item: the same lines as in the export, or it is not served.
    async fn read_back(&self, import: &Import, progress: &Progress) -> Result<ReadBack, AdminError> {
        let which = Which::Import(import.id.clone());
        let mut export = self.parts.store.mover().export(&which).await?;
        let (mut counts, mut needed, mut chain, mut done) = (Counts::default(), BTreeMap::new(), import.start, 0);
        loop {
            let items: Vec<Item> = export.next().await?;
            if items.is_empty() {
                break;
            }
            for item in &items {
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
            return Err(AdminError::Invalid("a tenant that was announced did not come".to_owned()));
        }
        Ok(ReadBack { counts, needed })
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
                return Err(AdminError::Invalid(format!("the bytes of plugin {} are not its own", row.digest)));
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
        import: &Import,
        brought: &Brought,
        bound: Vec<(TenantRow, Bound)>,
    ) -> Result<(), AdminError> {
        let _one_at_a_time = self.administration.lock().await;
        {
            let view = self.tenants.view();
            if let Some(row) = brought.tenants.iter().find(|row| view.tenant(&row.id).is_some()) {
                return Err(AdminError::Exists(format!("tenant {}", row.id)));
            }
            // Who presents a token is one tenant's: no other may have brought the same.
            let mut hashes: BTreeSet<[u8; 32]> = view.tokens().map(|token| *token.hash.as_bytes()).collect();
            if !brought.tokens.iter().all(|token| hashes.insert(*token.hash.as_bytes())) {
                return Err(AdminError::Invalid("a token is there twice, or is another tenant's here".to_owned()));
            }
        }
        let finished = self.parts.store.mover().finish(&import.id, import.items).await;
        finished.map_err(|error| match error {
            StoreError::Taken { attribute } => AdminError::Exists(format!("{attribute} of the import")),
            StoreError::Stale => AdminError::InUse("the import has changed meanwhile".to_owned()),
            other => other.into(),
        })?;
        let served: Vec<_> = bound.into_iter().map(|(row, bound)| (self.tenant(&row.id, Some(bound)), row)).collect();
        self.tenants.change(|view| {
            for (tenant, row) in served {
                view.put_tenant(row, tenant);
            }
            for token in &brought.tokens {
                view.put_token(token.clone());
            }
        });
        Ok(())
    }
}
