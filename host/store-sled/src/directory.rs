//! One tenant's part of the store.

use std::sync::Arc;

use async_trait::async_trait;
use muster_model::{Key, LogEntry, Record, ResourceId, ResourceType};
use muster_store::{Called, Commit, Committed, Directory, Found, Listing, LogQuery, Member, Query, StoreError};

use crate::codec;
use crate::committer::Committer;
use crate::core::Core;
use crate::keys::{Space, last_id};
use crate::log;
use crate::prepared::{Prepared, Work};
use crate::query;
use crate::reader::Reader;
use crate::states;

/// How often a key may change hands while its holder is looked up. Each time takes a whole commit, between two reads of
/// microseconds.
const MAX_TURNS: usize = 16;

/// How many records are looked at for their names, or whether they are listed, on the thread that asks: a millisecond or two.
const MAX_NAMES_AT_ONCE: usize = 1000;

/// How many entries of the log are read on the thread that asks for them: about a millisecond.
const MAX_ENTRIES_AT_ONCE: usize = 50;

#[derive(Debug)]
pub(crate) struct SledDirectory {
    pub(crate) core: Arc<Core>,
    pub(crate) committer: Arc<Committer>,
    pub(crate) space: Space,
}

#[async_trait]
impl Directory for SledDirectory {
    async fn get(&self, kind: &ResourceType, id: ResourceId) -> Result<Option<Record>, StoreError> {
        self.core.read(|reader| reader.record(&self.space, kind, id)).await
    }

    async fn find(&self, kind: &ResourceType, key: &Key) -> Result<Option<Record>, StoreError> {
        self.core.read(|reader| self.holder(reader, kind, key)).await
    }

    async fn list(&self, query: &Query) -> Result<Listing, StoreError> {
        query::list(&self.core, &self.space, query).await
    }

    async fn members(
        &self,
        group: ResourceId,
        after: Option<ResourceId>,
        limit: usize,
    ) -> Result<Vec<Member>, StoreError> {
        let members = self.space.members(group);
        let range = match after {
            Some(after) => members.after(&self.space.member(group, after)),
            None => members,
        };
        self.core
            .read(|reader| reader.page(range, limit)?.iter().map(|(key, row)| codec::member(key, row)).collect())
            .await
    }

    async fn member_count(&self, group: ResourceId) -> Result<u64, StoreError> {
        self.core.read(|reader| codec::number(reader.get(self.space.member_count(group))?)).await
    }

    async fn are_members(&self, group: ResourceId, ids: &[ResourceId]) -> Result<Vec<bool>, StoreError> {
        let is_member =
            |reader: &Reader<'_>, id: &ResourceId| reader.get(self.space.member(group, *id)).map(|row| row.is_some());
        self.core.read(|reader| ids.iter().map(|id| is_member(reader, id)).collect()).await
    }

    async fn groups_of(&self, member: ResourceId) -> Result<Vec<ResourceId>, StoreError> {
        self.core.read(|reader| reader.ids(self.space.groups(member), usize::MAX)).await
    }

    async fn by_state(
        &self,
        kind: &ResourceType,
        state: &str,
        after: Option<ResourceId>,
        limit: usize,
    ) -> Result<Vec<Record>, StoreError> {
        self.core.read(|reader| states::page(reader, &self.space, kind, state, after, limit)).await
    }

    async fn states(&self, kind: &ResourceType) -> Result<Vec<(String, u64)>, StoreError> {
        self.core.read(|reader| states::counts(reader, &self.space, kind)).await
    }

    async fn names(&self, of: &[(ResourceType, ResourceId)]) -> Result<Vec<Option<Called>>, StoreError> {
        if of.len() <= MAX_NAMES_AT_ONCE {
            return self.core.read(|reader| reader.names(&self.space, of)).await;
        }
        let (space, of) = (self.space.clone(), of.to_vec());
        self.core.read_long(move |reader| reader.names(&space, &of)).await
    }

    async fn are_listed(&self, of: &[(ResourceType, ResourceId)]) -> Result<Vec<bool>, StoreError> {
        if of.len() <= MAX_NAMES_AT_ONCE {
            return self.core.read(|reader| reader.are_listed(&self.space, of)).await;
        }
        let (space, of) = (self.space.clone(), of.to_vec());
        self.core.read_long(move |reader| reader.are_listed(&space, &of)).await
    }

    async fn log(&self, after: u64, limit: usize) -> Result<Vec<LogEntry>, StoreError> {
        let space = self.space.clone();
        self.read_log(limit, move |reader| log::page(reader, &space, after, limit)).await
    }

    async fn history(&self, id: ResourceId, before: Option<u64>, limit: usize) -> Result<Vec<LogEntry>, StoreError> {
        let space = self.space.clone();
        self.read_log(limit, move |reader| log::history(reader, &space, id, before, limit)).await
    }

    async fn find_in_log(&self, query: &LogQuery, after: u64, limit: usize) -> Result<Found, StoreError> {
        let (space, query) = (self.space.clone(), query.clone());
        self.core.read_long(move |reader| log::find(reader, &space, &query, after, limit)).await
    }

    async fn commit(&self, commit: Commit) -> Result<Committed, StoreError> {
        let prepared = Prepared::new(self.space.clone(), commit)?;
        let made = self.committer.commit(Work::Commit(Box::new(prepared))).await?;
        let touched = made.touched.iter().map(|(kind, id, record)| codec::decode_record(kind, *id, record));
        Ok(Committed { seq: made.seq, touched: touched.collect::<Result<_, _>>()? })
    }
}

impl SledDirectory {
    /// Reads at most `limit` entries of the log.
    async fn read_log<T: Send + 'static>(
        &self,
        limit: usize,
        reads: impl FnOnce(&Reader<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        if limit <= MAX_ENTRIES_AT_ONCE { self.core.read(reads).await } else { self.core.read_long(reads).await }
    }

    /// The record that holds a key. Key and record are read one after the other: if they disagree, a commit came
    /// between, and the key leads somewhere else now. If it keeps leading astray, the store is damaged.
    fn holder(&self, reader: &Reader<'_>, kind: &ResourceType, key: &Key) -> Result<Option<Record>, StoreError> {
        for _ in 0..MAX_TURNS {
            let row = reader.get(self.space.unique(kind, &key.attribute, &key.folded))?;
            let Some(id) = row.as_deref().and_then(last_id) else { return Ok(None) };
            match reader.record(&self.space, kind, id)? {
                Some(record) if record.keys.contains(key) => return Ok(Some(record)),
                Some(_) | None => {}
            }
        }
        Err(codec::damaged("a key"))
    }
}
