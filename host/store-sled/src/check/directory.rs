//! Records against what leads to them, memberships against their other direction.

use std::collections::BTreeMap;

use muster_model::{Record, ResourceId, ResourceType};
use muster_store::StoreError;
use sled::{IVec, Tree};

use super::Check;
use crate::codec;
use crate::index_rows::{IndexRows, of_names};
use crate::keys::{Space, kind_of_resource, kind_of_row, last_id, leads_to};
use crate::reader::failed;

/// The rows that lead to records.
pub(crate) const LEADING: &[u8] = b"kiasd";
/// The counters of records.
pub(crate) const COUNTERS: &[u8] = b"ASuR";

impl Check<'_> {
    pub(super) fn directory(&mut self, space: &Space) -> Result<(), StoreError> {
        let (mut counted, mut expected) = (BTreeMap::new(), 0_u64);
        for row in self.rows(&space.rows(b'r')) {
            let (key, _) = row?;
            self.look();
            let (Some(kind), Some(id)) = (kind_of_resource(&key), last_id(&key)) else {
                self.fact(Some(space), "a record has a key that names no kind".to_owned());
                continue;
            };
            let Some(value) = self.value(space, &key, &format!("{kind} {id}"))? else { continue };
            let record =
                codec::decode_record(&kind, id, &value).and_then(|record| Ok((record, codec::record_names(&value)?)));
            let Ok((record, names)) = record else {
                self.fact(Some(space), format!("{kind} {id} cannot be read"));
                continue;
            };
            self.count(&format!("{kind} records"), 1);
            let led = of_names(space, &kind, id, record.modified, &names);
            expected += led.rows.len() as u64;
            self.leading(space, &record, &led)?;
            for counter in led.counters {
                *counted.entry(counter).or_insert(0) += 1;
            }
        }
        let mut present = 0;
        for kind in LEADING {
            for row in self.rows(&space.rows(*kind)) {
                row?;
                self.look();
                present += 1;
            }
        }
        self.count("index rows", present);
        // Mostly that is all there is to ask.
        if present > expected {
            self.surplus(space)?;
        }
        self.counters(space, COUNTERS, &counted)
    }

    /// Each row that should lead to a record does.
    fn leading(&mut self, space: &Space, record: &Record, led: &IndexRows) -> Result<(), StoreError> {
        let Record { id, resource_type: kind, .. } = record;
        for (key, row) in &led.rows {
            match self.get(key)? {
                Some(found) if found == *row => {}
                Some(_) if kind_of_row(key) == Some(b'k') => match self.claimed(space, key)? {
                    Some(other) => {
                        self.fact(
                            Some(space),
                            format!("{kind} {id} and {kind} {other} both hold a name that is unique"),
                        );
                    }
                    None => self.derived(space, format!("a unique key of {kind} {id} leads somewhere else")),
                },
                Some(_) => self.derived(space, format!("an index row of {kind} {id} is wrong")),
                None => self.derived(space, format!("an index row of {kind} {id} is missing")),
            }
        }
        Ok(())
    }

    /// The record that rightly holds a key.
    fn claimed(&self, space: &Space, key: &[u8]) -> Result<Option<ResourceId>, StoreError> {
        let Some(row) = self.get(key)? else { return Ok(None) };
        let holds = is_led_to(self.tree, space, key, &row)?;
        Ok(last_id(&row).filter(|_| holds))
    }

    fn surplus(&mut self, space: &Space) -> Result<(), StoreError> {
        for kind in LEADING {
            for row in self.rows(&space.rows(*kind)) {
                let (key, row) = row?;
                if !is_led_to(self.tree, space, &key, &row)? {
                    let whom = kind_of_resource(&key).zip(leads_to(&key, &row));
                    let whom = whom.map_or_else(String::new, |(kind, id)| format!(" of {kind} {id}"));
                    self.derived(space, format!("an index row{whom} should not be there"));
                }
            }
        }
        Ok(())
    }

    pub(super) fn memberships(&mut self, space: &Space) -> Result<(), StoreError> {
        let (mut counted, mut members) = (BTreeMap::new(), 0_u64);
        for row in self.rows(&space.rows(b'm')) {
            let (key, row) = row?;
            self.look();
            let ids = last_ids(&key).zip(codec::member(&key, &row).ok());
            let Some(((group, id), member)) = ids else {
                self.fact(Some(space), "a membership cannot be read".to_owned());
                continue;
            };
            members += 1;
            *counted.entry(space.member_count(group)).or_insert(0) += 1;
            let (group_key, member_key) =
                (space.record(&ResourceType::GROUP, group), space.record(&member.resource_type, id));
            if self.get(&group_key)?.is_none() || self.get(&member_key)?.is_none() {
                self.fact(Some(space), format!("Group {group} has a member {id}, and one of them is not there"));
            }
            if self.get(&space.group(id, group))?.is_none() {
                self.derived(space, format!("{} {id} does not know that it is in Group {group}", member.resource_type));
            }
        }
        self.count("memberships", members);
        let mut groups = 0;
        for row in self.rows(&space.rows(b'g')) {
            row?;
            self.look();
            groups += 1;
        }
        if groups > members {
            self.surplus_groups(space)?;
        }
        // How many members there are is kept for groups that have any.
        self.counters(space, b"M", &counted)
    }

    fn surplus_groups(&mut self, space: &Space) -> Result<(), StoreError> {
        for row in self.rows(&space.rows(b'g')) {
            let (key, _) = row?;
            if !is_membership(self.tree, space, &key)? {
                self.derived(space, "a resource thinks that it is in a group that does not have it".to_owned());
            }
        }
        Ok(())
    }
}

/// Whether the record that an index row leads to is led to by it.
pub(crate) fn is_led_to(tree: &Tree, space: &Space, key: &[u8], row: &IVec) -> Result<bool, StoreError> {
    let Some((kind, id)) = kind_of_resource(key).zip(leads_to(key, row)) else { return Ok(false) };
    let record = match codec::load(&space.record(&kind, id), |key| tree.get(key).map_err(failed)) {
        Ok(record) => record,
        // It is told where records are read.
        Err(StoreError::Damaged(_)) => None,
        Err(other) => return Err(other),
    };
    let Some(record) = record else { return Ok(false) };
    let (Ok(modified), Ok(names)) = (codec::record_modified(&record), codec::record_names(&record)) else {
        return Ok(false);
    };
    Ok(of_names(space, &kind, id, modified, &names).rows.get(key) == Some(row))
}

/// Whether the group of a `g` row has that member.
pub(crate) fn is_membership(tree: &Tree, space: &Space, key: &[u8]) -> Result<bool, StoreError> {
    let Some((member, group)) = last_ids(key) else { return Ok(false) };
    Ok(tree.get(space.member(group, member)).map_err(failed)?.is_some())
}

/// The two ids that a key ends with.
pub(crate) fn last_ids(key: &[u8]) -> Option<(ResourceId, ResourceId)> {
    let (rest, last) = key.split_last_chunk()?;
    Some((last_id(rest)?, ResourceId::from_bytes(*last)))
}
