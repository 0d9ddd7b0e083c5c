//! SIGKILL of the real server under mixed load. What was acknowledged is there; what was not is there whole or not at all.
//!
//! `CRASH_KILLS=2000 cargo xtask test -- -E 'test(crash::)'` for the long run.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use muster_test_harness::{ServerProcess, TenantClient, USER};
use serde_json::{Value, json};

const KILLS_IN_CI: u64 = 60;
const WORKERS: u64 = 8;

/// What may be true of one user. A request that was sent and not answered leaves both.
#[derive(Debug, Clone)]
struct Known {
    name: String,
    exists: BTreeSet<bool>,
    display: BTreeSet<String>,
    member: BTreeSet<bool>,
}

/// What the load has learned, by id; a create that was not answered is known by its name alone.
#[derive(Debug, Default)]
struct Memory {
    users: BTreeMap<String, Known>,
    unanswered: BTreeSet<String>,
    acknowledged: u64,
}

/// A small generator: the same seed gives the same run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

fn kills() -> u64 {
    #[expect(clippy::disallowed_methods, reason = "the size of the run is the caller's choice")]
    let asked = std::env::var("CRASH_KILLS").ok();
    asked.map_or(KILLS_IN_CI, |text| text.parse().expect("CRASH_KILLS is a number"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_acknowledged_write_is_lost_and_no_commit_is_half_there() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("demo");
    let mut server = ServerProcess::demo(&data);
    let group = server.tenant("standard-demo").group("Crash", &[]).await;
    let (mut dice, mut memory) = (Dice(0x9E37_79B9_7F4A_7C15), Memory::default());
    let mut killed_while_starting = 0;

    for kill in 0..kills() {
        // Every fourth kill meets a server that is still opening its store.
        if kill % 4 == 3 {
            server.kill();
            let mut starting = ServerProcess::starting(&data);
            tokio::time::sleep(Duration::from_millis(dice.below(250))).await;
            starting.kill();
            killed_while_starting += 1;
            server = ServerProcess::demo(&data);
        }
        let round = Arc::new(Mutex::new(Memory::default()));
        let tenant = server.tenant("standard-demo");
        let workers: Vec<_> = (0..WORKERS)
            .map(|worker| {
                let (tenant, round, group) = (tenant.clone(), round.clone(), group.clone());
                tokio::spawn(async move { load(&tenant, &round, &group, kill, worker).await })
            })
            .collect();
        // Half of the kills come within 400 ms of the start.
        let wait = if kill % 2 == 0 { dice.below(400) } else { 400 + dice.below(600) };
        tokio::time::sleep(Duration::from_millis(wait)).await;
        server.kill();
        for worker in workers {
            worker.await.unwrap();
        }

        server = ServerProcess::demo(&data); // panics if the store does not open
        let round = Arc::try_unwrap(round).unwrap().into_inner().unwrap();
        check_round(&server.tenant("standard-demo"), &round, &group).await;
        memory.acknowledged += round.acknowledged;
        memory.users.extend(round.users);
        memory.unanswered.extend(round.unanswered);
    }

    let tenant = server.tenant("standard-demo");
    let users = check_whole(&tenant, &server, &group, &memory).await;
    println!(
        "kills {}, of them while starting {killed_while_starting}, acknowledged {}, users {users}, lost 0, torn 0, failed opens 0",
        kills() + killed_while_starting,
        memory.acknowledged,
    );
    assert!(memory.acknowledged > kills(), "the load was there: {}", memory.acknowledged);
}

/// Creates, changes, adds to a group, takes out again, deletes; until the server is gone.
async fn load(tenant: &TenantClient, round: &Mutex<Memory>, group: &str, kill: u64, worker: u64) {
    for number in 0.. {
        let name = format!("k{kill}-w{worker}-{number}@example.com");
        round.lock().unwrap().unanswered.insert(name.clone());
        let body = json!({ "schemas": [USER], "userName": name, "displayName": "v0" });
        let Some(made) = send(tenant, reqwest::Method::POST, "/Users", Some(body), 201).await else { return };
        let id = made["id"].as_str().unwrap().to_owned();
        {
            let mut round = round.lock().unwrap();
            round.unanswered.remove(&name);
            round.acknowledged += 1;
            let known = Known { name, exists: [true].into(), display: ["v0".into()].into(), member: [false].into() };
            round.users.insert(id.clone(), known);
        }
        let path = format!("/Users/{id}");
        let rename = json!({ "Operations": [{ "op": "replace", "path": "displayName", "value": "v1" }] });
        let add = json!({ "Operations": [{ "op": "add", "path": "members", "value": [{ "value": id }] }] });
        let remove = json!({ "Operations": [{ "op": "remove", "path": format!("members[value eq \"{id}\"]") }] });
        let group_path = format!("/Groups/{group}?excludedAttributes=members");

        let change = |apply: fn(&mut Known, bool)| {
            let id = id.clone();
            move |certain: bool| {
                let mut round = round.lock().unwrap();
                round.acknowledged += u64::from(certain);
                apply(round.users.get_mut(&id).unwrap(), certain);
            }
        };
        let renamed = change(|known, certain| set(&mut known.display, "v1".to_owned(), certain));
        let added = change(|known, certain| set(&mut known.member, true, certain));
        let removed = change(|known, certain| set(&mut known.member, false, certain));
        let deleted = change(|known, certain| {
            set(&mut known.exists, false, certain);
            set(&mut known.member, false, certain);
        });
        renamed(false);
        let Some(_) = send(tenant, reqwest::Method::PATCH, &path, Some(rename), 200).await else { return };
        renamed(true);
        if number % 2 == 0 {
            added(false);
            let Some(_) = send(tenant, reqwest::Method::PATCH, &group_path, Some(add), 200).await else { return };
            added(true);
        }
        if number % 4 == 0 {
            removed(false);
            let Some(_) = send(tenant, reqwest::Method::PATCH, &group_path, Some(remove), 200).await else { return };
            removed(true);
        }
        if number % 5 == 0 {
            deleted(false);
            let Some(_) = send(tenant, reqwest::Method::DELETE, &path, None, 204).await else { return };
            deleted(true);
        }
    }
}

/// Until it is answered, the new value is possible beside the old; then it is certain.
fn set<T: Ord>(possible: &mut BTreeSet<T>, value: T, certain: bool) {
    if certain {
        possible.clear();
    }
    possible.insert(value);
}

/// One request; `None` when the server was killed under it. Any answer but the expected one fails the test.
async fn send(
    tenant: &TenantClient,
    method: reqwest::Method,
    path: &str,
    body: Option<Value>,
    status: u16,
) -> Option<Value> {
    let mut request = tenant.request(method, path).bearer_auth(&tenant.token);
    if let Some(body) = body {
        request = request.header("content-type", "application/scim+json").body(body.to_string());
    }
    let answer = request.send().await.ok()?;
    let got = answer.status().as_u16();
    let text = answer.text().await.ok()?;
    assert_eq!(got, status, "{path}: {text}");
    Some(serde_json::from_str(&text).unwrap_or_default())
}

/// Everything that a round touched is as it was acknowledged, by id and by name.
async fn check_round(tenant: &TenantClient, round: &Memory, group: &str) {
    let members: BTreeSet<String> = tenant.members(group).await.into_iter().collect();
    for (id, known) in &round.users {
        let read = tenant.get(&format!("/Users/{id}")).await;
        assert!(read.status == 200 || read.status == 404, "{}", read.text);
        let exists = read.status == 200;
        assert!(known.exists.contains(&exists), "lost: {known:?}, exists {exists}");
        let found = tenant.ids("/Users", &format!("userName eq \"{}\"", known.name)).await;
        assert_eq!(
            found,
            if exists { vec![id.clone()] } else { vec![] },
            "torn: the name and the record disagree: {known:?}"
        );
        if exists {
            let display = read.body["displayName"].as_str().unwrap();
            assert!(known.display.contains(display), "lost: {known:?}, displayName {display}");
        }
        let member = members.contains(id);
        assert!(known.member.contains(&member), "lost: {known:?}, member {member}");
        assert!(exists || !member, "torn: a member that does not exist: {known:?}");
    }
}

/// Record, keys, memberships, counts and log tell the same story.
async fn check_whole(tenant: &TenantClient, server: &ServerProcess, group: &str, memory: &Memory) -> usize {
    let mut users = BTreeMap::new();
    loop {
        let page = tenant.get(&format!("/Users?startIndex={}&count=1000", users.len() + 1)).await.expect(200);
        let resources = page["Resources"].as_array().unwrap();
        for user in resources {
            users.insert(user["id"].as_str().unwrap().to_owned(), user.clone());
        }
        if resources.is_empty() {
            assert_eq!(page["totalResults"], users.len(), "the count and the records disagree");
            break;
        }
    }
    for (id, user) in &users {
        let name = user["userName"].as_str().unwrap();
        let mine = !name.starts_with('k') || memory.users.contains_key(id) || memory.unanswered.contains(name);
        assert!(mine || !name.contains("-w"), "a user that nobody created: {name}");
    }

    let told = server.told.iter().find(|line| line["admin_base"].is_string()).unwrap();
    let (admin, key) = (told["admin_base"].as_str().unwrap(), told["admin_key"].as_str().unwrap());
    let http = reqwest::Client::new();
    let (mut after, mut from_log, mut members) = (0, BTreeMap::new(), BTreeSet::new());
    loop {
        let url = format!("{admin}/tenants/standard-demo/log?limit=1000&after={after}");
        let page: Value = http.get(url).bearer_auth(key).send().await.unwrap().json().await.unwrap();
        let entries = page["entries"].as_array().unwrap();
        if entries.is_empty() {
            break;
        }
        for entry in entries {
            after += 1;
            assert_eq!(entry["seq"], after, "torn: the log has a gap");
            let id = entry["id"].as_str().unwrap().to_owned();
            let ids =
                |name: &str| entry[name].as_array().into_iter().flatten().map(|id| id.as_str().unwrap().to_owned());
            if id == group {
                for removed in ids("members_removed").collect::<Vec<_>>() {
                    members.remove(&removed);
                }
                members.extend(ids("members_added"));
            }
            if entry["resource_type"] == "User" {
                match entry["event"].as_str().unwrap() {
                    "deleted" => {
                        from_log.remove(&id);
                        members.remove(&id);
                    }
                    _ => {
                        from_log.insert(id, entry["after"]["document"].clone());
                    }
                }
            }
        }
    }
    assert_eq!(
        from_log.keys().collect::<Vec<_>>(),
        users.keys().collect::<Vec<_>>(),
        "torn: the log and the records disagree"
    );
    for (id, document) in &from_log {
        assert_eq!(document["displayName"], users[id]["displayName"], "torn: {id}");
        assert_eq!(document["userName"], users[id]["userName"], "torn: {id}");
    }
    let now: BTreeSet<String> = tenant.members(group).await.into_iter().collect();
    assert_eq!(now, members, "torn: the log and the memberships disagree");
    users.len()
}

#[test]
fn a_store_that_was_killed_while_it_was_made_can_be_made_again() {
    let folder = tempfile::tempdir().unwrap();
    for round in 0..10 {
        let data = folder.path().join(format!("demo{round}"));
        let mut starting = ServerProcess::starting(&data);
        std::thread::sleep(Duration::from_millis(round * 15));
        starting.kill();
        opens(&data);
    }
}

fn opens(data: &Path) {
    let server = ServerProcess::demo(data);
    assert_eq!(server.told.last().unwrap()["ready"], true);
}
