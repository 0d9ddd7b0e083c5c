//! Every rule of the table: a request that needs it is accepted and told by default, and refused by name where it is not tolerated.

use std::collections::BTreeSet;

use muster_test_harness::{Answer, ENTERPRISE, PATCH_OP, TenantClient, TestApp, USER};
use reqwest::Method;
use serde_json::{Value, json};

use super::{OFFICE, People, Request, find, get, patch, people, post, put, tenant, trailed};

const BULK: &str = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";
const RFC: &str = "strict-rfc";
const INTEROP: &str = "strict-interop";

/// A request that needs one rule.
#[derive(Debug)]
struct Case {
    rule: &'static str,
    request: Request,
    /// The profile that does not tolerate the rule, the `scimType` of its answer, and what stands in the `detail`. `None`: all do.
    refused: Option<(&'static str, &'static str, &'static str)>,
}

const fn refused(rule: &'static str, request: Request, scim_type: &'static str, detail: &'static str) -> Case {
    Case { rule, request, refused: Some((RFC, scim_type, detail)) }
}

const fn tolerated(rule: &'static str, request: Request) -> Case {
    Case { rule, request, refused: None }
}

fn user(different: Value) -> Request {
    let mut body = json!({ "schemas": [USER], "userName": "eda@example.com" });
    body.as_object_mut().unwrap().extend(different.as_object().unwrap().clone());
    post("/Users", body)
}

fn on_ada(operation: Value) -> Request {
    patch("/Users/{ada}", json!([operation]))
}

fn on_group(operation: Value) -> Request {
    patch("/Groups/{group}", json!([operation]))
}

fn bulk(operation: Value) -> Request {
    post("/Bulk", json!({ "schemas": [BULK], "Operations": [operation] }))
}

fn values() -> Vec<Case> {
    let replace = |path: &str, value: Value| on_ada(json!({ "op": "replace", "path": path, "value": value }));
    let add = |path: &str, value: Value| on_ada(json!({ "op": "add", "path": path, "value": value }));
    let manager = format!("{ENTERPRISE}:manager");
    vec![
        refused("boolean-as-text", replace("active", json!("False")), "invalidValue", "active must be a boolean"),
        refused("boolean-as-number", replace("active", json!(0)), "invalidValue", "active must be a boolean"),
        refused(
            "number-as-text",
            replace(&format!("{OFFICE}:floor"), json!("3")),
            "invalidValue",
            "floor must be a number",
        ),
        refused(
            "text-as-number",
            replace(&format!("{ENTERPRISE}:employeeNumber"), json!(1815)),
            "invalidValue",
            "employeeNumber must be a string",
        ),
        tolerated("json-as-text", add("roles", json!([{ "value": "{\"value\":\"Admin\"}" }]))),
        refused("manager-as-text", replace(&manager, json!("{ada}")), "invalidValue", "manager must be an object"),
        refused(
            "member-as-text",
            on_group(json!({ "op": "add", "path": "members", "value": ["{ada}"] })),
            "invalidValue",
            "members must be an object",
        ),
        refused("element-as-text", add("roles", json!(["editor"])), "invalidValue", "roles must be an object"),
        refused("list-as-single", user(json!({ "roles": { "value": "x" } })), "invalidValue", "roles must be an array"),
        refused(
            "single-as-list",
            replace(&manager, json!([{ "value": "{ada}" }])),
            "invalidValue",
            "must be an object",
        ),
        tolerated("null-dropped", replace("title", json!(null))),
        tolerated("empty-text-dropped", replace("title", json!(""))),
        tolerated("canonical-case", add("emails", json!([{ "value": "b@example.com", "type": "Home" }]))),
        refused(
            "not-canonical",
            add("emails", json!([{ "value": "b@example.com", "type": "untyped" }])),
            "invalidValue",
            "emails.type must be one of its canonical values",
        ),
        refused("not-a-uri", replace("profileUrl", json!("see intranet")), "invalidValue", "profileUrl must be a URI"),
        refused(
            "reference-elsewhere",
            replace(&manager, json!({ "value": "x", "$ref": "https://scim.example.test/Groups/x" })),
            "invalidValue",
            "must lead to a resource of a type that the schema names",
        ),
        refused(
            "primary-repeated",
            user(json!({ "emails": [{ "value": "a", "primary": true }, { "value": "b", "primary": true }] })),
            "invalidValue",
            "emails may have one primary element",
        ),
        tolerated("formatted-recomputed", replace("name.familyName", json!("Lovelace"))),
    ]
}

fn names() -> Vec<Case> {
    let replace = |path: &str| on_ada(json!({ "op": "replace", "path": path, "value": "x" }));
    vec![
        refused("unknown-attribute-dropped", replace("favouriteColour"), "invalidSyntax", "favouriteColour is not an"),
        refused(
            "unknown-schema-dropped",
            user(json!({ "schemas": [USER, "urn:acme"] })),
            "invalidSyntax",
            "schemas names a schema that this resource does not have",
        ),
        refused(
            "schemas-omitted",
            post("/Users", json!({ "userName": "eda@example.com" })),
            "invalidSyntax",
            "schemas must name the schema of the resource",
        ),
        tolerated("extension-unlisted", user(json!({ ENTERPRISE: { "department": "Analysis" } }))),
        tolerated(
            "read-only-ignored",
            put("/Users/{ada}", json!({ "schemas": [USER], "id": "x", "userName": "eda@example.com" })),
        ),
        refused("read-only-patched", replace("id"), "mutability", "id is read-only"),
        tolerated("password-dropped", replace("password")),
        tolerated("attribute-name-case", replace("Title")),
        refused(
            "core-urn-unwrapped",
            user(json!({ USER: { "title": "x" } })),
            "invalidSyntax",
            "URN of the core schema",
        ),
        refused(
            "legacy-enterprise-urn",
            replace("urn:scim:schemas:extension:enterprise:2.0:department"),
            "invalidSyntax",
            "is named by a URN of before SCIM 2.0",
        ),
        refused("legacy-dot", replace(&format!("{ENTERPRISE}.department")), "invalidPath", "stands behind a dot"),
        refused("urn-omitted", replace("department"), "invalidPath", "department must be named with the URN"),
        refused(
            "dotted-key",
            user(json!({ "name.givenName": "Eda" })),
            "invalidSyntax",
            "name.givenName is a path where the name of an attribute belongs",
        ),
    ]
}

fn messages() -> Vec<Case> {
    let title = json!({ "op": "replace", "path": "title", "value": "x" });
    let without = json!({ "Operations": [title] });
    vec![
        refused(
            "op-case",
            on_ada(json!({ "op": "Replace", "path": "title", "value": "x" })),
            "invalidSyntax",
            "Operations.op must be written in lower case",
        ),
        Case {
            rule: "pathless-patch",
            request: on_ada(json!({ "op": "replace", "value": { "title": "x" } })),
            refused: Some((INTEROP, "invalidPath", "is required")),
        },
        tolerated("path-blank", on_ada(json!({ "op": "replace", "path": " title ", "value": "x" }))),
        refused(
            "element-created",
            on_ada(json!({ "op": "replace", "path": "emails[type eq \"home\"].value", "value": "b@example.com" })),
            "noTarget",
            "has no such element",
        ),
        tolerated(
            "selector-kept",
            on_ada(
                json!({ "op": "replace", "path": "emails[type eq \"work\"]", "value": { "value": "b@example.com" } }),
            ),
        ),
        tolerated(
            "emptied-element-removed",
            on_ada(json!({ "op": "remove", "path": "emails[type eq \"work\"].value" })),
        ),
        refused(
            "remove-by-value",
            on_group(json!({ "op": "remove", "path": "members", "value": [{ "value": "{boss}" }] })),
            "invalidValue",
            "members is removed by its path alone",
        ),
        refused(
            "replace-without-value",
            on_ada(json!({ "op": "replace", "path": "title" })),
            "invalidValue",
            "is required",
        ),
        refused(
            "message-without-schemas",
            Request::new(Method::PATCH, "/Users/{ada}", Some(without)),
            "invalidSyntax",
            "schemas must name the schema of the message",
        ),
        refused(
            "extra-member",
            on_ada(json!({ "op": "replace", "path": "title", "value": "x", "name": "setTitle" })),
            "invalidSyntax",
            "Operations.name is not a member of this message",
        ),
        tolerated(
            "unknown-member-ignored",
            on_group(json!({ "op": "add", "path": "members", "value": [{ "value": "gone" }] })),
        ),
        refused(
            "bulk-method-case",
            bulk(json!({ "method": "delete", "path": "/Users/{ada}" })),
            "invalidValue",
            "must be written in upper case",
        ),
        refused(
            "bulk-id-missing",
            bulk(
                json!({ "method": "POST", "path": "/Users", "data": { "schemas": [USER], "userName": "eda@example.com" } }),
            ),
            "invalidValue",
            "is required for a POST",
        ),
        refused(
            "bulk-path-form",
            bulk(json!({ "method": "DELETE", "path": "Users/{ada}" })),
            "invalidValue",
            "must be relative to the base URL",
        ),
    ]
}

fn filters() -> Vec<Case> {
    let refused = |rule, filter, detail| refused(rule, find("/Users", filter), "invalidFilter", detail);
    let interop =
        |case: Case| Case { refused: case.refused.map(|(_, scim_type, told)| (INTEROP, scim_type, told)), ..case };
    vec![
        refused(
            "bare-value",
            "userName eq ada",
            "a value must be in quotes, or be true, false, null or a number at character 13",
        ),
        refused(
            "value-path-continued",
            "emails[type eq \"work\"].value eq \"ada@example.com\"",
            "nothing may follow a value path but 'and' or 'or' at character 23",
        ),
        interop(refused("sub-attribute-implied", "emails eq \"ada@example.com\"", "must be compared by one of its")),
        refused("not-without-parentheses", "not title pr", "the parentheses of 'not' are missing at character 5"),
        interop(refused(
            "beyond-eq-and",
            "userName sw \"a\"",
            "only 'eq' and 'and' are served to this tenant at character 10",
        )),
        tolerated("keyword-case", find("/Users", "userName Eq \"ada@example.com\"")),
    ]
}

fn around() -> Vec<Case> {
    let plain = post("/Users", json!({ "schemas": [USER], "userName": "eda@example.com" }));
    let attributes = vec![("attributes", "emails[type eq \"work\"]".to_owned())];
    vec![
        tolerated("value-path-as-attribute", Request { query: attributes, ..get("/Users/{ada}") }),
        tolerated("parameter-case", get("/Users?StartIndex=1")),
        tolerated("query-debris", get("/Users?count=1&")),
        tolerated("feature-flag", get("/Users?aadOptscim062020&count=1")),
        tolerated("slashes-folded", get("/Users/")),
        tolerated("content-type-other", Request { content_type: "application/json", ..plain }),
        tolerated("token-form", Request { scheme: "", ..get("/Users/{ada}") }),
    ]
}

fn cases() -> Vec<Case> {
    [values(), names(), messages(), filters(), around()].into_iter().flatten().collect()
}

/// What was answered to the one operation of a bulk request, or to a request that is none.
fn answered(answer: &Answer) -> (u64, Value) {
    let own = (u64::from(answer.status), answer.body.clone());
    let Some(operation) = answer.body["Operations"].get(0) else { return own };
    (operation["status"].as_str().unwrap().parse().unwrap(), operation["response"].clone())
}

#[tokio::test]
async fn there_is_a_case_for_every_rule_and_it_knows_whether_a_profile_may_refuse_it() {
    let app = TestApp::start().await;
    let table = app.admin_get("/profiles").await.expect(200);
    let rules: BTreeSet<(&str, bool)> = table["rules"]
        .as_array()
        .unwrap()
        .iter()
        .map(|rule| (rule["name"].as_str().unwrap(), rule["refusable"].as_bool().unwrap()))
        .collect();
    let cases = cases();
    let mut told: BTreeSet<(&str, bool)> = cases.iter().map(|case| (case.rule, case.refused.is_some())).collect();
    assert_eq!(told.len(), cases.len(), "each once");
    // The plugin of these tests keeps everything: see `what_the_plugin_does_not_keep_is_told`.
    told.insert(("not-retained", false));
    assert_eq!(told, rules);
}

#[tokio::test]
async fn what_the_plugin_does_not_keep_is_told() {
    let app = TestApp::start().await;
    let acme = app.tenant_with("acme", "poggio", json!({})).await;
    let body = json!({
        "schemas": [USER, ENTERPRISE],
        "userName": "ada@example.com",
        "name": { "givenName": "Ada", "formatted": "Ada Byron" },
        "emails": [{ "value": "ada@example.com" }],
        ENTERPRISE: { "department": "Analysis" },
    });

    let made = acme.post("/Users", body).await;

    let left_out = |rewrites: &Value| {
        let told = rewrites.as_array().unwrap().iter().filter(|told| told["rule"] == "not-retained");
        told.map(|told| told["path"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let expected = ["name.givenName".to_owned(), "emails".to_owned(), ENTERPRISE.to_owned()];
    assert_eq!(left_out(&app.log("acme").await[0]["rewrites"]), expected);
    assert_eq!(left_out(&trailed(&app, "acme", &made).await["rewrites"]), expected);
}

#[tokio::test]
async fn by_default_what_needs_a_rule_is_accepted_and_the_trail_says_so() {
    let app = TestApp::start().await;
    let acme = tenant(&app, "default").await;
    for (number, case) in cases().into_iter().enumerate() {
        let people = people(&acme, number).await;
        let answer = case.request.send(&acme, &people).await;
        let (status, body) = answered(&answer);
        assert!((200..300).contains(&status), "{}: {status} {body}", case.rule);

        let kept = trailed(&app, "default", &answer).await;
        let told: Vec<&str> = rules_of(&kept);
        if case.rule == "beyond-eq-and" {
            assert!(told.is_empty(), "what the RFC has is nothing to tell of");
        } else {
            assert!(told.contains(&case.rule), "{}: {kept}", case.rule);
        }
        assert_eq!(kept["status"], json!(answer.status));
        forget(&acme, &people).await;
    }
}

#[tokio::test]
async fn a_profile_that_does_not_tolerate_a_rule_refuses_by_name_and_writes_nothing() {
    let app = TestApp::start().await;
    let (rfc, interop) = (tenant(&app, RFC).await, tenant(&app, INTEROP).await);
    for (number, case) in cases().into_iter().enumerate() {
        let Some((profile, scim_type, detail)) = case.refused else { continue };
        let acme = if profile == RFC { &rfc } else { &interop };
        let people = people(acme, number).await;
        let before = state(&app, acme, profile, &people).await;

        let answer = case.request.send(acme, &people).await;

        let (status, body) = answered(&answer);
        assert_eq!((status, &body["scimType"]), (400, &json!(scim_type)), "{}: {body}", case.rule);
        let told = body["detail"].as_str().unwrap();
        assert!(told.contains(detail), "{}: {told}", case.rule);
        assert_eq!(state(&app, acme, profile, &people).await, before, "{}", case.rule);
    }
}

#[tokio::test]
async fn what_every_profile_tolerates_the_strictest_does_too() {
    let app = TestApp::start().await;
    let interop = tenant(&app, INTEROP).await;
    for (number, case) in cases().into_iter().enumerate().filter(|(_, case)| case.refused.is_none()) {
        let people = people(&interop, number).await;
        let answer = case.request.send(&interop, &people).await;
        let (status, body) = answered(&answer);
        assert!((200..300).contains(&status), "{}: {status} {body}", case.rule);
        let kept = trailed(&app, INTEROP, &answer).await;
        assert!(rules_of(&kept).contains(&case.rule), "{}: {kept}", case.rule);
        forget(&interop, &people).await;
    }
}

#[tokio::test]
async fn the_log_tells_what_was_forgiven_of_what_was_stored() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let user = acme.user("ada@example.com").await;
    let body = json!({
        "schemas": [PATCH_OP],
        "Operations": [
            { "op": "Replace", "path": "active", "value": "False" },
            { "op": "add", "path": format!("{ENTERPRISE}:manager"), "value": "51aa" },
        ],
    });
    acme.patch(&format!("/Users/{user}"), body).await.expect(200);

    let log = app.log("acme").await;
    let told = &log.last().unwrap()["rewrites"];
    assert_eq!(
        *told,
        json!([
            {
                "rule": "op-case", "path": "Operations.op",
                "says": "Entra by default: Operations.op \"Replace\", a word of the protocol in another case",
            },
            {
                "rule": "boolean-as-text", "path": "active",
                "says": "Entra by default: active \"False\", text read as boolean",
            },
            {
                "rule": "manager-as-text", "path": format!("{ENTERPRISE}:manager"),
                "says": format!("Entra by default: {ENTERPRISE}:manager, text read as the manager's value"),
            },
        ])
    );
    assert!(!told.to_string().contains("51aa"), "no values");
}

fn rules_of(kept: &Value) -> Vec<&str> {
    kept["rewrites"].as_array().unwrap().iter().map(|rewrite| rewrite["rule"].as_str().unwrap()).collect()
}

/// Everything that a refused request could have changed.
async fn state(app: &TestApp, acme: &TenantClient, name: &str, people: &People) -> Value {
    json!({
        "ada": acme.get(&format!("/Users/{}", people.ada)).await.expect(200),
        "group": acme.get(&format!("/Groups/{}", people.group)).await.expect(200),
        "users": acme.get("/Users?count=0").await.expect(200)["totalResults"],
        "log": app.admin_get(&format!("/tenants/{name}/log?limit=1000")).await.expect(200),
    })
}

/// Leaves room for the next case: what it made, and whom it was about.
async fn forget(acme: &TenantClient, people: &People) {
    let made = acme.ids("/Users", "userName eq \"eda@example.com\"").await;
    for user in made.iter().chain([&people.ada, &people.boss]) {
        let gone = acme.delete(&format!("/Users/{user}")).await.status;
        assert!(gone == 204 || gone == 404, "{gone}");
    }
}
