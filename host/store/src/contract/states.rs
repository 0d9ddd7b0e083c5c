//! Accounts by the vendor's own word for where they stand.

use std::sync::Arc;

use muster_model::{Record, ResourceType};

use super::Fixture;
use super::help::{GROUP, USER, acme, group, id, insert, make, number, remove, tenant, user};
use crate::{Directory, Write};

fn stands(n: u64, state: &str) -> Record {
    let mut record = user(n, &format!("user{n}"));
    state.clone_into(&mut record.account.state);
    record
}

async fn paged(directory: &Arc<dyn Directory>, kind: &ResourceType, state: &str, limit: usize) -> Vec<Vec<u64>> {
    let (mut pages, mut after) = (Vec::new(), None);
    loop {
        let page = directory.by_state(kind, state, after, limit).await.unwrap();
        let Some(last) = page.last() else { return pages };
        assert!(page.iter().all(|record| record.account.state == state));
        after = Some(last.id);
        pages.push(page.iter().map(|record| number(record.id)).collect());
    }
}

fn counted(counts: &[(&str, u64)]) -> Vec<(String, u64)> {
    counts.iter().map(|(state, count)| ((*state).to_owned(), *count)).collect()
}

pub async fn accounts_are_listed_by_state_in_pages(fixture: &mut impl Fixture) {
    let directory = acme(&fixture.store());
    let state = |n: u64| if n.is_multiple_of(3) { "invited" } else { "active" };
    make(&directory, (1..=12).map(|n| insert(&stands(n, state(n)))).collect()).await;
    let elsewhere = fixture.store().directory(&tenant("other"));
    make(&elsewhere, vec![insert(&stands(13, "invited"))]).await;

    assert_eq!(paged(&directory, &USER, "invited", 3).await, [vec![3, 6, 9], vec![12]]);
    assert_eq!(paged(&directory, &USER, "active", 100).await, [vec![1, 2, 4, 5, 7, 8, 10, 11]]);
    for state in ["invite", "invited ", "Invited", ""] {
        assert!(paged(&directory, &USER, state, 3).await.is_empty(), "{state}");
    }
    assert!(paged(&directory, &GROUP, "invited", 3).await.is_empty());
    assert_eq!(directory.by_state(&USER, "invited", None, 0).await.unwrap(), []);
    let behind = directory.by_state(&USER, "invited", Some(id(7)), 1).await.unwrap();
    assert_eq!(behind, [stands(9, "invited")], "whole records, from wherever it is asked");
}

pub async fn how_many_accounts_are_in_each_state_is_counted(fixture: &mut impl Fixture) {
    let directory = acme(&fixture.store());
    assert_eq!(directory.states(&USER).await.unwrap(), []);
    let long = "x".repeat(1000);
    let people = [stands(1, "invited"), stands(2, "invited"), stands(3, "active"), stands(4, &long)];
    make(&directory, people.iter().map(insert).collect()).await;
    make(&directory, vec![insert(&group(9, "staff"))]).await;
    let counts = [("active", 1), ("invited", 2), (&long, 1)];
    assert_eq!(directory.states(&USER).await.unwrap(), counted(&counts));
    assert_eq!(directory.states(&GROUP).await.unwrap(), counted(&[("active", 1)]));

    let signed_in = Record { version: people[0].version.next(), ..stands(1, "active") };
    let write = Write::Replace { record: Box::new(signed_in), expected: people[0].version };
    make(&directory, vec![write, remove(&people[3])]).await;
    assert_eq!(directory.states(&USER).await.unwrap(), counted(&[("active", 2), ("invited", 1)]));
    make(&directory, vec![remove(&people[1])]).await;
    fixture.reopen().await;
    let directory = acme(&fixture.store());
    assert_eq!(directory.states(&USER).await.unwrap(), counted(&[("active", 2)]), "a state without accounts is none");
    assert_eq!(paged(&directory, &USER, "active", 100).await, [vec![1, 3]]);
}
