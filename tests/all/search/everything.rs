//! Through all kinds of resource at once: the base URL and its `/.search` (RFC 7644 §3.4.2.1).

use muster_test_harness::messages::{error, nothing_found};
use muster_test_harness::{GROUP, TenantClient, TestApp, USER};
use reqwest::Method;
use serde_json::{Value, json};

use super::{ids, next, start, texts, user};

/// Two groups and two users, made in turn: group, user, group, user; their ids.
async fn four(acme: &TenantClient) -> [String; 4] {
    let engines = acme.group("Engines", &[]).await;
    let ada = user(acme, "ada", json!({ "displayName": "Countess", "emails": [{ "value": "ada@x.org" }] })).await;
    let artists = acme.group("artists", &[&ada]).await;
    let bea = user(acme, "bea", json!({ "displayName": "bea" })).await;
    [engines, ada, artists, bea]
}

#[tokio::test]
async fn the_base_url_lists_everything_kind_by_kind() {
    let (_app, acme) = start().await;
    assert_eq!(acme.get("").await.expect(200), nothing_found());
    let [engines, ada, artists, bea] = four(&acme).await;

    for path in ["", "/", "?count=100", "/?startIndex=1"] {
        let list = acme.get(path).await.expect(200);
        assert_eq!(ids(&list), [&ada, &bea, &engines, &artists], "{path}");
        assert_eq!(texts(&list, "/meta/resourceType"), ["User", "User", "Group", "Group"]);
        assert_eq!(list["totalResults"], 4);
        for resource in list["Resources"].as_array().unwrap() {
            let location = resource["meta"]["location"].as_str().unwrap();
            let path = location.strip_prefix(&acme.base).unwrap();
            assert_eq!(acme.get(path).await.expect(200), *resource, "each is what it is at its own place");
        }
    }
    assert_eq!(acme.post("/.search", json!({})).await.expect(200), acme.get("").await.expect(200));
    let page = acme.get("?startIndex=2&count=2").await.expect(200);
    assert_eq!(
        (ids(&page), &page["startIndex"], &page["itemsPerPage"]),
        (vec![&*bea, &*engines], &json!(2), &json!(2))
    );
    let total = acme.get("?count=0").await.expect(200);
    assert_eq!((&total["totalResults"], &total["Resources"]), (&json!(4), &json!([])));
}

/// "for filtered attributes that are not part of a particular resource type, the service provider shall treat the attribute as if there is no
/// attribute value"
#[tokio::test]
async fn a_filter_goes_through_all_kinds_and_what_a_kind_does_not_have_has_no_value_there() {
    let (_app, acme) = start().await;
    let [engines, ada, artists, bea] = four(&acme).await;
    for (filter, expected) in [
        ("meta.resourceType eq \"User\"", vec![&ada, &bea]),
        ("meta.resourceType eq \"Group\"", vec![&engines, &artists]),
        ("(meta.resourceType eq \"User\") or (meta.resourceType eq \"Group\")", vec![&ada, &bea, &engines, &artists]),
        (&format!("schemas eq \"{GROUP}\""), vec![&engines, &artists]),
        (&format!("schemas eq \"{}\"", USER.to_uppercase()), vec![&ada, &bea]),
        ("userName pr", vec![&ada, &bea]),
        ("userName eq \"ada\"", vec![&ada]),
        ("not (userName eq \"ada\")", vec![&bea, &engines, &artists]),
        ("userName ne \"ada\"", vec![&bea, &engines, &artists]),
        ("displayName eq \"BEA\" or displayName eq \"engines\"", vec![&bea, &engines]),
        ("emails.value sw \"ada\"", vec![&ada]),
        (&format!("members[value eq \"{ada}\"]"), vec![&artists]),
        (&format!("members.value eq \"{ada}\" or userName eq \"bea\""), vec![&bea, &artists]),
        (&format!("groups.value eq \"{artists}\""), vec![&ada]),
        (&format!("id eq \"{engines}\""), vec![&engines]),
        (&format!("{USER}:userName eq \"ada\""), vec![&ada]),
        (&format!("{GROUP}:displayName pr"), vec![&engines, &artists]),
        ("id pr", vec![&ada, &bea, &engines, &artists]),
        ("userName eq \"nobody\"", vec![]),
    ] {
        let list = acme.find("", filter).await.expect(200);
        assert_eq!(ids(&list), expected, "{filter}");
        assert_eq!(list["totalResults"], expected.len(), "{filter}");
        assert_eq!(acme.post("/.search", json!({ "filter": filter })).await.expect(200), list, "{filter}");
    }
    let refused = acme.find("", "userName eq").await.expect(400);
    assert_eq!(refused["scimType"], "invalidFilter");
}

#[tokio::test]
async fn everything_can_be_sorted_together() {
    let (_app, acme) = start().await;
    let [engines, ada, artists, bea] = four(&acme).await;
    for (query, expected) in [
        ("sortBy=displayName", [&artists, &bea, &ada, &engines]),
        ("sortBy=displayName&sortOrder=descending", [&engines, &ada, &bea, &artists]),
        ("sortBy=id", [&engines, &ada, &artists, &bea]),
        ("sortBy=userName", [&ada, &bea, &engines, &artists]),
        ("sortBy=meta.resourceType", [&engines, &artists, &ada, &bea]),
    ] {
        assert_eq!(ids(&acme.get(&format!("?{query}")).await.expect(200)), expected, "{query}");
    }
    let urn = format!("?sortBy={USER}:displayName");
    assert_eq!(ids(&acme.get(&urn).await.expect(200)), [&bea, &ada, &engines, &artists], "groups have no such name");
    let refused = acme.get("?sortBy=favouriteColour").await.expect(400);
    assert_eq!(refused, error(400, Some("invalidPath"), "sortBy names no attribute of what is listed"));
}

#[tokio::test]
async fn everything_can_be_gone_through_by_cursor() {
    let (_app, acme) = start().await;
    for number in 0..9 {
        acme.user(&format!("user{number}")).await;
        acme.group(&format!("group{number}"), &[]).await;
    }
    for query in ["", "&sortBy=id", "&sortBy=displayName&sortOrder=descending", "&filter=not (id eq \"x\")"] {
        let all = acme.get(&format!("?count=100{query}")).await.expect(200);
        let (mut met, mut cursor): (Vec<String>, String) = (Vec::new(), String::new());
        loop {
            let page = acme.post("/.search", by_cursor(query, &cursor)).await.expect(200);
            met.extend(ids(&page).into_iter().map(str::to_owned));
            assert_eq!(page["totalResults"], 18);
            if page.get("nextCursor").is_none() {
                break;
            }
            cursor = next(&page).to_owned();
        }
        assert_eq!(met, ids(&all), "{query}");
    }
}

/// The parameters of a query string as a search request.
fn by_cursor(query: &str, cursor: &str) -> Value {
    let mut body = json!({ "cursor": cursor, "count": 4 });
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap();
        body[name] = json!(value);
    }
    body
}

#[tokio::test]
async fn each_kind_shows_what_it_has_of_the_attributes_that_are_asked_for() {
    let (_app, acme) = start().await;
    let [engines, ada, ..] = four(&acme).await;
    let list = acme.get("?attributes=userName,members,displayName").await.expect(200);
    let shown = list["Resources"].as_array().unwrap();
    assert_eq!(shown[0], json!({ "schemas": [USER], "id": ada, "userName": "ada", "displayName": "Countess" }));
    assert_eq!(shown[2], json!({ "schemas": [GROUP], "id": engines, "displayName": "Engines", "members": [] }));
    let fewer = acme.get("?excludedAttributes=members,emails,meta").await.expect(200);
    for resource in fewer["Resources"].as_array().unwrap() {
        for hidden in ["members", "emails", "meta"] {
            assert_eq!(resource.get(hidden), None, "{resource}");
        }
        assert!(resource["displayName"].is_string(), "{resource}");
    }
}

#[tokio::test]
async fn a_tenant_without_groups_has_users_only() {
    let app = TestApp::start().await;
    let acme = app.tenant_with("acme", "standard", json!({ "groups_served": false })).await;
    let ada = acme.user("ada").await;
    assert_eq!(ids(&acme.get("").await.expect(200)), [&ada]);
    assert_eq!(ids(&acme.post("/.search", json!({ "filter": "id pr" })).await.expect(200)), [&ada]);
    acme.post("/Groups/.search", json!({})).await.expect(404);
    let refused = acme.get("?sortBy=members").await.expect(400);
    assert_eq!(refused["scimType"], "invalidPath", "what is not served is not known");
}

#[tokio::test]
async fn a_tenant_finds_nothing_of_another_in_everything() {
    let (app, acme) = start().await;
    let globex = app.tenant("globex").await;
    four(&acme).await;
    assert_eq!(globex.get("").await.expect(200), nothing_found());
    assert_eq!(globex.post("/.search", json!({ "filter": "id pr" })).await.expect(200), nothing_found());
    acme.with_token("mst_wrong").get("").await.expect(401);
    acme.with_token("mst_wrong").post("/.search", json!({})).await.expect(401);
}

#[tokio::test]
async fn the_base_url_can_be_read_and_nothing_else() {
    let (_app, acme) = start().await;
    for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
        let request = acme.request(method.clone(), "").bearer_auth(&acme.token);
        let refused = acme.send(request).await;
        assert_eq!(refused.header("allow"), "GET");
        let told = format!("{method} is not possible here; possible: GET");
        assert_eq!(refused.expect(405), error(405, None, &told));
    }
}

/// Numbers and times of a kind that the operator declared, alone and among users and groups.
#[tokio::test]
async fn a_declared_kind_is_sorted_by_its_types_and_searched_with_the_others() {
    let (app, acme) = start().await;
    let device = "urn:example:params:scim:schemas:core:2.0:Device";
    let attribute = |name: &str, kind: &str| {
        json!({ "name": name, "type": kind, "multiValued": false, "description": name, "required": false, "caseExact": false,
                "mutability": "readWrite", "returned": "default", "uniqueness": "none" })
    };
    let attributes = [
        attribute("displayName", "string"),
        attribute("ports", "integer"),
        attribute("weight", "decimal"),
        attribute("bought", "dateTime"),
        attribute("lent", "boolean"),
    ];
    let schema = json!({ "id": device, "name": "Device", "description": "A device", "attributes": attributes });
    let types = json!([{ "name": "Device", "endpoint": "/Devices", "description": "Devices", "schema": schema }]);
    app.admin_put("/tenants/acme/scim", json!({ "resourceTypes": types })).await.expect(200);
    for (name, ports, weight, bought, lent) in [
        ("switch", 24, json!(2.5), "2026-01-02T00:00:00+02:00", true),
        ("router", 9, json!(10), "2026-01-01T23:30:00Z", false),
        ("hub", -1, json!(-0.25), "2025-12-31T23:59:59.999Z", true),
    ] {
        let body = json!({ "schemas": [device], "displayName": name, "ports": ports, "weight": weight, "bought": bought, "lent": lent });
        acme.post("/Devices", body).await.expect(201);
    }
    acme.post("/Devices", json!({ "schemas": [device], "displayName": "Unknown" })).await.expect(201);
    user(&acme, "ada", json!({ "displayName": "lady" })).await;
    acme.group("Zoo", &[]).await;

    for (by, expected) in [
        ("ports", ["hub", "router", "switch", "Unknown"]),
        ("weight", ["hub", "switch", "router", "Unknown"]),
        ("bought", ["hub", "switch", "router", "Unknown"]),
        ("lent", ["router", "switch", "hub", "Unknown"]),
        (&format!("{device}:ports"), ["hub", "router", "switch", "Unknown"]),
    ] {
        let list = acme.get(&format!("/Devices?sortBy={by}")).await.expect(200);
        assert_eq!(texts(&list, "/displayName"), expected, "{by}");
        let walked = acme.post("/Devices/.search", json!({ "sortBy": by, "cursor": "", "count": 2 })).await.expect(200);
        assert_eq!(texts(&walked, "/displayName"), expected[..2], "{by}");
        let rest = json!({ "sortBy": by, "cursor": next(&walked), "count": 2 });
        let rest = acme.post("/Devices/.search", rest).await.expect(200);
        assert_eq!((texts(&rest, "/displayName"), rest.get("nextCursor")), (expected[2..].to_vec(), None), "{by}");
    }
    let all = acme.get("?sortBy=displayName").await.expect(200);
    assert_eq!(texts(&all, "/displayName"), ["hub", "lady", "router", "switch", "Unknown", "Zoo"]);
    let many = acme.find("", "ports gt 0 or userName eq \"ada\"").await.expect(200);
    assert_eq!(texts(&many, "/displayName"), ["lady", "switch", "router"], "kind by kind, and the declared ones last");
    let kinds = acme.find("", "meta.resourceType eq \"Device\" and not (lent eq true)").await.expect(200);
    assert_eq!(texts(&kinds, "/displayName"), ["router", "Unknown"]);
}
