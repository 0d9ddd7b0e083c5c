//! Every announced characteristic is kept: by POST, PUT and PATCH, for every attribute that has it.

use muster_test_harness::Answer;
use serde_json::{Value, json};

use super::announced::{Leaf, elements, kinds, text};
use super::values::misfits;
use super::{TENANTS, id, start, walked};

fn refused(answer: Answer, scim_type: &str, what: &str) {
    assert_eq!(answer.status, 400, "{what}: {}", answer.text);
    assert_eq!(answer.body["scimType"], scim_type, "{what}: {}", answer.text);
}

#[tokio::test]
async fn a_value_of_another_type_is_refused_and_changes_nothing() {
    let (_app, tenants) = start().await;
    for tenant in walked(&tenants) {
        for kind in kinds(tenant).await {
            let path = kind.create(tenant, 1).await;
            let before = tenant.get(&path).await.expect(200);
            for leaf in kind.writable() {
                for misfit in misfits(leaf.definition()) {
                    let what = format!("{} {misfit}", leaf.path);
                    refused(tenant.operations(&path, leaf.operation("replace", &misfit)).await, "invalidValue", &what);
                    let mut body = kind.smallest(2);
                    leaf.put_into(&mut body, misfit);
                    refused(tenant.put(&path, body.clone()).await, "invalidValue", &what);
                    refused(tenant.post(&kind.endpoint, body).await, "invalidValue", &what);
                }
            }
            assert_eq!(tenant.get(&path).await.expect(200), before);
        }
    }
}

#[tokio::test]
async fn what_is_single_takes_no_list_and_what_is_a_list_takes_several() {
    let (_app, tenants) = start().await;
    for tenant in walked(&tenants) {
        for kind in kinds(tenant).await {
            let path = kind.create(tenant, 1).await;
            for leaf in kind.writable().into_iter().filter(|leaf| leaf.returned() == "default") {
                let several = |number: u32| match leaf.sample(number) {
                    Value::Array(values) => values[0].clone(),
                    value => value,
                };
                let several = json!([several(1), several(2)]);
                let answer = tenant.operations(&path, leaf.operation("replace", &several)).await;
                if leaf.definition()["multiValued"] == true {
                    assert_eq!(leaf.read(&answer.expect(200)), several, "{}", leaf.path);
                } else {
                    refused(answer, "invalidValue", &leaf.path);
                }
            }
        }
    }
}

#[tokio::test]
async fn what_is_required_cannot_be_left_out_emptied_or_removed() {
    let (_app, tenants) = start().await;
    for tenant in walked(&tenants) {
        for kind in kinds(tenant).await {
            let path = kind.create(tenant, 1).await;
            let leaves = kind.writable();
            for leaf in leaves.iter().filter(|leaf| !leaf.is_optional() && leaf.sub.is_none()) {
                let mut body = kind.smallest(2);
                let name = text(&leaf.attribute["name"]);
                match &leaf.extension {
                    Some(urn) => _ = body[urn].as_object_mut().unwrap().remove(&name),
                    None => _ = body.as_object_mut().unwrap().remove(&name),
                }
                // Something else is in the extension, so that it is there.
                if let Some(urn) = &leaf.extension {
                    let is_other = |other: &&Leaf| other.extension.as_ref() == Some(urn) && other.is_optional();
                    let other = leaves.iter().find(is_other).unwrap();
                    other.put_into(&mut body, other.sample(2));
                }
                refused(tenant.post(&kind.endpoint, body.clone()).await, "invalidValue", &leaf.path);
                refused(tenant.put(&path, body).await, "invalidValue", &leaf.path);
                for empty in [json!(""), json!(null)] {
                    assert_eq!(tenant.operations(&path, leaf.operation("replace", &empty)).await.status, 400);
                }
                let remove = json!([{ "op": "remove", "path": leaf.path }]);
                refused(tenant.operations(&path, remove).await, "mutability", &leaf.path);
            }
            for (schema, _) in kind.extensions.iter().filter(|(_, required)| *required) {
                let urn = text(&schema["id"]);
                let mut body = kind.smallest(2);
                body.as_object_mut().unwrap().remove(&urn);
                refused(tenant.post(&kind.endpoint, body.clone()).await, "invalidValue", &urn);
                refused(tenant.put(&path, body).await, "invalidValue", &urn);
                assert_eq!(tenant.operations(&path, json!([{ "op": "remove", "path": urn }])).await.status, 400);
            }
        }
    }
}

/// RFC 7644 §3.3, §3.5.1: what is read-only is ignored in a body; the default profile does the same in a PATCH (Q4).
#[tokio::test]
async fn what_is_read_only_is_ignored_wherever_it_is_sent() {
    let (_app, tenants) = start().await;
    for tenant in walked(&tenants) {
        for kind in kinds(tenant).await {
            for (number, leaf) in (10..).zip(kind.leaves().into_iter().filter(|leaf| leaf.mutability() == "readOnly")) {
                let mut body = kind.smallest(number);
                leaf.put_into(&mut body, leaf.sample(1));
                let made = tenant.post(&kind.endpoint, body.clone()).await;
                assert_eq!(made.status, 201, "{}: {}", leaf.path, made.text);
                let path = format!("{}/{}", kind.endpoint, id(&made.body));
                let before = tenant.get(&path).await.expect(200);
                assert_ne!(leaf.read(&before), leaf.sample(1), "{}", leaf.path);
                let put = tenant.put(&path, body).await.expect(200);
                assert_eq!(leaf.read(&put), leaf.read(&before), "{}", leaf.path);
                for op in ["add", "replace"] {
                    let patched = tenant.operations(&path, leaf.operation(op, &leaf.sample(1))).await;
                    assert_eq!(patched.status, 200, "{}: {}", leaf.path, patched.text);
                    assert_eq!(leaf.read(&patched.body), leaf.read(&before), "{}", leaf.path);
                }
                let remove = tenant.operations(&path, json!([{ "op": "remove", "path": leaf.path }])).await;
                assert_eq!(remove.status, 200, "{}: {}", leaf.path, remove.text);
                assert_eq!(tenant.get(&path).await.expect(200)["meta"], before["meta"], "{}", leaf.path);
            }
        }
    }
}

#[tokio::test]
async fn what_is_immutable_is_written_once() {
    let (_app, tenants) = start().await;
    let mut met = 0;
    for tenant in walked(&tenants) {
        for kind in kinds(tenant).await {
            let path = kind.create(tenant, 1).await;
            for leaf in kind.leaves().into_iter().filter(|leaf| leaf.mutability() == "immutable") {
                met += 1;
                let (first, second) = (leaf.sample(1), leaf.sample(2));
                let added = tenant.operations(&path, leaf.operation("add", &first)).await.expect(200);
                assert_eq!(leaf.read(&added), first);
                for op in ["add", "replace"] {
                    refused(tenant.operations(&path, leaf.operation(op, &second)).await, "mutability", &leaf.path);
                    tenant.operations(&path, leaf.operation(op, &first)).await.expect(200);
                }
                let remove = json!([{ "op": "remove", "path": leaf.path }]);
                refused(tenant.operations(&path, remove).await, "mutability", &leaf.path);
                let mut body = kind.smallest(1);
                leaf.put_into(&mut body, second);
                refused(tenant.put(&path, body.clone()).await, "mutability", &leaf.path);
                leaf.put_into(&mut body, first.clone());
                assert_eq!(leaf.read(&tenant.put(&path, body).await.expect(200)), first);
                assert_eq!(leaf.read(&tenant.get(&path).await.expect(200)), first);
            }
        }
    }
    assert!(met > 0, "the walk meets immutable attributes");
}

#[tokio::test]
async fn what_is_unique_is_refused_a_second_time_in_its_case_or_in_any() {
    let (_app, tenants) = start().await;
    for tenant in walked(&tenants) {
        for kind in kinds(tenant).await {
            let unique = kind.writable().into_iter().filter(|leaf| leaf.definition()["uniqueness"] != "none");
            for (number, leaf) in (1..).step_by(10).zip(unique) {
                let mut body = kind.smallest(number);
                leaf.put_into(&mut body, leaf.sample(number));
                let first = tenant.post(&kind.endpoint, body).await.expect(201);
                let other = kind.create(tenant, number + 1).await;
                let taken = |answer: Answer| {
                    assert_eq!(answer.status, 409, "{}: {}", leaf.path, answer.text);
                    assert_eq!(answer.body["scimType"], "uniqueness");
                };
                let mut body = kind.smallest(number + 1);
                leaf.put_into(&mut body, leaf.sample(number));
                taken(tenant.put(&other, body.clone()).await);
                taken(tenant.operations(&other, leaf.operation("replace", &leaf.sample(number))).await);
                tenant.delete(&other).await.expect(204);
                taken(tenant.post(&kind.endpoint, body.clone()).await);
                if let Value::String(value) = leaf.sample(number) {
                    leaf.put_into(&mut body, json!(value.to_uppercase()));
                    let shouted = tenant.post(&kind.endpoint, body.clone()).await;
                    if leaf.definition()["caseExact"] == true { _ = shouted.expect(201) } else { taken(shouted) }
                }
                // What is gone is free.
                tenant.delete(&format!("{}/{}", kind.endpoint, id(&first))).await.expect(204);
                let mut body = kind.smallest(number + 2);
                leaf.put_into(&mut body, leaf.sample(number));
                tenant.post(&kind.endpoint, body).await.expect(201);
            }
        }
    }
}

/// Canonical values are suggestions: the default profile keeps others and says so in the log (RFC 7643 §7).
#[tokio::test]
async fn a_canonical_value_is_stored_as_announced_and_another_one_as_it_is() {
    let (app, tenants) = start().await;
    for (name, tenant) in TENANTS[1..4].iter().zip(walked(&tenants)) {
        for kind in kinds(tenant).await {
            let path = kind.create(tenant, 1).await;
            for leaf in kind.writable().into_iter().filter(|leaf| !leaf.selects()) {
                let values = elements(&leaf.definition()["canonicalValues"]).to_vec();
                let Some(first) = values.first() else { continue };
                let shouted = json!(text(first).to_uppercase());
                let patched = tenant.operations(&path, leaf.operation("replace", &shouted)).await.expect(200);
                let expected = if leaf.definition()["caseExact"] == true { &shouted } else { first };
                assert_eq!(leaf.read(&patched), *expected, "{}", leaf.path);
                let other = json!("walked");
                let patched = tenant.operations(&path, leaf.operation("replace", &other)).await.expect(200);
                assert_eq!(leaf.read(&patched), other, "{}", leaf.path);
                let log = app.log(name).await;
                let rewrites = &log.last().unwrap()["rewrites"];
                assert!(elements(rewrites).iter().any(|rewrite| rewrite["rule"] == "not-canonical"), "{rewrites}");
            }
        }
    }
}

/// The profile that forgives nothing refuses what the default one keeps.
#[tokio::test]
async fn a_strict_tenant_takes_canonical_values_and_references_that_lead_where_they_should() {
    let (app, tenants) = start().await;
    app.admin_put("/tenants/globex/scim", json!({ "profile": "strict-rfc" })).await.expect(200);
    let tenant = &tenants[1];
    for kind in kinds(tenant).await {
        let path = kind.create(tenant, 1).await;
        for leaf in kind.writable().into_iter().filter(|leaf| !leaf.selects() && leaf.extension.is_some()) {
            let is_canonical = !elements(&leaf.definition()["canonicalValues"]).is_empty();
            let is_reference = leaf.data_type() == "reference" && leaf.attribute["multiValued"] == false;
            if !(is_canonical || is_reference) || leaf.selected.is_some() {
                continue;
            }
            let wrong = if is_canonical { json!("walked") } else { json!("not a reference") };
            refused(tenant.operations(&path, leaf.operation("replace", &wrong)).await, "invalidValue", &leaf.path);
            tenant.operations(&path, leaf.operation("replace", &leaf.sample(1))).await.expect(200);
        }
    }
}
