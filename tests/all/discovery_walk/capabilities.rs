//! Whatever `/ServiceProviderConfig` says is supported is used here, and whatever it says is not answers 501.

use muster_test_harness::{TenantClient, USER};
use serde_json::{Value, json};

use super::announced::elements;
use super::{id, start};

const BULK: &str = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";
const SEARCH: &str = "urn:ietf:params:scim:api:messages:2.0:SearchRequest";

async fn config(tenant: &TenantClient) -> Value {
    tenant.get("/ServiceProviderConfig").await.expect(200)
}

async fn users(tenant: &TenantClient, count: usize) -> Vec<String> {
    let mut ids = Vec::new();
    for number in 0..count {
        ids.push(tenant.user(&format!("user{number:02}@example.test")).await);
    }
    ids
}

fn page(list: &Value) -> Vec<String> {
    elements(&list["Resources"]).iter().map(|resource| id(resource).to_owned()).collect()
}

#[tokio::test]
async fn the_members_of_the_configuration_are_those_of_the_rfcs() {
    let (_app, tenants) = start().await;
    let config = config(&tenants[0]).await;
    let mut names: Vec<&str> = config.as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(
        names,
        [
            "authenticationSchemes",
            "bulk",
            "changePassword",
            "etag",
            "filter",
            "meta",
            "pagination",
            "patch",
            "schemas",
            "sort",
        ]
    );
    assert_eq!(config["schemas"], json!(["urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"]));
    assert_eq!(config["meta"]["location"], json!(format!("{}/ServiceProviderConfig", tenants[0].base)));
    assert_eq!(config["meta"]["resourceType"], "ServiceProviderConfig");
    let schemes = elements(&config["authenticationSchemes"]);
    assert_eq!((schemes.len(), &schemes[0]["type"]), (1, &json!("oauthbearertoken")));
}

#[tokio::test]
async fn patch_is_as_announced() {
    let (_app, tenants) = start().await;
    let path = format!("/Users/{}", tenants[0].user("ada@example.test").await);
    let patched = tenants[0].operations(&path, json!([{ "op": "add", "path": "title", "value": "Countess" }])).await;
    match config(&tenants[0]).await["patch"]["supported"].as_bool().unwrap() {
        true => assert_eq!(patched.expect(200)["title"], "Countess"),
        false => _ = patched.expect(501),
    }
}

#[tokio::test]
async fn bulk_is_as_announced_up_to_its_limit() {
    let (_app, tenants) = start().await;
    let bulk = config(&tenants[0]).await["bulk"].clone();
    let request = |count: u64| {
        let one = |number| json!({ "method": "POST", "path": "/Users", "bulkId": format!("b{number}"), "data": { "schemas": [USER], "userName": format!("bulk{number}") } });
        json!({ "schemas": [BULK], "Operations": (0..count).map(one).collect::<Vec<_>>() })
    };
    if bulk["supported"] == false {
        assert_eq!((&bulk["maxOperations"], &bulk["maxPayloadSize"]), (&json!(0), &json!(0)));
        tenants[0].post("/Bulk", request(1)).await.expect(501);
        return;
    }
    let most = bulk["maxOperations"].as_u64().unwrap();
    let largest = usize::try_from(bulk["maxPayloadSize"].as_u64().unwrap()).unwrap();
    let few = tenants[0].post("/Bulk", request(3)).await.expect(200);
    assert!(elements(&few["Operations"]).iter().all(|operation| operation["status"] == "201"), "{few}");
    assert_eq!(elements(&few["Operations"]).len(), 3);
    // As many as announced are taken on: these all fail, because nobody would wait for as many users.
    let mut many = request(most);
    for operation in many["Operations"].as_array_mut().unwrap() {
        *operation = json!({ "method": "DELETE", "path": "/Users/none" });
    }
    let answered = tenants[0].post("/Bulk", many.clone()).await.expect(200);
    assert_eq!(elements(&answered["Operations"]).len() as u64, most);
    many["Operations"].as_array_mut().unwrap().push(json!({ "method": "DELETE", "path": "/Users/none" }));
    tenants[0].post("/Bulk", many).await.expect(413);
    let mut large = request(1);
    large["Operations"][0]["data"]["title"] = json!("x".repeat(largest));
    tenants[0].post("/Bulk", large).await.expect(413);
}

#[tokio::test]
async fn filters_answer_at_most_as_much_as_announced() {
    let (_app, tenants) = start().await;
    let filter = config(&tenants[0]).await["filter"].clone();
    if filter["supported"] == false {
        tenants[0].find("/Users", "userName pr").await.expect(501);
        return;
    }
    let ids = users(&tenants[0], 3).await;
    assert_eq!(tenants[0].ids("/Users", "userName sw \"user0\"").await, ids);
    let most = filter["maxResults"].as_u64().unwrap();
    let asked = tenants[0].find(&format!("/Users?count={}", most + 1), "userName pr").await.expect(200);
    assert!(asked["itemsPerPage"].as_u64().unwrap() <= most);
}

#[tokio::test]
async fn sorting_is_as_announced() {
    let (_app, tenants) = start().await;
    let mut ids = users(&tenants[0], 3).await;
    let sorted = tenants[0].get("/Users?sortBy=userName&sortOrder=descending").await;
    if config(&tenants[0]).await["sort"]["supported"] == true {
        ids.reverse();
        assert_eq!(page(&sorted.expect(200)), ids);
    } else {
        sorted.expect(501);
    }
}

#[tokio::test]
async fn entity_tags_are_as_announced() {
    let (_app, tenants) = start().await;
    let path = format!("/Users/{}", tenants[0].user("ada@example.test").await);
    let read = tenants[0].get(&path).await;
    if config(&tenants[0]).await["etag"]["supported"] == false {
        assert_eq!(read.header("etag"), "");
        return;
    }
    let tag = read.header("etag").to_owned();
    assert_eq!(read.body["meta"]["version"], json!(tag));
    let token = &tenants[0].token;
    let conditional = |method, header: &str, tag: &str| {
        tenants[0]
            .request(method, &path)
            .bearer_auth(token)
            .header(header, tag)
            .header("content-type", "application/scim+json")
    };
    let same = tenants[0].send(conditional(reqwest::Method::GET, "if-none-match", &tag)).await;
    assert_eq!((same.status, same.text.as_str()), (304, ""));
    let body = json!({ "schemas": [USER], "userName": "ada@example.test", "title": "Countess" }).to_string();
    tenants[0].send(conditional(reqwest::Method::PUT, "if-match", &tag).body(body.clone())).await.expect(200);
    tenants[0].send(conditional(reqwest::Method::PUT, "if-match", &tag).body(body)).await.expect(412);
}

#[tokio::test]
async fn pages_by_index_are_as_announced() {
    let (_app, tenants) = start().await;
    let pagination = config(&tenants[0]).await["pagination"].clone();
    assert_eq!((&pagination["index"], &pagination["defaultPaginationMethod"]), (&json!(true), &json!("index")));
    let ids = users(&tenants[0], 5).await;
    let mut seen = Vec::new();
    for start in [1, 3, 5, 7] {
        let list = tenants[0].get(&format!("/Users?startIndex={start}&count=2")).await.expect(200);
        assert_eq!((&list["totalResults"], &list["startIndex"]), (&json!(5), &json!(start)));
        seen.extend(page(&list));
    }
    assert_eq!(seen, ids);
    let default = pagination["defaultPageSize"].as_u64().unwrap();
    assert!(default <= pagination["maxPageSize"].as_u64().unwrap());
    users_until(&tenants[1], default + 1).await;
    let list = tenants[1].get("/Users").await.expect(200);
    assert_eq!((&list["itemsPerPage"], &list["totalResults"]), (&json!(default), &json!(default + 1)));
}

async fn users_until(tenant: &TenantClient, count: u64) {
    users(tenant, usize::try_from(count).unwrap()).await;
}

#[tokio::test]
async fn pages_by_cursor_are_as_announced_and_end_in_time() {
    let (app, tenants) = start().await;
    let pagination = config(&tenants[0]).await["pagination"].clone();
    let ids = users(&tenants[0], 5).await;
    let first = tenants[0].get("/Users?cursor=&count=2").await;
    if pagination["cursor"] == false {
        assert_eq!(pagination.get("cursorTimeout"), None);
        return;
    }
    let first = first.expect(200);
    let (mut seen, mut next) = (page(&first), first["nextCursor"].as_str().map(str::to_owned));
    while let Some(cursor) = next {
        let list = tenants[0].get(&format!("/Users?cursor={cursor}&count=2")).await.expect(200);
        seen.extend(page(&list));
        next = list["nextCursor"].as_str().map(str::to_owned);
    }
    assert_eq!(seen, ids);
    let cursor = first["nextCursor"].as_str().unwrap();
    let seconds = pagination["cursorTimeout"].as_u64().unwrap();
    app.advance(std::time::Duration::from_secs(seconds + 1));
    let expired = tenants[0].get(&format!("/Users?cursor={cursor}&count=2")).await.expect(400);
    assert_eq!(expired["scimType"], "expiredCursor");
}

/// `password` is announced if, and only if, it goes anywhere.
#[tokio::test]
async fn changing_passwords_is_as_announced() {
    let (_app, tenants) = start().await;
    for tenant in &tenants {
        let supported = config(tenant).await["changePassword"]["supported"].as_bool().unwrap();
        let schema = tenant.get(&format!("/Schemas/{USER}")).await.expect(200);
        let announced = elements(&schema["attributes"]).iter().find(|attribute| attribute["name"] == "password");
        assert_eq!(announced.is_some(), supported);
        if let Some(password) = announced {
            assert_eq!((&password["mutability"], &password["returned"]), (&json!("writeOnly"), &json!("never")));
        }
        let path = format!("/Users/{}", tenant.user("ada@example.test").await);
        let change = json!([{ "op": "replace", "path": "password", "value": "k3Vqz8Rt" }]);
        let answer = tenant.operations(&path, change).await;
        assert!(!answer.text.contains("k3Vqz8Rt"));
        assert_eq!(answer.expect(200).get("password"), None, "sent by many, and never shown");
    }
}

/// Searching has no member of its own in the configuration: it is part of every service (RFC 7644 §3.4.3).
#[tokio::test]
async fn a_search_finds_what_a_list_does() {
    let (_app, tenants) = start().await;
    let ids = users(&tenants[0], 3).await;
    let request = json!({ "schemas": [SEARCH], "filter": "userName sw \"user\"", "startIndex": 1, "count": 10 });
    for endpoint in ["/Users/.search", "/.search"] {
        let found = tenants[0].post(endpoint, request.clone()).await.expect(200);
        assert_eq!(page(&found), ids, "{endpoint}");
    }
}

/// RFC 7644 §3.11: a token that no user is behind has no `/Me`.
#[tokio::test]
async fn me_without_a_user_is_501() {
    let (_app, tenants) = start().await;
    let refused = tenants[0].get("/Me").await.expect(501);
    assert_eq!(refused["status"], "501");
}
