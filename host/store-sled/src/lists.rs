//! The ids of each kind of resource of each tenant, in order, in memory: so that page 100 of a list costs what page 1
//! costs.
//!
//! A list is read from the tree when it is first asked for (one walk over the records, without decoding them), and kept
//! at 16 bytes a record. From then on the committer reports every record that came or went, once that is on disk: a
//! list never holds what a crash can take back.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use muster_model::ResourceId;

use crate::keys::Range;

/// A record that came or went.
#[derive(Debug, Clone)]
pub(crate) struct Turn {
    /// Which list: the key range of its records.
    pub(crate) list: Range,
    pub(crate) id: ResourceId,
    pub(crate) came: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Lists(RwLock<HashMap<Vec<u8>, Arc<List>>>);

/// The ids of one kind in one tenant.
#[derive(Debug, Default)]
pub(crate) struct List {
    /// Held by the one who reads the list from the tree.
    pub(crate) reading: tokio::sync::Mutex<()>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Unread,
    /// Somebody reads it, and may or may not see what comes and goes meanwhile: that is kept here.
    Reading(Vec<Turn>),
    Read(Vec<ResourceId>),
}

/// Where a part of a list begins.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Start {
    /// After so many ids.
    Skip(u64),
    /// Behind this id, whether or not it is there.
    After(ResourceId),
}

/// A part of a list.
#[derive(Debug)]
pub(crate) struct Part {
    /// How many ids the whole list has.
    pub(crate) total: u64,
    pub(crate) ids: Vec<ResourceId>,
    /// Whether there are ids behind these.
    pub(crate) follow: bool,
}

impl Lists {
    pub(crate) fn get(&self, list: &Range) -> Arc<List> {
        if let Some(list) = self.0.read().unwrap_or_else(PoisonError::into_inner).get(&list.start) {
            return Arc::clone(list);
        }
        let mut lists = self.0.write().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(lists.entry(list.start.clone()).or_default())
    }

    /// What the committer has just made durable, in order.
    pub(crate) fn apply(&self, turns: Vec<Turn>) {
        let lists = self.0.read().unwrap_or_else(PoisonError::into_inner);
        for turn in turns {
            if let Some(list) = lists.get(&turn.list.start) {
                match &mut *list.state() {
                    State::Unread => {}
                    State::Reading(turns) => turns.push(turn),
                    State::Read(ids) => turn.apply(ids),
                }
            }
        }
    }
}

impl List {
    /// A part of the ids; `None` if the list must be read first.
    pub(crate) fn part(&self, start: Start, limit: u64) -> Option<Part> {
        let clamp = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        match &*self.state() {
            State::Unread | State::Reading(_) => None,
            State::Read(all) => {
                let start = match start {
                    Start::Skip(number) => clamp(number),
                    Start::After(id) => all.partition_point(|one| *one <= id),
                };
                let rest = all.get(start..).unwrap_or_default();
                let ids: Vec<ResourceId> = rest.iter().take(clamp(limit)).copied().collect();
                Some(Part { total: all.len() as u64, follow: ids.len() < rest.len(), ids })
            }
        }
    }

    pub(crate) fn is_read(&self) -> bool {
        matches!(*self.state(), State::Read(_))
    }

    /// To be called before the tree is read. Dropping what it returns without [`Reading::done`] forgets the attempt.
    pub(crate) fn begin(&self) -> Reading<'_> {
        *self.state() = State::Reading(Vec::new());
        Reading(self)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A list that is being read from the tree.
#[derive(Debug)]
pub(crate) struct Reading<'a>(&'a List);

impl Reading<'_> {
    /// What was read, after all of it is on disk. What came and went since [`List::begin`] is applied on top, in order:
    /// `ids` may have it already or not, and the last turn of an id decides.
    pub(crate) fn done(self, mut ids: Vec<ResourceId>) {
        let mut state = self.0.state();
        if let State::Reading(turns) = &*state {
            for turn in turns {
                turn.apply(&mut ids);
            }
            *state = State::Read(ids);
        }
    }
}

impl Drop for Reading<'_> {
    fn drop(&mut self) {
        let mut state = self.0.state();
        if let State::Reading(_) = &*state {
            *state = State::Unread;
        }
    }
}

impl Turn {
    fn apply(&self, ids: &mut Vec<ResourceId>) {
        match (ids.binary_search(&self.id), self.came) {
            (Err(place), true) => ids.insert(place, self.id),
            (Ok(place), false) => {
                ids.remove(place);
            }
            (Ok(_), true) | (Err(_), false) => {}
        }
    }
}
