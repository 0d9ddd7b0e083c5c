//! 2.11: the rules of the gallery validation (2026) that concern one server.

use std::collections::BTreeSet;

use muster_test_harness::{ENTERPRISE, TenantClient, USER};
use serde_json::{Value, json};

use super::{created, enterprise, id, start};

/// A path that the validation derives from `/Schemas`, and where its value is in an answer.
#[derive(Debug)]
struct Derived {
    path: String,
    extension: Option<String>,
    attribute: String,
    /// The `type` of the element; `None`: the primary one, if the attribute is multi-valued.
    kind: Option<String>,
    multi_valued: bool,
    sub: Option<String>,
    data_type: String,
    required: bool,
}

impl Derived {
    /// What a user has there; `null` if nothing.
    fn read(&self, user: &Value) -> Value {
        let container = self.extension.as_ref().map_or(user, |urn| &user[urn]);
        let value = &container[&self.attribute];
        let value = match (self.multi_valued, &self.kind) {
            (false, _) => Some(value),
            (true, Some(kind)) => elements(value).iter().find(|element| element["type"] == json!(kind)),
            (true, None) => elements(value).iter().find(|element| element["primary"] == true),
        };
        let value = value.unwrap_or(&Value::Null);
        self.sub.as_ref().map_or(value, |sub| &value[sub]).clone()
    }

    /// What the validation writes, and what it reads then.
    fn sample(&self) -> (Value, Value) {
        match (self.data_type.as_str(), self.sub.as_deref()) {
            ("boolean", _) => (json!("True"), json!(true)),
            ("binary", _) => (json!("AQIDBA=="), json!("AQIDBA==")),
            // To write another type would be to ask for another element.
            (_, Some("type")) if self.kind.is_some() => (json!(self.kind), json!(self.kind)),
            (_, None) if self.attribute == "manager" => (json!("51aa"), json!({ "value": "51aa" })),
            _ => (json!(format!("new {}", self.attribute)), json!(format!("new {}", self.attribute))),
        }
    }
}

fn elements(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn name(attribute: &Value) -> String {
    attribute["name"].as_str().unwrap().to_owned()
}

/// Every path of a schema by the rules of the validation: `attr[type eq "<cv>"].<sub>`, else `attr[primary eq "True"].<sub>`;
/// `attr.<sub>`; `<URN>:<attr>`. References are left out, save `manager`.
fn derive(schema: &Value, extension: Option<&str>) -> Vec<Derived> {
    let mut all = Vec::new();
    for attribute in schema["attributes"].as_array().unwrap() {
        let (own, multi_valued) = (name(attribute), attribute["multiValued"] == true);
        if attribute["mutability"] == "readOnly" || attribute["type"] == "reference" || own == "members" {
            continue;
        }
        let prefix = extension.map_or_else(|| own.clone(), |urn| format!("{urn}:{own}"));
        let derived = |path: String, kind: Option<&str>, leaf: &Value, sub: Option<String>| Derived {
            path,
            extension: extension.map(str::to_owned),
            attribute: own.clone(),
            kind: kind.map(str::to_owned),
            multi_valued,
            sub,
            data_type: leaf["type"].as_str().unwrap().to_owned(),
            required: leaf["required"] == true,
        };
        if attribute["type"] != "complex" || own == "manager" {
            all.push(derived(prefix, None, attribute, None));
            continue;
        }
        let subs = attribute["subAttributes"].as_array().unwrap();
        let types = subs.iter().find(|sub| name(sub) == "type").map(|sub| elements(&sub["canonicalValues"]));
        for sub in subs.iter().filter(|sub| sub["type"] != "reference" && sub["mutability"] != "readOnly") {
            let part = name(sub);
            match (multi_valued, types.unwrap_or_default()) {
                (false, _) => all.push(derived(format!("{prefix}.{part}"), None, sub, Some(part))),
                (true, []) => {
                    all.push(derived(format!("{prefix}[primary eq \"True\"].{part}"), None, sub, Some(part)));
                }
                (true, types) => all.extend(types.iter().map(|kind| {
                    let kind = kind.as_str().unwrap();
                    let path = format!("{prefix}[type eq \"{kind}\"].{part}");
                    derived(path, Some(kind), sub, Some(part.clone()))
                })),
            }
        }
    }
    all
}

async fn of_user(acme: &TenantClient) -> Vec<Derived> {
    let schemas = acme.get("/Schemas").await.expect(200);
    let schema =
        |urn: &str| schemas["Resources"].as_array().unwrap().iter().find(|schema| schema["id"] == urn).unwrap();
    let mut all = derive(schema(USER), None);
    all.extend(derive(schema(ENTERPRISE), Some(ENTERPRISE)));
    all
}

#[tokio::test]
async fn schema_discoverability_has_groups_no_null_and_camel_case_names() {
    let (_app, acme) = start().await;
    let schemas = acme.get("/Schemas").await.expect(200);

    let names: Vec<String> = schemas["Resources"].as_array().unwrap().iter().map(name).collect();
    assert_eq!(names, ["User", "EnterpriseUser", "Group"]);
    assert_has_no_null(&schemas);
    for schema in schemas["Resources"].as_array().unwrap() {
        for attribute in schema["attributes"].as_array().unwrap() {
            for named in std::iter::once(attribute).chain(elements(&attribute["subAttributes"])) {
                let name = name(named);
                let camel =
                    name == "$ref" || name.chars().all(char::is_alphanumeric) && name.starts_with(char::is_lowercase);
                assert!(camel, "{name}");
            }
        }
    }
}

fn assert_has_no_null(value: &Value) {
    match value {
        Value::Null => panic!("a schema with a null field is refused"),
        Value::Array(values) => values.iter().for_each(assert_has_no_null),
        Value::Object(members) => members.values().for_each(assert_has_no_null),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[tokio::test]
async fn schema_discoverability_whatever_is_announced_can_be_patched_and_read_back() {
    let (_app, acme) = start().await;
    let user = created(&acme).await;
    let all = of_user(&acme).await;
    assert!(all.len() > 100, "{} paths", all.len());
    for expected in [
        "userName",
        "name.familyName",
        "emails[type eq \"work\"].value",
        "roles[primary eq \"True\"].display",
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager",
    ] {
        assert!(all.iter().any(|derived| derived.path == expected), "{expected} is not derived");
    }

    for derived in &all {
        let (sent, read) = derived.sample();
        for op in ["Add", "replace"] {
            let operation = json!([{ "op": op, "path": derived.path, "value": sent }]);
            acme.operations(&user, operation).await.expect(200);
            let user = acme.get(&user).await.expect(200);
            assert_eq!(derived.read(&user), read, "{op} {}", derived.path);
        }
    }
}

#[tokio::test]
async fn scim_null_update_an_empty_value_and_null_clear_every_optional_path() {
    let (_app, acme) = start().await;
    let user = created(&acme).await;
    let all = of_user(&acme).await;
    for derived in all.iter().filter(|derived| !derived.required) {
        for nothing in [json!(""), json!(null)] {
            let fill = json!([{ "op": "Add", "path": derived.path, "value": derived.sample().0 }]);
            acme.operations(&user, fill).await.expect(200);

            let clear = json!([{ "op": "Replace", "path": derived.path, "value": nothing }]);
            acme.operations(&user, clear).await.expect(200);

            let read = derived.read(&acme.get(&user).await.expect(200));
            assert_eq!(read, Value::Null, "{} <- {nothing}", derived.path);
        }
    }
}

#[tokio::test]
async fn user_create_and_update_round_trip() {
    let (_app, acme) = start().await;
    let made = acme.post("/Users", super::ada()).await.expect(201);
    assert!(!id(&made).is_empty());
    assert_eq!(made["userName"], "ada@example.com");
    let path = format!("/Users/{}", id(&made));

    let update = json!([{ "op": "replace", "path": "displayName", "value": "Ada Lovelace" }]);
    let updated = acme.operations(&path, update).await.expect(200);

    assert_eq!(updated["displayName"], "Ada Lovelace");
    assert_eq!(acme.get(&path).await.expect(200), updated);
}

#[tokio::test]
async fn pagination_tells_the_start_index_that_was_asked_for_and_sees_every_user_once() {
    let (_app, acme) = start().await;
    for number in 0..12 {
        acme.user(&format!("user{number}@example.com")).await;
        acme.group(&format!("Group {number}"), &[]).await;
    }
    for endpoint in ["/Users", "/Groups"] {
        let mut seen = BTreeSet::new();
        for (start, expected) in [(1, 5), (6, 5), (11, 2), (16, 0)] {
            let page = acme.get(&format!("{endpoint}?startIndex={start}&count=5")).await.expect(200);
            assert_eq!((&page["startIndex"], &page["totalResults"]), (&json!(start), &json!(12)));
            assert_eq!(page["itemsPerPage"], json!(expected));
            let resources = page["Resources"].as_array().unwrap();
            assert_eq!(resources.len(), expected);
            seen.extend(resources.iter().map(|resource| id(resource).to_owned()));
        }
        assert_eq!(seen.len(), 12, "{endpoint}");
    }
}

/// Account Discovery (2026) lists all users; the total is never capped.
#[tokio::test]
async fn account_discovery_pages_to_the_end() {
    let (_app, acme) = start().await;
    for number in 0..103 {
        acme.user(&format!("user{number}@example.com")).await;
    }
    let (mut seen, mut start) = (BTreeSet::new(), 1);
    loop {
        let page = acme.get(&format!("/Users?startIndex={start}")).await.expect(200);
        assert_eq!(page["totalResults"], 103);
        let resources = page["Resources"].as_array().unwrap();
        if resources.is_empty() {
            break;
        }
        seen.extend(resources.iter().map(|user| id(user).to_owned()));
        start += resources.len();
    }
    assert_eq!((seen.len(), start), (103, 104));
}

#[tokio::test]
async fn manager_is_added_replaced_and_emptied() {
    let (_app, acme) = start().await;
    let user = created(&acme).await;
    let (one, two) = (acme.person("one@example.com").await, acme.person("two@example.com").await);
    let shown =
        |id: &str, name: &str| json!({ "value": id, "$ref": format!("{}/Users/{id}", acme.base), "displayName": name });
    for (op, value, read) in [
        ("Add", json!(one), shown(&one, "one@example.com")),
        ("replace", json!(two), shown(&two, "two@example.com")),
        ("replace", json!(""), Value::Null),
    ] {
        let operation = json!([{ "op": op, "path": enterprise("manager"), "value": value }]);
        acme.operations(&user, operation).await.expect(200);
        assert_eq!(acme.get(&user).await.expect(200)[ENTERPRISE]["manager"], read);
    }
}
