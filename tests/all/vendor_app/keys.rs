//! Who gets a SCIM key of a product: people with roles, in the product, which asks Muster's admin API for it.

use std::sync::Arc;

use muster_idp::Person;
use muster_test_harness::messages::error;
use muster_test_harness::{TenantClient, USER};
use reqwest::redirect::Policy;
use reqwest::{Method, RequestBuilder};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use vendor_app::Product;

use super::{Place, ada, id_of, pushed, updated};

/// What an identity provider is told whose token is not one.
pub(super) const NO_TOKEN: &str = "The bearer token is missing or not valid";

/// Somebody in a browser, at a desk of a product: `settings/poggio`.
pub(super) struct Browser<'a> {
    place: &'a Place,
    desk: &'static str,
    cookie: String,
}

/// What a desk answers.
pub(super) struct Page {
    status: u16,
    text: String,
}

impl Browser<'_> {
    pub(super) async fn post(&self, what: &str) -> Page {
        page(self.place.browser(Method::POST, &format!("/{}/{what}", self.desk)).header("cookie", &self.cookie)).await
    }

    pub(super) async fn look(&self) -> String {
        let request = self.place.browser(Method::GET, &format!("/{}", self.desk)).header("cookie", &self.cookie);
        page(request).await.expect(200)
    }

    /// Makes a key: its base URL and it.
    pub(super) async fn makes_a_key(&self) -> (String, String) {
        let made = self.post("keys").await.expect(201);
        let shown = |id: &str| {
            let (_, after) = made.split_once(&format!("<code id=\"{id}\">")).unwrap();
            after.split_once('<').unwrap().0.to_owned()
        };
        (shown("url"), shown("key"))
    }

    /// Revokes a key, whoever's it is.
    pub(super) async fn revokes(&self, (_, key): &(String, String)) -> Page {
        let ending = &key[key.len() - 4..];
        let id = self.place.rows(&format!("SELECT id FROM api_keys WHERE ending = '{ending}'")).concat().concat();
        self.post(&format!("keys/{id}/revoke")).await
    }
}

impl Page {
    #[track_caller]
    pub(super) fn expect(self, status: u16) -> String {
        assert_eq!(self.status, status, "{}", self.text);
        self.text
    }
}

pub(super) async fn page(request: RequestBuilder) -> Page {
    let answer = request.send().await.unwrap();
    Page { status: answer.status().as_u16(), text: answer.text().await.unwrap() }
}

impl Place {
    /// A request to the product's page, which goes nowhere else by itself.
    pub(super) fn browser(&self, method: Method, path: &str) -> RequestBuilder {
        let http = reqwest::Client::builder().redirect(Policy::none()).build().unwrap();
        http.request(method, format!("http://{}{path}", self.product.page))
    }

    /// Nobody.
    pub(super) fn stranger(&self, desk: &'static str) -> Browser<'_> {
        Browser { place: self, desk, cookie: String::new() }
    }

    /// Somebody who has signed in.
    pub(super) async fn signed_in<'a>(&'a self, desk: &'static str, person: &str) -> Browser<'a> {
        let answer = self.browser(Method::POST, &format!("/{desk}/sign-in/{person}")).send().await.unwrap();
        assert_eq!(answer.status(), 303);
        let cookie = answer.headers()["set-cookie"].to_str().unwrap();
        Browser { place: self, desk, cookie: cookie.split(';').next().unwrap().to_owned() }
    }

    /// The keys of `acme` that work, as Muster has them.
    pub(super) async fn tokens(&self) -> Vec<Value> {
        let tokens = self.app.admin_get("/tenants/acme/tokens").await.expect(200);
        tokens["tokens"].as_array().unwrap().iter().filter(|token| token["live"] == true).cloned().collect()
    }

    /// What Muster has the plugin of `acme` configured with.
    pub(super) async fn config(&self) -> Value {
        self.app.admin_get("/tenants/acme").await.expect(200)["config"].clone()
    }

    /// What the product's API for plugins answers on a host of its own, by https, to whoever has this key.
    async fn plugin_api(&self, host: &'static str, path: &str, key: &str) -> u16 {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(&self.product.ca_file).unwrap()).unwrap();
        let config = rustls::ClientConfig::builder_with_provider(rustls::crypto::ring::default_provider().into());
        let config = config.with_safe_default_protocol_versions().unwrap();
        let connector = TlsConnector::from(Arc::new(config.with_root_certificates(roots).with_no_client_auth()));
        let stream = TcpStream::connect(self.product.api).await.unwrap();
        let mut stream = connector.connect(ServerName::try_from(host).unwrap(), stream).await.unwrap();
        let head = format!("POST {path} HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {key}\r\nconnection: close");
        stream.write_all(format!("{head}\r\ncontent-length: 0\r\n\r\n").as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        // Some end a connection without saying so.
        let _ = stream.read_to_end(&mut answer).await;
        let answer = String::from_utf8(answer).unwrap();
        answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_else(|| panic!("{answer}"))
    }

    /// The public API of Secoda, to whoever has this key.
    pub(super) async fn members(&self, key: &str) -> (u16, Value) {
        let answer = self.browser(Method::GET, "/public/v1/members").bearer_auth(key).send().await.unwrap();
        let status = answer.status().as_u16();
        (status, serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap_or_default())
    }
}

/// A tenant as whoever has this key reaches it.
pub(super) fn with(acme: &TenantClient, (url, key): &(String, String)) -> TenantClient {
    acme.at(url).with_token(key)
}

#[tokio::test]
async fn poggio_02_an_enterprise_admin_makes_the_key_in_the_product_and_nobody_else_does() {
    let place = Place::start().await;
    let acme = place.acme(Product::Poggio, json!({})).await;
    let nobody = place.stranger("settings/poggio");
    let walter = place.signed_in("settings/poggio", "walter").await;
    let mia = place.signed_in("settings/poggio", "mia").await;
    let edith = place.signed_in("settings/poggio", "edith").await;

    nobody.post("keys").await.expect(401);
    for other in [&walter, &mia] {
        let refused = other.post("keys").await.expect(403);
        assert!(refused.contains("An enterprise admin makes the SCIM key"), "{refused}");
        assert!(!other.look().await.contains("Make a key"));
    }
    assert_eq!(place.tokens().await.len(), 1, "the one that the tenant began with");
    let made = edith.makes_a_key().await;

    assert_eq!(made.0, acme.base);
    with(&acme, &made).get("/Users").await.expect(200);
    let look = edith.look().await;
    assert!(look.contains("<td>made by Edith Moore</td>"), "{look}");
    assert!(look.contains(&format!("<td>... {}</td>", &made.1[made.1.len() - 4..])), "{look}");
    assert!(!look.contains(&made.1), "shown once");
    assert!(!place.rows("SELECT * FROM api_keys").concat().contains(&made.1), "and kept by nobody");
    mia.revokes(&made).await.expect(403);
    with(&acme, &made).get("/Users").await.expect(200);
    edith.revokes(&made).await.expect(303);
    assert_eq!(with(&acme, &made).get("/Users").await.expect(401), error(401, None, NO_TOKEN));
}

#[tokio::test]
async fn poggio_06_without_single_sign_on_the_product_makes_no_key() {
    let place = Place::start().await;
    place.acme(Product::Poggio, json!({})).await;
    let edith = place.signed_in("settings/poggio", "edith").await;
    let mia = place.signed_in("settings/poggio", "mia").await;
    edith.post("single-sign-on/off").await.expect(303);

    let refused = edith.post("keys").await.expect(409);

    assert!(refused.contains("single sign-on (SAML) has to be configured first"), "{refused}");
    mia.post("single-sign-on/on").await.expect(403);
    edith.post("keys").await.expect(409);
    assert_eq!(place.tokens().await.len(), 1, "the one that the tenant began with");
    edith.post("single-sign-on/on").await.expect(303);
    edith.makes_a_key().await;
}

#[tokio::test]
async fn poggio_04_the_key_opens_no_other_api_of_the_product() {
    let place = Place::start().await;
    let acme = place.acme(Product::Poggio, json!({})).await;
    let made = place.signed_in("settings/poggio", "edith").await.makes_a_key().await;
    with(&acme, &made).get("/Users").await.expect(200);

    let pages = [
        (Method::GET, "/"),
        (Method::GET, "/settings/poggio"),
        (Method::GET, "/public/v1/members"),
        (Method::POST, "/settings/poggio/keys"),
        (Method::POST, "/settings/poggio/single-sign-on/off"),
        (Method::POST, "/settings/poggio/sign-in/edith"),
        (Method::POST, "/poggio/1/log-in"),
    ];
    for (method, path) in pages {
        for value in [format!("Bearer {}", made.1), made.1.clone()] {
            let answer = page(place.browser(method.clone(), path).header("authorization", value)).await;
            assert_eq!(answer.status, 401, "{method} {path}");
        }
    }
    page(place.browser(Method::GET, "/")).await.expect(200);
    for path in ["/api/v1/sessions", "/api/v1/invitations", "/v1/employees", "/webhooks/poggio"] {
        for host in ["api.poggio.io", "api.secoda.co", "api.applivery.io", "product.example"] {
            let status = place.plugin_api(host, path, &made.1).await;
            // At the host of the webhooks there is no API.
            let expected = if host == "product.example" && path != "/webhooks/poggio" { 421 } else { 401 };
            assert_eq!(status, expected, "{host}{path}");
        }
    }
    let own = &place.product.keys.api[&Product::Secoda];
    assert_eq!(place.plugin_api("api.secoda.co", "/api/v1/invitations", own).await, 400, "a plugin's key is one there");
}

#[tokio::test]
async fn popl_02_the_products_support_alone_hands_the_token_out() {
    let place = Place::start().await;
    let acme = place.acme(Product::Popl, json!({})).await;
    let sam = place.signed_in("support/popl", "sam").await;

    for customer in ["tara", "theo"] {
        let own = place.signed_in("settings/popl", customer).await;
        own.post("keys").await.expect(404);
        let look = own.look().await;
        assert!(look.contains("handed out by Popl&#39;s support") && !look.contains("Make a key"), "{look}");
        let at_support = place.signed_in("support/popl", customer).await;
        let refused = at_support.post("keys").await.expect(403);
        let role = if customer == "tara" { "Tara Lind, team admin" } else { "Theo Baker, member" };
        for told in ["Popl&#39;s support alone makes", role, "href=\"/support/popl\""] {
            assert!(refused.contains(told), "{told}: {refused}");
        }
        assert!(!at_support.look().await.contains("nobody makes them here"));
    }
    place.stranger("support/popl").post("keys").await.expect(401);
    assert_eq!(place.tokens().await.len(), 1, "the one that the tenant began with");
    let made = sam.makes_a_key().await;

    assert_eq!(made.0, acme.base);
    with(&acme, &made).get("/Users").await.expect(200);
    sam.revokes(&made).await.expect(303);
    with(&acme, &made).get("/Users").await.expect(401);
}

/// Ada as a member of Secoda, where provisioning has brought her.
async fn ada_is_a_member() -> (Place, TenantClient, Value) {
    let place = Place::start().await;
    let acme = place.acme(Product::Secoda, json!({})).await;
    let stored = pushed(&acme, &ada()).await;
    place.until("SELECT state FROM secoda_members", &[&["invited"]]).await;
    place.click(&format!("/secoda/{}/signed-in", id_of(&stored))).await;
    place.until("SELECT state, is_listed FROM secoda_members", &[&["active", "1"]]).await;
    (place, acme, stored)
}

fn ada_alone() -> (u16, Value) {
    (200, json!({ "members": [{ "name": "Ada Byron", "email": "ada@example.com", "state": "active" }] }))
}

#[tokio::test]
async fn secoda_02_the_api_key_of_an_admin_opens_scim_and_the_public_api_until_it_is_revoked() {
    let (place, acme, stored) = ada_is_a_member().await;
    let alma = place.signed_in("settings/secoda", "alma").await;

    let made = alma.makes_a_key().await;

    assert_eq!(made.0, acme.base);
    assert_eq!(
        with(&acme, &made).get("/Users").await.expect(200)["Resources"],
        json!([updated_view(&acme, &stored).await])
    );
    assert_eq!(place.members(&made.1).await, ada_alone());
    assert_eq!(place.members("mst_0000").await, (401, Value::Null));
    let member = place.signed_in("settings/secoda", id_of(&stored)).await;
    member.revokes(&made).await.expect(403);
    assert_eq!(place.members(&made.1).await, ada_alone());

    alma.revokes(&made).await.expect(303);

    assert_eq!(with(&acme, &made).get("/Users").await.expect(401), error(401, None, NO_TOKEN));
    assert_eq!(place.members(&made.1).await, (401, Value::Null));
}

/// Ada, as her tenant has her now.
async fn updated_view(acme: &TenantClient, stored: &Value) -> Value {
    acme.get(&format!("/Users/{}", id_of(stored))).await.expect(200)
}

#[tokio::test]
async fn secoda_02_the_api_key_of_a_member_opens_the_public_api_and_is_refused_by_scim() {
    let (place, acme, stored) = ada_is_a_member().await;
    let member = place.signed_in("settings/secoda", id_of(&stored)).await;

    let made = member.makes_a_key().await;

    assert_eq!(made.0, format!("http://{}/public/v1/members", place.product.page), "what it opens");
    assert_eq!(place.members(&made.1).await, ada_alone());
    let (scim, herself) = (acme.with_token(&made.1), format!("/Users/{}", id_of(&stored)));
    let refused = error(403, None, "this token speaks for one user: it opens /Me and discovery only");
    let grace = json!({ "schemas": [USER], "userName": "grace@example.com" });
    for path in ["/Users", &herself, "/Groups"] {
        assert_eq!(scim.get(path).await.expect(403), refused, "{path}");
    }
    assert_eq!(scim.post("/Users", grace.clone()).await.expect(403), refused);
    assert_eq!(scim.put(&herself, grace).await.expect(403), refused);
    let disabled = json!([{ "op": "replace", "value": { "active": false } }]);
    assert_eq!(scim.operations(&herself, disabled).await.expect(403), refused);
    assert_eq!(scim.delete(&herself).await.expect(403), refused);
    assert_eq!(acme.get("/Users").await.expect(200)["totalResults"], 1);

    let second = member.makes_a_key().await;
    member.revokes(&second).await.expect(303);
    assert_eq!(place.members(&second.1).await, (401, Value::Null));
    assert_eq!(acme.with_token(&second.1).get("/Users").await.expect(401), error(401, None, NO_TOKEN));
    updated(&acme, &stored, &Person { active: false, ..ada() }).await;
    place.until("SELECT state FROM secoda_members", &[&["disabled"]]).await;
    assert_eq!(place.members(&made.1).await, (401, Value::Null), "whoever may not sign in has no key either");
    member.post("keys").await.expect(401);
}

#[tokio::test]
async fn level_access_01_an_administrator_of_the_organization_activates_scim_with_single_sign_on_alone() {
    let place = Place::start().await;
    let acme = place.acme(Product::LevelAccess, json!({ "idp": "entra" })).await;
    let orla = place.signed_in("settings/level-access", "orla").await;
    let uma = place.signed_in("settings/level-access", "uma").await;
    orla.post("single-sign-on/off").await.expect(303);

    let refused = orla.post("activation/on").await.expect(409);
    assert!(refused.contains("single sign-on (SAML) has to be configured first"), "{refused}");
    orla.post("single-sign-on/on").await.expect(303);
    for what in ["activation/on", "activation/off", "single-sign-on/off", "keys"] {
        uma.post(what).await.expect(403);
        place.stranger("settings/level-access").post(what).await.expect(401);
    }
    assert_ne!(place.config().await["activated"], true);
    acme.get("/Users").await.expect(403);
    assert!(!uma.look().await.contains("switch on"));
    orla.post("activation/on").await.expect(303);

    assert_eq!(place.config().await, json!({ "idp": "entra", "sso": "saml", "activated": true }));
    acme.get("/Users").await.expect(200);
    orla.post("single-sign-on/off").await.expect(303);
    acme.get("/Users").await.expect(403);
    orla.post("keys").await.expect(409);
}

#[tokio::test]
async fn level_access_03_with_okta_an_administrator_activates_scim_for_saml_alone() {
    let sentence = "with Okta, SCIM can be activated for a SAML integration only";
    let place = Place::start().await;
    let acme = place.acme(Product::LevelAccess, json!({ "idp": "okta" })).await;
    let orla = place.signed_in("settings/level-access", "orla").await;
    place.signed_in("settings/level-access", "uma").await.post("open-id-connect/on").await.expect(403);
    orla.post("open-id-connect/on").await.expect(303);
    assert!(orla.look().await.contains("Single sign-on (OpenID Connect)"));

    let refused = orla.post("activation/on").await.expect(409);

    assert!(refused.contains(sentence), "{refused}");
    acme.get("/Users").await.expect(403);
    orla.post("open-id-connect/off").await.expect(303);
    orla.post("activation/on").await.expect(303);
    assert_eq!(place.config().await, json!({ "idp": "okta", "sso": "saml", "activated": true }));
    acme.get("/Users").await.expect(200);
    // Nor is it had by changing it afterwards.
    let refused = orla.post("open-id-connect/on").await.expect(409);
    assert!(refused.contains(sentence), "{refused}");
    assert!(orla.look().await.contains("Single sign-on (SAML)"));
    assert_eq!(place.config().await["sso"], "saml");
}

#[tokio::test]
async fn level_access_03_with_entra_an_administrator_activates_scim_for_either() {
    let place = Place::start().await;
    let acme = place.acme(Product::LevelAccess, json!({ "idp": "entra" })).await;
    let orla = place.signed_in("settings/level-access", "orla").await;

    for (by, sso) in [("open-id-connect/on", "oidc"), ("open-id-connect/off", "saml")] {
        orla.post(by).await.expect(303);
        orla.post("activation/on").await.expect(303);
        assert_eq!(place.config().await, json!({ "idp": "entra", "sso": sso, "activated": true }));
        acme.get("/Users").await.expect(200);
    }
    orla.post("open-id-connect/on").await.expect(303);
    assert_eq!(place.config().await["sso"], "oidc", "the plugin knows of a change as well");
}

#[tokio::test]
async fn level_access_02_scim_is_toggled_and_then_the_dashboard_generates_url_and_key() {
    let place = Place::start().await;
    let acme = place.acme(Product::LevelAccess, json!({})).await;
    let orla = place.signed_in("settings/level-access", "orla").await;
    let inactive = || error(403, None, "SCIM is not activated for this organization");

    let refused = orla.post("keys").await.expect(409);
    assert!(refused.contains("SCIM has to be activated first"), "{refused}");
    assert_eq!(acme.get("/Users").await.expect(403), inactive());
    orla.post("activation/on").await.expect(303);
    assert!(orla.look().await.contains("<button>Generate SCIM URL and API</button>"));
    let made = orla.makes_a_key().await;

    assert_eq!(made.0, format!("{}/t/acme/scim/v2", place.app.scim), "the organization's own");
    let stored = pushed(&with(&acme, &made), &ada()).await;
    place.until("SELECT id FROM level_access_users", &[&[id_of(&stored)]]).await;
    assert_eq!(acme.at(&made.0).with_token("mst_0000").get("/Users").await.expect(401), error(401, None, NO_TOKEN));
    let look = orla.look().await;
    assert!(look.contains("<td>made by Orla Byrne</td>") && !look.contains(&made.1), "{look}");
    orla.post("activation/off").await.expect(303);
    assert_eq!(with(&acme, &made).get("/Users").await.expect(403), inactive());
}

#[tokio::test]
async fn without_muster_no_key_is_made_and_the_settings_say_why() {
    let place = Place::start().await;
    let edith = place.signed_in("settings/poggio", "edith").await;
    let file = place.product.keys_file.with_file_name("muster.json");
    let mut muster: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    // Nobody listens there.
    muster["admin"] = json!("http://127.0.0.1:1/admin/v1");
    std::fs::write(&file, muster.to_string()).unwrap();

    let refused = edith.post("keys").await.expect(503);

    assert!(refused.contains("Muster was not reached"), "{refused}");
    assert!(edith.look().await.contains("Muster was not reached"));
    std::fs::remove_file(&file).unwrap();
    assert!(edith.post("keys").await.expect(503).contains("muster.json"));
    assert!(place.rows("SELECT id FROM api_keys").is_empty());
}
