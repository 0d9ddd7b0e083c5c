//! Keys: shown once, rotated with an overlap, and nowhere to be read.

use std::time::Duration;

use muster_service::MAX_WEBHOOK_KEYS;
use serde_json::{Value, json};

use super::{Bench, OK, heard, heard_so_many};
use crate::command::on;
use crate::perform::endpoint::{Answers, Endpoint, says};

async fn rotate(bench: &Bench, rotation: Value) -> muster_test_harness::Answer {
    bench.app.admin_post("/tenants/acme/webhooks/crm/rotate", rotation).await
}

#[tokio::test]
async fn a_new_key_signs_beside_the_old_one_until_the_overlap_is_over() {
    let crm = Endpoint::start("crm.example", says(OK)).await;
    let bench = Bench::start(&[("crm.example", &crm)]).await;
    let old = bench.add("crm", json!({})).await;
    bench.acme.user("a@example.com").await;
    heard_so_many(&crm, 1).await;

    let rotated = rotate(&bench, json!({ "overlap_h": 2 })).await.expect(200);
    let new = rotated["key"].as_str().unwrap();
    assert_eq!(rotated["keys"][1]["until"], "2026-11-03T16:03:00.000Z");
    bench.acme.user("b@example.com").await;
    heard_so_many(&crm, 2).await;
    // The clock leaps when nothing is under way: a lease ends with it.
    bench.until_done("crm", 2).await;
    bench.app.advance(Duration::from_hours(2));
    bench.acme.user("c@example.com").await;
    let all = heard_so_many(&crm, 3).await;

    let believed = |key: &str| all.iter().map(|one| one.is_believed(key)).collect::<Vec<_>>();
    assert_eq!(believed(&old), [true, true, false]);
    assert_eq!(believed(new), [false, true, true]);
    assert_eq!(all[1].signatures.split(' ').count(), 2);
    assert_eq!(bench.show("crm").await["keys"].as_array().unwrap().len(), 1, "the old one is not told of any more");

    let at_once = rotate(&bench, json!({ "overlap_h": 0 })).await.expect(200);
    bench.acme.user("d@example.com").await;
    let last = heard_so_many(&crm, 4).await.pop().unwrap();
    assert!(last.is_believed(at_once["key"].as_str().unwrap()) && !last.is_believed(new));
}

#[tokio::test]
async fn no_more_than_four_keys_sign_and_one_can_be_brought() {
    let crm = Endpoint::start("crm.example", says(OK)).await;
    let bench = Bench::start(&[("crm.example", &crm)]).await;
    let brought = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    assert_eq!(bench.add("crm", json!({ "key": brought })).await, brought);
    for _ in 1..MAX_WEBHOOK_KEYS {
        rotate(&bench, json!({})).await.expect(200);
    }
    let refused = rotate(&bench, json!({})).await.expect(409);
    assert_eq!(
        refused["detail"],
        "webhook crm has 4 keys that sign: wait until one of them does not any more, or rotate with an overlap of 0"
    );
    let user = bench.acme.user("a@example.com").await;
    let first = heard_so_many(&crm, 1).await.remove(0);
    assert!(first.is_believed(brought) && first.signatures.split(' ').count() == MAX_WEBHOOK_KEYS);

    for (rotation, detail) in [
        (json!({ "overlap_h": 721 }), "overlap_h is 0 to 720, not 721"),
        (json!({ "key": "hunter22" }), "a webhook's key has 24 to 64 bytes behind whsec_, and this one has 6"),
        (json!({ "key": "hunter!!" }), "a webhook's key is whsec_ and base64, and this is not"),
    ] {
        assert_eq!(rotate(&bench, rotation).await.expect(400)["detail"], detail);
    }
    bench.until_done("crm", 1).await;
    bench.app.advance(Duration::from_hours(24));
    rotate(&bench, json!({ "key": brought })).await.expect(200);
    bench.title(&user, "Countess").await;
    assert!(heard_so_many(&crm, 2).await[1].is_believed(brought));
}

#[tokio::test]
async fn a_key_stands_in_no_answer_no_export_no_file_and_no_story() {
    let echo: Answers = std::sync::Arc::new(|_| {
        let body = "I know whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        (format!("HTTP/1.1 400 No\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes(), false)
    });
    let crm = Endpoint::start("crm.example", echo).await;
    let bench = Bench::start(&[("crm.example", &crm)]).await;
    const KEY: &str = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    bench.add("crm", json!({ "key": KEY })).await;
    bench.acme.user("a@example.com").await;
    let story = bench.failure("crm", 1).await;
    assert_eq!(story, "it was answered 400: I know whsec_(hidden)");

    let file = bench.app.data().join("out.export");
    on(&bench.app, &["export", "--to", file.to_str().unwrap()]).await.text();
    let exported = std::fs::read(&file).unwrap();
    let has_key = |bytes: &[u8]| bytes.windows(KEY.len()).any(|window| window == KEY.as_bytes());
    assert!(!has_key(&exported));
    for path in ["/tenants/acme", "/tenants/acme/webhooks", "/tenants/acme/webhooks/crm", "/tenants/acme/tasks/1"] {
        let answer = bench.app.admin_get(path).await;
        assert!(answer.status == 200 && !has_key(answer.text.as_bytes()), "{}", answer.text);
    }
    let (again, text) =
        (format!("{:?}", heard(&crm)), on(&bench.app, &["webhook", "show", "acme", "crm"]).await.text());
    assert!(!has_key(again.as_bytes()) && !has_key(text.as_bytes()), "{text}");
    let data = bench.app.data();
    for folder in ["store", "requests"] {
        for entry in std::fs::read_dir(data.join(folder)).into_iter().flatten() {
            let bytes = std::fs::read(entry.unwrap().path()).unwrap_or_default();
            assert!(!has_key(&bytes), "it stands in {folder}");
        }
    }
}

#[tokio::test]
async fn a_webhook_whose_keys_are_sealed_with_another_key_waits_until_it_is_rotated() {
    let crm = Endpoint::start("crm.example", says(OK)).await;
    let mut bench = Bench::start(&[("crm.example", &crm)]).await;
    bench.add("crm", json!({})).await;
    let token = bench.acme.token.clone();
    bench.app.stop().await;
    std::fs::remove_file(bench.app.data().join("keys/secrets.key")).unwrap();
    let app = bench.app.restart().await;
    let acme = app.client("/scim/v2", &token);
    let bench = Bench { app, acme, ..bench };
    assert_eq!(bench.show("crm").await["keys"][0]["opens"], false);

    bench.acme.user("a@example.com").await;
    let story = bench.failure("crm", 1).await;
    assert!(story.starts_with("no key of the webhook crm can be used: "), "{story}");
    let tested = bench.app.admin_post("/tenants/acme/webhooks/crm/test", json!({})).await.expect(409);
    assert_eq!(tested["detail"], story);
    let rotated = rotate(&bench, json!({})).await.expect(200);
    bench.app.advance(Duration::from_secs(2));
    let one = heard_so_many(&crm, 1).await.remove(0);
    assert!(one.is_believed(rotated["key"].as_str().unwrap()));
    assert_eq!(one.signatures.split(' ').count(), 1);
}
