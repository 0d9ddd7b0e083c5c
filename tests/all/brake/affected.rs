//! What somebody who decides is told: who is affected by now, also of those that nobody has come to yet.

use std::sync::atomic::Ordering;
use std::time::Duration;

use muster_service::{MAX_ENTRIES_A_LOOK, MAX_WAITING_LOOKED_AT};
use muster_test_harness::{TestApp, USER};
use serde_json::{Value, json};

use super::{Braked as _, PATIENCE, activate, deactivate, delivering, only_count, tenant};
use crate::command::on;
use crate::deprovision::many;

async fn affected(app: &TestApp, query: &str) -> (Vec<(String, String)>, Value) {
    let page = app.admin_get(&format!("/tenants/acme/brake/held{query}")).await.expect(200);
    let text = |task: &Value, name: &str| task[name].as_str().unwrap().to_owned();
    let tasks = page["held"].as_array().unwrap().iter();
    (tasks.map(|task| (text(task, "standing"), text(task, "id"))).collect(), page["next"].clone())
}

/// Waits until so many tasks of the plugin stand so.
async fn until_counts(app: &TestApp, standing: &str, count: u64) {
    let so = async {
        while app.counts("acme").await[standing] != count {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, so).await.expect("so many stand so");
}

/// Every page of the list, so many on each.
async fn all_pages(app: &TestApp, limit: usize) -> Vec<(String, String)> {
    let (mut all, mut after) = (Vec::new(), json!(0));
    loop {
        let (tasks, next) = affected(app, &format!("?limit={limit}&after={after}")).await;
        assert!(tasks.len() <= limit);
        all.extend(tasks);
        if next.is_null() {
            return all;
        }
        after = next;
    }
}

#[tokio::test]
async fn what_waits_and_would_be_held_is_listed_and_counted_beside_what_is_held() {
    let (app, carrier) = delivering().await;
    let (acme, users) = tenant(&app, "acme", 8).await;
    app.at_rest("acme").await;
    // The product does not answer, so the first one waits for its next attempt.
    carrier.is_down.store(true, Ordering::SeqCst);
    deactivate(&acme, &users[0]).await;
    let tried = async {
        while app.tasks("acme").await.last().unwrap()["attempts"] == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, tried).await.expect("it is tried");
    carrier.is_down.store(false, Ordering::SeqCst);
    deactivate(&acme, &users[1]).await;
    until_counts(&app, "done", 9).await;
    app.set_brake("acme", only_count(2)).await;
    assert_eq!(affected(&app, "").await.0, [], "nothing is held while it is not engaged");
    assert_eq!(app.brake("acme").await["to_be_held"], json!({ "tasks": 0, "is_whole": true }));

    for id in &users[2..4] {
        deactivate(&acme, id).await;
    }
    app.engaged("acme").await;
    until_counts(&app, "held", 2).await;
    // One that destroys nothing waits behind what is held, and behind it one that does.
    activate(&acme, &users[3]).await;
    deactivate(&acme, &users[3]).await;
    let (all, _) = affected(&app, "").await;
    let expected = [("waiting", &users[0]), ("held", &users[2]), ("held", &users[3]), ("waiting", &users[3])];
    assert_eq!(all, expected.map(|(standing, id)| (standing.to_owned(), id.clone())));
    assert_eq!(all_pages(&app, 1).await, all, "each once, in its order");

    let shown = app.brake("acme").await;
    assert_eq!(
        (&shown["held"], &shown["to_be_held"]),
        (&json!(2), &json!({ "tasks": 2, "is_whole": true })),
        "{shown}"
    );
    let listed = on(&app, &["brake", "list", "acme", "--limit", "3"]).await.text();
    let lines: Vec<&str> = listed.lines().collect();
    assert!(lines[0].contains(&format!("  waiting  disable  User {} u0@example.com ", users[0])), "{listed}");
    assert!(lines[1].contains("  held     disable  User ") && lines[3].starts_with("more: --after "), "{listed}");
    let shown = on(&app, &["brake", "show", "acme"]).await.text();
    assert!(shown.contains("\nheld      2 tasks\nwaiting   2 tasks more, to be held in turn\n"), "{shown}");
}

#[tokio::test]
async fn what_an_accident_has_come_to_is_told_as_it_is_now() {
    let (app, _) = delivering().await;
    let (acme, users) = tenant(&app, "acme", 8).await;
    let members: Vec<&str> = users.iter().map(String::as_str).collect();
    let group = acme.group("everybody", &members).await;
    app.set_brake("acme", only_count(2)).await;
    for id in &users[..5] {
        deactivate(&acme, id).await;
    }
    let engaged = app.engaged("acme").await;
    assert_eq!(engaged["count"], 3, "as it was then");
    let counted = app.brake("acme").await["counted"].clone();
    assert_eq!((&counted["users"], &counted["members"], &counted["is_whole"]), (&json!(5), &json!(0), &json!(true)));

    // Long after the window.
    app.advance(Duration::from_hours(5));
    deactivate(&acme, &users[5]).await;
    activate(&acme, &users[0]).await;
    let clear = json!([{ "op": "remove", "path": "members" }]);
    acme.operations(&format!("/Groups/{group}"), clear).await;
    let shown = app.brake("acme").await;
    assert_eq!(shown["engaged"], engaged, "it is engaged by what it was engaged by");
    let counted = &shown["counted"];
    assert_eq!(
        (&counted["users"], &counted["members"], &counted["groups"]),
        (&json!(6), &json!(8), &json!(1)),
        "who is back was affected all the same: {counted}"
    );
    let told = on(&app, &["brake", "show", "acme"]).await.text();
    let line = "by now    6 deactivated or deleted, 0 with another userName, 8 memberships lost (1 group lost more than 50 %), 0 groups deleted\n";
    assert!(told.contains(line), "{told}");

    app.relieve("acme", "release", json!({ "all": true })).await;
    assert_eq!(app.brake("acme").await["counted"]["users"], 0, "and it begins anew");
}

#[tokio::test]
async fn a_long_log_and_many_tasks_are_counted_in_parts_and_it_is_said_that_there_are_more() {
    // Nothing is carried out, so all that receivers are given waits.
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let hooks = MAX_WAITING_LOOKED_AT / 500 + 2;
    for hook in 0..hooks {
        let new = json!({
            "name": format!("h{hook}"), "url": format!("https://h{hook}.example/hooks"), "events": ["user.deactivated"],
        });
        app.admin_post("/tenants/acme/webhooks", new).await.expect(201);
    }
    let users = many::users(&acme, 500).await;
    many::deactivate(&acme, &users).await;
    app.engaged("acme").await;
    let fed = async {
        loop {
            let shown = app.brake("acme").await;
            if shown["to_be_held"]["is_whole"] == false {
                return shown;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let shown = tokio::time::timeout(PATIENCE, fed).await.expect("all are given what they take");
    assert_eq!(shown["to_be_held"]["tasks"], MAX_WAITING_LOOKED_AT, "{shown}");
    let listed = all_pages(&app, 200).await;
    assert!(listed.len() >= MAX_WAITING_LOOKED_AT && listed.iter().all(|(standing, _)| standing == "waiting"));

    let one = |number: usize| {
        let data = json!({ "schemas": [USER], "userName": format!("late{number}@example.com") });
        json!({ "method": "POST", "path": "/Users", "bulkId": format!("l{number}"), "data": data })
    };
    for first in (0..MAX_ENTRIES_A_LOOK).step_by(500) {
        many::bulk(&acme, (first..first + 500).map(one).collect()).await;
    }
    let first = app.brake("acme").await["counted"].clone();
    assert_eq!((&first["is_whole"], &first["users"]), (&json!(false), &json!(500)), "{first}");
    let then = app.brake("acme").await["counted"].clone();
    assert_eq!(then["is_whole"], true, "the next look goes on: {first} {then}");
}

#[tokio::test]
async fn a_user_is_named_by_user_name_too_and_a_name_of_several_is_refused() {
    let (app, carrier) = delivering().await;
    let (acme, users) = tenant(&app, "acme", 10).await;
    app.at_rest("acme").await;
    app.set_brake("acme", only_count(0)).await;
    for id in &users[..3] {
        deactivate(&acme, id).await;
    }
    app.engaged("acme").await;
    for id in &users[3..6] {
        acme.delete(&format!("/Users/{id}")).await.expect(204);
    }
    // Somebody else has the name of one who was deleted, and of another; and is to go as well.
    acme.user("u3@example.com").await;
    let other = acme.user("u4@example.com").await;
    deactivate(&acme, &other).await;
    app.at_rest("acme").await;

    let one = app.relieve("acme", "release", json!({ "users": ["U1@example.com", "u3@example.com"] })).await;
    assert_eq!((&one["decided"], &one["refused"]), (&json!(2), &json!(0)), "{one}");
    let refused = async |name: &str| {
        let answer = app.admin_post("/tenants/acme/brake/release", json!({ "users": [users[0], name] })).await;
        (answer.status, answer.body["detail"].as_str().unwrap().to_owned())
    };
    let mut both = [users[4].as_str(), other.as_str()];
    both.sort_unstable();
    let says = format!("u4@example.com is the userName of 2 users: name one by id ({})", both.join(", "));
    assert_eq!(refused("u4@example.com").await, (400, says));
    let (status, says) = refused("nobody@example.com").await;
    assert_eq!(status, 404);
    assert!(
        says.starts_with("there is no user nobody@example.com in tenant acme, nor one of this name that "),
        "{says}"
    );
    app.at_rest("acme").await;
    let mut ended = carrier.ended("acme");
    ended.sort_unstable();
    let mut expected = [users[1].clone(), users[3].clone()];
    expected.sort_unstable();
    assert_eq!(ended, expected, "of a request with a name that is refused nothing is done");

    let cancelled =
        on(&app, &["brake", "cancel", "acme", "--user", "u0@example.com", "--user", &users[4]]).await.text();
    assert_eq!(cancelled, "2 tasks cancelled\n");
    let refused = on(&app, &["brake", "cancel", "acme", "--user", "nobody"]).await.failed();
    assert!(refused.contains("there is no user nobody in tenant acme"), "{refused}");
}

#[tokio::test]
async fn what_a_decision_leaves_held_has_a_line_that_says_what_to_do() {
    let (app, carrier) = delivering().await;
    let (acme, users) = tenant(&app, "acme", 6).await;
    app.at_rest("acme").await;
    app.set_brake("acme", only_count(0)).await;
    for id in &users[..3] {
        deactivate(&acme, id).await;
    }
    app.engaged("acme").await;
    app.at_rest("acme").await;
    // It is broken off after its first step.
    let first = app.relieve("acme", "cancel", json!({ "all": true })).await;
    assert_eq!(first["held"], 3, "{first}");

    let released = on(&app, &["brake", "release", "acme", "--all"]).await.text();
    assert_eq!(
        released,
        "0 tasks released; the brake is disengaged, and counts from now on\n3 tasks are still held: `muster brake show acme` says what to do\n"
    );
    let shown = on(&app, &["brake", "show", "acme"]).await.text();
    assert!(
        shown.starts_with("ready     the brake is not engaged\n") && shown.contains("\nheld      3 tasks\n"),
        "{shown}"
    );
    assert!(shown.contains("`cancel acme --all` gives up what was cancelled before"), "{shown}");
    let cancelled = on(&app, &["brake", "cancel", "acme", "--all"]).await.text();
    assert_eq!(cancelled, "3 tasks cancelled; the brake is disengaged, and counts from now on\n");
    let shown = on(&app, &["brake", "show", "acme"]).await.text();
    assert!(!shown.contains("gives up"), "{shown}");
    assert_eq!(carrier.ended("acme"), [""; 0]);
}

#[tokio::test]
async fn a_name_decides_over_whom_the_list_shows_by_it_and_over_nobody_else() {
    let (app, carrier) = delivering().await;
    let (acme, users) = tenant(&app, "acme", 8).await;
    app.at_rest("acme").await;
    app.set_brake("acme", only_count(0)).await;
    for id in &users[..3] {
        deactivate(&acme, id).await;
    }
    app.engaged("acme").await;
    app.at_rest("acme").await;
    // Two exchange their names, and a third one's is given to somebody of whom nothing is held.
    let rename = async |id: &str, name: &str| {
        let name = json!([{ "op": "replace", "path": "userName", "value": name }]);
        acme.operations(&format!("/Users/{id}"), name).await.expect(200);
    };
    for (id, name) in [
        (&users[0], "between@example.com"),
        (&users[1], "u0@example.com"),
        (&users[0], "u1@example.com"),
        (&users[2], "away@example.com"),
        (&users[7], "u2@example.com"),
    ] {
        rename(id, name).await;
    }
    let listed = app.admin_get("/tenants/acme/brake/held").await.expect(200);
    let named = |id: &String| {
        let held = listed["held"].as_array().unwrap();
        let task = held.iter().find(|task| task["id"] == json!(id)).unwrap();
        task["user_name"].as_str().unwrap().to_owned()
    };
    assert_eq!([&users[0], &users[1], &users[2]].map(named), ["u1@example.com", "u0@example.com", "away@example.com"]);
    let told = on(&app, &["brake", "list", "acme"]).await.text();
    assert!(told.contains(&format!("User {} u1@example.com   deactivated ", users[0])), "{told}");

    let refused = async |name: &str| {
        let answer = app.admin_post("/tenants/acme/brake/release", json!({ "users": [name] })).await;
        (answer.status, answer.body["detail"].as_str().unwrap_or_default().to_owned())
    };
    let says = format!("nothing is held of user u2@example.com ({})", users[7]);
    assert_eq!(refused("u2@example.com").await, (400, says));
    // Whoever is called as another one's id is, is not the one who is meant by it; nor is the other one.
    let plain = app.tenant("plain").await;
    let ada = plain.user("ada@example.com").await;
    plain.user(&ada).await;
    let says = format!("{ada} is an id, and the userName of another user: name the tasks by their numbers");
    let answer = app.admin_post("/tenants/plain/brake/release", json!({ "users": [ada] })).await;
    assert_eq!((answer.status, &answer.body["detail"]), (400, &json!(says)));

    let one = app.relieve("acme", "release", json!({ "users": ["u0@example.com"] })).await;
    assert_eq!(one["decided"], 1, "{one}");
    app.at_rest("acme").await;
    assert_eq!(carrier.ended("acme"), [users[1].as_str()], "who has the name now");
}
