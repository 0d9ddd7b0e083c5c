//! How much is kept, of each tenant and of all, and for how long.

use std::time::Duration;

use muster_test_harness::{TestApp, USER};
use serde_json::{Value, json};

use super::{asked, eventually, files, whole};

const A_DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn bytes_of(app: &TestApp, tenant: &str) -> usize {
    files(&app.data().join("requests").join(tenant)).iter().map(|(_, bytes)| bytes.len()).sum()
}

/// A request whose entry is as large as an entry can be.
fn large() -> Value {
    let text = "t".repeat(200);
    let email = |number: usize| json!({ "value": format!("{number}@example.com"), "display": text, "type": text });
    json!({ "schemas": [USER], "userName": "ada@example.com", "emails": (0..60).map(email).collect::<Vec<_>>() })
}

#[tokio::test]
async fn a_tenant_has_as_much_room_as_its_retention_says_and_the_oldest_go_first() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    app.admin_put("/tenants/acme/retention", json!({ "requests_mib": 1 })).await.expect(200);
    let first = acme.get("/Users").await;
    let body = large();
    for _ in 0..120 {
        acme.post("/Users", body.clone()).await;
    }
    let last = acme.get("/Users").await;

    assert_eq!(whole(&app, "acme", &last).await["status"], 200);
    app.admin_get(&format!("/tenants/acme/requests/{}", first.header("x-request-id"))).await.expect(404);
    let (kept, bytes) = (asked(&app, "acme", "limit=1000").await.len(), bytes_of(&app, "acme"));
    println!("{kept} of 122 requests are kept, in {bytes} bytes");
    assert!((40..120).contains(&kept) && bytes <= 1 << 20, "{kept} in {bytes} bytes");

    app.admin_put("/tenants/acme/retention", json!({ "requests_mib": 0 })).await.expect(200);
    eventually("all files go", || bytes_of(&app, "acme") == 0).await;
    acme.get("/Users").await.expect(200);
    assert_eq!(asked(&app, "acme", "").await, Vec::<Value>::new(), "and none is kept any more");
}

#[tokio::test]
async fn a_request_is_kept_for_the_days_that_the_retention_says() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    app.admin_put("/tenants/acme/retention", json!({ "requests_days": 2 })).await.expect(200);
    let old = acme.get("/Users").await;
    app.advance(A_DAY + A_DAY / 2);
    let young = acme.get("/Users").await;
    assert_eq!(asked(&app, "acme", "").await.len(), 2);

    app.advance(A_DAY);
    assert_eq!(asked(&app, "acme", "").await.len(), 1, "it is not told from then on");
    assert_eq!(whole(&app, "acme", &young).await["status"], 200);
    app.admin_get(&format!("/tenants/acme/requests/{}", old.header("x-request-id"))).await.expect(404);
    eventually("its file goes", || files(&app.data().join("requests/acme")).len() == 1).await;
    app.advance(A_DAY * 3);
    eventually("so does the other, though no request comes", || bytes_of(&app, "acme") == 0).await;
}

#[tokio::test]
async fn all_tenants_together_have_a_bound_of_the_configuration() {
    let mut builder = TestApp::builder();
    builder.config.requests.total_mib = 1;
    let app = builder.start().await;
    let (acme, other) = (app.tenant("acme").await, app.tenant("other").await);
    let body = large();
    for client in [&acme, &other] {
        for _ in 0..50 {
            client.post("/Users", body.clone()).await;
        }
        app.advance(Duration::from_secs(60));
    }
    asked(&app, "other", "").await;
    let (first, second) = (bytes_of(&app, "acme"), bytes_of(&app, "other"));
    println!("{first} bytes of the tenant that was there first, {second} of the other");
    assert!(first + second <= 1 << 20 && second > first, "{first} + {second}");
    assert_eq!(asked(&app, "other", "limit=1000").await.len(), 50, "what is newer is all there");
}

#[tokio::test]
async fn one_request_is_kept_in_little_room_however_large_it_is() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let made = acme.post("/Users", large()).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let patch: Vec<Value> = (0..900)
        .map(|number| json!({ "op": "replace", "path": "title", "value": format!("{number} \"quoted\"") }))
        .collect();
    let user = made.body["id"].as_str().unwrap();
    let patched = acme.operations(&format!("/Users/{user}"), json!(patch)).await;
    assert_eq!(patched.status, 200, "{}", patched.text);
    let headers = (0..80).fold(acme.request(reqwest::Method::GET, "/Users"), |request, number| {
        request.header(format!("x-header-{number}"), "v".repeat(100))
    });
    let many = acme.send(headers.bearer_auth(&acme.token)).await;
    assert_eq!(many.status, 200, "{}", many.text);

    for answer in [&made, &patched] {
        let kept = whole(&app, "acme", answer).await;
        let body = &kept["sent"]["body"];
        assert!(body["bytes"].as_u64().unwrap() > 20_000);
        let size = body["json"].to_string().len();
        assert!((1_000..20_000).contains(&size), "{size}");
        assert!(kept.to_string().contains(" more>"), "it says that there was more");
    }
    assert_eq!(whole(&app, "acme", &many).await["sent"]["other_headers"].as_array().unwrap().len(), 64);
    let largest = files(&app.data().join("requests"))
        .iter()
        .flat_map(|(_, bytes)| bytes.split(|b| *b == b'\n').map(<[u8]>::len).collect::<Vec<_>>())
        .max();
    println!("the largest entry has {largest:?} bytes");
    assert!(largest < Some(40_000), "{largest:?}");
}
