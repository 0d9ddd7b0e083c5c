//! What speaks against a candidate: it is told with its reasons, and nobody lets the candidate decide without having read them.

use muster_test_harness::{TestApp, wasm};
use serde_json::{Value, json};

use super::{begin, obeying, path, people, person, push, settled, start, step, tried};

fn against(rollout: &Value) -> &Value {
    &step(rollout, "preview")["findings"]["against"]
}

#[tokio::test]
async fn a_candidate_that_is_served_under_another_url_waits_and_says_under_which() {
    let app = TestApp::start().await;
    let acme = app.tenant_with("acme", "secoda", json!({})).await;
    app.push(wasm::plugin("standard")).await.expect(201);
    let moved = "SCIM is served under /scim/v2 and no longer under /api/v2/scim, where each request is answered 404";

    let waiting = start(&app, "acme", json!({ "plugin": "standard", "until": "remap" })).await;

    assert_eq!(against(&waiting)[0], moved);
    assert_eq!(waiting["state"], "waiting");
    let says = waiting["says"].as_str().unwrap();
    assert!(says.starts_with(&format!("it waits to be activated, because {moved}")), "{says}");
    acme.get("/Users").await.expect(200);

    let bound = app.bind("acme", "standard", json!({})).await.expect(200);
    let warning = bound["warning"].as_str().unwrap();
    assert!(warning.starts_with(moved), "{warning}");
    acme.get("/Users").await.expect(404);
    let back = app.admin_post("/tenants/acme/binding/rollback", json!({})).await.expect(200);
    let moved = "SCIM is served under /api/v2/scim and no longer under /scim/v2, where each request is answered 404";
    assert!(back["warning"].as_str().unwrap().contains(moved), "{back}");
    acme.get("/Users").await.expect(200);
}

#[tokio::test]
async fn what_an_identity_provider_no_longer_finds_speaks_against_a_candidate_and_what_it_finds_besides_does_not() {
    let app = TestApp::start().await;
    app.tenant("acme").await;
    let config = json!({ "groups_served": false });

    let less = start(&app, "acme", json!({ "config": config, "until": "activate" })).await;
    assert_eq!(against(&less), &json!(["groups are no longer served (groups.served)"]));
    assert_eq!(less["state"], "waiting");
    let bound = app.admin_put("/tenants/acme/binding", json!({ "config": config })).await.expect(200);
    assert_eq!(bound["warning"], "groups are no longer served (groups.served)");

    let off = json!({ "groups_served": false, "scim_refused_detail": "not yet" });
    let refused = "SCIM is switched off, every call is answered 403: \"not yet\" (scim.refused-detail)";
    let none = start(&app, "acme", json!({ "config": off, "until": "activate" })).await;
    assert_eq!((against(&none), &none["state"]), (&json!([refused]), &json!("waiting")));
    for bulk_served in [true, false] {
        let mut off = off.clone();
        off["bulk_served"] = json!(bulk_served);
        let bound = app.admin_put("/tenants/acme/binding", json!({ "config": off })).await.expect(200);
        let warning = bound["warning"].as_str().unwrap();
        assert!(warning.starts_with(refused), "also where it was off before: {warning}");
    }

    let more = start(&app, "acme", json!({ "config": {}, "until": "activate" })).await;
    assert_eq!((against(&more), &more["state"]), (&json!([]), &json!("active")));
}

#[tokio::test]
async fn a_candidate_against_which_something_speaks_decides_only_if_it_is_to_do_so_anyway() {
    let app = TestApp::start().await;
    let acme = obeying(&app, "acme").await;
    people(&acme, 2).await;
    person(&acme, "bob", json!({})).await;
    let before = app.admin_get("/tenants/acme").await.expect(200);
    let waiting = start(&app, "acme", json!({ "config": { "state": "a", "rejects": "bob" } })).await;
    let activate = format!("{}/activate", path("acme", &waiting));

    let refused = app.admin_post(&activate, json!({})).await.expect(409);

    let id = waiting["id"].as_str().unwrap();
    let says = format!(
        "rollout {id} is not activated, because 1 of 3 would be rejected; \
         to let its candidate decide all the same: muster rollout activate acme {id} --anyway"
    );
    assert_eq!(refused["detail"], says);
    assert_eq!(app.admin_get(&path("acme", &waiting)).await.expect(200), waiting, "it waits as before");
    assert_eq!(app.admin_get("/tenants/acme").await.expect(200), before);
    app.admin_post(&activate, json!({ "anyway": "yes" })).await.expect(400);
    app.admin_post(&activate, json!({ "anyway": false })).await.expect(409);
    let active = app.admin_post(&activate, json!({ "anyway": true })).await.expect(200);
    assert_eq!(active["state"], "active");
}

#[tokio::test]
async fn a_canary_against_whose_candidate_something_speaks_is_not_activated_in_between_either() {
    let app = TestApp::start().await;
    let acme = obeying(&app, "acme").await;
    person(&acme, "bob", json!({})).await;
    let config = json!({ "state": "a", "rejects": "bob" });
    let new = json!({ "config": config, "canary": { "percent": 20, "for_s": 600 } });
    let waiting = start(&app, "acme", new).await;
    let at = path("acme", &waiting);
    app.admin_post(&format!("{at}/continue"), json!({})).await.expect(202);
    tried(&app, "acme", &waiting, "canary").await;

    let refused = app.admin_post(&format!("{at}/activate"), json!({})).await.expect(409);

    let detail = refused["detail"].as_str().unwrap();
    assert!(detail.contains(" is not activated, because 1 of 1 would be rejected; "), "{detail}");
    assert_eq!(app.admin_get(&at).await.expect(200)["state"], "running", "the canary goes on");
    let active = app.admin_post(&format!("{at}/activate"), json!({ "anyway": true })).await.expect(200);
    assert_eq!(active["activated_revision"], 2);
}

#[tokio::test]
async fn what_would_be_lost_stops_a_remapping_and_an_undo_of_it_is_named_by_whoever_goes_back() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let more = json!({ "title": "Countess", "name": { "givenName": "Ada", "familyName": "Byron" } });
    let ada = person(&acme, "ada", more).await;
    person(&acme, "bob", json!({ "title": "Admiral" })).await;
    person(&acme, "eve", json!({})).await;
    push(&app, "swap-a").await;

    let waiting = start(&app, "acme", json!({ "plugin": "swap", "until": "remap" })).await;

    let found = &step(&waiting, "preview")["findings"];
    assert_eq!(
        (&found["losing"], &found["lost"]["title"], &found["lost"]["name.givenName"]),
        (&json!(2), &json!(2), &json!(1))
    );
    let told = against(&waiting).as_array().unwrap().last().unwrap().as_str().unwrap();
    assert!(told.starts_with("2 of 3 would lose what is kept of them: title, name."), "{told}");
    assert_eq!(waiting["state"], "waiting");
    assert_eq!(acme.get(&format!("/Users/{ada}")).await.expect(200)["title"], "Countess");

    let at = path("acme", &waiting);
    app.admin_post(&format!("{at}/activate"), json!({ "anyway": true })).await.expect(200);
    app.admin_post(&format!("{at}/remap"), json!({})).await.expect(202);
    let done = settled(&app, "acme", &waiting).await;
    assert_eq!((&done["state"], &step(&done, "remap")["findings"]["lost"]["title"]), (&json!("done"), &json!(2)));
    let back = app.admin_post("/tenants/acme/binding/rollback", json!({})).await.expect(200);
    assert_eq!(acme.get(&format!("/Users/{ada}")).await.expect(200)["title"], Value::Null, "it is gone all the same");
    let request = format!("rollout-{}", waiting["id"].as_str().unwrap());
    assert_eq!(back["left"]["remapped_by"], request);

    app.admin_post("/tenants/acme/undo", json!({ "request": request })).await.expect(200);
    assert_eq!(acme.get(&format!("/Users/{ada}")).await.expect(200)["title"], "Countess");
}

#[tokio::test]
async fn who_goes_back_from_what_has_mapped_nothing_again_is_told_of_no_undo() {
    let app = TestApp::start().await;
    obeying(&app, "acme").await;
    let begun = begin(&app, "acme", json!({ "config": { "state": "a" }, "until": "activate" })).await;
    settled(&app, "acme", &begun).await;

    let back = app.admin_post("/tenants/acme/binding/rollback", json!({})).await.expect(200);

    assert_eq!(back["left"]["remapped_by"], Value::Null);
}
