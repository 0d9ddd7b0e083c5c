//! Attributes that a tenant's own schemas call unique, and kinds of its own.

use std::sync::Arc;

use muster_model::{Record, ResourceType};
use muster_protocol::filter::{Filter, Literal, Op};
use muster_protocol::path::AttrPath;
use muster_protocol::schema::{Registry, ResourceTypeDef, Schema};
use serde_json::{Value, json};

use super::Fixture;
use super::help::{acme, eq, insert, is_taken, key, make, numbers, query, record, refused, replace};
use crate::{Directory, Query, index_of};

const EXTENSION: &str = "urn:example:params:scim:schemas:extension:Acme.Asset:2.0:Device";

fn schema(urn: &str, attributes: &[Value]) -> Arc<Schema> {
    let schema = json!({ "id": urn, "name": "Device", "description": "A thing", "attributes": attributes });
    Arc::new(serde_json::from_value(schema).unwrap())
}

/// A kind with a serial number, of which a tenant may or may not have said that it is unique.
fn device(uniqueness: &str) -> Arc<ResourceTypeDef> {
    let attribute = |name: &str, kind: &str, case_exact: bool| {
        json!({
            "name": name, "type": kind, "multiValued": false, "description": "", "required": false,
            "caseExact": case_exact, "mutability": "readWrite", "returned": "default", "uniqueness": uniqueness,
        })
    };
    let own = [attribute("serial", "string", true), attribute("slot", "integer", false)];
    let extension = [attribute("assetTag", "string", false)];
    Arc::new(ResourceTypeDef {
        name: "Device".into(),
        endpoint: "/Devices".into(),
        schema: schema("urn:example:params:scim:schemas:Device", &own),
        extensions: vec![schema(EXTENSION, &extension)],
        ..ResourceTypeDef::clone(Registry::core().get("Group").unwrap())
    })
}

fn made(def: &ResourceTypeDef, n: u64, document: Value) -> Record {
    let plain = record(&ResourceType::USER, n, document);
    let index = index_of(def, &plain.document);
    Record { resource_type: ResourceType::new("Device"), keys: Vec::new(), index, ..plain }
}

fn nth(def: &ResourceTypeDef, n: u64) -> Record {
    let document = json!({
        "externalId": format!("Ext-{}", n / 2), "serial": format!("SN-{n}"), "slot": n, EXTENSION: { "assetTag": format!("Tag {n}") },
    });
    made(def, n, document)
}

fn asked(def: &Arc<ResourceTypeDef>, filter: Filter) -> Query {
    Query { kinds: vec![Arc::clone(def)], ..query(&ResourceType::USER, Some(filter)) }
}

async fn found(directory: &Arc<dyn Directory>, def: &Arc<ResourceTypeDef>, filter: Filter) -> Vec<u64> {
    numbers(&directory.list(&asked(def, filter)).await.unwrap())
}

fn tag(text: &str) -> Filter {
    let path = AttrPath { urn: Some(EXTENSION.to_uppercase()), name: "assettag".into(), sub: None };
    Filter::Compare { path, op: Op::Eq, literal: Literal::Text(text.into()) }
}

fn slot(literal: Literal) -> Filter {
    Filter::Compare { path: AttrPath { urn: None, name: "slot".into(), sub: None }, op: Op::Eq, literal }
}

fn literal(json: &str) -> Literal {
    Literal::Number(serde_json::from_str(json).unwrap())
}

pub async fn a_unique_attribute_is_found_without_a_search<F: Fixture>(fixture: &mut F) {
    let directory = acme(&fixture.store());
    let def = device("server");
    make(&directory, (1..=F::MAX_SCANNED + 5).map(|n| insert(&nth(&def, n))).collect()).await;

    assert_eq!(found(&directory, &def, eq("serial", "SN-7")).await, [7]);
    assert_eq!(found(&directory, &def, eq("serial", "sn-7")).await, [0; 0], "case counts here");
    assert_eq!(found(&directory, &def, tag("TAG 9")).await, [9]);
    assert_eq!(found(&directory, &def, slot(literal("9"))).await, [9]);
    assert_eq!(found(&directory, &def, slot(Literal::Text("9".into()))).await, [9]);
    assert_eq!(found(&directory, &def, eq("serial", "never")).await, [0; 0]);
    assert!(directory.list(&asked(&def, slot(literal("9.0")))).await.is_err(), "it would have to be searched for");

    let (_, moved) = replace_device(&def, &nth(&def, 7), "SN-70");
    make(&directory, vec![moved]).await;
    assert_eq!(found(&directory, &def, eq("serial", "SN-7")).await, [0; 0]);
    assert_eq!(found(&directory, &def, eq("serial", "SN-70")).await, [7]);
    let mut known = nth(&def, 800);
    known.keys.push(key("serial", "SN-of-the-plugin"));
    make(&directory, vec![insert(&known)]).await;
    assert_eq!(found(&directory, &def, eq("serial", "SN-of-the-plugin")).await, [800]);
    // A key of such an attribute is as exact as any other.
    let path = format!("{EXTENSION}:assettag").to_lowercase();
    let keyed = |n: u64| Record { keys: vec![key(&path, "Tag 1")], ..nth(&def, n) };
    make(&directory, vec![insert(&keyed(900))]).await;
    assert!(is_taken(&refused(&directory, vec![insert(&keyed(901))]).await, &path));
}

fn replace_device(def: &ResourceTypeDef, old: &Record, serial: &str) -> (Record, crate::Write) {
    let (new, _) = replace(&Record { resource_type: ResourceType::USER, ..old.clone() }, json!({ "serial": serial }));
    let new = Record {
        resource_type: old.resource_type.clone(),
        keys: Vec::new(),
        index: index_of(def, &new.document),
        ..new
    };
    let write = crate::Write::Replace { record: Box::new(new.clone()), expected: old.version };
    (new, write)
}

pub async fn a_record_from_before_the_declaration_is_found_as_well<F: Fixture>(fixture: &mut F) {
    let directory = acme(&fixture.store());
    let (before, def) = (device("none"), device("server"));
    let old = nth(&before, 1);
    make(&directory, vec![insert(&old), insert(&nth(&def, 2))]).await;

    assert_eq!(found(&directory, &def, eq("serial", "SN-1")).await, [1]);
    assert_eq!(found(&directory, &def, eq("serial", "SN-2")).await, [2]);
    assert_eq!(found(&directory, &def, Filter::Or(vec![eq("serial", "SN-1"), tag("tag 2")])).await, [1, 2]);

    // Once all were written since, it is found without the others being looked at.
    let (renewed, write) = replace_device(&def, &old, "SN-1");
    make(&directory, vec![write]).await;
    make(&directory, (3..=F::MAX_SCANNED + 5).map(|n| insert(&nth(&def, n))).collect()).await;
    assert_eq!(found(&directory, &def, eq("serial", "SN-1")).await, [1]);
    make(&directory, vec![super::help::remove(&renewed), insert(&nth(&before, 999))]).await;
    let refused = directory.list(&asked(&def, eq("serial", "SN-2"))).await;
    assert!(refused.is_err(), "one that does not know may be anywhere");
}

pub async fn what_a_custom_kind_is_matched_by_is_found_without_a_search<F: Fixture>(fixture: &mut F) {
    let directory = acme(&fixture.store());
    let def = device("none");
    make(&directory, (1..=F::MAX_SCANNED + 5).map(|n| insert(&nth(&def, n))).collect()).await;

    assert_eq!(found(&directory, &def, eq("externalId", "Ext-3")).await, [6, 7]);
    assert_eq!(found(&directory, &def, eq("externalId", "ext-3")).await, [0; 0]);
    let plain = Query { limit: 3, ..Query { filter: None, ..asked(&def, eq("id", "x")) } };
    let listing = directory.list(&plain).await.unwrap();
    assert_eq!((listing.total, numbers(&listing)), (F::MAX_SCANNED + 5, vec![1, 2, 3]));
    assert_eq!(listing.records[0], nth(&def, 1));
}
