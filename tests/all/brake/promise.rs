//! What is promised: no more is carried out than may be lost, however fast tasks and writes are.

use std::sync::atomic::Ordering;
use std::time::Duration;

use muster_test_harness::USER;
use serde_json::{Value, json};

use super::{Braked as _, activate, deactivate, delivering, held_in_time, only_count, tenant};
use crate::deprovision::many;

#[tokio::test]
async fn up_to_the_threshold_nothing_is_held_and_from_then_on_everything_that_destroys_is() {
    let (app, carrier) = delivering().await;
    let (acme, users) = tenant(&app, "acme", 60).await;
    for id in &users[..25] {
        deactivate(&acme, id).await;
    }
    let counts = app.at_rest("acme").await;
    assert_eq!((&counts["held"], carrier.ended("acme").len()), (&Value::Null, 25), "25 of 60 are not more than 25");
    assert_eq!(app.brake("acme").await["engaged"], Value::Null);
    assert_eq!(app.brake("acme").await["counted"]["users"], 25);

    for id in &users[25..35] {
        deactivate(&acme, id).await;
    }
    let engaged = app.engaged("acme").await;
    assert_eq!(engaged["why"], "26 of 60 users were deactivated or deleted within 60 minutes");
    assert_eq!((&engaged["count"], &engaged["of"]), (&json!(26), &json!(60)));
    let counts = app.at_rest("acme").await;
    assert_eq!(
        (&counts["held"], carrier.ended("acme").len()),
        (&json!(10), 25),
        "the one with which it was too much, too"
    );
    assert_eq!(app.brake("acme").await["held"], 10);

    let new = acme.user("new@example.com").await;
    app.at_rest("acme").await;
    let invited = carrier.of("acme").into_iter().filter(|done| done.id == new).map(|done| done.action);
    assert_eq!(invited.collect::<Vec<_>>(), ["send-invitation"], "what does not destroy goes on");
    activate(&acme, &users[30]).await;
    app.at_rest("acme").await;
    let of_one = app.tasks("acme").await.into_iter().filter(|task| task["id"] == users[30].as_str());
    let standings: Vec<Value> = of_one.map(|task| task["standing"].clone()).collect();
    assert_eq!(standings, ["done", "held", "waiting"], "but not past what is held of the same user");
}

#[tokio::test]
async fn however_fast_tasks_are_carried_out_beside_many_writers_no_more_are_than_the_count() {
    let (app, carrier) = delivering().await;
    let (acme, users) = tenant(&app, "acme", 160).await;
    app.set_brake("acme", only_count(20)).await;
    app.at_rest("acme").await;

    let parts: Vec<Vec<String>> = users.chunks(20).map(<[String]>::to_vec).collect();
    let writers = parts.into_iter().map(|ids| {
        let acme = acme.clone();
        tokio::spawn(async move {
            for id in ids {
                deactivate(&acme, &id).await;
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    app.engaged("acme").await;
    let counts = app.at_rest("acme").await;
    let ended = carrier.ended("acme").len();
    assert!(ended <= 20, "{ended} were carried out");
    assert_eq!(counts["held"], 160 - ended);
    assert_eq!(acme.ids("/Users?count=200", "active eq false").await.len(), 160, "and all writes were made");
}

#[tokio::test]
async fn a_window_that_is_over_is_not_counted_any_more() {
    let (app, carrier) = delivering().await;
    let (acme, users) = tenant(&app, "acme", 12).await;
    app.set_brake("acme", only_count(3)).await;
    for hour in users.chunks(3).take(3) {
        for id in hour {
            deactivate(&acme, id).await;
        }
        app.at_rest("acme").await;
        app.advance(Duration::from_mins(60));
    }
    assert_eq!(carrier.ended("acme").len(), 9, "three in an hour are three");
    deactivate(&acme, &users[9]).await;
    app.advance(Duration::from_mins(59));
    for id in &users[10..12] {
        deactivate(&acme, id).await;
    }
    app.at_rest("acme").await;
    assert_eq!(carrier.ended("acme").len(), 12);
    let other = acme.user("other@example.com").await;
    deactivate(&acme, &other).await;
    app.engaged("acme").await;
    assert_eq!(app.at_rest("acme").await["held"], 1, "and the fourth within one is too many");
}

#[tokio::test]
async fn what_waits_already_is_held_as_well_and_a_restart_forgets_nothing() {
    let (app, carrier) = delivering().await;
    let (acme, users) = tenant(&app, "acme", 10).await;
    app.set_brake("acme", only_count(3)).await;
    app.at_rest("acme").await;
    carrier.is_down.store(true, Ordering::SeqCst);
    for id in &users[..3] {
        deactivate(&acme, id).await;
    }
    let (base, token) = (acme.base.replace(&app.scim, ""), acme.token.clone());
    let app = app.restart().await;
    let acme = app.client(&base, &token);
    assert_eq!(app.brake("acme").await["counted"]["users"], 3, "it is counted anew from the log");
    deactivate(&acme, &users[3]).await;
    app.engaged("acme").await;

    let app = app.restart().await;
    carrier.is_down.store(false, Ordering::SeqCst);
    app.advance(Duration::from_hours(30));
    assert_eq!(app.brake("acme").await["engaged"]["count"], 4);
    held_in_time(&app, "acme", 4).await;
    assert_eq!(carrier.ended("acme"), [""; 0]);
}

#[tokio::test]
async fn what_was_too_much_before_a_stop_is_too_much_after_it_however_long_it_lasts() {
    let (app, carrier) = delivering().await;
    let (acme, users) = tenant(&app, "acme", 10).await;
    app.at_rest("acme").await;
    carrier.is_down.store(true, Ordering::SeqCst);
    app.set_brake("acme", json!({ "half_from": 0 })).await;
    for id in &users[..6] {
        deactivate(&acme, id).await;
    }
    // As if it had been stopped before it could count: nobody has judged these by the settings of now.
    let app = app.restart().await;
    app.advance(Duration::from_hours(5));
    app.set_brake("acme", only_count(5)).await;
    let engaged = app.engaged("acme").await;
    assert_eq!((&engaged["count"], &engaged["of"]), (&json!(6), &json!(10)), "by the users that there were then");
    held_in_time(&app, "acme", 6).await;
    carrier.is_down.store(false, Ordering::SeqCst);
    app.at_rest("acme").await;
    assert_eq!(carrier.ended("acme"), [""; 0], "nothing that waited is carried out, though the window is long over");
}

#[tokio::test]
async fn who_comes_after_those_who_left_makes_them_no_larger_share() {
    let (app, _) = delivering().await;
    let (acme, _) = tenant(&app, "acme", 0).await;
    // More than are read at once, and as many again.
    let users = many::users(&acme, 600).await;
    app.at_rest("acme").await;
    app.advance(Duration::from_hours(2));
    many::deactivate(&acme, &users[..4]).await;
    let create = |number: usize| {
        let data = json!({ "schemas": [USER], "userName": format!("more{number}@example.com") });
        json!({ "method": "POST", "path": "/Users", "bulkId": format!("b{number}"), "data": data })
    };
    for half in [0..350, 350..700] {
        many::bulk(&acme, half.map(create).collect()).await;
    }
    // Counted anew from the log, where the four come first.
    let shown = app.set_brake("acme", json!({ "count": 3, "share_percent": 20, "half_from": 0 })).await;
    assert_eq!((&shown["engaged"], &shown["counted"]["users"]), (&Value::Null, &json!(4)), "{shown}");
}

#[tokio::test]
async fn a_tenant_whose_brake_is_engaged_holds_up_no_other() {
    let (app, carrier) = delivering().await;
    let (acme, users) = tenant(&app, "acme", 6).await;
    let (globex, others) = tenant(&app, "globex", 6).await;
    app.set_brake("acme", only_count(2)).await;
    for (id, other) in users.iter().zip(&others).take(4) {
        deactivate(&acme, id).await;
        deactivate(&globex, other).await;
        app.at_rest("acme").await;
    }
    app.engaged("acme").await;
    assert_eq!(app.at_rest("acme").await["held"], 2);
    assert_eq!(app.at_rest("globex").await["held"], Value::Null);
    assert_eq!((carrier.ended("acme").len(), carrier.ended("globex").len()), (2, 4));
}
