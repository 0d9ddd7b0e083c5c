//! `sortBy` and `sortOrder` (RFC 7644 §3.4.2.3).

use std::time::Duration;

use muster_test_harness::messages::error;
use muster_test_harness::{ENTERPRISE, TenantClient, USER};
use serde_json::json;

use super::{names, start, user};

/// The names in this order.
async fn sorted(acme: &TenantClient, query: &str) -> Vec<String> {
    let list = acme.get(&format!("/Users?{query}")).await.expect(200);
    assert_eq!(
        (list["startIndex"].as_u64(), list["totalResults"].as_u64()),
        (Some(1), Some(names(&list).len() as u64))
    );
    names(&list).into_iter().map(str::to_owned).collect()
}

#[tokio::test]
async fn user_names_are_sorted_without_case_and_external_ids_with_it() {
    let (_app, acme) = start().await;
    for (name, external) in [("bea", "b"), ("Ada", "B"), ("cleo", "a"), ("Dan", "A")] {
        user(&acme, name, json!({ "externalId": external })).await;
    }
    assert_eq!(sorted(&acme, "").await, ["bea", "Ada", "cleo", "Dan"], "unsorted: in order of creation");
    assert_eq!(sorted(&acme, "sortBy=userName").await, ["Ada", "bea", "cleo", "Dan"]);
    assert_eq!(sorted(&acme, "sortBy=externalId").await, ["Dan", "Ada", "cleo", "bea"]);
    assert_eq!(sorted(&acme, "sortBy=externalId&sortOrder=descending").await, ["bea", "cleo", "Ada", "Dan"]);
}

#[tokio::test]
async fn names_and_orders_are_read_in_any_case_and_an_order_without_an_attribute_orders_nothing() {
    let (_app, acme) = start().await;
    for name in ["bea", "ada"] {
        user(&acme, name, json!({})).await;
    }
    for query in ["sortBy=USERNAME", "SORTBY=username&sortorder=ASCENDING", "sortBy=userName&sortOrder="] {
        assert_eq!(sorted(&acme, query).await, ["ada", "bea"], "{query}");
    }
    let urn = format!("sortBy={USER}:userName&sortOrder=Descending");
    assert_eq!(sorted(&acme, &urn).await, ["bea", "ada"]);
    for query in ["sortOrder=ascending", "sortBy=", "sortBy=%20&sortOrder=descending"] {
        assert_eq!(sorted(&acme, query).await, ["bea", "ada"], "{query}: in order of creation");
    }
}

/// "If no value is provided, resources are sorted last if ascending and first if descending."
#[tokio::test]
async fn who_has_no_value_comes_last_when_ascending_and_first_when_descending() {
    let (_app, acme) = start().await;
    user(&acme, "nameless", json!({})).await;
    user(&acme, "byron", json!({ "name": { "familyName": "Byron" } })).await;
    user(&acme, "noname", json!({ "name": { "givenName": "No" } })).await;
    user(&acme, "adams", json!({ "name": { "familyName": "adams" } })).await;

    let ascending = sorted(&acme, "sortBy=name.familyName").await;
    assert_eq!(ascending, ["adams", "byron", "nameless", "noname"], "those without in order of creation");
    let descending = sorted(&acme, "sortBy=name.familyName&sortOrder=descending").await;
    assert_eq!(descending[2..], ["byron", "adams"]);
    assert_eq!(descending[..2].iter().filter(|name| name.contains("name")).count(), 2);
}

/// "the primary value, or else the first of the list"
#[tokio::test]
async fn several_values_are_sorted_by_the_primary_one_or_else_by_the_first() {
    let (_app, acme) = start().await;
    let emails = |values: &[(&str, bool)]| {
        let one = |(value, primary): &(&str, bool)| json!({ "value": value, "primary": primary });
        json!({ "emails": values.iter().map(one).collect::<Vec<_>>() })
    };
    user(&acme, "primary-z", emails(&[("a@x.org", false), ("z@x.org", true)])).await;
    user(&acme, "first-m", emails(&[("M@x.org", false), ("a@x.org", false)])).await;
    user(&acme, "only-k", emails(&[("k@x.org", false)])).await;
    user(&acme, "none", json!({})).await;
    for by in ["emails.value", "emails", "EMAILS.Value"] {
        assert_eq!(sorted(&acme, &format!("sortBy={by}")).await, ["only-k", "first-m", "primary-z", "none"], "{by}");
    }
}

#[tokio::test]
async fn times_and_booleans_are_sorted_as_what_they_are() {
    let (app, acme) = start().await;
    for name in ["third", "first", "second"] {
        user(&acme, name, json!({ "active": name != "first" })).await;
        app.advance(Duration::from_secs(60 * 60 * 24 * 60));
    }
    assert_eq!(sorted(&acme, "sortBy=meta.created").await, ["third", "first", "second"]);
    assert_eq!(sorted(&acme, "sortBy=meta.created&sortOrder=descending").await, ["second", "first", "third"]);
    let touched = acme.ids("/Users", "userName eq \"first\"").await;
    let title = json!([{ "op": "add", "path": "title", "value": "x" }]);
    acme.operations(&format!("/Users/{}", touched[0]), title).await.expect(200);
    assert_eq!(sorted(&acme, "sortBy=meta.lastModified&sortOrder=descending").await, ["first", "second", "third"]);
    assert_eq!(sorted(&acme, "sortBy=active").await, ["first", "third", "second"], "false before true");
    assert_eq!(sorted(&acme, "sortBy=id").await, ["third", "first", "second"], "ids are in order of creation");
}

#[tokio::test]
async fn an_attribute_of_an_extension_is_named_by_its_urn() {
    let (_app, acme) = start().await;
    for (name, department) in [("ada", "Zoology"), ("bea", "analysis"), ("cleo", "Botany")] {
        user(&acme, name, json!({ ENTERPRISE: { "department": department, "manager": { "value": name } } })).await;
    }
    assert_eq!(sorted(&acme, &format!("sortBy={ENTERPRISE}:department")).await, ["bea", "cleo", "ada"]);
    assert_eq!(sorted(&acme, &format!("sortBy={ENTERPRISE}:manager.value")).await, ["ada", "bea", "cleo"]);
}

#[tokio::test]
async fn a_sorted_list_can_be_filtered_and_those_that_are_equal_stay_in_order() {
    let (_app, acme) = start().await;
    for number in 0..9 {
        let family = ["Same", "Other"][number % 2];
        user(&acme, &format!("user{number}"), json!({ "name": { "familyName": family }, "active": number < 6 })).await;
    }
    let page = sorted(&acme, "filter=active eq true&sortBy=name.familyName").await;
    assert_eq!(page, ["user1", "user3", "user5", "user0", "user2", "user4"]);
}

#[tokio::test]
async fn what_cannot_be_sorted_by_is_told() {
    let (_app, acme) = start().await;
    user(&acme, "ada", json!({})).await;
    for (query, scim_type, detail) in [
        ("sortBy=favouriteColour", "invalidPath", "sortBy names no attribute of what is listed"),
        ("sortBy=name.middle", "invalidPath", "sortBy names no attribute of what is listed"),
        ("sortBy=members", "invalidPath", "sortBy names no attribute of what is listed"),
        ("sortBy=urn:example:Nothing:at.all", "invalidPath", "sortBy names no attribute of what is listed"),
        ("sortBy=a b", "invalidPath", "sortBy is not the path of an attribute"),
        ("sortBy=emails[type eq \"work\"].value", "invalidPath", "sortBy is not the path of an attribute"),
        ("sortBy=userName,title", "invalidPath", "sortBy is not the path of an attribute"),
        ("sortBy=userName&sortOrder=up", "invalidValue", "sortOrder is neither 'ascending' nor 'descending'"),
        ("sortBy=password", "invalidPath", "sortBy names no attribute of what is listed"),
    ] {
        let refused = acme.get(&format!("/Users?{query}")).await.expect(400);
        assert_eq!(refused, error(400, Some(scim_type), detail), "{query}");
    }
    let long = "x".repeat(2000);
    let refused = acme.get(&format!("/Users?sortBy={long}")).await.expect(400);
    assert_eq!(refused["scimType"], "invalidPath");
    for complex in ["name", "meta", ENTERPRISE] {
        let refused = acme.get(&format!("/Users?sortBy={complex}")).await.expect(400);
        assert_eq!(refused["scimType"], "invalidValue", "{complex}");
    }
}

/// The order would tell it, letter by letter.
#[tokio::test]
async fn what_is_never_returned_cannot_be_sorted_by() {
    let (app, acme) = start().await;
    let secrets = "urn:example:params:scim:schemas:extension:secrets:2.0:User";
    let pin = json!({
        "name": "pin", "type": "string", "multiValued": false, "description": "The PIN", "required": false, "caseExact": true,
        "mutability": "writeOnly", "returned": "never", "uniqueness": "none",
    });
    let schema = json!({ "id": secrets, "name": "Secrets", "description": "Nobody reads them", "attributes": [pin] });
    let extensions = json!([{ "resourceType": "User", "required": false, "schema": schema }]);
    app.admin_put("/tenants/acme/scim", json!({ "extensions": extensions })).await.expect(200);
    user(&acme, "ada", json!({ secrets: { "pin": "1815" } })).await;

    for path in ["/Users", ""] {
        let refused = acme.get(&format!("{path}?sortBy={secrets}:pin")).await.expect(400);
        let told = format!("{secrets}:pin cannot be sorted by: it is never returned");
        assert_eq!(refused, error(400, Some("invalidValue"), &told), "{path}");
    }
}

#[tokio::test]
async fn that_lists_can_be_sorted_is_announced() {
    let (_app, acme) = start().await;
    let config = acme.get("/ServiceProviderConfig").await.expect(200);
    assert_eq!(config["sort"], json!({ "supported": true }));
    assert_eq!(
        (&config["pagination"]["defaultPageSize"], &config["pagination"]["maxPageSize"]),
        (&json!(100), &json!(1000))
    );
    assert_eq!(config["pagination"]["defaultPaginationMethod"], "index");
}
