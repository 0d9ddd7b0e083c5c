//! Whatever arrives: thousands of requests that were right once and have been changed at random, and the cases that are known to break
//! servers. No answer is a 5xx, every refusal is an error as RFC 7644 §3.12 has it, and the directory is sound afterwards.
//!
//! `HOSTILE_REQUESTS=1000000` sends more, `HOSTILE_SEED=7` sends others. What fails is told with the request that did it.

mod check;
mod client;
mod dice;
mod fixtures;
mod mutate;
mod named;
mod words;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use muster_test_harness::{TenantClient, TestApp};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use client::Connection;
use dice::Dice;
use fixtures::Known;

/// How many requests there are where nobody says how many.
const REQUESTS: usize = 20_000;
/// What a connection stops after: wrong answers.
const PROBLEMS: usize = 5;
/// Connections that send at the same time, each its own requests.
const CONNECTIONS: usize = 8;

/// A number from the environment.
#[expect(clippy::disallowed_methods, reason = "the size of the run is the caller's choice")]
fn from_env(name: &str, otherwise: usize) -> usize {
    std::env::var(name).ok().map_or(otherwise, |text| text.parse().expect("a number"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_is_sent_is_answered_as_the_rfc_has_it_and_the_directory_stays_sound() {
    let requests = from_env("HOSTILE_REQUESTS", REQUESTS);
    let seed = from_env("HOSTILE_SEED", 1);
    println!("HOSTILE_SEED={seed} HOSTILE_REQUESTS={requests}");
    let panics = count_panics();
    let mut app = TestApp::builder();
    // Small enough to be passed now and then.
    app.config.limits.body_bytes = 128 << 10;
    app.config.limits.requests_per_second_per_tenant = 1_000_000;
    let app = app.start().await;
    let acme = app.tenant("acme").await;
    let globex = app.tenant("globex").await;
    let stranger = globex.user("grace@globex.example").await;
    let ada = acme.user("ada").await;
    let of_ada = app.admin_post("/tenants/acme/tokens", json!({ "label": "ada", "user": ada, "write": true })).await;
    let of_ada = of_ada.expect(201)["token"].as_str().unwrap().to_owned();

    let began = Instant::now();
    let mut lanes = JoinSet::new();
    for lane in 0..CONNECTIONS {
        let connection = Connection::new(&acme, &of_ada);
        let known = Known::new(lane, stranger.clone());
        let dice = Dice::new(seed as u64, lane as u64);
        let share = requests / CONNECTIONS + usize::from(lane < requests % CONNECTIONS);
        lanes.spawn(send_all(connection, known, dice, share));
    }
    let mut statuses: BTreeMap<u16, usize> = BTreeMap::new();
    let mut problems: Vec<String> = Vec::new();
    for (counts, found) in lanes.join_all().await {
        counts.into_iter().for_each(|(status, count)| *statuses.entry(status).or_default() += count);
        problems.extend(found);
    }
    println!("{requests} requests in {:?}: {statuses:?}", began.elapsed());
    assert!(problems.is_empty(), "{} answers are wrong\n\n{}", problems.len(), problems.join("\n\n"));
    assert_eq!(panics.load(Ordering::Relaxed), 0, "nothing panicked");
    assert_eq!(statuses.values().sum::<usize>(), requests);
    for status in [200, 201, 204, 400, 404] {
        assert!(statuses.contains_key(&status), "the generator reaches {status}: {statuses:?}");
    }
    check_directory(&acme).await;
    let theirs = globex.get("/Users").await.expect(200);
    assert_eq!(theirs["totalResults"], 1, "another tenant saw nothing of it");
    assert_eq!(theirs["Resources"][0]["meta"]["version"], "W/\"1\"");
    println!("and all of it is sound after {:?}", began.elapsed());
}

/// Panics of this process, from now on.
fn count_panics() -> Arc<AtomicUsize> {
    let count = Arc::new(AtomicUsize::new(0));
    let (counter, previous) = (count.clone(), std::panic::take_hook());
    std::panic::set_hook(Box::new(move |panic| {
        counter.fetch_add(1, Ordering::Relaxed);
        previous(panic);
    }));
    count
}

/// Sends one lane's requests over one connection; how often each status was answered, and what was wrong.
async fn send_all(
    mut connection: Connection,
    mut known: Known,
    mut dice: Dice,
    share: usize,
) -> (BTreeMap<u16, usize>, Vec<String>) {
    let (mut statuses, mut problems) = (BTreeMap::new(), Vec::new());
    for number in 0..share {
        let mut request = fixtures::any(&mut dice, &known);
        for _ in 0..dice.below(4) {
            mutate::mutate(&mut request, &mut dice);
        }
        let answer = connection.send(&request).await;
        if let Err(rule) = check::answer(&request, &answer) {
            problems.push(format!("request {number}: {rule}\n{request:?}\n{answer:?}"));
            if problems.len() == PROBLEMS {
                break;
            }
        }
        known.learn(&answer);
        *statuses.entry(answer.status).or_default() += 1;
    }
    (statuses, problems)
}

/// Every resource of a kind, by pages.
async fn all(tenant: &TenantClient, endpoint: &str) -> Vec<Value> {
    let mut found: Vec<Value> = Vec::new();
    loop {
        let page = tenant.get(&format!("/{endpoint}?startIndex={}&count=1000", found.len() + 1)).await.expect(200);
        let resources = page["Resources"].as_array().unwrap();
        found.extend(resources.iter().cloned());
        if resources.is_empty() || found.len() as u64 >= page["totalResults"].as_u64().unwrap() {
            assert_eq!(page["totalResults"], found.len());
            return found;
        }
    }
}

/// Names are unique, what is listed can be fetched, and memberships are the same from both sides.
async fn check_directory(tenant: &TenantClient) {
    let (users, groups) = (all(tenant, "Users").await, all(tenant, "Groups").await);
    println!("{} users and {} groups are left", users.len(), groups.len());
    for (resources, name) in [(&users, "userName"), (&groups, "displayName")] {
        let mut names: Vec<String> =
            resources.iter().map(|resource| resource[name].as_str().expect("a name").to_lowercase()).collect();
        names.sort();
        let before = names.len();
        names.dedup();
        assert_eq!(names.len(), before, "{name} is unique");
    }
    for listed in users.iter().chain(&groups) {
        let location = listed["meta"]["location"].as_str().unwrap().strip_prefix(&tenant.base).unwrap();
        assert_eq!(&tenant.get(location).await.expect(200), listed, "what is listed is what is there");
    }
    let of = |resource: &Value, list: &str| -> Vec<String> {
        let entries = resource[list].as_array().cloned().unwrap_or_default();
        entries.iter().map(|entry| entry["value"].as_str().expect("an id").to_owned()).collect()
    };
    let mut from_groups: Vec<(String, String)> = Vec::new();
    let mut from_users: Vec<(String, String)> = Vec::new();
    for group in &groups {
        let id = group["id"].as_str().unwrap();
        let users_in = group["members"].as_array().cloned().unwrap_or_default();
        let users_in = users_in.iter().filter(|member| member["type"] == "User");
        from_groups.extend(users_in.map(|member| (id.to_owned(), member["value"].as_str().unwrap().to_owned())));
    }
    for user in &users {
        let id = user["id"].as_str().unwrap();
        from_users.extend(of(user, "groups").into_iter().map(|group| (group, id.to_owned())));
    }
    from_groups.sort();
    from_users.sort();
    assert_eq!(from_groups, from_users, "memberships from both sides");
}
