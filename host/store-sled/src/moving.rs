//! Giving and taking what the store holds, item by item: `export` reads a snapshot, `load` writes through the committer as everybody does.
//!
//! What an import brings of a tenant stands where it will stay, and is not seen because the tenant's own row is not there; that row, the
//! tokens and the plugins wait in a room of the import's own until it is finished. The names of its tenants are reserved from the beginning.

mod export;
mod load;

use std::sync::Arc;

use async_trait::async_trait;
use muster_model::{PluginDigest, PluginRow, TenantRow, TokenRow};
use muster_store::StoreError;
use muster_store::moving::{
    Brought, Check, Export, Finished, Import, ImportId, Item, Loaded, MAX_FINISHED, Mover, Which,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::TRUST;
use crate::codec;
use crate::committer::Committer;
use crate::core::Core;
use crate::keys::{Range, Space};
use crate::moving::load::{Finish, Load, Sweep};
use crate::prepared::Work;
use crate::reader::Reader;

/// How many rows one step of taking an import back removes.
const MAX_ROWS_A_SWEEP: usize = 5_000;

#[derive(Debug)]
pub(crate) struct SledMover {
    pub(crate) core: Arc<Core>,
    pub(crate) committer: Arc<Committer>,
}

/// Where an import stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum State {
    Loading,
    /// It is being taken back.
    Abandoned,
    /// All of it is shown; what waited is still to be removed.
    Finished,
}

/// How far an import has come, as it is stored.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Stand {
    pub(crate) state: State,
    pub(crate) loaded: Loaded,
}

/// What the committer is asked to do for an import.
pub(crate) enum Moving {
    Begin {
        import: Import,
        row: Vec<u8>,
        stand: Vec<u8>,
    },
    Load(Box<Load>),
    /// The bytes of a plugin, which are shown when its row is.
    PluginBytes {
        digest: PluginDigest,
        bytes: Vec<u8>,
    },
    Finish(Box<Finish>),
    Sweep(Box<Sweep>),
}

#[async_trait]
impl Mover for SledMover {
    async fn export(&self, which: &Which) -> Result<Box<dyn Export>, StoreError> {
        export::begin(self, which).await
    }

    async fn imports(&self) -> Result<Vec<(Import, Loaded)>, StoreError> {
        let mut found = Vec::new();
        for import in self.rows::<Import>(Space::deployment().rows(b'I'), "an import").await? {
            let stand = self.stand(&import.id).await?;
            if let Some(stand) = stand.filter(|stand| stand.state != State::Finished) {
                found.push((import, stand.loaded));
            }
        }
        Ok(found)
    }

    async fn begin(&self, import: &Import) -> Result<(), StoreError> {
        for earlier in self.rows::<Import>(Space::deployment().rows(b'I'), "an import").await? {
            if self.stand(&earlier.id).await?.is_some_and(|stand| stand.state == State::Finished) {
                // A crash came before its room was empty.
                while !self.abandon(&earlier.id).await? {}
            }
        }
        let (state, check) = (State::Loading, Check::default());
        let loaded = Loaded { items: 0, chain: import.start, check, abandoned: false };
        let (row, stand) = (codec::encode(import)?, codec::encode(&Stand { state, loaded })?);
        self.work(Moving::Begin { import: import.clone(), row, stand }).await
    }

    async fn load(
        &self,
        import: &ImportId,
        items: Vec<Item>,
        expected: u64,
        loaded: &Loaded,
    ) -> Result<(), StoreError> {
        let stand = Stand { state: State::Loading, loaded: loaded.clone() };
        let load = Load::new(import, items, expected, &stand)?;
        self.work(Moving::Load(Box::new(load))).await
    }

    async fn brought(&self, import: &ImportId) -> Result<Brought, StoreError> {
        let space = Space::deployment();
        Ok(Brought {
            tenants: self.rows(space.waiting(import, b'T'), "a tenant").await?,
            tokens: self.rows(space.waiting(import, b'K'), "a token").await?,
            plugins: self.rows(space.waiting(import, b'P'), "a plugin").await?,
            trust: self.rows(space.waiting(import, b'V'), TRUST).await?.pop(),
        })
    }

    async fn plugin(&self, import: &ImportId, plugin: &PluginDigest) -> Result<Option<Vec<u8>>, StoreError> {
        let range = Space::deployment().waiting_parts(import, plugin);
        let parts = self.core.read_long(move |reader| reader.values(range, usize::MAX)).await?;
        let bytes = parts.iter().flat_map(|(_, part)| part.iter().copied()).collect::<Vec<u8>>();
        Ok(Some(bytes).filter(|bytes| !bytes.is_empty()))
    }

    async fn finish(&self, finished: &Finished, tokens: &[TokenRow]) -> Result<(), StoreError> {
        let import = &finished.id;
        let brought = Brought { tokens: tokens.to_vec(), ..self.brought(import).await? };
        for PluginRow { digest, .. } in &brought.plugins {
            let bytes = self.plugin(import, digest).await?.filter(|bytes| PluginDigest::of(bytes) == *digest);
            let bytes = bytes.ok_or_else(|| codec::damaged("a plugin"))?;
            self.work(Moving::PluginBytes { digest: *digest, bytes }).await?;
        }
        let earlier = self.finished().await?;
        let too_many = (earlier.len() + 1).saturating_sub(MAX_FINISHED);
        let forgotten = earlier.iter().take(too_many).map(|oldest| &oldest.id);
        self.work(Moving::Finish(Box::new(Finish::new(finished, &brought, forgotten)?))).await?;
        // It is there, whatever comes now. Its room is emptied; if that is interrupted, the next one goes on with it.
        loop {
            match self.abandon(import).await {
                Ok(false) => {}
                Ok(true) => return Ok(()),
                Err(error) => {
                    tracing::warn!(%error, "what an import needed while it was brought is not removed yet");
                    return Ok(());
                }
            }
        }
    }

    async fn finished(&self) -> Result<Vec<Finished>, StoreError> {
        let mut finished: Vec<Finished> = self.rows(Space::deployment().rows(b'F'), "a finished import").await?;
        finished.sort_by(|one, other| (one.at, &one.id).cmp(&(other.at, &other.id)));
        Ok(finished)
    }

    async fn abandon(&self, import: &ImportId) -> Result<bool, StoreError> {
        let key = Space::deployment().import(import);
        let Some(row) = self.core.read(|reader| reader.value(key)).await? else { return Ok(true) };
        let announced: Import = codec::decode(&row, "an import")?;
        let Some(stand) = self.stand(import).await? else { return Err(codec::damaged("an import")) };
        let state = if stand.state == State::Finished { State::Finished } else { State::Abandoned };
        if stand.state != state {
            // From here on nothing is loaded any more, so what is there to be removed can be read.
            let stand = Stand { state, loaded: Loaded { abandoned: true, ..stand.loaded } };
            self.work(Moving::Sweep(Box::new(Sweep::closing(import, &stand)?))).await?;
        }
        let brought = self.brought(import).await?;
        let id = import.clone();
        let sweep = self
            .core
            .read_long(move |reader| Sweep::next(reader, &id, &announced.tenants, &brought, state, MAX_ROWS_A_SWEEP))
            .await?;
        let is_last = sweep.is_last;
        self.work(Moving::Sweep(Box::new(sweep))).await?;
        Ok(is_last)
    }
}

impl SledMover {
    async fn work(&self, moving: Moving) -> Result<(), StoreError> {
        self.committer.commit(Work::Move(moving)).await.map(drop)
    }

    async fn stand(&self, import: &ImportId) -> Result<Option<Stand>, StoreError> {
        let key = Space::deployment().import_stand(import);
        let row = self.core.read(|reader| reader.value(key)).await?;
        row.map(|row| codec::decode(&row, "an import")).transpose()
    }

    async fn rows<T: DeserializeOwned>(&self, range: Range, what: &str) -> Result<Vec<T>, StoreError> {
        let read = |reader: &Reader<'_>| reader.values(range, usize::MAX);
        self.core.read(read).await?.iter().map(|(_, value)| codec::decode(value, what)).collect()
    }

    async fn tenants(&self) -> Result<Vec<TenantRow>, StoreError> {
        self.rows(Space::deployment().tenants(), "a tenant").await
    }
}

/// A token in the order in which items stand.
fn by_id(tokens: &mut [TokenRow]) {
    tokens.sort_by(|one, other| one.id.cmp(&other.id));
}
