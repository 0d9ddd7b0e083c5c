use reqwest::StatusCode;
use serde_json::json;
use vendor_app::Product;

use super::{Place, id_of, person, pushed};

#[tokio::test]
async fn who_has_no_key_reaches_nothing_of_the_product() {
    let place = Place::start().await;
    let acme = place.acme(Product::Popl, json!({})).await;
    pushed(&acme, &person("Grace", "Murray")).await;
    place.until("SELECT email FROM popl_profiles", &[&["grace@example.com"]]).await;
    // Another tenant's webhook, signed with a key of its own.
    let url = "https://product.example/webhooks/popl";
    place.app.admin_post("/tenants/acme/webhooks", json!({ "name": "forged", "url": url })).await.expect(201);
    let forged = place.app.admin_post("/tenants/acme/webhooks/forged/test", json!({})).await;
    assert!(forged.text.contains("401"), "{}", forged.text);

    let page = format!("http://{}/", place.product.page);
    let other_site = reqwest::Client::new()
        .post(format!("{page}poggio/1/log-in"))
        .header("origin", "https://evil.example")
        .send()
        .await
        .unwrap();
    assert_eq!(other_site.status(), StatusCode::FORBIDDEN);
    let renamed = reqwest::Client::new().get(&page).header("host", "evil.example").send().await.unwrap();
    assert_eq!(renamed.status(), StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn what_muster_cannot_be_told_is_not_done_in_the_product_either() {
    let place = Place::start().await;
    let acme = place.acme(Product::LevelAccess, json!({ "activated": true, "sso": "saml" })).await;
    let grace = pushed(&acme, &person("Grace", "Murray")).await;
    let states = "SELECT state, (SELECT count(*) FROM level_access_assignments) FROM level_access_users";
    place.until(states, &[&["unassigned", "0"]]).await;
    let file = place.product.keys_file.with_file_name("muster.json");
    let written = std::fs::read_to_string(&file).unwrap();
    std::fs::remove_file(&file).unwrap();
    let assign = format!("http://{}/level-access/{}/assign", place.product.page, id_of(&grace));
    let click = async || reqwest::Client::new().post(&assign).send().await.unwrap().text().await.unwrap();

    let page = click().await;

    assert!(page.contains("Muster was not told (groups-assigned): there is no "), "{page}");
    place.at_rest().await;
    assert_eq!(place.rows(states), [["unassigned", "0"]]);
    std::fs::write(&file, written).unwrap();
    click().await;
    place.until(states, &[&["assigned", "1"]]).await;
}
