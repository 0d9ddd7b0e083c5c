//! Paths that two readers would read differently, and requests that are none: refused as SCIM errors, and never with a panic.

use muster_test_harness::messages::error;
use muster_test_harness::{TestApp, USER};
use serde_json::json;

use super::raw::{Raw, get};

#[tokio::test]
async fn an_ambiguous_path_is_404_as_a_scim_error_whoever_asks() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let globex = app.tenant("globex").await;
    globex.user("grace").await;

    for path in [
        "/scim/v2/Users%2f..%2fUsers",
        "/scim/v2/Users%2F1",
        "/scim/v2/../v2/Users",
        "/scim/v2/./Users",
        "/scim/v2/%2e%2e/v2/Users",
        "/scim/v2/Users/%00",
        "/scim/v2/Users%5c1",
        "/t/acme/../globex/scim/v2/Users",
        "/t/acme%2f..%2fglobex/scim/v2/Users",
        "/..",
        "/",
        "/nowhere",
        "/scim/v22/Users",
        "/t/acme",
        "/t/acme/scim/v1/Users",
        "/admin/v1/tenants",
        "/metrics",
    ] {
        for token in [acme.token.as_str(), "mst_0000"] {
            let mut client = Raw::open(&app).await;
            client.send(&get(path, token)).await;
            let answer = client.answer().await;
            assert_eq!(answer.header("content-type"), "application/scim+json", "{path}");
            assert!(!answer.header("x-request-id").is_empty(), "{path}");
            assert_eq!(answer.expect(404), error(404, None, &format!("there is nothing at {path}")));
        }
    }
}

#[tokio::test]
async fn slashes_too_many_are_read_as_one() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let ada = acme.user("ada").await;

    for path in [format!("//scim//v2///Users//{ada}/"), format!("/t//acme/scim/v2/Users/{ada}//")] {
        let mut client = Raw::open(&app).await;
        client.send(&get(&path, &acme.token)).await;
        assert_eq!(client.answer().await.expect(200)["id"], json!(ada));
    }
}

#[tokio::test]
async fn an_id_that_cannot_be_one_is_404_however_strange_it_is() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let ada = acme.user("ada").await;

    for id in ["7b2e", "..%20", "%F0%9F%92%A9", "%27%22%3E", "0", &ada.to_uppercase(), &"9".repeat(5000)] {
        let answer = acme.get(&format!("/Users/{id}")).await;
        assert_eq!(answer.header("content-type"), "application/scim+json", "{id}");
        let refused = answer.expect(404);
        assert_eq!(refused["status"], "404", "{id}");
        assert!(refused["detail"].as_str().unwrap().len() < 300, "it is not repeated in full");
    }
}

#[tokio::test]
async fn bytes_that_are_no_utf8_are_404_wherever_they_stand_in_a_path() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;

    for path in ["/%ff", "/Users/%ff", "/%ff/%fe", "/Schemas/%ff", "/ResourceTypes/%ff", "/Users/%ff/.search/x"] {
        let answer = acme.get(path).await;
        assert_eq!(answer.header("content-type"), "application/scim+json", "{path}: {}", answer.text);
        assert_eq!(answer.expect(404)["status"], "404", "{path}");
    }
    acme.get("/Users?filter=%ff&count=%ff").await.expect(400);
}

#[tokio::test]
async fn a_verb_that_is_not_there_is_405_and_says_what_is() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let ada = format!("/Users/{}", acme.user("ada").await);

    for (method, path, allow) in [
        ("PUT", "/Users", "GET, POST"),
        ("DELETE", "/Groups", "GET, POST"),
        ("POST", ada.as_str(), "GET, PUT, PATCH, DELETE"),
        ("POST", "/ServiceProviderConfig", "GET"),
        ("DELETE", "/Schemas", "GET"),
        ("BREW", "/Users", "GET, POST"),
    ] {
        let request = || acme.request(method.parse().unwrap(), path);
        acme.send(request()).await.expect(401);
        let answer = acme.send(request().bearer_auth(&acme.token)).await;
        assert_eq!(answer.header("allow"), allow, "{method} {path}");
        let sentence = format!("{method} is not possible here; possible: {allow}");
        assert_eq!(answer.expect(405), error(405, None, &sentence));
    }
}

#[tokio::test]
async fn what_is_not_json_is_refused_as_a_scim_error() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let push = |content_type: &'static str, body: &'static [u8]| {
        let request = acme.request(reqwest::Method::POST, "/Users").bearer_auth(&acme.token);
        request.header("content-type", content_type).body(body)
    };

    let xml = acme.send(push("application/xml", b"<user/>")).await.expect(415);

    let sentence = "Content-Type must be application/scim+json or application/json";
    assert_eq!(xml, error(415, None, sentence));
    for body in [
        &b""[..],
        b"{",
        b"[]",
        b"null",
        b"\"ada\"",
        b"{\"userName\":\"a\",\"USERNAME\":\"b\"}",
        b"{\"userName\":\"\xff\"}",
        b"{\"userName\":\"a\\u0000\"}",
        b"{\"userName\":1e999}",
        b"{} {}",
    ] {
        let refused = acme.send(push("application/json", body)).await.expect(400);
        assert_eq!(refused["scimType"], "invalidSyntax", "{}", String::from_utf8_lossy(body));
    }
    assert_eq!(acme.get("/Users").await.expect(200)["totalResults"], 0);
}

#[tokio::test]
async fn a_client_may_name_the_server_as_it_likes_and_only_a_host_comes_back() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let ada = acme.user("ada").await;
    let asked_as = |host: &str| {
        format!("GET /scim/v2/Users/{ada} HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {}\r\n\r\n", acme.token)
    };

    for (host, shown) in [("scim.example:8443", "scim.example:8443"), ("<script>", "localhost"), ("a/b", "localhost")] {
        let mut client = Raw::open(&app).await;
        client.send(&asked_as(host)).await;
        let answer = client.answer().await;
        if answer.status == 200 {
            let location = format!("http://{shown}/scim/v2/Users/{ada}");
            assert_eq!(answer.expect(200)["meta"]["location"], location, "{host}");
        } else {
            assert_eq!(answer.status, 400, "{host}");
        }
    }
}

#[tokio::test]
async fn what_is_no_http_ends_the_connection_and_nothing_else() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;

    for noise in ["\x16\x03\x01\x02\0\x01\0\x01\u{7f}", "GET\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "\0\0\0\0\r\n\r\n"] {
        let mut client = Raw::open(&app).await;
        client.send(noise).await;
        assert!(client.end_within(std::time::Duration::from_secs(10)).await.is_some(), "{noise:?}");
    }

    let made = acme.post("/Users", json!({ "schemas": [USER], "userName": "ada" })).await;
    made.expect(201);
}
