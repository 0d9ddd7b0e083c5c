use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use muster_test_harness::{ServerProcess, wasm};
use serde_json::{Value, json};

use super::PATIENCE;

/// What the page says once it says this.
async fn page_with(url: &str, parts: &[&str]) -> String {
    let so = async {
        loop {
            let page = reqwest::get(url).await.unwrap().text().await.unwrap();
            if parts.iter().all(|part| page.contains(part)) {
                return page;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(2 * PATIENCE, so).await.unwrap_or_else(|_| panic!("the page never has {parts:?}"))
}

/// What SCIM answers to the key that the product makes for an enterprise admin of Poggio's.
async fn made_key_opens(server: &ServerProcess, url: &str) -> u16 {
    let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let signed_in = http.post(format!("{url}settings/poggio/sign-in/edith")).send().await.unwrap();
    let cookie = signed_in.headers()["set-cookie"].to_str().unwrap().to_owned();
    let cookie = cookie.split(';').next().unwrap();
    let made = http.post(format!("{url}settings/poggio/keys")).header("cookie", cookie).send().await.unwrap();
    assert_eq!(made.status(), 201);
    let page = made.text().await.unwrap();
    let shown = |id: &str| {
        let (_, after) = page.split_once(&format!("<code id=\"{id}\">")).unwrap();
        after.split_once('<').unwrap().0.to_owned()
    };
    assert_eq!(shown("url"), server.tenant("poggio-demo").base);
    let answer = http.get(format!("{}/Users", shown("url"))).bearer_auth(shown("key")).send().await.unwrap();
    answer.status().as_u16()
}

#[tokio::test]
async fn the_demo_shows_on_one_page_what_provisioning_did_to_each_product() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = ServerProcess::demo_with_product(&folder.path().join("demo"));
    let url = server.told.iter().find_map(|line| line["product"].as_str()).expect("it says where to look").to_owned();

    let all = [
        "Users <small>12</small>",
        "Profiles of the team <small>12</small>",
        "show the 12 invited",
        "Mails that were sent (the last 50) <small>12</small>",
        "Enterprise Store: employees <small>12</small>",
        "Dashboard: collaborators <small>12</small>",
        "Dashboard: groups that give a role <small>2</small>",
        "MDM Portal: devices <small>12</small>",
        "Unassigned users <small>12</small>",
    ];
    page_with(&url, &all).await;
    let invited = page_with(&format!("{url}?invited=1"), &["ada.byron@secoda-demo.example.com"]).await;
    let (_, after) = invited.split_once("/secoda/").unwrap();
    let (id, _) = after.split_once("/signed-in").unwrap();
    let clicked = reqwest::Client::new().post(format!("{url}secoda/{id}/signed-in")).send().await.unwrap();
    assert!(clicked.text().await.unwrap().contains("Muster was told: signed-in."));
    page_with(&url, &["Members <small>1</small>", "show the 11 invited"]).await;
    assert_eq!(made_key_opens(&server, &url).await, 200);
    let admin_key = std::fs::metadata(folder.path().join("demo/product/admin.key")).unwrap();
    assert_eq!(admin_key.permissions().mode() & 0o777, 0o600);

    let poggio = server.tenant("poggio-demo");
    let ada = poggio.ids("/Users", "userName eq \"ada.byron@poggio-demo.example.com\"").await.remove(0);
    let gone = json!([{ "op": "replace", "path": "active", "value": false }]);
    poggio.operations(&format!("/Users/{ada}"), gone).await.expect(200);
    let proved = async {
        while asked(&server, &format!("/tenants/poggio-demo/deprovisions/{ada}")).await["state"] != "done" {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, proved).await.expect("the product has ended the sessions");

    server.kill();

    let ended = async {
        while reqwest::get(&url).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, ended).await.expect("the product ends with whoever started it, also by SIGKILL");
}

/// What the operator is answered.
async fn asked(server: &ServerProcess, path: &str) -> Value {
    let line = server.told.iter().find(|line| line["admin_key"].is_string()).unwrap();
    let [base, key] = ["admin_base", "admin_key"].map(|name| line[name].as_str().unwrap());
    let answer = reqwest::Client::new().get(format!("{base}{path}")).bearer_auth(key).send().await.unwrap();
    assert_eq!(answer.status(), 200, "{path}");
    serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap()
}

/// Whether the tenants have what lets them call the product: their secrets, and webhooks that are on.
async fn connected(server: &ServerProcess) -> [bool; 4] {
    let has_secret = async |tenant: &str| {
        let secrets = asked(server, &format!("/tenants/{tenant}/secrets")).await;
        !secrets["secrets"].as_array().unwrap().is_empty()
    };
    let webhook = asked(server, "/tenants/popl-demo/webhooks/product").await;
    let [poggio, secoda, applivery] = ["poggio-demo", "secoda-demo", "applivery-demo"].map(has_secret);
    [poggio.await, secoda.await, applivery.await, webhook["is_on"] == true]
}

#[tokio::test]
async fn a_demo_that_goes_on_without_its_product_has_nothing_to_send_to_its_hosts_until_it_is_there_again() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("demo");
    let mut with = ServerProcess::demo_with_product(&data);
    assert_eq!(connected(&with).await, [true; 4]);
    assert!(with.terminate());

    let mut without = ServerProcess::demo(&data);
    assert_eq!(connected(&without).await, [false; 4]);
    without.tenant("poggio-demo").user("late@example.com").await;
    assert!(without.terminate());

    let again = ServerProcess::demo_with_product(&data);
    assert_eq!(connected(&again).await, [true; 4]);
    let url = again.told.iter().find_map(|line| line["product"].as_str()).unwrap().to_owned();
    page_with(&url, &["Users <small>13</small>"]).await;

    // The product has the key of its directory calls from where it is changed.
    for what in ["rotate", "retire"] {
        let mut command = std::process::Command::new(wasm::folder().join("muster"));
        assert!(command.args(["directory-key", what, "--data"]).arg(&data).status().unwrap().success());
    }
    let invited = page_with(&format!("{url}?invited=1"), &["ada.byron@secoda-demo.example.com"]).await;
    let (_, after) = invited.split_once("/secoda/").unwrap();
    let (id, _) = after.split_once("/signed-in").unwrap();
    let told = async {
        loop {
            let clicked = reqwest::Client::new().post(format!("{url}secoda/{id}/signed-in")).send().await.unwrap();
            if clicked.text().await.unwrap().contains("Muster was told: signed-in.") {
                return;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    tokio::time::timeout(PATIENCE, told).await.expect("within a second the server has read the new key");
}
