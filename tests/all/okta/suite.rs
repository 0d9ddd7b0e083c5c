//! OK-10: the SPEC test suite that Okta has every vendor run before it takes an app into its catalogue, and the test plan beside it.

use muster_test_harness::messages::{ERROR, LIST_RESPONSE, error};
use muster_test_harness::{Answer, TestApp, USER};
use reqwest::Method;
use serde_json::{Value, json};

use super::{Okta, ada, counters, each, text};

/// The tenant as the suite's runner speaks to it.
struct Suite {
    acme: Okta,
}

impl Suite {
    async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> Answer {
        let tenant = &self.acme.tenant;
        let request = tenant
            .request(method, path)
            .header("user-agent", "OKTA SCIM Integration")
            .header("accept", "application/scim+json; charset=utf-8")
            .header("authorization", format!("Bearer {}", tenant.token));
        let request = match body {
            Some(body) => request.header("content-type", "application/json").body(body.to_string()),
            None => request,
        };
        tenant.send(request).await
    }

    async fn get(&self, path: &str) -> Answer {
        self.call(Method::GET, path, None).await
    }
}

#[tokio::test]
async fn ok_10_the_spec_test_suite_passes_from_its_first_row_to_its_last() {
    let app = TestApp::start().await;
    let suite = Suite { acme: Okta { tenant: app.tenant("acme").await } };
    suite.acme.post("/Users", &ada()).await.expect(201);

    // 1: at least one user must be there, with everything an import needs.
    let list = suite.get("/Users?count=1&startIndex=1").await.expect(200);
    assert_eq!((counters(&list), &list["schemas"]), ([1, 1, 1], &json!([LIST_RESPONSE])));
    assert_has_what_an_import_needs(&list["Resources"][0]);

    // 2
    let id = each(&list, "id")[0].to_owned();
    let user = suite.get(&format!("/Users/{id}")).await.expect(200);
    assert_has_what_an_import_needs(&user);
    assert_eq!(user, list["Resources"][0]);

    // 3
    let nobody = suite.get("/Users?filter=userName eq \"abcdefgh@atko.com\"").await.expect(200);
    assert_eq!(counters(&nobody), [0, 1, 0]);

    // 4
    let unknown = suite.get("/Users/010101001010101011001010101011").await.expect(404);
    assert_eq!(unknown, error(404, None, "Resource 010101001010101011001010101011 not found"));

    // 5
    let random = json!({
        "schemas": [USER],
        "userName": "runscope300abc@atko.com",
        "name": { "givenName": "Runscope", "familyName": "Test" },
        "emails": [{ "primary": true, "value": "runscope300abc@atko.com", "type": "work" }],
        "displayName": "Runscope Test",
        "active": true,
    });
    let made = suite.call(Method::POST, "/Users", Some(&random)).await.expect(201);
    assert_eq!(made["active"], true);
    assert!(!text(&made, "/id").is_empty());
    for echoed in ["userName", "name", "emails"] {
        assert_eq!(made[echoed], random[echoed]);
    }

    // 6
    let again = suite.call(Method::POST, "/Users", Some(&random)).await.expect(409);
    assert_eq!(again, error(409, Some("uniqueness"), "userName is already in use"));

    // 7
    let found = suite.get("/Users?filter=userName eq \"RUNSCOPE300ABC@ATKO.COM\"").await.expect(200);
    assert_eq!(each(&found, "id"), [text(&made, "/id")]);

    // 8
    let groups = suite.get("/Groups").await.expect(200);
    assert_eq!((counters(&groups), &groups["schemas"]), ([0, 1, 0], &json!([LIST_RESPONSE])));

    // 9
    let tenant = &suite.acme.tenant;
    let stranger = tenant.send(tenant.request(Method::GET, "/Users").header("authorization", "non-token")).await;
    let told = stranger.expect(401);
    assert_eq!((&told["schemas"], &told["status"]), (&json!([ERROR]), &json!("401")));
    assert!(!text(&told, "/detail").is_empty());
}

#[tokio::test]
async fn ok_10_the_test_plan_pushes_empty_values_deletes_a_group_and_brings_a_user_back() {
    let (_app, acme) = Okta::start().await;
    let made = acme.post("/Users", &ada()).await.expect(201);
    let id = text(&made, "/id").to_owned();
    let path = format!("/Users/{id}");

    let mut emptied = made;
    for attribute in ["displayName", "title", "nickName"] {
        emptied[attribute] = json!("");
    }
    emptied["name"]["middleName"] = json!("");
    emptied["phoneNumbers"] = json!([]);
    emptied["addresses"] = json!([{ "type": "work", "streetAddress": "" }]);
    emptied["locale"] = json!(null);
    let told = acme.put(&path, &emptied).await.expect(200);
    for attribute in ["displayName", "title", "nickName", "phoneNumbers", "locale"] {
        assert_eq!(told.get(attribute), None, "an empty value is no value");
    }
    assert_eq!(told["name"], json!({ "givenName": "Ada", "familyName": "Byron" }));

    let group = acme.tenant.group("Engineering", &[&id]).await;
    acme.delete(&format!("/Groups/{group}")).await.expect(204);
    acme.get(&path).await.expect(200);

    let switch = |active: bool| json!([{ "op": "replace", "value": { "active": active } }]);
    acme.operations(&path, switch(false)).await.expect(200);
    assert_eq!(each(&acme.find_user("ada@example.com").await, "id"), [id.as_str()]);
    let back = acme.operations(&path, switch(true)).await.expect(200);
    assert_eq!((text(&back, "/id"), &back["active"]), (id.as_str(), &json!(true)));
}

fn assert_has_what_an_import_needs(user: &Value) {
    for needed in ["/id", "/userName", "/name/givenName", "/name/familyName", "/emails/0/value"] {
        assert!(!text(user, needed).is_empty(), "{needed}");
    }
    assert_eq!(user["active"], true);
}
