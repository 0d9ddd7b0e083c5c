use std::time::Duration;

use muster_test_harness::{ADMIN_KEY, Answer, DIRECTORY_KEY, TestApp};
use reqwest::Method;
use serde_json::json;

use super::problem;
use crate::command::muster;

/// Every path and method that the description has.
async fn described(app: &TestApp) -> Vec<(String, Vec<Method>)> {
    let document = app.directory_get("/openapi.json").await.expect(200);
    assert_eq!(document["openapi"], "3.1.0");
    let paths = document["paths"].as_object().unwrap().iter();
    let methods = |item: &serde_json::Value| {
        item.as_object().unwrap().keys().map(|name| name.to_uppercase().parse().unwrap()).collect()
    };
    paths.map(|(path, item)| (path.clone(), methods(item))).collect()
}

#[tokio::test]
async fn nothing_but_a_directory_key_opens_the_directory_api_and_it_opens_nothing_else() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;

    for (path, methods) in described(&app).await {
        let path = format!("/directory/v1{}", path.replace("{tenant}", "acme").replace("{id}", "1"));
        for method in methods {
            let ask = || app.admin_request(method.clone(), &path).body("{}");
            for request in [
                ask(),
                ask().bearer_auth("wrong"),
                ask().bearer_auth(ADMIN_KEY),
                ask().bearer_auth(&acme.token),
                ask().bearer_auth(""),
                ask().header("authorization", DIRECTORY_KEY),
                ask().bearer_auth(&DIRECTORY_KEY[1..]),
                ask().bearer_auth(DIRECTORY_KEY).bearer_auth(ADMIN_KEY),
            ] {
                let answer = Answer::of(request).await;
                assert_eq!(answer.header("www-authenticate"), "Bearer", "{method} {path}");
                assert_eq!(problem(answer, 401), "the directory key is missing or not valid");
            }
        }
    }
    let operators = app.admin_request(Method::GET, "/admin/v1/tenants").bearer_auth(DIRECTORY_KEY);
    problem(Answer::of(operators).await, 401);
    acme.with_token(DIRECTORY_KEY).get("/Users").await.expect(401);
}

#[tokio::test]
async fn every_route_is_there_with_the_methods_of_its_description_and_no_others() {
    let app = TestApp::start().await;

    for (path, methods) in described(&app).await {
        let path = path.replace("{tenant}", "nobody").replace("{id}", "1");
        for method in [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
            let answer = app.directory_send(method.clone(), &path, json!({})).await;
            if methods.contains(&method) {
                assert_ne!(answer.status, 405, "{method} {path}");
                let there = answer.status == 200 && path == "/openapi.json" || answer.text.contains("tenant nobody");
                assert!(there || answer.status == 400, "{method} {path}: {}", answer.text);
            } else {
                assert_eq!(problem(answer, 405), format!("{method} is not possible here"), "{path}");
            }
        }
    }
    for path in ["", "/nothing", "/tenants/acme", "/tenants/acme/nothing"] {
        assert_eq!(problem(app.directory_get(path).await, 404), "there is no such directory endpoint", "{path}");
    }
}

#[tokio::test]
async fn whatever_is_refused_is_in_the_description() {
    let app = TestApp::start().await;
    let ada = app.tenant("acme").await.user("ada").await;
    let document = app.directory_get("/openapi.json").await.expect(200);
    let large = " ".repeat(2 << 20);
    let (account, unreadable) = ("/tenants/{tenant}/accounts/{id}", "{");
    let cases = [
        (Method::DELETE, account, unreadable, 400),
        (Method::DELETE, account, large.as_str(), 413),
        (Method::DELETE, account, "", 409),
        (Method::GET, "/tenants/{tenant}/accounts/{id}/local", "", 400),
        (Method::GET, "/tenants/{tenant}/accounts/states", "", 400),
        (Method::GET, "/tenants/{tenant}/groups/{id}", "", 400),
    ];
    for (method, path, body, status) in cases {
        let id = if status == 400 && method == Method::GET { "%ff" } else { ada.as_str() };
        let tenant = if path.contains("{id}") || status != 400 { "acme" } else { "%ff" };
        let place = path.replace("{tenant}", tenant).replace("{id}", id);

        let answer = Answer::of(app.directory_request(method.clone(), &place).body(body.to_owned())).await;

        assert_eq!(answer.status, status, "{method} {path}: {}", answer.text);
        let described = &document["paths"][path][method.as_str().to_lowercase()]["responses"];
        assert!(described[status.to_string()].is_object(), "{method} {path} {status}");
    }
    let limit = &document["components"]["parameters"]["limit"]["schema"];
    assert!(limit["maximum"].is_null(), "more is taken, as the most that there is");
    app.directory_get("/tenants/acme/accounts?limit=1001").await.expect(200);
}

#[tokio::test]
async fn it_is_on_the_scim_listener_only_where_that_is_configured() {
    let apart = TestApp::start().await;
    let mut together = TestApp::builder();
    together.config.directory.on_scim_listener = true;
    let together = together.start().await;
    let (acme, globex) = (apart.tenant("acme").await, together.tenant("globex").await);
    let ask = |client: &muster_test_harness::TenantClient, base: &str, tenant: &str| {
        let path = format!("/directory/v1/tenants/{tenant}/accounts");
        Answer::of(client.at(base).request(Method::GET, &path).bearer_auth(DIRECTORY_KEY))
    };

    let refused = ask(&acme, &apart.scim, "acme").await;
    let served = ask(&globex, &together.scim, "globex").await;

    assert!([401, 404].contains(&refused.status), "{}", refused.text);
    assert_eq!(served.expect(200)["accounts"], json!([]));
    assert_eq!(ask(&globex, &together.admin, "globex").await.status, 200);
    assert_eq!(globex.get("/Users").await.status, 200, "and SCIM is what it was");
}

#[tokio::test]
async fn keys_come_and_go_while_the_server_runs() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("directory.key");
    std::fs::write(&file, "the-first-key-of-the-product\n").unwrap();
    let config = folder.path().join("muster.toml");
    std::fs::write(&config, format!("[directory]\nkey_file = \"{}\"\n", file.display())).unwrap();
    let mut builder = TestApp::builder();
    builder.config.directory.key_file = file.clone();
    let app = builder.start().await;
    app.tenant("acme").await;
    let status = async |key: &str| {
        let request = app.admin_request(Method::GET, "/directory/v1/tenants/acme/accounts").bearer_auth(key);
        Answer::of(request).await.status
    };
    let becomes = async |key: &str, wanted: u16| {
        for _ in 0..600 {
            if status(key).await == wanted {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("it never became {wanted}");
    };
    let at = config.to_str().unwrap();
    assert_eq!((status("the-first-key-of-the-product").await, status(DIRECTORY_KEY).await), (200, 401));

    let rotated = muster(&["directory-key", "rotate", "--config", at, "--json"], &[]).await.json();
    let second = rotated["directory_keys"][0].as_str().unwrap().to_owned();
    assert_eq!(rotated["directory_keys"][1], "the-first-key-of-the-product");
    becomes(&second, 200).await;
    assert_eq!(status("the-first-key-of-the-product").await, 200, "it goes on until it is retired");

    let shown = muster(&["directory-key", "show", "--config", at], &[]).await.text();
    assert!(shown.starts_with(&format!("{second}\nthe-first-key-of-the-product\n")), "{shown}");
    muster(&["directory-key", "retire", "--config", at], &[]).await.text();
    becomes("the-first-key-of-the-product", 401).await;
    assert_eq!(status(&second).await, 200);

    for _ in 0..3 {
        muster(&["directory-key", "rotate", "--config", at], &[]).await.text();
    }
    let full = muster(&["directory-key", "rotate", "--config", at], &[]).await.failed();
    assert!(full.contains("there are 4 directory keys already, which is the most"), "{full}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_waits_with_a_key_that_is_retired_meanwhile_is_told_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("directory.key");
    std::fs::write(&file, "the-first-key-of-the-product\n").unwrap();
    let mut builder = TestApp::builder();
    builder.config.directory.key_file = file.clone();
    let app = builder.start().await;
    let acme = app.tenant("acme").await;
    let ask = |path: &str| {
        let request = app.admin_request(Method::GET, &format!("/directory/v1/tenants/acme/{path}"));
        Answer::of(request.bearer_auth("the-first-key-of-the-product"))
    };
    let waits = tokio::spawn(ask("changes?wait=30"));
    assert_eq!(ask("accounts").await.status, 200);

    std::fs::write(&file, "the-second-key-of-the-product-is-longer\n").unwrap();
    while ask("accounts").await.status != 401 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    acme.user("ada").await;

    assert_eq!(problem(waits.await.unwrap(), 401), "the directory key is missing or not valid");
}
