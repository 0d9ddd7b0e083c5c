use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use muster_test_harness::{ADMIN_KEY, TestApp, USER, wasm};
use serde_json::{Value, json};

use super::{page, seqs};
use crate::command::on;

#[tokio::test]
async fn whoever_follows_next_meets_each_change_once_and_in_order_while_many_write() {
    const WRITERS: usize = 8;
    const WRITES: usize = 25;
    let app = Arc::new(TestApp::start().await);
    let acme = app.tenant("acme").await;
    let written = Arc::new(AtomicBool::new(false));
    let follower = {
        let (app, written) = (app.clone(), written.clone());
        tokio::spawn(async move {
            let (mut met, mut next) = (Vec::new(), 0);
            loop {
                let was_written = written.load(Ordering::SeqCst);
                let page = page(&app, &format!("?after={next}&limit=7&wait_s=1")).await;
                met.extend(page["entries"].as_array().unwrap().clone());
                if was_written && page["next"] == next && page["last"] == next {
                    return met;
                }
                next = page["next"].as_u64().unwrap();
            }
        })
    };

    let mut writers = Vec::new();
    for writer in 0..WRITERS {
        let acme = acme.clone();
        writers.push(tokio::spawn(async move {
            let mut ids = Vec::new();
            for number in 0..WRITES {
                let name = format!("w{writer}n{number}");
                let made = acme.post("/Users", json!({ "schemas": [USER], "userName": name })).await.expect(201);
                let id = made["id"].as_str().unwrap().to_owned();
                let titled = json!([{ "op": "add", "path": "title", "value": name }]);
                acme.operations(&format!("/Users/{id}"), titled).await.expect(200);
                ids.push(id);
            }
            ids
        }));
    }
    let mut ids = Vec::new();
    for writer in writers {
        ids.push(writer.await.unwrap());
    }
    written.store(true, Ordering::SeqCst);
    let met = follower.await.unwrap();

    let numbers: Vec<u64> = met.iter().map(|entry| entry["seq"].as_u64().unwrap()).collect();
    assert_eq!(numbers, (1..=(2 * WRITERS * WRITES) as u64).collect::<Vec<_>>());
    let mut events: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for entry in &met {
        events.entry(entry["id"].as_str().unwrap()).or_default().push(entry["event"].as_str().unwrap());
    }
    assert_eq!(events.len(), WRITERS * WRITES);
    for writer in &ids {
        assert!(writer.iter().all(|id| events[id.as_str()] == ["created", "updated"]));
        let place = |id: &String| met.iter().position(|entry| entry["id"] == **id);
        assert!(writer.windows(2).all(|pair| place(&pair[0]) < place(&pair[1])), "each writer's order is the log's");
    }
}

#[tokio::test]
async fn a_reader_at_the_end_waits_for_the_next_change_and_is_woken_by_it() {
    let app = Arc::new(TestApp::start().await);
    let acme = app.tenant("acme").await;
    acme.user("ada").await;
    let waiting = {
        let app = app.clone();
        tokio::spawn(async move { page(&app, "?after=1&wait_s=60").await })
    };
    // Whether the reader waits already or not: it is told.
    let began = Instant::now();
    acme.user("grace").await;

    let woken = waiting.await.unwrap();

    assert_eq!((seqs(&woken), &woken["next"]), (vec![2], &json!(2)));
    assert!(began.elapsed() < Duration::from_secs(30), "it did not wait for its time to be over");
    let at_end = page(&app, "?after=2&wait_s=1").await;
    assert_eq!(at_end, json!({ "entries": [], "next": 2, "first": 1, "last": 2 }));
}

#[tokio::test]
async fn a_server_that_stops_does_not_wait_for_those_who_wait() {
    let mut app = TestApp::start().await;
    app.tenant("acme").await;
    let url = format!("{}/admin/v1/tenants/acme/log?wait_s=60", app.admin);
    let waiting = tokio::spawn(reqwest::Client::new().get(url).bearer_auth(ADMIN_KEY).send());
    page(&app, "").await;
    let began = Instant::now();

    app.stop().await;

    assert!(began.elapsed() < Duration::from_secs(25), "{:?}", began.elapsed());
    // It was answered, or had not arrived yet.
    if let Ok(answer) = waiting.await.unwrap() {
        assert_eq!(answer.json::<Value>().await.unwrap()["entries"], json!([]));
    }
}

#[tokio::test]
async fn what_no_feed_has_is_refused_in_a_sentence() {
    let app = TestApp::start().await;
    app.tenant("acme").await.user("ada").await;
    let refused = async |query: &str| {
        let answer = app.admin_get(&format!("/tenants/acme/log?{query}")).await;
        answer.expect(400)["detail"].as_str().unwrap().to_owned()
    };

    assert_eq!(refused("after=2").await, "the log ends at 1, before 2: it is not the log that was read before");
    assert_eq!(refused("wait_s=61").await, format!("wait_s is at most {}", muster_service::MAX_WAIT_S));
}

#[tokio::test]
async fn log_show_prints_one_change_a_line() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let ada = acme.person("ada").await;
    let group = acme.group("Engines", &[&ada]).await;
    acme.delete(&format!("/Users/{ada}")).await.expect(204);

    let shown = on(&app, &["log", "show", "acme"]).await.text();
    let one = on(&app, &["log", "show", "acme", "--after", "1", "--limit", "1", "--json"]).await.json();

    let lines: Vec<&str> = shown.lines().collect();
    assert_eq!(lines.len(), 4, "{shown}");
    let starts = [
        format!("2026-11-03 14:03:00.000Z     1  created User ada ({ada}) by token tok_"),
        format!("2026-11-03 14:03:00.000Z     2  created Group Engines ({group}) +1 by token tok_"),
        format!("2026-11-03 14:03:00.000Z     3  deleted User ada ({ada}) by token tok_"),
        format!("2026-11-03 14:03:00.000Z     4  member-removed Group ({group}) -1 by token tok_"),
    ];
    for (line, start) in lines.iter().zip(&starts) {
        assert!(line.starts_with(start), "{shown}");
    }
    assert_eq!((&one["seq"], &one["at"]), (&json!(2), &json!("2026-11-03T14:03:00.000Z")));
    let part = on(&app, &["log", "show", "acme", "--limit", "3"]).await.text();
    assert_eq!(part.lines().collect::<Vec<_>>(), [lines[0], lines[1], lines[2], "more: --after 3"]);
    let rest = on(&app, &["log", "show", "acme", "--after", "3", "--limit", "1"]).await.text();
    assert_eq!(rest.lines().collect::<Vec<_>>(), [lines[3]], "there is no more");
    let none = on(&app, &["log", "show", "acme", "--limit", "0"]).await.failed();
    assert_eq!(none, "limit is at least 1 (400 Bad Request)");
}

#[tokio::test]
async fn log_show_follows_what_comes() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let ada = acme.person("ada").await;
    let mut command = Command::new(wasm::folder().join("muster"));
    command.args(["log", "show", "acme", "--follow", "--server", &app.admin, "--admin-key", ADMIN_KEY]);
    let mut follower = command.stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(follower.stdout.take().unwrap()).lines();
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    std::thread::spawn(move || lines.map_while(Result::ok).try_for_each(|line| tell.send(line)));

    let first = told.recv().await.unwrap();
    // It waits now, or asks again soon: either way it is told.
    acme.delete(&format!("/Users/{ada}")).await.expect(204);
    let second = told.recv().await.unwrap();
    follower.kill().unwrap();
    follower.wait().unwrap();

    assert!(first.contains(&format!("     1  created User ada ({ada}) by ")), "{first}");
    assert!(second.contains(&format!("     2  deleted User ada ({ada}) by ")), "{second}");
    assert_eq!(told.recv().await, None, "each is told once");
}
