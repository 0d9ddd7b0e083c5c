//! SIGKILL of the real server, at any point, while Applivery's component carries out what three audiences have to do, at a product that loses
//! some answers after the effect. At the end each action had its effect once.
//!
//! `APPLIVERY_KILLS` says how often; see [`crate::faults`].

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use muster_test_harness::{ADMIN_KEY, PATCH_OP, ServeProcess, wasm};
use reqwest::Method;
use serde_json::json;
use vendor_app::{Product, Settings, VendorApp};

use crate::faults::size;
use crate::faults::victim::{Place, REST};

const WRITERS: u64 = 3;
/// Each so many answers of the product are lost.
const LOSES_EACH: usize = 7;

/// A configuration by which the product is found, and asked again soon.
fn configured(folder: &Path, product: &VendorApp) -> PathBuf {
    let file = folder.join("muster.toml");
    let text = format!(
        "data = {:?}\n[scim]\nlisten = \"127.0.0.1:0\"\n[admin]\nlisten = \"127.0.0.1:0\"\n\
         [delivery]\nca_file = {:?}\nfirst_pause_ms = 10\nmax_pause_s = 1\nattempts = 1000\n\
         [delivery.hosts]\n\"api.applivery.io\" = \"{}\"\n",
        folder.join("data"),
        product.ca_file,
        product.api,
    );
    fs::write(&file, text).unwrap();
    file
}

fn started(config: &Path, place: &Place) -> ServeProcess {
    let server = ServeProcess::start(config, ADMIN_KEY);
    place.moved(&server.scim, &server.admin);
    server
}

/// Brings users, deactivates them and has them back, as long as the server is killed; every second one goes again. Their ids, and whether
/// they are active.
async fn provision(
    place: Place,
    tenant: (String, String),
    writer: u64,
    is_killed: Arc<AtomicBool>,
) -> Vec<(String, bool)> {
    let mut users = Vec::new();
    while users.is_empty() || is_killed.load(Ordering::SeqCst) {
        let number = users.len();
        let id = place.user(&tenant, &format!("w{writer}-{number}@example.com")).await;
        let stays = number % 2 == 0;
        for active in [Some(false), Some(true), (!stays).then_some(false)].into_iter().flatten() {
            let switch = json!([{ "op": "replace", "value": { "active": active } }]);
            let switch = json!({ "schemas": [PATCH_OP], "Operations": switch });
            place.change(&tenant, &format!("/Users/{id}"), &switch).await;
        }
        users.push((id, stays));
        // What is planned is to be carried out meanwhile, and not all at the end.
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    users
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn applivery_23_each_audience_acts_once_through_kills_of_the_server_and_lost_answers() {
    let kills = size("APPLIVERY_KILLS");
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings { loses_each: LOSES_EACH, ..Settings::new(&folder.path().join("product")) };
    let product = VendorApp::start(settings).await.unwrap();
    let config = configured(folder.path(), &product);
    let place = Place::default();
    let began = Instant::now();
    let mut server = started(&config, &place);
    let pushed = place.operator(Method::POST, "/plugins", wasm::plugin("applivery")).await.expect(201);
    let all = json!({
        "store": { "on_create": "create-employee", "on_deactivate": "remove-employee" },
        "dashboard": { "on_create": "create-collaborator", "role": "Editor", "on_deactivate": "remove-collaborator" },
        "mdm": { "on_create": "create-employee", "on_deactivate": "remove-user" },
    });
    let tenant = place.tenant("acme", &pushed["digest"], all).await;
    let secret = json!({ "name": "applivery-api-key", "value": product.keys.api[&Product::Applivery] });
    place.operator(Method::POST, "/tenants/acme/secrets", secret.to_string()).await.expect(200);
    // So many who go at once are not a mistake here.
    place.operator(Method::PUT, "/tenants/acme/brake", json!({ "is_on": false }).to_string()).await.expect(200);

    let is_killed = Arc::new(AtomicBool::new(true));
    let provisioning = (0..WRITERS)
        .map(|writer| tokio::spawn(provision(place.clone(), tenant.clone(), writer, is_killed.clone())))
        .collect::<Vec<_>>();
    for kill in 0..kills {
        // Half of them soon after the start, where they meet what the last kill has left.
        let lives_ms = if kill % 2 == 0 { 300 + kill * 91 % 900 } else { 20 + kill * 37 % 200 };
        tokio::time::sleep(Duration::from_millis(lives_ms)).await;
        tokio::task::block_in_place(|| {
            server.kill();
            server = started(&config, &place);
        });
    }
    is_killed.store(false, Ordering::SeqCst);
    let mut users = Vec::new();
    for writer in provisioning {
        users.extend(writer.await.unwrap());
    }
    place.at_rest("acme", Instant::now() + REST).await;

    let (mut planned, mut attempts) = (BTreeSet::new(), 0);
    for task in place.pages("/tenants/acme/tasks", "tasks").await {
        assert_eq!(task["standing"], "done", "{task}");
        attempts += task["attempts"].as_u64().unwrap();
        planned.insert(format!("acme/task-{}", task["seq"]));
    }
    println!(
        "{} users, {kills} kills: {} tasks, {attempts} attempts that were told; {:.0} s",
        users.len(),
        planned.len(),
        began.elapsed().as_secs_f64(),
    );
    let (all, stay) = (users.len(), users.iter().filter(|(_, stays)| *stays).count());
    // Everyone came twice and went once, and who did not stay went twice.
    let (made, removed) = (3 * 2 * all, 3 * (all + all - stay));
    assert_eq!(planned.len(), made + removed, "each action was planned once");
    assert!(attempts > planned.len() as u64, "some of it was tried more than once");

    let rows = |question: &str| product.rows(question).unwrap();
    let keys = rows("SELECT key FROM done").concat();
    // Behind the number stands a hash of the task.
    let effects: BTreeSet<String> = keys.iter().map(|key| key.rsplit_once('-').unwrap().0.to_owned()).collect();
    assert_eq!(keys.len(), effects.len(), "one key for each task");
    assert!(effects == planned, "{} effects of {} tasks", effects.len(), planned.len());
    // 200 would be of somebody who was there already, and who was gone already is told by a 404, which is not kept.
    let statuses = rows("SELECT status, count(*) FROM done GROUP BY status ORDER BY status");
    assert_eq!(statuses, [["201".to_owned(), made.to_string()], ["204".to_owned(), removed.to_string()]]);
    let mut stayed: Vec<String> = users.into_iter().filter(|(_, stays)| *stays).map(|(id, _)| id).collect();
    stayed.sort();
    for there in [
        "SELECT id FROM applivery_employees WHERE audience = 'store' ORDER BY id",
        "SELECT id FROM applivery_collaborators ORDER BY id",
        "SELECT id FROM applivery_employees WHERE audience = 'mdm' ORDER BY id",
        "SELECT owner FROM applivery_devices WHERE owner IS NOT NULL ORDER BY owner",
    ] {
        assert_eq!(rows(there).concat(), stayed, "{there}");
    }
    let devices = rows("SELECT count(*) FROM applivery_devices");
    assert_eq!(devices, [[(2 * all).to_string()]], "one for each time that somebody came");
}
