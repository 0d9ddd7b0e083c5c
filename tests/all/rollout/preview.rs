use muster_test_harness::{TenantClient, TestApp, wasm};
use serde_json::{Value, json};

use super::{SLOWLY, come_to, counts, obeying, path, people, person, push, start, states, step};

/// Everything that a write would change.
async fn everything(app: &TestApp, acme: &TenantClient) -> Vec<Value> {
    vec![
        app.admin_get("/tenants/acme").await.expect(200),
        app.admin_get("/tenants/acme/retention").await.expect(200)["log"].clone(),
        json!([app.log("acme").await, app.tasks("acme").await]),
        acme.get("/Users").await.expect(200),
        acme.get("/Groups").await.expect(200),
        app.admin_get("/tenants/acme/accounts?state=active").await.expect(200),
    ]
}

#[tokio::test]
async fn a_preview_tells_what_would_change_and_writes_nothing() {
    let app = TestApp::start().await;
    let acme = obeying(&app, "acme").await;
    let ada = person(&acme, "ada", json!({ "title": "Countess" })).await;
    let grace = person(&acme, "grace", json!({})).await;
    let bob = person(&acme, "bob", json!({})).await;
    acme.group("Engines", &[&ada, &grace, &bob]).await;
    let before = everything(&app, &acme).await;

    let config = json!({ "state": "a", "titles": true, "task": "greet", "rejects": "bob" });
    let rollout = start(&app, "acme", json!({ "plugin": "obeys", "config": config })).await;

    assert_eq!(everything(&app, &acme).await, before);
    assert_eq!(rollout["state"], "waiting");
    let expected = [
        ("check", "done"),
        ("compile", "done"),
        ("try", "skipped"),
        ("preview", "done"),
        ("activate", "pending"),
        ("watch", "pending"),
        ("remap", "pending"),
    ];
    assert_eq!(states(&rollout), expected);
    let found = &step(&rollout, "preview")["findings"];
    assert_eq!(counts(found), [4, 2, 1, 1, 0]);
    assert_eq!(found["account"], json!({ "state": 2, "fields.title": 1 }));
    assert_eq!(
        (&found["resource"], &found["states"], &found["events"]),
        (&json!({}), &json!({ "active": { "a": 2 } }), &json!({ "updated": 2 }))
    );
    assert_eq!(found["tasks"], json!({ "greet": { "count": 2, "destructive": 2 } }));
    let greet = json!([{ "action": "greet", "destructive": true }]);
    let differences = json!([
        {
            "resource_type": "User", "id": ada, "name": "ada", "event": "updated", "resource": [],
            "account": [
                { "path": "state", "was": "active", "became": "a" }, { "path": "fields.title", "became": "Countess" },
            ],
            "changed_count": 2, "tasks": greet, "tasks_count": 1,
        },
        {
            "resource_type": "User", "id": grace, "name": "grace", "event": "updated", "resource": [],
            "account": [{ "path": "state", "was": "active", "became": "a" }],
            "changed_count": 1, "tasks": greet, "tasks_count": 1,
        },
    ]);
    assert_eq!(found["differences"], differences);
    let says = "displayName is one that is not wanted";
    let rejections = json!([{
        "resource_type": "User", "id": bob, "name": "bob", "says": says, "status": 400, "scimType": "invalidValue",
    }]);
    assert_eq!(found["rejections"], rejections);
    assert_eq!(found["reasons"], json!({ says: 1 }));
    assert_eq!(found["against"], json!(["1 of 4 would be rejected"]));
}

#[tokio::test]
async fn a_candidate_that_changes_nothing_says_so() {
    let app = TestApp::start().await;
    let acme = obeying(&app, "acme").await;
    people(&acme, 3).await;

    let rollout = start(&app, "acme", json!({})).await;

    let found = &step(&rollout, "preview")["findings"];
    assert_eq!((counts(found), &found["against"]), ([3, 0, 3, 0, 0], &json!([])));
}

#[tokio::test]
async fn a_sample_is_of_the_same_resources_each_time() {
    let app = TestApp::start().await;
    let acme = obeying(&app, "acme").await;
    people(&acme, 60).await;
    let mut seen = Vec::new();
    for sample in [30, 30, 100] {
        let rollout = start(&app, "acme", json!({ "config": { "state": "a" }, "sample": sample })).await;
        let found = step(&rollout, "preview")["findings"].clone();
        let ids = found["differences"].as_array().unwrap().iter().map(|one| one["id"].clone()).collect::<Vec<_>>();
        seen.push((found["looked_at"].as_u64().unwrap(), ids));
    }

    assert!((1..60).contains(&seen[0].0), "{}", seen[0].0);
    assert_eq!((seen[0].0, seen[0].1.len() as u64), (seen[1].0, seen[0].0));
    assert_eq!(seen[0].1, seen[1].1);
    assert_eq!(
        (seen[2].0, seen[2].1.len()),
        (60, muster_service::MAX_TOLD_OF_A_ROLLOUT),
        "all are counted, the first are told"
    );
}

#[tokio::test]
async fn two_who_would_have_one_name_are_told() {
    let app = TestApp::start().await;
    let acme = obeying(&app, "acme").await;
    let nick = |nick: &str| json!({ "nickName": nick });
    let ada = person(&acme, "ada", nick("Countess")).await;
    let bob = person(&acme, "bob", nick("COUNTESS")).await;
    person(&acme, "grace", nick("Admiral")).await;
    let told = |rollout: &Value| step(rollout, "preview")["findings"]["collisions"].clone();

    let keys = json!({ "keys": true });
    let both_new = start(&app, "acme", json!({ "config": keys })).await;
    let of =
        |id: &str, other: &str| json!({ "resource_type": "User", "attribute": "nickName", "id": id, "other": other });
    assert_eq!(told(&both_new), json!({ "count": 1, "not_compared": 0, "told": [of(&ada, &bob)] }));
    assert_eq!(
        step(&both_new, "preview")["findings"]["against"],
        json!(["1 of 3 would be with a name that another one has"])
    );

    // Ada holds it, and would keep it.
    app.bind("acme", "obeys", keys).await.expect(200);
    acme.operations(&format!("/Users/{ada}"), json!([{ "op": "add", "path": "title", "value": "Dr" }]))
        .await
        .expect(200);
    let one_held = start(&app, "acme", json!({})).await;
    assert_eq!(told(&one_held), json!({ "count": 1, "not_compared": 0, "told": [of(&bob, &ada)] }));
    // And would not with another one.
    let given_up = start(&app, "acme", json!({ "config": {} })).await;
    assert_eq!(told(&given_up)["count"], 0);
}

#[tokio::test]
async fn names_that_follow_from_a_setting_count_as_a_change() {
    let app = TestApp::start().await;
    let acme = app.tenant_with("acme", "standard", json!({ "groups_duplicate_names": true })).await;
    let one = acme.group("Engines", &[]).await;
    let other = acme.group("engines", &[]).await;
    acme.group("Looms", &[]).await;

    let rollout = start(&app, "acme", json!({ "config": {} })).await;

    let found = &step(&rollout, "preview")["findings"];
    assert_eq!(counts(found), [3, 3, 0, 0, 0]);
    let names = json!([{ "path": "unique names", "was": [], "became": ["displayname"] }]);
    assert_eq!(found["differences"][0]["account"], names);
    let collision = json!([{ "resource_type": "Group", "attribute": "displayName", "id": one, "other": other }]);
    assert_eq!(found["collisions"]["told"], collision);
}

#[tokio::test]
async fn what_was_not_kept_is_told_and_stops_what_would_go_on_by_itself() {
    let app = TestApp::start().await;
    let acme = app.tenant_with_guest("acme", "swap-a").await;
    let ada = person(&acme, "ada@example.com", json!({ "active": false, "name": { "formatted": "A. Byron" } })).await;
    app.push(wasm::plugin("poggio")).await.expect(201);
    let new = json!({ "plugin": "poggio", "config": { "default_workspace": "W1" }, "grants": "all", "until": "remap" });

    let rollout = start(&app, "acme", new).await;

    let names = json!(["User: name.formatted", "User: name.givenName", "User: name.familyName"]);
    assert_eq!(rollout["not_kept"], names);
    let found = &step(&rollout, "preview")["findings"];
    assert_eq!((counts(found), &found["states"]), ([1, 1, 0, 0, 0], &json!({ "a": { "disabled": 1 } })));
    let says = "it waits to be activated, because /Bulk is no longer served (bulk.served), \
                and 3 attributes that it reads were not kept until now";
    assert_eq!((&rollout["state"], &rollout["says"]), (&json!("waiting"), &json!(says)));
    assert_eq!(app.account("acme", &ada).await["state"], "a");
}

#[tokio::test]
async fn kinds_that_the_candidate_does_not_serve_are_counted() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let ada = acme.person("ada").await;
    acme.group("Engines", &[&ada]).await;

    let rollout = start(&app, "acme", json!({ "config": { "groups_served": false } })).await;

    let found = &step(&rollout, "preview")["findings"];
    assert_eq!((counts(found), &found["not_served"]), ([2, 0, 1, 0, 0], &json!(1)));
}

#[tokio::test]
async fn a_preview_that_is_cancelled_says_how_far_it_came() {
    let app = TestApp::start().await;
    let acme = obeying(&app, "acme").await;
    people(&acme, 300).await;
    let before = everything(&app, &acme).await;
    let new = json!({ "config": { "state": "a", "works": SLOWLY } });
    let begun = app.admin_post("/tenants/acme/rollouts", new).await.expect(202);

    let met = come_to(&app, "acme", &begun, "preview", 3).await;
    let cancelled = app.admin_post(&format!("{}/cancel", path("acme", &begun)), json!({})).await.expect(200);

    assert_eq!((&met["step"], &step(&met, "preview")["total"]), (&json!("preview"), &json!(300)));
    assert_eq!(cancelled["state"], "cancelled");
    assert_eq!(
        states(&cancelled)[3..],
        [("preview", "cancelled"), ("activate", "pending"), ("watch", "pending"), ("remap", "pending")]
    );
    let looked_at = step(&cancelled, "preview")["findings"]["looked_at"].as_u64().unwrap();
    assert!((3..300).contains(&looked_at), "{looked_at}");
    assert_eq!(everything(&app, &acme).await, before);
    let again = app.admin_post(&format!("{}/cancel", path("acme", &begun)), json!({})).await.expect(409);
    let id = begun["id"].as_str().unwrap();
    assert_eq!(again["detail"], format!("rollout {id} is cancelled: there is nothing to cancel"));
}

#[tokio::test]
async fn a_candidate_that_gives_no_answer_is_not_asked_for_ever() {
    let app = TestApp::start().await;
    let acme = obeying(&app, "acme").await;
    people(&acme, 110).await;
    let traps = push(&app, "traps").await;
    let before = everything(&app, &acme).await;

    let rollout = start(&app, "acme", json!({ "plugin": traps })).await;

    let says = "the plugin gave no answer for 100 resources; it was not asked any more; what it has logged: muster plugin tail --tenant acme";
    assert_eq!((&rollout["state"], &rollout["says"]), (&json!("failed"), &json!(says)));
    let preview = step(&rollout, "preview");
    assert_eq!((&preview["state"], &preview["says"]), (&json!("failed"), &json!(says)));
    assert_eq!(counts(&preview["findings"]), [100, 0, 0, 0, 100]);
    let told = preview["findings"]["failures"][0]["says"].as_str().unwrap();
    assert!(told.starts_with("the plugin trapped in mapping.to-account: "), "{told}");
    assert_eq!(everything(&app, &acme).await, before);
}
