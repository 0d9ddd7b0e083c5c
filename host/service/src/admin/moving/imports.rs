use std::sync::Arc;

use muster_model::{TenantId, Timestamp};
use muster_store::StoreError;
use muster_store::moving::file::{self, MAX_TENANTS};
use muster_store::moving::{Chain, Check, Import, ImportId, Item, Loaded, by_length};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::finish::is_without_tenants;
use crate::{AdminError, JobId, Service};

/// How many imports can be unfinished at once.
pub const MAX_IMPORTS: usize = 8;

/// How many items one request can bring.
pub const MAX_ITEMS_A_LOAD: usize = 5_000;

/// How large the lines of one request can be, in bytes: there is room for the longest.
pub const MAX_LOAD_BYTES: usize = file::MAX_LINE_BYTES + 1;

/// How much of a name is made of what is imported, in bytes.
const ID_BYTES: usize = 16;

/// An import to be begun, or to be gone on with.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewImport {
    /// The first line of the export, as it stands there.
    pub manifest: String,
    /// The tenants that are brought.
    pub tenants: Vec<String>,
    /// Whether all of the export is brought, to a deployment that has no tenants.
    pub whole: bool,
    /// How many items will be brought.
    pub items: u64,
    /// The digest over the first line and all of them.
    pub digest: Chain,
}

/// An unfinished import, as operators see it.
#[derive(Debug, Clone, Serialize)]
pub struct ImportView {
    /// Its name.
    pub id: ImportId,
    /// Whether it is of a whole deployment.
    pub whole: bool,
    /// What it brings.
    pub tenants: Vec<TenantId>,
    /// When it was begun.
    pub begun: Timestamp,
    /// How many items are there: which one is next.
    pub items: u64,
    /// How many there will be.
    pub total: u64,
    /// Whether it is being taken back.
    pub abandoned: bool,
    /// Whether it is finished: then it is there already, and all of it is served.
    pub finished: bool,
    /// The fingerprint of the key that tokens are recognised with here: those that were made with another will not work.
    pub token_key: String,
}

impl Service {
    /// Begins an import; if it was begun before, says how far it is. Nothing of it is served before it is finished.
    pub async fn begin_import(&self, new: NewImport) -> Result<ImportView, AdminError> {
        let line = new.manifest.as_bytes();
        let manifest =
            file::read_manifest(line).map_err(|error| AdminError::Invalid(format!("the first line {error}")))?;
        let mut tenants = Vec::with_capacity(new.tenants.len().min(MAX_TENANTS));
        for name in &new.tenants {
            tenants.push(TenantId::parse(name).map_err(|error| AdminError::Invalid(error.to_string()))?);
        }
        tenants.sort_by(|one, other| by_length(one.as_str(), other.as_str()));
        tenants.dedup();
        if tenants.len() > MAX_TENANTS || (tenants.is_empty() && !new.whole) {
            return Err(AdminError::Wrong(format!("an import is of 1 to {MAX_TENANTS} tenants")));
        }
        if new.whole && !manifest.whole {
            return Err(AdminError::Wrong("the export is not of a whole deployment".to_owned()));
        }
        let named = Sha256::new().chain_update(Sha256::digest(line)).chain_update(json!(tenants).to_string());
        let named: [u8; 32] = named.chain_update(new.digest.to_string()).finalize().into();
        let import = Import {
            id: ImportId(hex::encode(&named[..ID_BYTES])),
            whole: new.whole,
            tenants,
            items: new.items,
            start: Chain::START.link(line),
            end: new.digest,
            token_key: manifest.token_key,
            begun: self.parts.clock.now(),
        };
        // Nobody creates a tenant meanwhile, and nobody begins the same import.
        let _one_at_a_time = self.administration.lock().await;
        if let Some(finished) = self.finished(&import.id.0).await? {
            let begun = finished.at;
            let loaded = Loaded { items: finished.items, chain: import.end, check: Check::default(), abandoned: false };
            return Ok(ImportView { finished: true, ..self.import_view(&Import { begun, ..import }, &loaded) });
        }
        let mover = self.parts.store.mover();
        let unfinished = mover.imports().await?;
        if let Some((import, loaded)) = unfinished.iter().find(|(other, _)| other.id == import.id) {
            return Ok(self.import_view(import, loaded));
        }
        self.has_room_for(&import, &unfinished)?;
        mover.begin(&import).await.map_err(|error| match error {
            StoreError::Taken { .. } => AdminError::InUse("one of the tenants is there already".to_owned()),
            other => other.into(),
        })?;
        tracing::info!(import.id = %import.id, items = import.items, tenants = import.tenants.len(), "import begun");
        let loaded = Loaded { items: 0, chain: import.start, check: Check::default(), abandoned: false };
        Ok(self.import_view(&import, &loaded))
    }

    /// Says what is in the way.
    fn has_room_for(&self, import: &Import, unfinished: &[(Import, Loaded)]) -> Result<(), AdminError> {
        let view = self.tenants.view();
        if let Some(taken) = import.tenants.iter().find(|tenant| view.tenant(tenant).is_some()) {
            return Err(AdminError::Exists(format!("tenant {taken}")));
        }
        if import.whole {
            is_without_tenants(view.rows().count())?;
        }
        let is_wanted = |tenant: &TenantId| import.whole || import.tenants.contains(tenant);
        if let Some((other, _)) =
            unfinished.iter().find(|(other, _)| other.whole || other.tenants.iter().any(is_wanted))
        {
            let id = &other.id;
            return Err(AdminError::InUse(format!("the import {id} is not finished; finish it, or abandon it")));
        }
        if unfinished.len() >= MAX_IMPORTS {
            let why = format!("{MAX_IMPORTS} imports are not finished; finish one, or abandon it");
            return Err(AdminError::InUse(why));
        }
        Ok(())
    }

    /// Takes lines of an export: the items numbered `from` and following.
    pub async fn load_import(&self, id: &str, from: u64, lines: bytes::Bytes) -> Result<ImportView, AdminError> {
        // Two requests with the same lines are not the same twice.
        let _one_at_a_time = self.loading.lock().await;
        let (import, loaded) = self.unfinished(id).await?;
        if loaded.abandoned {
            return Err(AdminError::InUse(format!("the import {id} is being abandoned")));
        }
        if loaded.items != from {
            let at = loaded.items;
            return Err(AdminError::InUse(format!("the import {id} is at item {at}, not at {from}")));
        }
        let announced = import.clone();
        let read = move || read_lines(&announced, loaded, &lines);
        let read = tokio::task::spawn_blocking(read).await;
        let (items, loaded) =
            read.map_err(|error| AdminError::Unavailable(StoreError::Unavailable(Box::new(error))))??;
        let through = loaded.items;
        let taken = self.parts.store.mover().load(&import.id, items, from, &loaded).await;
        taken.map_err(|error| match error {
            StoreError::Stale => AdminError::Invalid(format!(
                "among the items {from} to {through} is one that is there already, or that refers to what is not there; nothing of them was taken"
            )),
            StoreError::Taken { attribute } => AdminError::Invalid(format!(
                "among the items {from} to {through} is one whose {attribute} another resource has; nothing of them was taken"
            )),
            other => other.into(),
        })?;
        Ok(self.import_view(&import, &loaded))
    }

    /// The imports that are not finished.
    pub async fn list_imports(&self) -> Result<Vec<ImportView>, AdminError> {
        let unfinished = self.parts.store.mover().imports().await?;
        Ok(unfinished.iter().map(|(import, loaded)| self.import_view(import, loaded)).collect())
    }

    /// One of them.
    pub async fn show_import(&self, id: &str) -> Result<ImportView, AdminError> {
        let (import, loaded) = self.unfinished(id).await?;
        Ok(self.import_view(&import, &loaded))
    }

    /// Takes back what an import has brought, as a job.
    pub async fn abandon_import(self: &Arc<Self>, id: &str) -> Result<JobId, AdminError> {
        let (import, loaded) = self.unfinished(id).await?;
        let service = Arc::clone(self);
        self.jobs().start("abandon-import", "items", move |progress| async move {
            let _one_at_a_time = service.loading.lock().await;
            progress.set_total(loaded.items);
            while !service.parts.store.mover().abandon(&import.id).await? {}
            progress.set_done(loaded.items);
            tracing::info!(import.id = %import.id, "import abandoned");
            Ok(json!({ "import": import.id }))
        })
    }

    pub(super) async fn unfinished(&self, id: &str) -> Result<(Import, Loaded), AdminError> {
        let shown: String = id.chars().filter(|c| !c.is_control()).take(64).collect();
        let unfinished = self.parts.store.mover().imports().await?;
        let found = unfinished.into_iter().find(|(import, _)| import.id.0 == id);
        found.ok_or_else(|| AdminError::NotFound(format!("unfinished import {shown}")))
    }

    fn import_view(&self, import: &Import, loaded: &Loaded) -> ImportView {
        ImportView {
            id: import.id.clone(),
            whole: import.whole,
            tenants: import.tenants.clone(),
            begun: import.begun,
            items: loaded.items,
            total: import.items,
            abandoned: loaded.abandoned,
            finished: false,
            token_key: self.token_key_fingerprint(),
        }
    }
}

/// Reads lines, and holds each to those before it. Nothing is believed that they say of themselves.
fn read_lines(import: &Import, loaded: Loaded, lines: &[u8]) -> Result<(Vec<Item>, Loaded), AdminError> {
    let Loaded { items: mut number, mut chain, mut check, abandoned } = loaded;
    let mut items = Vec::new();
    let lines = lines.strip_suffix(b"\n").unwrap_or(lines);
    for line in lines.split(|byte| *byte == b'\n') {
        let wrong = |why: &dyn std::fmt::Display| AdminError::Invalid(format!("item {number} {why}"));
        if items.len() == MAX_ITEMS_A_LOAD {
            return Err(AdminError::Wrong(format!("there are more than {MAX_ITEMS_A_LOAD} items in one request")));
        }
        if number == import.items {
            return Err(wrong(&"is one more than was announced"));
        }
        let item = file::read_item(line).map_err(|error| wrong(&error))?;
        check.take(&item).map_err(|error| wrong(&error))?;
        if let Item::Tenant { row, .. } = &item
            && !import.tenants.contains(&row.id)
        {
            return Err(wrong(&"is a tenant that was not announced"));
        }
        if !import.whole && matches!(item, Item::Trust { .. }) {
            return Err(wrong(&"says whom to trust, which is only for an import of a whole deployment"));
        }
        chain = chain.link(line);
        number += 1;
        items.push(item);
    }
    Ok((items, Loaded { items: number, chain, check, abandoned }))
}
