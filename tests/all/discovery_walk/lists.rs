//! Every announced path can be filtered by, sorted by, and asked for.

use std::cmp::Ordering;

use muster_test_harness::TenantClient;
use serde_json::{Value, json};

use super::announced::{Kind, Leaf, elements, kinds};
use super::values::{compare, literal};
use super::{id, start, walked};

/// Gives a resource one value besides what it must have.
async fn put(tenant: &TenantClient, kind: &Kind, path: &str, leaf: &Leaf, number: u32) -> Value {
    let mut body = kind.smallest(number);
    let value = leaf.sample(number);
    leaf.put_into(&mut body, value.clone());
    let put = tenant.put(path, body).await;
    assert_eq!(put.status, 200, "{} {value}: {}", leaf.path, put.text);
    value
}

async fn ids(tenant: &TenantClient, query: String) -> Vec<String> {
    let list = tenant.get(&query).await;
    assert_eq!(list.status, 200, "{query}: {}", list.text);
    resource_ids(&list.body)
}

fn resource_ids(list: &Value) -> Vec<String> {
    elements(&list["Resources"]).iter().map(|resource| id(resource).to_owned()).collect()
}

async fn found(tenant: &TenantClient, kind: &Kind, filter: &str) -> Vec<String> {
    let list = tenant.find(&kind.endpoint, filter).await;
    assert_eq!(list.status, 200, "{filter}: {}", list.text);
    resource_ids(&list.body)
}

#[tokio::test]
async fn every_announced_path_is_filtered_by_presence_and_by_value() {
    let (_app, tenants) = start().await;
    for tenant in walked(&tenants) {
        for kind in kinds(tenant).await {
            let path = kind.create(tenant, 1).await;
            let own = path.rsplit('/').next().unwrap().to_owned();
            let other = kind.create(tenant, 2).await.rsplit('/').next().unwrap().to_owned();
            for leaf in kind.asked_for() {
                let value = put(tenant, &kind, &path, &leaf, 1).await;
                let present = found(tenant, &kind, &format!("{} pr", leaf.plain)).await;
                let equal = found(tenant, &kind, &format!("{} eq {}", leaf.plain, literal(&value))).await;
                assert!(
                    present.contains(&own) && equal.contains(&own),
                    "{} {value}: {present:?} {equal:?}",
                    leaf.plain
                );
                // What both have is told apart by its value, what only one has by its presence; `active` no user lacks.
                let told_apart = leaf.sample(1) != leaf.sample(2) || !leaf.is_optional();
                assert!(
                    !told_apart || leaf.data_type() == "boolean" || !equal.contains(&other),
                    "{}: {equal:?}",
                    leaf.plain
                );
                let is_there = !leaf.is_optional() || (leaf.plain == "active" && kind.name == "User");
                assert_eq!(present.contains(&other), is_there, "{}: {present:?}", leaf.plain);
                let absent = found(tenant, &kind, &format!("not ({} pr)", leaf.plain)).await;
                assert!(!absent.contains(&own), "{}: {absent:?}", leaf.plain);
            }
        }
    }
}

/// Whether case counts is announced.
#[tokio::test]
async fn a_filter_minds_the_case_of_a_text_if_its_attribute_does() {
    let (_app, tenants) = start().await;
    for tenant in walked(&tenants) {
        for kind in kinds(tenant).await {
            let path = kind.create(tenant, 1).await;
            let own = path.rsplit('/').next().unwrap().to_owned();
            for leaf in kind.asked_for().into_iter().filter(|leaf| leaf.data_type() == "string") {
                let value = put(tenant, &kind, &path, &leaf, 1).await;
                let shouted = literal(&value).to_uppercase();
                if shouted == literal(&value) {
                    continue;
                }
                for operator in ["eq", "sw", "co"] {
                    let found = found(tenant, &kind, &format!("{} {operator} {shouted}", leaf.plain)).await;
                    let minds = leaf.definition()["caseExact"] == true;
                    assert_eq!(found.contains(&own), !minds, "{} {operator} {shouted}", leaf.plain);
                }
            }
        }
    }
}

#[tokio::test]
async fn every_announced_path_is_sorted_by_in_both_directions() {
    let (_app, tenants) = start().await;
    for tenant in walked(&tenants) {
        for kind in kinds(tenant).await {
            let (one, two) = (kind.create(tenant, 1).await, kind.create(tenant, 2).await);
            let last = |path: &str| path.rsplit('/').next().unwrap().to_owned();
            for leaf in kind.asked_for() {
                // The greater value to the older one: the order of their making would not show.
                let (great, small) =
                    (put(tenant, &kind, &one, &leaf, 4).await, put(tenant, &kind, &two, &leaf, 3).await);
                let expected = match compare(leaf.definition(), &great, &small) {
                    Ordering::Greater => [last(&two), last(&one)],
                    Ordering::Less | Ordering::Equal => [last(&one), last(&two)],
                };
                let ascending = ids(tenant, format!("{}?sortBy={}", kind.endpoint, leaf.plain)).await;
                assert_eq!(ascending, expected, "{}: {great} {small}", leaf.plain);
                let descending = format!("{}?sortBy={}&sortOrder=descending", kind.endpoint, leaf.plain);
                let mut turned = ids(tenant, descending).await;
                if compare(leaf.definition(), &great, &small) != Ordering::Equal {
                    turned.reverse();
                }
                assert_eq!(turned, expected, "{}: {great} {small}", leaf.plain);
                for (path, number) in [(&one, 1), (&two, 2)] {
                    tenant.put(path, kind.smallest(number)).await.expect(200);
                }
            }
        }
    }
}

#[tokio::test]
async fn every_announced_path_can_be_asked_for_and_left_out() {
    let (_app, tenants) = start().await;
    for tenant in walked(&tenants) {
        for kind in kinds(tenant).await {
            let path = kind.create(tenant, 1).await;
            for leaf in kind.asked_for() {
                put(tenant, &kind, &path, &leaf, 1).await;
                let whole = tenant.get(&format!("{path}?attributes={}", leaf.asked())).await.expect(200);
                assert_eq!(leaf.read(&whole), leaf.sample(1), "{}", leaf.path);
                let beside = kind.asked_for().into_iter().filter(|other| other.plain != leaf.plain);
                for other in beside.filter(|other| other.returned() != "always") {
                    let is_selector = other.attribute["name"] == leaf.attribute["name"];
                    assert!(is_selector || other.read(&whole).is_null(), "{} asked, {} there", leaf.plain, other.plain);
                }
                let without = tenant.get(&format!("{path}?excludedAttributes={}", leaf.plain)).await.expect(200);
                let stays = leaf.returned() == "always";
                assert_eq!(!leaf.read(&without).is_null(), stays, "{} left out", leaf.path);
                assert_eq!((&whole["id"], &without["id"]), (&json!(id(&whole)), &json!(id(&whole))));
            }
        }
    }
}

/// What is never returned is not told by the back door either (RFC 7644 §7.5).
#[tokio::test]
async fn what_is_never_returned_cannot_be_asked_for_filtered_or_sorted_by() {
    let (_app, tenants) = start().await;
    let mut met = 0;
    for tenant in walked(&tenants) {
        for kind in kinds(tenant).await {
            let path = kind.create(tenant, 1).await;
            for leaf in kind.writable().into_iter().filter(|leaf| leaf.returned() == "never") {
                met += 1;
                let value = leaf.sample(1);
                let answer = tenant.operations(&path, leaf.operation("add", &value)).await;
                assert_eq!(answer.status, 200, "{}", answer.text);
                let answers = [
                    answer,
                    tenant.get(&path).await,
                    tenant.get(&kind.endpoint).await,
                    tenant.get(&format!("{path}?attributes={}", leaf.plain)).await,
                    tenant.get(&format!("{}?attributes={}", kind.endpoint, leaf.plain)).await,
                ];
                for answer in answers {
                    assert_eq!(answer.status, 200);
                    assert!(!answer.text.contains(value.as_str().unwrap()), "{}: {}", leaf.plain, answer.text);
                }
                for filter in [format!("{} eq {value}", leaf.plain), format!("{} pr", leaf.plain)] {
                    tenant.find(&kind.endpoint, &filter).await.expect(400);
                }
                tenant.get(&format!("{}?sortBy={}", kind.endpoint, leaf.plain)).await.expect(400);
            }
        }
    }
    assert!(met > 0, "the walk meets attributes that are never returned");
}
