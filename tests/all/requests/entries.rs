//! What is kept of a request, and how it is found.

use std::time::Duration;

use muster_test_harness::{ENTERPRISE, PATCH_OP, TestApp, USER};
use reqwest::Method;
use serde_json::{Value, json};

use super::{asked, whole};

#[tokio::test]
async fn a_creation_by_okta_is_kept_with_all_that_became_of_it() {
    let app = TestApp::start().await;
    let acme = app.tenant_with("acme", "secoda", json!({})).await;
    let user = json!({
        "schemas": [USER], "userName": "ada@example.com", "name": { "givenName": "Ada", "familyName": "Byron" },
        "emails": [{ "primary": true, "value": "ada@example.com", "type": "work" }], "displayName": "Ada Byron",
        "locale": "en-US", "externalId": "00ujl29u0le5T6Aj10h7", "groups": [], "password": "1mz050nq", "active": true,
    });
    let request = acme
        .request(Method::POST, "/Users")
        .header("user-agent", "Okta SCIM Client 1.0.0")
        .header("accept", "application/scim+json")
        .header("content-type", "application/scim+json; charset=utf-8")
        .header("x-forwarded-for", "203.0.113.9")
        .bearer_auth(&acme.token)
        .body(user.to_string());
    let made = acme.send(request).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let id = made.body["id"].as_str().unwrap();

    let kept = whole(&app, "acme", &made).await;
    assert_eq!(
        (&kept["request"], &kept["at"], &kept["method"], &kept["path"], &kept["status"]),
        (
            &json!(made.header("x-request-id")),
            &json!("2026-11-03T14:03:00.000Z"),
            &json!("POST"),
            &json!("/Users"),
            &json!(201)
        )
    );
    let token = app.admin_get("/tenants/acme/tokens").await.expect(200)["tokens"][0]["id"].clone();
    assert_eq!(kept["actor"], json!({ "token": token }));
    assert_eq!(kept["resources"], json!([id]));

    let sent = &kept["sent"];
    assert_eq!((&sent["http"], &sent["base"]), (&json!("HTTP/1.1"), &json!("/api/v2/scim")));
    let header = |name: &str| pair(&sent["headers"], name);
    assert_eq!(header("user-agent"), "Okta SCIM Client 1.0.0");
    assert_eq!(header("content-type"), "application/scim+json; charset=utf-8");
    assert_eq!(header("content-length"), user.to_string().len().to_string());
    let others = sent["other_headers"].as_array().unwrap();
    assert!(others.contains(&json!("authorization")) && others.contains(&json!("x-forwarded-for")), "{others:?}");
    assert_eq!(sent["body"]["bytes"], json!(user.to_string().len()));
    let mut expected = user.clone();
    expected["locale"] = json!("<text of 5 characters>");
    expected["password"] = json!("<secret>");
    assert_eq!(sent["body"]["json"], expected);

    let rules: Vec<&str> = kept["rewrites"].as_array().unwrap().iter().map(|it| it["rule"].as_str().unwrap()).collect();
    assert!(rules.contains(&"password-dropped") && rules.contains(&"not-retained"), "{rules:?}");
    let decision = &kept["decision"];
    assert_eq!((&decision["name"], &decision["tasks"]), (&json!("secoda"), &json!(1)));
    assert_eq!(decision["actions"], json!(["send-invitation"]));
    assert_eq!(
        decision["outcome"],
        json!({ "mapped": { "state": "invited", "listed": false, "keys": ["userName", "emails.value"] } })
    );
    let answered = &kept["answer"];
    assert_eq!(answered["bytes"], json!(made.text.len()));
    assert_eq!(pair(&answered["headers"], "etag"), made.header("etag"));
    assert_eq!(pair(&answered["headers"], "location"), made.header("location"));
    assert!(!answered.to_string().contains("Byron"), "the answer's body is not kept: the log has what was stored");
    let took = &kept["took"];
    let us = |name: &str| took[name].as_u64().unwrap_or_default();
    assert!(us("plugin_us") > 0 && us("commit_us") > 0 && us("all_us") >= us("plugin_us") + us("commit_us"), "{took}");
    assert_eq!((&kept["changes"], app.log("acme").await[0]["seq"].clone()), (&json!([1]), json!(1)));
    let link = kept["log"].as_str().unwrap();
    let log = app.admin_get(link.strip_prefix("/admin/v1").unwrap()).await.expect(200);
    assert_eq!(log["entries"][0]["request"], kept["request"], "it leads to the change");
}

/// The value of a name in a list of pairs.
fn pair(pairs: &Value, name: &str) -> String {
    let found = pairs.as_array().unwrap().iter().find(|pair| pair[0] == name);
    found.map_or_else(String::new, |pair| pair[1].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn a_look_up_by_entra_is_kept_with_its_question() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let flagged = acme.get("?aadOptscim062020/Users&filter=userName%20eq%20%22ada%40example.com%22").await;
    assert_eq!(flagged.status, 200, "{}", flagged.text);
    let kept = whole(&app, "acme", &flagged).await;
    assert_eq!(kept["path"], "/Users");
    assert_eq!(kept["sent"]["query"], json!([["filter", "userName eq \"ada@example.com\""]]));
    assert_eq!((&kept["decision"], &kept["changes"]), (&Value::Null, &json!([])));
    assert!(kept.get("log").is_none() && kept["sent"].get("body").is_none());
    assert_eq!(kept["rewrites"][0]["rule"], "feature-flag");
}

#[tokio::test]
async fn a_patch_by_entra_is_kept_operation_by_operation() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let user = acme.user("ada@example.com").await;
    let operations = json!([
        { "op": "Replace", "path": "active", "value": "False" },
        { "op": "Add", "path": format!("{ENTERPRISE}:department"), "value": "Analysis" },
        { "op": "Add", "path": "emails[type eq \"work\"].value", "value": "ada@example.com" },
    ]);
    let body = json!({ "schemas": [PATCH_OP], "Operations": operations });

    let patched = acme.patch(&format!("/Users/{user}"), body.clone()).await;
    let kept = whole(&app, "acme", &patched).await;
    assert_eq!(kept["sent"]["body"]["json"], body, "all of it is retained");
    assert_eq!(kept["decision"]["outcome"]["mapped"]["state"], "disabled");
    assert_eq!((&kept["resources"], &kept["changes"]), (&json!([user]), &json!([2])));

    let again = acme.patch(&format!("/Users/{user}"), body).await;
    let kept = whole(&app, "acme", &again).await;
    assert_eq!(kept["decision"]["outcome"]["mapped"]["unchanged"], true);
    assert_eq!(kept["changes"], json!([]), "it is as it was");
}

#[tokio::test]
async fn what_the_plugin_said_is_kept_also_where_it_said_no_or_nothing() {
    let app = TestApp::start().await;
    let body = json!({ "schemas": [USER], "userName": "ada@example.com" });
    for (guest, status, outcome) in [
        ("rejects", 409, json!({ "rejected": { "status": 409, "detail": "userName is reserved by this guest" } })),
        ("traps", 503, json!({ "failed": { "class": "trapped" } })),
        ("loops", 503, json!({ "failed": { "class": "deadline" } })),
        ("answers-nonsense", 503, json!({ "failed": { "class": "invalid" } })),
    ] {
        let client = app.tenant_with_guest(guest, guest).await;
        let refused = client.post("/Users", body.clone()).await;
        assert_eq!(refused.status, status, "{guest}: {}", refused.text);
        let kept = whole(&app, guest, &refused).await;
        assert_eq!(kept["decision"]["outcome"], outcome, "{guest}");
        assert_eq!(kept["detail"], refused.body["detail"]);
        assert_eq!((&kept["decision"]["plugin"].as_str().unwrap().len(), &kept["changes"]), (&64, &json!([])));
        let line = &asked(&app, guest, "limit=1").await[0];
        assert_eq!(line["outcome"], outcome, "the list says so, too");
    }
}

#[tokio::test]
async fn a_bulk_request_is_one_entry_with_a_line_for_each_operation() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let mut operations: Vec<Value> = (0..60)
        .map(|number| json!({ "method": "POST", "path": "/Users", "bulkId": format!("b{number}"), "data": { "schemas": [USER], "userName": format!("user{number}") } }))
        .collect();
    operations.push(json!({ "method": "POST", "path": "/Users", "bulkId": "again", "data": { "schemas": [USER], "userName": "USER0" } }));
    operations.push(json!({ "method": "DELETE", "path": "/Users/nobody@example.com" }));

    let done = acme
        .post(
            "/Bulk",
            json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], "Operations": operations }),
        )
        .await;
    assert_eq!(done.status, 200, "{}", done.text);
    let kept = whole(&app, "acme", &done).await;
    let told = &kept["operations"];
    assert_eq!((&told["attempted"], &told["failed"]), (&json!(62), &json!(2)));
    let shown = told["shown"].as_array().unwrap();
    assert_eq!(shown.len(), 27, "25 that went well, and those that did not");
    let (first, taken, missing) = (&shown[0], &shown[25], &shown[26]);
    let made = first["path"].as_str().unwrap().strip_prefix("/Users/").unwrap();
    assert_eq!((&first["index"], &first["status"]), (&json!(0), &json!(201)));
    assert_eq!(first["decision"]["outcome"]["mapped"]["state"], "active");
    assert_eq!(
        (&taken["status"], &taken["scim_type"], &taken["path"]),
        (&json!(409), &json!("uniqueness"), &json!("/Users"))
    );
    assert_eq!((&missing["status"], &missing["path"]), (&json!(404), &json!("/Users/...")));
    assert!(!kept.to_string().contains("nobody@example.com"), "{kept}");
    assert_eq!(missing["detail"], "Resource <...> not found");
    assert_eq!(taken["decision"]["outcome"]["mapped"].get("unchanged"), None, "it was not made");
    assert_eq!(kept["changes"].as_array().unwrap().len(), 60);
    assert_eq!(asked(&app, "acme", &format!("resource={made}")).await.len(), 1, "it is found by what it made");
}

#[tokio::test]
async fn requests_are_found_by_status_verb_resource_and_time() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let ada = acme.user("ada").await;
    app.advance(Duration::from_secs(60));
    let group = acme.group("Engines", &[&ada]).await;
    app.advance(Duration::from_secs(60));
    acme.get(&format!("/Users/{ada}")).await.expect(200);
    acme.get("/Users/nobody").await.expect(404);
    acme.get("/Nowhere").await.expect(404);
    acme.delete(&format!("/Groups/{group}")).await;

    let told = async |query: &str| {
        let mut told: Vec<String> = Vec::new();
        for request in asked(&app, "acme", query).await {
            told.push(format!("{} {} {}", request["method"], request["path"], request["status"]).replace('"', ""));
        }
        told
    };
    let (ada_path, group_path) = (format!("/Users/{ada}"), format!("/Groups/{group}"));
    assert_eq!(told("status=4xx").await, ["GET /... 404", "GET /Users/... 404"]);
    assert_eq!(told("status=failed&limit=1").await, ["GET /... 404"]);
    assert_eq!(told("status=201").await, ["POST /Groups 201", "POST /Users 201"]);
    assert_eq!(told("method=delete").await, [format!("DELETE {group_path} 204")]);
    let of_ada = told(&format!("resource={ada}")).await;
    assert!(
        of_ada.ends_with(&[format!("GET {ada_path} 200"), "POST /Groups 201".into(), "POST /Users 201".into()]),
        "{of_ada:?}"
    );
    let middle = "from=2026-11-03T14:04:00Z&to=2026-11-03T14:05:00Z";
    assert_eq!(told(middle).await, ["POST /Groups 201"]);
    let first = app.admin_get("/tenants/acme/requests?limit=4").await.expect(200);
    let rest = asked(&app, "acme", &format!("before={}", first["next"])).await;
    assert_eq!((first["requests"].as_array().unwrap().len(), rest.len()), (4, 2));

    for wrong in ["status=9xx", "resource=ada", "from=yesterday", "colour=blue", "limit=many"] {
        let refused = app.admin_get(&format!("/tenants/acme/requests?{wrong}")).await;
        assert_eq!(refused.status, 400, "{wrong}");
    }
    let missing = app.admin_get("/tenants/acme/requests/none").await.expect(404);
    assert_eq!(
        missing["detail"],
        "there is no request none in the request log of tenant acme, or it is no longer kept"
    );
    app.admin_get("/tenants/nobody/requests/none").await.expect(404);
}

#[tokio::test]
async fn a_restart_keeps_what_was_kept() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let before = acme.get("/Users").await;
    let app = app.restart().await;
    let acme = app.client("/scim/v2", &acme.token);
    let after = acme.get("/Groups").await;
    let told: Vec<Value> = asked(&app, "acme", "").await.iter().map(|request| request["request"].clone()).collect();
    assert_eq!(told, [json!(after.header("x-request-id")), json!(before.header("x-request-id"))]);
    assert_eq!(whole(&app, "acme", &before).await["path"], "/Users");
}

#[tokio::test]
async fn of_two_tenants_each_has_its_own() {
    let app = TestApp::start().await;
    let (acme, other) = (app.tenant("acme").await, app.tenant("other").await);
    let ours = acme.get("/Users").await;
    let theirs = other.get("/Users").await;
    assert_eq!(asked(&app, "acme", "").await.len(), 1);
    assert_eq!(whole(&app, "other", &theirs).await["status"], 200);
    app.admin_get(&format!("/tenants/other/requests/{}", ours.header("x-request-id"))).await.expect(404);
}
