//! Streams that tell of some resources: who becomes one of those, and who is none any more.

use muster_protocol::filter::MAX_FILTER_BYTES;
use muster_test_harness::{GROUP, TenantClient, TestApp, wasm};
use serde_json::{Value, json};

use super::*;
use crate::command::on;

const EMPLOYEES: &str = r#"userType eq "Employee""#;

fn of_type(name: &str, user_type: &str) -> Value {
    json!({ "schemas": [USER], "userName": name, "userType": user_type, "active": true })
}

async fn user(acme: &TenantClient, name: &str, user_type: &str) -> String {
    let made = acme.post("/Users", of_type(name, user_type)).await.expect(201);
    format!("/Users/{}", made["id"].as_str().unwrap())
}

async fn set(acme: &TenantClient, path: &str, attribute: &str, value: Value) {
    let operations = json!([{ "op": "replace", "path": attribute, "value": value }]);
    acme.operations(path, operations).await.expect(200);
}

/// What was told of whom, in the order of the log.
fn told_of(claims: &[Value]) -> Vec<(String, Vec<String>)> {
    claims.iter().map(|claims| (claims["sub_id"]["uri"].as_str().unwrap().to_owned(), events(claims))).collect()
}

#[tokio::test]
async fn who_becomes_one_of_those_is_added_and_who_is_none_any_more_is_removed_though_the_server_restarts() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let contractor = user(&acme, "bob", "Contractor").await;
    let added = json!({ "name": "staff", "scope": { "User": EMPLOYEES } });
    let added = app.admin_post("/tenants/acme/streams", added).await.expect(201);
    assert_eq!(added["streams"][0]["scope"], json!({ "User": EMPLOYEES }));
    let token = added["token"].as_str().unwrap().to_owned();
    let announced = acme.get("/ServiceProviderConfig").await.expect(200)["securityEvents"]["eventUris"].clone();
    for uri in ["feed:add", "feed:remove"] {
        assert!(announced.as_array().unwrap().contains(&json!(format!("{SCIM}{uri}"))), "{announced}");
    }

    set(&acme, &contractor, "title", json!("Countess")).await;
    set(&acme, &contractor, "userType", json!("Employee")).await;
    let staff = Poller::of(&app, "staff", &token);
    let first = staff.take(&app, 1).await;
    assert_eq!(told_of(&first), [(contractor.clone(), vec!["feed:add".to_owned()])]);
    assert_eq!(*payload(&first[0], "feed:add"), json!({}), "no value, whatever it has");
    set(&acme, &contractor, "title", json!("Duchess")).await;
    set(&acme, &contractor, "userType", json!("Contractor")).await;

    let name = acme.token.clone();
    let app = app.restart().await;
    let acme = app.client("/t/acme/scim/v2", &name);
    let staff = Poller::of(&app, "staff", &token);
    set(&acme, &contractor, "title", json!("Queen")).await;
    acme.delete(&contractor).await.expect(204);
    let employee = user(&acme, "ada", "Employee").await;
    acme.delete(&employee).await.expect(204);

    let told = told_of(&staff.take(&app, 4).await);
    let of = |path: &str| told.iter().filter(|(of, _)| of == path).flat_map(|(_, it)| it.clone()).collect::<Vec<_>>();
    assert_eq!(of(&contractor), ["prov:patch:notice", "feed:remove"]);
    assert_eq!(of(&employee), ["prov:create:notice", "prov:delete"]);
    assert!(staff.has_nothing().await);
}

#[tokio::test]
async fn that_an_access_ended_is_told_of_who_was_one_of_those_and_of_nobody_else() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let active =
        Poller::add(&app, "active", json!({ "scope": { "User": "active eq true" }, "is_braked": false })).await;
    let signals = json!({ "scope": { "User": EMPLOYEES }, "events": [RISC, CAEP, "feed:remove"], "is_braked": false });
    let signals = Poller::add(&app, "signals", signals).await;
    let (ada, bob) = (user(&acme, "ada", "Employee").await, user(&acme, "bob", "Contractor").await);
    set(&acme, &ada, "active", json!(false)).await;
    set(&acme, &ada, "active", json!(true)).await;
    set(&acme, &bob, "active", json!(false)).await;

    let told = told_of(&active.take(&app, 5).await);
    let of = |path: &str| told.iter().filter(|(of, _)| of == path).map(|(_, it)| it.join(" ")).collect::<Vec<_>>();
    assert_eq!(of(&bob), ["prov:create:notice", "prov:deactivate feed:remove"], "that it ended is not hidden");
    assert_eq!(of(&ada), ["prov:create:notice", "prov:deactivate feed:remove", "prov:activate feed:add"]);
    let ended = signals.take(&app, 2).await;
    let id = json!(ada.strip_prefix("/Users/").unwrap());
    assert!(ended.iter().all(|claims| claims["sub_id"]["sub"] == id), "{ended:?}");
    assert_eq!(ended.iter().flat_map(events).collect::<Vec<_>>(), [RISC, CAEP]);
}

#[tokio::test]
async fn a_change_of_members_is_told_if_the_group_is_one_of_those_now() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let groups = json!({ "scope": { "Group": r#"displayName sw "eng""#, "User": "not (id pr)" } });
    let groups = Poller::add(&app, "groups", groups).await;
    let ada = user(&acme, "ada", "Employee").await.trim_start_matches("/Users/").to_owned();
    let mut paths = Vec::new();
    for name in ["engineers", "sales"] {
        let made = acme.post("/Groups", json!({ "schemas": [GROUP], "displayName": name })).await.expect(201);
        let path = format!("/Groups/{}", made["id"].as_str().unwrap());
        let operations = json!([{ "op": "add", "path": "members", "value": [{ "value": ada }] }]);
        acme.operations(&path, operations).await.expect(200);
        paths.push(path);
    }
    set(&acme, &paths[1], "displayName", json!("engine drivers")).await;

    let told = told_of(&groups.take(&app, 4).await);
    let of = |path: &str| told.iter().filter(|(of, _)| of == path).flat_map(|(_, it)| it.clone()).collect::<Vec<_>>();
    assert_eq!(of(&paths[0]), ["prov:create:notice", "prov:patch:notice"]);
    // Its members changed before it became one of those, and are told of because it is one now.
    assert_eq!(of(&paths[1]), ["prov:patch:notice", "feed:add"]);
}

#[tokio::test]
async fn another_scope_holds_for_all_that_was_not_told_yet() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let staff = Poller::add(&app, "staff", json!({ "scope": { "User": EMPLOYEES } })).await;
    let ada = user(&acme, "ada", "Employee").await;
    let bob = user(&acme, "bob", "Employee").await;
    settled(&app, "staff", "waiting", 2).await;
    let narrower = json!({ "scope": { "User": r#"userName eq "bob""# } });
    app.admin_put("/tenants/acme/streams/staff", narrower).await.expect(200);
    set(&acme, &ada, "userType", json!("Contractor")).await;
    assert_eq!(told_of(&staff.take(&app, 1).await), [(bob.clone(), vec!["prov:create:notice".to_owned()])]);

    app.admin_put("/tenants/acme/streams/staff", json!({ "scope": {} })).await.expect(200);
    let config = acme.get("/ServiceProviderConfig").await.expect(200).to_string();
    assert!(!config.contains("event:feed:"), "{config}");
    acme.delete(&ada).await.expect(204);
    assert_eq!(told_of(&staff.take(&app, 1).await), [(ada, vec!["prov:delete".to_owned()])]);
}

#[tokio::test]
async fn a_scope_that_cannot_be_judged_is_refused_in_one_sentence() {
    let app = TestApp::start().await;
    app.tenant("acme").await;
    let of = |filter: &str| json!({ "name": "staff", "scope": { "User": filter } });
    for (new, says) in [
        (of(r#"groups eq "7""#), "the filter of User: groups cannot be used here: the log does not say how it was"),
        (
            of("meta.created pr"),
            "the filter of User: meta.created cannot be used here: the log does not say how it was",
        ),
        (of(r#"password eq "x""#), "the filter of User: password cannot be used in a filter: it is never returned"),
        (of(r#"nobody eq "x""#), "the filter of User: "),
        (of("userType eq"), "the filter of User: the filter is not valid: "),
        (of(&format!(r#"title eq "{}""#, "x".repeat(MAX_FILTER_BYTES))), "the filter of User: "),
        (json!({ "name": "staff", "scope": { "user": "active eq true" } }), "there is no kind user; there are: "),
        (
            json!({ "name": "staff", "events": ["feed:add"] }),
            "urn:ietf:params:scim:event:feed:add is told by a stream with a filter; this one tells of every resource",
        ),
    ] {
        let told = app.admin_post("/tenants/acme/streams", new.clone()).await.expect(400);
        assert!(told["detail"].as_str().unwrap().starts_with(says), "{new}: {told}");
    }
    let named = json!({ "name": "staff", "events": ["feed:add"], "scope": { "User": EMPLOYEES } });
    app.admin_post("/tenants/acme/streams", named).await.expect(201);
    let told = app.admin_put("/tenants/acme/streams/staff", json!({ "scope": {} })).await.expect(400);
    assert!(told["detail"].as_str().unwrap().contains("feed:add is told by a stream with a filter"), "{told}");
}

#[tokio::test]
async fn what_came_of_a_request_names_nobody_whom_the_stream_does_not_tell_of() {
    let app = TestApp::builder().delivering().start().await;
    let acme = app.tenant("acme").await;
    let events = json!({ "scope": { "User": EMPLOYEES }, "events": ["misc:asyncresp"] });
    let staff = Poller::add(&app, "staff", events).await;
    for (name, user_type) in [("ada", "Employee"), ("bob", "Contractor"), ("bob", "Employee")] {
        let request = acme.request(Method::POST, "/Users").bearer_auth(&acme.token).header("prefer", "respond-async");
        let request = request.header("content-type", "application/scim+json");
        let accepted = acme.send(request.body(of_type(name, user_type).to_string())).await;
        assert_eq!(accepted.status, 202, "{}", accepted.text);
        let path = accepted.header("location").strip_prefix(&acme.base).unwrap().to_owned();
        while acme.get(&path).await.status != 200 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
    while app.tasks("acme").await.iter().filter(|task| task["queue"] == "poll:staff").count() < 3 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }

    let told = staff.take(&app, 2).await;
    let (named, unnamed): (Vec<_>, Vec<_>) = told.iter().partition(|claims| claims["sub_id"]["uri"] != "/");
    assert_eq!(payload(named[0], "misc:asyncresp")["status"], "201");
    let uri = named[0]["sub_id"]["uri"].as_str().unwrap();
    assert_eq!(acme.get(uri).await.expect(200)["userName"], "ada", "the contractor is not told of");
    // Whom a refused request was about cannot be judged.
    assert_eq!(*payload(unnamed[0], "misc:asyncresp"), json!({ "method": "POST", "status": "409" }));
    assert!(unnamed[0]["txn"].is_string() && staff.has_nothing().await);
}

#[tokio::test]
async fn a_filter_that_another_plugin_makes_impossible_is_told_and_what_it_hides_is_parked() {
    let app = TestApp::start().await;
    let acme = app.tenant_with_guest("acme", "swap-b").await;
    let titled = Poller::add(&app, "titled", json!({ "scope": { "User": "title pr" } })).await;
    let other = app.push(wasm::guest("swap-a")).await.expect(201);
    let bound = app.bind("acme", other["digest"].as_str().unwrap(), json!({})).await.expect(200);
    let says = "whether the stream titled tells of a User cannot be said: ";
    assert!(bound["warning"].as_str().unwrap().contains(says), "{bound}");
    let shown = on(&app, &["stream", "show", "acme", "titled"]).await.text();
    assert!(shown.contains(&format!("warning: {says}")), "{shown}");

    let ada = json!({ "schemas": [USER], "userName": "ada", "displayName": "Ada" });
    acme.post("/Users", ada).await.expect(201);
    settled(&app, "titled", "waiting", 1).await;
    assert!(titled.has_nothing().await);
    settled(&app, "titled", "parked", 1).await;
    let task = app.tasks("acme").await.into_iter().find(|task| task["queue"] == "poll:titled").unwrap();
    let failure = task["failure"].as_str().unwrap();
    assert!(failure.starts_with(says) && failure.ends_with("it can be told by a replay"), "{failure}");

    let judged = json!({ "scope": { "User": "displayName pr" } });
    let changed = app.admin_put("/tenants/acme/streams/titled", judged).await.expect(200);
    assert_eq!(changed["streams"][0].get("warning"), None);
    app.admin_post(&format!("/tenants/acme/tasks/{}/replay", task["seq"]), json!({})).await.expect(200);
    assert_eq!(events(&titled.take(&app, 1).await[0]), ["prov:create:notice"]);
}

#[tokio::test]
async fn a_scope_is_had_from_the_command_line() {
    let app = TestApp::start().await;
    app.tenant("acme").await;
    let filter = format!("User: {EMPLOYEES}");
    on(&app, &["stream", "add", "acme", "staff", "--poll", "--filter", &filter]).await.text();
    let shown = on(&app, &["stream", "show", "acme", "staff"]).await.text();
    assert!(shown.contains(&format!("event     {SCIM}feed:add\n")), "{shown}");
    assert!(shown.contains(&format!("\nfilter    {filter}\n")), "{shown}");
    let other = ["--filter", "Group: displayName pr", "--filter", "User: active eq true"];
    let shown = on(&app, &[&["stream", "set", "acme", "staff"], &other[..]].concat()).await.text();
    assert!(shown.contains("\nfilter    Group: displayName pr\nfilter    User: active eq true\n"), "{shown}");
    let shown = on(&app, &["stream", "set", "acme", "staff", "--no-filter"]).await.text();
    assert!(!shown.contains("filter") && !shown.contains("feed:"), "{shown}");
}
