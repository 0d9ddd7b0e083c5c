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

const MEMBERS: [&str; 6] = [
    "members",
    "Members.value",
    "members[value eq \"a\"]",
    "members[type eq \"User\" and not (value eq \"b\")]",
    "members[value eq \"a\"].display",
    "urn:ietf:params:scim:schemas:core:2.0:Group:members",
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
    fn a_patched_document_is_one_that_a_create_takes_as_it_is(operations in operations()) {
        let document = walk(&operations);
        let core = Registry::core();
        let created = create(core.get("User").unwrap(), &Profile::default(), document.clone());
        let created = created.map_err(|invalid| TestCaseError::fail(format!("{invalid}: {document}")))?;
        // Values that the schema does not foresee are kept, and told each time; a document has no schemas of its own.
        let kept = [
            Rule::NotCanonical,
            Rule::NotAUri,
            Rule::ReferenceElsewhere,
            Rule::SchemasOmitted,
            Rule::ExtensionUnlisted,
        ];
        prop_assert!(created.rewrites.iter().all(|rewrite| kept.contains(&rewrite.rule)), "{:?}", created.rewrites);
        let text = Value::Object(created.document.0).to_string();
        prop_assert_eq!(text, document.to_string(), "also in the same order");
    }

    #[test]
    fn a_list_has_one_primary_element_at_most_and_none_twice(operations in operations()) {
        let document = walk(&operations);
        for list in document.as_object().unwrap().values().filter_map(Value::as_array) {
            prop_assert!(list.iter().filter(|element| element.get("primary") == Some(&json!(true))).count() <= 1, "{list:?}");
            for (index, element) in list.iter().enumerate() {
                prop_assert!(!list.iter().skip(index + 1).any(|other| other == element), "{list:?}");
            }
        }
    }

    #[test]
    fn a_request_does_what_its_operations_do_one_by_one(operations in operations()) {
        let core = Registry::core();
        let one_by_one = operations.iter().try_fold(ada(), |current, operation| {
            patched("User", &current, &json!([operation])).map(|patched| Value::Object(patched.document.0))
        });
        // A formatted name is made anew once for the whole request.
        let without = |mut document: Value| {
            if let Some(name) = document.get_mut("name").and_then(Value::as_object_mut) {
                name.remove("formatted");
            }
            crate::normalise::retain(core.get("User").unwrap(), &serde_json::from_value(document).unwrap())
        };
        match (patched("User", &ada(), &Value::Array(operations)), one_by_one) {
            (Ok(whole), Ok(steps)) => prop_assert_eq!(without(Value::Object(whole.document.0)), without(steps)),
            // What is missing is told of the whole: a later operation may have put it there again, or failed.
            (_, Err(step)) if step.detail.ends_with("is required") => {}
            (Err(whole), Err(step)) => prop_assert_eq!(whole.scim_type, step.scim_type),
            (Ok(_), Err(step)) => prop_assert!(false, "{step}"),
            (Err(whole), Ok(_)) => prop_assert!(false, "{whole}"),
        }
    }

    #[test]
    fn what_happens_to_members_leaves_the_group_as_it_is(
        edits in prop::collection::vec((prop::sample::select(&["add", "replace", "remove"][..]), prop::sample::select(&MEMBERS[..]), value()), 1..6)
    ) {
        let group = json!({"displayName":"g","externalId":"x"});
        let operations: Value = edits.iter().map(|(op, path, value)| json!({"op":op,"path":path,"value":value})).collect();
        if let Ok(patched) = patched("Group", &group, &operations) {
            prop_assert_eq!(Value::Object(patched.document.0), group);
        }
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
