//! Whatever an answer shows can be asked for: each value that it has, as a filter, finds the resource again, and its path sorts.

use muster_test_harness::{ENTERPRISE, TenantClient, TestApp, USER};
use serde_json::{Value, json};

/// The values of a resource with their paths, and of multi-valued attributes whole elements.
fn questions(path: &str, value: &Value, asked: &mut Vec<String>) {
    match value {
        Value::Object(parts) => {
            for (name, part) in parts {
                // A URN ends with a colon, an attribute with a point.
                let separator =
                    if path.is_empty() || path.starts_with("urn:") && !path.contains("User:") { ":" } else { "." };
                let whole = if path.is_empty() { name.clone() } else { format!("{path}{separator}{name}") };
                questions(&whole, part, asked);
            }
        }
        Value::Array(elements) => {
            for element in elements {
                questions(path, element, asked);
                if let Value::Object(parts) = element {
                    let parts: Vec<String> = parts.iter().map(|(name, part)| format!("{name} eq {part}")).collect();
                    asked.push(format!("{path}[{}]", parts.join(" and ")));
                    asked.push(format!("{path}[not ({})]", parts.join(" and ")));
                }
            }
        }
        Value::Null => {}
        simple => asked.push(format!("{path} eq {simple}")),
    }
}

async fn people(acme: &TenantClient) -> Vec<String> {
    let boss = acme.person("boss").await;
    let ada = json!({
        "schemas": [USER, ENTERPRISE],
        "userName": "ada@x.org",
        "externalId": "Ext-1",
        "name": { "givenName": "Ada", "familyName": "Byron", "formatted": "Ada \"Countess\" Byron" },
        "displayName": "Ada",
        "title": "Countess",
        "active": true,
        "emails": [{ "value": "ada@x.org", "type": "work", "primary": true }, { "value": "ada@home.org", "type": "home" }],
        ENTERPRISE: { "department": "Engines", "employeeNumber": "7", "manager": { "value": boss } },
    });
    let ada = acme.post("/Users", ada).await.expect(201)["id"].as_str().unwrap().to_owned();
    let inner = acme.group("Inner", &[&ada]).await;
    let outer = acme.group("Outer", &[&inner, &boss]).await;
    [("Users", boss), ("Users", ada), ("Groups", inner), ("Groups", outer)]
        .map(|(kind, id)| format!("/{kind}/{id}"))
        .to_vec()
}

#[tokio::test]
async fn every_value_that_is_shown_finds_its_resource_as_a_filter() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let mut count = 0;
    for path in people(&acme).await {
        let (list, id) = path.rsplit_once('/').unwrap();
        let shown = acme.get(&path).await.expect(200);
        let mut asked = Vec::new();
        questions("", &shown, &mut asked);
        for question in &asked {
            let found = acme.ids(list, question).await.contains(&id.to_owned());
            if !question.contains("[not") {
                assert!(found, "{path}: {question}");
                let rest = acme.ids(list, &format!("not ({question})")).await;
                assert!(!rest.contains(&id.to_owned()), "{path}: not ({question})");
            } else {
                // Only an element beside the one that it describes can be another.
                let attribute = question.split('[').next().unwrap();
                assert_eq!(found, shown[attribute].as_array().unwrap().len() > 1, "{path}: {question}");
            }
        }
        count += asked.len();
    }
    assert!(count > 70, "{count}");
}

#[tokio::test]
async fn every_path_that_is_shown_sorts() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let all = people(&acme).await;
    for path in &all {
        let (list, _) = path.rsplit_once('/').unwrap();
        let shown = acme.get(path).await.expect(200);
        let mut asked = Vec::new();
        questions("", &shown, &mut asked);
        let paths = asked.iter().filter(|question| !question.contains('[')).map(|question| question.split(' ').next());
        for by in paths.map(Option::unwrap) {
            for (order, backwards) in [("ascending", "descending"), ("descending", "ascending")] {
                let ids = async |order: &str| {
                    let listed = acme.get(&format!("{list}?sortBy={by}&sortOrder={order}")).await.expect(200);
                    let ids = listed["Resources"].as_array().unwrap().iter().map(|one| one["id"].to_string());
                    ids.collect::<Vec<_>>()
                };
                let (there, mut back) = (ids(order).await, ids(backwards).await);
                assert_eq!(there.len(), 2, "{list} by {by}");
                back.sort_unstable();
                let mut same = there.clone();
                same.sort_unstable();
                assert_eq!(same, back, "{list} by {by}: nobody is lost");
            }
        }
    }
    let by_display = acme.get("/Groups?sortBy=members.display").await.expect(200);
    assert_eq!(by_display["Resources"][0]["displayName"], "Inner", "Ada comes before boss");
    let by_manager = acme.get("/Users?sortBy=manager.displayName").await.expect(200);
    assert_eq!(by_manager["Resources"][0]["displayName"], "Ada", "who has no manager comes last");
}

#[tokio::test]
async fn a_filter_over_members_sees_a_new_name_at_once() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let ada = acme.person("ada").await;
    let staff = acme.group("Staff", &[&ada]).await;
    assert_eq!(acme.ids("/Groups", "members.display eq \"ADA\"").await, [staff.clone()]);

    let rename = json!([{ "op": "replace", "path": "displayName", "value": "Countess" }]);
    acme.operations(&format!("/Users/{ada}"), rename).await.expect(200);

    assert_eq!(acme.ids("/Groups", "members.display eq \"ada\"").await, [""; 0]);
    assert_eq!(acme.ids("/Groups", "members[display sw \"count\" and type eq \"User\"]").await, [staff]);
    acme.delete(&format!("/Users/{ada}")).await.expect(204);
    assert_eq!(acme.ids("/Groups", "members.display pr").await, [""; 0]);
}

#[tokio::test]
async fn members_are_removed_by_what_is_shown_of_them() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let (ada, bob) = (acme.person("ada").await, acme.person("bob").await);
    let inner = acme.group("Inner", &[]).await;
    let staff = acme.group("Staff", &[&ada, &bob, &inner]).await;
    let remove = async |filter: &str| {
        let operations = json!([{ "op": "remove", "path": format!("members[{filter}]") }]);
        acme.operations(&format!("/Groups/{staff}"), operations).await.expect(200);
        acme.members(&staff).await
    };

    assert_eq!(remove("display eq \"BOB\"").await, [ada.clone(), inner.clone()]);
    assert_eq!(remove("$ref co \"/Groups/\" and display sw \"inn\"").await, [ada]);
    assert_eq!(remove("display pr and not (type eq \"Group\")").await, [""; 0]);
}
