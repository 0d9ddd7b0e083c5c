#![expect(clippy::print_stdout, reason = "says what it measured")]

use std::collections::{BTreeMap, HashMap};

use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::graph::{circles, in_order};
use super::super::{BulkRequest, MAX_BULK_OPERATIONS, Step, plan, resolve};
use super::read;

/// The order of a request, and what is left for later of each operation.
fn planned(operations: Value) -> (Vec<String>, BulkRequest) {
    let mut request = read(operations).unwrap();
    let steps = plan(&mut request.operations).into_iter().map(|step| match step {
        Step::Perform { operation, in_circle: false } => format!("{operation}"),
        Step::Perform { operation, in_circle: true } => format!("{operation} without"),
        Step::Complete { operation, patch } => format!("{operation} {}", patch["Operations"]),
    });
    (steps.collect(), request)
}

fn group(name: &str, members: &[&str]) -> Value {
    let members: Vec<Value> = members.iter().map(|member| json!({ "value": member })).collect();
    json!({ "method": "POST", "path": "/Groups", "bulkId": name, "data": { "displayName": name, "members": members } })
}

fn add(path: &str, member: &str) -> Value {
    let operation = json!({ "op": "add", "path": "members", "value": [{ "value": member }] });
    json!({ "method": "PATCH", "path": path, "data": { "Operations": [operation] } })
}

#[test]
fn what_refers_forward_waits_and_everything_else_keeps_its_place() {
    let delete = |id: &str| json!({ "method": "DELETE", "path": format!("/Users/{id}") });
    let requests = [
        (json!([group("a", &[]), group("b", &["bulkId:a"]), delete("1")]), vec!["0", "1", "2"]),
        (json!([group("b", &["bulkId:a"]), delete("1"), group("a", &[]), delete("2")]), vec!["1", "2", "0", "3"]),
        (json!([group("c", &["bulkId:b"]), group("b", &["bulkId:a"]), group("a", &[])]), vec!["2", "1", "0"]),
        (json!([add("/Groups/bulkId:a", "1"), group("a", &["bulkId:b"]), group("b", &[])]), vec!["2", "1", "0"]),
        (json!([add("/Groups/1", "bulkId:a"), add("/groups/1", "2"), group("a", &[])]), vec!["2", "0", "1"]),
        (json!([group("a", &["bulkId:nobody", "bulkId:a b"]), 7, group("b", &[])]), vec!["0", "1", "2"]),
    ];
    for (operations, expected) in requests {
        assert_eq!(planned(operations.clone()).0, expected, "{operations}");
    }
}

#[test]
fn groups_in_a_circle_are_created_without_the_members_that_come_later() {
    let (steps, request) =
        planned(json!([group("a", &["1", "bulkId:b"]), group("b", &["bulkId:a", "bulkId:c"]), group("c", &[])]));

    assert_eq!(steps, ["0 without", "2", "1", r#"0 [{"op":"add","path":"members","value":[{"value":"bulkId:b"}]}]"#]);
    let members = |index: usize| request.operations[index].ask.as_ref().unwrap().data["members"].clone();
    assert_eq!(members(0), json!([{ "value": "1" }]));
    assert_eq!(members(1), json!([{ "value": "bulkId:a" }, { "value": "bulkId:c" }]));
}

#[test]
fn three_in_a_circle_and_one_in_itself_are_resolved_and_who_waits_for_them_gets_them_whole() {
    let three = json!([
        add("/Groups/bulkId:a", "9"),
        group("a", &["bulkId:b"]),
        group("b", &["bulkId:c"]),
        group("c", &["bulkId:a"]),
    ]);
    assert_eq!(
        planned(three).0,
        [
            "1 without",
            "2 without",
            r#"1 [{"op":"add","path":"members","value":[{"value":"bulkId:b"}]}]"#,
            "0",
            "3",
            r#"2 [{"op":"add","path":"members","value":[{"value":"bulkId:c"}]}]"#,
        ]
    );
    assert_eq!(
        planned(json!([group("a", &["bulkId:a"])])).0,
        ["0 without", r#"0 [{"op":"add","path":"members","value":[{"value":"bulkId:a"}]}]"#]
    );
}

#[test]
fn members_are_left_out_rather_than_anything_else() {
    let extension = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
    let user = |name: &str, manager: &str| {
        let data = json!({ "userName": name, extension: { "manager": { "value": manager }, "department": "x" } });
        json!({ "method": "POST", "path": "/Users", "bulkId": name, "data": data })
    };
    assert_eq!(
        planned(json!([user("ada", "bulkId:team"), group("team", &["bulkId:ada"])])).0,
        ["1 without", "0", r#"1 [{"op":"add","path":"members","value":[{"value":"bulkId:ada"}]}]"#]
    );

    let (steps, request) = planned(json!([user("ada", "bulkId:bob"), user("bob", "bulkId:ada")]));
    let patch = format!(r#"0 [{{"op":"add","path":"{extension}:manager","value":{{"value":"bulkId:bob"}}}}]"#);
    assert_eq!(steps, ["0 without", "1", patch.as_str()]);
    assert_eq!(request.operations[0].ask.as_ref().unwrap().data[extension], json!({ "department": "x" }));
}

#[test]
fn a_hundred_thousand_references_are_ordered_at_once() {
    let count = MAX_BULK_OPERATIONS;
    let names: Vec<String> = (0..count).map(|index| format!("bulkId:{index}")).collect();
    let all: Vec<&str> = names.iter().map(String::as_str).collect();
    // Everybody refers to a hundred others, in one great circle.
    let operations: Vec<Value> = (0..count)
        .map(|index| group(&index.to_string(), &(1..=100).map(|step| all[(index + step) % count]).collect::<Vec<_>>()))
        .collect();
    let mut request = read(Value::Array(operations)).unwrap();
    let began = std::time::Instant::now();
    let steps = plan(&mut request.operations);
    println!("planned {count} operations with {} references in {:?}", count * 100, began.elapsed());

    assert_eq!(steps.iter().filter(|step| matches!(step, Step::Perform { .. })).count(), count);
    assert_eq!(steps[0], Step::Perform { operation: 0, in_circle: true });
}

#[test]
fn circles_of_a_hundred_thousand_nodes_are_found_without_a_deep_stack() {
    let count = 100_000;
    let chain: Vec<Vec<usize>> =
        (0..count).map(|node| if node + 1 < count { vec![node + 1] } else { Vec::new() }).collect();
    let ring: Vec<Vec<usize>> = (0..count).map(|node| vec![(node + 1) % count]).collect();
    let began = std::time::Instant::now();

    assert_eq!(circles(&chain), Vec::<Vec<usize>>::new());
    assert_eq!(in_order(&chain), (0..count).rev().collect::<Vec<_>>());
    assert_eq!(circles(&ring), [(0..count).collect::<Vec<_>>()]);
    assert_eq!(in_order(&ring)[..2], [0, count - 1]);
    println!("{count} nodes four times in {:?}", began.elapsed());
}

fn a_graph() -> impl Strategy<Value = Vec<Vec<usize>>> {
    (1..9_usize).prop_flat_map(|count| prop::collection::vec(prop::collection::vec(0..count, 0..4), count))
}

/// Whether there is a way of one edge or more, by trying them all.
fn reaches(needs: &[Vec<usize>], from: usize, to: usize) -> bool {
    let mut known = vec![false; needs.len()];
    let mut left: Vec<usize> = needs[from].clone();
    while let Some(node) = left.pop() {
        if !std::mem::replace(&mut known[node], true) {
            left.extend(&needs[node]);
        }
    }
    known[to]
}

proptest! {
    #[test]
    fn circles_are_what_can_be_reached_both_ways(needs in a_graph()) {
        let mut expected: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for node in (0..needs.len()).filter(|node| reaches(&needs, *node, *node)) {
            let both = |other: &usize| reaches(&needs, node, *other) && reaches(&needs, *other, node);
            let set: Vec<usize> = (0..needs.len()).filter(both).collect();
            expected.insert(set[0], set);
        }
        let mut found = circles(&needs);
        found.sort();
        prop_assert_eq!(found, expected.into_values().collect::<Vec<_>>());
    }

    #[test]
    fn an_order_has_every_node_once_and_needs_first_where_there_is_no_circle(needs in a_graph()) {
        let order = in_order(&needs);
        let place: HashMap<usize, usize> = order.iter().enumerate().map(|(at, node)| (*node, at)).collect();
        prop_assert_eq!(place.len(), needs.len());
        prop_assert_eq!(order.len(), needs.len());
        if circles(&needs).is_empty() {
            for (node, needed) in needs.iter().enumerate() {
                for need in needed {
                    prop_assert!(place[need] < place[&node], "{:?} in {:?}", needs, order);
                }
            }
        }
    }

    #[test]
    fn every_plan_can_be_performed_and_loses_nothing(needs in a_graph(), managers in prop::collection::vec(any::<bool>(), 9)) {
        let operation = |(node, needed): (usize, &Vec<usize>)| {
            let names: Vec<String> = needed.iter().map(|need| format!("bulkId:{need}")).collect();
            let mut operation = group(&node.to_string(), &names.iter().map(String::as_str).collect::<Vec<_>>());
            if let (true, Some(name)) = (managers[node], names.first()) {
                operation["data"]["urn:x:y"] = json!({ "owner": { "value": name } });
            }
            operation
        };
        let operations: Vec<Value> = needs.iter().enumerate().map(operation).collect();
        let mut request = read(json!(operations)).unwrap();
        let steps = plan(&mut request.operations);

        let mut created: Vec<usize> = Vec::new();
        let mut whole: Vec<usize> = Vec::new();
        for step in &steps {
            let (index, data) = match step {
                Step::Perform { operation, in_circle } => {
                    prop_assert!(!created.contains(operation));
                    if !in_circle {
                        whole.push(*operation);
                    }
                    (*operation, request.operations[*operation].ask.as_ref().unwrap().data.clone())
                }
                Step::Complete { operation, patch } => {
                    prop_assert!(created.contains(operation) && !whole.contains(operation));
                    whole.push(*operation);
                    (*operation, patch.clone())
                }
            };
            let mut data = data;
            let known = resolve(&mut data, &mut |name| {
                let name: usize = name.parse().unwrap();
                if created.contains(&name) { Ok(String::new()) } else { Err(name) }
            });
            prop_assert_eq!(known, Ok(()), "{:?}", steps);
            if !created.contains(&index) {
                created.push(index);
            }
        }
        prop_assert_eq!(whole.len(), needs.len());
        if circles(&needs).is_empty() {
            prop_assert_eq!(steps.len(), needs.len(), "nothing is split without a circle");
        }
    }
}
