//! What is refused: the operation is named, and nothing of the request is applied.

use muster_test_harness::messages::error;
use muster_test_harness::{TestApp, USER};
use serde_json::{Value, json};

use super::{ENTERPRISE, babs, start, strict};

#[tokio::test]
async fn a_request_is_applied_as_a_whole_or_not_at_all() {
    let (app, acme) = start().await;
    let user = babs(&acme).await;
    let before = acme.get(&user).await.expect(200);
    let operations = json!([
        { "op": "replace", "path": "title", "value": "Lead" },
        { "op": "remove", "path": "emails" },
        { "op": "replace", "path": "active", "value": "perhaps" },
    ]);

    let refused = acme.operations(&user, operations).await.expect(400);

    assert_eq!(refused, error(400, Some("invalidValue"), "Operations[2]: active must be a boolean"));
    assert_eq!(acme.get(&user).await.expect(200), before);
    assert_eq!(app.log("acme").await.len(), 1);

    let (ada, group) = (acme.user("ada").await, acme.group("Guides", &[]).await);
    let members = json!([
        { "op": "add", "path": "members", "value": [{ "value": ada }] },
        { "op": "replace", "path": "displayName", "value": "" },
    ]);
    acme.operations(&format!("/Groups/{group}"), members).await.expect(400);
    assert_eq!(acme.members(&group).await, Vec::<String>::new(), "members neither");
}

#[tokio::test]
async fn each_mistake_has_the_word_of_the_rfc() {
    let (_app, acme) = start().await;
    let user = babs(&acme).await;
    for (operation, scim_type, detail) in [
        (json!({ "op": "remove" }), "noTarget", "path is required for a remove operation"),
        (json!({ "op": "remove", "path": "userName" }), "mutability", "userName is required and cannot be removed"),
        (json!({ "op": "add", "path": "title" }), "invalidValue", "value is required for an add operation"),
        (json!({ "op": "add", "value": "x" }), "invalidValue", "value must be an object where there is no path"),
        (json!({ "op": "replace", "path": "name", "value": 1.5 }), "invalidValue", "name must be an object"),
        (
            json!({ "op": "replace", "path": "emails[value co \"zzz\"].type", "value": "work" }),
            "noTarget",
            "emails has no element that the filter selects",
        ),
        (
            json!({ "op": "replace", "path": "title[value eq \"x\"]", "value": "y" }),
            "invalidPath",
            "title is not multi-valued and takes no filter",
        ),
        (
            json!({ "op": "replace", "path": "emails[primary gt true].value", "value": "y" }),
            "invalidFilter",
            "emails.primary cannot be compared with 'gt': it is a boolean",
        ),
    ] {
        let refused = acme.operations(&user, json!([operation])).await.expect(400);
        assert_eq!(refused, error(400, Some(scim_type), &format!("Operations[0]: {detail}")));
    }
    for (path, scim_type) in
        [("emails[", "invalidFilter"), ("emails[type eq]", "invalidFilter"), ("na me", "invalidPath")]
    {
        let refused = acme.operations(&user, json!([{ "op": "remove", "path": path }])).await.expect(400);
        assert_eq!(refused["scimType"], scim_type, "{path}");
        assert!(refused["detail"].as_str().unwrap().starts_with("Operations[0]: "), "{refused}");
    }
    for op in [json!("move"), json!(null), json!(7)] {
        let refused = acme.operations(&user, json!([{ "op": op, "path": "title", "value": "x" }])).await.expect(400);
        assert_eq!(refused, error(400, Some("invalidSyntax"), "Operations[0].op must be add, remove or replace"));
    }
}

#[tokio::test]
async fn a_strict_tenant_answers_what_the_rfc_says_where_others_are_forgiven() {
    let (_app, acme) = strict().await;
    let user = babs(&acme).await;
    for (operation, scim_type, detail) in [
        (json!({ "op": "replace", "path": "id", "value": "x" }), "mutability", "id is read-only"),
        (json!({ "op": "add", "value": { "groups": [{ "value": "x" }] } }), "mutability", "groups is read-only"),
        (
            json!({ "op": "replace", "path": "phoneNumbers[type eq \"work\"].value", "value": "1" }),
            "noTarget",
            "phoneNumbers.value has no such element",
        ),
        (
            json!({ "op": "remove", "path": "emails", "value": [{ "value": "babs@jensen.org" }] }),
            "invalidValue",
            "emails is removed by its path alone, not by a value",
        ),
        (
            json!({ "op": "replace", "path": "colour", "value": "x" }),
            "invalidSyntax",
            "colour is not an attribute of this resource",
        ),
    ] {
        let refused = acme.operations(&user, json!([operation])).await.expect(400);
        assert_eq!(refused, error(400, Some(scim_type), &format!("Operations[0]: {detail}")));
    }
    let unnamed = acme.patch(&user, json!({ "Operations": [{ "op": "add", "path": "title", "value": "x" }] })).await;
    assert_eq!(unnamed.expect(400), error(400, Some("invalidSyntax"), "schemas must name the schema of the message"));
    let named = json!([{ "op": "add", "path": "schemas", "value": [ENTERPRISE] }]);
    acme.operations(&user, named).await.expect(200);
}

#[tokio::test]
async fn a_patch_that_asks_for_too_much_work_is_refused_before_it_is_done() {
    let (_app, acme) = start().await;
    let user = babs(&acme).await;
    let roles: Vec<Value> = (0..500).map(|index| json!({ "value": format!("role-{index}"), "type": "t" })).collect();
    acme.operations(&user, json!([{ "op": "add", "path": "roles", "value": roles }])).await.expect(200);

    let filter = vec!["type eq \"x\""; 128].join(" or ");
    let hostile = vec![json!({ "op": "remove", "path": format!("roles[{filter}]") }); 100];
    let refused = acme.operations(&user, Value::Array(hostile)).await.expect(400);

    assert_eq!(refused["scimType"], "tooMany");
    let many = |index: usize| json!({ "op": "replace", "path": format!("roles[value eq \"role-{}\"].display", index % 500), "value": format!("{index}") });
    let patched = acme.operations(&user, (0..1000).map(many).collect()).await.expect(200);
    assert_eq!(patched["roles"][499]["display"], "999", "what a client may really send is within the limit");
    let more = acme.operations(&user, (0..1001).map(many).collect()).await.expect(400);
    assert_eq!(more, error(400, Some("invalidValue"), "Operations takes at most 1000 operations"));
}

#[tokio::test]
async fn a_path_that_is_none_is_refused_also_behind_a_urn_of_ours() {
    let (_app, acme) = start().await;
    let user = babs(&acme).await;
    for path in ["emails[type eq \"work\"", "emails[type zz \"work\"].value", "title]", "name.givenName.x"] {
        for path in [path.to_owned(), format!("{USER}:{path}"), format!("{ENTERPRISE}:{path}")] {
            let operation = json!([{ "op": "replace", "path": path, "value": "x" }]);
            let refused = acme.operations(&user, operation).await.expect(400);
            let scim_type = refused["scimType"].as_str().unwrap();
            assert!(["invalidPath", "invalidFilter"].contains(&scim_type), "{path}: {refused}");
        }
    }
    let foreign = json!([{ "op": "replace", "path": "urn:acme:1.0:User:title]", "value": "x" }]);
    acme.operations(&user, foreign).await.expect(200);
}

#[tokio::test]
async fn whoever_has_active_taken_away_is_not_let_in_by_a_put_of_what_was_read() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let ada = acme.user("ada").await;
    let path = format!("/Users/{ada}");
    for nothing in
        [json!({ "op": "remove", "path": "active" }), json!({ "op": "Replace", "path": "active", "value": "" })]
    {
        let off = json!([{ "op": "replace", "path": "active", "value": false }]);
        acme.operations(&path, off).await.expect(200);
        acme.operations(&path, json!([nothing])).await.expect(200);
        let read = acme.get(&path).await.expect(200);
        assert_eq!(read.get("active"), None);

        let put = acme.put(&path, read).await.expect(200);

        assert_eq!(put.get("active"), None);
        assert_eq!(app.account("acme", &ada).await["state"], "disabled");
    }
    let on = json!([{ "op": "add", "path": "active", "value": true }]);
    acme.operations(&path, on).await.expect(200);
    assert_eq!(app.account("acme", &ada).await["state"], "active");
}
