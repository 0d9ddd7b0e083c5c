//! Many clients at once: what each was told is what there is in the end.

use std::collections::BTreeSet;

use muster_test_harness::{Answer, GROUP, PATCH_OP, TenantClient, TestApp, USER};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;

/// Sends one request of each client at once; the answers, in the order of the clients.
async fn at_once(tenant: &TenantClient, requests: Vec<(Method, String, Value)>) -> Vec<Answer> {
    let start = std::sync::Arc::new(tokio::sync::Barrier::new(requests.len()));
    let mut clients = JoinSet::new();
    for (place, (method, path, body)) in requests.into_iter().enumerate() {
        let request = tenant.request(method, &path).bearer_auth(&tenant.token).body(body.to_string());
        let start = start.clone();
        clients.spawn(async move {
            start.wait().await;
            (place, Answer::of(request).await)
        });
    }
    let mut answers = clients.join_all().await;
    answers.sort_by_key(|(place, _)| *place);
    answers.into_iter().map(|(_, answer)| answer).collect()
}

fn count(answers: &[Answer], status: u16) -> usize {
    answers.iter().filter(|answer| answer.status == status).count()
}

async fn users(tenant: &TenantClient, prefix: &str, count: usize) -> Vec<String> {
    let mut ids = Vec::new();
    for number in 0..count {
        ids.push(tenant.user(&format!("{prefix}-{number}")).await);
    }
    ids
}

fn add(group: &str, user: &str) -> (Method, String, Value) {
    let operation = json!({ "op": "add", "path": "members", "value": [{ "value": user }] });
    (Method::PATCH, format!("/Groups/{group}"), json!({ "schemas": [PATCH_OP], "Operations": [operation] }))
}

fn remove(group: &str, user: &str) -> (Method, String, Value) {
    let operation = json!({ "op": "remove", "path": format!("members[value eq \"{user}\"]") });
    (Method::PATCH, format!("/Groups/{group}"), json!({ "schemas": [PATCH_OP], "Operations": [operation] }))
}

async fn members(tenant: &TenantClient, group: &str) -> BTreeSet<String> {
    tenant.members(group).await.into_iter().collect()
}

#[tokio::test]
async fn sixty_four_clients_who_each_add_a_member_lose_none() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let group = acme.group("Engines", &[]).await;
    let users = users(&acme, "user", 64).await;

    let answers = at_once(&acme, users.iter().map(|user| add(&group, user)).collect()).await;

    assert_eq!(count(&answers, 200), 64);
    assert_eq!(members(&acme, &group).await, users.iter().cloned().collect());
    let added: BTreeSet<String> = app.log("acme").await.iter().filter_map(added_by).collect();
    assert_eq!(added, users.iter().cloned().collect(), "and each is told of once");
    for user in &users {
        let groups = acme.get(&format!("/Users/{user}")).await.expect(200)["groups"].clone();
        assert_eq!(groups[0]["value"], group.as_str());
    }
}

/// The one member that a log entry tells of as added.
fn added_by(entry: &Value) -> Option<String> {
    let added = entry["members_added"].as_array()?;
    assert!(added.len() <= 1, "{entry}");
    Some(added.first()?.as_str()?.to_owned())
}

#[tokio::test]
async fn members_that_come_and_members_that_go_at_the_same_time_do_not_meet() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let (old, new) = (users(&acme, "old", 32).await, users(&acme, "new", 32).await);
    let old_ids: Vec<&str> = old.iter().map(String::as_str).collect();
    let group = acme.group("Engines", &old_ids).await;
    let stays = &old[..8];

    let requests = old[8..].iter().map(|user| remove(&group, user)).chain(new.iter().map(|user| add(&group, user)));
    let answers = at_once(&acme, requests.collect()).await;

    assert_eq!(count(&answers, 200), 24 + 32);
    assert_eq!(members(&acme, &group).await, stays.iter().chain(&new).cloned().collect());
}

#[tokio::test]
async fn one_member_added_and_removed_by_many_is_there_or_not_and_the_log_agrees() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let (group, user) = (acme.group("Engines", &[]).await, acme.user("ada").await);

    let requests = (0..40).map(|turn| if turn % 2 == 0 { add(&group, &user) } else { remove(&group, &user) });
    let answers = at_once(&acme, requests.collect()).await;

    assert_eq!(count(&answers, 200), 40);
    let is_member = !acme.members(&group).await.is_empty();
    let told = |entry: &Value, what: &str| entry[what].as_array().map_or(0, Vec::len);
    let log = app.log("acme").await;
    let added: usize = log.iter().map(|entry| told(entry, "members_added")).sum();
    let removed: usize = log.iter().map(|entry| told(entry, "members_removed")).sum();
    assert_eq!(added - removed, usize::from(is_member), "{added} times in, {removed} times out");
}

#[tokio::test]
async fn of_two_puts_that_expect_the_same_version_one_is_made_and_the_other_is_412() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let ada = acme.user("ada").await;
    let path = format!("/Users/{ada}");

    for round in 0..50 {
        let etag = acme.get(&path).await.header("etag").to_owned();
        let put = |title: &str| {
            let body = json!({ "schemas": [USER], "userName": "ada", "title": title });
            let request = acme.request(Method::PUT, &path).bearer_auth(&acme.token).header("if-match", &etag);
            Answer::of(request.body(body.to_string()))
        };
        let (one, other) = (format!("one {round}"), format!("other {round}"));
        let (first, second) = tokio::join!(put(&one), put(&other));

        let (made, refused) = if first.status == 200 { (first, second) } else { (second, first) };
        let made = made.expect(200);
        refused.expect(412);
        let stored = acme.get(&path).await.expect(200);
        assert_eq!((&stored["title"], &stored["meta"]["version"]), (&made["title"], &made["meta"]["version"]));
    }
    assert_eq!(app.log("acme").await.len(), 51);
}

#[tokio::test]
async fn twenty_five_clients_who_post_one_user_name_make_one_user() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;

    for name in ["ada@example.com", "stra\u{DF}e@example.com"] {
        let spelled = |client: usize| if client.is_multiple_of(2) { name.to_owned() } else { name.to_uppercase() };
        let body = |client| json!({ "schemas": [USER], "userName": spelled(client) });
        let answers =
            at_once(&acme, (0..25).map(|client| (Method::POST, "/Users".into(), body(client))).collect()).await;

        assert_eq!((count(&answers, 201), count(&answers, 409)), (1, 24));
        for refused in answers.iter().filter(|answer| answer.status == 409) {
            assert_eq!(refused.body["scimType"], "uniqueness");
        }
        let made = answers.into_iter().find(|answer| answer.status == 201).unwrap();
        let found = acme.ids("/Users", &format!("userName eq \"{name}\"")).await;
        assert_eq!(found, [made.body["id"].as_str().unwrap()]);
    }
    assert_eq!(acme.get("/Users").await.expect(200)["totalResults"], 2);
    assert_eq!(app.log("acme").await.len(), 2);
}

#[tokio::test]
async fn twenty_five_clients_who_post_one_group_name_make_one_group() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let ada = acme.user("ada").await;
    let body = |client: usize| {
        let name = if client.is_multiple_of(2) { "Engines" } else { "ENGINES" };
        json!({ "schemas": [GROUP], "displayName": name, "members": [{ "value": ada }] })
    };

    let answers = at_once(&acme, (0..25).map(|client| (Method::POST, "/Groups".into(), body(client))).collect()).await;

    assert_eq!((count(&answers, 201), count(&answers, 409)), (1, 24));
    let groups = acme.get("/Groups").await.expect(200);
    assert_eq!(groups["totalResults"], 1);
    let of_ada = acme.get(&format!("/Users/{ada}")).await.expect(200)["groups"].clone();
    assert_eq!(of_ada.as_array().unwrap().len(), 1, "no membership of a group that was not made");
}

#[tokio::test]
async fn a_name_that_is_given_up_and_taken_at_the_same_time_has_one_holder() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;

    for round in 0..20 {
        let name = format!("ada-{round}");
        let holder = acme.user(&name).await;
        let body = json!({ "schemas": [USER], "userName": name });
        let rename = json!({ "op": "replace", "path": "userName", "value": format!("eda-{round}") });
        let requests = vec![
            (Method::POST, "/Users".to_owned(), body.clone()),
            (Method::PATCH, format!("/Users/{holder}"), json!({ "schemas": [PATCH_OP], "Operations": [rename] })),
            (Method::POST, "/Users".to_owned(), body),
        ];
        let answers = at_once(&acme, requests).await;

        assert_eq!(answers[1].status, 200);
        let made = count(&answers, 201);
        assert!(made <= 1 && made + count(&answers, 409) == 2, "{made} were made");
        assert_eq!(acme.ids("/Users", &format!("userName eq \"{name}\"")).await.len(), made);
    }
}

#[tokio::test]
async fn bulk_and_single_writers_share_a_group_and_names_without_loss() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let group = acme.group("Engines", &[]).await;
    let singles = users(&acme, "single", 32).await;
    let bulk = |lane: usize| {
        // Half of the names are the same in every lane.
        let names =
            (0..16).map(|number| if number % 2 == 0 { format!("b-{lane}-{number}") } else { format!("b-{number}") });
        let names: Vec<String> = names.collect();
        let create = |name: &String| {
            let data = json!({ "schemas": [USER], "userName": name });
            json!({ "method": "POST", "path": "/Users", "bulkId": name, "data": data })
        };
        let join = |name: &String| {
            let (method, path, body) = add(&group, &format!("bulkId:{name}"));
            json!({ "method": method.as_str(), "path": path, "data": body })
        };
        let operations: Vec<Value> = names.iter().map(create).chain(names.iter().map(join)).collect();
        (Method::POST, "/Bulk".to_owned(), json!({ "Operations": operations }))
    };

    let requests = (0..4).map(bulk).chain(singles.iter().map(|user| add(&group, user)));
    let answers = at_once(&acme, requests.collect()).await;

    assert_eq!(count(&answers, 200), 4 + 32);
    let mut expected: BTreeSet<String> = singles.into_iter().collect();
    let outcomes = answers.iter().filter_map(|answer| answer.body["Operations"].as_array()).flatten();
    let outcomes: Vec<&Value> = outcomes.collect();
    let with = |method: &str, status: &str| {
        outcomes.iter().filter(|it| it["method"] == method && it["status"] == status).copied().collect::<Vec<&Value>>()
    };
    let made = with("POST", "201");
    assert_eq!((made.len(), with("POST", "409").len()), (4 * 8 + 8, 3 * 8), "each name is taken once");
    assert_eq!((with("PATCH", "200").len(), with("PATCH", "409").len()), (4 * 8 + 8, 3 * 8));
    expected.extend(made.iter().map(|it| it["location"].as_str().unwrap().rsplit('/').next().unwrap().to_owned()));
    assert_eq!(members(&acme, &group).await, expected);
}
