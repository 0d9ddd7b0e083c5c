use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::{Map, Value, json};

use super::graph::{circles, in_order};
use super::references::{each, take_out};
use super::{Action, BulkOperation, Target};
use crate::PATCH_OP;

/// One thing to do. By the time it comes, whatever it refers to has been tried.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// Perform the operation of this index.
    Perform {
        /// Which one.
        operation: usize,
        /// Whether it creates a resource without what refers to others in a circle: a [`Step::Complete`] follows.
        in_circle: bool,
    },
    /// Add what the resource was created without.
    Complete {
        /// The operation that created it.
        operation: usize,
        /// The body of the PATCH that adds it.
        patch: Value,
    },
}

/// The order in which the operations can be performed, linear in their references.
///
/// An operation that refers to what is not created yet waits until it is; everything else keeps its place, and operations on one resource
/// stay in their order. Resources that refer to each other in a circle (RFC 7644 §3.7.1) are created without the references that would
/// lead forward, which leave their `data` for a [`Step::Complete`]. `members` are left out first: a resource can always do without them.
pub fn plan(operations: &mut [BulkOperation]) -> Vec<Step> {
    let creators: HashMap<String, usize> = operations
        .iter()
        .enumerate()
        .filter(|(_, operation)| operation.creates())
        .filter_map(|(index, operation)| Some((operation.bulk_id.clone()?, index)))
        .collect();
    let references: Vec<BTreeMap<usize, bool>> =
        operations.iter_mut().map(|operation| references(operation, &creators)).collect();
    let mut forward = forward(&references);

    // Two nodes an operation: itself, and its completion right behind it.
    let mut needs: Vec<Vec<usize>> = Vec::with_capacity(references.len() * 2);
    let before = before(operations);
    for (index, references) in references.iter().enumerate() {
        let place = forward.get(&index);
        let later = place.map(|place| &place.later);
        let is_later = |other: &usize| later.is_some_and(|later| later.contains(other));
        let same_circle =
            |other: &usize| place.zip(forward.get(other)).is_some_and(|(place, other)| place.circle == other.circle);
        let created = references.keys().filter(|other| !is_later(other));
        // What others in the circle need is that it exists; whoever stands outside needs it whole.
        let mut needed: Vec<usize> =
            created.map(|other| if same_circle(other) { *other * 2 } else { *other * 2 + 1 }).collect();
        needed.extend(before.get(&index).map(|other| other * 2 + 1));
        needs.push(needed);
        needs.push(later.into_iter().flatten().map(|other| other * 2).chain([index * 2]).collect());
    }

    let mut steps = Vec::with_capacity(operations.len());
    for node in in_order(&needs) {
        let (index, completes) = (node / 2, node % 2 == 1);
        let Some(operation) = operations.get_mut(index) else { continue };
        let is_split = forward.get(&index).is_some_and(|place| !place.later.is_empty());
        match (completes, is_split) {
            (false, in_circle) => steps.push(Step::Perform { operation: index, in_circle }),
            (true, true) => {
                let later = forward.remove(&index).map(|place| place.later).unwrap_or_default();
                let is_later = |name: &str| creators.get(name).is_some_and(|creator| later.contains(creator));
                let patch = completion(operation, &is_later);
                steps.push(Step::Complete { operation: index, patch });
            }
            (true, false) => {}
        }
    }
    steps
}

/// Which POSTs an operation refers to; `true`: as `members` only.
fn references(operation: &mut BulkOperation, creators: &HashMap<String, usize>) -> BTreeMap<usize, bool> {
    let mut found = BTreeMap::new();
    let Ok(ask) = &mut operation.ask else { return found };
    if let Some(Target::Created(name)) = ask.action.target() {
        found.extend(creators.get(name).map(|creator| (*creator, false)));
    }
    let creates = ask.action == Action::Create;
    let mut note = |value: &mut Value, as_member: bool| {
        each(value, &mut |name| {
            if let Some(creator) = creators.get(name) {
                let all_members = found.entry(*creator).or_insert(as_member);
                *all_members &= as_member;
            }
        });
    };
    match &mut ask.data {
        Value::Object(attributes) if creates => {
            for (name, value) in attributes {
                note(value, name.eq_ignore_ascii_case("members"));
            }
        }
        data => note(data, false),
    }
    found
}

/// Where an operation stands in a circle.
struct InCircle {
    /// Which circle.
    circle: usize,
    /// The operations that it refers to and that are created after it: itself, if it refers to itself.
    later: HashSet<usize>,
}

/// Every operation that stands in a circle.
fn forward(references: &[BTreeMap<usize, bool>]) -> HashMap<usize, InCircle> {
    let needs: Vec<Vec<usize>> = references.iter().map(|references| references.keys().copied().collect()).collect();
    let mut forward = HashMap::new();
    for (number, circle) in circles(&needs).into_iter().enumerate() {
        let place_in_circle: HashMap<usize, usize> = circle.iter().enumerate().map(|(at, node)| (*node, at)).collect();
        let within = |node: &usize, members: bool| {
            let references = references.get(*node).into_iter().flatten();
            let chosen = references.filter(move |(_, as_member)| members || !**as_member);
            chosen.filter_map(|(other, _)| place_in_circle.get(other).copied()).collect::<Vec<usize>>()
        };
        // First whatever is referred to by more than `members`.
        let order = in_order(&circle.iter().map(|node| within(node, false)).collect::<Vec<_>>());
        let turn: HashMap<usize, usize> = order.into_iter().enumerate().map(|(turn, place)| (place, turn)).collect();
        for (place, node) in circle.iter().enumerate() {
            let others = within(node, true).into_iter().filter(|other| turn.get(other) >= turn.get(&place));
            let later = others.filter_map(|other| circle.get(other).copied()).collect();
            forward.insert(*node, InCircle { circle: number, later });
        }
    }
    forward
}

/// Of each operation on an existing resource, the one before it on the same.
fn before(operations: &[BulkOperation]) -> HashMap<usize, usize> {
    let mut last: HashMap<(String, &Target), usize> = HashMap::new();
    let mut before = HashMap::new();
    for (index, operation) in operations.iter().enumerate() {
        let Ok(ask) = &operation.ask else { continue };
        let Some(target) = ask.action.target() else { continue };
        if let Some(earlier) = last.insert((ask.endpoint.to_ascii_lowercase(), target), index) {
            before.insert(index, earlier);
        }
    }
    before
}

/// Takes what must wait out of an operation's data; the PATCH body that adds it.
fn completion(operation: &mut BulkOperation, is_later: &dyn Fn(&str) -> bool) -> Value {
    let taken = operation.ask.as_mut().map(|ask| take_out(&mut ask.data, is_later)).unwrap_or_default();
    // Member by member, because `json!` would copy what was taken.
    let add = |(path, value): (String, Value)| {
        let members = [("op", "add".into()), ("path", path.into()), ("value", value)];
        Value::Object(members.map(|(name, value)| (name.to_owned(), value)).into_iter().collect())
    };
    let operations = taken.into_iter().map(add).collect();
    let mut patch = Map::new();
    patch.insert("schemas".into(), json!([PATCH_OP]));
    patch.insert("Operations".into(), Value::Array(operations));
    Value::Object(patch)
}
