use super::*;
use crate::ScimType;

fn page(start_index: &str, count: &str) -> (u64, u64) {
    let page = Page::new(Some(start_index), Some(count)).unwrap();
    (page.start_index, page.count)
}

#[test]
fn without_parameters_it_is_the_first_default_page() {
    assert_eq!(Page::new(None, None).unwrap(), Page::default());
    assert_eq!(page("", " "), (1, DEFAULT_COUNT));
}

#[test]
fn numbers_out_of_range_are_moved_into_it() {
    assert_eq!(page("101", "100"), (101, 100));
    assert_eq!(page("0", "0"), (1, 0));
    assert_eq!(page("-7", "-7"), (1, 0));
    assert_eq!(page("+2", "1000"), (2, MAX_COUNT));
    assert_eq!(page("1", "1001"), (1, MAX_COUNT));
    assert_eq!(page("99999999999999999999", "99999999999999999999"), (i64::MAX.unsigned_abs(), MAX_COUNT));
    assert_eq!(page("-99999999999999999999", "-99999999999999999999"), (1, 0));
}

#[test]
fn what_is_no_number_is_refused_by_the_name_of_the_parameter() {
    let start_index = Page::new(Some("first"), None).unwrap_err();
    assert_eq!(start_index, Invalid::new(ScimType::InvalidValue, "startIndex is not a whole number"));
    for count in ["ten", "1.5", "-", "1e3", "0x10", "١"] {
        assert_eq!(Page::new(None, Some(count)).unwrap_err().detail, "count is not a whole number");
    }
}

#[test]
fn an_empty_list_answer_still_has_its_resources() {
    assert_eq!(
        list_response(0, 1, Vec::new()).to_string(),
        r#"{"schemas":["urn:ietf:params:scim:api:messages:2.0:ListResponse"],"totalResults":0,"startIndex":1,"itemsPerPage":0,"Resources":[]}"#
    );
}

#[test]
fn items_per_page_is_the_number_of_resources_in_the_answer() {
    let answer = list_response(102, 101, vec![json!({"id": "a"}), json!({"id": "b"})]);
    assert_eq!(answer["itemsPerPage"], 2);
    assert_eq!(answer["totalResults"], 102);
}

fn by_cursor(cursor: &str, count: &str) -> (Option<String>, u64) {
    match Paging::new(Some(cursor), Some("7"), Some(count)).unwrap() {
        Paging::Cursor { after, count } => (after, count),
        Paging::Index(page) => panic!("{page:?}"),
    }
}

#[test]
fn a_cursor_asks_for_pages_by_cursor_and_an_empty_one_for_the_first() {
    assert_eq!(Paging::new(None, Some("7"), None).unwrap(), Paging::Index(Page { start_index: 7, ..Page::default() }));
    assert_eq!(by_cursor("", ""), (None, DEFAULT_COUNT));
    assert_eq!(by_cursor("YkU3", "10"), (Some("YkU3".into()), 10));
}

#[test]
fn the_count_of_a_page_by_cursor_is_moved_into_its_range_and_refused_by_its_own_name() {
    assert_eq!((by_cursor("", "0").1, by_cursor("", "-7").1, by_cursor("", "1001").1), (0, 0, MAX_COUNT));
    for count in ["ten", "1.5", "1e3"] {
        let refused = Paging::new(Some(""), None, Some(count)).unwrap_err();
        assert_eq!(refused, Invalid::new(ScimType::InvalidCount, "count is not a whole number"));
    }
    assert_eq!(
        Paging::new(Some(""), Some("first"), None).unwrap(),
        Paging::Cursor { after: None, count: DEFAULT_COUNT }
    );
}

fn of_query(pairs: &[(&str, &'static str)]) -> Result<ListRequest, Invalid> {
    ListRequest::from_query(|name| pairs.iter().find(|(given, _)| *given == name).map(|(_, value)| *value))
}

fn read(body: Value) -> ListRequest {
    ListRequest::from_body(body, &Profile::default()).unwrap().0
}

fn refused(body: Value) -> Invalid {
    ListRequest::from_body(body, &Profile::default()).unwrap_err()
}

fn whole() -> ListRequest {
    let some = |text: &str| Some(text.to_owned());
    ListRequest {
        filter: some("userName pr"),
        sort_by: some("name.familyName"),
        sort_order: some("descending"),
        paging: Paging::Index(Page { start_index: 3, count: 2 }),
        attributes: some("userName,emails"),
        excluded_attributes: some("meta"),
    }
}

#[test]
fn a_query_string_and_a_search_request_ask_for_the_same() {
    let query = of_query(&[
        ("filter", "userName pr"),
        ("sortBy", "name.familyName"),
        ("sortOrder", "descending"),
        ("startIndex", "3"),
        ("count", "2"),
        ("attributes", "userName,emails"),
        ("excludedAttributes", "meta"),
    ]);
    let body = json!({
        "schemas": [SEARCH_REQUEST],
        "filter": "userName pr",
        "sortBy": "name.familyName",
        "sortOrder": "descending",
        "startIndex": 3,
        "count": 2,
        "attributes": ["userName", "emails"],
        "excludedAttributes": ["meta"],
    });
    assert_eq!(query.unwrap(), whole());
    assert_eq!(read(body), whole());
}

#[test]
fn a_search_request_may_be_written_as_loosely_as_a_query_string() {
    let body = json!({
        "FILTER": "userName pr",
        "sortby": "name.familyName",
        "SortOrder": "descending",
        "startindex": "3",
        "Count": "2",
        "attributes": "userName,emails",
        "excludedAttributes": "meta",
        "domain": "unknown to the RFC",
    });
    assert_eq!(read(body), whole());
    let nulls = json!({ "filter": null, "sortBy": null, "cursor": null, "count": null, "attributes": null });
    assert_eq!(read(nulls), ListRequest::default());
    assert_eq!(of_query(&[("sortBy", " "), ("sortOrder", ""), ("count", "")]).unwrap(), ListRequest::default());
    let cursor = read(json!({ "cursor": "", "count": 10 }));
    assert_eq!(cursor.paging, Paging::Cursor { after: None, count: 10 });
}

#[test]
fn what_a_search_request_needed_is_told_and_a_strict_profile_refuses_it() {
    let (_, rewrites) =
        ListRequest::from_body(json!({ "schemas": [SEARCH_REQUEST], "count": 1 }), &Profile::strict()).unwrap();
    assert_eq!(rewrites, []);
    for (member, rule, refusal) in [
        (("count", json!("2")), Rule::NumberAsText, Some("count must be a number")),
        (("attributes", json!("userName,title")), Rule::ListAsSingle, Some("attributes must be an array")),
        (("domain", json!(7)), Rule::ExtraMember, Some("domain is not a member of this message")),
        (
            ("schemas", json!(["urn:acme"])),
            Rule::MessageWithoutSchemas,
            Some("schemas must name the schema of the message"),
        ),
        (("schemas", Value::Null), Rule::MessageWithoutSchemas, Some("schemas must name the schema of the message")),
        (("COUNT", json!(2)), Rule::AttributeNameCase, None),
        (("attributes", json!(["emails[type eq \"work\"]"])), Rule::ValuePathAsAttribute, None),
    ] {
        let (name, value) = member;
        let mut body = json!({ "schemas": [SEARCH_REQUEST] });
        body[name] = value;
        let (_, rewrites) = ListRequest::from_body(body.clone(), &Profile::default()).unwrap();
        assert_eq!(rewrites.iter().map(|rewrite| rewrite.rule).collect::<Vec<_>>(), [rule], "{name}");
        let strict = ListRequest::from_body(body, &Profile::strict()).map(|(_, rewrites)| rewrites);
        match refusal {
            Some(detail) => assert_eq!(strict.unwrap_err().detail, detail),
            None => assert_eq!(strict.unwrap(), rewrites),
        }
    }
}

#[test]
fn a_member_of_the_wrong_type_is_named() {
    assert_eq!(refused(json!([])), Invalid::syntax("a search request must be an object"));
    for name in ["filter", "sortBy", "sortOrder", "cursor"] {
        for value in [json!(1), json!(true), json!([]), json!({})] {
            assert_eq!(refused(json!({ name: value })), Invalid::syntax(format!("{name} must be a string")));
        }
    }
    for name in ["startIndex", "count"] {
        assert_eq!(refused(json!({ name: true })), Invalid::syntax(format!("{name} must be a number")));
        assert_eq!(refused(json!({ name: 1.5 })), Invalid::value(format!("{name} is not a whole number")));
    }
    let count = refused(json!({ "cursor": "", "count": "many" }));
    assert_eq!(count, Invalid::new(ScimType::InvalidCount, "count is not a whole number"));
    for name in ["attributes", "excludedAttributes"] {
        for value in [json!(1), json!({}), json!(["id", 7])] {
            assert_eq!(refused(json!({ name: value })), Invalid::syntax(format!("{name} must be an array of strings")));
        }
    }
}

#[test]
fn as_many_names_as_a_uri_could_hold_are_read_and_no_more() {
    let names = |bytes: usize| json!({ "attributes": ["x".repeat(bytes - 3), "id"] });
    read(names(MAX_NAMES_BYTES));
    let refused = refused(names(MAX_NAMES_BYTES + 1));
    assert_eq!(refused, Invalid::value("attributes is longer than 16384 bytes"));
}

#[test]
fn an_answer_by_cursor_has_no_start_index_and_the_last_one_no_next_cursor() {
    let first = cursor_response(3, Some("YkU3".into()), vec![json!({ "id": "a" })]);
    let text = r#"{"schemas":["urn:ietf:params:scim:api:messages:2.0:ListResponse"],"totalResults":3,"nextCursor":"YkU3","itemsPerPage":1,"Resources":[{"id":"a"}]}"#;
    assert_eq!(first.to_string(), text);
    let last = cursor_response(3, None, Vec::new());
    assert_eq!((last.get("nextCursor"), last.get("startIndex"), &last["totalResults"]), (None, None, &json!(3)));
}
