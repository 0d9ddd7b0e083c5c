//! The receiver of `examples/`, which a vendor's own begins with.

use event_receiver::{Came, Poller as Comes, Pushed, Refused, Trust, line};
use muster_test_harness::TestApp;
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use webhook_receiver::Certificate;

use super::*;

const AUTHORIZATION: &str = "Bearer hunter22-and-more";

/// What comes next, which is soon.
async fn next(came: &mut UnboundedReceiver<Came>) -> Option<Came> {
    tokio::time::timeout(Duration::from_secs(60), came.recv()).await.expect("nothing came")
}

#[tokio::test]
async fn the_example_receiver_is_sent_tokens_and_believes_what_the_issuer_says_to_it() {
    let certificate = Certificate::make("sets.example").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let ca_file = folder.path().join("ca.pem");
    std::fs::write(&ca_file, &certificate.authority).unwrap();
    // Tokens name the issuer, and its keys are read there: a place that is known before the server is.
    let front = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", front.local_addr().unwrap());
    let issuer = format!("{origin}/t/acme");
    let (sender, mut came) = unbounded_channel();
    let trust = Trust::new(&issuer, "https://sets.example");
    let own = Pushed::start(0, trust, Some(AUTHORIZATION.to_owned()), &certificate, sender).await.unwrap();
    let mut builder = TestApp::builder().delivering();
    builder.config.scim.public_origin = origin;
    builder.config.delivery.ca_file = ca_file;
    builder.config.delivery.hosts.insert("sets.example".to_owned(), own.address.to_string());
    let app = builder.start().await;
    let server = app.scim.trim_start_matches("http://").to_owned();
    tokio::spawn(async move {
        while let Ok((mut asks, _)) = front.accept().await {
            let mut answers = TcpStream::connect(&server).await.unwrap();
            tokio::spawn(async move { tokio::io::copy_bidirectional(&mut asks, &mut answers).await });
        }
    });
    let acme = app.tenant("acme").await;
    app.admin_post("/tenants/acme/secrets", json!({ "name": "key", "value": AUTHORIZATION })).await.expect(200);
    let stream = |name: &str, audience: &str| json!({ "name": name, "push": "https://sets.example/", "authorization": "key", "audience": [audience] });
    app.admin_post("/tenants/acme/streams", stream("own", "https://sets.example")).await.expect(201);

    let id = acme.user("ada").await;
    let Some(Came::Event(claims)) = next(&mut came).await else { panic!("an event") };
    assert_eq!((events(&claims), &claims["sub_id"]["id"]), (vec!["prov:create:notice".to_owned()], &json!(id)));
    let expected = format!("{START_S}  /Users/{id}  prov:create:notice  {}", claims["txn"].as_str().unwrap());
    assert_eq!(line(&claims), expected);
    settled(&app, "own", "done", 1).await;

    app.admin_post("/tenants/acme/stream-keys/rotate", json!({ "overlap_h": 0 })).await.expect(200);
    acme.delete(&format!("/Users/{id}")).await.expect(204);
    let Some(Came::Event(claims)) = next(&mut came).await else { panic!("another, with a key that it had to read") };
    assert_eq!(events(&claims), ["prov:delete"]);

    app.admin_post("/tenants/acme/streams", stream("other", "https://another.example")).await.expect(201);
    app.admin_post("/tenants/acme/streams/other/verify", json!({})).await.expect(200);
    assert_eq!(next(&mut came).await, Some(Came::Refused(Refused::Audience)));
    for _ in 0..600 {
        let told = app.admin_get("/tenants/acme/streams/other/deliveries").await.expect(200);
        if told["tasks"][0]["failure"].is_string() {
            assert_eq!(told["tasks"][0]["failure"], "it was answered 400 invalid_audience: it is for somebody else");
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("nobody has said what the receiver said");
}

#[tokio::test]
async fn the_example_receiver_comes_for_tokens_and_acknowledges_what_it_has_kept() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let added = app.admin_post("/tenants/acme/streams", json!({ "name": "audit" })).await.expect(201);
    let (token, issuer) = (added["token"].as_str().unwrap().to_owned(), format!("{}/t/acme", app.scim));
    let url = format!("{issuer}/events/audit");
    let (ada, bob) = (acme.user("ada").await, acme.user("bob").await);
    settled(&app, "audit", "waiting", 2).await;

    let mut kept = Vec::new();
    let mut comes = Comes::new(Trust::new(&issuer, &url), &url, &token);
    let first = comes.poll(true, |came| kept.push(came.clone())).await.unwrap();
    assert_eq!(first, 2);
    let of = |came: &Came| match came {
        Came::Event(claims) => claims["sub_id"]["id"].as_str().unwrap().to_owned(),
        Came::Again(_) | Came::Refused(_) => panic!("{came:?}"),
    };
    assert_eq!(kept.iter().map(of).collect::<Vec<_>>(), [ada.clone(), bob]);
    settled(&app, "audit", "waiting", 2).await;
    assert_eq!(comes.poll(false, |came| panic!("{came:?}")).await.unwrap(), 0, "the poll that acknowledges");
    settled(&app, "audit", "done", 2).await;

    acme.delete(&format!("/Users/{ada}")).await.expect(204);
    settled(&app, "audit", "waiting", 1).await;
    let mut stranger = Comes::new(Trust::new("https://another.example/t/acme", &url), &url, &token);
    assert!(stranger.poll(false, |_| ()).await.is_err(), "it cannot read the keys of that one");
    let mut wrong = Comes::new(Trust::new(&issuer, "https://another.example"), &url, &token);
    app.advance(muster_service::POLL_LEASE);
    let mut came = Vec::new();
    assert_eq!(wrong.poll(false, |one| came.push(one.clone())).await.unwrap(), 1);
    assert_eq!(came, [Came::Refused(Refused::Audience)]);
    wrong.poll(false, |_| ()).await.unwrap();
    settled(&app, "audit", "parked", 1).await;
    assert!(Comes::new(Trust::new(&issuer, &url), &url, "mst_no").poll(false, |_| ()).await.is_err());
}
