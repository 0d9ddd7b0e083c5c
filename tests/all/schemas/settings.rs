//! How an operator sets what a tenant has: `/admin/v1/tenants/{tenant}/scim`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use muster_test_harness::{ADMIN_KEY, TestApp, USER};
use serde_json::{Value, json};

use super::{PEOPLE, ROOM, attribute, id, ids, people, problem, rooms, schema, set, start_with, user};

#[tokio::test]
async fn a_new_tenant_forgives_everything_and_declares_nothing() {
    let app = TestApp::start().await;
    app.tenant("acme").await;

    let settings = app.admin_get("/tenants/acme/scim").await.expect(200);

    let expected = json!({
        "tenant": "acme", "profile": "default", "extensions": [], "resourceTypes": [], "on_plugin_failure": "refuse", "revision": 1,
    });
    assert_eq!(settings, expected);
    assert_eq!(problem(app.admin_get("/tenants/nobody/scim").await, 404), "there is no tenant nobody");
}

#[tokio::test]
async fn what_is_not_said_stays_and_each_change_is_a_revision() {
    let app = TestApp::start().await;
    app.tenant("acme").await;
    let extension = people(&[attribute("team", json!({}))]);

    let first = set(&app, json!({ "extensions": [extension], "expected_revision": 1 })).await.expect(200);
    let second = set(&app, json!({ "resourceTypes": [rooms()] })).await.expect(200);
    let third = set(&app, json!({ "profile": "entra" })).await.expect(200);
    let stale = set(&app, json!({ "profile": "default", "expected_revision": 3 })).await;

    assert_eq!((&first["revision"], &second["revision"], &third["revision"]), (&json!(2), &json!(3), &json!(4)));
    assert_eq!(problem(stale, 409), "the binding is at revision 4, not at 3");
    assert_eq!(third["profile"], "entra");
    assert_eq!(third["extensions"][0]["schema"]["id"], PEOPLE);
    assert_eq!(third["resourceTypes"][0]["name"], "Room");
    assert_eq!(app.admin_get("/tenants/acme/scim").await.expect(200), third);
    assert_eq!(app.admin_get("/tenants/acme").await.expect(200)["revision"], 4, "one count for all that decides");
    let mut again = third.clone();
    for member in ["tenant", "revision"] {
        again.as_object_mut().unwrap().remove(member);
    }
    let again = set(&app, again).await.expect(200);
    assert_eq!((&again["extensions"], &again["resourceTypes"]), (&third["extensions"], &third["resourceTypes"]));
}

#[tokio::test]
async fn of_two_who_saw_the_same_revision_one_sets_it() {
    let app = TestApp::start().await;
    app.tenant("acme").await;
    let profile = |name: &str| set(&app, json!({ "profile": name, "expected_revision": 1 }));

    let (one, other) = tokio::join!(profile("entra"), profile("okta-oin"));

    let mut statuses = [one.status, other.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409]);
}

#[tokio::test]
async fn what_does_not_hold_is_refused_with_its_place_and_changes_nothing() {
    let (app, acme) = start_with(&[attribute("team", json!({}))]).await;
    let before = app.admin_get("/tenants/acme/scim").await.expect(200);
    let extension = |different: Value| json!({ "extensions": [people(&[attribute("team", different)])] });
    let with = |change: fn(&mut Value)| {
        let mut declared = rooms();
        change(&mut declared);
        json!({ "resourceTypes": [declared] })
    };

    for (settings, place) in [
        (json!({ "colour": "blue" }), "colour: unknown field `colour`"),
        (json!({ "extensions": {} }), "extensions: "),
        (extension(json!({ "type": "text" })), "extensions[0].schema.attributes[0].type: unknown variant `text`"),
        (extension(json!({ "colour": 1 })), "extensions[0].schema.attributes[0].colour: unknown field `colour`"),
        (extension(json!({ "name": "id" })), "the attribute `id`"),
        (extension(json!({ "name": "a b" })), "the attribute `a b`"),
        (extension(json!({ "mutability": "readOnly", "required": true })), "the attribute `team`"),
        (extension(json!({ "type": "complex" })), "the attribute `team`"),
        (
            json!({ "extensions": [{ "resourceType": "Robot", "schema": schema(PEOPLE, &[attribute("a", json!({}))]) }] }),
            "`Robot`",
        ),
        (
            json!({ "extensions": [{ "resourceType": "User", "schema": schema(USER, &[attribute("a", json!({}))]) }] }),
            USER,
        ),
        (with(|room| room["endpoint"] = json!("/Users")), "`Room`: its endpoint"),
        (with(|room| room["endpoint"] = json!("/Bulk")), "`Room`: its endpoint"),
        (with(|room| room["name"] = json!("User")), "`User`"),
        (with(|room| room["schema"]["id"] = json!("not a urn")), "`not a urn`"),
        (with(|room| room["schema"]["attributes"] = json!([])), ROOM),
        (json!({ "profile": "nobody" }), "there is no profile nobody; there are: default, "),
        (json!({ "profile": 7 }), "profile: "),
    ] {
        let shown = settings.to_string();
        let detail = problem(set(&app, settings).await, 400);
        assert!(detail.contains(place), "{shown}: {detail}");
    }

    assert_eq!(app.admin_get("/tenants/acme/scim").await.expect(200), before);
    acme.post("/Users", user("ada", json!({ "team": "Engines" }))).await.expect(201);
}

#[tokio::test]
async fn more_than_may_be_declared_is_refused_by_its_limit() {
    let app = TestApp::start().await;
    app.tenant("acme").await;
    let of = |count: usize| {
        let described = json!({ "description": "x".repeat(1000) });
        let attributes = (0..count).map(|number| attribute(&format!("a{number}"), described.clone()));
        json!({ "extensions": [people(&attributes.collect::<Vec<_>>())] })
    };

    set(&app, of(200)).await.expect(200);
    let refused = set(&app, of(250)).await;

    assert_eq!(problem(refused, 400), "the declarations of the tenant are longer than 262144 bytes");
    let kept = app.admin_get("/tenants/acme/scim").await.expect(200);
    assert_eq!(kept["extensions"][0]["schema"]["attributes"].as_array().unwrap().len(), 200);
}

#[tokio::test]
async fn settings_survive_a_restart_however_long_they_are() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let globex = app.tenant("globex").await;
    let mut attributes: Vec<Value> =
        (0..190).map(|number| attribute(&format!("a{number}"), json!({ "description": "x".repeat(900) }))).collect();
    attributes.push(attribute("badge", json!({ "uniqueness": "server" })));
    let declared = json!({ "profile": "entra", "extensions": [people(&attributes)], "resourceTypes": [rooms()] });
    assert!(declared.to_string().len() > 3 * (64 << 10), "more than the store keeps in one value");
    let set = set(&app, declared).await.expect(200);
    let ada = acme.post("/Users", user("ada", json!({ "a7": "seven", "badge": "B-7" }))).await.expect(201);
    let attic =
        acme.post("/Rooms", json!({ "schemas": [ROOM], "displayName": "Attic", "number": "4.01" })).await.expect(201);

    let app = app.restart().await;

    let (acme, globex) = (app.client("/scim/v2", &acme.token), app.client("/scim/v2", &globex.token));
    assert_eq!(app.admin_get("/tenants/acme/scim").await.expect(200), set);
    assert_eq!(acme.get(&format!("/Users/{}", id(&ada))).await.expect(200)[PEOPLE], ada[PEOPLE]);
    acme.get(&format!("/Rooms/{}", id(&attic))).await.expect(200);
    acme.post("/Users", user("grace", json!({ "badge": "b-7" }))).await.expect(409);
    acme.post("/Rooms", json!({ "schemas": [ROOM], "displayName": "Loft", "number": "4.01" })).await.expect(409);
    assert_eq!(ids(&globex.get("/ResourceTypes").await.expect(200)), ["User", "Group"]);
}

#[tokio::test]
async fn swapping_the_plugin_keeps_what_the_operator_set() {
    let app = TestApp::start().await;
    let acme = app.tenant_with_guest("acme", "swap-a").await;
    let settings = json!({ "profile": "okta-oin", "extensions": [people(&[attribute("team", json!({}))])], "resourceTypes": [rooms()] });
    let before = set(&app, settings).await.expect(200);
    let ada = acme.post("/Users", user("ada", json!({ "team": "Engines" }))).await.expect(201);
    let b = app.push(muster_test_harness::wasm::guest("swap-b")).await.expect(201);

    app.bind("acme", b["digest"].as_str().unwrap(), json!({})).await.expect(200);
    let swapped = app.admin_get("/tenants/acme/scim").await.expect(200);
    let changed = json!([{ "op": "replace", "path": "title", "value": "Countess" }]);
    let changed = acme.operations(&format!("/Users/{}", id(&ada)), changed).await.expect(200);
    let back = app.admin_post("/tenants/acme/binding/rollback", json!({})).await.expect(200);

    for member in ["profile", "extensions", "resourceTypes"] {
        assert_eq!(swapped[member], before[member]);
    }
    assert_eq!((&changed[PEOPLE], &changed["title"]), (&json!({ "team": "Engines" }), &json!("Countess")));
    assert_eq!(back["revision"], 4);
    assert_eq!(back["plugin"]["version"], "1.0.0", "the binding before is the plugin before, not the settings");
    acme.get("/Rooms").await.expect(200);
}

#[tokio::test]
async fn a_stricter_profile_is_in_force_with_the_next_request() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let globex = app.tenant("globex").await;
    let entra = |name: &str| json!({ "schemas": [USER], "userName": name, "active": "False" });

    acme.post("/Users", entra("ada")).await.expect(201);
    set(&app, json!({ "profile": "strict-rfc" })).await.expect(200);
    let refused = acme.post("/Users", entra("grace")).await.expect(400);
    globex.post("/Users", entra("grace")).await.expect(201);
    set(&app, json!({ "profile": "entra" })).await.expect(200);
    let forgiven = acme.post("/Users", entra("grace")).await.expect(201);

    assert_eq!(refused["scimType"], "invalidValue");
    assert!(refused["detail"].as_str().unwrap().starts_with("active "), "{refused}");
    assert_eq!(forgiven["active"], false);
}

#[tokio::test]
async fn the_profiles_are_told_with_their_rules_and_sources() {
    let app = TestApp::start().await;

    let told = app.admin_get("/profiles").await.expect(200);

    let names = |list: &str| -> Vec<String> {
        told[list].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap().to_owned()).collect()
    };
    let profiles = names("profiles");
    for name in ["default", "strict-rfc", "okta-oin", "entra"] {
        assert!(profiles.contains(&name.to_owned()), "{profiles:?}");
    }
    let rules = names("rules");
    for profile in told["profiles"].as_array().unwrap() {
        assert!(!profile["title"].as_str().unwrap().is_empty() && profile["source"].is_string());
        for rule in profile["tolerates"].as_array().unwrap() {
            assert!(rules.contains(&rule.as_str().unwrap().to_owned()), "{rule}");
        }
    }
    assert!(told["rules"].as_array().unwrap().iter().all(|rule| !rule["says"].as_str().unwrap().is_empty()));
    let nobody = app.admin_request(reqwest::Method::GET, "/admin/v1/profiles").send().await.unwrap();
    assert_eq!(nobody.status(), 401);
}

/// Requests in flight finish with the settings that they began with: whoever wrote an attribute either kept it or never had it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_fails_while_the_settings_change() {
    let app = Arc::new(TestApp::start().await);
    let acme = app.tenant("acme").await;
    let changing = Arc::new(AtomicBool::new(true));
    let writers: Vec<_> = (0..4)
        .map(|writer| {
            let (acme, changing) = (acme.clone(), changing.clone());
            tokio::spawn(async move {
                let (mut with, mut without) = (0, 0);
                for number in 0.. {
                    if !changing.load(Ordering::Relaxed) {
                        break;
                    }
                    let made = acme
                        .post("/Users", user(&format!("u{writer}-{number}"), json!({ "team": "Engines" })))
                        .await
                        .expect(201);
                    match made.get(PEOPLE) {
                        Some(extension) => {
                            assert_eq!(
                                (extension, &made["schemas"]),
                                (&json!({ "team": "Engines" }), &json!([USER, PEOPLE]))
                            );
                            with += 1;
                        }
                        None => {
                            assert_eq!(made["schemas"], json!([USER]));
                            without += 1;
                        }
                    }
                }
                (with, without)
            })
        })
        .collect();

    for change in 0..40 {
        let extensions = if change % 2 == 0 { json!([people(&[attribute("team", json!({}))])]) } else { json!([]) };
        set(&app, json!({ "extensions": extensions })).await.expect(200);
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    changing.store(false, Ordering::Relaxed);

    let (mut with, mut without) = (0, 0);
    for writer in writers {
        let (kept, dropped) = writer.await.expect("no request fails");
        (with, without) = (with + kept, without + dropped);
    }
    assert!(with > 0 && without > 0, "both were met: {with} with, {without} without");
}

/// An operator who hangs up must not leave this process with other settings than the store.
#[tokio::test]
async fn whoever_hangs_up_in_the_middle_of_a_change_leaves_nothing_half_done() {
    let (app, _acme) = start_with(&[attribute("team", json!({}))]).await;
    for round in 0..60_u64 {
        let body = json!({ "profile": if round.is_multiple_of(2) { "entra" } else { "default" } }).to_string();
        let request =
            app.admin_request(reqwest::Method::PUT, "/admin/v1/tenants/acme/scim").bearer_auth(ADMIN_KEY).body(body);
        let _ = request.timeout(std::time::Duration::from_micros(200 * (round % 20))).send().await;
    }
    // What is still on its way ends before this: changes of tenants are made one at a time.
    set(&app, json!({ "profile": "okta-oin" })).await.expect(200);
    let shown = app.admin_get("/tenants/acme/scim").await.expect(200);
    let next = json!({ "profile": "default", "expected_revision": shown["revision"] });
    set(&app, next).await.expect(200);
}
