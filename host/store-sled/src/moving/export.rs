//! The store, read item by item from a snapshot.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use async_trait::async_trait;
use muster_model::{PluginDigest, PluginRow, Seal, TenantId, TenantRow, TokenRow, Trust};
use muster_store::moving::{
    Brought, Bytes, Export, ImportId, Item, Mover as _, PLUGIN_PART_BYTES, TokenRowItem, Which, by_length,
};
use muster_store::{Entry, StoreError};
use serde::de::DeserializeOwned;

use crate::TRUST;
use crate::codec::{self, damaged};
use crate::entry;
use crate::feeds::{FED, decode_fed};
use crate::keys::{self, Range, Space, kind_of_resource, last_id, last_number};
use crate::log::Bounds;
use crate::moving::{SledMover, by_id};
use crate::plugin_state::{STATE, decode_entry};
use crate::snapshot::{Row, Snapshot};

/// How many rows are read at once.
const MAX_ROWS_A_BATCH: usize = 512;
/// As that, of what plugins remember: a megabyte of the largest.
const MAX_ENTRIES_A_BATCH: usize = 16;
/// Up to so many tenants, what is not exported is forgotten before anything is read; beyond, as each has its turn: each of these makes the
/// snapshot consist of more pieces.
const MAX_FORGOTTEN_AHEAD: usize = 32;

/// An export under way. `None` while another thread reads.
struct SledExport {
    reading: Option<Box<Reading>>,
    about: u64,
}

struct Reading {
    snapshot: Snapshot,
    tenants: VecDeque<TenantRow>,
    tokens: BTreeMap<TenantId, Vec<TokenRow>>,
    plugins: VecDeque<PluginRow>,
    trust: Option<Trust>,
    /// The plugins that are needed; `None`: all.
    needed: Option<BTreeSet<PluginDigest>>,
    /// Where the bytes of plugins are, if they wait in a room.
    import: Option<ImportId>,
    forgets: bool,
    stage: Stage,
}

/// What is read next.
enum Stage {
    Tenant,
    Records(Of, u64),
    Members(Of),
    Log { of: Of, next: u64, seals: VecDeque<Seal> },
    Tasks(Of),
    States { of: Of, plugins: VecDeque<(String, u64)> },
    StateEntries { of: Of, plugin: String, plugins: VecDeque<(String, u64)> },
    Feeds(Of),
    Plugins,
    WaitingPlugin(PluginDigest),
    Trust,
    End,
}

/// Whose turn it is.
#[derive(Clone)]
struct Of {
    tenant: TenantId,
    space: Space,
    anchor: u64,
    last_entry: u64,
}

/// Begins to read; what is read then is as it was when this returns.
pub(super) async fn begin(mover: &SledMover, which: &Which) -> Result<Box<dyn Export>, StoreError> {
    let deployment = Space::deployment();
    let own = [deployment.tenants(), deployment.tokens(), deployment.plugins(), deployment.rows(b'B')];
    let spaces = |tenants: &[TenantId]| tenants.iter().map(|tenant| Space::of(tenant).everything()).collect::<Vec<_>>();
    let (ranges, of) = match which {
        Which::Whole => {
            let tenants = mover.tenants().await?.into_iter().map(|row| row.id).collect();
            (vec![Range::everything()], tenants)
        }
        Which::Tenants(tenants) => ([spaces(tenants), own.to_vec()].concat(), tenants.clone()),
        Which::Import(import) => {
            let tenants: Vec<TenantId> = mover.brought(import).await?.tenants.into_iter().map(|row| row.id).collect();
            ([spaces(&tenants), vec![deployment.room(import)]].concat(), tenants)
        }
    };
    let about = about(mover, of).await?;
    let snapshot = mover.committer.snapshot(&mover.core, ranges).await?;
    let which = which.clone();
    let reading = move || Reading::new(snapshot, &which).map(Box::new);
    let reading = tokio::task::spawn_blocking(reading).await.map_err(interrupted)??;
    Ok(Box::new(SledExport { reading: Some(reading), about }))
}

/// What the counters say.
async fn about(mover: &SledMover, tenants: Vec<TenantId>) -> Result<u64, StoreError> {
    let count = move |reader: &crate::reader::Reader<'_>| {
        let mut about = 0;
        for space in tenants.iter().map(Space::of) {
            let (last_entry, last_task) = codec::heads(reader.peek(&space.heads())?)?;
            about += 1 + last_task + last_entry.saturating_sub(Bounds::read(reader, &space)?.anchor.seq);
            for row in [space.rows(b'R'), space.rows(b'M')].iter().flat_map(|range| reader.rows(range)) {
                reader.check_wanted()?;
                about += codec::number(Some(row?.1))?;
            }
        }
        Ok(about)
    };
    mover.core.read_long(count).await
}

#[async_trait]
impl Export for SledExport {
    fn about(&self) -> u64 {
        self.about
    }

    async fn next(&mut self) -> Result<Vec<Item>, StoreError> {
        let Some(mut reading) = self.reading.take() else {
            return Err(StoreError::Unavailable("the export has ended early".into()));
        };
        let read = move || reading.batch().map(|items| (reading, items));
        let (reading, items) = tokio::task::spawn_blocking(read).await.map_err(interrupted)??;
        self.reading = Some(reading);
        Ok(items)
    }
}

fn interrupted(error: tokio::task::JoinError) -> StoreError {
    StoreError::Unavailable(Box::new(error))
}

impl Reading {
    fn new(mut snapshot: Snapshot, which: &Which) -> Result<Self, StoreError> {
        let deployment = Space::deployment();
        let brought = match which {
            Which::Whole | Which::Tenants(_) => Brought {
                tenants: all(&mut snapshot, &deployment.tenants(), "a tenant")?,
                tokens: all(&mut snapshot, &deployment.tokens(), "a token")?,
                plugins: all(&mut snapshot, &deployment.plugins(), "a plugin")?,
                trust: match which {
                    Which::Whole => all(&mut snapshot, &deployment.rows(b'V'), TRUST)?.pop(),
                    // Whom to trust is for the deployment to say that the tenants go to.
                    Which::Tenants(_) | Which::Import(_) => None,
                },
            },
            Which::Import(import) => Brought {
                tenants: all(&mut snapshot, &deployment.waiting(import, b'T'), "a tenant")?,
                tokens: all(&mut snapshot, &deployment.waiting(import, b'K'), "a token")?,
                plugins: all(&mut snapshot, &deployment.waiting(import, b'P'), "a plugin")?,
                trust: all(&mut snapshot, &deployment.waiting(import, b'V'), TRUST)?.pop(),
            },
        };
        let Brought { mut tenants, tokens, mut plugins, trust } = brought;
        let (mut needed, mut import) = (None, None);
        match which {
            Which::Whole => {}
            Which::Tenants(wanted) => {
                tenants.retain(|row| wanted.contains(&row.id));
                if tenants.len() != wanted.len() {
                    return Err(StoreError::Stale);
                }
                needed = Some(BTreeSet::new());
            }
            Which::Import(id) => import = Some(id.clone()),
        }
        tenants.sort_by(|one, other| by_length(one.id.as_str(), other.id.as_str()));
        plugins.sort_by_key(|plugin| plugin.digest);
        let mut by_tenant: BTreeMap<TenantId, Vec<TokenRow>> = BTreeMap::new();
        for token in tokens {
            by_tenant.entry(token.tenant.clone()).or_default().push(token);
        }
        let forgets = tenants.len() > MAX_FORGOTTEN_AHEAD;
        if !forgets {
            for row in &tenants {
                forget(&mut snapshot, &Space::of(&row.id))?;
            }
        }
        Ok(Self {
            snapshot,
            tenants: tenants.into(),
            tokens: by_tenant,
            plugins: plugins.into(),
            trust,
            needed,
            import,
            forgets,
            stage: Stage::Tenant,
        })
    }

    /// The next items; none: that was all.
    fn batch(&mut self) -> Result<Vec<Item>, StoreError> {
        let mut items = Vec::new();
        while items.is_empty() {
            let stage = std::mem::replace(&mut self.stage, Stage::End);
            self.stage = match stage {
                Stage::Tenant => self.tenant(&mut items)?,
                Stage::Records(of, records) => self.records(of, records, &mut items)?,
                Stage::Members(of) => self.members(of, &mut items)?,
                Stage::Log { of, next, seals } => self.log(of, next, seals, &mut items)?,
                Stage::Tasks(of) => self.tasks(of, &mut items)?,
                Stage::States { of, plugins } => next_state(of, plugins, &mut items),
                Stage::StateEntries { of, plugin, plugins } => self.state_entries(of, plugin, plugins, &mut items)?,
                Stage::Feeds(of) => self.feeds(&of, &mut items)?,
                Stage::Plugins => self.plugin(&mut items)?,
                Stage::WaitingPlugin(digest) => self.waiting_plugin(digest, &mut items)?,
                Stage::Trust => {
                    items.extend(self.trust.take().map(|row| Item::Trust { row }));
                    break;
                }
                Stage::End => break,
            };
        }
        if let Some(needed) = &mut self.needed {
            needed.extend(items.iter().flat_map(Item::plugins));
        }
        Ok(items)
    }

    fn tenant(&mut self, items: &mut Vec<Item>) -> Result<Stage, StoreError> {
        let Some(row) = self.tenants.pop_front() else { return Ok(Stage::Plugins) };
        let (tenant, space) = (row.id.clone(), Space::of(&row.id));
        if self.forgets {
            forget(&mut self.snapshot, &space)?;
        }
        let heads = self.snapshot.next_in(&Range::below(space.heads()), 1)?.into_iter().next();
        let (last_entry, last_task) = codec::heads(heads.map(|row| row.own))?;
        let bounds = self.snapshot.next_in(&Range::below(space.log_bounds()), 1)?;
        let bounds = bounds.first().map(Row::value).transpose()?;
        let Bounds { anchor, .. } = Bounds::decode(bounds.as_ref())?;
        let mut records = 0;
        for row in every(&mut self.snapshot, &space.rows(b'R'))? {
            records += codec::number(Some(row.own))?;
        }
        items.push(Item::Tenant { row, anchor, last_entry, last_task });
        let mut tokens = self.tokens.remove(&tenant).unwrap_or_default();
        by_id(&mut tokens);
        items.extend(tokens.into_iter().map(|row| Item::Token { row: TokenRowItem(row) }));
        Ok(Stage::Records(Of { tenant, space, anchor: anchor.seq, last_entry }, records))
    }

    fn records(&mut self, of: Of, missing: u64, items: &mut Vec<Item>) -> Result<Stage, StoreError> {
        let rows = self.snapshot.next_in(&of.space.rows(b'r'), MAX_ROWS_A_BATCH)?;
        if rows.is_empty() {
            // What cannot be read is not left out in silence.
            return if missing == 0 { Ok(Stage::Members(of)) } else { Err(damaged("the number of resources")) };
        }
        let read = u64::try_from(rows.len()).unwrap_or(u64::MAX);
        for row in rows {
            let (Some(kind), Some(id)) = (kind_of_resource(&row.key), last_id(&row.key)) else {
                return Err(damaged("a record"));
            };
            let record = codec::decode_record(&kind, id, &row.value()?)?;
            items.push(Item::Record { tenant: of.tenant.clone(), record });
        }
        let missing = missing.checked_sub(read).ok_or_else(|| damaged("the number of resources"))?;
        Ok(Stage::Records(of, missing))
    }

    fn members(&mut self, of: Of, items: &mut Vec<Item>) -> Result<Stage, StoreError> {
        let rows = self.snapshot.next_in(&of.space.memberships(), MAX_ROWS_A_BATCH)?;
        if rows.is_empty() {
            let next = of.anchor + 1;
            return Ok(Stage::Log { of, next, seals: VecDeque::new() });
        }
        for row in rows {
            let group = of.space.member_group(&row.key).ok_or_else(|| damaged("a member"))?;
            let member = codec::member(&row.key, &row.own)?;
            let (tenant, resource_type) = (of.tenant.clone(), member.resource_type);
            items.push(Item::Member { tenant, group, member: member.id, resource_type });
        }
        Ok(Stage::Members(of))
    }

    fn log(
        &mut self,
        of: Of,
        mut next: u64,
        mut seals: VecDeque<Seal>,
        items: &mut Vec<Item>,
    ) -> Result<Stage, StoreError> {
        let rows = self.snapshot.next_in(&of.space.changes(of.anchor), MAX_ROWS_A_BATCH)?;
        if rows.is_empty() {
            // A log that ends too early is no shorter log.
            let is_whole = next == of.last_entry + 1 && self.seals(&of, &mut seals)?.is_none();
            return if is_whole { Ok(Stage::Tasks(of)) } else { Err(damaged("the end of a log")) };
        }
        for row in rows {
            let seq = last_number(&row.key).filter(|seq| *seq == next).ok_or_else(|| damaged("a log with a gap"))?;
            let tenant = of.tenant.clone();
            items.push(Item::Entry { tenant, entry: entry::decode_entry(seq, &row.value()?)? });
            next += 1;
            if let Some(seal) = self.seals(&of, &mut seals)?.filter(|seal| seal.seq == seq) {
                seals.pop_front();
                items.push(Item::Seal { tenant: of.tenant.clone(), seal });
            }
        }
        Ok(Stage::Log { of, next, seals })
    }

    /// The next seal that was not told.
    fn seals(&mut self, of: &Of, seals: &mut VecDeque<Seal>) -> Result<Option<Seal>, StoreError> {
        if seals.is_empty() {
            for row in self.snapshot.next_in(&of.space.seals(of.anchor), MAX_ROWS_A_BATCH)? {
                seals.push_back(codec::decode(&row.value()?, "a seal")?);
            }
        }
        Ok(seals.front().copied())
    }

    fn tasks(&mut self, of: Of, items: &mut Vec<Item>) -> Result<Stage, StoreError> {
        let rows = self.snapshot.next_in(&of.space.tasks(0), MAX_ROWS_A_BATCH)?;
        let seq_of = |row: &Row| last_number(&row.key).ok_or_else(|| damaged("a task"));
        let (Some(first), Some(last)) = (rows.first(), rows.last()) else {
            let mut plugins = VecDeque::new();
            for row in every(&mut self.snapshot, &of.space.rows(b'v'))? {
                let plugin = keys::remembering(&row.key).ok_or_else(|| damaged(STATE))?;
                plugins.push_back((plugin.to_owned(), codec::number(Some(row.own.clone()))?));
            }
            return Ok(Stage::States { of, plugins });
        };
        let mut progresses = BTreeMap::new();
        for row in every(&mut self.snapshot, &of.space.progresses(seq_of(first)?, seq_of(last)?))? {
            progresses.insert(seq_of(&row)?, Box::new(codec::decode(&row.value()?, "a task's progress")?));
        }
        for row in rows {
            let seq = seq_of(&row)?;
            let (task, progress) = (codec::decode_task(seq, &row.value()?)?, progresses.remove(&seq));
            items.push(Item::Task { tenant: of.tenant.clone(), task, progress });
        }
        Ok(Stage::Tasks(of))
    }

    fn state_entries(
        &mut self,
        of: Of,
        plugin: String,
        plugins: VecDeque<(String, u64)>,
        items: &mut Vec<Item>,
    ) -> Result<Stage, StoreError> {
        let rows = self.snapshot.next_in(&of.space.state_entries(&plugin), MAX_ENTRIES_A_BATCH)?;
        if rows.is_empty() {
            return Ok(Stage::States { of, plugins });
        }
        for row in rows {
            let key = keys::remembered(&row.key).ok_or_else(|| damaged(STATE))?.to_owned();
            let Entry { version, value } = decode_entry(&row.value()?)?;
            let (tenant, plugin) = (of.tenant.clone(), plugin.clone());
            items.push(Item::StateEntry { tenant, plugin, key, version, value: Bytes(value) });
        }
        Ok(Stage::StateEntries { of, plugin, plugins })
    }

    fn feeds(&mut self, of: &Of, items: &mut Vec<Item>) -> Result<Stage, StoreError> {
        for row in every(&mut self.snapshot, &of.space.rows(b'j'))? {
            let queue = keys::fed_queue(&row.key).ok_or_else(|| damaged(FED))?;
            items.push(Item::Fed { tenant: of.tenant.clone(), queue, through: decode_fed(&row.value()?)? });
        }
        self.snapshot.forget(&of.space.everything())?;
        Ok(Stage::Tenant)
    }

    fn plugin(&mut self, items: &mut Vec<Item>) -> Result<Stage, StoreError> {
        let Some(row) = self.plugins.pop_front() else { return Ok(Stage::Trust) };
        let digest = row.digest;
        if self.needed.as_ref().is_some_and(|needed| !needed.contains(&digest)) {
            return Ok(Stage::Plugins);
        }
        items.push(Item::Plugin { row });
        if self.import.is_some() {
            return Ok(Stage::WaitingPlugin(digest));
        }
        let range = Range::below(Space::deployment().plugin_bytes(&digest));
        let bytes = self.snapshot.next_in(&range, 1)?.first().map(Row::value).transpose()?;
        let bytes = bytes.filter(|bytes| PluginDigest::of(bytes) == digest).ok_or_else(|| damaged("a plugin"))?;
        let mut at = 0;
        for part in bytes.chunks(PLUGIN_PART_BYTES) {
            items.push(Item::PluginBytes { digest, at, bytes: Bytes(part.to_vec()) });
            at += u64::try_from(part.len()).unwrap_or(u64::MAX);
        }
        Ok(Stage::Plugins)
    }

    fn waiting_plugin(&mut self, digest: PluginDigest, items: &mut Vec<Item>) -> Result<Stage, StoreError> {
        let Some(import) = &self.import else { return Ok(Stage::Plugins) };
        let rows = self.snapshot.next_in(&Space::deployment().waiting_parts(import, &digest), MAX_ROWS_A_BATCH)?;
        if rows.is_empty() {
            return Ok(Stage::Plugins);
        }
        for row in rows {
            let at = last_number(&row.key).ok_or_else(|| damaged("a plugin"))?;
            items.push(Item::PluginBytes { digest, at, bytes: Bytes(row.value()?.to_vec()) });
        }
        Ok(Stage::WaitingPlugin(digest))
    }
}

/// The next plugin that remembers anything.
fn next_state(of: Of, mut plugins: VecDeque<(String, u64)>, items: &mut Vec<Item>) -> Stage {
    let Some((plugin, last)) = plugins.pop_front() else { return Stage::Feeds(of) };
    items.push(Item::State { tenant: of.tenant.clone(), plugin: plugin.clone(), last });
    Stage::StateEntries { of, plugin, plugins }
}

/// What is made from the rest is not exported.
fn forget(snapshot: &mut Snapshot, space: &Space) -> Result<(), StoreError> {
    space.derived().iter().try_for_each(|range| snapshot.forget(range))
}

fn every(snapshot: &mut Snapshot, range: &Range) -> Result<Vec<Row>, StoreError> {
    let mut rows = Vec::new();
    loop {
        let more = snapshot.next_in(range, MAX_ROWS_A_BATCH)?;
        if more.is_empty() {
            return Ok(rows);
        }
        rows.extend(more);
    }
}

fn all<T: DeserializeOwned>(snapshot: &mut Snapshot, range: &Range, what: &str) -> Result<Vec<T>, StoreError> {
    every(snapshot, range)?.iter().map(|row| codec::decode(&row.value()?, what)).collect()
}

impl std::fmt::Debug for SledExport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SledExport").field("about", &self.about).finish_non_exhaustive()
    }
}
