//! A plugin that asks for any place there is: what was not granted is not let out, and the story says where it wanted to go.

use muster_test_harness::TestApp;
use tokio::net::TcpListener;

use super::endpoint::{Endpoint, HOST, says};
use super::{acme, calling, told};

/// Each with the port of somebody who listens on this machine in the place of `PORT`.
const PLACES: &[&str] = &[
    "https://127.0.0.1:PORT/",
    "https://127.1:PORT/",
    "https://0:PORT/",
    "https://0.0.0.0:PORT/",
    "https://2130706433:PORT/",
    "https://017700000001:PORT/",
    "https://0x7f000001:PORT/",
    "https://0177.0.0.1:PORT/",
    "https://0x7f.0x0.0x0.0x1:PORT/",
    "https://127.000.000.001:PORT/",
    "https://127.0.0.1.:PORT/",
    "https://[::1]:PORT/",
    "https://[::]:PORT/",
    "https://[::ffff:127.0.0.1]:PORT/",
    "https://[::ffff:7f00:1]:PORT/",
    "https://[64:ff9b::7f00:1]:PORT/",
    "https://[2002:7f00:1::]:PORT/",
    "https://[fe80::1%25lo]:PORT/",
    "https://localhost:PORT/",
    "https://LOCALHOST:PORT/",
    "https://localhost.:PORT/",
    "https://169.254.169.254/latest/meta-data/",
    "https://metadata.google.internal/",
    "http://127.0.0.1:PORT/",
    "http://localhost:PORT/",
    "http://api.granted.example/",
    "http://api.granted.example:PORT/",
    "ftp://api.granted.example/",
    "file:///etc/passwd",
    "gopher://127.0.0.1:PORT/_x",
    "unix:///var/run/docker.sock",
    "https:///etc/passwd",
    "https://",
    "https://:PORT/",
    "https://api.granted.example:PORT/",
    "https://api.granted.example:80/",
    "https://api.granted.example:8443/",
    "https://api.granted.example./",
    "https://api.granted.example../",
    "https://www.api.granted.example/",
    "https://granted.example/",
    "https://below.granted.example/",
    "https://evilbelow.granted.example/",
    "https://api.granted.example.elsewhere.example/",
    "https://api-granted.example/",
    "https://apixgranted.example/",
    "https://user@api.granted.example/",
    "https://user:hunter22@api.granted.example/",
    "https://api.granted.example@127.0.0.1:PORT/",
    "https://api.granted.example:443@127.0.0.1:PORT/",
    "https://api.granted.example%40127.0.0.1:PORT/",
    "https://127.0.0.1:PORT\\@api.granted.example/",
    "https://127.0.0.1:PORT#@api.granted.example/",
    "https://127.0.0.1:PORT?@api.granted.example/",
    "https://127.0.0.1:PORT/@api.granted.example/",
    "https://api.granted.example\\.127.0.0.1:PORT/",
    "https://api.granted.example%00.127.0.0.1:PORT/",
    "https://api.granted.example%0d%0aHost:127.0.0.1/",
    "https://api.granted.example\r\nHost: 127.0.0.1/",
    "https://api.granted.example :PORT/",
    "https://１２７.0.0.1:PORT/",
    "https://①②⑦.⓪.⓪.①:PORT/",
    "https://127。0。0。1:PORT/",
    "https://ｌｏｃａｌｈｏｓｔ:PORT/",
    "https://api.granted。example:PORT/",
    "https://аpi.granted.example/",
    "https://xn--pi-7kc.granted.example/",
    "https://*.below.granted.example/",
    "https://.below.granted.example/",
    "//127.0.0.1:PORT/",
    "127.0.0.1:PORT",
    "https:127.0.0.1:PORT",
    "https:/127.0.0.1:PORT/",
];

#[tokio::test]
async fn what_was_not_granted_is_not_let_out() {
    let endpoint = Endpoint::start(HOST, says("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")).await;
    let canary = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = canary.local_addr().unwrap().port().to_string();
    let app = calling(&endpoint).start().await;
    acme(&app).await;

    for place in PLACES {
        let url = place.replace("PORT", &port);
        let story = told(&app, "get", Some(&url)).await;
        let told_by_host = story.ends_with(", which is not granted)");
        // What is no URL does not even come to the host as a request.
        let told_by_guest = story.ends_with("is none that can be sent") || story.contains("the call failed: ");
        assert!(told_by_host || told_by_guest, "{place}: {story}");
        assert!(!story.contains("hunter22"), "{story}");
    }

    assert_eq!(endpoint.connections(), 0);
    let nobody = std::time::Duration::from_millis(100);
    assert!(tokio::time::timeout(nobody, canary.accept()).await.is_err(), "somebody called");
    assert_eq!(told(&app, "get", None).await, "done", "and what was granted is");
    assert_eq!(endpoint.connections(), 1);
}

#[tokio::test]
async fn what_was_granted_and_is_not_public_is_not_called() {
    let endpoint = Endpoint::start(HOST, says("")).await;
    let mut builder = calling(&endpoint);
    builder.config.delivery.hosts.clear();
    let app = builder.start().await;
    acme(&app).await;
    // Nobody has this name; whoever had it would be looked at before he is called.
    let story = told(&app, "get", None).await;
    assert!(story.starts_with("the call failed: the host could not be reached ("), "{story}");
    assert_eq!(endpoint.connections(), 0);
}

#[tokio::test]
async fn a_header_neither_splits_a_request_nor_says_another_host() {
    let endpoint = Endpoint::start(HOST, says("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")).await;
    let app: TestApp = calling(&endpoint).start().await;
    acme(&app).await;
    for action in ["split", "host"] {
        assert_eq!(told(&app, action, None).await, "the call failed: the header is none that can be sent");
    }
    let path = "https://api.granted.example/a\r\nHost: elsewhere.example";
    assert_eq!(told(&app, "get", Some(path)).await, "the call failed: the URL is none that can be sent");
    assert_eq!(endpoint.connections(), 0);
}
