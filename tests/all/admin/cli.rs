//! `muster tenant | token | plugin` against a running server.

use std::path::PathBuf;

use muster_test_harness::{ADMIN_KEY, TestApp, wasm};
use serde_json::json;

use crate::command::{muster, on};

fn component(name: &str) -> PathBuf {
    wasm::folder().join("plugins").join(name).with_extension("wasm")
}

#[tokio::test]
async fn tenant_create_answers_with_exactly_what_an_identity_provider_needs() {
    let app = TestApp::start().await;
    app.push(wasm::plugin("standard")).await.expect(201);

    let made = on(&app, &["tenant", "create", "acme", "--plugin", "standard", "--json"]).await.json();

    let token = made["token"].as_str().unwrap();
    let base = format!("{}/scim/v2", app.scim);
    let own = format!("{}/t/acme/scim/v2", app.scim);
    assert_eq!(made, json!({ "tenant": "acme", "scim_base": base, "own_base": own, "token": token }));
    let acme = app.client("/scim/v2", token);
    let ada = acme.user("ada").await;
    for client in [acme, app.client("/t/acme/scim/v2", token)] {
        client.get(&format!("/Users/{ada}")).await.expect(200);
    }
}

#[tokio::test]
async fn tenant_create_takes_a_configuration_as_text_or_from_a_file_and_says_what_does_not_fit() {
    let app = TestApp::start().await;
    app.push(wasm::plugin("poggio")).await.expect(201);
    let file = app.data().join("acme.json");
    std::fs::write(&file, r#"{ "default_workspace": "W1", "require_email": false }"#).unwrap();
    let file = format!("@{}", file.display());
    let create = |name: &'static str, config: String| {
        let app = &app;
        let args = ["tenant", "create", name, "--plugin", "poggio", "--grant-all", "--config"];
        async move { on(app, &[args.as_slice(), &[config.as_str()]].concat()).await }
    };

    let from_file = create("acme", file).await.text();
    create("globex", r#"{"default_workspace":"G1"}"#.to_owned()).await.text();

    let lines: Vec<&str> = from_file.lines().collect();
    assert_eq!(lines[..2], ["tenant     acme".to_owned(), format!("SCIM base  {}/scim/v2", app.scim)]);
    assert_eq!(lines[2], format!("its own    {}/t/acme/scim/v2   (the same, for this tenant alone)", app.scim));
    assert!(lines[3].starts_with("token      mst_") && lines[3].ends_with("   (shown this once)"), "{from_file}");
    let config = async |name: &str| app.admin_get(&format!("/tenants/{name}")).await.expect(200)["config"].clone();
    assert_eq!(config("acme").await, json!({ "default_workspace": "W1", "require_email": false }));
    assert_eq!(config("globex").await, json!({ "default_workspace": "G1" }));
    let unfit = create("initech", r#"{"require_email":1}"#.to_owned()).await.failed();
    assert!(unfit.starts_with("the configuration does not fit the plugin: /require_email: "), "{unfit}");
    assert!(unfit.ends_with(" (400 Bad Request)"), "{unfit}");
    assert!(create("initech", "{".to_owned()).await.failed().starts_with("--config is not JSON: "));
    let nowhere = create("initech", "@/nowhere/config.json".to_owned()).await.failed();
    assert!(nowhere.starts_with("--config: /nowhere/config.json: there is no such file"), "{nowhere}");
    assert_eq!(
        create("acme", "{\"default_workspace\":\"W1\"}".to_owned()).await.failed(),
        "there is a tenant acme already (409 Conflict)"
    );
}

#[tokio::test]
async fn tenant_list_and_show_say_which_plugin_serves_whom_where() {
    let app = TestApp::start().await;
    app.tenant("acme").await;
    app.tenant_with("globex", "secoda", json!({})).await;
    let as_told = app.admin_get("/tenants").await.expect(200);

    let listed = on(&app, &["tenant", "list"]).await.text();
    let listed_json = on(&app, &["tenant", "list", "--json"]).await.json();
    let shown = on(&app, &["tenant", "show", "globex"]).await.text();
    let shown_json = on(&app, &["tenant", "show", "globex", "--json"]).await.json();

    assert_eq!(listed_json, as_told);
    assert_eq!(shown_json, as_told["tenants"][1]);
    let digest = &as_told["tenants"][1]["plugin"]["digest"].as_str().unwrap()[..12];
    let globex = format!("{:<24} secoda 0.1.0 ({digest})   revision 1   /api/v2/scim   {{}}\n", "globex");
    assert_eq!(shown, globex);
    let lines: Vec<&str> = listed.lines().collect();
    assert_eq!((lines.len(), lines[1]), (2, globex.trim_end()));
    assert!(lines[0].starts_with("acme "), "{listed}");
    assert_eq!(on(&app, &["tenant", "show", "nobody"]).await.failed(), "there is no tenant nobody (404 Not Found)");
}

#[tokio::test]
async fn the_digits_of_a_digest_that_list_shows_name_the_plugin() {
    let app = TestApp::start().await;
    app.tenant("acme").await;
    let secoda = app.push(wasm::plugin("secoda")).await.expect(201);
    let short = &secoda["digest"].as_str().unwrap()[..12];

    let bound = on(&app, &["tenant", "bind", "acme", "--plugin", short, "--grant-all", "--json"]).await.json();

    assert_eq!(bound["plugin"]["name"], "secoda");
    let none = on(&app, &["tenant", "bind", "acme", "--plugin", &short[..4]]).await.failed();
    assert!(none.starts_with("there is no plugin"), "{none}");
}

#[tokio::test]
async fn a_name_with_slashes_stays_a_name() {
    let app = TestApp::start().await;
    app.tenant("acme").await;

    for name in ["../plugins", "acme/tokens", "..", ""] {
        let told = on(&app, &["tenant", "show", name]).await.failed();
        assert!(told.starts_with("there is no"), "{told}");
    }
}

#[tokio::test]
async fn tenant_bind_and_rollback_swap_the_plugin_while_it_is_served() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    app.push(wasm::plugin("secoda")).await.expect(201);
    let config = r#"{"put_upsert":true}"#;

    let bind = [
        "tenant",
        "bind",
        "acme",
        "--plugin",
        "secoda",
        "--config",
        config,
        "--expected-revision",
        "1",
        "--grant-all",
        "--json",
    ];
    let bound = on(&app, &bind).await.json();
    let stale = on(&app, &bind).await.failed();
    let stale_back = on(&app, &["tenant", "rollback", "acme", "--expected-revision", "1"]).await.failed();
    let back = on(&app, &["tenant", "rollback", "acme", "--json"]).await.json();
    let config_only =
        on(&app, &["tenant", "bind", "acme", "--config", r#"{"groups_served":false}"#, "--json"]).await.json();

    assert_eq!(
        (&bound["plugin"]["name"], &bound["config"], &bound["revision"]),
        (&json!("secoda"), &json!({ "put_upsert": true }), &json!(2))
    );
    assert_eq!(stale, "the binding is at revision 2, not at 1 (409 Conflict)");
    assert_eq!(stale_back, "the binding is at revision 2, not at 1 (409 Conflict)");
    assert_eq!((&back["plugin"]["name"], &back["revision"]), (&json!("standard"), &json!(3)));
    assert_eq!(
        (&config_only["plugin"]["name"], &config_only["config"]),
        (&json!("standard"), &json!({ "groups_served": false }))
    );
    acme.get("/Groups").await.expect(404);
    acme.get("/Users").await.expect(200);
}

#[tokio::test]
async fn tenant_account_shows_both_sides_of_a_user() {
    let app = TestApp::start().await;
    let ada = app.tenant("acme").await.user("ada").await;

    let shown = on(&app, &["tenant", "account", "acme", &ada, "--json"]).await.json();

    assert_eq!(shown, app.admin_get(&format!("/tenants/acme/accounts/{ada}")).await.expect(200));
    let unknown = on(&app, &["tenant", "account", "acme", "7b2e"]).await.failed();
    assert_eq!(unknown, "there is no account 7b2e of tenant acme (404 Not Found)");
}

#[tokio::test]
async fn token_issue_list_and_revoke_rotate_a_token() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;

    let issued =
        on(&app, &["token", "issue", "acme", "--label", "Okta", "--expires-in-days", "30", "--json"]).await.json();
    let (id, token) = (issued["id"].as_str().unwrap(), issued["token"].as_str().unwrap());
    assert_eq!(issued["expires"], "2026-12-03T14:03:00.000Z");
    app.client("/scim/v2", token).get("/Users").await.expect(200);
    let listed = on(&app, &["token", "list", "acme"]).await.text();
    assert!(listed.contains(&format!("{id}   live, expires 2026-12-03T14:03:00.000Z   Okta\n")), "{listed}");
    assert!(!listed.contains(token) && !listed.contains(&acme.token), "{listed}");

    assert_eq!(on(&app, &["token", "revoke", "acme", id]).await.text(), format!("revoked {id}\n"));

    app.client("/scim/v2", token).get("/Users").await.expect(401);
    let listed = on(&app, &["token", "list", "acme"]).await.text();
    assert!(listed.contains(&format!("{id}   revoked 2026-11-03T14:03:00.000Z   Okta\n")), "{listed}");
    let as_told = app.admin_get("/tenants/acme/tokens").await.expect(200);
    assert_eq!(on(&app, &["token", "list", "acme", "--json"]).await.json(), as_told);
    let again = on(&app, &["token", "revoke", "acme", id, "--json"]).await.json();
    assert_eq!(again, json!({ "revoked": id }));
    let unknown = on(&app, &["token", "revoke", "acme", "tok_0"]).await.failed();
    assert_eq!(unknown, "there is no token tok_0 of tenant acme (404 Not Found)");
    let for_ever = on(&app, &["token", "issue", "acme"]).await.text();
    assert!(for_ever.starts_with("id       tok_") && for_ever.ends_with("expires  never\n"), "{for_ever}");
}

#[tokio::test]
async fn token_issue_for_one_user_says_what_it_is_good_for() {
    let app = TestApp::start().await;
    let ada = app.tenant("acme").await.user("ada").await;

    let reads = on(&app, &["token", "issue", "acme", "--user", &ada]).await.text();
    let writes = on(&app, &["token", "issue", "acme", "--user", &ada, "--write", "--json"]).await.json();

    assert!(reads.contains(&format!("user     {ada}   (/Me: reads)\n")), "{reads}");
    let me = app.client("/scim/v2", writes["token"].as_str().unwrap());
    let title = json!([{ "op": "replace", "path": "title", "value": "Countess" }]);
    assert_eq!(me.operations("/Me", title).await.expect(200)["id"], *ada);
    let listed = on(&app, &["token", "list", "acme"]).await.text();
    for what in ["reads", "reads and writes"] {
        assert!(listed.contains(&format!("live   user {ada} (/Me: {what})   \n")), "{listed}");
    }
    let unknown = on(&app, &["token", "issue", "acme", "--user", "7b2e"]).await.failed();
    assert_eq!(unknown, "there is no user 7b2e of tenant acme (404 Not Found)");
    let nobody = on(&app, &["token", "issue", "acme", "--write"]).await;
    assert_eq!(nobody.code, 2, "{nobody:?}");
}

#[tokio::test]
async fn plugin_push_and_list_say_what_is_kept() {
    let app = TestApp::start().await;
    let file = component("standard");
    let file = file.to_str().unwrap();

    let pushed = on(&app, &["plugin", "push", file, "--json"]).await.json();
    let again = on(&app, &["plugin", "push", file]).await.text();
    let listed = on(&app, &["plugin", "list"]).await.text();
    let listed_json = on(&app, &["plugin", "list", "--json"]).await.json();

    assert_eq!(listed_json["plugins"][0]["digest"], pushed["digest"]);
    let digest = pushed["digest"].as_str().unwrap();
    let line = format!(
        "{:<24} {:<10} sha256:{digest}   {} bytes   pushed 2026-11-03T14:03:00.000Z",
        "standard", "0.1.0", pushed["size"]
    );
    assert!(again.starts_with(&format!("{line}\n  cases      ")), "the same bytes are the same plugin: {again}");
    assert!(listed.starts_with(&format!("{line}\n  not signed   bound to no tenant")), "{listed}");
    let reference = format!("sha256:{digest}");
    on(&app, &["tenant", "create", "acme", "--plugin", &reference]).await.text();
    let nothing = on(&app, &["plugin", "push", "/nowhere/plugin.wasm"]).await.failed();
    assert_eq!(nothing, "/nowhere/plugin.wasm: there is no such file, and a component should be in it");
    let text = app.data().join("plugin.wasm");
    std::fs::write(&text, "no component").unwrap();
    let refused = on(&app, &["plugin", "push", text.to_str().unwrap()]).await.failed();
    assert_eq!(refused, format!("{}: not a WebAssembly component: it is text", text.display()));
}

#[tokio::test]
async fn a_wrong_key_and_a_server_that_is_not_there_are_told_in_a_sentence() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let with = async |server: &str, key: &str| {
        muster(&["tenant", "list", "--server", server, "--admin-key", key], &[]).await.failed()
    };

    let where_it_is =
        "it is what the server was started with as MUSTER_ADMIN_KEY, or stands in keys/admin.key of its data folder";
    for key in ["wrong", &acme.token] {
        let refused = with(&app.admin, key).await;
        assert_eq!(refused, format!("the admin key is missing or not valid (401 Unauthorized); {where_it_is}"));
    }
    let none = format!("there is no admin key: --admin-key or MUSTER_ADMIN_KEY gives it; {where_it_is}");
    assert_eq!(with(&app.admin, "").await, none);
    let environment = [("MUSTER_ADMIN_KEY", "")];
    assert_eq!(muster(&["plugin", "list"], &environment).await.failed(), none, "an empty variable is no key");
    assert_eq!(muster(&["export", "--to", "-"], &[]).await.failed(), none);
    let other_listener = with(&app.scim, ADMIN_KEY).await;
    assert_eq!(other_listener, "there is nothing at /admin/v1/tenants (404 Not Found)");
    let gone = with("http://127.0.0.1:9", ADMIN_KEY).await;
    assert!(gone.starts_with("no answer from http://127.0.0.1:9/admin/v1: "), "{gone}");
    assert!(!gone.contains(ADMIN_KEY), "{gone}");
    let secure = with("https://127.0.0.1:9", ADMIN_KEY).await;
    assert!(secure.starts_with("--server must begin with http://"), "{secure}");
}

#[tokio::test]
async fn server_and_key_may_stand_in_the_environment() {
    let app = TestApp::start().await;
    app.tenant("acme").await;
    let environment = [("MUSTER_SERVER", app.admin.as_str()), ("MUSTER_ADMIN_KEY", ADMIN_KEY)];

    let listed = muster(&["tenant", "list", "--json"], &environment).await.json();
    let keyless = muster(&["tenant", "list"], &[("MUSTER_SERVER", &app.admin)]).await.failed();
    let help = muster(&["tenant", "list", "--help"], &environment).await.text();

    assert_eq!(listed["tenants"][0]["tenant"], "acme");
    assert!(keyless.starts_with("there is no admin key: --admin-key or MUSTER_ADMIN_KEY gives it"), "{keyless}");
    assert!(!help.contains(ADMIN_KEY), "the key is not shown: {help}");
}

#[tokio::test]
async fn tenant_scim_shows_and_sets_how_the_identity_provider_is_met() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let urn = "urn:example:2.0:User";
    let file = app.data().join("declarations.json");
    let schema = json!({ "id": urn, "attributes": [{ "name": "badge" }] });
    let room = json!({ "id": "urn:example:2.0:Room", "attributes": [{ "name": "displayName" }] });
    let declared = json!({
        "extensions": [{ "resourceType": "User", "schema": schema }],
        "resourceTypes": [{ "name": "Room", "endpoint": "/Rooms", "schema": room }],
    });
    std::fs::write(&file, declared.to_string()).unwrap();
    let file = file.display().to_string();

    let before = on(&app, &["tenant", "scim", "acme"]).await.text();
    let set = on(&app, &["tenant", "scim", "acme", "--profile", "entra", "--file", &file]).await.text();
    let shown = on(&app, &["tenant", "scim", "acme", "--json"]).await.json();
    let stale =
        on(&app, &["tenant", "scim", "acme", "--profile", "default", "--expected-revision", "1"]).await.failed();
    let unknown = on(&app, &["tenant", "scim", "acme", "--profile", "nobody"]).await.failed();
    let nowhere = on(&app, &["tenant", "scim", "acme", "--file", "/nowhere.json"]).await.failed();

    assert_eq!(before, "tenant     acme   revision 1\nprofile    default\n");
    let lines = [
        "tenant     acme   revision 2",
        "profile    entra",
        "extension  urn:example:2.0:User of User",
        "type       Room at /Rooms, urn:example:2.0:Room",
    ];
    assert_eq!(set.lines().collect::<Vec<_>>(), lines);
    assert_eq!(shown, app.admin_get("/tenants/acme/scim").await.expect(200));
    assert_eq!(stale, "the binding is at revision 2, not at 1 (409 Conflict)");
    assert!(unknown.starts_with("there is no profile nobody; there are: default, "), "{unknown}");
    assert!(nowhere.starts_with("--file: /nowhere.json: there is no such file"), "{nowhere}");
    acme.get("/Rooms").await.expect(200);
    let ada = acme.post("/Users", json!({ "userName": "ada", urn: { "badge": "B-7" } })).await.expect(201);
    assert_eq!(ada[urn], json!({ "badge": "B-7" }));
}
