//! What an import writes, row by row.

use muster_model::{PluginDigest, Progress, Queue, ResourceId, Seal, Task, TenantId};
use muster_store::moving::{Brought, Finished, Import, ImportId, Item};
use muster_store::{Member, StoreError, Write};
use sled::IVec;

use crate::apply;
use crate::codec;
use crate::entry;
use crate::feeds::load_fed;
use crate::keys::{Range, Space, kind_of_resource, kind_of_row, last_id};
use crate::log::Bounds;
use crate::moving::{Moving, Stand, State};
use crate::plugin_state;
use crate::prepared::{PreparedChange, PreparedWrite};
use crate::reader::Reader;
use crate::staging::Staging;
use crate::tasks;

/// Items on their way into the store, encoded.
pub(crate) struct Load {
    import: ImportId,
    expected: u64,
    stand: Vec<u8>,
    loads: Vec<Loading>,
}

/// One item, encoded.
enum Loading {
    /// A row of the import's room, and the key that it will have; neither may be there.
    Waiting {
        key: Vec<u8>,
        later: Option<Vec<u8>>,
        row: Vec<u8>,
    },
    /// How far a tenant's log and outbox reach.
    Tenant {
        space: Space,
        waiting: Vec<u8>,
        row: Vec<u8>,
        heads: [u64; 2],
        bounds: Bounds,
    },
    /// A resource or a membership.
    Write {
        space: Space,
        write: PreparedWrite,
    },
    Entry {
        space: Space,
        seq: u64,
        row: Vec<u8>,
        tells_of: Vec<ResourceId>,
    },
    Seal {
        space: Space,
        seal: Seal,
    },
    Task {
        space: Space,
        task: Box<Task>,
        row: Vec<u8>,
        progress: Option<Box<Progress>>,
    },
    State {
        space: Space,
        plugin: String,
        last: u64,
    },
    StateEntry {
        space: Space,
        plugin: String,
        key: String,
        version: u64,
        value: Vec<u8>,
    },
    Fed {
        space: Space,
        queue: Queue,
        through: u64,
    },
}

/// The rows that show an import.
pub(crate) struct Finish {
    import: ImportId,
    items: u64,
    /// What is remembered of it.
    row: Vec<u8>,
    /// The keys of what is not remembered any more.
    forgotten: Vec<Vec<u8>>,
    tenants: Vec<(TenantId, Vec<u8>)>,
    /// Tokens, by their keys.
    tokens: Vec<(Vec<u8>, Vec<u8>)>,
    /// Plugins, by their keys, with those of their bytes.
    plugins: Vec<(Vec<u8>, Vec<u8>, Vec<u8>)>,
}

/// Rows to remove.
pub(crate) struct Sweep {
    import: ImportId,
    /// What it must be at; with `stand`, what it becomes.
    state: State,
    stand: Option<Vec<u8>>,
    rows: Vec<IVec>,
    /// Records among them.
    records: Vec<(Range, ResourceId)>,
    /// Bytes of plugins that nobody has but the import.
    plugins: Vec<PluginDigest>,
    /// The tenants whose names become free, if nothing is left.
    tenants: Vec<TenantId>,
    pub(crate) is_last: bool,
}

impl Moving {
    pub(crate) fn apply(&self, staging: &mut Staging<'_>) -> Result<(), StoreError> {
        match self {
            Self::Begin { import, row, stand } => begin(import, row, stand, staging),
            Self::Load(load) => load.apply(staging),
            Self::PluginBytes { digest, bytes } => {
                let deployment = Space::deployment();
                if staging.has(&deployment.plugin(digest))? {
                    return Ok(());
                }
                staging.put_value(deployment.plugin_bytes(digest), bytes)
            }
            Self::Finish(finish) => finish.apply(staging),
            Self::Sweep(sweep) => sweep.apply(staging),
        }
    }
}

fn begin(import: &Import, row: &[u8], stand: &[u8], staging: &mut Staging<'_>) -> Result<(), StoreError> {
    let deployment = Space::deployment();
    if staging.has(&deployment.import(&import.id))? {
        return Err(StoreError::Stale);
    }
    for tenant in &import.tenants {
        let (name, space) = (deployment.reserved(tenant), Space::of(tenant));
        if staging.has(&deployment.tenant(tenant))? || staging.has(&name)? || staging.has(&space.heads())? {
            return Err(StoreError::Taken { attribute: "tenant".to_owned() });
        }
        staging.put_value(name, &codec::encode(&import.id)?)?;
    }
    staging.put_value(deployment.import(&import.id), row)?;
    staging.put_value(deployment.import_stand(&import.id), stand)
}

/// Where an import stands, if that is where it is expected.
fn stand(import: &ImportId, state: State, staging: &Staging<'_>) -> Result<Stand, StoreError> {
    let row = staging.value(&Space::deployment().import_stand(import))?.ok_or(StoreError::Stale)?;
    let stand: Stand = codec::decode(&row, "an import")?;
    if stand.state == state { Ok(stand) } else { Err(StoreError::Stale) }
}

impl Load {
    pub(super) fn new(import: &ImportId, items: Vec<Item>, expected: u64, stand: &Stand) -> Result<Self, StoreError> {
        let loads = items.into_iter().map(|item| Loading::new(import, item)).collect::<Result<_, _>>()?;
        Ok(Self { import: import.clone(), expected, stand: codec::encode(stand)?, loads })
    }

    fn apply(&self, staging: &mut Staging<'_>) -> Result<(), StoreError> {
        if stand(&self.import, State::Loading, staging)?.loaded.items != self.expected {
            return Err(StoreError::Stale);
        }
        staging.be_quiet();
        for load in &self.loads {
            load.apply(staging)?;
        }
        staging.put_value(Space::deployment().import_stand(&self.import), &self.stand)
    }
}

impl Loading {
    fn new(import: &ImportId, item: Item) -> Result<Self, StoreError> {
        let deployment = Space::deployment();
        Ok(match item {
            Item::Tenant { row, anchor, last_entry, last_task } => Self::Tenant {
                space: Space::of(&row.id),
                waiting: deployment.waiting_tenant(import, &row.id),
                row: codec::encode(&row)?,
                heads: [last_entry, last_task],
                bounds: Bounds { anchor, sealed: anchor },
            },
            Item::Token { row } => Self::Waiting {
                key: deployment.waiting_token(import, &row.0.id),
                later: Some(deployment.token(&row.0.id)),
                row: codec::encode(&row.0)?,
            },
            Item::Record { tenant, record } => Self::write(&tenant, Write::Insert(Box::new(record)))?,
            Item::Member { tenant, group, member, resource_type } => {
                Self::write(&tenant, Write::AddMember { group, member: Member { id: member, resource_type } })?
            }
            Item::Entry { tenant, entry: told } => {
                let PreparedChange { tells_of, encoded, .. } = PreparedChange::new(&told.change)?;
                let row = entry::row(told.version, &encoded);
                Self::Entry { space: Space::of(&tenant), seq: told.seq, row, tells_of }
            }
            Item::Seal { tenant, seal } => Self::Seal { space: Space::of(&tenant), seal },
            Item::Task { tenant, task, progress } => Self::Task {
                space: Space::of(&tenant),
                row: codec::task_row(task.change, &codec::encode_task(task.at, &task.task)?),
                task: Box::new(task),
                progress,
            },
            Item::State { tenant, plugin, last } => Self::State { space: Space::of(&tenant), plugin, last },
            Item::StateEntry { tenant, plugin, key, version, value } => {
                Self::StateEntry { space: Space::of(&tenant), plugin, key, version, value: value.0 }
            }
            Item::Fed { tenant, queue, through } => Self::Fed { space: Space::of(&tenant), queue, through },
            Item::Plugin { row } => Self::Waiting {
                key: deployment.waiting_plugin(import, &row.digest),
                later: None,
                row: codec::encode(&row)?,
            },
            Item::PluginBytes { digest, at, bytes } => {
                Self::Waiting { key: deployment.waiting_part(import, &digest, at), later: None, row: bytes.0 }
            }
            Item::Trust { row } => {
                Self::Waiting { key: deployment.waiting_trust(import), later: None, row: codec::encode(&row)? }
            }
        })
    }

    fn write(tenant: &TenantId, write: Write) -> Result<Self, StoreError> {
        let space = Space::of(tenant);
        let write = PreparedWrite::new(&space, write)?;
        Ok(Self::Write { space, write })
    }

    fn apply(&self, staging: &mut Staging<'_>) -> Result<(), StoreError> {
        match self {
            Self::Waiting { key, later, row } => {
                if staging.has(key)? || later.as_ref().map_or(Ok(false), |later| staging.has(later))? {
                    return Err(StoreError::Stale);
                }
                staging.put_value(key.clone(), row)
            }
            Self::Tenant { space, waiting, row, heads, bounds } => {
                if staging.has(waiting)? {
                    return Err(StoreError::Stale);
                }
                staging.put_value(waiting.clone(), row)?;
                staging.put(space.heads(), &heads.map(u64::to_be_bytes).concat()[..]);
                staging.put_value(space.log_bounds(), &codec::encode(bounds)?)
            }
            Self::Write { space, write } => apply::add(space, write, staging),
            Self::Entry { space, seq, row, tells_of } => {
                staging.put_value(space.change(*seq), row)?;
                for key in entry::history_keys(space, *seq, tells_of) {
                    staging.put(key, &[]);
                }
                Ok(())
            }
            Self::Seal { space, seal } => {
                let bounds = Bounds::decode(staging.value(&space.log_bounds())?.as_ref())?;
                staging.put_value(space.seal(seal.seq), &codec::encode(seal)?)?;
                staging.put_value(space.log_bounds(), &codec::encode(&Bounds { sealed: *seal, ..bounds })?)
            }
            Self::Task { space, task, row, progress } => tasks::load(space, staging, task, row, progress.as_deref()),
            Self::State { space, plugin, last } => {
                let key = space.state_last(plugin);
                if staging.has(&key)? {
                    return Err(StoreError::Stale);
                }
                staging.put(key, &last.to_be_bytes());
                Ok(())
            }
            Self::StateEntry { space, plugin, key, version, value } => {
                plugin_state::load_entry(space, staging, plugin, key, *version, value)
            }
            Self::Fed { space, queue, through } => load_fed(space, staging, queue, *through),
        }
    }
}

impl Finish {
    pub(super) fn new<'a>(
        finished: &Finished,
        brought: &Brought,
        forgotten: impl Iterator<Item = &'a ImportId>,
    ) -> Result<Self, StoreError> {
        let deployment = Space::deployment();
        let tenants = brought.tenants.iter().map(|row| Ok((row.id.clone(), codec::encode(row)?)));
        let tokens = brought.tokens.iter().map(|row| Ok((deployment.token(&row.id), codec::encode(row)?)));
        let plugins = brought
            .plugins
            .iter()
            .map(|row| Ok((deployment.plugin(&row.digest), codec::encode(row)?, deployment.plugin_bytes(&row.digest))));
        Ok(Self {
            import: finished.id.clone(),
            items: finished.items,
            row: codec::encode(finished)?,
            forgotten: forgotten.map(|id| deployment.finished(id)).collect(),
            tenants: tenants.collect::<Result<_, StoreError>>()?,
            tokens: tokens.collect::<Result<_, StoreError>>()?,
            plugins: plugins.collect::<Result<_, StoreError>>()?,
        })
    }

    fn apply(&self, staging: &mut Staging<'_>) -> Result<(), StoreError> {
        let deployment = Space::deployment();
        let Stand { loaded, .. } = stand(&self.import, State::Loading, staging)?;
        if loaded.items != self.items {
            return Err(StoreError::Stale);
        }
        for (tenant, row) in &self.tenants {
            if staging.has(&deployment.tenant(tenant))? {
                return Err(StoreError::Taken { attribute: "tenant".to_owned() });
            }
            staging.put_value(deployment.tenant(tenant), row)?;
            staging.delete_value(deployment.reserved(tenant))?;
            tasks::show_all(tenant, staging)?;
        }
        for (key, row) in &self.tokens {
            if staging.has(key)? {
                return Err(StoreError::Taken { attribute: "token".to_owned() });
            }
            staging.put_value(key.clone(), row)?;
        }
        for (key, row, bytes) in &self.plugins {
            if !staging.has(key)? {
                if !staging.has(bytes)? {
                    return Err(StoreError::Stale);
                }
                staging.put_value(key.clone(), row)?;
            }
        }
        for key in &self.forgotten {
            staging.delete_value(key.clone())?;
        }
        staging.put_value(deployment.finished(&self.import), &self.row)?;
        let stand = Stand { state: State::Finished, loaded };
        staging.put_value(deployment.import_stand(&self.import), &codec::encode(&stand)?)
    }
}

impl Sweep {
    /// Nothing is removed; but from now on the import stands so.
    pub(super) fn closing(import: &ImportId, stand: &Stand) -> Result<Self, StoreError> {
        Ok(Self {
            import: import.clone(),
            state: State::Loading,
            stand: Some(codec::encode(stand)?),
            rows: Vec::new(),
            records: Vec::new(),
            plugins: Vec::new(),
            tenants: Vec::new(),
            is_last: false,
        })
    }

    /// At most so many of the rows that are to be removed.
    pub(super) fn next(
        reader: &Reader<'_>,
        import: &ImportId,
        tenants: &[TenantId],
        brought: &Brought,
        state: State,
        limit: usize,
    ) -> Result<Self, StoreError> {
        let deployment = Space::deployment();
        let (mut rows, mut records) = (Vec::new(), Vec::new());
        let (mut plugins, mut spaces) = (Vec::new(), Vec::new());
        match state {
            // What is shown stays.
            State::Finished => {}
            State::Loading | State::Abandoned => {
                spaces.extend(tenants.iter().map(Space::of));
                plugins.extend(brought.plugins.iter().map(|plugin| plugin.digest));
            }
        }
        for space in &spaces {
            for row in reader.rows(&space.everything()).take(limit - rows.len()) {
                let (key, _) = row?;
                let kind = kind_of_resource(&key).filter(|_| kind_of_row(&key) == Some(b'r'));
                records.extend(kind.and_then(|kind| Some((space.records(&kind), last_id(&key)?))));
                rows.push(key);
            }
        }
        for row in reader.rows(&deployment.room(import)).take(limit - rows.len()) {
            rows.push(row?.0);
        }
        // The parts of its values stand elsewhere.
        for row in reader.rows(&deployment.room_parts(import)).take(limit - rows.len()) {
            rows.push(row?.0);
        }
        let is_last = rows.len() < limit;
        let tenants = if is_last && state == State::Abandoned { tenants.to_vec() } else { Vec::new() };
        let (import, stand) = (import.clone(), None);
        Ok(Self { import, state, stand, rows, records, plugins, tenants, is_last })
    }

    fn apply(&self, staging: &mut Staging<'_>) -> Result<(), StoreError> {
        let deployment = Space::deployment();
        stand(&self.import, self.state, staging)?;
        if let Some(stand) = &self.stand {
            return staging.put_value(deployment.import_stand(&self.import), stand);
        }
        for key in &self.rows {
            staging.delete(key.to_vec());
        }
        for (list, id) in &self.records {
            staging.turn(list.clone(), *id, false);
        }
        for digest in &self.plugins {
            if !staging.has(&deployment.plugin(digest))? {
                staging.delete_value(deployment.plugin_bytes(digest))?;
            }
        }
        if self.is_last {
            for tenant in &self.tenants {
                staging.delete_value(deployment.reserved(tenant))?;
            }
            staging.delete_value(deployment.import(&self.import))?;
            staging.delete_value(deployment.import_stand(&self.import))?;
        }
        Ok(())
    }
}
