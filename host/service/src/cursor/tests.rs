use muster_model::{ResourceId, ResourceType};
use muster_protocol::sort::{MAX_SORT_KEY_BYTES, SortKey};

use super::*;

const TIMEOUT_S: u64 = 60;
const NOW: Timestamp = Timestamp::from_millis(1_793_714_580_000);

fn tenant(name: &str) -> TenantId {
    TenantId::parse(name).unwrap()
}

fn scope(tenant: &TenantId) -> Scope<'_> {
    Scope {
        tenant,
        kinds: &["User", "Group"],
        filter: Some("title eq \"Countess\""),
        sort_by: Some("name.familyname"),
        descending: false,
    }
}

fn cursors(key: u8, scope: Scope<'_>) -> Cursors {
    Cursors::new(&TokenKey::new([key; 32]), TIMEOUT_S, scope).unwrap()
}

fn ours() -> Cursors {
    cursors(7, scope(&tenant("acme")))
}

fn place(sort: Option<SortKey>) -> Position {
    Position { sort, resource_type: ResourceType::USER, id: ResourceId::from_bytes([5; 16]) }
}

fn byron() -> Position {
    place(Some(SortKey::Text("byron".into())))
}

fn refusal(cursors: &Cursors, cursor: &str) -> ScimType {
    cursors.open(cursor, NOW).unwrap_err().scim_type
}

#[test]
fn a_cursor_leads_back_to_its_place_and_is_never_the_same_twice() {
    let cursor = ours().seal(byron(), NOW).unwrap();
    assert_eq!(ours().open(&cursor, NOW).unwrap(), byron());
    assert_ne!(ours().seal(byron(), NOW).unwrap(), cursor);
    let unsorted = ours().seal(place(None), NOW).unwrap();
    assert_eq!(ours().open(&unsorted, NOW).unwrap(), place(None));
}

/// RFC 9865 §2: only characters that a URI needs not escape.
#[test]
fn a_cursor_has_unreserved_characters_only_and_shows_nothing_of_what_is_in_it() {
    let cursor = ours().seal(byron(), NOW).unwrap();
    assert!(cursor.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)), "{cursor}");
    let sealed = URL_SAFE_NO_PAD.decode(&cursor).unwrap();
    for secret in [b"byron".as_slice(), b"User", b"Countess", &[5; 16]] {
        assert!(!sealed.windows(secret.len()).any(|window| window == secret));
    }
}

#[test]
fn the_longest_cursor_is_shorter_than_the_limit() {
    // As JSON, a quotation mark is two bytes; what would be more is a control character, which no text has.
    let text = SortKey::Text("\"".repeat(MAX_SORT_KEY_BYTES));
    let long = Position { resource_type: ResourceType::new(&"K".repeat(64)), ..place(Some(text)) };
    let cursor = ours().seal(long.clone(), NOW).unwrap();
    assert!(cursor.len() > MAX_CURSOR_BYTES / 3 && cursor.len() <= MAX_CURSOR_BYTES, "{}", cursor.len());
    assert_eq!(ours().open(&cursor, NOW).unwrap(), long);
}

#[test]
fn a_cursor_with_any_character_changed_added_or_cut_off_is_none() {
    let cursor = ours().seal(byron(), NOW).unwrap();
    for at in 0..cursor.len() {
        for other in ["A", "B", "-", "=", "é", ""] {
            let forged = format!("{}{other}{}", &cursor[..at], &cursor[at + 1..]);
            if forged != cursor {
                assert_eq!(refusal(&ours(), &forged), ScimType::InvalidCursor, "{at} {other}");
            }
        }
        assert_eq!(refusal(&ours(), &cursor[..at]), ScimType::InvalidCursor, "{at}");
    }
    for added in ["A", "AAAA", "=", " ", "\n"] {
        assert_eq!(refusal(&ours(), &format!("{cursor}{added}")), ScimType::InvalidCursor, "{added:?}");
    }
    for nothing in ["", " ", "0", "null", &"A".repeat(MAX_CURSOR_BYTES), &"A".repeat(1 << 20)] {
        assert_eq!(refusal(&ours(), nothing), ScimType::InvalidCursor);
    }
}

#[test]
fn a_cursor_opens_for_the_query_it_was_given_for_and_no_other() {
    let cursor = ours().seal(byron(), NOW).unwrap();
    let (acme, globex) = (tenant("acme"), tenant("globex"));
    let same = scope(&acme);
    for (other, cursors) in [
        ("key", cursors(8, same)),
        ("tenant", cursors(7, Scope { tenant: &globex, ..same })),
        ("kinds", cursors(7, Scope { kinds: &["User"], ..same })),
        ("order of kinds", cursors(7, Scope { kinds: &["Group", "User"], ..same })),
        ("filter", cursors(7, Scope { filter: Some("title eq \"countess\""), ..same })),
        ("no filter", cursors(7, Scope { filter: None, ..same })),
        ("sortBy", cursors(7, Scope { sort_by: Some("title"), ..same })),
        ("no sortBy", cursors(7, Scope { sort_by: None, ..same })),
        ("sortOrder", cursors(7, Scope { descending: true, ..same })),
    ] {
        assert_eq!(refusal(&cursors, &cursor), ScimType::InvalidCursor, "{other}");
    }
}

#[test]
fn a_cursor_lives_as_long_as_it_is_announced_and_no_longer() {
    let cursor = ours().seal(byron(), NOW).unwrap();
    let after = |millis: i64| Timestamp::from_millis(NOW.as_millis() + millis);
    assert_eq!(ours().open(&cursor, after(60_000)).unwrap(), byron());
    let late = ours().open(&cursor, after(60_001)).unwrap_err();
    let told = "the cursor has expired; an empty one asks for the first page";
    assert_eq!(late, Invalid::new(ScimType::ExpiredCursor, told));
    assert_eq!(ours().open(&cursor, after(-60_000)).unwrap(), byron(), "a clock that was set back breaks no cursor");
}

#[test]
fn names_in_a_filter_are_the_same_in_any_case_and_texts_are_not() {
    assert_eq!(canonical(r#"userName SW "J" and not (Title pr)"#), r#"username sw "J" and not (title pr)"#);
    assert_eq!(canonical(r#"a eq "x\"Y\\" or B eq "\\\"Z""#), r#"a eq "x\"Y\\" or b eq "\\\"Z""#);
}
