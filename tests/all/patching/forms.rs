//! Every operation with every form of path.

use serde_json::{Value, json};

use super::{ENTERPRISE, after, babs, own, start};

/// One row: the path, its value, and what the attribute is after `add`, `replace` and `remove`.
struct Form {
    path: String,
    value: Value,
    shown: &'static str,
    add: Value,
    replace: Value,
    remove: Value,
}

fn form(path: &str, value: Value, shown: &'static str, [add, replace, remove]: [Value; 3]) -> Form {
    Form { path: path.to_owned(), value, shown, add, replace, remove }
}

fn work() -> Value {
    json!({ "value": "bjensen@example.com", "type": "work", "primary": true })
}

fn home() -> Value {
    json!({ "value": "babs@jensen.org", "type": "home" })
}

fn with(mut element: Value, part: &str, value: &str) -> Value {
    element[part] = json!(value);
    element
}

fn forms() -> Vec<Form> {
    let name = |given: Option<&str>, family: Option<&str>| {
        let mut name = json!({});
        for (part, value) in [("givenName", given), ("familyName", family)] {
            if let Some(value) = value {
                name[part] = json!(value);
            }
        }
        name
    };
    let department = |value: &str| json!({ "department": value, "manager": { "value": "26118915" } });
    let extension = |path: &str| if path.is_empty() { ENTERPRISE.to_owned() } else { format!("{ENTERPRISE}:{path}") };
    let new = json!({ "value": "b@example.org", "type": "other" });
    let both = [json!([with(work(), "display", "B"), with(home(), "display", "B")]), json!([work(), home()])];
    vec![
        form("title", json!("Lead"), "title", [json!("Lead"), json!("Lead"), Value::Null]),
        form(&format!("{}:title", super::USER), json!("Lead"), "title", [json!("Lead"), json!("Lead"), Value::Null]),
        form(
            "name",
            json!({ "givenName": "Babs" }),
            "name",
            [name(Some("Babs"), Some("Jensen")), name(Some("Babs"), Some("Jensen")), Value::Null],
        ),
        form(
            "name.givenName",
            json!("Babs"),
            "name",
            [name(Some("Babs"), Some("Jensen")), name(Some("Babs"), Some("Jensen")), name(None, Some("Jensen"))],
        ),
        form("emails", json!([new]), "emails", [json!([work(), home(), new]), json!([new]), json!([work(), home()])]),
        form(
            "emails[type eq \"home\"]",
            json!({ "display": "B" }),
            "emails",
            [
                json!([work(), with(home(), "display", "B")]),
                json!([work(), { "type": "home", "display": "B" }]),
                json!([work()]),
            ],
        ),
        form(
            "emails[type eq \"home\"].value",
            json!("b@example.org"),
            "emails",
            [
                json!([work(), with(home(), "value", "b@example.org")]),
                json!([work(), with(home(), "value", "b@example.org")]),
                json!([work()]),
            ],
        ),
        form(
            "emails[value pr and not (type eq \"x\")].display",
            json!("B"),
            "emails",
            [both[0].clone(), both[0].clone(), both[1].clone()],
        ),
        form("emails.display", json!("B"), "emails", [both[0].clone(), both[0].clone(), both[1].clone()]),
        form(
            &extension("department"),
            json!("Stage"),
            ENTERPRISE,
            [department("Stage"), department("Stage"), json!({ "manager": { "value": "26118915" } })],
        ),
        form(
            &extension("manager.value"),
            json!("51aa"),
            ENTERPRISE,
            [
                json!({ "department": "Tour Operations", "manager": { "value": "51aa" } }),
                json!({ "department": "Tour Operations", "manager": { "value": "51aa" } }),
                json!({ "department": "Tour Operations" }),
            ],
        ),
        form(
            &extension(""),
            json!({ "department": "Stage" }),
            ENTERPRISE,
            [department("Stage"), department("Stage"), Value::Null],
        ),
    ]
}

#[tokio::test]
async fn every_operation_takes_every_form_of_path() {
    let (_app, acme) = start().await;
    let user = babs(&acme).await;
    let before = acme.get(&user).await.expect(200);
    for Form { path, value, shown, add, replace, remove } in forms() {
        for (op, expected) in [("add", add), ("replace", replace), ("remove", remove)] {
            // `remove` of the whole list goes by its value here, and by its path alone below.
            let bare = op == "remove" && path != "emails";
            let operation = if bare {
                json!({ "op": op, "path": path })
            } else {
                json!({ "op": op, "path": path, "value": value })
            };

            let patched = after(&acme, &user, operation).await;

            assert_eq!(patched.get(shown).unwrap_or(&Value::Null), &expected, "{op} {path}");
            let rest = |resource: &Value| {
                let mut rest = own(resource.clone());
                rest.as_object_mut().unwrap().remove(shown);
                rest
            };
            assert_eq!(rest(&own(before.clone())), rest(&patched), "{op} {path} touches nothing else");
            let restored = acme.put(&user, before.clone()).await.expect(200);
            assert_eq!(own(restored), own(before.clone()));
        }
    }
    let emptied = after(&acme, &user, json!({ "op": "remove", "path": "emails" })).await;
    assert_eq!(emptied.get("emails"), None, "\"the attribute SHALL be considered unassigned\"");
}

#[tokio::test]
async fn every_form_of_path_is_a_key_of_an_operation_without_one() {
    let (_app, acme) = start().await;
    let user = babs(&acme).await;
    let before = acme.get(&user).await.expect(200);
    for Form { path, value, shown, add, replace, .. } in forms() {
        for (op, expected) in [("add", add), ("replace", replace)] {
            let patched = after(&acme, &user, json!({ "op": op, "value": { path.as_str(): value } })).await;
            assert_eq!(patched[shown], expected, "{op} {path}");
            acme.put(&user, before.clone()).await.expect(200);
        }
    }
}

#[tokio::test]
async fn members_are_selected_by_and_or_and_not() {
    let (_app, acme) = start().await;
    let (ada, bob, eve) = (acme.person("ada").await, acme.person("bob").await, acme.person("eve").await);
    let inner = acme.group("Inner", &[]).await;
    let all = [ada.as_str(), bob.as_str(), eve.as_str(), inner.as_str()];
    for (index, (filter, left)) in [
        (format!("value eq \"{ada}\" or value eq \"{bob}\""), vec![&eve, &inner]),
        (format!("not (value eq \"{ada}\")"), vec![&ada]),
        ("type eq \"Group\"".to_owned(), vec![&ada, &bob, &eve]),
        (format!("type eq \"User\" and not (value eq \"{ada}\" or value eq \"{eve}\")"), vec![&ada, &eve, &inner]),
        ("value eq \"nobody\"".to_owned(), vec![&ada, &bob, &eve, &inner]),
    ]
    .into_iter()
    .enumerate()
    {
        let group = acme.group(&format!("Outer {index}"), &all).await;
        let operation = json!({ "op": "remove", "path": format!("members[{filter}]") });
        acme.operations(&format!("/Groups/{group}"), json!([operation])).await.expect(200);
        let (mut are, mut expected) = (acme.members(&group).await, left.into_iter().cloned().collect::<Vec<_>>());
        are.sort();
        expected.sort();
        assert_eq!(are, expected, "{filter}");
    }
    let group = acme.group("Shown", &all).await;
    let by_name = json!([{ "op": "remove", "path": "members[not (display eq \"ada\")]" }]);
    acme.operations(&format!("/Groups/{group}"), by_name).await.expect(200);
    assert_eq!(acme.members(&group).await, [ada], "they are selected by what an answer shows of them");
    let unknown = json!([{ "op": "remove", "path": "members[not (colour eq \"red\")]" }]);
    acme.operations(&format!("/Groups/{group}"), unknown).await.expect(200);
    assert_eq!(acme.members(&group).await.len(), 1, "nobody leaves by what nobody has");
}

#[tokio::test]
async fn a_value_path_changes_every_element_that_it_selects_and_one_stays_primary() {
    let (_app, acme) = start().await;
    let user = babs(&acme).await;
    let third = json!({ "op": "add", "path": "emails", "value": { "value": "third@example.com", "type": "home" } });
    let (display, primary) = ("emails[type eq \"home\"].display", "emails[value eq \"third@example.com\"].primary");
    let operations = json!([third, { "op": "replace", "path": display, "value": "Home" }, { "op": "add", "path": primary, "value": true }]);

    let patched = acme.operations(&user, operations).await.expect(200);

    let expected = json!([
        { "value": "bjensen@example.com", "type": "work", "primary": false },
        { "value": "babs@jensen.org", "type": "home", "display": "Home" },
        { "value": "third@example.com", "type": "home", "display": "Home", "primary": true },
    ]);
    assert_eq!(patched["emails"], expected);
}

#[tokio::test]
async fn what_is_there_already_is_not_added_again_in_any_case() {
    let (app, acme) = start().await;
    let user = babs(&acme).await;
    let before = acme.get(&user).await.expect(200);
    for value in [home(), json!([home(), work()]), json!({ "value": "babs@jensen.org" })] {
        let patched =
            acme.operations(&user, json!([{ "op": "add", "path": "emails", "value": value }])).await.expect(200);
        assert_eq!(patched, before);
    }
    assert_eq!(app.log("acme").await.len(), 1, "and nothing was written");
    let shouted = json!({ "value": "BABS@jensen.org", "type": "home" });
    let patched = after(&acme, &user, json!({ "op": "add", "path": "emails", "value": shouted })).await;
    assert_eq!(patched["emails"], json!([work(), shouted]), "an address in another case is the same address");
}
