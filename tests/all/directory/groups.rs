use muster_test_harness::TestApp;
use serde_json::json;

use super::{acme_with, all, read};

#[tokio::test]
async fn a_group_shows_whom_the_product_lists_and_all_of_its_members_where_that_is_asked() {
    let app = TestApp::start().await;
    let (acme, old) = acme_with(&app, &["old1", "old2"]).await;
    let ada = acme.user("ada@example.com").await;
    let staff = acme.group("Staff", &[&old[0], &ada, &old[1]]).await;
    let members = async |query: &str| read(&app, &format!("groups/{staff}/members{query}")).await;

    let shown = members("").await;
    assert_eq!(all(&shown["members"], "id"), old);
    assert_eq!(shown["next"], json!(null));
    let everybody = members("?all=true").await;
    assert_eq!(all(&everybody["members"], "id"), [&old[0], &old[1], &ada].map(String::clone));
    assert_eq!(
        (&everybody["members"][2]["listed"], &everybody["members"][2]["state"]),
        (&json!(false), &json!("invited"))
    );
    let first = members("?limit=1").await;
    assert_eq!(all(&first["members"], "id"), old[..1]);
    let second = members(&format!("?limit=1&after={}", first["next"].as_str().unwrap())).await;
    assert_eq!(all(&second["members"], "id"), old[1..]);
    assert_eq!(acme.members(&staff).await.len(), 3, "the identity provider sees all of them, always");

    let group = read(&app, &format!("groups/{staff}")).await;
    assert_eq!(
        (&group["displayName"], &group["members"], &group["type"]),
        (&json!("Staff"), &json!(3), &json!("Group"))
    );
}

#[tokio::test]
async fn groups_are_read_page_by_page_and_those_of_an_account_too() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let ada = acme.user("ada").await;
    let mut groups = Vec::new();
    for number in 0..3 {
        groups.push(acme.group(&format!("G{number}"), &[&ada]).await);
    }

    for path in ["groups".to_owned(), format!("accounts/{ada}/groups")] {
        let (mut met, mut after) = (Vec::new(), String::new());
        loop {
            let page = read(&app, &format!("{path}?limit=2{after}")).await;
            met.extend(all(&page["groups"], "id"));
            let Some(next) = page["next"].as_str() else { break };
            after = format!("&after={next}");
        }
        assert_eq!(met, groups, "{path}");
    }
}
