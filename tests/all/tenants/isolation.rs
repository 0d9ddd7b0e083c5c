//! What one tenant can find out about another: nothing. A resource of another tenant is answered as one that never was.

use muster_test_harness::messages::error;
use muster_test_harness::{Answer, GROUP, TenantClient, TestApp, USER};
use reqwest::Method;
use serde_json::{Value, json};

use super::UNKNOWN;

/// Everything that an answer shows, without what differs from one request to the next, and with `id` written as `ID`.
fn shown(answer: &Answer, id: &str) -> (u16, Vec<(String, String)>, String) {
    let differs = |name: &str| ["date", "x-request-id", "content-length"].contains(&name);
    let headers = answer.headers.iter().filter(|(name, _)| !differs(name.as_str()));
    let headers = headers.map(|(name, value)| (name.to_string(), value.to_str().unwrap().replace(id, "ID"))).collect();
    (answer.status, headers, answer.text.replace(id, "ID"))
}

/// Does the same with the id of another tenant's resource and with an id that nobody has; the answers must be the same.
async fn same_for_both(acme: &TenantClient, foreign: &str, method: Method, path: &str, body: Option<&str>) -> Answer {
    let mut answers = Vec::new();
    for id in [foreign, UNKNOWN] {
        let request = acme.request(method.clone(), &path.replace("ID", id)).bearer_auth(&acme.token);
        let request = match body {
            Some(body) => request.header("content-type", "application/scim+json").body(body.replace("ID", id)),
            None => request,
        };
        answers.push((acme.send(request).await, id));
    }
    let (theirs, nobodys) = (&answers[0], &answers[1]);
    assert_eq!(shown(&theirs.0, theirs.1), shown(&nobodys.0, nobodys.1), "{method} {path}");
    answers.remove(0).0
}

#[tokio::test]
async fn a_resource_of_another_tenant_is_answered_as_one_that_never_was() {
    let app = TestApp::start().await;
    let (acme, globex) = (app.tenant("acme").await, app.tenant("globex").await);
    let grace = globex.user("grace@globex.example").await;
    let theirs = globex.group("Engines", &[&grace]).await;
    let before = (globex.get("/Users").await.text, globex.get("/Groups").await.text, app.log("globex").await);
    let user = json!({ "schemas": [USER], "id": "ID", "userName": "eve@acme.example" }).to_string();
    let group = json!({ "schemas": [GROUP], "id": "ID", "displayName": "Raiders" }).to_string();
    let patch = json!({ "Operations": [{ "op": "replace", "value": { "active": false, "displayName": "x" } }] });
    let patch = patch.to_string();

    for (id, path, put) in [(&grace, "/Users/ID", &user), (&theirs, "/Groups/ID", &group)] {
        for (method, body) in [
            (Method::GET, None),
            (Method::PUT, Some(put.as_str())),
            (Method::PATCH, Some(patch.as_str())),
            (Method::DELETE, None),
            (Method::HEAD, None),
        ] {
            same_for_both(&acme, id, method, path, body).await.expect(404);
        }
        let attributes = format!("{path}?attributes=userName,members");
        same_for_both(&acme, id, Method::GET, &attributes, None).await.expect(404);
    }

    let after = (globex.get("/Users").await.text, globex.get("/Groups").await.text, app.log("globex").await);
    assert_eq!(after, before);
    assert_eq!(app.log("acme").await, Vec::<Value>::new());
}

#[tokio::test]
async fn a_lookup_finds_nothing_of_another_tenant() {
    let app = TestApp::start().await;
    let (acme, globex) = (app.tenant("acme").await, app.tenant("globex").await);
    let grace = globex.user("grace@globex.example").await;
    let theirs = globex.group("Engines", &[&grace]).await;

    for (id, path) in [
        (&grace, "/Users?filter=id%20eq%20%22ID%22"),
        (&grace, "/Groups?filter=members.value%20eq%20%22ID%22"),
        (&grace, "/Groups?filter=members%5Bvalue%20eq%20%22ID%22%5D"),
        (&theirs, "/Groups?filter=id%20eq%20%22ID%22"),
        (&theirs, "/Users?filter=groups.value%20eq%20%22ID%22"),
        (&theirs, "/Users?filter=groups%20eq%20%22ID%22"),
    ] {
        let found = same_for_both(&acme, id, Method::GET, path, None).await.expect(200);
        assert_eq!((&found["totalResults"], &found["Resources"]), (&json!(0), &json!([])), "{path}");
    }
    for filter in ["userName eq \"grace@globex.example\"", "userName pr", "userName sw \"g\""] {
        assert_eq!(acme.ids("/Users", filter).await, Vec::<String>::new(), "{filter}");
    }
    acme.user("grace@globex.example").await;
    assert_eq!(acme.get("/Users").await.expect(200)["totalResults"], 1, "a name is taken in one tenant only");
    assert_eq!(globex.get("/Users").await.expect(200)["totalResults"], 1);
}

#[tokio::test]
async fn a_member_of_another_tenant_is_an_unknown_member() {
    let app = TestApp::start().await;
    let (acme, globex) = (app.tenant("acme").await, app.tenant("globex").await);
    let grace = globex.user("grace@globex.example").await;
    let (ada, engines) = (acme.user("ada").await, acme.group("Engines", &[]).await);
    let path = format!("/Groups/{engines}");
    let add = json!({ "Operations": [{ "op": "add", "path": "members", "value": [{ "value": "ID" }] }] }).to_string();
    let put = json!({ "displayName": "Engines", "members": [{ "value": "ID" }, { "value": ada }] }).to_string();
    let gone = json!({ "Operations": [{ "op": "remove", "path": "members[value eq \"ID\"]" }] }).to_string();

    same_for_both(&acme, &grace, Method::PATCH, &path, Some(&add)).await.expect(200);
    assert_eq!(acme.members(&engines).await, Vec::<String>::new());
    acme.put(&path, json!({ "displayName": "Engines", "members": [{ "value": ada }] })).await.expect(200);
    same_for_both(&acme, &grace, Method::PUT, &path, Some(&put)).await.expect(200);
    same_for_both(&acme, &grace, Method::PATCH, &path, Some(&gone)).await.expect(200);

    assert_eq!(acme.members(&engines).await, [ada.as_str()]);
    let theirs = globex.get(&format!("/Users/{grace}")).await.expect(200);
    assert_eq!(theirs["groups"], json!([]), "nor does it show on their side");
}

#[tokio::test]
async fn where_unknown_members_are_refused_so_are_those_of_another_tenant() {
    let app = TestApp::start().await;
    let acme = app.tenant_with("acme", "standard", json!({ "groups_unknown_members": "refuse" })).await;
    let grace = app.tenant("globex").await.user("grace@globex.example").await;
    let group = json!({ "schemas": [GROUP], "displayName": "Engines", "members": [{ "value": "ID" }] }).to_string();

    let refused = same_for_both(&acme, &grace, Method::POST, "/Groups", Some(&group)).await.expect(400);

    let sentence = format!("members: there is no resource {grace}");
    assert_eq!(refused, error(400, Some("invalidValue"), &sentence));
}

#[tokio::test]
async fn a_path_that_names_another_tenant_is_401_whether_or_not_there_is_one() {
    let app = TestApp::start().await;
    let (acme, globex) = (app.tenant("acme").await, app.tenant("globex").await);
    let grace = globex.user("grace").await;

    for name in ["globex", "nobody", "ACME", "acme%61", "acme."] {
        let there = acme.at(&format!("{}/t/{name}/scim/v2", app.scim));
        for path in ["/Users".to_owned(), format!("/Users/{grace}"), "/Schemas".to_owned()] {
            let answer = there.get(&path).await;
            assert_eq!(answer.header("www-authenticate"), "Bearer");
            let sentence = "The bearer token is missing or not valid";
            assert_eq!(answer.expect(401), error(401, None, sentence), "{name}{path}");
        }
    }
}

#[tokio::test]
async fn every_tenant_is_served_under_its_own_name_as_well() {
    let app = TestApp::start().await;
    let secoda = app.tenant_with("acme", "secoda", json!({})).await;
    let ada = secoda.user("ada@example.com").await;
    let named = secoda.at(&format!("{}/t/acme/scim/v2", app.scim));

    let read = named.get(&format!("/Users/{ada}")).await.expect(200);
    let answer = named.post("/Groups", json!({ "schemas": [GROUP], "displayName": "Engines" })).await;

    let base = format!("{}/t/acme/scim/v2", app.scim);
    assert_eq!(read["meta"]["location"], format!("{base}/Users/{ada}"), "in the words of whoever asks");
    assert!(answer.header("location").starts_with(&format!("{base}/Groups/")), "{}", answer.header("location"));
    answer.expect(201);
    let types = named.get("/ResourceTypes").await.expect(200);
    assert_eq!(types["Resources"][0]["meta"]["location"], format!("{base}/ResourceTypes/User"));
    let there = secoda.get(&format!("/Users/{ada}")).await.expect(200);
    assert_eq!(there["meta"]["location"], format!("{}/api/v2/scim/Users/{ada}", app.scim));
}

#[tokio::test]
async fn the_base_path_of_another_plugin_is_404() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let globex = app.tenant_with("globex", "secoda", json!({})).await;

    let ours_there = acme.at(&globex.base).get("/Users").await;
    let theirs_here = globex.at(&acme.base).get("/Users").await;
    let nowhere = acme.at(&format!("{}/api/external/scim", app.scim)).get("/Users").await;

    assert_eq!(ours_there.expect(404), error(404, None, "there is nothing at /api/v2/scim"));
    assert_eq!(theirs_here.expect(404), error(404, None, "there is nothing at /scim/v2"));
    assert_eq!(nowhere.expect(404), error(404, None, "there is nothing at /api/external/scim/Users"));
}

#[tokio::test]
async fn a_base_path_comes_and_goes_with_the_binding() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    app.push(muster_test_harness::wasm::plugin("secoda")).await.expect(201);
    let there = acme.at(&format!("{}/api/v2/scim", app.scim));
    there.get("/Users").await.expect(404);

    let new = json!({ "plugin": "secoda", "config": {}, "grants": "all" });
    app.admin_put("/tenants/acme/binding", new).await.expect(200);

    there.get("/Users").await.expect(200);
    acme.get("/Users").await.expect(404);
    app.admin_post("/tenants/acme/binding/rollback", json!({})).await.expect(200);
    acme.get("/Users").await.expect(200);
    there.get("/Users").await.expect(404);
}
