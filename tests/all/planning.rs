//! Filters that an index answers, where a search of the whole directory would be refused. The server of these stories may look at
//! twenty resources a request.

use std::time::Duration;

use muster_test_harness::{GROUP, TenantClient, TestApp, USER};
use serde_json::{Value, json};

const MAX_SCANNED: u64 = 20;
const USERS: usize = 30;

/// A tenant with more users than may be looked at, one of them a second; their ids.
async fn start() -> (TestApp, TenantClient, Vec<String>) {
    let mut builder = TestApp::builder();
    builder.config.store.max_scanned = MAX_SCANNED;
    let app = builder.start().await;
    let acme = app.tenant("acme").await;
    let mut ids = Vec::with_capacity(USERS);
    for n in 0..USERS {
        app.advance(Duration::from_secs(1));
        let body = json!({
            "schemas": [USER], "userName": format!("User{n:02}@x.org"), "externalId": format!("Ext-{n:02}"),
            "emails": [{ "value": format!("Mail{n:02}@x.org"), "type": "work" }], "active": n % 10 != 7,
        });
        ids.push(acme.post("/Users", body).await.expect(201)["id"].as_str().unwrap().to_owned());
    }
    (app, acme, ids)
}

async fn is_too_many(acme: &TenantClient, filter: &str) {
    let refused = acme.find("/Users", filter).await.expect(400);
    assert_eq!(refused["scimType"], "tooMany", "{filter}");
}

#[tokio::test]
async fn names_that_begin_alike_are_found_where_a_search_is_refused() {
    let (_app, acme, ids) = start().await;
    is_too_many(&acme, "userName co \"user0\"").await;
    for filter in
        ["userName sw \"uSER0\"", "externalId sw \"Ext-0\"", "emails.value sw \"MAIL0\"", "emails[value sw \"mail0\"]"]
    {
        assert_eq!(acme.ids("/Users", filter).await, ids[..10], "{filter}");
    }
    assert_eq!(acme.ids("/Users", "externalId sw \"ext-0\"").await, ids[..0], "case counts (RFC 7643 §3.1)");
    // The letters that are told apart where case does not count are those that a name may not share.
    let strange = json!({ "schemas": [USER], "userName": "\u{FF33}tra\u{DF}e" });
    let strange = acme.post("/Users", strange).await.expect(201)["id"].as_str().unwrap().to_owned();
    for spelt in ["STRASS", "stra\u{DF}", "\u{17F}tra\u{DF}e"] {
        assert_eq!(acme.ids("/Users", &format!("userName sw \"{spelt}\"")).await, [strange.clone()], "{spelt}");
    }
    let both = "userName sw \"user\" and emails.value sw \"mail1\" and externalId ew \"3\"";
    assert_eq!(acme.ids("/Users", both).await, [ids[13].clone()], "the way with the fewest is taken");
    assert_eq!(acme.ids("/Users", "userName sw \"user00\" or externalId sw \"Ext-2\"").await.len(), 11);
    is_too_many(&acme, "userName sw \"user00\" or title sw \"x\"").await;
    is_too_many(&acme, "userName sw \"user\"").await;
}

#[tokio::test]
async fn who_is_not_active_is_found_where_a_search_is_refused() {
    let (_app, acme, ids) = start().await;
    let gone = || [&ids[7], &ids[17], &ids[27]].map(Clone::clone);
    for filter in
        ["active eq false", "active eq \"False\"", "ACTIVE EQ FALSE", "active eq false and userName co \"user\""]
    {
        assert_eq!(acme.ids("/Users", filter).await, gone(), "{filter}");
    }
    is_too_many(&acme, "active eq true").await;

    let set = |active: bool| json!([{ "op": "replace", "path": "active", "value": active }]);
    acme.operations(&format!("/Users/{}", ids[7]), set(true)).await.expect(200);
    acme.operations(&format!("/Users/{}", ids[2]), set(false)).await.expect(200);
    acme.delete(&format!("/Users/{}", ids[27])).await.expect(204);
    assert_eq!(acme.ids("/Users", "active eq false").await, [ids[2].clone(), ids[17].clone()]);
}

#[tokio::test]
async fn a_sync_by_last_modified_sees_each_change_once() {
    let (app, acme, ids) = start().await;
    let group = json!({ "schemas": [GROUP], "displayName": "Engines", "members": [{ "value": ids[0] }] });
    let engines = acme.post("/Groups", group).await.expect(201)["id"].as_str().unwrap().to_owned();
    let modified = |resource: &Value| resource["meta"]["lastModified"].as_str().unwrap().to_owned();
    let newest = acme.get(&format!("/Users/{}", ids[USERS - 1])).await.expect(200);
    let mut since = modified(&newest);
    is_too_many(&acme, "meta.created gt \"2026-11-03T14:03:00Z\"").await;
    is_too_many(&acme, "meta.lastModified gt \"2026-11-03T14:03:00Z\"").await;
    assert_eq!(acme.ids("/Users", &format!("meta.lastModified eq \"{since}\"")).await, [ids[USERS - 1].clone()]);

    let mut seen: Vec<String> = Vec::new();
    for round in 0..4 {
        app.advance(Duration::from_millis(1));
        for n in [round, round + 10, round + 20] {
            let title = json!([{ "op": "replace", "path": "title", "value": format!("Round {round}") }]);
            acme.operations(&format!("/Users/{}", ids[n]), title).await.expect(200);
            app.advance(Duration::from_millis(1));
        }
        // Two pages, as a client reads them.
        let filter = format!("meta.lastModified gt \"{since}\"");
        let mut pages = Vec::new();
        for start in [1, 3] {
            let path = format!("/Users?startIndex={start}&count=2&sortBy=meta.lastModified");
            let page = acme.find(&path, &filter).await.expect(200);
            assert_eq!(page["totalResults"], 3, "round {round}");
            pages.extend(page["Resources"].as_array().unwrap().clone());
        }
        since = modified(pages.last().unwrap());
        seen.extend(pages.iter().map(|user| user["id"].as_str().unwrap().to_owned()));
    }
    let expected: Vec<String> =
        (0..4).flat_map(|round| [round, round + 10, round + 20]).map(|n| ids[n].clone()).collect();
    assert_eq!(seen, expected);
    assert_eq!(acme.ids("/Users", &format!("meta.lastModified gt \"{since}\"")).await, ids[..0]);

    // In any offset, and with both ends.
    let first = modified(&acme.get(&format!("/Users/{}", ids[4])).await.expect(200));
    let last = modified(&acme.get(&format!("/Users/{}", ids[6])).await.expect(200));
    let local = first.replace("T14:03:05.000Z", "T16:03:05+02:00");
    assert_ne!(local, first);
    let between = format!("meta.lastModified ge \"{local}\" and meta.lastModified lt \"{last}\"");
    assert_eq!(acme.ids("/Users", &between).await, ids[4..6]);
    // A new member changes the group, and not the user.
    app.advance(Duration::from_secs(1));
    let add = json!([{ "op": "add", "path": "members", "value": [{ "value": ids[1] }] }]);
    acme.operations(&format!("/Groups/{engines}"), add).await;
    let changed = format!("meta.lastModified gt \"{since}\"");
    assert_eq!(acme.ids("/Groups", &changed).await, [engines]);
    assert_eq!(acme.ids("/Users", &changed).await, ids[..0]);
}
