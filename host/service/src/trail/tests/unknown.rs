//! What is not known to be harmless is redacted: names, literals, values that are refused, URNs, paths.

use serde_json::json;

use super::{ID, kept, poggio};
use crate::trail::redact::Redactor;

fn filter(text: &str) -> String {
    let bound = poggio();
    let mut redactor = Redactor::new(Some(&bound), false, []);
    redactor.set_endpoint(Some("Users"));
    redactor.filter_text(text)
}

#[test]
fn a_filter_between_brackets_is_redacted_by_the_attribute_that_it_is_about() {
    assert_eq!(filter("emails[value eq \"ada@example.com\"]"), "emails[value eq \"ada@example.com\"]");
    assert_eq!(
        filter("emails[value.password eq \"kitten\"]"),
        "emails[value.password eq \"<secret>\"]",
        "a part of a part is nothing that is kept"
    );
    assert_eq!(
        filter("emails[value.zyx eq \"kitten\"]"),
        "emails[<name of 9 characters> eq \"<text of 6 characters>\"]"
    );
    assert_eq!(filter("badges[value eq \"kitten\"]"), "<name of 6 characters>[value eq \"<text of 6 characters>\"]");
    assert_eq!(filter("tokens[value eq \"kitten\"]"), "<name of 6 characters>[value eq \"<secret>\"]");
    assert_eq!(filter("kitten pr and userName sw \"a\""), "<name of 6 characters> pr and userName sw \"a\"");
    assert_eq!(filter("urn:kitten:x eq \"a\""), "<name of 12 characters> eq \"<text of 1 character>\"");
}

#[test]
fn a_literal_that_its_attribute_cannot_have_is_not_kept() {
    assert_eq!(filter("active eq true and active eq \"True\""), "active eq true and active eq \"True\"");
    assert_eq!(filter("active eq \"kitten\""), "active eq \"<text of 6 characters>\"");
    assert_eq!(filter(&format!("active eq \"{ID}\"")), "active eq \"<text of 36 characters>\"");
    assert_eq!(filter("userName eq true"), "userName eq \"<boolean>\"");
}

#[test]
fn the_path_of_an_operation_tells_only_names_that_the_tenant_has() {
    let paths = [
        "kitten",
        "emails.kitten",
        "kitten[value eq \"x\"].value",
        "emails[value.password eq \"kitten\"].value",
        "emails[type eq \"work\"].kitten",
        "urn:kitten:2.0:User:title",
    ];
    let operations: Vec<_> = paths.iter().map(|path| json!({ "op": "add", "path": path, "value": "kitten" })).collect();
    let told = kept(&poggio(), false, "PATCH", &format!("/Users/{ID}"), &json!({ "Operations": operations }));
    assert!(!told.to_string().contains("kitten"), "{told}");
    assert_eq!(told["Operations"][4]["path"], "emails[type eq \"work\"].<name of 6 characters>");
    let present = json!({ "Operations": [{ "op": "remove", "path": "emails[kitten pr]" }] });
    let told = kept(&poggio(), false, "PATCH", &format!("/Users/{ID}"), &present);
    assert_eq!(told["Operations"][0]["path"], "emails[<name of 6 characters> pr]");
}

#[test]
fn a_value_that_its_attribute_cannot_have_is_not_kept() {
    let sent = json!({
        "active": "kitten", "userName": ["kitten", "kitten too"], "displayName": { "kitten": "kitten" }, "externalId": [["kitten"]],
        "emails": [{ "value": true, "primary": "kitten" }, ["kitten"]],
    });
    assert_eq!(
        kept(&poggio(), false, "POST", "/Users", &sent),
        json!({
            "active": "<text of 6 characters>", "userName": "<list of 2>", "displayName": { "<name of 6 characters>": "<text of 6 characters>" },
            "externalId": ["<list of 1>"],
            "emails": [{ "value": "<boolean>", "primary": "<text of 6 characters>" }, "<list of 1>"],
        })
    );
    let members = json!({ "members": [
        { "value": "kitten", "$ref": "https://kitten.example/Users/1", "type": "kitten" }, { "value": ID, "type": "User" },
    ] });
    let told = kept(&poggio(), false, "PUT", &format!("/Groups/{ID}"), &members);
    assert!(!told.to_string().contains("kitten"), "{told}");
    assert_eq!(told["members"][1], json!({ "value": ID, "type": "User" }));
    let long = "kitten".repeat(200);
    let told = kept(&poggio(), false, "POST", "/Users", &json!({ "userName": long, "emails": [{ "value": long }] }));
    assert!(!told.to_string().contains("kitten"), "too long for a name: {told}");
}

#[test]
fn names_urns_and_numbers_of_the_protocol_are_told_only_where_they_are_its_own() {
    let sent = json!({
        "schemas": ["urn:kitten", "URN:ietf:params:scim:schemas:core:2.0:User"], "kitten": 1, "ketten": 2, "userName.kitten": "a",
        "urn:kitten:2.0:User": { "kitten": "a" }, "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": { "kitten": 3 },
    });
    assert_eq!(
        kept(&poggio(), false, "POST", "/Users", &sent),
        json!({
            "schemas": ["<text of 10 characters>", "URN:ietf:params:scim:schemas:core:2.0:User"],
            "<name of 6 characters>": "<number>", "<name of 6 characters>'": "<number>", "<name of 15 characters>": "<text of 1 character>",
            "<name of 19 characters>": "<object of 1>",
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": { "<name of 6 characters>": "<number>" },
        })
    );
    let bulk = json!({ "kitten": 1, "failOnErrors": 4_111_111_111_111_111_u64, "Operations": [
        { "method": "POST", "path": "/Users", "version": "W/\"kitten\"", "kitten": 4_111, "data": 4_111 },
    ] });
    assert_eq!(
        kept(&poggio(), false, "POST", "/Bulk", &bulk),
        json!({ "<name of 6 characters>": "<number>", "failOnErrors": "<number>", "Operations": [
            { "method": "POST", "path": "/Users", "version": "<text of 10 characters>", "<name of 6 characters>": "<number>", "data": "<number>" },
        ] })
    );
    let search = json!({ "count": 10, "startIndex": 4_111_111_111_111_111_u64, "kitten": 4_111, "sortBy": "kitten" });
    assert_eq!(
        kept(&poggio(), false, "POST", "/Users/.search", &search),
        json!({ "count": 10, "startIndex": "<number>", "<name of 6 characters>": "<number>", "sortBy": "<text of 6 characters>" })
    );
}
