//! What proves a deprovision to somebody who has only a file.

use muster_service::{Evidence, EvidenceLink};
use muster_test_harness::TestApp;
use serde_json::{Value, json};

use super::{but_for, delivering, set_active, show, tenant, until};
use crate::command::{muster, on};

async fn export(app: &TestApp, user: &str) -> Value {
    app.admin_post(&format!("/tenants/acme/deprovisions/{user}/evidence"), json!({})).await.expect(200)
}

#[tokio::test]
async fn a_deleted_user_is_found_by_name_and_proved_without_a_word_of_others() {
    let app = delivering(&but_for("nothing", |_| None)).await;
    let acme = tenant(&app, "acme").await;
    let (ada, bob) = (acme.user("ada@example.com").await, acme.user("bob@example.com").await);
    acme.group("admins", &[&ada, &bob]).await;
    acme.delete(&format!("/Users/{ada}")).await.expect(204);
    acme.user("carl@example.com").await;
    until(&app, &ada, "done").await;
    assert_eq!(show(&app, "acme", "ADA@example.com").await["user"], json!(ada), "by the name that it had");
    acme.user("ada@example.com").await;
    assert_eq!(show(&app, "acme", "ADA@example.com").await["user"], json!(ada), "which somebody else has now");

    let file = export(&app, "ada@example.com").await;
    let text = file.to_string();
    assert!(!text.contains("bob@") && !text.contains("carl@") && !text.contains(&bob), "{text}");
    let evidence = Evidence::parse(text.as_bytes()).unwrap();
    let shown = evidence.chain.links.iter().filter(|link| matches!(link, EvidenceLink::Entry(_))).count();
    assert_eq!((evidence.chain.links.len(), shown), (7, 2), "the deletion, and that of the membership");
    let proven = evidence.verify(None).unwrap();
    assert_eq!((proven.entry, proven.head.seq, proven.is_compared), (4, 7, false));
    // What the server's log is at that place.
    let head = app.admin_post("/tenants/acme/log/head", json!({})).await.expect(200);
    let head = serde_json::from_value(head).unwrap();
    assert!(evidence.verify(Some(&head)).unwrap().is_compared);
    let verified = app.admin_post("/tenants/acme/log/verify", json!({ "head": proven.head })).await.expect(200);
    assert_eq!((&verified["ok"], &verified["end"]), (&json!(true), &json!(true)), "{verified}");
}

#[tokio::test]
async fn an_entry_that_tells_of_others_too_is_proved_without_a_word_of_them() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let (ada, bob) = (acme.user("ada@example.com").await, acme.user("bob@example.com").await);
    let group = acme.group("admins", &[&ada]).await;
    let patch = |path: String, operations: Value| {
        let data = json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": operations });
        json!({ "method": "PATCH", "path": path, "data": data })
    };
    let instead = json!([
        { "op": "add", "path": "members", "value": [{ "value": bob }] },
        { "op": "remove", "path": format!("members[value eq \"{ada}\"]") },
    ]);
    let bulk = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
        "Operations": [
            patch(format!("/Groups/{group}"), instead),
            patch(format!("/Users/{ada}"), json!([{ "op": "replace", "path": "active", "value": false }])),
        ],
    });
    acme.post("/Bulk", bulk).await.expect(200);
    assert_eq!(acme.members(&group).await, [bob.as_str()]);

    let file = export(&app, &ada).await;
    assert!(!file.to_string().contains(&bob), "{file}");
    let evidence = Evidence::parse(file.to_string().as_bytes()).unwrap();
    let shown = evidence.chain.links.iter().filter(|link| matches!(link, EvidenceLink::Entry(_))).count();
    assert_eq!(shown, 1, "the deactivation");
    evidence.verify(None).unwrap();
}

#[tokio::test]
async fn a_name_of_several_who_lost_access_is_refused_with_their_ids() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let (old, ada) = (acme.user("old.a@example.com").await, acme.user("ada@example.com").await);
    set_active(&acme, &old, false).await;
    set_active(&acme, &old, true).await;
    acme.delete(&format!("/Users/{ada}")).await.expect(204);
    assert_eq!(show(&app, "acme", "ada@example.com").await["user"], json!(ada));
    let rename = json!([{ "op": "replace", "path": "userName", "value": "ada@example.com" }]);
    acme.operations(&format!("/Users/{old}"), rename).await.expect(200);

    let refused = app.admin_get("/tenants/acme/deprovisions/ada@example.com").await.expect(400);
    let mut both = [old.as_str(), ada.as_str()];
    both.sort_unstable();
    let says = format!("ada@example.com names 2 users who have lost access: name one by id ({})", both.join(", "));
    assert_eq!(refused["detail"], says);
    for id in both {
        assert_eq!(show(&app, "acme", id).await["user"], json!(id));
    }
}

#[tokio::test]
async fn an_entry_of_a_long_log_is_proved_by_the_part_that_its_seal_covers() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let mut ids = Vec::new();
    for user in 0..300 {
        ids.push(acme.user(&format!("u{user}@example.com")).await);
    }
    set_active(&acme, &ids[7], false).await;
    let head = app.admin_post("/tenants/acme/log/head", json!({})).await.expect(200);
    for id in &ids[..5] {
        acme.delete(&format!("/Users/{id}")).await.expect(204);
    }
    for (user, entry, seal) in [(&ids[7], 301, 301), (&ids[0], 302, 306)] {
        let evidence = Evidence::parse(export(&app, user).await.to_string().as_bytes()).unwrap();
        let proven = evidence.verify(None).unwrap();
        assert_eq!((proven.entry, proven.head.seq), (entry, seal));
        assert!(evidence.chain.links.len() <= 256);
        let head = serde_json::from_value(head.clone()).unwrap();
        assert!(evidence.verify(Some(&head)).unwrap().is_compared, "the head is where it begins, or ends");
    }
}

#[tokio::test]
async fn the_file_is_written_and_verified_on_the_command_line() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let id = acme.user("ada@example.com").await;
    set_active(&acme, &id, false).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ada.json");
    let name = file.to_str().unwrap();

    let written = on(&app, &["deprovision", "export", "acme", "ada@example.com", "-o", name]).await.text();
    assert_eq!(written, format!("{name}: entry 2, proved up to the seal at entry 2\n"));
    let refused = on(&app, &["deprovision", "export", "acme", &id, "-o", name]).await.failed();
    assert_eq!(refused, format!("{name}: it is there already, and is not written over"));
    let verified = muster(&["deprovision", "verify", name], &[]).await.text();
    let begin = format!(
        "{name} is as it was made 2026-11-03 14:03:00.000Z: user {id} of acme, deactivated by entry 2 of the log, "
    );
    assert!(verified.starts_with(&begin), "{verified}");
    let told = verified.lines().last().unwrap().trim().to_owned();
    let head = told.strip_prefix("muster log verify acme --head '").unwrap().strip_suffix('\'').unwrap();
    on(&app, &["log", "verify", "acme", "--head", head]).await.text();
    let compared = muster(&["deprovision", "verify", name, "--head", head], &[]).await.text();
    assert!(compared.contains("the entry is in the log of the head that was given"), "{compared}");
    let json = muster(&["deprovision", "verify", name, "--json"], &[]).await.json();
    assert_eq!((&json["ok"], &json["entry"], &json["compared"]), (&json!(true), &json!(2), &json!(false)));

    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replacen("\"done\"", "\"open\"", 1)).unwrap();
    let refused = muster(&["deprovision", "verify", name], &[]).await.failed();
    assert_eq!(
        refused,
        format!("{name}: the file is not as it was made: its content has not the digest that it names")
    );
    std::fs::write(&file, "{}").unwrap();
    let refused = muster(&["deprovision", "verify", name], &[]).await.failed();
    assert_eq!(refused, format!("{name}: this is no evidence of a deprovision: it has no deprovision_evidence"));
}
