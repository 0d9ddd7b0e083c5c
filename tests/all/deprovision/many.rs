//! An outage with thousands of them.

use std::time::{Duration, Instant};

use muster_test_harness::{PATCH_OP, TenantClient, TestApp, USER};
use serde_json::{Value, json};

use super::{TOO_LONG, tenant};
use crate::faults::size;

/// How many operations one request has.
const A_REQUEST: usize = 500;

/// How long one page may take: a page of a hundred reads some hundred tasks and entries, and this is an unoptimised
/// build on a machine that does something else as well.
const A_PAGE: Duration = Duration::from_secs(20);

pub(crate) async fn bulk(tenant: &TenantClient, operations: Vec<Value>) -> Vec<Value> {
    let body = json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], "Operations": operations });
    let answer = tenant.post("/Bulk", body).await.expect(200);
    answer["Operations"].as_array().unwrap().clone()
}

/// So many new users; their ids.
pub(crate) async fn users(tenant: &TenantClient, count: usize) -> Vec<String> {
    let mut ids = Vec::with_capacity(count);
    for first in (0..count).step_by(A_REQUEST) {
        let create = |user: usize| {
            let data = json!({ "schemas": [USER], "userName": format!("u{user}@example.com") });
            json!({ "method": "POST", "path": "/Users", "bulkId": format!("b{user}"), "data": data })
        };
        let created = bulk(tenant, (first..count.min(first + A_REQUEST)).map(create).collect()).await;
        ids.extend(created.iter().map(|one| one["location"].as_str().unwrap().rsplit('/').next().unwrap().to_owned()));
    }
    ids
}

/// Deactivates them.
pub(crate) async fn deactivate(tenant: &TenantClient, ids: &[String]) {
    for ids in ids.chunks(A_REQUEST) {
        let one = |id: &String| {
            let operation = json!({ "op": "replace", "path": "active", "value": false });
            let data = json!({ "schemas": [PATCH_OP], "Operations": [operation] });
            json!({ "method": "PATCH", "path": format!("/Users/{id}"), "data": data })
        };
        let answers = bulk(tenant, ids.iter().map(one).collect()).await;
        assert!(answers.iter().all(|answer| answer["status"] == "200"), "{:?}", answers.first());
    }
}

/// Every page of a list, each within its time.
async fn pages(app: &TestApp, query: &str) -> Vec<u64> {
    let (mut all, mut from) = (Vec::new(), String::new());
    loop {
        let began = Instant::now();
        let list = app.admin_get(&format!("/tenants/acme/deprovisions?limit=100{query}{from}")).await.expect(200);
        assert!(began.elapsed() < A_PAGE, "{:?} after {}", began.elapsed(), all.len());
        let page = list["deprovisions"].as_array().unwrap();
        assert!(page.len() <= 100);
        all.extend(page.iter().map(|one| one["entry"].as_u64().unwrap()));
        match list["next"].as_u64() {
            Some(next) => from = format!("&from={next}"),
            None => return all,
        }
    }
}

#[tokio::test]
async fn thousands_that_wait_are_listed_in_pages_each_once() {
    let count = usize::try_from(size("DEPROVISIONS")).unwrap();
    let app = TestApp::start().await;
    let acme = tenant(&app, "acme").await;
    deactivate(&acme, &users(&acme, count).await).await;
    app.advance(TOO_LONG);

    let began = Instant::now();
    app.service.watch_deprovisions_once().await;
    let round = began.elapsed();
    let overdue = pages(&app, "&which=overdue").await;
    assert_eq!(overdue.len(), count);
    assert!(overdue.is_sorted_by(|one, next| one < next), "the oldest first, each once");
    let mut all = pages(&app, "").await;
    all.reverse();
    assert_eq!(all, overdue);
    assert_eq!(pages(&app, "&which=held").await, [0_u64; 0]);
    println!("{count} deprovisions: first round {round:?}, all lists {:?}", began.elapsed());
}
