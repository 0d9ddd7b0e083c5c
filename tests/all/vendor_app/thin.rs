//! Webhooks that say what happened to whom and no more: by their setting, or because the whole would be too much, as that of a large group is.
//! The product asks Muster what is there now.

use muster_idp::Person;
use muster_test_harness::{GROUP, TenantClient};
use serde_json::{Value, json};
use vendor_app::Product;

use super::{Place, ada, id_of, person, pushed, updated};

const PROFILES: &str = "SELECT email, name, is_in_team FROM popl_profiles ORDER BY email";

/// Each group with how many members it has.
const GROUPS: &str =
    "SELECT g.name, (SELECT count(*) FROM popl_memberships m WHERE m.group_id = g.id) FROM popl_groups g";

/// More than a thin event names.
const MANY: usize = 101;

/// So many people, by Bulk; their ids.
async fn many(acme: &TenantClient) -> Vec<String> {
    let user = |number| json!({ "schemas": [muster_test_harness::USER], "userName": format!("u{number}@example.com") });
    let operation =
        |number| json!({ "method": "POST", "path": "/Users", "bulkId": format!("u{number}"), "data": user(number) });
    let operations: Vec<Value> = (0..MANY).map(operation).collect();
    let bulk = json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], "Operations": operations });
    let answer = acme.post("/Bulk", bulk).await.expect(200);
    let locations = answer["Operations"].as_array().unwrap().iter().map(|done| done["location"].as_str().unwrap());
    locations.map(|location| location.rsplit('/').next().unwrap().to_owned()).collect()
}

fn members(ids: &[String]) -> Value {
    ids.iter().map(|id| json!({ "value": id })).collect()
}

#[tokio::test]
async fn a_user_of_whom_a_thin_event_tells_is_as_muster_has_them() {
    let place = Place::start().await;
    let acme = place.acme_telling("thin", Product::Popl, json!({ "team": "Sales" })).await;
    let stored = pushed(&acme, &ada()).await;
    place.until(PROFILES, &[&["ada@example.com", "Ada Byron", "1"]]).await;

    let lovelace = Person { family: "Lovelace".to_owned(), ..ada() };
    updated(&acme, &stored, &lovelace).await;
    place.until(PROFILES, &[&["ada@example.com", "Ada Lovelace", "1"]]).await;
    updated(&acme, &stored, &Person { active: false, ..lovelace }).await;
    place.until(PROFILES, &[&["ada@example.com", "Ada Lovelace", "0"]]).await;
    acme.delete(&format!("/Users/{}", id_of(&stored))).await.expect(204);

    place.until(PROFILES, &[]).await;
    assert!(place.at_rest().await.iter().all(|task| task["standing"] == "done"));
}

#[tokio::test]
async fn a_group_of_more_members_than_an_event_names_has_all_of_them_and_no_other() {
    let place = Place::start().await;
    let acme = place.acme_telling("thin", Product::Popl, json!({})).await;
    // So many leave at once as it would hold.
    place.app.admin_put("/tenants/acme/brake", json!({ "is_on": false })).await.expect(200);
    let ids = many(&acme).await;
    let group = json!({ "schemas": [GROUP], "displayName": "Everybody", "members": members(&ids) });
    let group = acme.post("/Groups", group).await.expect(201);
    place.until(GROUPS, &[&["Everybody", "101"]]).await;

    let path = format!("/Groups/{}", id_of(&group));
    let out = json!([{ "op": "replace", "path": "members", "value": members(&ids[..1]) }]);
    assert!([200, 204].contains(&acme.operations(&path, out).await.status));
    place.until(GROUPS, &[&["Everybody", "1"]]).await;
    // Fewer come than are named, and more go: neither is the whole.
    let grace = [id_of(&pushed(&acme, &person("Grace", "Murray")).await).to_owned()];
    let add = json!([{ "op": "add", "path": "members", "value": members(&ids) }]);
    assert!([200, 204].contains(&acme.operations(&path, add).await.status));
    place.until(GROUPS, &[&["Everybody", "101"]]).await;
    let exchanged = json!([{ "op": "replace", "path": "members", "value": members(&grace) }]);
    assert!([200, 204].contains(&acme.operations(&path, exchanged).await.status));

    place.until("SELECT member FROM popl_memberships", &[&[&grace[0]]]).await;
    let renamed = json!([{ "op": "replace", "path": "displayName", "value": "Engines" }]);
    assert!([200, 204].contains(&acme.operations(&path, renamed).await.status));
    place.until(GROUPS, &[&["Engines", "1"]]).await;
    acme.delete(&path).await.expect(204);
    place.until(GROUPS, &[]).await;
    assert!(place.at_rest().await.iter().all(|task| task["standing"] == "done"));
    assert!(place.rows("SELECT * FROM popl_memberships").is_empty());
}

#[tokio::test]
async fn while_the_product_cannot_ask_an_event_comes_again_and_who_is_gone_when_it_can_is_gone() {
    let place = Place::start().await;
    let acme = place.acme_telling("thin", Product::Popl, json!({})).await;
    let stored = pushed(&acme, &ada()).await;
    let byron: &[&[&str]] = &[&["ada@example.com", "Ada Byron", "1"]];
    place.until(PROFILES, byron).await;
    let refused_because = async |why: &str| {
        let refused = async {
            while !format!("{:?}", place.app.tasks("acme").await).contains(why) {
                place.passes().await;
            }
        };
        tokio::time::timeout(super::PATIENCE, refused).await.expect("the delivery says why it is not taken");
        assert_eq!(place.rows(PROFILES), byron);
    };
    let file = place.product.keys_file.with_file_name("muster.json");
    let written = std::fs::read_to_string(&file).unwrap();

    // Where the tenant is not there, nobody of it is gone.
    std::fs::write(&file, written.replace("/directory/v1", "/directory/v1/elsewhere")).unwrap();
    updated(&acme, &stored, &Person { family: "Lovelace".to_owned(), ..ada() }).await;
    refused_because("the product's tenant is not there").await;
    std::fs::remove_file(&file).unwrap();
    refused_because("there is no ").await;
    acme.delete(&format!("/Users/{}", id_of(&stored))).await.expect(204);
    std::fs::write(&file, written).unwrap();

    place.until(PROFILES, &[]).await;
    assert!(place.at_rest().await.iter().all(|task| task["standing"] == "done"));
}

#[tokio::test]
async fn the_webhook_of_another_customers_tenant_is_refused() {
    let place = Place::start().await;
    place.acme(Product::Popl, json!({})).await;
    let globex = place.app.create_tenant("globex", "popl", json!({})).await;
    let webhook = json!({
        "name": "product", "url": "https://product.example/webhooks/popl", "payload": "full",
        "key": place.product.keys.webhooks[&Product::Popl],
    });
    place.app.admin_post("/tenants/globex/webhooks", webhook).await.expect(201);

    pushed(&globex, &ada()).await;

    let tried = place.app.admin_post("/tenants/globex/webhooks/product/test", json!({})).await;
    assert!(tried.text.contains("403") && tried.text.contains("globex"), "{}", tried.text);
    assert!(place.rows(PROFILES).is_empty());
}
