//! A file that says one thing and whose log says another, though every digest and every seal in it is right; and a file that is changed
//! at random.

use muster_model::{Event, LogHash, ResourceType, Timestamp, TokenHash, TokenId, Version};
use muster_store::moving::Item;
use muster_store::moving::file::{item_line, read_item};
use muster_store_sled::Options;
use muster_test_harness::TestApp;
use serde_json::{Value, json};

use super::forged::send;
use super::{Server, export, filled, items, write_sealed};

/// How many files are changed at random.
const TRIALS: u64 = 120;
const SEED: u64 = 20_261_122;

fn read(exported: &[String]) -> Vec<Item> {
    items(exported).iter().map(|line| read_item(line.as_bytes()).unwrap()).collect()
}

/// With the seals that the log has now.
fn sealed(mut items: Vec<Item>) -> Vec<String> {
    let mut hash = LogHash::START;
    for item in &mut items {
        match item {
            Item::Tenant { anchor, .. } => hash = anchor.hash,
            Item::Entry { entry, .. } => hash = hash.link(entry),
            Item::Seal { seal, .. } => seal.hash = hash,
            Item::Token { .. }
            | Item::Record { .. }
            | Item::Member { .. }
            | Item::Task { .. }
            | Item::State { .. }
            | Item::StateEntry { .. }
            | Item::Fed { .. }
            | Item::Plugin { .. }
            | Item::PluginBytes { .. }
            | Item::Trust { .. } => {}
        }
    }
    items.iter().map(|item| String::from_utf8(item_line(item).unwrap()).unwrap()).collect()
}

fn find(items: &[Item], is: impl Fn(&Item) -> bool) -> usize {
    items.iter().position(is).unwrap()
}

/// A user who was written once, and is in no group.
fn a_user(items: &[Item]) -> usize {
    let is_member = |id| items.iter().any(|item| matches!(item, Item::Member { member, .. } if *member == id));
    find(items, |item| {
        matches!(item, Item::Record { record, .. } if record.version == Version(1)
            && record.resource_type == ResourceType::USER && !is_member(record.id))
    })
}

fn is_member(item: &Item) -> bool {
    matches!(item, Item::Member { .. })
}

/// Changes a record where it stands, and what the log says of it as well if it shall know.
fn change(items: &mut [Item], at: usize, knows: bool, name: &str, value: Value) {
    let Item::Record { record, .. } = &mut items[at] else { panic!("item {at} is no record") };
    record.document.0.insert(name.to_owned(), value.clone());
    let id = record.id;
    for item in items.iter_mut().filter(|_| knows) {
        if let Item::Entry { entry, .. } = item
            && entry.change.id == id
        {
            for side in [&mut entry.change.before, &mut entry.change.after].into_iter().flatten() {
                side.document.0.insert(name.to_owned(), value.clone());
            }
        }
    }
}

type Forge = fn(&mut Vec<Item>);

/// What each says, and whether it is found before the server is asked.
const FORGED: &[(&str, Forge, &str, bool)] = &[
    (
        "a user of whom the log does not know",
        |items| {
            let at = a_user(items);
            let line = String::from_utf8(item_line(&items[at]).unwrap()).unwrap();
            let Item::Record { record, .. } = &items[at] else { panic!() };
            let name = record.document.text("userName").unwrap();
            let line = line.replace(name, "eve@example.org");
            let line = line.replace(&record.id.to_string(), "00000000-0000-7000-8000-000000000001");
            let first = find(items, |item| matches!(item, Item::Record { .. }));
            items.insert(first, read_item(line.as_bytes()).unwrap());
        },
        "and the log says that there is none",
        true,
    ),
    (
        "a user left out",
        |items| drop(items.remove(a_user(items))),
        "tenant globex: the log says that there is a User ",
        true,
    ),
    (
        "an attribute",
        |items| {
            let at = a_user(items);
            change(items, at, false, "title", json!("Root"));
        },
        "is not what the log says of it",
        true,
    ),
    (
        "an attribute in the log",
        |items| {
            let at = find(
                items,
                |item| matches!(item, Item::Entry { entry, .. } if entry.change.event == Event::Deactivated),
            );
            let Item::Entry { entry, .. } = &mut items[at] else { panic!() };
            entry.change.before.as_mut().unwrap().document.0.insert("title".to_owned(), json!("Root"));
        },
        "does not follow from what it told of User ",
        true,
    ),
    (
        "a version",
        |items| {
            let at = a_user(items);
            let Item::Record { record, .. } = &mut items[at] else { panic!() };
            record.version = Version(7);
        },
        "is not what the log says of it",
        true,
    ),
    (
        "a name that another user has",
        |items| {
            let at = a_user(items);
            change(items, at, true, "userName", json!("user1@example.com"));
        },
        "is a resource without a name by which it must be found",
        true,
    ),
    (
        "a key that is another's",
        |items| {
            let at = a_user(items);
            let Item::Record { record, .. } = &mut items[at] else { panic!() };
            record.keys[0].folded = "root@example.com".to_owned();
        },
        "is a resource with a name that is not its own",
        true,
    ),
    (
        "no key",
        |items| {
            let at = a_user(items);
            let Item::Record { record, .. } = &mut items[at] else { panic!() };
            record.keys.clear();
        },
        "is a resource without a name by which it must be found",
        true,
    ),
    (
        "a wrong type, of which the log knows",
        |items| {
            let at = a_user(items);
            change(items, at, true, "active", json!("yes"));
        },
        "an attribute that its kind does not have so",
        true,
    ),
    (
        "a group in itself",
        |items| {
            let at = find(items, is_member);
            let Item::Member { group, member, resource_type, .. } = &mut items[at] else { panic!() };
            (*member, *resource_type) = (*group, ResourceType::GROUP);
        },
        "is a group that is its own member",
        true,
    ),
    (
        "a member too many",
        |items| {
            let at = a_user(items);
            let Item::Record { record, .. } = &items[at] else { panic!() };
            let id = record.id;
            let first = find(items, is_member);
            let mut more = items[first].clone();
            let Item::Member { member, .. } = &mut more else { panic!() };
            *member = id;
            let rows = items[first..].iter().take_while(|item| is_member(item));
            let behind = rows.filter(|item| is_before(item, &more)).count();
            items.insert(first + behind, more);
        },
        "and the log says otherwise",
        true,
    ),
    ("a member too few", |items| drop(items.remove(find(items, is_member))), "and the log says otherwise", true),
    (
        "a log that is kept for too long",
        |items| {
            let Item::Tenant { row, .. } = &mut items[0] else { panic!() };
            row.retention.log_days = Some(40_000);
        },
        "tenant globex: log_days is between 1 and 36525",
        false,
    ),
    (
        "a token that may write for nobody",
        |items| {
            let at = find(items, |item| matches!(item, Item::Token { .. }));
            let Item::Token { row } = &mut items[at] else { panic!() };
            row.0.write = true;
        },
        "is a token that may write for nobody",
        true,
    ),
    (
        "a token with another kind of name",
        |items| {
            let at = find(items, |item| matches!(item, Item::Token { .. }));
            let Item::Token { row } = &mut items[at] else { panic!() };
            row.0.id = TokenId("tok\u{1b}[2J".to_owned());
        },
        "is a token with a name that none has",
        true,
    ),
    (
        "an entry that lies",
        |items| {
            let at = find(items, |item| matches!(item, Item::Entry { .. }));
            let Item::Entry { entry, .. } = &mut items[at] else { panic!() };
            entry.change.event = Event::Deleted;
        },
        "is an entry that says one thing and shows another",
        true,
    ),
];

fn is_before(one: &Item, other: &Item) -> bool {
    match (one, other) {
        (Item::Member { group, member, .. }, Item::Member { group: others, member: other, .. }) => {
            (group, member) < (others, other)
        }
        _ => false,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_log_does_not_say_is_not_served() {
    let app = TestApp::start().await;
    filled(&app).await;
    app.admin_post("/tenants/globex/log/head", json!({})).await.expect(200);
    let folder = tempfile::tempdir().unwrap();
    let exported = export(&app, &folder.path().join("good.ndjson"), &["globex"]).await;
    let (manifest, good) = (exported[0].clone(), read(&exported));
    assert_eq!(sealed(good.clone()), items(&exported), "what is not changed is the same");
    let target = Server::start(None);
    let file = folder.path().join("forged.ndjson");
    for (name, forge, why, client_sees) in FORGED {
        let mut items = good.clone();
        forge(&mut items);
        let lines = sealed(items);
        if *client_sees {
            write_sealed(&file, &manifest, &lines);
            let told = target.muster(&["import", file.to_str().unwrap()]).await.failed();
            assert!(told.contains(why), "{name}: {told}");
        }
        let answer = send(&target, &manifest, "globex", &lines).await;
        let detail = answer.body["detail"].as_str().or(answer.body["error"].as_str()).unwrap_or_default();
        assert!(detail.contains(why), "{name}: {} {}", answer.status, answer.body);
        assert!(!detail.contains("example.com"), "{name}: no user data: {detail}");
        assert!(target.is_empty().await, "{name}: nothing of it is left");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_log_without_its_beginning_the_rest_is_held_against_what_there_is() {
    let app = TestApp::start().await;
    filled(&app).await;
    app.admin_post("/tenants/globex/log/head", json!({})).await.expect(200);
    let folder = tempfile::tempdir().unwrap();
    let exported = export(&app, &folder.path().join("good.ndjson"), &["globex"]).await;
    // All that was sealed is cut off, and then one user changes.
    let mut cut = read(&exported);
    let at = find(&cut, |item| matches!(item, Item::Seal { .. }));
    let Item::Seal { seal, .. } = cut[at] else { panic!() };
    let Item::Tenant { anchor, .. } = &mut cut[0] else { panic!() };
    *anchor = seal;
    cut.retain(|item| !matches!(item, Item::Entry { entry, .. } if entry.seq <= seal.seq));
    cut.retain(|item| !matches!(item, Item::Seal { seal: other, .. } if other.seq <= seal.seq));
    let target = Server::start(None);

    let mut late = cut.clone();
    let at = a_user(&late);
    let Item::Record { record, .. } = &mut late[at] else { panic!() };
    record.modified = Timestamp::from_millis(seal.at.as_millis() + 1);
    record.version = Version(2);
    let refused = send(&target, &exported[0], "globex", &sealed(late)).await;
    let why = refused.body["error"].as_str().unwrap_or_default();
    assert!(why.contains("was changed after the log was cut off, and the log does not tell of it"), "{}", refused.body);

    let sound = send(&target, &exported[0], "globex", &sealed(cut.clone())).await;
    assert_eq!(sound.body["state"], "done", "{}", sound.body);
    let there = cut.iter().filter(|item| matches!(item, Item::Record { .. } | Item::Member { .. })).count();
    assert_eq!(sound.body["result"]["unproved"], there, "the log proves nothing of what it does not name");
}

/// SplitMix64: the same changes in every run.
fn roll(state: &mut u64, below: usize) -> usize {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    usize::try_from((mixed ^ (mixed >> 31)) % u64::try_from(below).unwrap()).unwrap()
}

/// Every text, number and truth value of an item.
fn leaves(value: &mut Value) -> Vec<&mut Value> {
    match value {
        Value::Array(values) => values.iter_mut().flat_map(leaves).collect(),
        Value::Object(parts) => parts.values_mut().flat_map(leaves).collect(),
        Value::Null => Vec::new(),
        leaf @ (Value::Bool(_) | Value::Number(_) | Value::String(_)) => vec![leaf],
    }
}

/// One item is changed, left out, doubled or exchanged for another.
fn changed(items: &[Item], dice: &mut u64) -> Option<Vec<Item>> {
    let mut items = items.to_vec();
    let (at, other) = (roll(dice, items.len()), roll(dice, items.len()));
    match roll(dice, 8) {
        0 => drop(items.remove(at)),
        1 => items.insert(at, items[at].clone()),
        2 => items.swap(at, other),
        _ => {
            let mut value = serde_json::to_value(&items[at]).unwrap();
            let mut leaves = leaves(&mut value);
            let place = roll(dice, leaves.len());
            let leaf = &mut *leaves[place];
            *leaf = match leaf.take() {
                Value::Bool(is) => json!(!is),
                Value::Number(number) => {
                    json!(number.as_i64().unwrap_or_default() + 1 - 2 * i64::try_from(roll(dice, 2)).unwrap())
                }
                Value::String(text) => json!(if text.is_empty() { "x".to_owned() } else { format!("{text}x") }),
                other => other,
            };
            // What is no item at all is refused before anything is looked at.
            items[at] = serde_json::from_value(value).ok()?;
        }
    }
    Some(items)
}

/// The same of another tenant, whose tokens are others; `None`: one of them is no item.
fn renamed(items: &[Item], trial: u64) -> Option<Vec<Item>> {
    let mut renamed = Vec::with_capacity(items.len());
    for item in items {
        let line = String::from_utf8(item_line(item).ok()?).unwrap();
        let line = line.replace("\"globex\"", &format!("\"t{trial}\"")).replace("\"tok_", &format!("\"tok_{trial}_"));
        let mut item = read_item(line.as_bytes()).ok()?;
        if let Item::Token { row } = &mut item {
            let mut hash = *row.0.hash.as_bytes();
            hash[..8].copy_from_slice(&trial.to_be_bytes());
            let digits = hash.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
            row.0.hash = TokenHash::try_from(digits).unwrap();
        }
        renamed.push(item);
    }
    Some(renamed)
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_accepted_passes_a_check_of_the_store() {
    let app = TestApp::start().await;
    filled(&app).await;
    app.admin_post("/tenants/globex/log/head", json!({})).await.expect(200);
    let folder = tempfile::tempdir().unwrap();
    let exported = export(&app, &folder.path().join("good.ndjson"), &["globex"]).await;
    let mut target = Server::start(None);
    let first = send(&target, &exported[0], "globex", items(&exported)).await;
    assert_eq!(first.body["state"], "done", "{}", first.body);
    // The plugin is there now, and its bytes are not what is tried.
    let mut good = read(&exported);
    good.retain(|item| !matches!(item, Item::Plugin { .. } | Item::PluginBytes { .. }));

    let (mut dice, mut accepted, mut refused, mut unreadable) = (SEED, 0, 0, 0);
    for trial in 0..TRIALS {
        let Some(items) = changed(&good, &mut dice).and_then(|items| renamed(&items, trial)) else {
            unreadable += 1;
            continue;
        };
        let answer = send(&target, &exported[0], &format!("t{trial}"), &sealed(items)).await;
        match answer.body["state"].as_str() {
            Some("done") => accepted += 1,
            _ => refused += 1,
        }
    }
    println!("files changed at random: accepted {accepted}, refused {refused}, no items at all {unreadable}");
    assert!(accepted > 0 && refused > accepted, "both are tried");
    assert_eq!(target.get("/tenants").await["tenants"].as_array().unwrap().len(), accepted + 1);
    target.process.take().unwrap().terminate();
    let report = muster_store_sled::check(&target.data().join("store"), &Options::default(), &mut |_| {}).unwrap();
    assert!(report.is_sound(), "{:?}", report.findings);
}
