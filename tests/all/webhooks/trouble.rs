//! Receivers that misbehave: each is one sentence on the task's story, and the task is tried again by rule.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use muster_outbound::Resolve;
use muster_service::{MAX_WEBHOOK_ANSWER_BYTES, MAX_WEBHOOK_ANSWER_TOLD};
use serde_json::json;

use super::{BROKEN, Bench, OK, broken_until_told, heard, one_after_the_other, to};
use crate::perform::endpoint::{Answers, Endpoint, Manner, says};

/// How long a probe has before the clock leaps again, and with it the end of its lease comes.
const A_PROBE: Duration = Duration::from_millis(400);

/// What the story of the first event says after the first attempt.
async fn told(name: &str, answers: Answers) -> String {
    let crm = Endpoint::start(name, answers).await;
    let bench = Bench::start(&[("crm.example", &crm)]).await;
    bench.add("crm", json!({})).await;
    bench.acme.user("ada@example.com").await;
    bench.failure("crm", 1).await
}

#[tokio::test]
async fn what_a_receiver_answers_is_one_short_line_of_the_story() {
    let says_at_length = format!("HTTP/1.1 400 No\r\nContent-Length: 1000\r\n\r\n{}", "no ".repeat(400));
    for (answer, expected) in [
        (BROKEN, "it was answered 500: not today".to_owned()),
        ("HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n", "it was answered 404".to_owned()),
        (
            "HTTP/1.1 400 No\r\nContent-Length: 20\r\n\r\nbad\x1b[2J\r\n\t\tsignature",
            "it was answered 400: bad [2J signature".to_owned(),
        ),
        (
            "HTTP/1.1 302 Found\r\nLocation: https://127.0.0.1/\r\nContent-Length: 0\r\n\r\n",
            "it was answered 302, and a redirect is not followed".to_owned(),
        ),
        (says_at_length.as_str(), format!("it was answered 400: {}...", &"no ".repeat(400)[..MAX_WEBHOOK_ANSWER_TOLD])),
        ("nonsense\r\n\r\n", "crm.example did not answer as HTTP demands, or not to the end".to_owned()),
    ] {
        assert_eq!(told("crm.example", says(answer)).await, expected);
    }
}

#[tokio::test]
async fn an_answer_that_is_too_long_or_has_no_end_is_left_where_it_is() {
    let long = format!(
        "HTTP/1.1 500 No\r\nContent-Length: {}\r\n\r\n{}",
        MAX_WEBHOOK_ANSWER_BYTES + 1,
        " ".repeat(MAX_WEBHOOK_ANSWER_BYTES + 1)
    );
    let limit = format!("it was answered 500: (its answer has more than {MAX_WEBHOOK_ANSWER_BYTES} bytes)");
    assert_eq!(told("crm.example", says(&long)).await, limit);
    let endless: Answers = Arc::new(|_| (b"HTTP/1.1 500 No\r\nContent-Length: 99\r\n\r\nwait".to_vec(), true));
    let late = "it was answered 500: wait (crm.example did not go on with its answer within 5000 ms)";
    assert_eq!(told("crm.example", endless).await, late);
    // Whoever says that it has it has it, though it goes on for ever.
    let chatty: Answers = Arc::new(|_| (b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\nthanks".to_vec(), true));
    let crm = Endpoint::start("crm.example", chatty).await;
    let bench = Bench::start(&[("crm.example", &crm)]).await;
    bench.add("crm", json!({})).await;
    bench.acme.user("ada@example.com").await;
    bench.until_done("crm", 1).await;
}

#[tokio::test]
async fn an_answer_that_trickles_without_end_and_a_certificate_that_has_expired_are_one_sentence_and_tried_again() {
    let endless = "HTTP/1.1 500 No\r\nContent-Length: 99999\r\n\r\n";
    for (manner, sentence) in [
        (Manner::Trickling, "crm.example did not finish its answer within 20000 ms"),
        (Manner::Expired, "the certificate of crm.example is refused: it has expired"),
    ] {
        let crm = Endpoint::start_as("crm.example", says(endless), manner).await;
        let bench = Bench::start(&[("crm.example", &crm)]).await;
        bench.add("crm", json!({})).await;
        bench.acme.user("ada@example.com").await;
        assert_eq!(bench.failure("crm", 1).await, sentence);
        let delivery = &bench.deliveries("crm").await[0];
        assert_eq!(delivery["standing"], "waiting", "{delivery}");
        assert!(delivery["due"].as_str() > delivery["at"].as_str(), "it has a next attempt: {delivery}");
    }
}

#[tokio::test]
async fn a_certificate_of_somebody_else_is_no_receiver() {
    let story = told("other.example", says(OK)).await;
    assert!(story.starts_with("the certificate of crm.example is refused: "), "{story}");
}

/// Says of every host that it is here.
#[derive(Debug)]
struct Here(&'static str);

#[async_trait]
impl Resolve for Here {
    async fn resolve(&self, _: &str) -> io::Result<Vec<IpAddr>> {
        self.0.parse().map(|address| vec![address]).map_err(io::Error::other)
    }
}

#[tokio::test]
async fn a_name_that_leads_into_the_own_network_or_nowhere_is_told_and_nobody_is_called() {
    for (address, expected) in [
        ("127.0.0.1", "crm.example has the address 127.0.0.1, which is that of this machine and not a public one"),
        ("10.0.0.7", "crm.example has the address 10.0.0.7, which is that of a private network and not a public one"),
        (
            "169.254.169.254",
            "crm.example has the address 169.254.169.254, which is that of the local link and not a public one",
        ),
        ("::1", "crm.example has the address ::1, which is that of this machine and not a public one"),
        ("nobody", "no address of crm.example was found"),
    ] {
        let crm = Endpoint::start("crm.example", says(OK)).await;
        let (mut builder, _folder) = to(&[("crm.example", &crm)]);
        builder.config.delivery.hosts.clear();
        let app = builder.resolving_by(Arc::new(Here(address))).start().await;
        let acme = app.tenant("acme").await;
        let bench = Bench { app, acme, _folder };
        bench.add("crm", json!({})).await;
        bench.acme.user("ada@example.com").await;
        assert_eq!(bench.failure("crm", 1).await, expected);
        let tested = bench.app.admin_post("/tenants/acme/webhooks/crm/test", json!({})).await.expect(200);
        assert_eq!((&tested["delivered"], &tested["failure"]), (&json!(false), &json!(expected)));
        assert_eq!(crm.connections(), 0);
    }
}

#[tokio::test]
async fn a_pause_that_is_asked_for_is_kept_and_the_event_comes_again_under_its_id() {
    let busy = "HTTP/1.1 429 Slow\r\nRetry-After: 90\r\nContent-Length: 0\r\n\r\n";
    let crm = Endpoint::start("crm.example", one_after_the_other(&[busy, OK])).await;
    let bench = Bench::start(&[("crm.example", &crm)]).await;
    let key = bench.add("crm", json!({})).await;
    bench.acme.user("ada@example.com").await;
    assert_eq!(bench.failure("crm", 1).await, "it was answered 429");

    let due = bench.deliveries("crm").await[0]["due"].as_str().unwrap().to_owned();
    assert_eq!(due, "2026-11-03T14:04:30.000Z");
    bench.app.advance(Duration::from_secs(89));
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(crm.heard().len(), 1, "it is left alone");
    bench.app.advance(Duration::from_secs(1));
    bench.until_done("crm", 1).await;

    let [first, second] = &heard(&crm)[..] else { panic!("two requests") };
    assert_eq!((&first.id, &first.body), (&second.id, &second.body), "the same event");
    assert_ne!(first.timestamp, second.timestamp, "the time is that of the attempt");
    assert!(first.is_believed(&key) && second.is_believed(&key));
}

#[tokio::test]
async fn a_receiver_that_asks_for_a_pause_is_left_alone_by_all_that_waits_for_it() {
    let busy = "HTTP/1.1 429 Slow\r\nRetry-After: 90\r\nContent-Length: 0\r\n\r\n";
    let crm = Endpoint::start("crm.example", one_after_the_other(&[busy, OK])).await;
    let bench = Bench::start(&[("crm.example", &crm)]).await;
    bench.add("crm", json!({})).await;
    bench.acme.user("ada@example.com").await;
    bench.failure("crm", 1).await;
    for name in ["grace@example.com", "mary@example.com"] {
        bench.acme.user(name).await;
    }
    bench.until("crm", |all| all.len() == 3).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(crm.heard().len(), 1, "the others have asked nothing of it, and wait all the same");

    bench.app.advance(Duration::from_secs(90));
    bench.until_done("crm", 3).await;
    assert_eq!(crm.heard().len(), 4);
}

/// Does something until it has come to this: what is heard of an attempt may be heard of after it.
async fn do_until(act: impl AsyncFn(usize), is_so: impl AsyncFn() -> bool) {
    let so = async {
        for time in 0.. {
            act(time).await;
            for _ in 0..40 {
                if is_so().await {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
    };
    tokio::time::timeout(super::PATIENCE, so).await.expect("it comes to this");
}

#[tokio::test]
async fn a_pause_that_was_asked_for_ends_when_the_receiver_is_another_or_on_again_or_a_task_is_to_be_tried_now() {
    let is_well = Arc::new(AtomicBool::new(false));
    let told = is_well.clone();
    let busy = "HTTP/1.1 429 Slow\r\nRetry-After: 90\r\nContent-Length: 0\r\n\r\n";
    let answers: Answers =
        Arc::new(move |_| ((if told.load(Ordering::SeqCst) { OK } else { busy }).as_bytes().to_vec(), false));
    let crm = Endpoint::start("crm.example", answers).await;
    let bench = Bench::start(&[("crm.example", &crm)]).await;
    bench.add("crm", json!({})).await;
    bench.acme.user("ada@example.com").await;
    bench.failure("crm", 1).await;
    let delivery = async |place: usize| bench.deliveries("crm").await.get(place).cloned().unwrap_or_default();

    bench.acme.user("grace@example.com").await;
    let off_and_on = async |_: usize| {
        bench.turn("crm", "off").await;
        bench.turn("crm", "on").await;
    };
    do_until(off_and_on, async || delivery(1).await["failure"] == "it was answered 429").await;

    let first = format!("/tenants/acme/tasks/{}/replay", delivery(0).await["seq"]);
    let heard = crm.heard().len();
    let replay = async |_: usize| drop(bench.app.admin_post(&first, json!({})).await);
    do_until(replay, async || crm.heard().len() > heard).await;

    is_well.store(true, Ordering::SeqCst);
    bench.acme.user("mary@example.com").await;
    bench.until("crm", |all| all.len() == 3).await;
    let moved = async |time: usize| {
        let url = json!({ "url": format!("https://crm.example/{time}") });
        bench.app.admin_put("/tenants/acme/webhooks/crm", url).await.expect(200);
    };
    do_until(moved, async || delivery(2).await["standing"] == "done").await;
    bench.app.advance(Duration::from_secs(90));
    bench.until_done("crm", 3).await;
}

#[tokio::test]
async fn the_oldest_task_that_waits_is_one_that_somebody_carries_out() {
    let crm = Endpoint::start("crm.example", says(BROKEN)).await;
    let bench = Bench::start(&[("crm.example", &crm)]).await;
    bench.add("crm", json!({})).await;
    bench.acme.user("ada@example.com").await;
    bench.failure("crm", 1).await;
    let oldest = async || bench.app.admin_get("/tenants/acme/tasks/counts").await.expect(200)["oldest_waiting"].clone();
    let own = bench.deliveries("crm").await[0]["seq"].clone();
    assert_eq!(oldest().await["seq"], own);
    bench.turn("crm", "off").await;
    assert_eq!(oldest().await, json!(null), "it waits for somebody who turns the webhook on");
    bench.turn("crm", "on").await;
    assert_eq!(oldest().await["seq"], own);
}

#[tokio::test]
async fn a_receiver_that_is_gone_turns_its_webhook_off_and_what_waits_goes_out_when_it_is_on_again() {
    let gone = "HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n";
    let crm = Endpoint::start("crm.example", one_after_the_other(&[gone, OK])).await;
    let bench = Bench::start(&[("crm.example", &crm)]).await;
    bench.add("crm", json!({})).await;
    let ada = bench.acme.user("ada@example.com").await;
    let story = bench.failure("crm", 1).await;
    assert_eq!(story, "it was answered 410: the receiver wants nothing more, and the webhook is off now");

    let shown = bench.show("crm").await;
    assert_eq!(shown["is_on"], false);
    assert_eq!(shown["off_because"], "its receiver answered 410 on 2026-11-03T14:03:00.000Z");
    let leaves = json!([{ "op": "replace", "path": "active", "value": false }]);
    bench.acme.operations(&format!("/Users/{ada}"), leaves).await.expect(200);
    bench.app.advance(Duration::from_hours(2));
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(crm.heard().len(), 1, "nothing goes there");
    let path = format!("/tenants/acme/deprovisions/{ada}");
    let open = bench.app.admin_get(&path).await.expect(200);
    assert_eq!(
        (&open["state"], &open["unfinished"][0]),
        (&json!("overdue"), &json!("webhook:crm has not been given it yet"))
    );

    bench.turn("crm", "on").await;
    let done = bench.until_done("crm", 2).await;
    assert_eq!((&done[0]["action"], &done[1]["action"]), (&json!("user.created"), &json!("user.deactivated")));
    assert_eq!(bench.app.admin_get(&path).await.expect(200)["state"], "done");
    assert!(bench.show("crm").await["off_because"].is_null());
}

#[tokio::test]
async fn an_outage_parks_nothing_and_ends_with_all_that_happened() {
    let (answers, is_well) = broken_until_told();
    let crm = Endpoint::start("crm.example", answers).await;
    let bench = Bench::start_with(&[("crm.example", &crm)], |builder| builder.config.delivery.attempts = 3).await;
    bench.add("crm", json!({})).await;
    for number in 0..12 {
        bench.acme.user(&format!("u{number}@example.com")).await;
    }
    let tried = async {
        while crm.heard().len() < 24 {
            bench.app.advance(Duration::from_mins(16));
            tokio::time::sleep(A_PROBE).await;
        }
    };
    tokio::time::timeout(super::PATIENCE, tried).await.unwrap();
    is_well.store(true, Ordering::SeqCst);
    let all = async {
        while bench.deliveries("crm").await.iter().any(|task| task["standing"] == "waiting") {
            bench.app.advance(Duration::from_mins(16));
            tokio::time::sleep(A_PROBE).await;
        }
    };
    tokio::time::timeout(super::PATIENCE, all).await.unwrap();
    let parked = bench.deliveries("crm").await.iter().filter(|task| task["standing"] == "parked").count();
    assert_eq!(parked, 0, "an outage is no fault of an event");
}
