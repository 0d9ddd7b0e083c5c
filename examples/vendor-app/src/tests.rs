use axum::body::Body;
use axum::http::{Request, StatusCode};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use tempfile::TempDir;
use tower::ServiceExt as _;

use crate::calls::{MAX_BODY_BYTES, MAX_KEY_BYTES};
use crate::mail::AT_A_TIME;
use crate::serve::api_routes;
use crate::{Product, Settings, VendorApp};

const NOW_S: i64 = 1_793_714_580;

async fn start() -> (VendorApp, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings { clock: std::sync::Arc::new(|| NOW_S), ..Settings::new(folder.path()) };
    (VendorApp::start(settings).await.unwrap(), folder)
}

/// What is answered to a plugin of Secoda that asks for an invitation.
async fn invited(app: &VendorApp, key: &str, idempotency: &str, body: String) -> StatusCode {
    let request = Request::post("/api/v1/invitations").header("host", "api.secoda.co:443");
    let request = request.header("authorization", format!("Bearer {key}"));
    let request = request.header("idempotency-key", idempotency).body(Body::from(body)).unwrap();
    api_routes(app.shared.clone()).oneshot(request).await.unwrap().status()
}

/// What is answered to Applivery's plugin.
async fn asked(app: &VendorApp, method: &str, path: &str, body: &Value) -> StatusCode {
    let key = format!("Bearer {}", app.keys.api[&Product::Applivery]);
    let idempotency = hex::encode(crate::keys::random().unwrap());
    let request = Request::builder().method(method).uri(format!("/v1/dashboard/{path}"));
    let request = request.header("host", "api.applivery.io").header("authorization", key);
    let request = request.header("idempotency-key", idempotency).body(Body::from(body.to_string())).unwrap();
    api_routes(app.shared.clone()).oneshot(request).await.unwrap().status()
}

/// What is answered to a webhook of Popl's.
async fn told(app: &VendorApp, key: &str, at_s: i64, event: &Value) -> StatusCode {
    let body = event.to_string();
    let mut mac =
        Hmac::<sha2::Sha256>::new_from_slice(&STANDARD.decode(key.trim_start_matches("whsec_")).unwrap()).unwrap();
    mac.update(format!("1.{at_s}.{body}").as_bytes());
    let signature = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
    let request = Request::post("/webhooks/popl").header("webhook-id", "1").header("webhook-timestamp", at_s);
    let request = request.header("webhook-signature", signature).body(Body::from(body)).unwrap();
    api_routes(app.shared.clone()).oneshot(request).await.unwrap().status()
}

#[tokio::test]
async fn who_has_no_key_is_not_heard_and_what_is_too_long_is_not_read() {
    let (app, _folder) = start().await;
    let (key, other) = (&app.keys.api[&Product::Secoda], &app.keys.api[&Product::Applivery]);
    let ada = || json!({ "member": "7", "email": "ada@example.com" }).to_string();

    let elsewhere = Request::post("/api/v1/invitations").header("host", "api.example.com").body(Body::empty()).unwrap();
    assert_eq!(api_routes(app.shared.clone()).oneshot(elsewhere).await.unwrap().status(), 421);
    assert_eq!(invited(&app, other, "a/1", ada()).await, 401);
    assert_eq!(invited(&app, "", "a/1", ada()).await, 401);
    assert_eq!(invited(&app, key, "", ada()).await, 400);
    assert_eq!(invited(&app, key, &"k".repeat(MAX_KEY_BYTES + 1), ada()).await, 400);
    assert_eq!(invited(&app, key, "a/1", "{".to_owned()).await, 400);
    assert_eq!(invited(&app, key, "a/1", " ".repeat(MAX_BODY_BYTES + 1)).await, 413);
    assert_eq!(invited(&app, key, "a/1", "{}".to_owned()).await, 422);
    assert!(app.rows("SELECT * FROM secoda_invitations").unwrap().is_empty());
    assert_eq!(invited(&app, key, &"k".repeat(MAX_KEY_BYTES), ada()).await, 201);
    let long = format!("{}{}", ada(), " ".repeat(MAX_BODY_BYTES - ada().len()));
    assert_eq!(invited(&app, key, "a/2", long).await, 409, "Ada has an invitation");
}

#[tokio::test]
async fn an_event_is_believed_by_its_signature_and_its_time_and_has_its_effect_once() {
    let (app, _folder) = start().await;
    let (key, other) = (&app.keys.webhooks[&Product::Popl], &app.keys.webhooks[&Product::Poggio]);
    let fields = json!({ "email": "ada@example.com", "name": "Ada Byron", "team": "Sales" });
    let account = |name: &str| {
        let mut fields = fields.clone();
        fields["name"] = json!(name);
        json!({ "account": { "state": "member", "listed": true, "fields": fields } })
    };
    let resource = json!({ "type": "User", "id": "7" });
    let event = |id: &str, name: &str| json!({ "id": id, "type": "user.updated", "data": { "resource": resource, "after": account(name) } });
    let names = || app.rows("SELECT name FROM popl_profiles").unwrap();

    assert_eq!(told(&app, other, NOW_S, &event("e-1", "Ada")).await, 401);
    assert_eq!(told(&app, key, NOW_S - 301, &event("e-1", "Ada")).await, 401);
    assert_eq!(names().len(), 0);
    let batch = json!({ "id": "b-1", "type": "batch", "data": [event("e-1", "Ada"), event("e-2", "Ada Byron")] });
    assert_eq!(told(&app, key, NOW_S, &batch).await, 204);
    assert_eq!(told(&app, key, NOW_S, &event("e-1", "Ada")).await, 204, "an answer was lost");
    assert_eq!(names(), [["Ada Byron"]], "and it is no change back");
    let thin =
        json!({ "id": "e-3", "type": "user.updated", "data": { "resource": resource, "thin_because": "unreadable" } });
    assert_eq!(told(&app, key, NOW_S, &thin).await, 503, "it is to come again");
    let gone = json!({ "id": "e-4", "type": "user.deleted", "data": { "resource": resource, "event": "deleted" } });
    assert_eq!(told(&app, key, NOW_S, &gone).await, 204);
    assert_eq!(names().len(), 0);
    let other_kind = json!({ "id": "e-5", "type": "brake.engaged", "data": {} });
    assert_eq!(told(&app, key, NOW_S, &other_kind).await, 204, "nothing that a product has");
}

#[tokio::test]
async fn more_invitations_than_are_mailed_at_a_time_are_all_mailed_and_who_cannot_be_written_to_holds_nobody_up() {
    let (app, _folder) = start().await;
    let invitations = "INSERT INTO secoda_invitations (member, email)
                       WITH RECURSIVE counted (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM counted WHERE n < CAST(?1 AS INTEGER))
                       SELECT n, CASE n WHEN 1 THEN 'no address' WHEN 2 THEN 'jürgen@example.com' ELSE n || '@example.com' END
                       FROM counted";
    app.shared.database.change(|transaction| transaction.execute(invitations, [AT_A_TIME.to_string()])).unwrap();

    app.shared.mails.notify_one();

    let all = async {
        let waiting = "SELECT 1 FROM secoda_invitations WHERE NOT is_mailed
                       AND number NOT IN (SELECT invitation FROM secoda_refused_mails)";
        while app.rows(waiting).unwrap() != Vec::<Vec<String>>::new() {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_mins(1), all).await.unwrap();
    let mailed = app.rows("SELECT count(DISTINCT recipient) FROM mails").unwrap();
    assert_eq!(mailed, [[(AT_A_TIME - 1).to_string()]]);
    let page = reqwest::get(format!("http://{}/", app.page)).await.unwrap().text().await.unwrap();
    let refused: Vec<&str> = page.split("Mails that could not be sent").skip(1).collect();
    let [refused] = refused.as_slice() else { panic!("{page}") };
    assert!(refused.contains("<td>no address</td>") && refused.contains("<td>jürgen@example.com</td>"), "{refused}");
    assert!(refused.contains("SMTPUTF8"), "{refused}");
}

#[tokio::test]
async fn members_come_and_go_without_the_name_being_told_again() {
    let (app, _folder) = start().await;
    let key = &app.keys.webhooks[&Product::Popl];
    let event = |id: &str, kind: &str, more: Value| {
        let mut data = json!({ "resource": { "type": "Group", "id": "g" } });
        data.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({ "id": id, "type": kind, "data": data })
    };
    let created = json!({ "after": { "resource": { "displayName": "Engines" } } });
    let both = json!({ "members_added": { "count": 2, "ids": ["7", "8"] } });
    let one = json!({ "members_removed": { "count": 1, "ids": ["7"] } });
    let many = json!({ "members_added": { "count": 101 } });

    assert_eq!(told(&app, key, NOW_S, &event("e-1", "group.created", created)).await, 204);
    assert_eq!(told(&app, key, NOW_S, &event("e-2", "group.member-added", both)).await, 204);
    assert_eq!(told(&app, key, NOW_S, &event("e-3", "group.member-removed", one)).await, 204);
    assert_eq!(
        told(&app, key, NOW_S, &event("e-4", "group.member-added", many)).await,
        503,
        "who they are is not told"
    );

    let groups = "SELECT g.name, m.member FROM popl_groups g JOIN popl_memberships m ON m.group_id = g.id";
    assert_eq!(app.rows(groups).unwrap(), [["Engines", "8"]]);
}

#[tokio::test]
async fn a_browser_that_is_led_to_the_mail_server_leaves_no_mail_there() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let (app, _folder) = start().await;
    let sink = webhook_receiver::listen(0).await.unwrap();
    let address = sink.local_addr().unwrap();
    tokio::spawn(crate::smtp::serve(sink, app.shared.clone()));
    let mail = "MAIL FROM:<a@x>\r\nRCPT TO:<b@x>\r\nDATA\r\nMessage-ID: <1@x>\r\n\r\nforged\r\n.\r\nQUIT\r\n";
    let answered = async |sent: String| {
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        let (mut read, mut write) = stream.split();
        let _ = write.write_all(sent.as_bytes()).await;
        let mut answer = Vec::new();
        // What was sent behind the end may have it cut off.
        let _ = read.read_to_end(&mut answer).await;
        String::from_utf8(answer).unwrap()
    };

    let browser = answered(format!("POST / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n{mail}")).await;

    assert!(!browser.contains("250"), "{browser}");
    assert!(app.rows("SELECT * FROM mails").unwrap().is_empty());
    assert!(answered(format!("EHLO x\r\n{mail}")).await.ends_with("221 goodbye\r\n"));
    assert_eq!(app.rows("SELECT message FROM mails").unwrap(), [["<1@x>"]]);
}

#[tokio::test]
async fn a_second_product_on_a_port_that_is_taken_says_so_and_leaves_the_first_its_authority() {
    let (app, folder) = start().await;
    let authority = std::fs::read(&app.ca_file).unwrap();
    let taken = Settings { page_port: app.page.port(), ..Settings::new(folder.path()) };

    let refused = VendorApp::start(taken).await.unwrap_err().to_string();

    assert!(refused.starts_with(&format!("port {} of 127.0.0.1: ", app.page.port())), "{refused}");
    assert_eq!(std::fs::read(&app.ca_file).unwrap(), authority);
}

#[tokio::test]
async fn where_nobody_has_signed_in_the_page_says_who_is_invited() {
    let (app, _folder) = start().await;
    let invited =
        "INSERT INTO secoda_members (id, email, state, is_listed) VALUES ('7', 'ada@example.com', 'invited', 0)";
    app.shared.database.change(|transaction| transaction.execute(invited, [])).unwrap();
    let page = reqwest::get(format!("http://{}/", app.page)).await.unwrap().text().await.unwrap();
    assert!(page.contains("Nobody has signed in yet; 1 are invited."), "{page}");
}

#[tokio::test]
async fn what_groups_say_of_who_has_left_counts_again_when_they_come_back_in_whichever_order_it_is_heard() {
    let (app, _folder) = start().await;
    let ada = json!({ "email": "ada@example.com", "role": "Viewer" });
    let engines = json!({ "name": "Engines", "role": "Editor", "rank": 1 });
    let role = || app.rows("SELECT role FROM applivery_roles").unwrap().concat();
    assert_eq!(asked(&app, "PUT", "groups/g", &engines).await, 200);
    assert_eq!(asked(&app, "PUT", "collaborators/7", &ada).await, 201);
    assert_eq!(role(), ["Viewer"]);

    assert_eq!(asked(&app, "DELETE", "members/7?last-admin=refuse", &json!({})).await, 204);
    assert_eq!(asked(&app, "PUT", "groups/g/members/7", &json!({})).await, 200);
    assert_eq!(role(), ["Viewer"], "the group's call waited, and its member is deleted");
    assert_eq!(asked(&app, "PUT", "collaborators/7", &ada).await, 200);
    assert_eq!(role(), ["Editor"], "the deletion was taken back");

    assert_eq!(asked(&app, "PUT", "groups/g/members/7", &json!({})).await, 200);
    assert_eq!(asked(&app, "DELETE", "members/7?last-admin=refuse", &json!({})).await, 204);
    assert_eq!(role(), ["Viewer"], "the user's calls waited");
    assert_eq!(asked(&app, "PUT", "collaborators/7", &ada).await, 200);
    assert_eq!(role(), ["Editor"], "and the group said of the one who is back what it had said before");
    assert_eq!(asked(&app, "DELETE", "groups/g/members/7", &json!({})).await, 204);
    assert_eq!(role(), ["Viewer"]);
}
