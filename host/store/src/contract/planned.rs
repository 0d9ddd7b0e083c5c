//! Filters that indexes answer: whatever way is taken, the answer is the same, and what it costs depends on what is found.

use std::sync::Arc;

use muster_model::{Account, Record, Timestamp};
use muster_protocol::dialect::Profile;
use muster_protocol::filter::{Filter, Literal, Op};
use muster_protocol::schema::Registry;
use muster_protocol::sort::Sort;
use serde_json::{Value, json};

use super::Fixture;
use super::help::{
    GROUP, USER, acme, at, compare, eq, found, group, id, insert, join, key, leave, make, number, numbers, path, query,
    record, remove, replace, touch, user,
};
use crate::{Directory, From, Lookup, Query, StoreError, Write};

/// Numbers that look random and are the same in every run (xorshift).
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        for shift in [13_i32, -7, 17] {
            self.0 ^= if shift > 0 { self.0 << shift } else { self.0 >> -shift };
        }
        self.0 % end
    }

    fn is(&mut self, one_in: u64) -> bool {
        self.below(one_in) == 0
    }

    fn pick<'t, T>(&mut self, of: &'t [T]) -> &'t T {
        &of[usize::try_from(self.below(of.len() as u64)).unwrap()]
    }
}

const USERS: u64 = 36;
const GROUPS: u64 = 6;

/// Texts that are told apart by case, by spelling, or by what stands behind the first 250 bytes.
fn texts() -> Vec<String> {
    let short =
        ["", "a", "ada", "ADA", "Ada.B", "\u{FF21}da", "adb", "stra\u{DF}e", "STRASSEN", "e\u{301}", "\u{E9}t", "1815"];
    let long = ["x".repeat(200), "x".repeat(256), "X".repeat(300), "x".repeat(299) + "y", "\u{E9}".repeat(140)];
    short.map(str::to_owned).into_iter().chain(long).collect()
}

fn person(dice: &mut Dice, n: u64) -> Record {
    let texts = texts();
    let mut document = json!({ "userName": format!("{}{n}", dice.pick(&texts)) });
    for name in ["externalId", "displayName", "title"] {
        if !dice.is(4) {
            document[name] = json!(dice.pick(&texts));
        }
    }
    if !dice.is(4) {
        document["active"] = json!(dice.is(2));
    }
    let email = |dice: &mut Dice| json!({ "value": dice.pick(&texts), "type": dice.pick(&["work", "home"]) });
    let emails: Vec<Value> = (0..dice.below(3)).map(|_| email(dice)).collect();
    if !emails.is_empty() {
        document["emails"] = json!(emails);
    }
    let mut made = record(&USER, n, document);
    made.modified = time(dice);
    // What a plugin may have made of it.
    match dice.below(12) {
        0 => made.keys.push(key("emails.value", &format!("ada{n}"))),
        1 => made.keys.push(key("active", &format!("true{n}"))),
        _ => {}
    }
    made
}

fn time(dice: &mut Dice) -> Timestamp {
    Timestamp::from_millis(at(0).as_millis() + i64::try_from(dice.below(6)).unwrap())
}

fn literal(dice: &mut Dice, name: &str) -> Literal {
    match name {
        "meta.lastModified" => Literal::Text(time(dice).to_string()),
        "members" | "groups.value" | "id" => Literal::Text(id(100 + dice.below(USERS)).to_string()),
        "active" => match dice.below(4) {
            0 => Literal::Text("True".to_owned()),
            1 => Literal::Number(1.into()),
            _ => Literal::Boolean(dice.is(2)),
        },
        _ => {
            let text = dice.pick(&texts()).clone();
            let kept = usize::try_from(dice.below(text.chars().count() as u64 + 1)).unwrap();
            let text = if dice.is(2) { text.chars().take(kept).collect() } else { text };
            Literal::Text(if dice.is(3) { text.to_uppercase() } else { text })
        }
    }
}

fn term(dice: &mut Dice, names: &[&str]) -> Filter {
    const OPS: [Op; 12] =
        [Op::Eq, Op::Eq, Op::Eq, Op::Sw, Op::Sw, Op::Ne, Op::Co, Op::Ew, Op::Gt, Op::Ge, Op::Lt, Op::Le];
    let name = *dice.pick(names);
    if dice.is(12) {
        return Filter::Present(path(name));
    }
    Filter::Compare { path: path(name), op: *dice.pick(&OPS), literal: literal(dice, name) }
}

fn filter(dice: &mut Dice, depth: u64) -> Filter {
    const NAMES: [&str; 12] = [
        "userName",
        "externalId",
        "displayName",
        "emails.value",
        "emails",
        "active",
        "meta.lastModified",
        "meta.lastModified",
        "title",
        "id",
        "groups.value",
        "badge",
    ];
    match if depth == 0 { 9 } else { dice.below(10) } {
        0..=2 => Filter::And((0..2 + dice.below(2)).map(|_| filter(dice, depth - 1)).collect()),
        3..=4 => Filter::Or((0..2 + dice.below(2)).map(|_| filter(dice, depth - 1)).collect()),
        5 => Filter::Not(Box::new(filter(dice, depth - 1))),
        6 => {
            let within = Filter::And(vec![term(dice, &["value", "type"]), term(dice, &["value", "type"])]);
            Filter::Element { path: path("emails"), filter: Box::new(within) }
        }
        _ => term(dice, &NAMES),
    }
}

/// What changes between the questions.
async fn disturb(directory: &Arc<dyn Directory>, dice: &mut Dice) {
    for _ in 0..4 {
        let (group_id, user_id) = (900 + dice.below(GROUPS), 100 + dice.below(USERS));
        let old = directory.get(&USER, id(user_id)).await.unwrap();
        let write = match (old, dice.below(5)) {
            (None, _) => insert(&person(dice, user_id)),
            (Some(old), 0) => remove(&old),
            (Some(old), 1) => touch(&old, None),
            (Some(_), 2) => {
                let is_member = directory.are_members(id(group_id), &[id(user_id)]).await.unwrap()[0];
                if is_member { leave(group_id, user_id) } else { join(group_id, user_id) }
            }
            (Some(old), _) => {
                let new = Record { version: old.version.next(), ..person(dice, user_id) };
                Write::Replace { record: Box::new(new), expected: old.version }
            }
        };
        make(directory, vec![write]).await;
    }
}

/// The same question in a form that no index can answer.
fn searched(filter: &Filter) -> Filter {
    Filter::Not(Box::new(Filter::Not(Box::new(filter.clone()))))
}

pub async fn whatever_way_is_taken_the_answer_is_the_same<F: Fixture>(fixture: &mut F) {
    const { assert!(USERS + GROUPS <= F::MAX_SCANNED, "all can be searched") };
    let directory = acme(&fixture.store());
    let dice = &mut Dice(0x5eed_cafe_f00d_0007);
    make(&directory, (0..USERS).map(|n| insert(&person(dice, 100 + n))).collect()).await;
    make(&directory, (0..GROUPS).map(|n| insert(&group(900 + n, &format!("Ada{n}")))).collect()).await;
    let registry = Registry::core();
    let defs = [USER, GROUP].map(|kind| Arc::clone(registry.get(kind.as_str()).unwrap()));
    let mut looked_up = 0;
    for round in 0..400 {
        if round % 10 == 0 {
            disturb(&directory, dice).await;
        }
        let filter = filter(dice, 3);
        let kinds = if dice.is(4) { defs.to_vec() } else { defs[..1].to_vec() };
        if filter.check(&kinds, &Profile::default()).is_err() {
            continue;
        }
        looked_up += u32::from(kinds.iter().all(|def| Lookup::of(def, &filter).is_some()));
        let by = *dice.pick(&["userName", "meta.lastModified", "displayName"]);
        let order = *dice.pick(&["ascending", "descending"]);
        let sort = dice.is(3).then(|| Sort::parse(&defs[0], by, Some(order)).unwrap());
        let asked = Query { kinds, sort, ..query(&USER, Some(filter.clone())) };
        let whole = directory.list(&Query { filter: Some(searched(&filter)), ..asked.clone() }).await.unwrap();
        assert_eq!(directory.list(&asked).await.unwrap(), whole, "{filter}");

        let (offset, limit) = (dice.below(6), 1 + dice.below(5));
        let part = Query { from: From::Offset(offset), limit, ..asked };
        let again = Query { filter: Some(searched(&filter)), ..part.clone() };
        let page = directory.list(&part).await.unwrap();
        assert_eq!(page, directory.list(&again).await.unwrap(), "{filter} from {offset}, {limit}");
        if let Some(position) = page.next {
            let next = |query: Query| Query { from: From::After(position.clone()), ..query };
            let after = directory.list(&next(part)).await.unwrap();
            assert_eq!(after, directory.list(&next(again)).await.unwrap(), "{filter} after {position:?}");
        }
    }
    assert!(looked_up > 100, "too few of these filters know an index: {looked_up}");
}

fn is_too_many<T>(answer: &Result<T, StoreError>) -> bool {
    matches!(answer, Err(StoreError::TooMany { .. }))
}

pub async fn what_begins_with_a_text_is_found_without_a_search<F: Fixture>(fixture: &mut F) {
    let directory = acme(&fixture.store());
    let stem = "s".repeat(250);
    let person = |n: u64| {
        let document = json!({
            "userName": format!("User{n:03}"), "displayName": format!("{stem}{n:03}"), "externalId": format!("Ext-{n}"),
            "emails": [{ "value": format!("A{n}@x.org") }, { "value": format!("b{n}@x.org") }],
        });
        insert(&record(&USER, n, document))
    };
    make(&directory, (1..=F::MAX_SCANNED + 20).map(person).collect()).await;
    make(&directory, vec![insert(&record(&USER, 900, json!({ "userName": "straße", "displayName": "Zoë" })))]).await;

    let sw = |attribute: &str, text: &str| compare(attribute, Op::Sw, text);
    assert_eq!(found(&directory, &USER, sw("userName", "uSER01")).await, (10..20).collect::<Vec<_>>());
    assert_eq!(found(&directory, &USER, sw("userName", "STRASS")).await, [900]);
    assert_eq!(found(&directory, &USER, sw("userName", "nobody")).await, [0; 0]);
    assert_eq!(found(&directory, &USER, sw("externalId", "Ext-1")).await[..3], [1, 10, 11]);
    assert_eq!(found(&directory, &USER, sw("externalId", "ext-1")).await, [0; 0], "case counts");
    assert_eq!(found(&directory, &USER, sw("emails.value", "B7@")).await, [7]);
    assert_eq!(found(&directory, &USER, sw("displayName", "zo\u{EB}")).await, [900]);
    let narrow = Filter::And(vec![sw("displayName", &stem), sw("userName", "user"), eq("externalId", "Ext-9")]);
    assert_eq!(found(&directory, &USER, narrow).await, [9], "the way with the fewest is taken");
    let both = Filter::Or(vec![sw("userName", "user00"), sw("emails.value", "a7@")]);
    assert_eq!(found(&directory, &USER, both).await, (1..=9).collect::<Vec<_>>());

    // So much of it does not stand in an index: whoever begins like that is looked at.
    let long = sw("displayName", &format!("{stem}00"));
    assert!(is_too_many(&directory.list(&query(&USER, Some(long))).await));
    assert!(is_too_many(&directory.list(&query(&USER, Some(sw("userName", "user")))).await));
}

pub async fn who_is_active_is_found_without_a_search<F: Fixture>(fixture: &mut F) {
    let directory = acme(&fixture.store());
    let count = F::MAX_SCANNED + 20;
    let person = |n: u64| {
        record(&USER, n, json!({ "userName": format!("u{n}"), "active": !n.is_multiple_of(20), "title": "Dr" }))
    };
    make(&directory, (1..=count).map(|n| insert(&person(n))).collect()).await;
    make(&directory, vec![insert(&user(900, "says nothing"))]).await;
    let active = |literal: Literal| Filter::Compare { path: path("active"), op: Op::Eq, literal };
    let inactive = || active(Literal::Boolean(false));
    let gone: Vec<u64> = (1..=count).filter(|n| n.is_multiple_of(20)).collect();

    assert_eq!(found(&directory, &USER, inactive()).await, gone);
    assert_eq!(found(&directory, &USER, active(Literal::Text("False".to_owned()))).await, gone);
    assert!(is_too_many(&directory.list(&query(&USER, Some(active(Literal::Boolean(true))))).await));
    let and = Filter::And(vec![active(Literal::Boolean(true)), eq("userName", "u7"), eq("title", "dr")]);
    assert_eq!(found(&directory, &USER, and).await, [7]);

    let (_, back) = replace(&person(20), json!({ "userName": "u20", "active": true }));
    let (_, out) = replace(&person(7), json!({ "userName": "u7", "active": false }));
    make(&directory, vec![back, out, remove(&person(40))]).await;
    assert_eq!(found(&directory, &USER, inactive()).await[..2], [7, 60]);
    fixture.reopen().await;
    let directory = acme(&fixture.store());
    assert_eq!(found(&directory, &USER, inactive()).await[..2], [7, 60]);
    // Of so few records nearly all can be looked at.
    for n in 10..=count {
        if let Some(one) = directory.get(&USER, id(n)).await.unwrap() {
            make(&directory, vec![remove(&one)]).await;
        }
    }
    assert_eq!(found(&directory, &USER, active(Literal::Boolean(true))).await, [1, 2, 3, 4, 5, 6, 8, 9]);
}

pub async fn who_is_shown_as_not_active_is_found_as_that<F: Fixture>(fixture: &mut F) {
    let directory = acme(&fixture.store());
    let person = |n: u64, active: bool, state: &str| {
        let person = record(&USER, n, json!({ "userName": format!("u{n}"), "active": active }));
        Record { account: Account { state: state.to_owned(), ..person.account.clone() }, ..person }
    };
    let people =
        [person(1, true, "active"), person(2, true, "invited"), person(3, false, "invited"), person(4, false, "left")];
    make(&directory, people.iter().map(insert).collect()).await;
    make(&directory, vec![insert(&user(5, "says nothing"))]).await;
    let active = |active| Filter::Compare { path: path("active"), op: Op::Eq, literal: Literal::Boolean(active) };
    let either = Filter::Or(vec![active(false), eq("userName", "u1")]);
    let both = Filter::And(vec![active(false), eq("userName", "u2")]);
    let sort = Sort::parse(Registry::core().get("User").unwrap(), "active", None).unwrap();

    for (filter, stored, shown) in [
        (active(true), vec![1, 2], vec![1]),
        (active(false), vec![3, 4], vec![2, 3, 4]),
        (either, vec![1, 3, 4], vec![1, 2, 3, 4]),
        (both, vec![], vec![2]),
    ] {
        let as_stored = query(&USER, Some(filter));
        let as_shown = Query { inactive_states: vec!["invited".to_owned()], ..as_stored.clone() };
        assert_eq!(numbers(&directory.list(&as_stored).await.unwrap()), stored, "{:?}", as_stored.filter);
        let listing = directory.list(&as_shown).await.unwrap();
        let is_as_stored = |record: &Record| people.iter().any(|person| person.document == record.document);
        assert!(listing.records.iter().all(is_as_stored), "what is found is what is stored");
        assert_eq!(numbers(&listing), shown, "{:?}", as_shown.filter);
    }
    let sorted = Query { inactive_states: vec!["invited".to_owned()], sort: Some(sort), ..query(&USER, None) };
    assert_eq!(numbers(&directory.list(&sorted).await.unwrap()), [2, 3, 4, 1, 5]);
}

pub async fn what_changed_since_is_found_without_a_search<F: Fixture>(fixture: &mut F) {
    let directory = acme(&fixture.store());
    let count = F::MAX_SCANNED + 20;
    let second = |n: u64| at(i64::try_from(n).unwrap());
    let person = |n: u64| Record { modified: second(n), ..user(n, &format!("u{n}")) };
    make(&directory, (1..=count).map(|n| insert(&person(n))).collect()).await;
    let since = |op, time: Timestamp| compare("meta.lastModified", op, &time.to_string());

    let last = |n: u64| (count - n + 1..=count).collect::<Vec<_>>();
    assert_eq!(found(&directory, &USER, since(Op::Gt, second(count - 3))).await, last(3));
    assert_eq!(found(&directory, &USER, since(Op::Ge, second(count - 3))).await, last(4));
    assert_eq!(found(&directory, &USER, since(Op::Lt, second(3))).await, [1, 2]);
    assert_eq!(found(&directory, &USER, since(Op::Le, second(3))).await, [1, 2, 3]);
    assert_eq!(found(&directory, &USER, since(Op::Eq, second(9))).await, [9]);
    let between = Filter::And(vec![since(Op::Gt, second(5)), since(Op::Le, second(8)), eq("userName", "u7")]);
    assert_eq!(found(&directory, &USER, between).await, [7]);
    let both = Filter::And(vec![since(Op::Ge, second(5)), since(Op::Lt, second(8))]);
    assert_eq!(found(&directory, &USER, both).await, [5, 6, 7]);
    let none = Filter::And(vec![since(Op::Gt, second(8)), since(Op::Lt, second(5))]);
    assert_eq!(found(&directory, &USER, none).await, [0; 0]);
    assert!(is_too_many(&directory.list(&query(&USER, Some(since(Op::Gt, second(0))))).await));

    // Whatever is written moves to its new time, and only there.
    let now = second(count + 5);
    let (new, _) = replace(&person(3), json!({ "userName": "u3" }));
    let changed = Record { modified: now, ..new };
    let write = Write::Replace { record: Box::new(changed), expected: person(3).version };
    make(&directory, vec![write, remove(&person(2))]).await;
    assert_eq!(found(&directory, &USER, since(Op::Ge, now)).await, [3]);
    assert_eq!(found(&directory, &USER, since(Op::Lt, second(5))).await, [1, 4]);

    // A group is changed by its members; it is told with the time of the commit, `at(5)`.
    make(&directory, vec![insert(&group(900, "staff")), insert(&group(901, "all"))]).await;
    make(&directory, vec![join(900, 7), touch(&group(900, ""), None)]).await;
    make(&directory, vec![touch(&group(900, ""), None)]).await;
    assert_eq!(found(&directory, &GROUP, since(Op::Gt, at(0))).await, [900]);
    assert_eq!(found(&directory, &GROUP, since(Op::Eq, at(0))).await, [901]);

    // In pages, by position.
    let asked = |from| Query { from, limit: 3, ..query(&USER, Some(since(Op::Gt, second(count - 7)))) };
    let first = directory.list(&asked(From::Offset(0))).await.unwrap();
    assert_eq!((first.total, numbers(&first)), (8, vec![3, count - 6, count - 5]));
    let second = directory.list(&asked(From::After(first.next.unwrap()))).await.unwrap();
    assert_eq!((second.total, numbers(&second)), (8, (count - 4..=count - 2).collect()));
    assert_eq!(second.next.map(|position| number(position.id)), Some(count - 2));
}
