//! Holds what an export says that there is against what its log says became of it.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use muster_model::{
    Change, HexDigest, LogEntry, PluginDigest, Record, ResourceId, ResourceType, Seal, Snapshot, TenantId, Timestamp,
    Version,
};
use serde_json::{Value, json};

use super::Item;

/// How many resources and memberships of one tenant are held in memory at once, in some 100 MiB; of more, a part at a time.
pub const MAX_HELD: usize = 500_000;

/// Into how many parts they can be taken: far more than there can be.
pub const MAX_PARTS: u64 = 4096;

/// Why a list of items is not one of one moment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// There is more than can be held: to be begun again, in more parts.
    #[error("there is too much to be held at once")]
    TooMany,
    /// The log says something else.
    #[error("{0}")]
    Wrong(String),
}

/// Goes through the items of an export as [`super::Check`] has passed them, and holds the resources and memberships of each tenant against
/// its log, replayed.
///
/// A log that is there from its beginning gives exactly what there is. Of one whose beginning was cut off, whatever it names must be as
/// it says; what it does not name must not be younger than the cut, and nothing else is known of it: [`Replay::unproved`] counts that.
///
/// It holds one part of many at a time, so that what it holds is bounded: all parts together are all there is.
#[derive(Debug)]
pub struct Replay {
    part: u64,
    parts: u64,
    limit: usize,
    unproved: u64,
    of: Option<Of>,
}

/// The tenant whose items come.
#[derive(Debug)]
struct Of {
    tenant: TenantId,
    anchor: Seal,
    resources: BTreeMap<(ResourceType, ResourceId), Sides>,
    /// By group and member.
    rows: BTreeMap<(ResourceId, ResourceId), RowSides>,
    /// The account made by hand that the entry before has told the end of, because SCIM took it over.
    taken_over: Option<(ResourceId, State)>,
}

/// A resource, as it came and as the log has told it so far.
#[derive(Debug)]
struct Sides {
    held: Option<State>,
    told: Told,
}

/// A membership: whether it came, and whether the log says that it is there; `None`: it has not said.
#[derive(Debug, Clone, Copy, Default)]
struct RowSides {
    held: bool,
    told: Option<bool>,
}

/// What the log says of a resource.
#[derive(Debug)]
enum Told {
    /// Nothing, and its beginning is gone.
    Nothing,
    /// It is not there.
    Gone,
    /// It is there.
    There(State),
}

/// How a resource is; of what a log does not say, `None`.
#[derive(Debug, Clone, PartialEq)]
struct State {
    version: Version,
    modified: Timestamp,
    created: Option<Timestamp>,
    plugin: Option<PluginDigest>,
    /// Of document and account.
    what: Option<HexDigest>,
}

/// All parts, one after the other: as many as it takes that each can be held.
#[derive(Debug)]
pub struct Parts {
    next: u64,
    count: u64,
    limit: usize,
    unproved: u64,
}

impl Parts {
    /// Of which none holds more than `limit` resources and memberships at once.
    pub fn new(limit: usize) -> Self {
        Self { next: 0, count: 1, limit, unproved: 0 }
    }

    /// What the items are to be given to next, from the first on.
    pub fn replay(&self) -> Replay {
        Replay::new(self.next, self.count, self.limit)
    }

    /// Hears what came of it: whether that was the last part, or what is wrong. What was too much is begun again, in more parts.
    pub fn heard(&mut self, replayed: Result<&Replay, Unfit>) -> Result<bool, String> {
        match replayed {
            Ok(replay) => {
                (self.next, self.unproved) = (self.next + 1, self.unproved + replay.unproved());
                Ok(self.next == self.count)
            }
            Err(Unfit::TooMany) if self.count < MAX_PARTS => {
                (self.next, self.count, self.unproved) = (0, self.count * 2, 0);
                Ok(false)
            }
            Err(unfit @ (Unfit::TooMany | Unfit::Wrong(_))) => Err(unfit.to_string()),
        }
    }

    /// As [`Replay::unproved`], of all of them.
    pub fn unproved(&self) -> u64 {
        self.unproved
    }
}

impl Replay {
    /// Of this part of `parts`, counted from 0; not more than `limit` resources and memberships at once.
    pub fn new(part: u64, parts: u64, limit: usize) -> Self {
        Self { part, parts, limit, unproved: 0, of: None }
    }

    /// Takes the next item.
    pub fn take(&mut self, item: &Item) -> Result<(), Unfit> {
        match item {
            Item::Tenant { row, anchor, .. } => {
                self.end()?;
                let (resources, rows) = (BTreeMap::new(), BTreeMap::new());
                self.of = Some(Of { tenant: row.id.clone(), anchor: *anchor, resources, rows, taken_over: None });
                Ok(())
            }
            Item::Record { record, .. } => {
                let place = (record.resource_type.clone(), record.id);
                if self.has(&place)
                    && let Some(of) = &mut self.of
                {
                    of.resource(place).held = Some(State::of_record(record));
                }
                self.is_bounded()
            }
            Item::Member { group, member, .. } => {
                let place = (*group, *member);
                if self.has(&place)
                    && let Some(of) = &mut self.of
                {
                    of.rows.entry(place).or_default().held = true;
                }
                self.is_bounded()
            }
            Item::Entry { entry, .. } => {
                self.entry(entry)?;
                self.is_bounded()
            }
            Item::Plugin { .. } | Item::Trust { .. } => self.end(),
            Item::Token { .. }
            | Item::Seal { .. }
            | Item::Task { .. }
            | Item::State { .. }
            | Item::StateEntry { .. }
            | Item::Fed { .. }
            | Item::PluginBytes { .. } => Ok(()),
        }
    }

    /// Says whether the last tenant is as its log says.
    pub fn end(&mut self) -> Result<(), Unfit> {
        match self.of.take() {
            Some(of) => {
                self.unproved += of.end()?;
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// How many resources and memberships there are of which no log says anything, because its beginning is gone.
    pub fn unproved(&self) -> u64 {
        self.unproved
    }

    fn entry(&mut self, entry: &LogEntry) -> Result<(), Unfit> {
        let LogEntry { seq, change, .. } = entry;
        let place = (change.resource_type.clone(), change.id);
        let is_mine = self.has(&place);
        let rows: Vec<(ResourceId, bool)> = {
            let came = change.members_added.iter().map(|member| (*member, true));
            let went = change.members_removed.iter().map(|member| (*member, false));
            came.chain(went).filter(|(member, _)| self.has(&(change.id, *member))).collect()
        };
        let Some(of) = &mut self.of else { return Ok(()) };
        // Whatever part this is: the account and the user whom it becomes can be in two.
        let before = change.before.as_ref().filter(|_| change.is_adoption());
        let taken = before.map(|side| (change.id, State::of_side(entry.version, change.at, change.plugin, side)));
        let taken_over = std::mem::replace(&mut of.taken_over, taken);
        if is_mine {
            let (kind, id) = &place;
            let by_hand = taken_over.as_ref().filter(|(of, _)| *kind == ResourceType::USER && of == id);
            if !of.tell(&place, entry, by_hand.map(|(_, state)| state)) {
                return Err(
                    of.wrong(&format!("entry {seq} of the log does not follow from what it told of {kind} {id}"))
                );
            }
        }
        for (member, is) in rows {
            if !of.tell_row((change.id, member), is) {
                let what = if is { "joins a group in which it is" } else { "leaves a group in which it is not" };
                return Err(of.wrong(&format!("by entry {seq} of the log {member} {what}")));
            }
        }
        Ok(())
    }

    fn has(&self, place: &impl Hash) -> bool {
        if self.parts == 1 {
            return true;
        }
        let mut hasher = DefaultHasher::new();
        place.hash(&mut hasher);
        hasher.finish() % self.parts == self.part
    }

    fn is_bounded(&self) -> Result<(), Unfit> {
        let held = self.of.as_ref().map_or(0, |of| of.resources.len() + of.rows.len());
        if held > self.limit { Err(Unfit::TooMany) } else { Ok(()) }
    }
}

impl Of {
    fn is_whole(&self) -> bool {
        self.anchor.seq == 0
    }

    fn resource(&mut self, place: (ResourceType, ResourceId)) -> &mut Sides {
        let is_whole = self.is_whole();
        self.resources.entry(place).or_insert_with(|| Sides {
            held: None,
            // A log that is whole begins with nothing.
            told: if is_whole { Told::Gone } else { Told::Nothing },
        })
    }

    /// Whether the entry follows from what was told of its resource before, and of the account made `by_hand` that it takes over.
    fn tell(&mut self, place: &(ResourceType, ResourceId), entry: &LogEntry, by_hand: Option<&State>) -> bool {
        let is_whole = self.is_whole();
        let sides = self.resource(place.clone());
        let Some(told) = sides.told.then(entry, by_hand) else { return false };
        let is_forgotten = is_whole && sides.held.is_none() && matches!(told, Told::Gone);
        sides.told = told;
        if is_forgotten {
            self.resources.remove(place);
        }
        true
    }

    fn tell_row(&mut self, place: (ResourceId, ResourceId), is: bool) -> bool {
        let is_whole = self.is_whole();
        let sides = self.rows.entry(place).or_default();
        let was = if is_whole { Some(sides.told.unwrap_or(false)) } else { sides.told };
        sides.told = Some(is);
        if is_whole && !is && !sides.held {
            self.rows.remove(&place);
        }
        was != Some(is)
    }

    /// How much of it the log does not tell of.
    fn end(self) -> Result<u64, Unfit> {
        let mut unproved = 0;
        for ((kind, id), sides) in &self.resources {
            match (&sides.held, &sides.told) {
                (None, Told::Gone | Told::Nothing) => {}
                (None, Told::There(_)) => {
                    return Err(self.wrong(&format!("the log says that there is a {kind} {id}, and there is none")));
                }
                (Some(_), Told::Gone) => {
                    return Err(self.wrong(&format!("there is a {kind} {id}, and the log says that there is none")));
                }
                (Some(held), Told::There(told)) => {
                    if !held.is(told) {
                        return Err(self.wrong(&format!("{kind} {id} is not what the log says of it")));
                    }
                }
                (Some(held), Told::Nothing) => {
                    if held.modified > self.anchor.at {
                        let since = "was changed after the log was cut off, and the log does not tell of it";
                        return Err(self.wrong(&format!("{kind} {id} {since}")));
                    }
                    if held.version == Version::FIRST && held.created != Some(held.modified) {
                        return Err(self.wrong(&format!("{kind} {id} was written once, and not when it was created")));
                    }
                    unproved += 1;
                }
            }
        }
        for ((group, member), RowSides { held, told }) in &self.rows {
            let told = if self.is_whole() { Some(told.unwrap_or(false)) } else { *told };
            match told {
                Some(told) if told == *held => {}
                Some(told) => {
                    let says = if told { "is no member of Group" } else { "is a member of Group" };
                    return Err(self.wrong(&format!("{member} {says} {group}, and the log says otherwise")));
                }
                None => unproved += 1,
            }
        }
        Ok(unproved)
    }

    fn wrong(&self, what: &str) -> Unfit {
        Unfit::Wrong(format!("tenant {}: {what}", self.tenant))
    }
}

impl Told {
    /// After one more entry; `None`: it does not follow.
    fn then(&self, LogEntry { version, change, .. }: &LogEntry, by_hand: Option<&State>) -> Option<Self> {
        let Change { before, after, at, plugin, .. } = change;
        let was = match self {
            Self::Nothing => None,
            // One that comes back goes on counting.
            Self::Gone => {
                // A write that takes an account over and ends its access tells how that one was: as its end did, in the entry before.
                let is_as_told = |was: &State| was.version < *version && was.could_be(before.as_ref(), true);
                let follows = before.is_none() || by_hand.is_some_and(is_as_told);
                let after = after.as_ref().filter(|_| follows)?;
                return Some(Self::There(State::of_side(*version, *at, *plugin, after)));
            }
            Self::There(was) => Some(was),
        };
        if was.is_some_and(|was| *version < was.version || !was.could_be(before.as_ref(), after.is_some())) {
            return None;
        }
        Some(match (before, after) {
            (_, Some(after)) => {
                let state = State::of_side(*version, *at, *plugin, after);
                let created = state.created.or_else(|| was?.created);
                Self::There(State { created, ..state })
            }
            (Some(_), None) => Self::Gone,
            // Memberships changed, and nothing else of it.
            (None, None) => {
                let unknown = State { version: *version, modified: *at, created: None, plugin: None, what: None };
                let was = was.cloned().unwrap_or(unknown);
                Self::There(State { version: *version, modified: *at, ..was })
            }
        })
    }
}

impl State {
    fn of_record(record: &Record) -> Self {
        let Record { version, modified, created, plugin, document, account, .. } = record;
        Self {
            version: *version,
            modified: *modified,
            created: Some(*created),
            plugin: Some(*plugin),
            what: Some(digest(json!([document, account]))),
        }
    }

    fn of_side(version: Version, modified: Timestamp, plugin: PluginDigest, side: &Snapshot) -> Self {
        Self { version, modified, created: side.created, plugin: Some(plugin), what: Some(side_digest(side)) }
    }

    /// Whether an entry can say that it was so before.
    fn could_be(&self, before: Option<&Snapshot>, is_there_after: bool) -> bool {
        match before {
            Some(before) => {
                let is_same = self.what.is_none_or(|what| what == side_digest(before));
                is_same && self.created.zip(before.created).is_none_or(|(one, other)| one == other)
            }
            None => !is_there_after,
        }
    }

    /// Whether a resource is what was told of it.
    fn is(&self, told: &Self) -> bool {
        fn same<T: PartialEq>(held: Option<&T>, told: Option<&T>) -> bool {
            told.is_none() || held == told
        }
        self.version == told.version
            && self.modified == told.modified
            && same(self.created.as_ref(), told.created.as_ref())
            && same(self.plugin.as_ref(), told.plugin.as_ref())
            && same(self.what.as_ref(), told.what.as_ref())
    }
}

fn side_digest(side: &Snapshot) -> HexDigest {
    digest(json!([side.document, side.account]))
}

/// Two that are equal have the same, in whatever order their attributes came.
fn digest(mut what: Value) -> HexDigest {
    what.sort_all_objects();
    HexDigest::of(what.to_string().as_bytes())
}
