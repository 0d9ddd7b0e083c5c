//! Accounts by the vendor's own word for where they stand.

use muster_test_harness::TestApp;
use reqwest::Method;
use serde_json::{Value, json};

use super::problem;
use crate::command::on;

fn ids(answer: &Value) -> Vec<&str> {
    answer["accounts"].as_array().unwrap().iter().map(|account| account["id"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn accounts_are_counted_and_listed_by_state() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let mut people = Vec::new();
    for name in ["ada", "bob", "cleo", "dora"] {
        people.push(acme.user(name).await);
    }
    acme.group("Engines", &[]).await;
    let off = json!([{ "op": "replace", "path": "active", "value": false }]);
    acme.operations(&format!("/Users/{}", people[1]), off).await.expect(200);

    let counts = app.admin_get("/tenants/acme/accounts").await.expect(200);
    let state = |name: &str, count: u64| json!({ "state": name, "count": count });
    assert_eq!(counts, json!({ "resource_type": "User", "states": [state("active", 3), state("disabled", 1)] }));
    let groups = app.admin_get("/tenants/acme/accounts?resource_type=Group").await.expect(200);
    assert_eq!(groups["states"], json!([state("active", 1)]));

    let first = app.admin_get("/tenants/acme/accounts?state=active&limit=2").await.expect(200);
    assert_eq!(ids(&first), [&people[0], &people[2]]);
    assert_eq!(first["accounts"][0], app.admin_get(&format!("/tenants/acme/accounts/{}", people[0])).await.expect(200));
    let next = format!("/tenants/acme/accounts?state=active&limit=2&after={}", first["next"].as_str().unwrap());
    let second = app.admin_get(&next).await.expect(200);
    assert_eq!((ids(&second), &second["next"]), (vec![people[3].as_str()], &Value::Null));
    assert_eq!(ids(&app.admin_get("/tenants/acme/accounts?state=invited").await.expect(200)), [""; 0]);
    assert_eq!(
        problem(app.admin_get("/tenants/acme/accounts?after=7").await, 400),
        "after must be the id of an account"
    );
    assert_eq!(problem(app.admin_get("/tenants/nobody/accounts").await, 404), "there is no tenant nobody");
}

#[tokio::test]
async fn tenant_accounts_tells_states_and_who_is_in_one() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let (ada, bob) = (acme.user("ada").await, acme.user("bob").await);

    assert_eq!(on(&app, &["tenant", "accounts", "acme"]).await.text(), "        2  active\n");
    let listed = on(&app, &["tenant", "accounts", "acme", "--state", "active", "--limit", "1"]).await.text();
    assert_eq!(listed, format!("{ada}  ada\nmore: --after {ada}\n"));
    let rest = on(&app, &["tenant", "accounts", "acme", "--state", "active", "--after", &ada]).await.text();
    assert_eq!(rest, format!("{bob}  bob\n"));
    let json = on(&app, &["tenant", "accounts", "acme", "--json"]).await.json();
    assert_eq!(json, app.admin_get("/tenants/acme/accounts").await.expect(200));
}

#[tokio::test]
async fn accounts_made_by_hand_are_counted_apart_and_shown_by_their_id() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let ada = acme.user("ada").await;
    let made =
        app.directory_send(Method::POST, "/tenants/acme/accounts", json!({ "userName": "bob" })).await.expect(201);
    let bob = made["id"].as_str().unwrap();

    let counted = on(&app, &["tenant", "accounts", "acme"]).await.text();
    let listed = on(&app, &["tenant", "accounts", "acme", "--state", "active"]).await.text();
    let own = ["tenant", "accounts", "acme", "--state", "active", "--resource-type", "ManualUser"];
    let own = on(&app, &own).await.text();
    let shown = on(&app, &["tenant", "account", "acme", bob]).await.text();

    let line = "        1  active";
    assert_eq!(counted, format!("{line}\n{line}   made by hand (--resource-type ManualUser)\n"));
    assert_eq!(listed, format!("{ada}  ada\nand 1 made by hand: --resource-type ManualUser\n"));
    assert_eq!(own, format!("{bob}  bob\n"));
    assert!(
        shown.starts_with(&format!("ManualUser {bob} (made by hand: no list of SCIM has it), mapped by ")),
        "{shown}"
    );
}
