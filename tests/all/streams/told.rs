use muster_test_harness::{GROUP, TestApp};
use serde_json::{Value, json};

use super::*;

#[tokio::test]
async fn what_becomes_of_a_user_is_told_without_a_value_of_it() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    acme.user("before").await;
    let audit = Poller::add(&app, "audit", json!({})).await;
    let issuer = format!("{}/t/acme", app.scim);

    let new = json!({ "schemas": [USER], "userName": "ada", "externalId": "7", "name": { "givenName": "Ada" }, "active": true });
    let made = acme.post("/Users", new).await;
    let request = made.header("x-request-id").to_owned();
    let id = made.expect(201)["id"].as_str().unwrap().to_owned();
    let user = format!("/Users/{id}");
    let name = json!([{ "op": "replace", "path": "name.givenName", "value": "Augusta" }, { "op": "add", "path": "title", "value": "Countess" }]);
    acme.operations(&user, name).await.expect(200);
    acme.operations(&user, set_active(false)).await.expect(200);
    acme.operations(&user, set_active(true)).await.expect(200);
    acme.delete(&user).await.expect(204);

    let told = audit.take(&app, 5).await;
    let attributes = json!(["id", "userName", "externalId", "name.givenName", "active"]);
    let first = &told[0];
    let expected = json!({
        "iss": issuer,
        "jti": first["jti"],
        "iat": START_S,
        "aud": [format!("{issuer}/events/audit")],
        "txn": request,
        "toe": START_S,
        "sub_id": { "format": "scim", "uri": user, "id": id, "externalId": "7" },
        "events": { format!("{SCIM}prov:create:notice"): { "version": "W/\"1\"", "attributes": attributes } },
    });
    let sorted = |claims: &Value| {
        let mut claims = claims.clone();
        let attributes = &mut claims["events"][format!("{SCIM}prov:create:notice")]["attributes"];
        attributes.as_array_mut().unwrap().sort_by_key(Value::to_string);
        claims
    };
    assert_eq!(sorted(first), sorted(&expected));
    assert_eq!(events(&told[1]), ["prov:patch:notice"]);
    assert_eq!(
        *payload(&told[1], "prov:patch:notice"),
        json!({ "version": "W/\"2\"", "attributes": ["name.givenName", "title"] })
    );
    assert_eq!(events(&told[2]), ["prov:deactivate", "prov:patch:notice"]);
    assert_eq!(*payload(&told[2], "prov:deactivate"), json!({}));
    assert_eq!(payload(&told[2], "prov:patch:notice")["attributes"], json!(["active"]));
    assert_eq!(events(&told[3]), ["prov:activate", "prov:patch:notice"]);
    assert_eq!(events(&told[4]), ["prov:delete"]);
    assert_eq!(told[4]["sub_id"]["externalId"], "7", "as it was");
    let whole = Value::from(told).to_string();
    for value in ["\"ada\"", "Augusta", "Countess", "before"] {
        assert!(!whole.contains(value), "{value} in {whole}");
    }
}

#[tokio::test]
async fn in_full_a_resource_is_told_as_it_was_answered_and_a_change_as_what_made_it() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let events_wanted = ["prov:create:full", "prov:create:notice", "prov:patch:full", "prov:delete"];
    let replica =
        Poller::add(&app, "replica", json!({ "events": events_wanted, "audience": ["https://replica.example"] })).await;

    let new = json!({ "schemas": [USER], "userName": "ada", "title": "Countess", "emails": [{ "value": "ada@example.com", "type": "work" }] });
    let made = acme.post("/Users", new).await.expect(201);
    let id = made["id"].as_str().unwrap().to_owned();
    let operations = json!([
        { "op": "remove", "path": "title" },
        { "op": "replace", "path": "userName", "value": "ada.king" },
        { "op": "add", "path": "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department", "value": "Engines" },
    ]);
    acme.operations(&format!("/Users/{id}"), operations).await.expect(200);
    let group = acme
        .post("/Groups", json!({ "schemas": [GROUP], "displayName": "engineers", "members": [{ "value": id }] }))
        .await;
    let group = format!("/Groups/{}", group.expect(201)["id"].as_str().unwrap());
    let other = acme.user("bob").await;
    let both = json!([
        { "op": "add", "path": "members", "value": [{ "value": other }] },
        { "op": "remove", "path": format!("members[value eq \"{id}\"]") },
    ]);
    acme.operations(&group, both).await.expect(200);

    let told = replica.take(&app, 5).await;
    let of = |event: &str| told.iter().filter(|claims| events(claims).iter().any(|it| it == event)).collect::<Vec<_>>();
    let created = of("prov:create:full");
    assert_eq!((created.len(), told[0]["aud"].clone()), (3, json!(["https://replica.example"])));
    let data = &payload(created[0], "prov:create:full")["data"];
    let mut expected = made.clone();
    // Groups are told by the groups; and the identity provider knows the server by another path than the issuer.
    expected.as_object_mut().unwrap().remove("groups");
    expected["meta"]["location"] = json!(format!("{}/t/acme/scim/v2/Users/{id}", app.scim));
    assert_eq!(*data, expected);
    let changed = of("prov:patch:full");
    let of_user = changed.iter().find(|claims| claims["sub_id"]["uri"] == format!("/Users/{id}")).unwrap();
    let mut operations = payload(of_user, "prov:patch:full")["data"]["Operations"].as_array().unwrap().clone();
    operations.sort_by_key(|operation| operation["path"].to_string());
    let department = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department";
    let expected = json!([
        { "op": "remove", "path": "title" },
        { "op": "replace", "path": department, "value": "Engines" },
        { "op": "replace", "path": "userName", "value": "ada.king" },
    ]);
    assert_eq!(Value::from(operations), expected);
    let of_group = created.iter().find(|claims| claims["sub_id"]["uri"] == group.as_str()).unwrap();
    assert_eq!(payload(of_group, "prov:create:full")["data"]["members"], json!([{ "value": id }]));
    let of_members = changed.iter().find(|claims| claims["sub_id"]["uri"] == group.as_str()).unwrap();
    let expected = json!([
        { "op": "add", "path": "members", "value": [{ "value": other }] },
        { "op": "remove", "path": format!("members[value eq \"{id}\"]") },
    ]);
    assert_eq!(payload(of_members, "prov:patch:full")["data"]["Operations"], expected);
}

#[tokio::test]
async fn what_the_mapping_does_not_keep_is_in_no_token_and_neither_is_a_password() {
    let app = TestApp::start().await;
    let acme = app.tenant_with("acme", "secoda", json!({})).await;
    let replica = Poller::add(&app, "replica", json!({ "events": ["prov:create:full", "prov:patch:full"] })).await;
    let new = json!({
        "schemas": [USER], "userName": "ada@example.com", "displayName": "Ada", "nickName": "unkept-nick", "title": "unkept-title",
        "password": "k3Vqz8Rt-correct-horse", "emails": [{ "value": "ada@example.com", "primary": true }],
    });
    let id = acme.post("/Users", new).await.expect(201)["id"].as_str().unwrap().to_owned();
    let operations = json!([
        { "op": "replace", "path": "displayName", "value": "Augusta" },
        { "op": "replace", "path": "nickName", "value": "unkept-other" },
        { "op": "replace", "path": "password", "value": "k3Vqz8Rt-battery-staple" },
    ]);
    acme.operations(&format!("/Users/{id}"), operations).await.expect(200);

    let told = Value::from(replica.take(&app, 2).await).to_string();
    assert!(told.contains("Augusta"), "{told}");
    for secret in ["unkept", "k3Vqz8Rt", "password", "nickName"] {
        assert!(!told.contains(secret), "{secret} in {told}");
    }
}

#[tokio::test]
async fn who_asks_for_it_is_told_by_risc_and_caep_that_an_access_ended() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let signals = Poller::add(&app, "signals", json!({ "events": [RISC, CAEP] })).await;
    let both = Poller::add(&app, "both", json!({ "events": [CAEP, "prov:deactivate", "prov:delete"] })).await;
    let id = acme.post("/Users", person("ada")).await.expect(201)["id"].as_str().unwrap().to_owned();
    let user = format!("/Users/{id}");
    acme.operations(&user, set_active(false)).await.expect(200);
    acme.operations(&user, set_active(true)).await.expect(200);
    acme.delete(&user).await.expect(204);
    let group = acme.post("/Groups", json!({ "schemas": [GROUP], "displayName": "engineers" })).await.expect(201);
    acme.delete(&format!("/Groups/{}", group["id"].as_str().unwrap())).await.expect(204);

    let told = signals.take(&app, 4).await;
    let names: Vec<Vec<String>> = told.iter().map(events).collect();
    assert_eq!(names, [[RISC], [CAEP], [RISC], [CAEP]], "one event a token, as those who wrote them want");
    let issuer = format!("{}/t/acme", app.scim);
    assert_eq!(told[0]["sub_id"], json!({ "format": "iss_sub", "iss": issuer, "sub": id }));
    assert_eq!(told[0]["events"][RISC], json!({}));
    assert_eq!(told[1]["events"][CAEP], json!({ "event_timestamp": START_S, "initiating_entity": "admin" }));
    assert_eq!(told[0]["txn"], told[1]["txn"]);

    let names: Vec<String> = both.take(&app, 5).await.iter().flat_map(events).collect();
    let expected = ["prov:deactivate", CAEP, "prov:delete", CAEP, "prov:delete"];
    let (mut names, mut expected) = (names, expected.map(str::to_owned).to_vec());
    names.sort();
    expected.sort();
    assert_eq!(names, expected);
}

#[tokio::test]
async fn what_is_too_large_to_be_told_in_full_is_told_as_a_notice() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let replica = Poller::add(&app, "replica", json!({ "events": ["prov:create:full", "prov:patch:full"] })).await;
    // Each may have 32 KiB.
    let photos = |count: usize| -> Vec<Value> {
        (0..count).map(|number| json!({ "value": format!("{number}-{}", "x".repeat(30_000)) })).collect()
    };
    for (name, count) in [("small", 2), ("large", muster_service::MAX_CLAIMS_BYTES / 30_000 + 1)] {
        acme.post("/Users", json!({ "schemas": [USER], "userName": name, "photos": photos(count) })).await.expect(201);
    }

    let told = replica.take(&app, 2).await;
    let mut names: Vec<String> = told.iter().flat_map(events).collect();
    names.sort();
    assert_eq!(names, ["prov:create:full", "prov:create:notice"]);
    assert!(told.iter().all(|claims| claims.to_string().len() < muster_service::MAX_CLAIMS_BYTES));
}

#[tokio::test]
async fn what_came_of_a_request_that_nobody_waited_for_is_told_by_its_txn() {
    let app = TestApp::builder().delivering().start().await;
    let acme = app.tenant("acme").await;
    let answers = Poller::add(&app, "answers", json!({ "events": ["misc:asyncresp"] })).await;
    let config = acme.get("/ServiceProviderConfig").await.expect(200);
    assert_eq!(config["securityEvents"]["asyncRequest"], "request");
    let later = async |user_name: &str| {
        let request = acme.request(Method::POST, "/Users").bearer_auth(&acme.token).header("prefer", "respond-async");
        let request = request.header("content-type", "application/scim+json").body(person(user_name).to_string());
        let accepted = Answer::of(request).await;
        assert_eq!(accepted.status, 202, "{}", accepted.text);
        accepted.header("set-txn").to_owned()
    };
    for (user_name, status) in [("ada", "201"), ("ADA", "409")] {
        let txn = later(user_name).await;
        let told = answers.take(&app, 1).await;
        let response = payload(&told[0], "misc:asyncresp");
        assert_eq!(
            (&told[0]["txn"], &response["method"], &response["status"]),
            (&json!(txn), &json!("POST"), &json!(status))
        );
        match status {
            "201" => {
                let id = acme.ids("/Users", "userName eq \"ada\"").await.remove(0);
                assert_eq!(told[0]["sub_id"], json!({ "format": "scim", "uri": format!("/Users/{id}") }));
                assert_eq!((&response["version"], response.get("response")), (&json!("W/\"1\""), None));
            }
            _ => assert_eq!(response["response"]["scimType"], "uniqueness"),
        }
    }
}

#[tokio::test]
async fn that_an_access_ended_is_told_though_the_log_has_forgotten_it() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let audit = Poller::add(
        &app,
        "audit",
        json!({ "is_braked": false, "events": ["prov:create:notice", "prov:deactivate", CAEP] }),
    )
    .await;
    let id = acme.post("/Users", person("ada")).await.expect(201)["id"].as_str().unwrap().to_owned();
    acme.operations(&format!("/Users/{id}"), set_active(false)).await.expect(200);
    settled(&app, "audit", "waiting", 3).await;
    app.admin_post("/tenants/acme/log/head", json!({})).await.expect(200);
    app.advance(Duration::from_hours(72));
    let kept = app.admin_put("/tenants/acme/retention", json!({ "log_days": 1 })).await.expect(200);
    assert_eq!(kept["log"]["removed"], 2);

    let told = audit.take(&app, 2).await;
    let names: Vec<String> = told.iter().flat_map(events).collect();
    assert_eq!(names, ["prov:deactivate", CAEP]);
    let user = json!({ "format": "scim", "uri": format!("/Users/{id}"), "id": id });
    assert_eq!((&told[0]["sub_id"], told[0].get("txn"), &told[0]["toe"]), (&user, None, &json!(START_S)));
    let parked = app.admin_get("/tenants/acme/streams/audit/deliveries?standing=parked").await.expect(200);
    let failures: Vec<&Value> = parked["tasks"].as_array().unwrap().iter().map(|task| &task["failure"]).collect();
    assert_eq!(failures, ["entry 1 of the log, which it tells of, is not kept any more"]);
}

#[tokio::test]
async fn what_was_removed_from_the_log_before_it_was_told_is_told_as_a_gap() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let audit = Poller::add(&app, "audit", json!({})).await;
    let leavers = Poller::add(&app, "leavers", json!({ "events": ["prov:delete"] })).await;
    for name in ["audit", "leavers"] {
        app.admin_post(&format!("/tenants/acme/streams/{name}/off"), json!({})).await.expect(200);
    }
    acme.user("ada").await;
    acme.user("bob").await;
    app.admin_post("/tenants/acme/log/head", json!({})).await.expect(200);
    app.advance(Duration::from_hours(72));
    acme.user("eve").await;
    let kept = app.admin_put("/tenants/acme/retention", json!({ "log_days": 1 })).await.expect(200);
    assert_eq!(kept["log"]["removed"], 2);
    for name in ["audit", "leavers"] {
        app.admin_post(&format!("/tenants/acme/streams/{name}/on"), json!({})).await.expect(200);
    }

    let told = audit.take(&app, 2).await;
    assert_eq!(events(&told[1]), ["prov:create:notice"], "what is there is told behind it");
    let event = "https://schemas.openid.net/secevent/ssf/event-type/stream-updated";
    let reason = "entries 1 to 2 of the log were removed before they were told; read the directory once more";
    assert_eq!(told[0]["events"], json!({ event: { "status": "enabled", "reason": reason } }));
    assert_eq!(told[0]["sub_id"], json!({ "format": "opaque", "id": "audit" }));
    assert!(leavers.has_nothing().await, "who asked for other things is not told");
}

#[tokio::test]
async fn what_a_stream_does_not_list_any_more_is_not_told_though_it_waits() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let new = json!({ "events": [RISC, CAEP, "prov:delete"], "is_braked": false });
    let leavers = Poller::add(&app, "leavers", new).await;
    let ada = format!("/Users/{}", acme.user("ada").await);
    acme.operations(&ada, set_active(false)).await.expect(200);
    settled(&app, "leavers", "waiting", 2).await;
    app.admin_put("/tenants/acme/streams/leavers", json!({ "events": ["prov:delete"] })).await.expect(200);
    acme.delete(&ada).await.expect(204);
    let told = leavers.take(&app, 1).await;
    assert_eq!(events(&told[0]), ["prov:delete"]);
    assert!(leavers.has_nothing().await);
}

#[tokio::test]
async fn a_verification_is_a_token_that_repeats_what_it_was_asked_for_with() {
    let app = TestApp::start().await;
    app.tenant("acme").await;
    let audit = Poller::add(&app, "audit", json!({})).await;
    let other = Poller::add(&app, "other", json!({})).await;
    app.admin_post("/tenants/acme/streams/audit/verify", json!({ "state": "n-7" })).await.expect(200);

    let told = audit.take(&app, 1).await;
    let event = "https://schemas.openid.net/secevent/ssf/event-type/verification";
    assert_eq!(told[0]["events"], json!({ event: { "state": "n-7" } }));
    assert_eq!(told[0]["sub_id"], json!({ "format": "opaque", "id": "audit" }));
    assert!(other.has_nothing().await);
}
