//! The rules of RFC 7644 §3.5.2, and what is refused.

use super::*;

fn work() -> Value {
    json!({"value":"w@example.com","type":"work","primary":true})
}

fn home() -> Value {
    json!({"value":"h@example.com","type":"home"})
}

fn with_emails() -> Value {
    json!({"userName":"ada","emails":[work(), home()]})
}

fn emails(operation: Value) -> Value {
    user(with_emails(), json!([operation])).get("emails").cloned().unwrap_or_default()
}

#[test]
fn a_body_that_is_no_patch_is_refused_as_invalid_syntax() {
    let told = |body| parse(body).map(|_| ()).map_err(|invalid| (invalid.scim_type, invalid.detail));
    let syntax = |detail: &str| Err((ScimType::InvalidSyntax, detail.to_owned()));
    assert_eq!(told(json!([])), syntax("a PATCH body must be an object"));
    assert_eq!(told(json!({})), syntax("Operations must be an array"));
    assert_eq!(told(json!({"Operations":{}})), syntax("Operations must be an array"));
    assert_eq!(told(json!({"Operations":[]})), syntax("Operations must not be empty"));
    assert_eq!(told(json!({"Operations":[1]})), syntax("Operations[0] must be an object"));
    for op in [json!(null), json!("move"), json!(1)] {
        assert_eq!(told(json!({"Operations":[{"op":op}]})), syntax("Operations[0].op must be add, remove or replace"));
    }
    let path = Err((ScimType::InvalidPath, "Operations[0].path must be a string".to_owned()));
    assert_eq!(told(json!({"Operations":[{"op":"add","path":1}]})), path);
}

#[test]
fn all_operations_are_applied_or_none() {
    let operations =
        json!([{"op":"replace","path":"title","value":"x"},{"op":"replace","path":"active","value":"maybe"}]);
    let told = refused("User", ada(), operations);
    assert_eq!(
        told,
        (ScimType::InvalidValue, "Operations[1]: active must be a boolean".into()),
        "the operation is named"
    );
}

#[test]
fn what_is_required_cannot_be_removed_or_emptied() {
    let told = refused("User", ada(), json!([{"op":"remove","path":"userName"}]));
    assert_eq!(told, (ScimType::Mutability, "userName is required and cannot be removed".into()));
    let told = refused("Group", json!({"displayName":"g"}), json!([{"op":"remove","path":"displayName"}]));
    assert_eq!(told.0, ScimType::Mutability);
    for nothing in [json!(""), json!(null)] {
        let told = refused("User", ada(), json!([{"op":"replace","path":"userName","value":nothing}]));
        assert_eq!(told, (ScimType::InvalidValue, "userName is required".into()));
    }
}

#[test]
fn remove_needs_a_path_and_add_a_value() {
    assert_eq!(refused("User", ada(), json!([{"op":"remove"}])).0, ScimType::NoTarget);
    assert_eq!(refused("User", ada(), json!([{"op":"add","path":"title"}])).0, ScimType::InvalidValue);
    assert_eq!(refused("User", ada(), json!([{"op":"add","value":"x"}])).0, ScimType::InvalidValue);
}

#[test]
fn a_path_that_does_not_parse_or_filters_one_value_is_an_invalid_path() {
    for path in [
        "a b",
        "name.",
        "emails[type eq \"work\"]value",
        "name[familyName eq \"Byron\"].givenName",
        "userName[value eq \"x\"]",
    ] {
        assert_eq!(
            refused("User", ada(), json!([{"op":"replace","path":path,"value":"x"}])).0,
            ScimType::InvalidPath,
            "{path}"
        );
    }
    let told = refused("User", ada(), json!([{"op":"remove","path":"name[familyName eq \"Byron\"]"}]));
    assert_eq!(told, (ScimType::InvalidPath, "name is not multi-valued and takes no filter".into()));
    assert_eq!(refused("User", ada(), json!([{"op":"add","path":"emails[","value":"x"}])).0, ScimType::InvalidFilter);
}

#[test]
fn read_only_attributes_are_ignored_wherever_they_are_written() {
    for (path, value) in [
        ("id", json!("x")),
        ("meta.created", json!("x")),
        ("meta", json!({})),
        ("groups", json!([{"value":"g"}])),
        ("schemas", json!([])),
    ] {
        assert_eq!(user(ada(), json!([{"op":"replace","path":path,"value":value}])), ada());
        assert_eq!(user(ada(), json!([{"op":"remove","path":path}])), ada());
        assert_eq!(user(ada(), json!([{"op":"add","value":{path:value}}])), ada());
    }
    let filtered = json!([{"op":"remove","path":"groups[value eq \"g\"]"},{"op":"add","path":"groups[value eq \"g\"].display","value":"x"}]);
    assert_eq!(user(ada(), filtered), ada());
}

#[test]
fn active_is_taken_away_only_by_an_operation_on_it() {
    let inactive = json!({"userName":"ada","active":false});
    for operation in [
        json!({"op":"remove","path":"active"}),
        json!({"op":"replace","path":"active","value":null}),
        json!({"op":"replace","path":"active","value":""}),
    ] {
        assert_eq!(user(inactive.clone(), json!([operation])), json!({"userName":"ada"}));
    }
    let among_others = json!([{"op":"replace","value":{"active":"","title":null}}]);
    assert_eq!(user(inactive.clone(), among_others), inactive, "an empty value among others says nothing");
}

#[test]
fn add_appends_to_a_list_what_is_not_there() {
    let other = json!({"value":"o@example.com","type":"other"});
    assert_eq!(emails(json!({"op":"add","path":"emails","value":[other, home()]})), json!([work(), home(), other]));
    assert_eq!(emails(json!({"op":"add","path":"emails","value":other})), json!([work(), home(), other]));
    assert_eq!(emails(json!({"op":"add","value":{"emails":[home()]}})), json!([work(), home()]));
    assert_eq!(emails(json!({"op":"add","path":"emails","value":[]})), json!([work(), home()]));
}

#[test]
fn a_new_primary_element_makes_the_others_second_choices() {
    let primary_home = json!({"value":"h@example.com","type":"home","primary":true});
    let second_work = json!({"value":"w@example.com","type":"work","primary":false});
    let expected = json!([second_work, primary_home]);
    assert_eq!(emails(json!({"op":"add","path":"emails","value":[primary_home]})), expected);
    assert_eq!(emails(json!({"op":"replace","path":"emails[type eq \"home\"].primary","value":true})), expected);
    assert_eq!(emails(json!({"op":"add","path":"emails[type eq \"home\"]","value":{"primary":"true"}})), expected);
}

#[test]
fn replace_of_a_list_replaces_all_of_it() {
    assert_eq!(emails(json!({"op":"replace","path":"emails","value":[home()]})), json!([home()]));
    assert_eq!(emails(json!({"op":"replace","value":{"emails":[home()]}})), json!([home()]));
    assert_eq!(emails(json!({"op":"replace","path":"emails","value":[]})), Value::Null);
}

#[test]
fn a_filtered_element_is_replaced_extended_or_removed_as_a_whole() {
    let path = "emails[type eq \"home\"]";
    let replaced = emails(json!({"op":"replace","path":path,"value":{"value":"n@example.com"}}));
    assert_eq!(
        replaced,
        json!([work(), {"type":"home","value":"n@example.com"}]),
        "still a home address: the path finds it again"
    );
    let extended = emails(json!({"op":"add","path":path,"value":{"display":"H"}}));
    assert_eq!(extended, json!([work(), {"type":"home","value":"h@example.com","display":"H"}]));
    assert_eq!(emails(json!({"op":"remove","path":path})), json!([work()]));
    assert_eq!(emails(json!({"op":"replace","path":path,"value":null})), json!([work()]));
    assert_eq!(emails(json!({"op":"replace","path":path,"value":{"colour":"red"}})), json!([work(), home()]));
    let made = emails(json!({"op":"add","path":"emails[type eq \"other\" and primary eq true]","value":{"value":"o"}}));
    assert_eq!(made[2], json!({"type":"other","primary":true,"value":"o"}));
    assert_eq!(made[0]["primary"], false);
}

#[test]
fn an_element_that_lost_its_last_part_goes() {
    assert_eq!(emails(json!({"op":"remove","path":"emails[type eq \"work\"].value"})), json!([home()]));
    assert_eq!(
        emails(json!({"op":"remove","path":"emails[type eq \"work\"].primary"}))[0],
        json!({"value":"w@example.com","type":"work"})
    );
}

#[test]
fn elements_are_removed_by_value_too() {
    assert_eq!(emails(json!({"op":"remove","path":"emails","value":[{"value":"w@example.com"}]})), json!([home()]));
    assert_eq!(
        emails(json!({"op":"remove","path":"emails","value":[{"value":"w@example.com","type":"home"}]})),
        json!([work(), home()])
    );
    assert_eq!(emails(json!({"op":"remove","path":"emails","value":[]})), json!([work(), home()]));
    assert_eq!(emails(json!({"op":"remove","path":"emails"})), Value::Null);
}

#[test]
fn a_sub_attribute_without_a_filter_means_every_element() {
    assert_eq!(emails(json!({"op":"replace","path":"emails.display","value":"x"}))[1]["display"], "x");
    assert_eq!(
        emails(json!({"op":"remove","path":"emails.type"})),
        json!([{"value":"w@example.com","primary":true},{"value":"h@example.com"}])
    );
    assert_eq!(
        emails(json!({"op":"replace","path":"emails.value","value":""})),
        Value::Null,
        "nothing is left of them"
    );
    let made = user(json!({"userName":"ada"}), json!([{"op":"add","path":"emails.value","value":"a@example.com"}]));
    assert_eq!(made["emails"], json!([{"value":"a@example.com"}]));
}

#[test]
fn a_filter_that_names_no_element_to_make_has_no_target() {
    for path in
        ["emails[value co \"x\"].type", "emails[type eq \"a\" or type eq \"b\"].value", "emails[not (type pr)].value"]
    {
        let told = refused("User", ada(), json!([{"op":"replace","path":path,"value":"x"}]));
        assert_eq!(told, (ScimType::NoTarget, "emails has no element that the filter selects".into()));
    }
}

#[test]
fn a_complex_value_is_merged_with_and_without_a_path() {
    for operation in [
        json!({"op":"replace","path":"name","value":{"honorificPrefix":"Lady","GivenName":null}}),
        json!({"op":"replace","value":{"name":{"honorificPrefix":"Lady","givenName":""}}}),
    ] {
        let after = user(json!({"userName":"ada","name":{"givenName":"Ada","familyName":"Byron"}}), json!([operation]));
        assert_eq!(after["name"], json!({"familyName":"Byron","honorificPrefix":"Lady"}));
    }
    assert_eq!(user(ada(), json!([{"op":"replace","path":"name","value":{}}])), ada());
    assert_eq!(user(ada(), json!([{"op":"remove","path":"name"}])).get("name"), None);
    assert_eq!(
        refused("User", ada(), json!([{"op":"replace","path":"name","value":"Ada"}])).1,
        "name must be an object"
    );
}

#[test]
fn a_whole_extension_is_merged_by_path_and_by_key() {
    let current = json!({"userName":"ada",ENTERPRISE_USER:{"department":"Analysis"}});
    let expected = json!({"department":"Analysis","division":"Engines","manager":{"value":"51aa"}});
    let value = json!({"Division":"Engines","manager.value":"51aa","badge":"x"});
    for operation in [
        json!({"op":"add","path":ENTERPRISE_USER,"value":value}),
        json!({"op":"replace","value":{ENTERPRISE_USER.to_uppercase():value}}),
    ] {
        assert_eq!(user(current.clone(), json!([operation]))[ENTERPRISE_USER], expected);
    }
    let core =
        json!([{"op":"replace","path":"urn:ietf:params:scim:schemas:core:2.0:User","value":{"title":"Countess"}}]);
    assert_eq!(user(current, core)["title"], "Countess");
}

#[test]
fn a_formatted_name_follows_its_parts_unless_somebody_wrote_it() {
    let renamed = json!({"op":"replace","path":"name.familyName","value":"Lovelace"});
    assert_eq!(user(ada(), json!([renamed]))["name"]["formatted"], "Ada Lovelace");
    let written = json!([renamed, {"op":"replace","path":"name.formatted","value":"Lady Lovelace"}]);
    assert_eq!(user(ada(), written)["name"]["formatted"], "Lady Lovelace");
    let own = json!({"userName":"ada","name":{"formatted":"Byron, Ada","givenName":"Ada","familyName":"Byron"}});
    assert_eq!(user(own, json!([renamed]))["name"]["formatted"], "Byron, Ada", "it never was made of the parts");
    let removed = json!([{"op":"remove","path":"name.familyName"},{"op":"remove","path":"name.givenName"}]);
    assert_eq!(user(ada(), removed).get("name"), None);
}

#[test]
fn members_without_a_path_are_added_or_set() {
    assert_eq!(members(json!([{"op":"add","value":{"members":[{"value":"a"}]}}])), [MemberEdit::Add(refs(&["a"]))]);
    assert_eq!(members(json!([{"op":"replace","value":{"Members":[{"value":"a"}]}}])), [MemberEdit::Set(refs(&["a"]))]);
    assert_eq!(members(json!([{"op":"add","path":"members","value":[]}])), []);
    assert_eq!(members(json!([{"op":"replace","path":"members","value":null}])), [MemberEdit::Set(vec![])]);
}

#[test]
fn members_are_selected_by_filter() {
    let several = members(json!([{"op":"remove","path":"members[value eq \"a\" or value eq \"b\"]"}]));
    assert_eq!(several, [MemberEdit::Remove(vec!["a".into(), "b".into()])]);
    let edits = members(json!([{"op":"remove","path":"members[type eq \"Group\"]"}]));
    assert!(matches!(&edits[..], [MemberEdit::RemoveWhere(filter)] if filter.to_string() == "type eq \"Group\""));
    let swapped = members(json!([{"op":"replace","path":"members[value eq \"a\"]","value":{"value":"b"}}]));
    assert_eq!(swapped, [MemberEdit::Remove(vec!["a".into()]), MemberEdit::Add(refs(&["b"]))]);
    assert_eq!(members(json!([{"op":"replace","path":"members[value eq \"a\"].display","value":"x"}])), []);
    let told = refused(
        "Group",
        json!({"displayName":"g"}),
        json!([{"op":"replace","path":"members[value eq \"a\"].value","value":"b"}]),
    );
    assert_eq!(told.0, ScimType::Mutability);
}

#[test]
fn a_member_without_a_value_is_refused() {
    for value in [json!([{"display":"x"}]), json!([{"value":""}]), json!([""]), json!({"value":null})] {
        for op in ["add", "replace", "remove"] {
            let told = refused("Group", json!({"displayName":"g"}), json!([{"op":op,"path":"members","value":value}]));
            assert_eq!(told, (ScimType::InvalidValue, "members.value is required".into()));
        }
    }
}

#[test]
fn a_value_path_does_not_make_an_element_that_is_there() {
    let operation = json!({"op":"replace","path":"emails[type eq \"work\"]","value":{"type":"other","value":"x"}});
    let once = user(json!({"userName":"ada"}), json!([operation]));
    assert_eq!(user(once.clone(), json!([operation])), once);
    let untyped = json!([{"op":"remove","path":"emails.type"}]);
    let twice = json!({"userName":"ada","emails":[{"value":"x","type":"work"},{"value":"x","type":"home"}]});
    assert_eq!(user(twice, untyped)["emails"], json!([{"value":"x"}]));
}
