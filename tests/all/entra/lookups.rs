//! EN-01 and EN-02: the connection test and every question that Entra asks before it writes.

use muster_test_harness::TenantClient;
use muster_test_harness::messages::nothing_found;
use serde_json::{Value, json};

use super::{ada, created, enterprise, id, start};

/// What is found at a path and query as it stands, encoded as a URL encodes it.
async fn found(acme: &TenantClient, path: &str) -> Vec<Value> {
    let list = acme.get(path).await.expect(200);
    list["Resources"].as_array().expect("Resources is always there").clone()
}

/// 404, 400, or a body that is no `ListResponse` fails the test, and in service leads to quarantine.
#[tokio::test]
async fn en_01_a_user_or_group_that_cannot_exist_is_an_empty_list_by_every_matching_attribute() {
    let (_app, acme) = start().await;
    let guid = "a1d83c3f-6b0e-4a4f-9d57-2e4c2a0f7b11";
    for path in [
        format!("/Users?filter=userName eq \"{guid}\""),
        format!("/Users?filter=externalId eq \"{guid}\""),
        format!("/Users?filter=emails[type eq \"work\"].value eq \"{guid}\""),
        format!("/Groups?excludedAttributes=members&filter=displayName eq \"{guid}\""),
    ] {
        let answer = acme.get(&path).await;
        assert_eq!(answer.header("content-type"), "application/scim+json");
        assert_eq!(answer.expect(200), nothing_found(), "{path}");
    }
}

/// Saving the configuration fetches the schemas.
#[tokio::test]
async fn en_01_the_schemas_are_there_when_the_configuration_is_saved() {
    let (_app, acme) = start().await;
    let schemas = acme.get("/Schemas").await.expect(200);
    assert_eq!(schemas["totalResults"], 3);
}

#[tokio::test]
async fn en_02_a_user_is_found_by_every_attribute_that_a_mapping_can_match() {
    let (_app, acme) = start().await;
    let mut by_object_id = ada();
    by_object_id["externalId"] = json!("0f1c9d2e-2a3b-4c5d-8e9f-001122334455");
    let ada = acme.post("/Users", by_object_id).await.expect(201);
    let mut jyoung = super::ada();
    jyoung["userName"] = json!("jyoung@example.com");
    jyoung["externalId"] = json!("jyoung");
    jyoung["emails"][0]["value"] = json!("jyoung@example.com");
    let jyoung = acme.post("/Users", jyoung).await.expect(201);

    for (filter, expected) in [
        ("userName eq \"ada@example.com\"", &ada),
        ("externalId eq \"0f1c9d2e-2a3b-4c5d-8e9f-001122334455\"", &ada),
        ("emails[type eq \"work\"].value eq \"ada@example.com\"", &ada),
        ("externalId eq \"jyoung\"", &jyoung),
        ("externalId eq jyoung", &jyoung),
    ] {
        assert_eq!(found(&acme, &format!("/Users?filter={filter}")).await, [expected.clone()], "{filter}");
        let found = acme.find("/Users", filter).await.expect(200);
        assert_eq!(found["Resources"], json!([expected]), "{filter}, encoded throughout");
    }
    assert_eq!(found(&acme, "/Users?filter=externalId eq \"JYOUNG\"").await, [] as [Value; 0], "it is case-exact");
    assert_eq!(acme.get(&format!("/Users/{}", id(&ada))).await.expect(200), ada);
}

#[tokio::test]
async fn en_02_groups_are_read_without_their_members() {
    let (_app, acme) = start().await;
    let user = acme.user("ada@example.com").await;
    let group = acme.group("Engineering", &[&user]).await;

    let by_name = found(&acme, "/Groups?excludedAttributes=members&filter=displayName eq \"Engineering\"").await;
    let by_id = acme.get(&format!("/Groups/{group}?excludedAttributes=members")).await.expect(200);

    assert_eq!(by_name, [by_id.clone()]);
    assert_eq!((id(&by_id), by_id.get("members")), (group.as_str(), None));
    assert_eq!(by_id["displayName"], "Engineering");
}

/// 0 or 1 result decides whether Entra writes the reference again.
#[tokio::test]
async fn en_02_references_are_checked_by_the_id_at_both_ends() {
    let (_app, acme) = start().await;
    let boss = acme.user("boss@example.com").await;
    let other = acme.user("other@example.com").await;
    let ada = created(&acme).await;
    let user = ada.trim_start_matches("/Users/").to_owned();
    let operation = json!([{ "op": "Add", "path": enterprise("manager"), "value": boss }]);
    acme.operations(&ada, operation).await.expect(200);
    let group = acme.group("Engineering", &[&user]).await;

    for (path, expected) in [
        (format!("/Users?filter=id eq \"{user}\" and manager eq \"{boss}\"&attributes=id"), Some(&user)),
        (format!("/Users?filter=id eq \"{user}\" and manager eq \"{other}\"&attributes=id"), None),
        (format!("/Users?filter=id eq \"{other}\" and manager eq \"{boss}\"&attributes=id"), None),
        (format!("/Groups?filter=id eq \"{group}\" and members eq \"{user}\"&attributes=id"), Some(&group)),
        (format!("/Groups?filter=id eq \"{group}\" and members eq \"{other}\"&attributes=id"), None),
        (format!("/Groups?filter=id eq \"7b2e\" and members eq \"{user}\"&attributes=id"), None),
    ] {
        let found = found(&acme, &path).await;
        let ids: Vec<&str> = found.iter().map(id).collect();
        assert_eq!(ids, expected.map(String::as_str).into_iter().collect::<Vec<_>>(), "{path}");
        for resource in &found {
            let names: Vec<&String> = resource.as_object().unwrap().keys().collect();
            assert_eq!(names, ["schemas", "id"], "only the id was asked for");
        }
    }
}

/// The admin may append the parameter to the tenant URL; where it then turns up depends on how the URL is joined.
#[tokio::test]
async fn the_feature_flag_in_the_url_changes_nothing_wherever_it_lands() {
    let (_app, acme) = start().await;
    let user = created(&acme).await;
    let ada = acme.get(&user).await.expect(200);
    let filter = "filter=userName eq \"ada@example.com\"";
    for path in [
        format!("/Users?aadOptscim062020&{filter}"),
        format!("/Users?{filter}&aadOptscim062020"),
        format!("/Users?aadOptscim062020=&{filter}"),
        format!("?aadOptscim062020/Users&{filter}"),
        format!("?aadOptscim062020/Users?{filter}"),
        format!("/?aadOptscim062020/Users?{filter}"),
    ] {
        assert_eq!(found(&acme, &path).await, [ada.clone()], "{path}");
    }
    for path in [format!("{user}?aadOptscim062020"), format!("?aadOptscim062020{user}")] {
        assert_eq!(acme.get(&path).await.expect(200), ada, "{path}");
        let operation = json!([{ "op": "replace", "value": { "active": true } }]);
        acme.operations(&path, operation).await.expect(200);
    }
    let mut next = super::ada();
    next["userName"] = json!("next@example.com");
    acme.post("?aadOptscim062020/Users", next).await.expect(201);
}

#[tokio::test]
async fn en_02_a_disabled_user_is_found_by_every_filter_and_by_id() {
    let (_app, acme) = start().await;
    let user = created(&acme).await;
    acme.operations(&user, json!([{ "op": "Replace", "path": "active", "value": "False" }])).await.expect(200);

    for filter in [
        "userName eq \"ada@example.com\"",
        "externalId eq \"ada\"",
        "emails[type eq \"work\"].value eq \"ada@example.com\"",
    ] {
        let found = found(&acme, &format!("/Users?filter={filter}")).await;
        assert_eq!(found.len(), 1, "{filter}");
        assert_eq!(found[0]["active"], false);
    }
    assert_eq!(acme.get(&user).await.expect(200)["active"], false);
}
