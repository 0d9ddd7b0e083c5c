mod plan;

use serde_json::{Value, json};

use super::{Action, BulkRequest, MAX_BULK_OPERATIONS, Target, Unreadable, parse, resolve};
use crate::dialect::{Profile, Rule};
use crate::{BULK_REQUEST, Invalid, ScimType};

const BASE: &str = "https://scim.example.test/t/acme/scim/v2";

#[expect(clippy::needless_pass_by_value, reason = "as it is written where it is called")]
fn read(operations: Value) -> Result<BulkRequest, Unreadable> {
    parse(json!({ "schemas": [BULK_REQUEST], "Operations": operations }), BASE, &Profile::default())
}

/// What is wrong with the one operation of a request.
#[expect(clippy::needless_pass_by_value, reason = "as it is written where it is called")]
fn refused(operation: Value) -> String {
    let mut request = read(json!([operation])).unwrap();
    let invalid = request.operations.remove(0).ask.unwrap_err();
    assert_eq!(invalid.scim_type, ScimType::InvalidSyntax);
    invalid.detail
}

fn whole(result: Result<BulkRequest, Unreadable>) -> Invalid {
    match result.unwrap_err() {
        Unreadable::Invalid(invalid) => invalid,
        Unreadable::TooManyOperations => panic!("it is not too long"),
    }
}

fn rules(request: &BulkRequest) -> Vec<(Rule, &str)> {
    request.rewrites.iter().map(|rewrite| (rewrite.rule, rewrite.path.as_str())).collect()
}

#[test]
fn the_four_methods_are_read_with_what_each_needs() {
    let id = "b7c14771-226c-4d05-8860-134711653041";
    let request = read(json!([
        { "method": "POST", "path": "/Users", "bulkId": "qwerty", "data": { "userName": "Alice" } },
        { "method": "PUT", "path": format!("/Users/{id}"), "version": "W/\"3\"", "data": { "userName": "Bob" } },
        { "method": "PATCH", "path": "/Users/bulkId:qwerty", "data": { "Operations": [] } },
        { "method": "DELETE", "path": format!("/Users/{id}"), "version": "" },
    ]))
    .unwrap();

    let asks: Vec<_> = request.operations.iter().map(|operation| operation.ask.as_ref().unwrap()).collect();
    let actions: Vec<_> = asks.iter().map(|ask| &ask.action).collect();
    let id = Target::Id(id.into());
    assert_eq!(
        actions,
        [
            &Action::Create,
            &Action::Replace(id.clone()),
            &Action::Patch(Target::Created("qwerty".into())),
            &Action::Delete(id),
        ]
    );
    assert_eq!((asks[0].endpoint.as_str(), &asks[0].data), ("Users", &json!({ "userName": "Alice" })));
    assert_eq!((asks[1].version.as_deref(), asks[3].version.as_deref()), (Some("W/\"3\""), None));
    assert_eq!(request.operations[0].bulk_id.as_deref(), Some("qwerty"));
    assert_eq!(request.fail_on_errors, None);
    assert_eq!(rules(&request), []);
}

#[test]
fn what_is_wrong_with_one_operation_is_told_with_it_alone() {
    let user = json!({ "userName": "ada" });
    for (operation, sentence) in [
        (json!(7), "Operations[0] must be an object"),
        (json!({ "path": "/Users" }), "Operations[0].method must be POST, PUT, PATCH or DELETE"),
        (json!({ "method": "GET", "path": "/Users" }), "Operations[0].method must be POST, PUT, PATCH or DELETE"),
        (json!({ "method": ["POST"], "path": "/Users" }), "Operations[0].method must be POST, PUT, PATCH or DELETE"),
        (json!({ "method": "POST", "bulkId": 1, "path": "/Users" }), "Operations[0].bulkId must be a string"),
        (json!({ "method": "POST", "bulkId": "1", "data": user }), "Operations[0].path is required"),
        (json!({ "method": "PUT", "path": 1, "data": user }), "Operations[0].path must be a string"),
        (json!({ "method": "DELETE", "path": "/Users/1", "version": 3 }), "Operations[0].version must be a string"),
        (
            json!({ "method": "POST", "bulkId": "1", "path": "/Users" }),
            "Operations[0].data is required for a POST, PUT or PATCH",
        ),
        (
            json!({ "method": "POST", "bulkId": "1", "path": "/Users/1", "data": user }),
            "Operations[0].path must name a resource type and no resource, for a POST",
        ),
        (
            json!({ "method": "PUT", "path": "/Users/", "data": user }),
            "Operations[0].path must name a resource, for anything but a POST",
        ),
    ] {
        assert_eq!(refused(operation.clone()), sentence, "{operation}");
    }
    for path in ["", "/", "/Users/1/groups", "https://elsewhere.test/Users", "/%ff/1"] {
        let detail = refused(json!({ "method": "DELETE", "path": path }));
        assert!(detail.starts_with("Operations[0].path must be a path below the base URL"), "{path}: {detail}");
    }
}

#[test]
fn the_whole_is_refused_where_it_cannot_be_told_what_is_meant() {
    let post = |name: &str| json!({ "method": "POST", "path": "/Users", "bulkId": name, "data": {} });
    let read_whole = |body: Value| whole(parse(body, BASE, &Profile::default())).detail;

    assert_eq!(read_whole(json!([])), "a bulk request must be an object");
    assert_eq!(read_whole(json!({})), "Operations must be an array");
    assert_eq!(read_whole(json!({ "Operations": {} })), "Operations must be an array");
    assert_eq!(read_whole(json!({ "Operations": [] })), "Operations must not be empty");
    let twice = whole(read(json!([post("a"), post("b"), post("a")])));
    assert_eq!(twice.scim_type, ScimType::InvalidValue);
    assert_eq!(twice.detail, "Operations[2].bulkId is that of another POST of this request: it must be unique");
    let mut named = post("a");
    named["method"] = json!("DELETE");
    named["path"] = json!("/Users/1");
    assert!(read(json!([post("a"), named])).is_ok(), "what creates nothing may carry any name");
}

#[test]
fn a_request_has_at_most_max_bulk_operations() {
    let many = |count: usize| read(Value::Array(vec![json!({ "method": "DELETE", "path": "/Users/1" }); count]));

    assert_eq!(many(MAX_BULK_OPERATIONS).unwrap().operations.len(), MAX_BULK_OPERATIONS);
    assert_eq!(many(MAX_BULK_OPERATIONS + 1), Err(Unreadable::TooManyOperations));
}

#[test]
fn fail_on_errors_is_a_number_that_is_not_negative_and_0_means_the_first() {
    let with = |value: Value| {
        let body = json!({ "schemas": [BULK_REQUEST], "failOnErrors": value, "Operations": [1] });
        parse(body, BASE, &Profile::default())
    };
    for (value, expected) in [
        (json!(null), None),
        (json!(0), Some(1)),
        (json!(1), Some(1)),
        (json!(7), Some(7)),
        (json!(i64::MAX), usize::try_from(i64::MAX).ok()),
        (json!("2"), Some(2)),
    ] {
        assert_eq!(with(value.clone()).unwrap().fail_on_errors, expected, "{value}");
    }
    for value in [json!(-1), json!(1.5), json!("two"), json!(true), json!([1]), json!({})] {
        let invalid = whole(with(value.clone()));
        assert_eq!(invalid.detail, "failOnErrors must be a whole number that is not negative", "{value}");
    }
}

#[test]
fn what_clients_write_around_a_path_is_forgiven_and_told() {
    let asked = |path: &str| {
        let mut request = read(json!([{ "method": "DELETE", "path": path }])).unwrap();
        let told = !request.rewrites.is_empty();
        (request.operations.remove(0).ask.unwrap(), told)
    };
    for (path, told) in [
        ("/Users/1", false),
        ("/Users/1/", false),
        ("//Users//1", false),
        ("/Users/%31", false),
        (" /Users/1", true),
        ("Users/1", true),
        ("/Users/1?attributes=id", true),
        ("https://scim.example.test/t/acme/scim/v2/Users/1", true),
        ("/t/acme/scim/v2/Users/1", true),
    ] {
        let (ask, was_told) = asked(path);
        let target = Action::Delete(Target::Id("1".into()));
        assert_eq!((ask.endpoint.as_str(), ask.action), ("Users", target), "{path}");
        assert_eq!(was_told, told, "{path}");
    }
    assert_eq!(asked("/Users/bulkId%3Aa").0.action, Action::Delete(Target::Created("a".into())));
}

#[test]
fn what_is_forgiven_is_told_and_a_strict_tenant_forgives_it_not() {
    let body = json!({
        "operations": [
            { "Method": "post", "path": "/Users", "data": { "userName": "ada" }, "note": "x" },
            { "method": "DELETE", "path": "Users/1" },
        ],
    });
    let request = parse(body.clone(), BASE, &Profile::default()).unwrap();

    assert_eq!(
        rules(&request),
        [
            (Rule::MessageWithoutSchemas, "schemas"),
            (Rule::AttributeNameCase, "Operations"),
            (Rule::AttributeNameCase, "Operations.method"),
            (Rule::BulkMethodCase, "Operations.method"),
            (Rule::ExtraMember, "Operations.note"),
            (Rule::BulkIdMissing, "Operations.bulkId"),
            (Rule::BulkPathForm, "Operations.path"),
        ]
    );
    assert_eq!(request.operations[0].method.as_deref(), Some("POST"));
    let strict = Profile::strict();
    assert_eq!(whole(parse(body.clone(), BASE, &strict)).detail, "schemas must name the schema of the message");
    let mut body = body;
    body["schemas"] = json!([BULK_REQUEST]);
    let request = parse(body, BASE, &strict).unwrap();
    let details = request.operations.into_iter().map(|operation| operation.ask.unwrap_err().detail);
    assert_eq!(
        details.collect::<Vec<_>>(),
        ["Operations.method must be written in upper case", "Operations.path must be relative to the base URL"]
    );
}

#[test]
fn references_are_found_as_texts_and_in_the_filters_of_paths() {
    let mut data = json!({
        "manager": { "value": "bulkId:a" },
        "members": [{ "value": "bulkId:b" }, "bulkId:c", { "value": "bulkId:" }],
        "title": "see bulkId:a",
        "BULKID:a": "BulkId:a",
        "Operations": [
            { "path": "members[value eq \"bulkId:d\" or value eq \"bulkId:e\\\"f\"].value" },
            { "Path": "x[y eq \"z\"]" },
            { "path": "members[value eq \"bulkId:g" },
            { "title": "members[value eq \"bulkId:h\"]" },
        ],
    });
    let mut seen = Vec::new();
    let resolved: Result<(), std::convert::Infallible> = resolve(&mut data, &mut |name| {
        seen.push(name.to_owned());
        Ok(format!("<{name}>"))
    });

    assert_eq!(resolved, Ok(()));
    assert_eq!(seen, ["a", "b", "c", "", "d", "e\"f"]);
    assert_eq!(
        data,
        json!({
            "manager": { "value": "<a>" },
            "members": [{ "value": "<b>" }, "<c>", { "value": "<>" }],
            "title": "see bulkId:a",
            "BULKID:a": "BulkId:a",
            "Operations": [
                { "path": "members[value eq \"<d>\" or value eq \"<e\\\"f>\"].value" },
                { "Path": "x[y eq \"z\"]" },
                { "path": "members[value eq \"bulkId:g" },
                { "title": "members[value eq \"bulkId:h\"]" },
            ],
        })
    );
    assert_eq!(
        resolve(&mut json!(["bulkId:a", "bulkId:b"]), &mut |name| Err::<String, _>(name.to_owned())),
        Err("a".into())
    );
}
