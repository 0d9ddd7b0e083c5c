//! Each identity provider's own requests, under its own profile.

use muster_test_harness::{ENTERPRISE, GROUP, PATCH_OP, TestApp, USER};
use reqwest::Method;
use serde_json::{Value, json};

use super::{Request, find, get, patch, people, post, put, tenant};

/// A PATCH whose operations carry whatever the client adds.
fn raw_patch(path: &str, body: Value) -> Request {
    Request::new(Method::PATCH, path, Some(body))
}

fn eda(different: Value) -> Value {
    let mut body = json!({ "schemas": [USER], "userName": "eda@example.com", "active": true });
    body.as_object_mut().unwrap().extend(different.as_object().unwrap().clone());
    body
}

/// 1.3 to 1.9.
fn okta_aiw() -> Vec<Request> {
    vec![
        get("/Users?startIndex=1&count=2"),
        Request {
            query: vec![
                ("filter", "userName eq \"eda@example.com\"".into()),
                ("startIndex", "1".into()),
                ("count", "100".into()),
            ],
            ..get("/Users")
        },
        post(
            "/Users",
            eda(json!({
                "name": { "givenName": "Eda", "familyName": "Byron" }, "displayName": "Eda Byron", "locale": "en-US",
                "emails": [{ "primary": true, "value": "eda@example.com", "type": "work" }],
                "externalId": "00u1abcdEFGH2345j5d7", "groups": [], "password": "k3Vqz8Rt",
                "urn:ietf:params:scim:schemas:extension:acme:2.0:User": { "badge": "B-12" },
                ENTERPRISE: { "employeeNumber": "1815", "manager": { "value": "00u9boss", "displayName": "C. Babbage" } },
                "schemas": [USER, ENTERPRISE, "urn:ietf:params:scim:schemas:extension:acme:2.0:User"],
            })),
        ),
        put(
            "/Users/{ada}",
            json!({
                "schemas": [USER], "id": "{ada}", "userName": "ada0@example.com", "externalId": "ext-0", "displayName": "Ada Lovelace",
                "meta": { "resourceType": "User", "created": "2026-10-01T08:00:00Z", "location": "https://scim.example.test/Users/x" },
                "name": { "givenName": "Ada", "familyName": "Lovelace", "formatted": "Ada Byron" }, "locale": "en-US", "active": false,
                "emails": [{ "primary": true, "value": "ada0@example.com", "type": "work" }], "groups": [],
            }),
        ),
        post(
            "/Groups",
            json!({
                "schemas": [GROUP], "displayName": "Sales",
                "members": [{ "value": "{ada}", "display": "ada@example.com" }, { "value": "{boss}", "display": null }],
            }),
        ),
        put(
            "/Groups/{group}",
            json!({
                "schemas": [GROUP], "id": "{group}", "displayName": "Engineering", "members": [{ "value": "{ada}", "display": "ada" }],
            }),
        ),
        get("/Groups?startIndex=1&count=100"),
    ]
}

/// 1.5, 1.6, 1.7, 1.9.
fn okta_oin() -> Vec<Request> {
    vec![
        patch(
            "/Users/{ada}",
            json!([{ "op": "replace", "value": { "displayName": "Ada", "name": { "givenName": "Ada", "familyName": "Lovelace" } } }]),
        ),
        patch("/Users/{ada}", json!([{ "op": "replace", "value": { "active": false } }])),
        patch("/Users/{ada}", json!([{ "op": "replace", "value": { "password": "k3Vqz8Rt" } }])),
        patch(
            "/Groups/{group}",
            json!([{ "op": "replace", "value": { "id": "{group}", "displayName": "Engineering EMEA" } }]),
        ),
        patch(
            "/Groups/{group}",
            json!([
                { "op": "remove", "path": "members[value eq \"{boss}\"]" },
                { "op": "add", "path": "members", "value": [{ "value": "{ada}", "display": "ada@example.com" }] },
            ]),
        ),
        patch("/Groups/{group}", json!([{ "op": "replace", "path": "members", "value": [] }])),
        Request { scheme: "", ..get("/ResourceTypes") },
    ]
}

/// 2.2 to 2.5, 2.7 to 2.9, 2.11.
fn entra() -> Vec<Request> {
    let manager = format!("{ENTERPRISE}:manager");
    vec![
        find("/Users", "userName eq \"a1d83c3f-6b0e-4a4f-9d57-2e4c2a0f7b11\""),
        find("/Users", "emails[type eq \"work\"].value eq \"ada@example.com\""),
        find("/Users", "externalId eq jyoung"),
        find("/Users", "id eq \"{ada}\" and manager eq \"{boss}\""),
        find("/Groups", "id eq \"{group}\" and members eq \"{boss}\""),
        get("/Groups/{group}?excludedAttributes=members"),
        post(
            "/Users",
            eda(json!({
                "schemas": [USER, "urn:ietf:params:scim:schemas:extension:enterprise:2.0User"], "active": "True", "addresses": null,
                "displayName": null, "emails": [{ "Primary": true, "type": "work", "value": "eda@example.com" }],
                "meta": { "resourceType": "User" }, "name": { "familyName": "Byron", "givenName": "Eda" }, "phoneNumbers": null,
                "title": null, "department": null, "manager": null, "roles": [],
            })),
        ),
        post(
            "/Users",
            json!({
                "schemas": [USER, ENTERPRISE], "userName": "ida@example.com", "active": true,
                "urn:ietf:params:scim:schemas:extension:CustomExtensionName:2.0:User": { "tag": "701984" },
                "roles": [{ "primary": true, "type": "WindowsAzureActiveDirectoryRole", "value": "Admin" }],
                ENTERPRISE: { "department": "Analysis", "manager": "51aa" },
            }),
        ),
        patch(
            "/Users/{ada}",
            json!([
                { "op": "Replace", "path": "userName", "value": "ada.l@example.com" },
                { "op": "Replace", "path": "name.familyName", "value": "Lovelace" },
                { "op": "Add", "path": "name.givenName", "value": "Ada" },
                { "op": "Replace", "path": "emails[type eq \"work\"].value", "value": "ada.l@example.com" },
                { "op": "Add", "path": "phoneNumbers[type eq \"mobile\"].value", "value": "+44 20 7946 0000" },
                { "op": "Add", "path": "addresses[type eq \"work\"].formatted", "value": "1 Analytical Way" },
                { "op": "Add", "path": format!("{ENTERPRISE}:department"), "value": "Analysis" },
                { "op": "Remove", "path": format!("{ENTERPRISE}:employeeNumber") },
                { "op": "Replace", "path": "externalId", "value": "ada.l" },
                { "op": "Replace", "path": "active", "value": "False" },
            ]),
        ),
        patch(
            "/Users/{ada}",
            json!([
                { "op": "Add", "path": "roles", "value": [{ "value": "{\"id\":\"06b07648\",\"value\":\"Admin\"}" }] },
                { "op": "Replace", "path": "roles[primary eq \"True\"].value", "value": "Editor" },
                { "op": "Add", "path": "roles[primary eq \"True\"].display", "value": "Editor" },
                { "op": "Add", "path": "roles[primary eq \"True\"].type", "value": "WindowsAzureActiveDirectoryRole" },
                { "op": "Replace", "path": "addresses[primary EQ \"True\"].locality", "value": "London" },
            ]),
        ),
        patch("/Users/{ada}", json!([{ "op": "Add", "path": manager, "value": "{boss}" }])),
        patch(
            "/Users/{ada}",
            json!([{ "op": "Replace", "path": "manager", "value": [{ "$ref": null, "value": "{boss}" }] }]),
        ),
        patch("/Users/{ada}", json!([{ "op": "Replace", "path": manager, "value": "" }])),
        patch(
            "/Users/{ada}",
            json!([{ "op": "Replace", "path": format!("{ENTERPRISE}.department"), "value": "Sales" }]),
        ),
        post(
            "/Groups",
            json!({
                "schemas": [GROUP, "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group"],
                "externalId": "8aa1a0c0-c4c3-4bc0-b4a5-2ef676900159", "displayName": "Sales", "meta": { "resourceType": "Group" },
            }),
        ),
        patch(
            "/Groups/{group}",
            json!([{ "op": "Add", "path": "members", "value": [{ "$ref": null, "value": "{ada}" }] }]),
        ),
        patch(
            "/Groups/{group}",
            json!([{ "op": "Remove", "path": "members", "value": [{ "$ref": null, "value": "{boss}" }] }]),
        ),
        patch("/Groups/{group}", json!([{ "op": "Replace", "path": "displayName", "value": "Engineering EMEA" }])),
        // The reference client's collection.
        find("/Users", "name.FamilyName eq Employee and (emails.Value co example.com or emails.Value co test.com)"),
        find("/Users/", "meta.Created gt 2015-10-10T14:38:21.8617979-07:00"),
        raw_patch(
            "/Groups/{group}",
            json!({
                "schemas": [PATCH_OP], "id": "x",
                "Operations": [{ "name": "addMember", "op": "add", "path": "members", "value": "{ada}" }],
            }),
        ),
    ]
}

/// 2.6, and 2.5 because provision on demand keeps to it.
fn entra_flag() -> Vec<Request> {
    let flagged = patch(
        "/Users/{ada}",
        json!([
            { "op": "replace", "path": "emails[type eq \"work\"].value", "value": "ada.l@example.com" },
            { "op": "replace", "path": "emails[type eq \"work\"].primary", "value": true },
            { "op": "replace", "value": {
                "active": false, "displayName": "Ada Lovelace", "name.givenName": "Ada", "name.familyName": "Lovelace",
                format!("{ENTERPRISE}:employeeNumber"): "1815",
            } },
        ]),
    );
    let mut requests = vec![get("/Users?aadOptscim062020&count=1"), flagged];
    requests.push(patch("/Groups/{group}", json!([{ "op": "remove", "path": "members[value eq \"{boss}\"]" }])));
    requests.push(patch("/Groups/{group}", json!([{ "op": "replace", "value": { "displayName": "Engineers" } }])));
    requests.extend(entra());
    requests
}

/// 3.1 to 3.10.
fn others() -> Vec<(&'static str, Vec<Request>)> {
    let json = |request: Request| Request { content_type: "application/json", ..request };
    vec![
        (
            "onelogin",
            vec![
                get("/Users?filter=userName+eq+%22ada%22&"),
                json(put(
                    "/Users/{ada}?",
                    json!({
                        "schemas": ["urn:scim:schemas:core:2.0", "urn:scim:schemas:extension:enterprise:2.0"], "userName": "ada",
                        "name": { "familyName": " Byron", "givenName": "Ada" },
                        "emails": [{ "value": "ada@example.com", "type": "work", "primary": true }],
                        "urn:scim:schemas:extension:enterprise:2.0": { "department": "Analysis" },
                    }),
                )),
                patch("/Groups/{group}?", json!([{ "op": "add", "path": "members", "value": [{ "value": "{ada}" }] }])),
            ],
        ),
        (
            "jumpcloud",
            vec![
                post(
                    "/Users",
                    eda(
                        json!({ "externalId": "jc-1", "displayName": "Eda", "emails": [{ "value": "eda@example.com" }] }),
                    ),
                ),
                patch("/Groups/{group}", json!([{ "op": "add", "path": "members", "value": [{ "value": "{boss}" }] }])),
                patch(
                    "/Groups/{group}",
                    json!([{ "op": "remove", "path": "members", "value": [{ "value": "{boss}" }] }]),
                ),
                Request::new(Method::DELETE, "/Groups/{group}", None),
                Request::new(Method::DELETE, "/Users/{ada}", None),
            ],
        ),
        (
            "google",
            vec![
                get("/Users?filter=userName%20eq%20%22ada0%40example.com%22&startIndex=1"),
                json(post("/Users", eda(json!({ "name": { "givenName": "Eda", "familyName": "Byron" } })))),
            ],
        ),
        (
            "ping",
            vec![
                find("/Users", "emails eq \"ada0@example.com\""),
                find("/Users", "userName Eq \"ada0@example.com\""),
                find("/Users", "email Co \"example.com\""),
                post("/Users", eda(json!({ "active": false }))),
                put("/Users/{ada}", json!({ "schemas": [USER], "userName": "ada0@example.com", "active": false })),
                get("/Groups"),
            ],
        ),
        (
            "cyberark",
            vec![
                get("/Users?count=1"),
                find("/Users", "userName eq \"ada0@example.com\""),
                get("/ServiceProviderConfig"),
                get("/ResourceTypes/User"),
                get("/ResourceTypes/Group"),
                get(&format!("/Schemas/{USER}")),
                put("/Users/{ada}", json!({ "schemas": [USER], "userName": "ada0@example.com" })),
                patch("/Groups/{group}", json!([{ "op": "add", "path": "members", "value": [{ "value": "{ada}" }] }])),
            ],
        ),
        (
            "rippling",
            vec![
                find("/Users", "externalId eq \"ext-0\""),
                post(
                    "/Users",
                    eda(json!({ "externalId": "rp-1", "emails": [{ "value": "eda@example.com", "primary": true }] })),
                ),
            ],
        ),
        (
            "sailpoint",
            vec![
                get("/ServiceProviderConfig"),
                get("/ResourceTypes"),
                get("/Schemas"),
                get("/Users?startIndex=1&count=100"),
                patch("/Users/{ada}", json!([{ "op": "replace", "path": "title", "value": "Countess" }])),
            ],
        ),
        (
            "keycloak",
            vec![
                post(
                    "/Users",
                    eda(json!({
                        "externalId": "kc-1", "displayName": "Eda", "emails": [{ "value": "eda@example.com" }], "roles": [{ "value": "editor" }],
                    })),
                ),
                patch("/Users/{ada}", json!([{ "op": "replace", "path": "active", "value": "false" }])),
                put(
                    "/Groups/{group}",
                    json!({
                        "schemas": [GROUP], "id": "{group}", "displayName": "Engineering", "members": [{ "value": "{ada}", "$ref": "Users/{ada}" }],
                    }),
                ),
                patch("/Groups/{group}", json!([{ "op": "remove", "path": "members", "value": null }])),
            ],
        ),
        (
            "authentik",
            vec![
                find("/Users", "userName eq ada"),
                patch(
                    "/Groups/{group}",
                    json!([
                        { "op": "replace", "path": null, "value": { "schemas": [GROUP], "id": "{group}", "externalId": "ak-9", "displayName": "Engineering" } },
                        { "op": "add", "path": "members", "value": [{ "value": "{ada}" }] },
                        { "op": "remove", "path": "members", "value": [{ "value": "{boss}" }] },
                    ]),
                ),
                get("/Users?startIndex=1"),
            ],
        ),
        (
            "ssosync",
            vec![
                find("/Groups", "displayName eq \"x\""),
                post(
                    "/Users",
                    eda(json!({
                        "name": { "givenName": "Eda", "familyName": "Byron" }, "displayName": "Eda Byron",
                        "emails": [{ "value": "eda@example.com", "type": "work", "primary": true }], "addresses": [{ "type": "work" }],
                    })),
                ),
                patch("/Groups/{group}", json!([{ "op": "add", "path": "members", "value": [{ "value": "{ada}" }] }])),
            ],
        ),
    ]
}

fn all() -> Vec<(&'static str, Vec<Request>)> {
    let mut all =
        vec![("okta-aiw", okta_aiw()), ("okta-oin", okta_oin()), ("entra", entra()), ("entra-flag", entra_flag())];
    all.extend(others());
    all
}

#[tokio::test]
async fn every_identity_provider_is_served_under_its_own_profile() {
    let app = TestApp::start().await;
    for (profile, requests) in all() {
        let acme = tenant(&app, profile).await;
        let people = people(&acme, 0).await;
        for request in requests {
            let answer = request.send(&acme, &people).await;
            assert!((200..300).contains(&answer.status), "{profile}: {request:?}: {} {}", answer.status, answer.text);
        }
    }
}

#[tokio::test]
async fn every_identity_provider_has_its_requests_here() {
    let app = TestApp::start().await;
    let table = app.admin_get("/profiles").await.expect(200);
    let profiles = table["profiles"].as_array().unwrap().iter().map(|profile| profile["name"].as_str().unwrap());
    let of_idps: Vec<&str> = profiles.filter(|name| *name != "default" && !name.starts_with("strict-")).collect();
    assert_eq!(all().into_iter().map(|(profile, _)| profile).collect::<Vec<_>>(), of_idps);
}

#[tokio::test]
async fn another_identity_providers_dialect_is_refused_under_a_profile_that_does_not_have_it() {
    let app = TestApp::start().await;
    let acme = tenant(&app, "google").await;
    let people = people(&acme, 0).await;
    let entra = patch("/Users/{ada}", json!([{ "op": "Replace", "path": "active", "value": "False" }]));
    let told = entra.send(&acme, &people).await.expect(400);
    assert_eq!(told["detail"], "Operations.op must be written in lower case");
}

#[tokio::test]
async fn a_profile_that_does_not_exist_is_refused_and_the_tenant_keeps_its_own() {
    let app = TestApp::start().await;
    let acme = tenant(&app, "strict-rfc").await;
    let problem = app.admin_put("/tenants/strict-rfc/scim", json!({ "profile": "netiq" })).await.expect(400);
    assert!(problem["detail"].as_str().unwrap().contains("entra-flag"), "{problem}");
    let told = acme.find("/Users", "userName eq ada").await.expect(400);
    assert_eq!(told["scimType"], "invalidFilter");
}
