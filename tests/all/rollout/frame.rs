use muster_service::cases::embed;
use muster_test_harness::{TestApp, USER, wasm};
use serde_json::{Value, json};

use super::{SLOWLY, come_to, obeying, path, people, person, start, states, step};

#[tokio::test]
async fn the_candidate_decides_when_it_is_activated_and_not_before() {
    let app = TestApp::start().await;
    let acme = obeying(&app, "acme").await;
    let ada = person(&acme, "ada", json!({})).await;
    let title = |title: &str| json!([{ "op": "add", "path": "title", "value": title }]);
    let waiting = start(&app, "acme", json!({ "config": { "state": "a" } })).await;
    acme.operations(&format!("/Users/{ada}"), title("one")).await.expect(200);
    assert_eq!(app.account("acme", &ada).await["state"], "active");

    let active = app.admin_post(&format!("{}/activate", path("acme", &waiting)), json!({})).await.expect(200);

    acme.operations(&format!("/Users/{ada}"), title("two")).await.expect(200);
    assert_eq!(app.account("acme", &ada).await["state"], "a");
    assert_eq!((&active["state"], &active["activated_revision"]), (&json!("active"), &json!(2)));
    assert_eq!(states(&active)[4..], [("activate", "done"), ("watch", "skipped"), ("remap", "pending")]);
    assert_eq!((&active["from"]["revision"], &active["started_by"]), (&json!(1), &json!("operator")));
    let tenant = app.admin_get("/tenants/acme").await.expect(200);
    assert_eq!((&tenant["revision"], &tenant["config"]), (&json!(2), &json!({ "state": "a" })));
    let again = app.admin_post(&format!("{}/activate", path("acme", &waiting)), json!({})).await.expect(409);
    let id = waiting["id"].as_str().unwrap();
    assert_eq!(again["detail"], format!("rollout {id} is active; only one that waits can be activated"));

    app.admin_post("/tenants/acme/binding/rollback", json!({})).await.expect(200);
    let left = app.admin_get(&path("acme", &waiting)).await.expect(200);
    assert_eq!(left["state"], "rolled-back");
}

#[tokio::test]
async fn a_candidate_is_not_activated_over_a_binding_that_nobody_compared_it_with() {
    let app = TestApp::start().await;
    obeying(&app, "acme").await;
    let waiting = start(&app, "acme", json!({ "config": { "state": "a" } })).await;
    app.bind("acme", "obeys", json!({ "state": "b" })).await.expect(200);

    let refused = app.admin_post(&format!("{}/activate", path("acme", &waiting)), json!({})).await.expect(409);

    let id = waiting["id"].as_str().unwrap();
    let says = format!(
        "the binding has changed since rollout {id} began (it is at revision 2, not at 1); start another rollout"
    );
    assert_eq!(refused["detail"], says);
    assert_eq!(app.admin_get("/tenants/acme").await.expect(200)["config"], json!({ "state": "b" }));
}

#[tokio::test]
async fn a_binding_that_takes_the_place_of_a_rollout_is_told() {
    let app = TestApp::start().await;
    obeying(&app, "acme").await;
    let first = start(&app, "acme", json!({ "config": { "state": "a" }, "until": "remap" })).await;
    let second = start(&app, "acme", json!({ "config": { "state": "b" }, "until": "activate" })).await;

    let listed = app.admin_get("/tenants/acme/rollouts").await.expect(200);
    let told = |number: usize, name: &str| listed["rollouts"][number][name].clone();
    assert_eq!((told(0, "id"), told(0, "state")), (second["id"].clone(), json!("active")));
    assert_eq!((told(1, "id"), told(1, "state")), (first["id"].clone(), json!("replaced")));
    assert_eq!(told(0, "steps"), Value::Null, "what was found is told of one at a time");
}

#[tokio::test]
async fn a_tenant_has_its_own_rollouts_and_no_others() {
    let app = TestApp::start().await;
    obeying(&app, "acme").await;
    obeying(&app, "globex").await;
    let rollout = start(&app, "acme", json!({ "config": { "state": "a" } })).await;
    let id = rollout["id"].as_str().unwrap();

    let elsewhere = path("globex", &rollout);
    let missing = format!("there is no rollout {id} of tenant globex");
    assert_eq!(app.admin_get(&elsewhere).await.expect(404)["detail"], missing);
    for verb in ["activate", "remap", "cancel"] {
        let refused = app.admin_post(&format!("{elsewhere}/{verb}"), json!({})).await.expect(404);
        assert_eq!(refused["detail"], missing, "{verb}");
    }
    assert_eq!(app.admin_get("/tenants/globex/rollouts").await.expect(200), json!({ "rollouts": [] }));
    assert_eq!(app.admin_get(&path("acme", &rollout)).await.expect(200)["state"], "waiting");
}

#[tokio::test]
async fn what_cannot_be_begun_is_told_in_one_sentence() {
    let app = TestApp::start().await;
    obeying(&app, "acme").await;
    let refused = async |tenant: &str, new: Value, status: u16| {
        let answer = app.admin_post(&format!("/tenants/{tenant}/rollouts"), new).await.expect(status);
        answer["detail"].as_str().unwrap().to_owned()
    };

    assert_eq!(refused("nobody", json!({}), 404).await, "there is no tenant nobody");
    assert_eq!(refused("acme", json!({ "plugin": "gone" }), 404).await, "there is no plugin gone; push it first");
    for sample in [0, 101, 4_000_000_000_u64] {
        assert_eq!(refused("acme", json!({ "sample": sample }), 400).await, "sample is 1 to 100, in percent");
    }
    let config = "the configuration does not fit the plugin: the configuration: must be a JSON object";
    assert_eq!(refused("acme", json!({ "config": [] }), 400).await, config);
    let until = refused("acme", json!({ "until": "watch" }), 400).await;
    assert_eq!(until, "until: unknown variant `watch`, expected one of `preview`, `activate`, `remap`");
    let unknown = refused("acme", json!({ "speed": 1 }), 400).await;
    assert!(unknown.starts_with("speed: unknown field `speed`"), "{unknown}");
    assert_eq!(app.admin_get("/tenants/acme/rollouts").await.expect(200), json!({ "rollouts": [] }));
}

#[tokio::test]
async fn a_configuration_that_the_candidate_refuses_ends_the_rollout_at_its_step() {
    let app = TestApp::start().await;
    app.tenant("acme").await;

    let rollout = start(&app, "acme", json!({ "config": { "groups_served": "perhaps" } })).await;

    assert_eq!(rollout["state"], "failed");
    assert_eq!(states(&rollout)[1..4], [("compile", "done"), ("try", "failed"), ("preview", "pending")]);
    let says = step(&rollout, "try")["says"].as_str().unwrap();
    assert!(says.starts_with("the configuration does not fit the plugin: /groups_served: "), "{says}");
    assert_eq!(app.admin_get("/tenants/acme").await.expect(200)["revision"], 1);
}

#[tokio::test]
async fn the_cases_that_a_plugin_brings_along_are_run_before_anything_is_looked_at() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    person(&acme, "ada", json!({})).await;
    let case = |config: Value, state: &str| {
        let body = json!({ "schemas": [USER], "userName": "ada", "displayName": "Ada" });
        let request = json!({ "method": "POST", "path": "/Users", "body": body });
        let expect = json!({ "status": 201, "account": { "state": state } });
        json!({ "name": "a new user", "config": config, "request": request, "expect": expect }).to_string().into_bytes()
    };
    let good = [("new.json".to_owned(), case(json!({ "state": "b" }), "b"))];
    let good = app.push(embed(&wasm::guest("obeys"), &good).unwrap()).await.expect(201)["digest"].clone();
    let bad = [("new.json".to_owned(), case(json!({}), "a")), ("other.json".to_owned(), case(json!({}), "b"))];
    let bad = app.push(embed(&wasm::guest("swap-a"), &bad).unwrap()).await.expect(201)["digest"].clone();

    let passed = start(&app, "acme", json!({ "plugin": good })).await;
    let failed = start(&app, "acme", json!({ "plugin": bad })).await;

    let tried = step(&passed, "try");
    assert_eq!(
        (&tried["state"], &tried["findings"]),
        (&json!("done"), &json!({ "cases": 1, "failed": 0, "told": [] }))
    );
    assert_eq!(passed["state"], "waiting");
    let tried = step(&failed, "try");
    assert_eq!(states(&failed)[2..4], [("try", "failed"), ("preview", "pending")]);
    assert_eq!(tried["says"], "1 of 2 cases failed, the first of them other.json");
    let difference = json!([{ "pointer": "/account/state", "expected": "b", "actual": "a" }]);
    assert_eq!(tried["findings"]["told"][0]["differences"], difference);
    assert_eq!(app.log("acme").await.len(), 1, "cases have stores of their own");
    let scratch = std::fs::read_dir(app.data().join("scratch")).unwrap().count();
    assert_eq!(scratch, 0, "and these are gone");
}

#[tokio::test]
async fn a_tenant_has_one_rollout_under_way_and_a_bounded_number_in_all() {
    let app = TestApp::start().await;
    let acme = obeying(&app, "acme").await;
    let first = start(&app, "acme", json!({})).await;
    for _ in 1..muster_service::MAX_ROLLOUTS_KEPT {
        start(&app, "acme", json!({})).await;
    }
    people(&acme, 100).await;
    let full = app.admin_post("/tenants/acme/rollouts", json!({})).await.expect(409);
    app.admin_post(&format!("{}/cancel", path("acme", &first)), json!({})).await.expect(200);
    let begun = app.admin_post("/tenants/acme/rollouts", json!({ "config": { "works": SLOWLY } })).await.expect(202);
    come_to(&app, "acme", &begun, "preview", 1).await;

    let refused = app.admin_post("/tenants/acme/rollouts", json!({})).await.expect(409);

    let oldest = first["id"].as_str().unwrap();
    let says = format!(
        "tenant acme has 20 rollouts, and none of them is over; end the oldest that waits: muster rollout cancel acme {oldest}"
    );
    assert_eq!(full["detail"], says);
    let id = begun["id"].as_str().unwrap();
    let says = format!("rollout {id} of this tenant is running; cancel it, or wait for its end");
    assert_eq!(refused["detail"], says);
    let listed = app.admin_get("/tenants/acme/rollouts").await.expect(200);
    assert_eq!(listed["rollouts"].as_array().unwrap().len(), muster_service::MAX_ROLLOUTS_KEPT);
    app.admin_get(&path("acme", &first)).await.expect(404);
    app.admin_post(&format!("{}/cancel", path("acme", &begun)), json!({})).await.expect(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_binding_that_comes_in_the_middle_of_a_preview_ends_it_and_makes_room_for_another() {
    let app = TestApp::start().await;
    let acme = obeying(&app, "acme").await;
    people(&acme, 200).await;
    let slow = json!({ "state": "a", "works": SLOWLY });
    let begun = super::begin(&app, "acme", json!({ "config": slow, "until": "activate" })).await;
    come_to(&app, "acme", &begun, "preview", 1).await;

    app.bind("acme", "obeys", json!({ "state": "b" })).await.expect(200);
    let ended = app.admin_get(&path("acme", &begun)).await.expect(200);
    let next = start(&app, "acme", json!({ "config": { "state": "a" } })).await;

    let id = begun["id"].as_str().unwrap();
    let says = format!(
        "the binding has changed since rollout {id} began (it is at revision 2, not at 1); start another rollout"
    );
    assert_eq!((&ended["state"], &ended["says"]), (&json!("replaced"), &json!(says)));
    assert_eq!(step(&ended, "preview")["state"], "cancelled");
    assert_eq!(next["state"], "waiting", "{next}");
    let later = app.admin_get(&path("acme", &begun)).await.expect(200);
    assert_eq!((&later["state"], &step(&later, "preview")["state"]), (&json!("replaced"), &json!("cancelled")));
    assert_eq!(app.admin_get("/tenants/acme").await.expect(200)["config"], json!({ "state": "b" }));
}
