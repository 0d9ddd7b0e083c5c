//! Memberships: rows that are read from both ends.

use std::collections::BTreeSet;

use muster_model::Version;

use super::Fixture;
use super::help::{
    GROUP, USER, acme, at, commit, group, id, insert, is_stale, join, leave, make, member, number, refused, remove,
    together, touch, user,
};
use crate::{Member, Write};

pub async fn members_are_added_removed_and_counted(fixture: &mut impl Fixture) {
    let directory = acme(&fixture.store());
    let people =
        [insert(&user(1, "ada")), insert(&user(2, "bob")), insert(&group(8, "staff")), insert(&group(9, "all"))];
    make(&directory, people.to_vec()).await;
    let nested = Write::AddMember { group: id(9), member: Member { id: id(8), resource_type: GROUP } };
    make(&directory, vec![join(8, 2), join(8, 1), join(9, 1), nested]).await;

    assert_eq!(directory.members(id(8), None, 10).await.unwrap(), [member(1), member(2)]);
    let all = directory.members(id(9), None, 10).await.unwrap();
    assert_eq!(all, [member(1), Member { id: id(8), resource_type: GROUP }]);
    assert_eq!(directory.member_count(id(8)).await.unwrap(), 2);
    assert_eq!(directory.member_count(id(7)).await.unwrap(), 0);
    assert_eq!(directory.groups_of(id(1)).await.unwrap(), [id(8), id(9)]);
    assert_eq!(directory.are_members(id(8), &[id(2), id(3), id(1)]).await.unwrap(), [true, false, true]);

    make(&directory, vec![leave(8, 1), leave(8, 2), join(8, 1)]).await;
    assert_eq!(directory.members(id(8), None, 10).await.unwrap(), [member(1)]);
    assert_eq!(directory.member_count(id(8)).await.unwrap(), 1);
    assert_eq!(directory.groups_of(id(2)).await.unwrap(), []);
    assert_eq!(directory.get(&GROUP, id(8)).await.unwrap().unwrap().version, Version::FIRST, "only a touch touches");
}

pub async fn members_are_read_in_pages(fixture: &mut impl Fixture) {
    let directory = acme(&fixture.store());
    let mut writes = vec![insert(&group(1000, "staff")), insert(&group(1001, "neighbour"))];
    for n in 1..=25 {
        writes.extend([insert(&user(n, &format!("user{n}"))), join(1000, n), join(1001, n)]);
    }
    make(&directory, writes).await;

    let mut pages = Vec::new();
    let mut after = None;
    loop {
        let page = directory.members(id(1000), after, 10).await.unwrap();
        let Some(last) = page.last() else { break };
        after = Some(last.id);
        pages.push(page.iter().map(|member| number(member.id)).collect::<Vec<_>>());
    }
    assert_eq!(pages, [(1..=10).collect::<Vec<_>>(), (11..=20).collect(), (21..=25).collect()]);
    assert_eq!(directory.members(id(1000), None, 0).await.unwrap(), []);
}

pub async fn a_row_that_is_there_or_has_no_ends_is_stale(fixture: &mut impl Fixture) {
    let directory = acme(&fixture.store());
    make(&directory, vec![insert(&user(1, "ada")), insert(&group(8, "staff")), join(8, 1)]).await;

    for wrong in [join(8, 1), join(8, 2), join(7, 1), leave(8, 2), leave(7, 1)] {
        assert!(is_stale(&refused(&directory, vec![wrong.clone()]).await), "{wrong:?}");
    }
    let not_a_group = Write::AddMember { group: id(8), member: Member { id: id(1), resource_type: GROUP } };
    assert!(is_stale(&refused(&directory, vec![not_a_group]).await), "the member is of another kind");
    assert_eq!(directory.member_count(id(8)).await.unwrap(), 1);
}

pub async fn a_removed_user_leaves_its_groups_and_touches_them(fixture: &mut impl Fixture) {
    let directory = acme(&fixture.store());
    let ada = user(1, "ada");
    let writes = [insert(&ada), insert(&user(2, "bob")), insert(&group(8, "staff")), insert(&group(9, "all"))];
    make(&directory, [&writes[..], &[join(8, 1), join(8, 2), join(9, 1)]].concat()).await;

    let mut touched = make(&directory, vec![remove(&ada)]).await.touched;
    touched.sort_by_key(|record| record.id);
    let seen: Vec<_> = touched.iter().map(|record| (record.id, record.version, record.modified)).collect();
    assert_eq!(seen, [(id(8), Version(2), at(5)), (id(9), Version(2), at(5))]);
    assert_eq!(directory.members(id(8), None, 10).await.unwrap(), [member(2)]);
    assert_eq!(directory.member_count(id(8)).await.unwrap(), 1);
    assert_eq!(directory.member_count(id(9)).await.unwrap(), 0);
    assert_eq!(directory.groups_of(id(1)).await.unwrap(), []);
    assert_eq!(directory.get(&GROUP, id(9)).await.unwrap().as_ref(), touched.get(1));
}

pub async fn a_removed_group_takes_its_rows_with_it(fixture: &mut impl Fixture) {
    let directory = acme(&fixture.store());
    let staff = group(8, "staff");
    let writes = [insert(&user(1, "ada")), insert(&user(2, "bob")), insert(&staff), insert(&group(9, "all"))];
    make(&directory, [&writes[..], &[join(8, 1), join(8, 2), join(9, 1)]].concat()).await;

    let touched = make(&directory, vec![remove(&staff)]).await.touched;
    assert_eq!(touched, [], "a user is not touched by its groups");
    assert_eq!(directory.members(id(8), None, 10).await.unwrap(), []);
    assert_eq!(directory.member_count(id(8)).await.unwrap(), 0);
    assert_eq!(directory.groups_of(id(1)).await.unwrap(), [id(9)]);
    assert_eq!(directory.groups_of(id(2)).await.unwrap(), []);
    assert_eq!(directory.get(&USER, id(1)).await.unwrap().unwrap().version, Version::FIRST);
}

pub async fn two_commits_that_add_different_members_at_once_are_both_made(fixture: &mut impl Fixture) {
    const MEMBERS: u64 = 20;
    let directory = acme(&fixture.store());
    let staff = group(1000, "staff");
    let mut writes = vec![insert(&staff)];
    writes.extend((1..=MEMBERS).map(|n| insert(&user(n, &format!("user{n}")))));
    make(&directory, writes).await;

    let joins = (1..=MEMBERS).map(|n| directory.commit(commit(vec![join(1000, n), touch(&staff, None)])));
    let versions: BTreeSet<_> =
        together(joins.collect()).await.into_iter().map(|made| made.unwrap().touched[0].version).collect();
    assert_eq!(versions, (2..=MEMBERS + 1).map(Version).collect(), "each saw its own version");
    assert_eq!(directory.member_count(id(1000)).await.unwrap(), MEMBERS);
}
