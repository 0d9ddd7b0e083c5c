//! Cases that are known to break servers, each by its name. How long each took is printed: milliseconds, whatever the machine.

use std::time::Instant;

use muster_test_harness::{Answer, GROUP, PATCH_OP, TenantClient, TestApp, USER};
use reqwest::Method;
use serde_json::{Value, json};

use super::check;
use super::client::{Answer as Checked, Body, Request, Token};

struct Case<'a> {
    tenant: &'a TenantClient,
    name: &'a str,
}

impl Case<'_> {
    /// Sends a body as it is; the answer, if the status is the expected one and the error as it should be.
    async fn send(&self, method: Method, path: &str, body: impl Into<Vec<u8>>, status: u16) -> Value {
        let body = body.into();
        let began = Instant::now();
        let request = self.tenant.request(method.clone(), path).bearer_auth(&self.tenant.token).body(body.clone());
        let answer = Answer::of(request.header("content-type", "application/scim+json")).await;
        let (bytes, elapsed) = (path.len() + body.len(), began.elapsed());
        println!("{:>10.3?} for {bytes:>8} bytes: {} -> {}", elapsed, self.name, answer.status);
        assert_eq!(answer.status, status, "{}: {}", self.name, answer.text);
        let headers = answer.headers.iter();
        let headers = headers.map(|(name, value)| (name.as_str().to_owned(), value.to_str().unwrap().to_owned()));
        let checked = Checked {
            status: answer.status,
            headers: headers.collect(),
            body: answer.text.clone().into_bytes(),
            json: answer.body.clone(),
        };
        let request = Request {
            method: method.to_string(),
            path: path.to_owned(),
            query: Vec::new(),
            raw_query: None,
            headers: Vec::new(),
            token: Token::Tenant,
            body: Body::Bytes(Vec::new()),
        };
        assert_eq!(check::answer(&request, &checked), Ok(()), "{}: {checked:?}", self.name);
        answer.body
    }
}

fn case<'a>(tenant: &'a TenantClient, name: &'a str) -> Case<'a> {
    Case { tenant, name }
}

fn search(filter: &str) -> String {
    json!({ "filter": filter }).to_string()
}

#[tokio::test]
async fn hostile_filters_are_400_in_milliseconds() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    acme.user("ada").await;

    let many = |text: &str, times: usize| text.repeat(times);
    for (name, filter) in [
        ("100,000 opening parentheses", many("(", 100_000)),
        ("8,000 opening parentheses", many("(", 8_000)),
        ("4,000 pairs of parentheses", format!("{}userName pr{}", many("(", 4_000), many(")", 4_000))),
        ("17 pairs of parentheses", format!("{}userName pr{}", many("(", 17), many(")", 17))),
        ("2,000 times not", format!("{}userName pr", many("not ", 2_000))),
        ("2,000 times not with parentheses", format!("{}userName pr{}", many("not(", 2_000), many(")", 2_000))),
        ("value paths in value paths", format!("{}type pr{}", many("emails[", 1_000), many("]", 1_000))),
        ("129 comparisons", format!("userName pr{}", many(" and userName pr", 128))),
        ("a thousand comparisons", format!("active pr{}", many(" or a pr", 1_000))),
        ("a string that never ends", format!("userName eq \"{}", many("a\\\"", 2_000))),
        ("a name of 8,000 letters", format!("{} eq 1", many("a", 8_000))),
        ("a name of 4,000 points", format!("a{} eq 1", many(".a", 3_900))),
        ("a URN of 4,000 colons", format!("urn{} eq 1", many(":a", 3_900))),
        ("a NUL", "userName eq \"a\\u0000\"".to_owned()),
        ("a lone surrogate", "userName eq \"\\ud800\"".to_owned()),
        ("control characters", "userName eq \u{1}\u{2}\u{3}".to_owned()),
        ("operators only", many("eq ", 2_000)),
        ("brackets only", many("[]", 4_000)),
    ] {
        let refused = case(&acme, name).send(Method::POST, "/Users/.search", search(&filter), 400).await;
        assert_eq!(refused["scimType"], "invalidFilter", "{name}");
    }
    let long = format!("/Users?filter={}", many("%28", 20_000));
    case(&acme, "20,000 parentheses in the URL").send(Method::GET, &long, "", 414).await;
    let fits = format!("/Users?filter={}", many("%28", 5_000));
    case(&acme, "5,000 parentheses in the URL").send(Method::GET, &fits, "", 400).await;
    for (name, filter) in [
        ("letters that fold to eighteen", format!("userName eq \"{}\"", many("\u{FDFA}", 2_500))),
        ("16 pairs of parentheses", format!("{}userName pr{}", many("(", 16), many(")", 16))),
        ("a hundred accents on one letter", format!("displayName co \"a{}\"", many("\u{301}", 3_000))),
    ] {
        case(&acme, name).send(Method::POST, "/Users/.search", search(&filter), 200).await;
    }
}

#[tokio::test]
async fn hostile_json_is_400_or_413_in_milliseconds_wherever_it_is_sent() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let user = format!("/Users/{}", acme.user("ada").await);
    let doubled = |times: usize| format!("{{{}\"z\":0}}", r#""title":"x","#.repeat(times));
    let cases = [
        ("500,000 arrays in each other", "[".repeat(500_000), 400),
        ("100,000 objects in each other", r#"{"a":"#.repeat(100_000), 400),
        ("33 arrays in each other", format!("{{\"title\":{}1{}}}", "[".repeat(32), "]".repeat(32)), 400),
        ("a member twice", doubled(2), 400),
        ("a member 50,000 times", doubled(50_000), 400),
        ("a member twice in two cases", r#"{"userName":"a","USERNAME":"b"}"#.to_owned(), 400),
        ("a member twice by an escape", r#"{"userName":"a","user\u004eame":"b"}"#.to_owned(), 400),
        ("a number of a million digits", format!("{{\"title\":{}}}", "9".repeat(1_000_000)), 400),
        ("a number too large", r#"{"title":1e400}"#.to_owned(), 400),
        ("a lone surrogate", r#"{"userName":"\ud800"}"#.to_owned(), 400),
        ("a NUL", r#"{"userName":"a\u0000b"}"#.to_owned(), 400),
        ("half a text", r#"{"userName":"a"#.to_owned(), 400),
        ("two bodies", r#"{"userName":"a"}{"userName":"b"}"#.to_owned(), 400),
        ("nothing but blanks", " ".repeat(1_000_000), 400),
        ("more than a mebibyte", " ".repeat((1 << 20) + 1), 413),
    ];
    for (method, path) in [
        (Method::POST, "/Users"),
        (Method::PUT, user.as_str()),
        (Method::PATCH, user.as_str()),
        (Method::POST, "/Bulk"),
        (Method::POST, "/.search"),
    ] {
        for (name, body, status) in &cases {
            case(&acme, &format!("{name}, {method} {path}")).send(method.clone(), path, body.as_str(), *status).await;
        }
        case(&acme, &format!("no UTF-8, {method} {path}"))
            .send(method.clone(), path, *b"{\"userName\":\"\xff\xfe\"}", 400)
            .await;
    }
    assert_eq!(app.log("acme").await.len(), 1);
}

#[tokio::test]
async fn hostile_patches_are_400_or_bounded() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let user = format!("/Users/{}", acme.user("ada").await);
    let patch = |operations: Vec<Value>| json!({ "schemas": [PATCH_OP], "Operations": operations }).to_string();
    let replace = |path: &str| json!({ "op": "replace", "path": path, "value": "x" });

    let thousand = |path: &dyn Fn(usize) -> String| patch((0..1000).map(|at| replace(&path(at))).collect());
    case(&acme, "1,000 operations").send(Method::PATCH, &user, thousand(&|_| "title".into()), 200).await;
    case(&acme, "1,001 operations")
        .send(Method::PATCH, &user, patch((0..1001).map(|_| replace("title")).collect()), 400)
        .await;
    let elements = thousand(&|at| format!("emails[type eq \"t{at}\"].value"));
    case(&acme, "1,000 elements, each made by its path").send(Method::PATCH, &user, elements, 400).await;
    let terms = format!("emails[type eq \"work\"{}].value", " and primary eq true".repeat(100));
    case(&acme, "1,000 long filters").send(Method::PATCH, &user, thousand(&|_| terms[..300].to_owned()), 400).await;
    for (name, path) in [
        ("a path of 500,000 letters", "a".repeat(500_000)),
        ("a path of 300,000 points", "a.".repeat(300_000)),
        ("a path of 300,000 colons", "a:".repeat(300_000)),
        ("a path of 100,000 brackets", "emails[".repeat(100_000)),
        ("a path of 100,000 parentheses", format!("emails[{}", "(".repeat(100_000))),
    ] {
        case(&acme, name).send(Method::PATCH, &user, patch(vec![replace(&path)]), 400).await;
    }
    let keys: serde_json::Map<String, Value> = (0..20_000).map(|at| (format!("a{at}.b{at}"), json!("x"))).collect();
    let whole = patch(vec![json!({ "op": "add", "value": keys })]);
    case(&acme, "20,000 unknown keys").send(Method::PATCH, &user, whole, 200).await;
    let entry = json!({ "value": "x", "type": "y" });
    let list = patch(vec![json!({ "op": "add", "path": "emails", "value": vec![entry; 20_000] })]);
    case(&acme, "20,000 elements").send(Method::PATCH, &user, list, 400).await;
}

#[tokio::test]
async fn hostile_resources_are_refused_or_bounded() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let user = |name: &str| json!({ "schemas": [USER], "userName": name }).to_string();

    case(&acme, "a name of a million letters").send(Method::POST, "/Users", user(&"a".repeat(1_000_000)), 400).await;
    case(&acme, "a name that folds to eighteen times its length")
        .send(Method::POST, "/Users", user(&"\u{FDFA}".repeat(300)), 201)
        .await;
    case(&acme, "a name nobody sees").send(Method::POST, "/Users", user("a\u{200B}"), 400).await;
    let members: Vec<Value> = (0..20_000).map(|at| json!({ "value": format!("x{at}") })).collect();
    let group = json!({ "schemas": [GROUP], "displayName": "Engines", "members": members }).to_string();
    case(&acme, "20,000 members who do not exist").send(Method::POST, "/Groups", group, 201).await;
    let schemas: Vec<String> = (0..30_000).map(|at| format!("urn:x:{at}")).collect();
    let many = json!({ "schemas": schemas, "userName": "bob" }).to_string();
    case(&acme, "30,000 schemas").send(Method::POST, "/Users", many, 201).await;
    let attributes = format!("/Users?attributes={}", "emails.value,".repeat(1_200));
    case(&acme, "1,200 wanted attributes").send(Method::GET, &attributes, "", 200).await;
}

#[tokio::test]
async fn hostile_bulk_requests_are_refused_or_bounded() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let group = |at: usize, members: Vec<String>| {
        let data = json!({ "displayName": format!("Group {at}"), "members": members });
        json!({ "method": "POST", "path": "/Groups", "bulkId": at.to_string(), "data": data })
    };
    let bulk = |operations: Vec<Value>| json!({ "Operations": operations }).to_string();

    let unknown = vec![group(0, (0..60_000).map(|at| format!("bulkId:x{at}")).collect())];
    let told = case(&acme, "60,000 references to nothing").send(Method::POST, "/Bulk", bulk(unknown), 200).await;
    assert_eq!(told["Operations"][0]["status"], "400");
    let itself = vec![group(0, vec!["bulkId:0".to_owned(); 60_000])];
    let told = case(&acme, "60,000 references to itself").send(Method::POST, "/Bulk", bulk(itself), 200).await;
    assert_eq!(told["Operations"][0]["status"], "201");
    let ring =
        |count: usize| (0..count).map(|at| group(at + 1, vec![format!("bulkId:{}", (at + 1) % count + 1)])).collect();
    let told = case(&acme, "a circle of 200 groups").send(Method::POST, "/Bulk", bulk(ring(200)), 200).await;
    assert!(told["Operations"].as_array().unwrap().iter().all(|operation| operation["status"] == "201"));
    let named: Vec<Value> = (0..1000)
        .map(|at| {
            let data = json!({ "userName": format!("bulkId:{}", (at + 1) % 1000) });
            json!({ "method": "POST", "path": "/Users", "bulkId": at.to_string(), "data": data })
        })
        .collect();
    let told =
        case(&acme, "a circle of 1,000 that cannot be broken").send(Method::POST, "/Bulk", bulk(named), 200).await;
    assert!(told["Operations"].as_array().unwrap().iter().all(|operation| operation["status"] == "409"));
    let path = format!("members[{}]", "value eq \"bulkId:x\" or ".repeat(20_000));
    let patch = json!({ "Operations": [{ "op": "remove", "path": path }] });
    let paths = vec![json!({ "method": "PATCH", "path": "/Groups/1", "data": patch })];
    case(&acme, "20,000 references in one path").send(Method::POST, "/Bulk", bulk(paths), 200).await;
    case(&acme, "1,001 operations").send(Method::POST, "/Bulk", bulk(vec![json!({}); 1001]), 413).await;
    case(&acme, "300,000 operations").send(Method::POST, "/Bulk", bulk(vec![json!({}); 300_000]), 413).await;
}
