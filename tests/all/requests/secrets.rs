//! What is not in the request log: not in an answer, and not in a file.

use muster_test_harness::{ENTERPRISE, PATCH_OP, TenantClient, TestApp, USER};
use reqwest::Method;
use serde_json::{Value, json};

use super::{asked, files, holds, whole};
use crate::faults::size;
use crate::numbered::Dice;

/// Planted wherever a request has room for it; every one of them begins with this.
const PLANTED: &str = "zyx";

/// Sends requests that have what must not be kept in every place that a request has.
async fn plant(tenant: &TenantClient, id: &str) {
    let token = tenant.token.clone();
    let send = async |method: Method, path: &str, body: Option<String>| {
        let mut request = tenant.request(method, path).header("x-api-key", "zyx-key").header("cookie", "zyx=cookie");
        request = request.header("referer", "https://zyx.example/").header("x-employee", "zyx-employee");
        request = request.header("user-agent", format!("agent Bearer {token}")).bearer_auth(&token);
        if let Some(body) = body {
            request = request.header("content-type", "application/scim+json").body(body);
        }
        tenant.send(request).await
    };
    let unretained = json!({
        "schemas": [USER, ENTERPRISE], "userName": "ada@example.com", "password": "zyx-password", "title": "zyx-title",
        "nickName": "zyx-nick", "phoneNumbers": [{ "value": "zyx-phone", "type": "work" }],
        "photos": [{ "value": "https://photos.example/zyx.png", "type": "photo" }],
        ENTERPRISE: { "employeeNumber": "zyx-number", "manager": { "value": "zyx-manager" } },
        "urn:example:unknown:2.0:User": { "badge": "zyx-badge" }, "accessToken": "zyx-access", "displayName": token.clone(),
        "zyx@example.com": "zyx-name",
    });
    send(Method::POST, "/Users", Some(unretained.to_string())).await;
    send(Method::PUT, &format!("/Users/{id}"), Some(unretained.to_string())).await;
    let operations = json!([
        { "op": "replace", "path": "title", "value": "zyx-title" },
        { "op": "replace", "path": "password", "value": "zyx-password" },
        { "op": "add", "path": "phoneNumbers[value eq \"zyx-phone\"].display", "value": "zyx-display" },
        { "op": "add", "value": { "nickName": "zyx-nick", "un.known": "zyx" } },
    ]);
    send(
        Method::PATCH,
        &format!("/Users/{id}"),
        Some(json!({ "schemas": [PATCH_OP], "Operations": operations }).to_string()),
    )
    .await;
    let filter = "title%20eq%20%22zyx-title%22%20or%20password%20eq%20%22zyx-password%22";
    send(Method::GET, &format!("/Users?filter={filter}&access_token={token}&who=zyx&sortBy=zyx-sort"), None).await;
    send(Method::GET, "/Users?filter=zyx%20zyx%20zyx&attributes=zyx@example.com&cursor=zyx&count=zyx", None).await;
    send(Method::GET, "/Users/zyx@example.com", None).await;
    send(Method::GET, &format!("/Users/{token}"), None).await;
    send(Method::GET, "/zyx@example.com/zyx/zyx", None).await;
    send(Method::POST, "/Users", Some("{ \"userName\": \"zyx-broken\"".to_owned())).await;
    send(Method::POST, "/Users", Some("zyx is no JSON".to_owned())).await;
    let search = json!({ "filter": "nickName co \"zyx-nick\"", "extra": "zyx", "sortBy": "zyx@example.com" });
    send(Method::POST, "/Users/.search", Some(search.to_string())).await;
    let bulk = json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], "extra": 1, "Operations": [
        { "method": "POST", "path": "/Users", "bulkId": "zyx@example.com", "data": unretained },
        { "method": "PATCH", "path": "/Users/zyx@example.com", "data": { "Operations": operations } },
        { "method": "zyx", "path": "zyx", "version": "zyx", "data": "zyx", "extra": "zyx" },
    ] });
    send(Method::POST, "/Bulk", Some(bulk.to_string())).await;
    send(Method::from_bytes(b"ZYX").unwrap(), "/Users", None).await;
}

#[tokio::test]
async fn no_secret_and_nothing_that_the_plugin_does_not_retain_is_in_any_file_of_the_log() {
    let mut app = TestApp::start().await;
    let mut tokens = vec!["mst_".to_owned()];
    // The second serves bulk requests.
    for plugin in ["poggio", "secoda"] {
        let tenant = app.tenant_with(plugin, plugin, json!({})).await;
        let id = tenant.user("ada@example.com").await;

        plant(&tenant, &id).await;

        let told = asked(&app, plugin, "limit=1000").await;
        assert!(told.len() >= 14, "{}", told.len());
        for request in &told {
            let id = request["request"].as_str().unwrap();
            let text = app.admin_get(&format!("/tenants/{plugin}/requests/{id}")).await.expect(200).to_string();
            assert!(!text.contains(PLANTED) && !text.contains(&tenant.token), "{text}");
            assert!(!request.to_string().contains(PLANTED), "{request}");
        }
        tokens.push(tenant.token);
    }
    app.stop().await;
    let files = files(&app.data().join("requests"));
    assert!(files.iter().all(|(_, bytes)| holds(bytes, "ada@example.com")), "what is retained is there");
    for (path, bytes) in files {
        let text = String::from_utf8(bytes).unwrap();
        for secret in tokens.iter().map(String::as_str).chain([PLANTED]) {
            let line = text.lines().find(|line| line.contains(secret));
            assert_eq!(line, None, "{secret} in {}", path.display());
        }
    }
}

#[tokio::test]
async fn a_tenant_may_keep_no_values_at_all() {
    let mut app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let set = app.admin_put("/tenants/acme/retention", json!({ "requests_values": "hidden" })).await.expect(200);
    assert_eq!(set["requests_values"], "hidden");

    let user = json!({ "schemas": [USER], "userName": "zyx@example.com", "active": true, "externalId": "zyx", "title": "zyx", "emails": [{ "value": "zyx@example.com", "primary": true }] });
    let made = acme.post("/Users", user).await;
    let id = made.body["id"].as_str().unwrap().to_owned();
    acme.find("/Users", "userName eq \"zyx@example.com\" and active eq true").await.expect(200);
    acme.post("/Groups", json!({ "displayName": "zyx", "members": [{ "value": id, "display": "zyx" }] }))
        .await
        .expect(201);
    let taken = acme.post("/Users", json!({ "schemas": [USER], "userName": "zyx@example.com" })).await;
    assert_eq!(taken.status, 409);

    let kept = whole(&app, "acme", &made).await;
    assert_eq!(kept["sent"]["body"]["json"]["active"], true);
    assert_eq!(kept["sent"]["body"]["json"]["userName"], "<text of 15 characters>");
    assert_eq!(kept["decision"]["outcome"]["mapped"]["state"], "active", "what the plugin made of it is told");
    let told = asked(&app, "acme", "").await;
    assert_eq!(told.len(), 4);
    let group =
        app.admin_get(&format!("/tenants/acme/requests/{}", told[1]["request"].as_str().unwrap())).await.expect(200);
    assert_eq!(group["sent"]["body"]["json"]["members"][0]["value"], json!(id));
    app.stop().await;
    let files = files(&app.data().join("requests"));
    assert!(!files.is_empty());
    assert!(files.iter().all(|(_, bytes)| !holds(bytes, PLANTED)));
}

#[tokio::test]
async fn a_plugins_own_words_repeat_nothing_that_is_not_kept() {
    let app = TestApp::start().await;
    let acme = app.tenant_with_guest("acme", "rejects").await;
    app.admin_put("/tenants/acme/retention", json!({ "requests_values": "hidden" })).await.expect(200);
    let refused = acme.post("/Users", json!({ "schemas": [USER], "userName": "ada" })).await;
    assert_eq!(refused.body["detail"], "userName is reserved by this guest");
    let kept = whole(&app, "acme", &refused).await;
    let words = json!("<text of 34 characters>");
    assert_eq!((&kept["detail"], &kept["decision"]["outcome"]["rejected"]["detail"]), (&words, &words));
}

#[tokio::test]
async fn what_has_no_tenant_is_counted_and_kept_nowhere() {
    let mut app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let named = acme.at(&format!("{}/t/acme/scim/v2", app.scim));
    for client in [&acme.with_token("zyx"), &named.with_token("zyx")] {
        client.get("/Users?filter=userName%20eq%20%22zyx%22").await.expect(401);
    }
    let metrics = app.admin_request(Method::GET, "/metrics").send().await.unwrap().text().await.unwrap();
    assert!(metrics.lines().any(|line| line.starts_with("muster_requests_total") && line.contains("401")), "{metrics}");
    assert_eq!(asked(&app, "acme", "").await, Vec::<Value>::new());
    app.stop().await;
    assert!(files(&app.data().join("requests")).is_empty());
}

/// What a secret looks like: long enough to be none by chance, and different each time.
fn secret(dice: &mut Dice) -> String {
    let length = 16 + dice.index(20);
    let letters: Vec<u8> =
        (0..length).map(|_| b"abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"[dice.index(55)]).collect();
    format!("zyx{}", String::from_utf8(letters).unwrap())
}

/// A value that nobody may keep: no text where a text is retained, for that would be accepted.
fn value(dice: &mut Dice, secret: &str) -> Value {
    match dice.below(4) {
        0 => json!([[secret]]),
        1 => json!({ secret: secret }),
        2 => json!([{ secret: [secret] }, { "value": { "password": secret } }]),
        _ => json!([[{ "value": secret }]]),
    }
}

/// A path of an attribute that the tenant does not keep, with the secret as a name or as a literal.
fn path(dice: &mut Dice, secret: &str) -> String {
    let paths = [
        secret.to_owned(),
        format!("emails.{secret}"),
        format!("{secret}[value eq \"{secret}\"].value"),
        format!("emails[value.password eq \"{secret}\"].value"),
        format!("emails[{secret} eq \"a\"].value"),
        format!("emails[type eq \"work\"].{secret}"),
        format!("emails[primary eq \"{secret}\"]"),
        format!("active[value eq \"{secret}\"]"),
        format!("phoneNumbers[value eq \"{secret}\"].display"),
        format!("urn:{secret}:2.0:User:title"),
        format!("{ENTERPRISE}:{secret}"),
        format!("password eq \"{secret}\""),
    ];
    paths[dice.index(paths.len())].clone()
}

fn resource(dice: &mut Dice, secret: &str) -> Value {
    let mut body = json!({ "schemas": [USER], "userName": format!("ada{}@example.com", dice.below(1 << 40)) });
    for _ in 0..=dice.below(3) {
        let (name, value) = match dice.below(12) {
            0 => ("schemas".to_owned(), json!([USER, format!("urn:{secret}")])),
            1 => ("active".to_owned(), json!(secret)),
            2 => (secret.to_owned(), json!(secret)),
            3 => (format!("urn:{secret}:2.0:User"), json!({ secret: 1 })),
            4 => ("title".to_owned(), json!(secret)),
            5 => ("password".to_owned(), json!(secret)),
            6 => ("emails".to_owned(), json!([{ "value": "ada@example.com", "primary": secret, secret: secret }])),
            7 => (ENTERPRISE.to_owned(), json!({ "employeeNumber": secret, secret: secret })),
            8 => ("meta".to_owned(), json!({ "version": secret, "resourceType": secret })),
            9 => (format!("emails.{secret}"), json!(secret)),
            10 => ("id".to_owned(), json!(secret)),
            _ => ("userName".to_owned(), value(dice, secret)),
        };
        body[name] = value;
    }
    body
}

fn patch(dice: &mut Dice, secret: &str) -> Value {
    let operation = match dice.below(4) {
        0 => json!({ "op": secret, "path": "title", "value": secret }),
        1 => json!({ "op": "replace", "value": resource(dice, secret), secret: secret }),
        2 => json!({ "op": "add", "path": path(dice, secret), "value": value(dice, secret) }),
        _ => json!({ "op": "remove", "path": path(dice, secret) }),
    };
    json!({ "schemas": [PATCH_OP], "Operations": [operation], secret: secret })
}

/// A request that has the secret somewhere.
async fn send_one(tenant: &TenantClient, id: &str, dice: &mut Dice, secret: &str) {
    let endpoint = ["Users", "Groups", "Me", "Bulk", secret][dice.index(5)];
    let at = match dice.below(6) {
        0 => format!("/{secret}"),
        1 => format!("/{endpoint}/{secret}"),
        2 => format!("/{endpoint}/{id}/{secret}"),
        3 => format!("/{endpoint}/.search"),
        4 => format!("/Users/{id}"),
        _ => format!("/{endpoint}"),
    };
    let encoded = |text: &str| {
        text.replace('%', "%25").replace(' ', "%20").replace('"', "%22").replace('[', "%5B").replace(']', "%5D")
    };
    let query = match dice.below(6) {
        0 => format!("?filter={}", encoded(&format!("{} or {secret} pr", path(dice, secret)))),
        1 => format!("?filter={}", encoded(&path(dice, secret))),
        2 => format!("?{secret}={secret}&access_token={secret}"),
        3 => format!("?attributes=userName,{secret}&excludedAttributes={secret}&sortBy={secret}&sortOrder={secret}"),
        4 => format!("?count={secret}&startIndex={secret}&cursor={secret}"),
        _ => String::new(),
    };
    let methods =
        [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::from_bytes(b"QRST").unwrap()];
    let method = methods[dice.index(methods.len())].clone();
    let body = match dice.below(7) {
        0 => Some(resource(dice, secret).to_string()),
        1 => Some(patch(dice, secret).to_string()),
        2 => {
            let data = if dice.below(2) == 0 { resource(dice, secret) } else { patch(dice, secret) };
            let operation = json!({
                "method": (["POST", "PATCH", "PUT", secret][dice.index(4)]), "path": format!("/Users/{}", [id, secret][dice.index(2)]),
                "bulkId": secret, "version": format!("W/\"{secret}\""), "data": data, secret: secret,
            });
            let schemas = ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"];
            Some(json!({ "schemas": schemas, "Operations": [operation], "failOnErrors": secret, secret: 1 }).to_string())
        }
        3 => Some(json!({ "schemas": [secret], "filter": path(dice, secret), "sortBy": secret, "count": secret, secret: secret }).to_string()),
        4 => Some(format!("{{ \"{secret}\": 1, \"{secret}\": 2 }}")),
        5 => Some(format!("{secret} {{ \"userName\": \"{secret}\"")),
        _ => None,
    };
    let mut request = tenant.request(method, &format!("{at}{query}")).bearer_auth(&tenant.token);
    // What programs call themselves is told as far as it is short.
    let long = format!("{secret}{secret}");
    let headers = [
        ("accept", secret),
        ("if-match", secret),
        ("if-none-match", secret),
        ("user-agent", &long),
        ("cookie", secret),
    ];
    let (name, value) = headers[dice.index(headers.len())];
    request = request.header(name, value).header(secret, secret);
    let media = if dice.below(8) == 0 {
        format!("application/{secret}; x={secret}")
    } else {
        "application/scim+json".to_owned()
    };
    if let Some(body) = body {
        request = request.header("content-type", media).body(body);
    }
    tenant.send(request).await;
}

#[tokio::test]
async fn wherever_a_secret_is_planted_it_does_not_stand_in_the_log() {
    let mut app = TestApp::start().await;
    let mut dice = Dice::new(11);
    let (mut planted, mut kept) = (0, 0);
    for plugin in ["poggio", "secoda"] {
        let tenant = app.tenant_with(plugin, plugin, json!({})).await;
        let id = tenant.user("ada@example.com").await;
        for _ in 0..size("SECRETS_PLANTED") / 2 {
            let secret = secret(&mut dice);
            send_one(&tenant, &id, &mut dice, &secret).await;
            planted += 1;
        }
    }
    app.stop().await;
    let mut found = Vec::new();
    for (_, bytes) in files(&app.data().join("requests")) {
        for line in String::from_utf8(bytes).unwrap().lines() {
            kept += 1;
            if line.to_lowercase().contains(PLANTED) {
                found.push(line.to_owned());
            }
        }
    }
    println!("requests with a secret {planted}, entries {kept}, with a secret in them {}", found.len());
    assert!(found.is_empty(), "{} of {planted}, as {:#?}", found.len(), found.iter().take(5).collect::<Vec<_>>());
    assert!(kept > planted / 3, "{kept} of {planted}: the requests were those of the tenants");
}
