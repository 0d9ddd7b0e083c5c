use std::collections::BTreeSet;

use muster_service::MAX_ACCOUNTS_LOOKED_AT;
use muster_test_harness::{TestApp, USER};
use serde_json::{Value, json};

use super::{acme_with, all, problem, read};

const BULK_REQUEST: &str = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";

#[tokio::test]
async fn an_account_is_told_as_the_product_knows_it() {
    let app = TestApp::start().await;
    let acme = app.tenant_with("acme", "secoda", json!({})).await;
    let ada = acme.person("ada@example.com").await;
    let engines = acme.group("Engines", &[&ada]).await;

    let told = app.directory_get(&format!("/tenants/acme/accounts/{ada}?groups=true")).await;

    assert_eq!((told.header("etag"), told.header("cache-control")), ("W/\"1\"", "no-store"));
    assert_eq!(told.header("content-type"), "application/json");
    let expected = json!({
        "type": "User",
        "managed_by": "scim",
        "state": "invited",
        "listed": false,
        "keys": [
            { "attribute": "userName", "value": "ada@example.com" },
            { "attribute": "emails.value", "value": "ada@example.com" },
        ],
        "fields": {
            "email": "ada@example.com",
            "name": "ada@example.com",
            "was_invited": true,
            "has_signed_in": false,
        },
        "active": true,
        "userName": "ada@example.com",
        "displayName": "ada@example.com",
        "id": ada,
        "local": {},
        "created": "2026-11-03T14:03:00.000Z",
        "modified": "2026-11-03T14:03:00.000Z",
        "version": "W/\"1\"",
        "groups": [{ "id": engines, "displayName": "Engines" }],
        "groups_next": null,
    });
    assert_eq!(told.expect(200), expected);
    let groups = read(&app, &format!("accounts/{ada}/groups")).await;
    assert_eq!(groups, json!({ "groups": expected["groups"], "next": null }));
}

#[tokio::test]
async fn accounts_are_read_by_state_by_key_and_by_page() {
    let app = TestApp::start().await;
    let (acme, old) = acme_with(&app, &["old1", "old2"]).await;
    let mut invited = Vec::new();
    for number in 0..5 {
        invited.push(acme.user(&format!("ada{number}@example.com")).await);
    }
    let ids = async |query: &str| all(&read(&app, &format!("accounts?{query}")).await["accounts"], "id");

    assert_eq!(ids("state=invited").await, invited);
    assert_eq!(ids("state=active").await, old);
    assert_eq!(ids("state=disabled").await, Vec::<String>::new());
    let misspelt = problem(app.directory_get("/tenants/acme/accounts?state=invitd").await, 400);
    assert!(misspelt.starts_with("state is one of the plugin's own: ") && misspelt.contains("invited"), "{misspelt}");
    assert_eq!(ids("listed=true").await, old);
    assert_eq!(ids("listed=false&limit=3").await, invited[..3]);
    assert_eq!(ids("key=userName:ADA3@example.com").await, invited[3..4]);
    assert_eq!(ids("key=emails.value:ada3@example.com").await, invited[3..4]);
    assert_eq!(ids("key=userName:old1").await, old[..1]);
    assert_eq!(ids("key=userName:old1&listed=false").await, Vec::<String>::new());
    assert_eq!(ids("key=userName:nobody").await, Vec::<String>::new());
    assert_eq!(ids("managed_by=scim").await.len(), 7);
    assert_eq!(ids("managed_by=manual").await, Vec::<String>::new());
    let states = read(&app, "accounts/states").await;
    let of = |scim: u64| json!({ "scim": scim, "manual": 0 });
    assert_eq!(states, json!({ "states": { "active": of(2), "invited": of(5) } }));
}

#[tokio::test]
async fn who_reads_page_by_page_meets_each_account_once_and_knows_where_the_changes_go_on() {
    let app = TestApp::start().await;
    let (acme, mut expected) = acme_with(&app, &["old1"]).await;
    for number in 0..4 {
        expected.push(acme.user(&format!("ada{number}@example.com")).await);
    }

    for query in ["limit=2", "limit=2&managed_by=scim", "limit=1"] {
        let (mut met, mut after) = (Vec::new(), String::new());
        loop {
            let page = read(&app, &format!("accounts?{query}{after}")).await;
            assert!(page["change"].as_str().unwrap().starts_with("5-"), "{}", page["change"]);
            met.extend(all(&page["accounts"], "id"));
            let Some(next) = page["next"].as_str() else { break };
            after = format!("&after={next}");
        }
        assert_eq!(met, expected, "{query}");
    }
}

#[tokio::test]
async fn one_page_looks_at_so_many_accounts_and_the_next_goes_on() {
    let app = TestApp::start().await;
    let acme = app.tenant_with("acme", "secoda", json!({})).await;
    for hundreds in 0..=MAX_ACCOUNTS_LOOKED_AT / 500 {
        let one = |number: usize| {
            let user = json!({ "schemas": [USER], "userName": format!("u{hundreds}-{number}@example.com") });
            json!({ "method": "POST", "path": "/Users", "bulkId": format!("b{number}"), "data": user })
        };
        let count = if hundreds == MAX_ACCOUNTS_LOOKED_AT / 500 { 1 } else { 500 };
        let operations: Vec<Value> = (0..count).map(one).collect();
        acme.post("/Bulk", json!({ "schemas": [BULK_REQUEST], "Operations": operations })).await.expect(200);
    }

    let first = read(&app, "accounts?listed=true").await;
    assert_eq!(first["accounts"], json!([]), "nobody has signed in");
    let second = read(&app, &format!("accounts?listed=true&after={}", first["next"].as_str().unwrap())).await;
    assert_eq!((&second["accounts"], &second["next"]), (&json!([]), &json!(null)));
    let invited = read(&app, "accounts?state=invited&limit=1000").await;
    assert_eq!(all(&invited["accounts"], "id").into_iter().collect::<BTreeSet<_>>().len(), 1000);
    let beyond = read(&app, "accounts?state=invited&limit=99999999").await;
    assert_eq!(beyond["accounts"].as_array().unwrap().len(), 1000, "the most that a page has");
}

#[tokio::test]
async fn what_is_asked_wrongly_is_told_in_a_sentence() {
    let app = TestApp::start().await;
    let (acme, _) = (app.tenant("acme").await, app.tenant("globex").await);
    let ada = acme.user("ada").await;
    let asked = async |path: &str| app.directory_get(&format!("/tenants/{path}")).await;

    for (path, says) in [
        ("acme/accounts?limit=0", "limit is at least 1"),
        ("acme/accounts?after=x", "after must be what an earlier page of the same question had as next"),
        ("acme/accounts?key=ada", "key is the path of an attribute, a colon and its value"),
        ("acme/accounts?key=a%20b:c", "key is the path of an attribute, a colon and its value"),
        ("acme/accounts?key=email:ada@example.com", "the key's path is no attribute of User: email"),
        ("acme/accounts?managed_by=manual&key=email:ada", "the key's path is no attribute of User: email"),
        ("acme/accounts?type=Group&key=userName:ada", "the key's path is no attribute of Group: userName"),
        (
            "acme/accounts?type=ManualUser",
            "type is a kind of resource; accounts made by hand are of type User, with managed_by=manual",
        ),
        ("acme/accounts?type=user", "type is one of User, Group"),
        ("acme/groups?after=x", "after must be what an earlier page had as next"),
        ("acme/groups?limit=0", "limit is at least 1"),
    ] {
        assert_eq!(problem(asked(path).await, 400), says, "{path}");
    }
    let none = asked("acme/accounts?key=title:ada").await.expect(200);
    assert_eq!(none["accounts"], json!([]), "an attribute that is nobody's key");
    let other = format!("acme/accounts?managed_by=manual&after=User.{ada}");
    assert_eq!(
        problem(asked(&other).await, 400),
        "after must be what an earlier page of the same question had as next"
    );
    for path in [
        "acme/accounts?limit=many",
        "acme/accounts?listed=maybe",
        "acme/accounts?colour=red",
        "acme/accounts?managed_by=me",
    ] {
        problem(asked(path).await, 400);
    }
    for id in ["unknown", "019a4a5e-0000-7000-8000-000000000000"] {
        assert_eq!(
            problem(asked(&format!("acme/accounts/{id}")).await, 404),
            format!("there is no account {id} of tenant acme")
        );
        problem(asked(&format!("acme/groups/{id}/members")).await, 404);
    }
    let elsewhere = asked(&format!("globex/accounts/{ada}")).await;
    assert_eq!(problem(elsewhere, 404), format!("there is no account {ada} of tenant globex"));
    for path in ["accounts", "accounts/states", "groups", "changes", &format!("accounts/{ada}/local")] {
        assert_eq!(problem(asked(&format!("nobody/{path}")).await, 404), "there is no tenant nobody");
    }
}
