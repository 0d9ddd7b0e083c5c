//! What some entries of the log did to one resource, all together; and what taking that back makes of it.

use std::collections::BTreeMap;

use muster_model::{Account, Event, LogEntry, Snapshot};
use muster_protocol::Document;
use serde_json::Value;

use crate::difference::{Difference, Place, differences, document};

/// The net effect of entries of one resource, which are added in their order.
#[derive(Debug, Default, Clone)]
pub(crate) struct Net {
    /// The entries, by number.
    pub seqs: Vec<u64>,
    /// Whether the resource was there before the first of them.
    pub existed: bool,
    /// How it was after the last of them; `None`: it was gone.
    pub left: Option<Snapshot>,
    /// How it was when the last of them that deleted it did so.
    pub deleted: Option<Snapshot>,
    /// Those in which the product told something: the account became another one, and what the identity provider wrote did not.
    pub told: Vec<u64>,
    /// The account as it was before the first of them.
    was: Option<Account>,
    /// What they changed, creation and deletion included: to have nothing is a value too.
    touched: Values,
    /// What they changed while it was there.
    edited: Values,
}

/// By place: the value before the first entry that changed it, and the one after the last that did.
type Values = BTreeMap<Place, (Option<Value>, Option<Value>)>;

/// A value that cannot be taken back: it has become another one since.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Conflict {
    pub place: Place,
    pub was: Option<Value>,
    pub became: Option<Value>,
    pub is: Option<Value>,
}

/// What taking a net effect back makes of a document.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Back {
    pub document: Document,
    /// From what is to what was.
    pub changed: Vec<Difference>,
    pub conflicts: Vec<Conflict>,
}

impl Net {
    /// Adds the next entry.
    pub(crate) fn add(&mut self, entry: &LogEntry) {
        let change = &entry.change;
        let (before, after) = (document(change.before.as_ref()), document(change.after.as_ref()));
        if self.seqs.is_empty() {
            self.existed = change.before.is_some();
            self.was = change.before.as_ref().map(|side| side.account.clone());
        }
        if change.event == Event::Signalled {
            self.told.push(entry.seq);
        }
        self.seqs.push(entry.seq);
        self.left.clone_from(&change.after);
        if change.event == Event::Deleted {
            self.deleted.clone_from(&change.before);
        }
        for difference in differences(before, after) {
            if before.is_some() && after.is_some() {
                note(&mut self.edited, &difference);
            }
            note(&mut self.touched, &difference);
        }
    }

    /// Whether something that the product told stays when the rest is taken back: only the product can tell otherwise. What came with the
    /// resource itself goes with it.
    pub(crate) fn keeps_what_was_told(&self, account: &Account) -> bool {
        self.existed && !self.told.is_empty() && self.was.as_ref() != Some(account)
    }

    /// Takes back what was changed of a resource that is there: as it is, or as it was when it was deleted.
    pub(crate) fn back(&self, from: &Document, force: bool) -> Back {
        // Of what ended with a deletion, the deletion itself is taken back by the resource being there.
        let values = if self.left.is_some() { &self.touched } else { &self.edited };
        let mut back = Back { document: from.clone(), ..Back::default() };
        for (place, (was, became)) in values {
            let is = place.of(from);
            if was == became || is == was.as_ref() {
                continue;
            }
            if is == became.as_ref() || force {
                let changed = Difference { place: place.clone(), was: is.cloned(), became: was.clone() };
                place.set(&mut back.document, was.clone());
                back.changed.push(changed);
            } else {
                let (place, was, became, is) = (place.clone(), was.clone(), became.clone(), is.cloned());
                back.conflicts.push(Conflict { place, was, became, is });
            }
        }
        back
    }
}

fn note(values: &mut Values, Difference { place, was, became }: &Difference) {
    let (_, last) = values.entry(place.clone()).or_insert_with(|| (was.clone(), None));
    last.clone_from(became);
}

#[cfg(test)]
mod tests {
    use muster_model::{Account, Actor, Change, PluginDigest, RequestId, ResourceId, ResourceType, Timestamp, Version};
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn doc(value: Value) -> Document {
        serde_json::from_value(value).unwrap()
    }

    fn side(value: Value) -> Option<Snapshot> {
        let document = (!value.is_null()).then(|| doc(value))?;
        Some(Snapshot { document, account: Account::unmapped(), created: None })
    }

    /// The net effect of these changes: of each the document before and after, `null` for none.
    fn net(changes: &[(Value, Value)]) -> Net {
        let mut net = Net::default();
        for (seq, (before, after)) in (1..).zip(changes) {
            let event = match (before, after) {
                (Value::Null, _) => Event::Created,
                (_, Value::Null) => Event::Deleted,
                _ => Event::Updated,
            };
            let change = Change {
                at: Timestamp::from_millis(0),
                actor: Actor::Operator,
                request: RequestId("r".into()),
                plugin: PluginDigest::of(b""),
                event,
                resource_type: ResourceType::USER,
                id: ResourceId::from_bytes([1; 16]),
                before: side(before.clone()),
                after: side(after.clone()),
                members_added: Vec::new(),
                members_removed: Vec::new(),
                rewrites: Vec::new(),
                undoes: Vec::new(),
            };
            net.add(&LogEntry { seq, version: Version(seq), change });
        }
        net
    }

    fn told(back: &Back) -> (Value, Vec<String>, Vec<String>) {
        let changed = back.changed.iter().map(|one| one.place.to_string()).collect();
        let conflicts = back.conflicts.iter().map(|one| one.place.to_string()).collect();
        (json!(back.document), changed, conflicts)
    }

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn only_what_was_changed_is_taken_back() {
        let net = net(&[(json!({ "a": 1, "b": 1 }), json!({ "a": 2, "b": 1 }))]);
        let back = net.back(&doc(json!({ "a": 2, "b": 7 })), false);
        assert_eq!(told(&back), (json!({ "a": 1, "b": 7 }), names(&["a"]), names(&[])));
    }

    #[test]
    fn of_several_changes_the_first_says_what_was_and_the_last_what_became() {
        let net =
            net(&[(json!({ "a": 1 }), json!({ "a": 2, "b": 5 })), (json!({ "a": 2, "b": 5 }), json!({ "a": 3 }))]);
        let back = net.back(&doc(json!({ "a": 3 })), false);
        assert_eq!(told(&back), (json!({ "a": 1 }), names(&["a"]), names(&[])));
        let conflict = net.back(&doc(json!({ "a": 2, "b": 9 })), false);
        assert_eq!(told(&conflict), (json!({ "a": 2, "b": 9 }), names(&[]), names(&["a"])), "b was and became nothing");
    }

    #[test]
    fn what_is_already_as_it_was_stays_and_what_changed_since_is_a_conflict_unless_forced() {
        let net = net(&[(json!({ "a": 1 }), json!({ "a": 2 }))]);
        assert_eq!(told(&net.back(&doc(json!({ "a": 1 })), false)), (json!({ "a": 1 }), names(&[]), names(&[])));
        assert_eq!(told(&net.back(&doc(json!({ "a": 3 })), false)), (json!({ "a": 3 }), names(&[]), names(&["a"])));
        assert_eq!(told(&net.back(&doc(json!({ "a": 3 })), true)), (json!({ "a": 1 }), names(&["a"]), names(&[])));
    }

    #[test]
    fn of_a_deletion_the_changes_before_it_are_taken_back_on_what_was_deleted() {
        let (first, second) = (json!({ "a": 1, "b": 1 }), json!({ "a": 2, "b": 1 }));
        let net = net(&[(first, second.clone()), (second, Value::Null)]);
        assert!(net.existed && net.left.is_none());
        let deleted = net.deleted.clone().unwrap().document;
        assert_eq!(told(&net.back(&deleted, false)), (json!({ "a": 1, "b": 1 }), names(&["a"]), names(&[])));
    }

    #[test]
    fn what_was_deleted_and_came_back_otherwise_is_compared_across_the_gap() {
        let net = net(&[(json!({ "a": 1, "b": 1 }), Value::Null), (Value::Null, json!({ "a": 1, "b": 2 }))]);
        let back = net.back(&doc(json!({ "a": 1, "b": 2 })), false);
        assert_eq!(told(&back), (json!({ "a": 1, "b": 1 }), names(&["b"]), names(&[])));
    }

    fn any_document() -> impl Strategy<Value = Value> {
        let value = prop_oneof![Just(json!(1)), Just(json!(2)), Just(json!([1, 2]))];
        let plain = prop::collection::btree_map("[ab]", value.clone(), 0..3);
        // An attribute has parts or it has none: its schema says which.
        let parts = prop::collection::btree_map("[xy]", value, 0..3);
        (plain, parts).prop_map(|(plain, parts)| {
            let mut document = json!(plain);
            if !parts.is_empty() {
                document["c"] = json!(parts);
            }
            document
        })
    }

    proptest! {
        #[test]
        fn taking_back_all_that_happened_gives_what_was(documents in prop::collection::vec(any_document(), 2..6)) {
            let changes: Vec<_> = documents.windows(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect();
            let back = net(&changes).back(&doc(documents.last().unwrap().clone()), false);
            prop_assert_eq!(json!(back.document), documents[0].clone());
            prop_assert!(back.conflicts.is_empty());
        }

        #[test]
        fn taking_back_twice_changes_nothing_more(documents in prop::collection::vec(any_document(), 2..4), now in any_document(), force: bool) {
            let changes: Vec<_> = documents.windows(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect();
            let net = net(&changes);
            let once = net.back(&doc(now), force);
            let twice = net.back(&once.document, force);
            prop_assert_eq!(&twice.document, &once.document);
            prop_assert!(twice.changed.is_empty());
        }
    }
}
