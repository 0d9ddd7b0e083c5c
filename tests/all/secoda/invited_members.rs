//! Whether invited users show among a group's members on the wire, which the guide leaves open: a setting.

use muster_idp::{Group, entra, okta};
use muster_test_harness::{Answer, GROUP, PATCH_OP, TenantClient, TestApp};
use reqwest::Method;
use serde_json::{Value, json};

use super::{ada_is_pushed, id_of, okta_of};

const BULK: &str = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";
const SEARCH: &str = "urn:ietf:params:scim:api:messages:2.0:SearchRequest";

/// A workspace with Ada, who is invited, and Grace, who has signed in.
struct Workspace {
    app: TestApp,
    acme: TenantClient,
    ada: String,
    grace: String,
}

impl Workspace {
    async fn start(show_invited_members: bool) -> Self {
        let app = TestApp::start().await;
        let config = json!({ "show_invited_members": show_invited_members });
        let acme = app.tenant_with("acme", "secoda", config).await;
        let ada = id_of(&ada_is_pushed(&acme).await).to_owned();
        let grace = acme.user("grace@example.com").await;
        let workspace = Self { app, acme, ada, grace };
        workspace.signs_in(&workspace.grace).await;
        workspace
    }

    async fn signs_in(&self, id: &str) {
        let path = format!("/tenants/acme/accounts/{id}/signals");
        self.app.directory_send(Method::POST, &path, json!({ "name": "signed-in" })).await.expect(200);
    }

    /// Who is a member, whoever is shown.
    async fn kept(&self, group: &str) -> Vec<String> {
        let path = format!("/tenants/acme/groups/{group}/members?all=true");
        let page = self.app.directory_get(&path).await.expect(200);
        page["members"].as_array().unwrap().iter().map(|member| id_of(member).to_owned()).collect()
    }

    /// A group of both.
    async fn group(&self, name: &str) -> String {
        self.acme.group(name, &[&self.ada, &self.grace]).await
    }

    async fn patched(&self, group: &str, operations: Value) -> Answer {
        self.acme.operations(&format!("/Groups/{group}"), operations).await
    }
}

fn members_of(group: &Value) -> Vec<&str> {
    let members = group["members"].as_array().map_or(&[][..], Vec::as_slice);
    members.iter().map(|member| member["value"].as_str().unwrap()).collect()
}

fn engines() -> Group {
    let members = ["ada@example.com", "grace@example.com"].map(str::to_owned);
    Group { key: "00g1".to_owned(), name: "Engines".to_owned(), members: members.to_vec() }
}

/// A read or a write under a condition.
async fn under(acme: &TenantClient, method: Method, path: &str, condition: (&str, &str), body: &Value) -> Answer {
    let request = acme.request(method, path).bearer_auth(&acme.token).header(condition.0, condition.1);
    let typed = request.header("content-type", "application/scim+json");
    acme.send(if body.is_null() { typed } else { typed.body(body.to_string()) }).await
}

#[tokio::test]
async fn secoda_21_as_the_setting_says_every_answer_shows_invited_members_or_none_does() {
    for show in [true, false] {
        let workspace = Workspace::start(show).await;
        let Workspace { app, acme, ada, grace } = &workspace;
        let shown = if show { vec![ada.as_str(), grace] } else { vec![grace.as_str()] };
        let okta = okta_of(acme);

        let made = okta.expect(&okta::create_group(&engines()), &[201]).await.unwrap().body;
        let group = id_of(&made);
        let pushed = [(ada, "ada@example.com"), (grace, "grace@example.com")];
        let pushed = pushed.map(|(id, login)| (id.clone(), login.to_owned()));
        let put = okta.expect(&okta::push_group(group, &engines(), &pushed), &[200]).await.unwrap().body;

        assert_eq!(workspace.kept(group).await, [ada.as_str(), grace], "both are members, {show}");
        assert_eq!(members_of(&put), shown);
        let path = format!("/Groups/{group}");
        let read = acme.get(&path).await.expect(200);
        assert_eq!(read, put);
        for filtered in ["displayName eq \"Engines\"", &format!("members.value eq \"{grace}\"")] {
            let found = acme.find("/Groups", filtered).await.expect(200);
            assert_eq!(found["Resources"], json!([read]), "{filtered}");
        }
        assert_eq!(acme.get("/Groups").await.expect(200)["Resources"], json!([read]));
        for endpoint in ["/Groups/.search", "/.search"] {
            let search = json!({ "schemas": [SEARCH], "filter": "displayName eq \"engines\"" });
            assert_eq!(acme.post(endpoint, search).await.expect(200)["Resources"], json!([read]), "{endpoint}");
        }
        let rename = json!([{ "op": "replace", "value": { "id": group, "displayName": "Engine room" } }]);
        assert_eq!(members_of(&workspace.patched(group, rename).await.expect(200)), shown);
        let members = json!([{ "value": ada }, { "value": grace }]);
        let whole = json!({ "schemas": [GROUP], "displayName": "Drafts", "members": members });
        assert_eq!(members_of(&acme.post("/Groups", whole).await.expect(201)), shown);

        let by_ada = if show { 2 } else { 0 };
        for filter in [
            format!("members eq \"{ada}\""),
            format!("members[value eq \"{ada}\" and type eq \"User\"]"),
            "members.display eq \"Ada Byron\"".to_owned(),
        ] {
            assert_eq!(acme.ids("/Groups", &filter).await.len(), by_ada, "{filter}");
        }
        assert_eq!(acme.ids("/Groups", &format!("not (members.value eq \"{ada}\")")).await.len(), 2 - by_ada);
        // The user's own side of it, the product and the log tell the membership whatever is set.
        let user = acme.get(&format!("/Users/{ada}")).await.expect(200);
        assert_eq!(user["groups"].as_array().unwrap().len(), 2);
        assert_eq!(acme.ids("/Users", &format!("groups.value eq \"{group}\"")).await, [ada.as_str(), grace]);
        let log = app.log("acme").await;
        assert_eq!(log.last().unwrap()["members_added"], json!([ada, grace]));
    }
}

#[tokio::test]
async fn secoda_21_a_member_who_is_not_shown_is_removed_by_id_and_by_nothing_else() {
    for show in [true, false] {
        let workspace = Workspace::start(show).await;
        let Workspace { acme, ada, grace, .. } = &workspace;
        // Whoever is shown goes with all the others.
        let stays = if show { vec![] } else { vec![ada.as_str()] };
        let okta = okta_of(acme);

        let group = workspace.group("put").await;
        let read = acme.get(&format!("/Groups/{group}")).await.expect(200);
        acme.put(&format!("/Groups/{group}"), read).await.expect(200);
        assert_eq!(workspace.kept(&group).await, [ada.as_str(), grace], "who writes back what it reads loses nobody");
        okta.expect(&okta::push_group(&group, &engines(), &[]), &[200]).await.unwrap();
        assert_eq!(workspace.kept(&group).await, stays);

        for (name, operation) in [
            ("push now", json!({ "op": "replace", "path": "members", "value": [] })),
            ("without a path", json!({ "op": "replace", "value": { "members": [] } })),
            ("all", json!({ "op": "remove", "path": "members" })),
            ("by type", json!({ "op": "remove", "path": "members[type eq \"User\"]" })),
            ("by name", json!({ "op": "remove", "path": "members[display sw \"A\" or display sw \"g\"]" })),
            ("not her", json!({ "op": "Remove", "path": "members[value ne \"x\"]" })),
        ] {
            let group = workspace.group(name).await;
            // Grace has no name but the one that she signs in with, which is none to filter by.
            workspace.patched(&group, json!([operation])).await.expect(200);
            let left: Vec<String> = workspace.kept(&group).await.into_iter().filter(|id| id != grace).collect();
            assert_eq!(left, stays, "{name}");
        }

        for (name, operations) in [
            ("okta", json!([{ "op": "remove", "path": format!("members[value eq \"{ada}\"]") }])),
            ("entra", json!([{ "op": "Remove", "path": "members", "value": [{ "$ref": null, "value": ada }] }])),
            ("both", json!([{ "op": "remove", "path": format!("members[value eq \"{ada}\" and type eq \"User\"]") }])),
            (
                "and then the rest",
                json!([
                    { "op": "remove", "path": format!("members[value eq \"{ada}\"]") },
                    { "op": "replace", "path": "members", "value": [{ "value": grace }] },
                ]),
            ),
        ] {
            let group = workspace.group(name).await;
            workspace.patched(&group, operations).await.expect(200);
            assert_eq!(workspace.kept(&group).await, [grace.as_str()], "{name}");
        }
    }
}

#[tokio::test]
async fn secoda_21_who_is_added_again_without_being_shown_is_a_member_once() {
    for show in [true, false] {
        let workspace = Workspace::start(show).await;
        let Workspace { app, acme, ada, grace } = &workspace;
        let group = workspace.group("Engines").await;
        let path = format!("/Groups/{group}");
        let before = acme.get(&path).await.expect(200);
        let log = app.log("acme").await.len();

        // Entra adds again what it was not told of, and Okta and a bulk request as well.
        let entra = muster_idp::Client::entra(&acme.base, &acme.token);
        entra.expect(&entra::add_members(&group, std::slice::from_ref(ada)), &[200, 204]).await.unwrap();
        let add =
            json!([{ "op": "add", "path": "members", "value": [{ "value": ada, "display": "ada@example.com" }] }]);
        workspace.patched(&group, add.clone()).await.expect(200);
        let operation = json!({ "method": "PATCH", "path": path, "data": { "Operations": add } });
        let bulk = acme.post("/Bulk", json!({ "schemas": [BULK], "Operations": [operation] })).await.expect(200);

        assert_eq!(bulk["Operations"][0]["status"], "200");
        assert_eq!(acme.get(&path).await.expect(200), before);
        assert_eq!(workspace.kept(&group).await, [ada.as_str(), grace]);
        assert_eq!(app.log("acme").await.len(), log, "nothing was written");
    }
}

#[tokio::test]
async fn secoda_21_who_signs_in_shows_without_a_push_and_no_tag_says_that_the_group_is_as_before() {
    let workspace = Workspace::start(false).await;
    let Workspace { app, acme, ada, grace } = &workspace;
    let group = workspace.group("Engines").await;
    let path = format!("/Groups/{group}");
    let before = acme.get(&path).await;
    let tag = before.header("etag").to_owned();
    assert_eq!(before.body["meta"]["version"], tag);
    assert_eq!(under(acme, Method::GET, &path, ("if-none-match", &tag), &Value::Null).await.status, 304);
    assert_eq!(acme.ids("/Groups", &format!("meta.version eq {}", json!(tag))).await, [group.as_str()]);
    let log = app.log("acme").await.len();

    workspace.signs_in(ada).await;

    let after = under(acme, Method::GET, &path, ("if-none-match", &tag), &Value::Null).await;
    assert_eq!((after.status, members_of(&after.body)), (200, vec![ada.as_str(), grace]));
    assert_eq!(after.header("etag"), "W/\"1\"", "nobody has written the group, and everybody in it is shown");
    assert_eq!(app.log("acme").await.len(), log + 1);
    // What is written from the group as it was read before would remove her, who has come to show since.
    let stale = under(acme, Method::PUT, &path, ("if-match", &tag), &before.body).await;
    assert_eq!(stale.status, 412);
    let rename =
        json!({ "schemas": [PATCH_OP], "Operations": [{ "op": "add", "path": "displayName", "value": "Room" }] });
    under(acme, Method::PATCH, &path, ("if-match", &tag), &rename).await.expect(200);
    assert_eq!(acme.members(&group).await, [ada.as_str(), grace]);
    let current = acme.get(&path).await;
    let written = under(acme, Method::PUT, &path, ("if-match", current.header("etag")), &before.body).await;
    assert_eq!(
        members_of(&written.expect(200)),
        [grace.as_str()],
        "who has been shown her and leaves her out means it"
    );
}

#[tokio::test]
async fn secoda_21_a_binding_that_leaves_members_out_warns_and_one_that_shows_them_again_does_not() {
    let workspace = Workspace::start(true).await;
    let Workspace { app, acme, ada, grace } = &workspace;
    let group = workspace.group("Engines").await;
    let path = format!("/Groups/{group}");
    let tag = acme.get(&path).await.header("etag").to_owned();

    let bound = app.bind("acme", "secoda", json!({ "show_invited_members": false })).await.expect(200);

    let warning = "members whose account is not listed are not shown in groups, and stay in them until a request \
                   removes them by id (groups.members-shown)";
    assert_eq!(bound["warning"], warning);
    let less = under(acme, Method::GET, &path, ("if-none-match", &tag), &Value::Null).await;
    assert_eq!(members_of(&less.expect(200)), [grace.as_str()], "and the tag from before is not taken for its");
    let bound = app.bind("acme", "secoda", json!({})).await.expect(200);
    assert_eq!(bound["warning"], Value::Null);
    assert_eq!(acme.members(&group).await, [ada.as_str(), grace]);
}

#[tokio::test]
async fn secoda_22_a_disabled_member_whom_the_product_does_not_list_is_kept_and_shows_again_when_back() {
    let app = TestApp::start().await;
    let config = json!({ "show_invited_members": false, "list_disabled_users": false });
    let acme = app.tenant_with("acme", "secoda", config).await;
    let grace = acme.user("grace@example.com").await;
    let signal = format!("/tenants/acme/accounts/{grace}/signals");
    app.directory_send(Method::POST, &signal, json!({ "name": "signed-in" })).await.expect(200);
    let group = acme.group("Engines", &[&grace]).await;
    let active = |active| json!([{ "op": "replace", "value": { "active": active } }]);

    acme.operations(&format!("/Users/{grace}"), active(false)).await.expect(200);
    let read = acme.get(&format!("/Groups/{group}")).await.expect(200);
    acme.put(&format!("/Groups/{group}"), read.clone()).await.expect(200);
    acme.operations(&format!("/Users/{grace}"), active(true)).await.expect(200);

    assert_eq!(members_of(&read), [""; 0]);
    assert_eq!(acme.members(&group).await, [grace]);
}
