use muster_model::Timestamp;

use super::*;

fn space(name: &str) -> Space {
    Space::of(&TenantId::parse(name).unwrap())
}

#[test]
fn a_range_holds_what_was_asked_for_and_nothing_else() {
    let acme = space("acme");
    let id = ResourceId::from_bytes([0xff; 16]);
    let user = ResourceType::USER;
    let holds = |range: &Range, key: &[u8]| key >= &range.start[..] && key < &range.end[..];

    assert!(holds(&acme.records(&user), &acme.record(&user, id)));
    assert!(!holds(&acme.records(&user), &acme.record(&ResourceType::new("Users"), id)));
    assert!(!holds(&acme.records(&user), &space("acme2").record(&user, id)));
    assert!(!holds(&acme.indexed(&user, "externalid", "a"), &acme.index(&user, "externalid", "ab", id)));
    assert!(!holds(&acme.indexed(&user, "externalid", ""), &acme.index(&user, "externalid", "a", id)));
    assert!(holds(&acme.members(id), &acme.member(id, id)));
    assert!(holds(&acme.history(id, None), &acme.told(id, u64::MAX)));
    assert!(holds(&acme.history(id, Some(7)), &acme.told(id, 6)));
    assert!(!holds(&acme.history(id, Some(7)), &acme.told(id, 7)));
    assert!(acme.told(id, 6) > acme.told(id, 7), "the newest comes first");
    assert_eq!(told_seq(&acme.told(id, 7)), Some(7));
    assert!(holds(&acme.changes(3), &acme.change(4)));
    assert!(!holds(&acme.changes(3), &acme.change(3)));
    assert!(!holds(&acme.changes(u64::MAX), &acme.change(u64::MAX)));
    assert!(holds(&acme.changes(0).through(&acme.change(7)), &acme.change(7)));
    assert!(!holds(&acme.changes(0).through(&acme.change(7)), &acme.change(8)));
}

#[test]
fn no_name_makes_a_key_too_long_and_none_is_taken_for_another() {
    let id = ResourceId::from_bytes([7; 16]);
    let long = space(&"t".repeat(63));
    let urn = |length: usize| format!("urn:example:{}:2.0:device:serial.number", "x".repeat(length));
    let kind = |length: usize| ResourceType::new(&"K".repeat(length));
    for length in [1, 31, 32, 33, 79, 80, 81, 255, 256, 257, 5000] {
        let key = long.index(&kind(length), &urn(length), &"v".repeat(length), id);
        assert!(key.len() <= MAX_KEY_BYTES, "{length}: {}", key.len());
        let other = long.index(&kind(length), &urn(length + 1), &"v".repeat(length), id);
        assert_ne!(key, other);
        assert_ne!(key, long.index(&kind(length + 1), &urn(length), &"v".repeat(length), id));
    }
    const { assert!(256 * MAX_KEY_BYTES < 128 * 1024) };
    // A point or a colon in a path separates nothing here.
    let unique = |attribute: &str, value: &str| long.unique(&kind(4), attribute, value);
    assert_ne!(unique("urn:a:b.c", "d"), unique("urn:a:b", "c.d"));
}

#[test]
fn the_paths_of_the_standard_stand_in_keys_as_they_are() {
    for def in &muster_protocol::schema::Registry::core().types {
        assert!(def.name.len() <= MAX_KIND_BYTES);
        let own = def.core_attributes().map(|attribute| (String::new(), attribute));
        let extensions = def
            .extensions
            .iter()
            .flat_map(|schema| schema.attributes.iter().map(|attribute| (format!("{}:", schema.id), attribute)));
        for (prefix, attribute) in own.chain(extensions) {
            let sub = attribute.sub_attributes.iter().map(|sub| sub.name.len() + 1).max().unwrap_or(0);
            assert!(prefix.len() + attribute.name.len() + sub <= MAX_ATTRIBUTE_BYTES, "{prefix}{}", attribute.name);
        }
    }
}

#[test]
fn values_that_begin_alike_are_a_range_whatever_their_length() {
    let (acme, user, id) = (space("acme"), ResourceType::USER, ResourceId::from_bytes([0; 16]));
    let long = "é".repeat(3000);
    let values = ["", "a", "ab", "ab\0c", "abc", "abd", "b", "\u{10ffff}", &long[..256], &long[..258], &long, "éa"];
    for prefix in ["", "a", "ab", "abc", "abcd", "é", &long[..200], &long[..222], &long[..256], &long[..400], "z"] {
        for value in values {
            let held = |range: &Range, key: &[u8]| key >= &range.start[..] && key < &range.end[..];
            let index = held(&acme.indexed_from(&user, "title", prefix), &acme.index(&user, "title", value, id));
            let unique = held(&acme.unique_from(&user, "title", prefix), &acme.unique(&user, "title", value));
            assert_eq!(index, unique);
            // Of what is too long for a key, more is found than begins so: the record decides.
            let kept = prefix.as_bytes().get(..KEPT_BYTES).unwrap_or(prefix.as_bytes());
            assert_eq!(index, value.as_bytes().starts_with(kept), "{prefix:.8} {value:.8}");
            for other in values.into_iter().filter(|other| *other != value) {
                let indexed = acme.indexed(&user, "title", other);
                assert!(!held(&indexed, &acme.index(&user, "title", value, id)), "{value:.8} {other:.8}");
            }
        }
    }
    assert!(acme.unique(&user, "title", "ab") < acme.unique(&user, "title", "aba"), "in the order of the bytes");
}

#[test]
fn times_are_ranges_with_both_ends() {
    let (acme, user, id) = (space("acme"), ResourceType::USER, ResourceId::from_bytes([0xff; 16]));
    let at = Timestamp::from_millis;
    let times = [i64::MIN, -1, 0, 1, 1_700_000_000_000, i64::MAX];
    for (from, through) in [(None, None), (Some(0), None), (None, Some(0)), (Some(-1), Some(1)), (Some(1), Some(0))] {
        let range = acme.modified_between(&user, from.map(at), through.map(at));
        for time in times {
            let key = acme.modified(&user, at(time), id);
            let held = key >= range.start && key < range.end;
            assert_eq!(held, from.is_none_or(|from| from <= time) && through.is_none_or(|end| time <= end), "{time}");
        }
    }
    let all = acme.modified_between(&user, Some(at(i64::MIN)), Some(at(i64::MAX)));
    let kind = all.start[..all.start.len() - 8].to_vec();
    assert_eq!(all.end, Range::below(kind).end, "the last instant belongs to it");
}

#[test]
fn a_state_is_read_back_from_its_key() {
    let (acme, user) = (space("acme"), ResourceType::USER);
    let counts = acme.state_counts(&user);
    assert_eq!(last_value(&acme.state_count(&user, "invited"), &counts), Some("invited"));
    assert_eq!(last_value(&acme.state_count(&user, ""), &counts), Some(""));
    assert_eq!(last_value(&acme.state_count(&user, &"x".repeat(300)), &counts), None);
}

#[test]
fn a_part_tells_whose_it_is() {
    let acme = space("acme");
    let values = [acme.change(u64::MAX), acme.record(&ResourceType::new("c"), ResourceId::from_bytes([0; 16]))];
    for value in values {
        assert_eq!(place(&value), (value.clone(), 0));
        assert!(!is_part(&value));
        for number in [0, 1, u32::MAX] {
            let part = part(&value, number);
            assert!(is_part(&part));
            assert_eq!(place(&part), (value.clone(), u64::from(number) + 1));
        }
    }
    for odd in [&[][..], &[9], &[0, b'c'], &[0, b'c', 1, 2]] {
        assert_eq!(place(odd), (odd.to_vec(), 0), "no row of ours has such a key");
    }
}

#[test]
fn long_texts_make_short_keys_that_differ() {
    let key = |text: String| space("acme").unique(&ResourceType::USER, "username", &text);
    let (one, other) = (key("x".repeat(5000)), key("x".repeat(5001)));
    assert!(one.len() < 2 * MAX_TEXT_BYTES);
    assert_ne!(one, other);
    assert_ne!(key("x".repeat(MAX_TEXT_BYTES)), key("x".repeat(MAX_TEXT_BYTES + 1)));
}
