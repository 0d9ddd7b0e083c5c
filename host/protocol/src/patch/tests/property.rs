//! What holds for every PATCH.

use proptest::prelude::*;

use super::*;
use crate::normalise::create;

/// Paths that a `replace` does not lead away from: none writes what its own filter selects by.
const PATHS: [&str; 22] = [
    "userName",
    "USERNAME",
    "active",
    "title",
    "externalId",
    "id",
    "meta.version",
    "colour",
    "groups",
    "name",
    "name.givenName",
    "name.formatted",
    "emails",
    "emails.display",
    "emails[type eq \"work\"]",
    "emails[type eq \"work\"].value",
    "roles[primary eq \"True\"].value",
    "addresses[type eq \"home\" and primary eq true].locality",
    "x509Certificates",
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User",
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager",
    "urn:scim:schemas:extension:enterprise:2.0:department",
];

const KEYS: [&str; 10] =
    ["value", "Type", "primary", "display", "givenName", "familyName", "formatted", "manager", "$ref", "colour"];

fn leaf() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        Just(json!("")),
        Just(json!([])),
        Just(json!({})),
        Just(json!("True")),
        Just(json!(false)),
        Just(json!(1)),
        "[a-c ]{1,3}".prop_map(Value::String),
    ]
}

/// Objects of which some keys fit most attributes, and lists of them.
fn value() -> impl Strategy<Value = Value> {
    let object = || {
        prop::collection::vec((prop::sample::select(&KEYS[..]), leaf()), 0..4)
            .prop_map(|parts| parts.into_iter().map(|(key, value)| (key.to_owned(), value)).collect::<Value>())
    };
    prop_oneof![leaf(), object(), prop::collection::vec(prop_oneof![leaf(), object()], 0..4).prop_map(Value::Array)]
}

fn operation(op: &'static str) -> impl Strategy<Value = Value> {
    let path = || prop::sample::select(&PATHS[..]);
    let keyed = prop::collection::vec((path(), value()), 0..4)
        .prop_map(|parts| parts.into_iter().map(|(key, value)| (key.to_owned(), value)).collect::<Value>());
    prop_oneof![
        4 => (path(), value()).prop_map(move |(path, value)| json!({"op":op,"path":path,"value":value})),
        1 => keyed.prop_map(move |value| json!({"op":op,"value":value})),
    ]
}

fn operations() -> impl Strategy<Value = Vec<Value>> {
    let any = prop_oneof![3 => operation("add"), 3 => operation("Replace"), 1 => operation("remove")];
    prop::collection::vec(any, 1..6)
}

/// Applies each operation that is accepted on its own.
fn walk(operations: &[Value]) -> Value {
    operations.iter().fold(ada(), |current, operation| match patched("User", &current, &json!([operation])) {
        Ok(patched) => Value::Object(patched.document.0),
        Err(_) => current,
    })
}

proptest! {
    #[test]
    fn a_patched_document_is_one_that_a_strict_create_takes_as_it_is(operations in operations()) {
        let document = walk(&operations);
        let core = Registry::core();
        let created = create(core.get("User").unwrap(), &Profile::strict(), document.clone());
        let created = created.map_err(|invalid| TestCaseError::fail(format!("{invalid}: {document}")))?;
        prop_assert_eq!(created.rewrites, vec![]);
        let text = Value::Object(created.document.0).to_string();
        prop_assert_eq!(text, document.to_string(), "also in the same order");
    }

    #[test]
    fn the_same_replace_twice_changes_nothing_the_second_time(before in operations(), replace in operation("replace")) {
        let replace = json!([replace]);
        if let Ok(once) = patched("User", &walk(&before), &replace) {
            let once = Value::Object(once.document.0);
            let twice = patched("User", &once, &replace).unwrap();
            prop_assert_eq!(Value::Object(twice.document.0), once);
        }
    }

    #[test]
    fn no_body_makes_it_panic(body in value(), operations in operations()) {
        let _ = parse(body.clone());
        let _ = patched("User", &ada(), &Value::Array(operations.clone()));
        let _ = patched("Group", &json!({"displayName":"g"}), &Value::Array(operations));
        let _ = create(Registry::core().get("User").unwrap(), &Profile::default(), body);
    }
}
