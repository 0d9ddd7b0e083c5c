//! What is large or hostile: each limit is reached, and none of it takes long.

use std::time::{Duration, Instant};

use serde_json::Map;

use super::*;
use crate::{dialect::MAX_ELEMENTS, filter::MAX_FILTER_TERMS, patch::members::MAX_MEMBER_COMPARISONS};

/// A user with a full list.
fn full() -> Value {
    let roles: Vec<Value> =
        (0..MAX_ELEMENTS).map(|index| json!({"value":format!("r{index}"),"type":"t","display":"d"})).collect();
    json!({"userName":"ada","roles":roles})
}

fn told(operations: Value) -> Result<usize, (ScimType, String)> {
    let patched = patched("User", &full(), &operations).map_err(|invalid| (invalid.scim_type, invalid.detail))?;
    Ok(patched.document.get("roles").and_then(Value::as_array).map_or(0, Vec::len))
}

/// Far more than it takes where nothing is optimised and other tests run beside it, far less than a quadratic walk would.
const SOON: Duration = Duration::from_mins(1);

#[test]
fn the_number_of_operations_has_a_limit() {
    let operations = |count| json!({"Operations":vec![json!({"op":"replace","path":"title","value":"x"}); count]});
    assert_eq!(parse(operations(MAX_OPERATIONS)).unwrap().operations.len(), MAX_OPERATIONS);
    let invalid = parse(operations(MAX_OPERATIONS + 1)).unwrap_err();
    assert_eq!(invalid.detail, "Operations takes at most 1000 operations");
}

#[test]
fn a_thousand_operations_on_a_full_list_are_within_the_limits_and_fast() {
    let began = Instant::now();
    let by_path = |index: usize| json!({"op":"replace","path":format!("roles[value eq \"r{}\"].display", index % 500),"value":format!("d{index}")});
    assert_eq!(told((0..MAX_OPERATIONS).map(by_path).collect()), Ok(MAX_ELEMENTS));
    let again =
        |index: usize| json!({"op":"add","path":"roles","value":[{"value":format!("R{}", index % 500),"type":"T"}]});
    assert_eq!(told((0..MAX_OPERATIONS).map(again).collect()), Ok(MAX_ELEMENTS), "in another case it is the same role");
    let every = |index: usize| json!({"op":"replace","path":"roles.type","value":format!("t{index}")});
    assert_eq!(
        told((0..MAX_OPERATIONS / 4).map(every).collect()),
        Ok(MAX_ELEMENTS),
        "each of these writes 500 elements"
    );
    assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
}

#[test]
fn comparisons_have_a_limit_however_they_are_asked_for() {
    let terms = vec!["type eq \"x\""; MAX_FILTER_TERMS].join(" or ");
    let filtered = json!({"op":"remove","path":format!("roles[{terms}]")});
    let elements: Vec<Value> =
        (0..MAX_ELEMENTS).map(|index| json!({"type":"t","display":format!("x{index}")})).collect();
    let by_value = json!({"op":"remove","path":"roles","value":elements});
    let added = json!({"op":"add","path":"roles","value":vec![json!({"type":"t"}); 1]});
    let all = terms.replace('x', "t");
    let keyed: Value =
        (0..40).map(|index| (format!("roles[{all}{}].display", " ".repeat(index)), json!("x"))).collect();
    let began = Instant::now();
    for operations in [
        vec![filtered; 20],
        vec![by_value; 10],
        vec![
            json!({"op":"remove","path":"roles[type eq \"t\" and (value pr or value pr or value pr)].type","value":"x"});
            1000
        ],
        vec![json!({"op":"add","value":keyed})],
    ] {
        let (scim_type, detail) = told(Value::Array(operations)).unwrap_err();
        assert_eq!(scim_type, ScimType::TooMany, "{detail}");
        assert!(detail.ends_with("compares elements of multi-valued attributes more than 1000000 times"), "{detail}");
    }
    assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
    assert_eq!(told(json!([added])), Ok(MAX_ELEMENTS), "one comparison with each is nothing");
}

#[test]
fn a_list_cannot_be_filled_beyond_its_length_in_any_way() {
    let too_many = Err((ScimType::InvalidValue, "Operations[0]: roles takes at most 500 values".to_owned()));
    assert_eq!(told(json!([{"op":"add","path":"roles","value":[{"value":"new"}]}])), too_many);
    assert_eq!(told(json!([{"op":"add","path":"roles[value eq \"new\"].type","value":"t"}])), too_many);
    assert_eq!(told(json!([{"op":"replace","path":"roles","value":vec!["a"; 501]}])), too_many);
}

#[test]
fn one_long_value_is_not_copied_into_every_element() {
    let long = "x".repeat(30 << 10);
    let told_of = |path: &str| told(json!([{"op":"replace","path":path,"value":long}])).unwrap_err().1;
    let expected = "Operations[0]: the resource has more than 98304 bytes of text in its attributes";
    assert_eq!(told_of("roles.display"), expected);
    assert_eq!(told_of("roles[type eq \"t\"].display"), expected);
}

#[test]
fn filters_on_members_have_few_comparisons_besides_ids() {
    let group = json!({"displayName":"g"});
    let by_type = json!({"op":"remove","path":"members[type eq \"Group\"]"});
    let edits = patched("Group", &group, &Value::Array(vec![by_type.clone(); MAX_MEMBER_COMPARISONS])).unwrap().members;
    assert_eq!(edits.len(), MAX_MEMBER_COMPARISONS);
    let invalid = patched("Group", &group, &Value::Array(vec![by_type; MAX_MEMBER_COMPARISONS + 1])).unwrap_err();
    assert_eq!(invalid.scim_type, ScimType::TooMany);
    assert_eq!(invalid.detail, "Operations[16]: members takes at most 16 comparisons in a request, besides ids");
    let by_id = vec![json!({"op":"remove","path":"members[value eq \"a\" or value eq \"b\"]"}); MAX_OPERATIONS];
    assert_eq!(patched("Group", &group, &Value::Array(by_id)).unwrap().members.len(), MAX_OPERATIONS);
}

#[test]
fn what_is_set_anew_forgets_what_was_to_be_done_before() {
    let wipe = vec![json!({"op":"remove","path":"members"}); MAX_OPERATIONS];
    assert_eq!(members(Value::Array(wipe)), [MemberEdit::Clear]);
    let edits = members(json!([
        {"op":"add","path":"members","value":[{"value":"a"}]},
        {"op":"replace","path":"members","value":[{"value":"b"}]},
        {"op":"remove","path":"members[value eq \"b\"]"}]));
    assert_eq!(edits, [MemberEdit::Set(refs(&["b"])), MemberEdit::Remove(vec!["b".into()])]);
    let edits = members(json!([
        {"op":"remove","path":"members[value eq \"a\"]"},
        {"op":"replace","path":"members","value":[{"value":"b"}]},
        {"op":"remove","path":"members"}]));
    assert_eq!(edits, [MemberEdit::Remove(vec!["a".into()]), MemberEdit::Clear], "who was named is not forgotten");
}

#[test]
fn leniencies_of_a_message_are_told_up_to_a_limit() {
    let operation: Map<String, Value> = (0..1000)
        .map(|index| (format!("x{index}"), json!(1)))
        .chain([("op".to_owned(), json!("add")), ("path".to_owned(), json!("title")), ("value".to_owned(), json!("x"))])
        .collect();
    let request = parse(json!({"Operations":vec![Value::Object(operation); 10]})).unwrap();
    assert_eq!(request.rewrites.len(), crate::dialect::MAX_REWRITES);
}
