use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::schema::Registry;
use crate::{Document, ENTERPRISE_USER, ScimType};

/// A resource with its rows, all in memory.
#[derive(Default)]
struct Fake {
    document: Document,
    rows: Vec<&'static str>,
}

impl Subject for Fake {
    fn document(&self) -> &Document {
        &self.document
    }

    fn common(&self, path: &str) -> Option<Value> {
        match path {
            "id" => Some(json!("7b2e")),
            "meta.created" => Some(json!("2026-10-01T08:00:00.000Z")),
            "meta.version" => Some(json!(["W/\"3.9f\"", "W/\"3\""])),
            _ => None,
        }
    }

    fn holds_key(&self, _: &str, _: &str) -> bool {
        false
    }

    fn has_row(&self, _: &str, id: &str) -> bool {
        self.rows.contains(&id)
    }

    fn has_any_row(&self, _: &str) -> bool {
        !self.rows.is_empty()
    }

    fn any_shown(&self, attribute: &str, asked: &Asked<'_>, holds: &mut dyn FnMut(&Value) -> bool) -> bool {
        let part = asked.parts.first().copied().unwrap_or_default();
        self.rows.iter().any(|id| holds(&json!({ part: format!("{part} of {attribute} {id}") })))
    }
}

fn user() -> Arc<ResourceTypeDef> {
    Arc::clone(Registry::core().get("User").unwrap())
}

fn by(sort_by: &str) -> Sort {
    Sort::parse(&user(), sort_by, None).unwrap()
}

fn key(sort_by: &str, document: Value) -> SortKey {
    by(sort_by).key(&user(), &Fake { document: serde_json::from_value(document).unwrap(), ..Fake::default() })
}

fn text(value: &str) -> SortKey {
    SortKey::Text(value.to_owned())
}

#[test]
fn a_key_is_the_value_by_the_rules_of_its_attribute() {
    let document = json!({
        "userName": "Ada@Example.com",
        "externalId": "Ext-7",
        "active": false,
        "name": { "familyName": "Byron" },
        "emails": [{ "value": "b@x.org", "type": "home" }, { "value": "A@x.org", "type": "work", "primary": true }],
        "phoneNumbers": [{ "value": "2" }, { "value": "1" }],
        ENTERPRISE_USER: { "department": "R&D", "manager": { "value": "M-1" } },
    });
    for (sort_by, expected) in [
        ("userName", text("ada@example.com")),
        ("urn:ietf:params:scim:schemas:core:2.0:User:userName", text("ada@example.com")),
        ("externalId", text("Ext-7")),
        ("name.familyName", text("byron")),
        ("emails", text("a@x.org")),
        ("emails.type", text("work")),
        ("phoneNumbers.value", text("2")),
        ("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department", text("r&d")),
        ("manager", text("m-1")),
        ("id", text("7b2e")),
        ("meta.created", SortKey::Time(Timestamp::parse("2026-10-01T08:00:00Z").unwrap())),
        ("meta.version", text("W/\"3.9f\"")),
        ("schemas", text("urn:ietf:params:scim:schemas:core:2.0:user")),
        ("active", SortKey::Boolean(false)),
        ("title", SortKey::Missing),
        ("emails.display", SortKey::Missing),
        ("noSuchThing", SortKey::Missing),
    ] {
        assert_eq!(key(sort_by, document.clone()), expected, "{sort_by}");
    }
}

#[test]
fn missing_values_are_last_going_up_and_first_going_down() {
    let (some, none) = (text("zzz"), SortKey::Missing);
    let down = Sort::parse(&user(), "title", Some("Descending")).unwrap();
    assert!(down.is_descending() && !by("title").is_descending());
    assert_eq!(by("title").order(&some, &none), Ordering::Less);
    assert_eq!(down.order(&some, &none), Ordering::Greater);
    assert_eq!(down.order(&text("a"), &text("b")), Ordering::Greater);
    assert_eq!(down.order(&none, &none), Ordering::Equal);
}

#[test]
fn letters_come_before_their_accents_and_their_case() {
    let place = |title: &str| key("title", json!({ "title": title }));
    let ordered = ["émile", "Emile Zola", "emilea", "Émilie", "Zoe", "zoé", "Ωmega", "ω\u{301}mega", "中"];
    for pair in ordered.windows(2) {
        assert!(place(pair[0]) < place(pair[1]), "{pair:?}");
    }
    assert_eq!(place("ZOÉ"), place("zoe\u{301}"), "however it is composed");
    assert!(key("externalId", json!({ "externalId": "B" })) < key("externalId", json!({ "externalId": "a" })));
}

#[test]
fn numbers_and_instants_are_not_ordered_as_text() {
    let leaf = |kind: &str| -> Attribute {
        let attribute = json!({
            "name": "n", "type": kind, "multiValued": false, "description": "", "required": false,
            "mutability": "readWrite", "returned": "default",
        });
        serde_json::from_value(attribute).unwrap()
    };
    let ascending = |kind: &str, values: &[Value]| {
        let keys: Vec<SortKey> = values.iter().map(|value| key_of(&leaf(kind), value).unwrap()).collect();
        assert!(keys.windows(2).all(|pair| pair[0] < pair[1]), "{keys:?}");
    };
    ascending("integer", &[json!(-10), json!(-9), json!(0), json!(9), json!(10), json!(i64::MAX)]);
    ascending(
        "decimal",
        &[json!(-1e300), json!(-2.5), json!(-2), json!(-0.1), json!(0), json!(1e-9), json!(9), json!(10.5)],
    );
    ascending("dateTime", &[json!("2026-10-01T09:00:00+02:00"), json!("2026-10-01T08:00:00Z")]);
    let decimal = leaf("decimal");
    assert_eq!(key_of(&decimal, &json!(-0.0)), key_of(&decimal, &json!(0)));
}

#[test]
fn what_cannot_be_sorted_by_is_refused_by_name() {
    let refused = |sort_by: &str, order: Option<&str>| {
        let invalid = Sort::parse(&user(), sort_by, order).unwrap_err();
        assert_eq!(invalid.scim_type, ScimType::InvalidValue);
        invalid.detail
    };
    assert_eq!(
        refused("name", None),
        "name cannot be sorted by: it has several parts, and sortBy must name one of them"
    );
    assert_eq!(refused("password", None), "password cannot be sorted by: it is never returned");
    assert_eq!(refused(ENTERPRISE_USER, None), format!("{ENTERPRISE_USER} cannot be sorted by: it is a whole schema"));
    assert_eq!(refused(" ", None), "sortBy is empty");
    assert_eq!(refused(&"x".repeat(2000), None), "sortBy is longer than 1024 bytes");
    assert!(refused("emails[type eq \"work\"]", None).starts_with("sortBy is not an attribute"));
    assert_eq!(refused("title", Some("up")), "sortOrder is neither 'ascending' nor 'descending'");
    assert!(Sort::parse(&user(), " title ", Some("")).is_ok());

    let registry = Registry::core();
    let both = Sort::parse_for(&registry.types, "members.display", Some("ascending"));
    assert!(both.is_ok(), "one of the kinds has it");
    assert!(Sort::parse_for(&registry.types, "name", None).is_err(), "one of the kinds cannot be sorted by it");
}

#[test]
fn a_key_has_a_bounded_length_and_survives_a_cursor() {
    let long = key("title", json!({ "title": "é".repeat(10_000) }));
    assert!(matches!(&long, SortKey::Text(text) if text.len() <= MAX_SORT_KEY_BYTES));
    for key in [long, SortKey::Boolean(true), SortKey::Integer(-7), SortKey::Missing] {
        let sent = serde_json::to_string(&key).unwrap();
        assert_eq!(serde_json::from_str::<SortKey>(&sent).unwrap(), key, "{sent}");
    }
}

#[test]
fn rows_are_sorted_by_the_first_and_a_manager_by_what_is_shown() {
    let registry = Registry::core();
    let group = registry.get("Group").unwrap();
    let fake = Fake { rows: vec!["b", "a"], ..Fake::default() };
    let sort = Sort::parse(group, "members.display", None).unwrap();
    assert_eq!(sort.key(group, &fake), text("display of members b"));
    assert_eq!(sort.key(group, &Fake::default()), SortKey::Missing);
    let managed = Fake { rows: vec!["m"], ..Fake::default() };
    assert_eq!(by("manager.displayName").key(&user(), &managed), text("displayname of manager m"));
}

proptest! {
    #[test]
    fn decimals_are_ordered_as_numbers(one in -1e9..1e9_f64, other in -1e9..1e9_f64) {
        let leaf: Attribute = serde_json::from_value(json!({
            "name": "n", "type": "decimal", "multiValued": false, "description": "", "required": false,
            "mutability": "readWrite", "returned": "default",
        })).unwrap();
        let (a, b) = (key_of(&leaf, &json!(one)).unwrap(), key_of(&leaf, &json!(other)).unwrap());
        prop_assert_eq!(Some(a.cmp(&b)), one.partial_cmp(&other));
    }

    #[test]
    fn no_text_makes_a_key_panic_or_grow(title in any::<String>(), sort_by in "[a-z:.$ ]{0,20}") {
        if let SortKey::Text(text) = key("title", json!({ "title": title })) {
            prop_assert!(text.len() <= MAX_SORT_KEY_BYTES);
        }
        let _ = Sort::parse(&user(), &sort_by, None);
    }
}
