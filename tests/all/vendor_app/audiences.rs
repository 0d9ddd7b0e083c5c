//! Applivery's three audiences together: who appears in which, comes back, is deleted and gets another name, and by which keys that begins.

use muster_idp::{Group, Person, okta};
use muster_test_harness::TenantClient;
use muster_test_harness::messages::error;
use serde_json::{Value, json};
use vendor_app::Product;

use super::applivery::COLLABORATORS;
use super::keys::{NO_TOKEN, with};
use super::{Place, ada, id_of, okta_of, person, pushed, updated};

/// All that the product has, in words.
const EVERYTHING: &str = "
    SELECT audience || ': ' || email || ', ' || name FROM applivery_employees
    UNION ALL SELECT 'dashboard: ' || c.email || ', ' || c.name || ', ' || r.role
    FROM applivery_collaborators c JOIN applivery_roles r USING (id)
    UNION ALL SELECT 'device: ' || d.model || ' of ' || coalesce(e.email, 'nobody') FROM applivery_devices d
    LEFT JOIN applivery_employees e ON e.audience = 'mdm' AND e.id = d.owner
    ORDER BY 1";

/// Every audience creates; what a deactivation does.
fn all(store: &str, dashboard: &str, mdm: &str) -> Value {
    json!({
        "store": { "on_create": "create-employee", "on_deactivate": store },
        "dashboard": { "on_create": "create-collaborator", "role": "Editor", "on_deactivate": dashboard },
        "mdm": { "on_create": "create-employee", "on_deactivate": mdm },
    })
}

/// Every audience removes whom it has.
fn removing() -> Value {
    all("remove-employee", "remove-collaborator", "remove-user")
}

/// What Ada is in every audience, as [`EVERYTHING`] has it, with her phone.
const ADA: [&str; 4] = [
    "dashboard: ada@example.com, Ada Byron, Editor",
    "device: phone of ada@example.com",
    "mdm: ada@example.com, Ada Byron",
    "store: ada@example.com, Ada Byron",
];

/// Everything, once all tasks are carried out.
async fn everything(place: &Place) -> Vec<String> {
    for task in place.at_rest().await {
        assert_eq!(task["standing"], "done", "{task}");
    }
    place.rows(EVERYTHING).concat()
}

async fn gone(acme: &TenantClient, stored: &Value) {
    updated(acme, stored, &Person { active: false, ..ada() }).await;
}

async fn back(acme: &TenantClient, stored: &Value) {
    updated(acme, stored, &ada()).await;
}

/// The whole configuration with another value in it.
fn set(mut config: Value, pointer: &[&str], value: Value) -> Value {
    let place = pointer.iter().fold(&mut config, |place, name| &mut place[*name]);
    *place = value;
    config
}

/// What the product has after Ada was pushed where this audience creates nobody and the two others do, and again after she went and was back.
async fn without(audience: &str) -> Vec<String> {
    let place = Place::start().await;
    let config = all("remove-employee", "remove-collaborator", "nothing");
    let acme = place.acme(Product::Applivery, set(config, &[audience, "on_create"], json!("none"))).await;

    let stored = pushed(&acme, &ada()).await;

    let first = everything(&place).await;
    gone(&acme, &stored).await;
    back(&acme, &stored).await;
    assert_eq!(everything(&place).await, first, "nor is anybody created by a return");
    first
}

#[tokio::test]
async fn applivery_06_the_store_of_the_product_has_nobody_where_it_creates_nobody() {
    assert_eq!(without("store").await, ADA[..3]);
}

#[tokio::test]
async fn applivery_10_the_dashboard_of_the_product_has_nobody_where_it_creates_nobody() {
    assert_eq!(without("dashboard").await, ADA[1..]);
}

#[tokio::test]
async fn applivery_16_the_portal_of_the_product_has_neither_employee_nor_device_where_it_creates_nobody() {
    assert_eq!(without("mdm").await, [ADA[0], ADA[3]]);
}

#[tokio::test]
async fn applivery_12_in_the_product_another_role_is_for_those_who_are_created_afterwards() {
    let place = Place::start().await;
    let config = |role: &str, follows: bool| {
        let dashboard = json!({ "on_create": "create-collaborator", "role": role });
        json!({ "dashboard": dashboard, "role_follows_setting": follows })
    };
    let acme = place.acme(Product::Applivery, config("Editor", false)).await;
    let stored = pushed(&acme, &ada()).await;
    place.until(COLLABORATORS, &[&["ada@example.com", "Editor"]]).await;

    place.app.bind("acme", "applivery", config("Viewer", false)).await.expect(200);
    pushed(&acme, &person("Grace", "Murray")).await;
    updated(&acme, &stored, &Person { family: "Lovelace".to_owned(), ..ada() }).await;

    let expected =
        ["dashboard: ada@example.com, Ada Lovelace, Editor", "dashboard: grace@example.com, Grace Murray, Viewer"];
    assert_eq!(everything(&place).await, expected, "hers stays as it was");
    place.app.bind("acme", "applivery", config("Admin", true)).await.expect(200);
    back(&acme, &stored).await;
    place.until(COLLABORATORS, &[&["ada@example.com", "Admin"], &["grace@example.com", "Viewer"]]).await;
}

#[tokio::test]
async fn applivery_24_whoever_is_back_is_in_every_audience_of_the_product_again() {
    let place = Place::that_loses(2).await;
    let acme = place.acme(Product::Applivery, removing()).await;
    let stored = pushed(&acme, &ada()).await;
    assert_eq!(everything(&place).await, ADA);

    gone(&acme, &stored).await;
    assert_eq!(everything(&place).await, ["device: phone of nobody"]);
    for _ in 0..2 {
        back(&acme, &stored).await;
    }
    let again = [ADA[0], ADA[1], "device: phone of nobody", ADA[2], ADA[3]];
    assert_eq!(everything(&place).await, again, "once: with one phone more");

    let stays_away = set(removing(), &["reactivation"], json!("nothing"));
    place.app.bind("acme", "applivery", stays_away).await.expect(200);
    gone(&acme, &stored).await;
    back(&acme, &stored).await;

    assert_eq!(everything(&place).await, ["device: phone of nobody", "device: phone of nobody"]);
    let read = acme.get(&format!("/Users/{}", id_of(&stored))).await.expect(200);
    assert_eq!(read["active"], true, "unless the setting says otherwise, and SCIM has her all the same");
}

#[tokio::test]
async fn applivery_24_a_deactivation_that_is_repeated_leaves_what_the_product_has_done_since() {
    let place = Place::start().await;
    let acme = place.acme(Product::Applivery, all("none", "none", "unassign")).await;
    let stored = pushed(&acme, &ada()).await;
    gone(&acme, &stored).await;
    let unassigned = [ADA[0], "device: phone of nobody", ADA[2], ADA[3]];
    assert_eq!(everything(&place).await, unassigned);
    place.click(&format!("/applivery/{}/device", id_of(&stored))).await;

    gone(&acme, &stored).await;

    let handed_out = [ADA[0], "device: laptop of ada@example.com", "device: phone of nobody", ADA[2], ADA[3]];
    assert_eq!(everything(&place).await, handed_out);
    // Said once more, with another name: that alone is told.
    updated(&acme, &stored, &Person { active: false, family: "Lovelace".to_owned(), ..ada() }).await;
    let renamed = handed_out.map(|line| line.replace("Byron", "Lovelace"));
    assert_eq!(everything(&place).await, renamed);
    acme.delete(&format!("/Users/{}", id_of(&stored))).await.expect(204);
    assert_eq!(everything(&place).await, renamed, "nor does a deletion of who was deactivated before");
}

#[tokio::test]
async fn applivery_25_a_deletion_does_in_the_product_what_a_deactivation_does_and_the_record_is_gone() {
    for (mdm, left) in [
        ("nothing", vec![ADA[1], ADA[2]]),
        ("unassign", vec!["device: phone of nobody", ADA[2]]),
        ("remove-user", vec!["device: phone of nobody"]),
        ("remove-user-and-devices", Vec::new()),
    ] {
        let place = Place::start().await;
        let acme = place.acme(Product::Applivery, all("remove-employee", "remove-collaborator", mdm)).await;
        let stored = pushed(&acme, &ada()).await;
        let path = format!("/Users/{}", id_of(&stored));
        assert_eq!(everything(&place).await, ADA);

        acme.delete(&path).await.expect(204);

        acme.get(&path).await.expect(404);
        assert_eq!(everything(&place).await, left, "{mdm}");
    }
}

#[tokio::test]
async fn applivery_25_where_the_setting_says_so_a_deletion_leaves_the_product_alone() {
    let place = Place::start().await;
    let acme = place.acme(Product::Applivery, set(removing(), &["deletion"], json!("nothing"))).await;
    let stored = pushed(&acme, &ada()).await;
    assert_eq!(everything(&place).await, ADA);

    acme.delete(&format!("/Users/{}", id_of(&stored))).await.expect(204);

    acme.get(&format!("/Users/{}", id_of(&stored))).await.expect(404);
    assert_eq!(everything(&place).await, ADA);
}

/// Ada with another name and another address.
fn married() -> Person {
    Person { family: "Lovelace".to_owned(), email: "ada.l@example.com".to_owned(), ..ada() }
}

#[tokio::test]
async fn applivery_26_a_new_name_and_address_are_in_every_audience_of_the_product() {
    const PARTS: &str = "SELECT given_name, family_name FROM applivery_employees
                         UNION SELECT given_name, family_name FROM applivery_collaborators";
    let place = Place::that_loses(2).await;
    let acme = place.acme(Product::Applivery, removing()).await;
    let stored = pushed(&acme, &ada()).await;
    assert_eq!(everything(&place).await, ADA);

    updated(&acme, &stored, &married()).await;

    let expected = [
        "dashboard: ada.l@example.com, Ada Lovelace, Editor",
        "device: phone of ada.l@example.com",
        "mdm: ada.l@example.com, Ada Lovelace",
        "store: ada.l@example.com, Ada Lovelace",
    ];
    assert_eq!(everything(&place).await, expected);
    assert_eq!(place.rows(PARTS), [["Ada", "Lovelace"]]);
    let found = okta_of(&acme).expect(&okta::find_user("ada.l@example.com"), &[200]).await.unwrap().body;
    assert_eq!(found["Resources"][0]["id"], stored["id"]);
}

#[tokio::test]
async fn applivery_26_where_nobody_was_created_a_new_name_changes_the_record_alone() {
    let place = Place::start().await;
    let acme = place.acme(Product::Applivery, set(removing(), &["store", "on_create"], json!("none"))).await;
    let stored = pushed(&acme, &ada()).await;
    assert_eq!(everything(&place).await, ADA[..3]);

    // It creates from now on, but whoever is there already does not appear by a change.
    place.app.bind("acme", "applivery", removing()).await.expect(200);
    updated(&acme, &stored, &married()).await;

    let expected = [
        "dashboard: ada.l@example.com, Ada Lovelace, Editor",
        "device: phone of ada.l@example.com",
        "mdm: ada.l@example.com, Ada Lovelace",
    ];
    assert_eq!(everything(&place).await, expected, "nobody in the store");
    place.app.bind("acme", "applivery", json!({})).await.expect(200);
    let grace = person("Grace", "Murray");
    let other = pushed(&acme, &grace).await;
    updated(&acme, &other, &Person { family: "Hopper".to_owned(), ..grace }).await;
    assert_eq!(everything(&place).await, expected, "and nobody where no audience creates");
    let read = acme.get(&format!("/Users/{}", id_of(&other))).await.expect(200);
    assert_eq!(read["displayName"], "Grace Hopper");
}

#[tokio::test]
async fn applivery_03_what_okta_creates_changes_and_deactivates_is_so_in_the_product_and_its_groups_too() {
    const ROLES: &str = "SELECT role, count(*) FROM applivery_roles GROUP BY role ORDER BY role";
    let place = Place::start().await;
    let (mut people, groups) = muster_idp::sample("acme.example", 5);
    let roles: Value = groups.iter().take(1).map(|group| (group.name.clone(), json!("Admin"))).collect();
    let acme = place.acme(Product::Applivery, set(removing(), &["group_roles"], roles)).await;
    let cycle = async |people: &[Person], groups: &[Group]| {
        muster_idp::sync::okta(&okta_of(&acme), people, groups, |_| {}).await.unwrap();
        everything(&place).await
    };
    let as_expected = |people: &[&Person]| {
        let mut employees: Vec<String> =
            people.iter().map(|person| format!("store: {}, {}", person.email, person.display_name())).collect();
        employees.sort();
        employees
    };
    let store =
        |all: &[String]| -> Vec<String> { all.iter().filter(|line| line.starts_with("store: ")).cloned().collect() };

    let first = cycle(&people, &groups).await;
    assert_eq!(store(&first), as_expected(&people.iter().collect::<Vec<_>>()));
    let members = groups[0].members.len();
    assert!((1..5).contains(&members), "{:?}", groups[0]);
    let expected = [["Admin".to_owned(), members.to_string()], ["Editor".to_owned(), (5 - members).to_string()]];
    assert_eq!(place.rows(ROLES), expected, "who is in the group has its role");

    people[0].family = "Lovelace".to_owned();
    people[3].given = "Bobbie".to_owned();
    let changed = cycle(&people, &groups).await;
    assert_eq!(store(&changed), as_expected(&people.iter().collect::<Vec<_>>()));
    assert_ne!(changed, first);
    assert!(changed.contains(&format!("mdm: {}, Bobbie {}", people[3].email, people[3].family)), "{changed:?}");

    people[4].active = false;
    let less = cycle(&people, &groups).await;
    assert_eq!(store(&less), as_expected(&people[..4].iter().collect::<Vec<_>>()));
    assert_eq!(less.iter().filter(|line| line.starts_with("dashboard: ")).count(), 4);
    assert_eq!(cycle(&people, &groups).await, less, "and another cycle of the same changes nothing");
}

/// Ada as a collaborator who is a Viewer by her creation, of a product with two groups that have nobody in them; their ids.
async fn with_groups(role_order: &[&str]) -> (Place, TenantClient, String, [String; 2]) {
    let place = Place::start().await;
    let config = json!({
        "dashboard": { "on_create": "create-collaborator", "role": "Viewer" },
        "group_roles": { "Engines": "Editor", "Wheels": "Admin" }, "role_order": role_order,
    });
    let acme = place.acme(Product::Applivery, config).await;
    let stored = pushed(&acme, &ada()).await;
    let groups = [acme.group("Engines", &[]).await, acme.group("Wheels", &[]).await];
    assert_eq!(everything(&place).await, ["dashboard: ada@example.com, Ada Byron, Viewer"]);
    (place, acme, id_of(&stored).to_owned(), groups)
}

/// What Okta pushes of a group.
async fn group_is(acme: &TenantClient, id: &str, name: &str, members: &[&str]) {
    let group = Group { key: format!("00g-{name}"), name: name.to_owned(), members: Vec::new() };
    let members: Vec<_> = members.iter().map(|id| ((*id).to_owned(), "ada@example.com".to_owned())).collect();
    okta_of(acme).expect(&okta::push_group(id, &group, &members), &[200]).await.unwrap();
}

#[tokio::test]
async fn applivery_04_in_the_product_whoever_joins_an_existing_group_has_its_role_and_it_changes_with_its_name() {
    let (place, acme, ada, [engines, wheels]) = with_groups(&["Admin", "Editor", "Viewer"]).await;
    // Its name is to be another's.
    acme.delete(&format!("/Groups/{wheels}")).await.expect(204);
    let role = async |role: &str| place.until(COLLABORATORS, &[&["ada@example.com", role]]).await;

    group_is(&acme, &engines, "Engines", &[&ada]).await;
    role("Editor").await;
    group_is(&acme, &engines, "Cogs", &[&ada]).await;
    role("Viewer").await;
    group_is(&acme, &engines, "Wheels", &[&ada]).await;
    role("Admin").await;
    let rename = json!([{ "op": "replace", "value": { "id": engines, "displayName": "Engines" } }]);
    acme.operations(&format!("/Groups/{engines}"), rename).await.expect(200);
    role("Editor").await;
    group_is(&acme, &engines, "Engines", &[]).await;
    role("Viewer").await;
}

#[tokio::test]
async fn applivery_04_the_role_of_whoever_is_in_several_groups_of_the_product_goes_by_the_order_that_is_set() {
    for (order, expected) in [(["Admin", "Editor", "Viewer"], "Admin"), (["Editor", "Viewer", "Admin"], "Editor")] {
        for first in [0, 1] {
            let (place, acme, ada, groups) = with_groups(&order).await;
            let names = ["Engines", "Wheels"];

            for at in [first, 1 - first] {
                group_is(&acme, &groups[at], names[at], &[&ada]).await;
            }

            let line = format!("dashboard: ada@example.com, Ada Byron, {expected}");
            assert_eq!(everything(&place).await, [line], "{order:?}, {} first", names[first]);
        }
    }
}

#[tokio::test]
async fn applivery_01_the_dashboard_shows_base_url_and_token_to_an_owner_who_activates_scim_with_single_sign_on() {
    let place = Place::start().await;
    let acme = place.acme(Product::Applivery, removing()).await;
    let olaf = place.signed_in("settings/applivery", "olaf").await;
    let vera = place.signed_in("settings/applivery", "vera").await;

    for what in ["keys", "single-sign-on/off"] {
        place.stranger("settings/applivery").post(what).await.expect(401);
        let refused = vera.post(what).await.expect(403);
        assert!(refused.contains("An owner activates SCIM"), "{refused}");
    }
    assert!(!vera.look().await.contains("<button>Activate SCIM</button>"));
    olaf.post("single-sign-on/off").await.expect(303);
    let refused = olaf.post("keys").await.expect(409);
    assert!(refused.contains("single sign-on (SAML) has to be configured first"), "{refused}");
    assert_eq!(place.tokens().await.len(), 1, "the one that the tenant began with");
    olaf.post("single-sign-on/on").await.expect(303);
    assert!(olaf.look().await.contains("<button>Activate SCIM</button>"));
    let made = olaf.makes_a_key().await;

    assert_eq!(made.0, acme.base);
    let okta = okta_of(&with(&acme, &made));
    okta.expect(&okta::test_connection(), &[200]).await.unwrap();
    okta.expect(&okta::create_user(&ada()), &[201]).await.unwrap();
    assert_eq!(everything(&place).await, ADA, "one URL and token for all three");
    let look = olaf.look().await;
    assert!(look.contains("<td>made by Olaf Berg</td>") && !look.contains(&made.1), "{look}");
    vera.revokes(&made).await.expect(403);
    olaf.revokes(&made).await.expect(303);
    assert_eq!(with(&acme, &made).get("/Users").await.expect(401), error(401, None, NO_TOKEN));
}
