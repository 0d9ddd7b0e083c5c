//! Names that two resources would have, and only one can.
//!
//! Each name that a resource would come to hold is looked up: somebody may hold it now, and keep it under the candidate too. And two may
//! come to the same one: of each new name a hash is remembered, and equal ones are found by sorting.

use muster_model::{Key, Record, ResourceId, ResourceType};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::tally::tell;
use super::weigh::Weighed;
use crate::Service;
use crate::authenticate::Caller;
use crate::retry::Attempt;

/// How many new names are compared with each other: 32 bytes of memory each. Beyond, a preview says that it has not compared the rest.
pub const MAX_NEW_KEYS_COMPARED: usize = 1_000_000;

/// The names that resources would come to hold.
#[derive(Debug, Default)]
pub(super) struct Collisions {
    new: Vec<New>,
    /// What `of` points to: kinds and attributes.
    names: Vec<(ResourceType, String)>,
    not_compared: u64,
    count: u64,
    told: Vec<Value>,
}

/// One that a resource would come to hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct New {
    hash: u64,
    of: u32,
    id: ResourceId,
}

impl Collisions {
    fn add(&mut self, kind: &ResourceType, key: &Key, id: ResourceId, limit: usize) {
        if self.new.len() >= limit {
            self.not_compared += 1;
            return;
        }
        let known = self.names.iter().position(|(of, attribute)| of == kind && *attribute == key.attribute);
        let of = known.unwrap_or_else(|| {
            self.names.push((kind.clone(), key.attribute.clone()));
            self.names.len() - 1
        });
        // There are as many attributes as plugins declare: some dozens.
        let of = u32::try_from(of).unwrap_or(u32::MAX);
        self.new.push(New { hash: hash(key), of, id });
    }

    fn found(&mut self, kind: &ResourceType, attribute: &str, ids: [ResourceId; 2]) {
        self.count += 1;
        let [id, other] = ids;
        tell(&mut self.told, || json!({ "resource_type": kind, "attribute": attribute, "id": id, "other": other }));
    }

    /// How many there are, once everything was looked at.
    pub(super) fn count(&mut self, canonical: impl Fn(&ResourceType, &str) -> String) -> u64 {
        let mut new = std::mem::take(&mut self.new);
        new.sort_unstable_by_key(|one| (one.of, one.hash, one.id));
        for (one, next) in new.iter().zip(new.iter().skip(1)) {
            if (one.of, one.hash) == (next.of, next.hash) && one.id != next.id {
                let named = usize::try_from(one.of).ok().and_then(|of| self.names.get(of)).cloned();
                if let Some((kind, attribute)) = named {
                    self.found(&kind, &canonical(&kind, &attribute), [one.id, next.id]);
                }
            }
        }
        self.count
    }

    /// As it is told.
    pub(super) fn told(self) -> Value {
        json!({ "count": self.count, "not_compared": self.not_compared, "told": self.told })
    }
}

impl Service {
    /// Looks at the names that one resource would come to hold.
    pub(super) async fn collide(
        &self,
        caller: &Caller,
        current: &Record,
        next: &Record,
        collisions: &mut Collisions,
    ) -> Result<(), Attempt> {
        let kind = &current.resource_type;
        for key in next.keys.iter().filter(|key| !current.keys.contains(key)) {
            let holder = caller.tenant.directory.find(kind, key).await?.filter(|holder| holder.id != current.id);
            let keeps = match holder {
                Some(holder) => {
                    let keeps = match self.weigh(caller, &holder).await? {
                        Weighed::Changed(decided) => decided.record.keys.contains(key),
                        Weighed::Unchanged | Weighed::NotServed | Weighed::Rejected(_) | Weighed::Failed(_) => true,
                    };
                    keeps.then_some(holder.id)
                }
                None => None,
            };
            match keeps {
                Some(holder) => {
                    let attribute = caller.bound.canonical(kind, &key.attribute);
                    collisions.found(kind, &attribute, [current.id, holder]);
                }
                None => collisions.add(kind, key, current.id, MAX_NEW_KEYS_COMPARED),
            }
        }
        Ok(())
    }
}

fn hash(key: &Key) -> u64 {
    let hash: [u8; 32] = Sha256::digest(key.folded.as_bytes()).into();
    hash.first_chunk().copied().map_or(0, u64::from_be_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: u8) -> ResourceId {
        ResourceId::from_bytes([n; 16])
    }

    fn key(attribute: &str, folded: &str) -> Key {
        Key { attribute: attribute.to_owned(), folded: folded.to_owned() }
    }

    #[test]
    fn only_the_same_name_of_the_same_kind_and_attribute_collides() {
        let mut collisions = Collisions::default();
        let (user, group) = (ResourceType::USER, ResourceType::GROUP);
        for (kind, attribute, value, of) in [
            (&user, "nickname", "ada", 1),
            (&user, "nickname", "grace", 2),
            (&user, "title", "ada", 3),
            (&group, "nickname", "ada", 4),
            (&user, "nickname", "ada", 5),
            (&user, "nickname", "ada", 6),
        ] {
            collisions.add(kind, &key(attribute, value), id(of), 100);
        }
        collisions.add(&user, &key("nickname", "ada"), id(6), 100);

        assert_eq!(collisions.count(|_, attribute| attribute.to_owned()), 2);
        let of =
            |n, other| json!({ "resource_type": "User", "attribute": "nickname", "id": id(n), "other": id(other) });
        assert_eq!(collisions.told(), json!({ "count": 2, "not_compared": 0, "told": [of(1, 5), of(5, 6)] }));
    }

    #[test]
    fn what_was_not_compared_is_told() {
        let mut collisions = Collisions::default();
        for n in 0..5 {
            collisions.add(&ResourceType::USER, &key("nickname", "ada"), id(n), 3);
        }
        assert_eq!(collisions.count(|_, attribute| attribute.to_owned()), 2);
        assert_eq!(collisions.told()["not_compared"], 2);
    }
}
