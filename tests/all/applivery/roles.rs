use muster_idp::{Group, okta};
use muster_test_harness::GROUP;
use serde_json::json;

use super::product::Said;
use super::{Product, acme_of, ada_is_gone, ada_is_pushed, at_rest, id_of, okta_of};

#[tokio::test]
async fn applivery_04_a_mapped_group_gives_its_role_and_leaving_it_takes_the_role_away() {
    let product = Product::start().await;
    let config = json!({
        "group_roles": { "Engines": "Editor", "Owners": "Admin" }, "role_order": ["Editor", "Admin", "Viewer"],
    });
    let (app, acme) = acme_of(&product, config).await;
    let okta = okta_of(&acme);
    let stored = ada_is_pushed(&acme).await;
    let ada = id_of(&stored);
    let engines = Group { key: "00g1".to_owned(), name: "Engines".to_owned(), members: Vec::new() };
    let group = okta.expect(&okta::create_group(&engines), &[201]).await.unwrap().body;
    let id = id_of(&group);
    let push = async |members: &[(String, String)]| {
        okta.expect(&okta::push_group(id, &engines, members), &[200]).await.unwrap();
    };

    push(&[(ada.to_owned(), "ada@example.com".to_owned())]).await;
    push(&[(ada.to_owned(), "ada@example.com".to_owned())]).await;
    push(&[]).await;
    at_rest(&app).await;

    let (group, member) = (format!("/v1/dashboard/groups/{id}"), format!("/v1/dashboard/groups/{id}/members/{ada}"));
    assert_eq!(product.lines(), [format!("PUT {group}"), format!("PUT {member}"), format!("DELETE {member}")]);
    assert_eq!(product.effects()[0].body, json!({ "name": "Engines", "role": "Editor", "rank": 0 }));

    // Renamed to what gives no role, to what gives another one, and deleted.
    for name in ["Wheels", "Owners"] {
        let rename = json!([{ "op": "replace", "value": { "id": id, "displayName": name } }]);
        acme.operations(&format!("/Groups/{id}"), rename).await.expect(200);
    }
    acme.delete(&format!("/Groups/{id}")).await.expect(204);
    at_rest(&app).await;
    assert_eq!(product.lines()[3..], ["PUT", "PUT", "DELETE"].map(|method| format!("{method} {group}")));
    assert_eq!(product.effects()[3].body, json!({ "name": "Wheels" }));
    assert_eq!(product.effects()[4].body, json!({ "name": "Owners", "role": "Admin", "rank": 1 }), "the order is told");
}

#[tokio::test]
async fn applivery_04_a_group_that_is_emptied_by_accident_takes_nobodys_role_away() {
    let product = Product::start().await;
    let (app, acme) = acme_of(&product, json!({ "group_roles": { "Engines": "Editor" } })).await;
    let mut users = Vec::new();
    for number in 0..28 {
        users.push(acme.user(&format!("u{number}@example.com")).await);
    }
    let members: Vec<&str> = users.iter().map(String::as_str).collect();
    let group = acme.group("Engines", &members).await;
    let removals = || product.lines().iter().filter(|line| line.starts_with("DELETE ")).count();

    let one = json!([{ "op": "remove", "path": format!("members[value eq \"{}\"]", users[0]) }]);
    acme.operations(&format!("/Groups/{group}"), one).await.expect(200);
    at_rest(&app).await;
    assert_eq!(removals(), 1, "who leaves a group loses the role at once");

    let none = json!({ "schemas": [GROUP], "displayName": "Engines", "members": [] });
    acme.put(&format!("/Groups/{group}"), none).await.expect(200);
    let brake = app.admin_get("/tenants/acme/brake").await.expect(200);
    assert_eq!(brake["engaged"]["why"], "a group lost 28 of its 28 members within 60 minutes");
    assert_eq!(brake["held"].as_u64().unwrap() + brake["to_be_held"]["tasks"].as_u64().unwrap(), 27, "{brake}");
    assert_eq!(removals(), 1);

    app.admin_post("/tenants/acme/brake/release", json!({ "all": true })).await.expect(200);
    at_rest(&app).await;
    assert_eq!(removals(), 28, "what somebody has looked at is carried out");
}

#[tokio::test]
async fn applivery_04_where_no_group_gives_a_role_nothing_follows_from_groups() {
    let product = Product::start().await;
    let (app, acme) = acme_of(&product, json!({})).await;
    let stored = ada_is_pushed(&acme).await;

    let group = acme.group("Engines", &[id_of(&stored)]).await;
    acme.delete(&format!("/Groups/{group}")).await.expect(204);

    assert_eq!((at_rest(&app).await, product.heard()), (Vec::new(), Vec::new()));
}

#[tokio::test]
async fn applivery_15_the_last_admin_is_not_removed_unless_the_setting_allows_it() {
    for (setting, parked) in [("refuse", true), ("allow", false)] {
        let product = Product::that(|call, _| match call.line.ends_with("?last-admin=refuse") {
            true => Said::Status(409),
            false => Said::Status(204),
        })
        .await;
        let dashboard = json!({
            "on_create": "create-collaborator", "role": "Admin", "on_deactivate": "remove-collaborator",
            "last_admin": setting,
        });
        let (app, acme) = acme_of(&product, json!({ "dashboard": dashboard })).await;
        let stored = ada_is_pushed(&acme).await;

        assert_eq!(ada_is_gone(&acme, &stored).await["active"], false);
        let removal = at_rest(&app).await.pop().unwrap();

        assert_eq!(removal["action"], "dashboard.remove-collaborator");
        assert_eq!(removal["standing"], if parked { "parked" } else { "done" });
        let story = app.admin_get(&format!("/tenants/acme/tasks/{}", removal["seq"])).await.expect(200);
        let sentence = if parked { json!("the last Admin is not removed") } else { json!(null) };
        assert_eq!(story["told"][0]["failure"], sentence);
        assert_eq!(product.heard().len(), 2, "nobody asks again");
    }
}
