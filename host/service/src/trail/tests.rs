#![expect(clippy::print_stdout, reason = "it says what it measured")]

mod unknown;

use std::time::Instant;

use muster_model::{Account, Field, PluginDigest};
use muster_plugin::{
    AdoptionPolicy, Call, EventSet, Kind, Manifest, PlanChange, PlannedTask, Plugin, PluginError, Problem,
    ResourcePlan, Roles,
};
use muster_protocol::path::AttrPath;
use muster_protocol::schema::{Declarations, Registry};
use muster_protocol::{Document, USER};
use serde_json::{Value, json};

use super::body::{Message, body};
use super::question::question;
use super::redact::{MAX_JSON_KEPT_BYTES, Redactor};
use crate::{Bound, HostSettings};

const ID: &str = "01930000-0000-7000-8000-000000000001";

/// A plugin that is never called.
#[derive(Debug)]
struct Nobody(Manifest);

impl Plugin for Nobody {
    fn digest(&self) -> PluginDigest {
        PluginDigest::of(b"nobody")
    }

    fn manifest(&self) -> &Manifest {
        &self.0
    }

    fn roles(&self) -> Roles {
        Roles::default()
    }

    fn check_config(&self, _: &Call<'_>) -> Result<Vec<Problem>, PluginError> {
        Err(PluginError::Busy)
    }

    fn host_settings(&self, _: &Call<'_>) -> Result<Vec<Field>, PluginError> {
        Err(PluginError::Busy)
    }

    fn to_account(
        &self,
        _: &Call<'_>,
        _: Kind,
        _: muster_model::ResourceId,
        _: &Document,
        _: Option<&Account>,
    ) -> Result<Account, PluginError> {
        Err(PluginError::Busy)
    }

    fn plan(&self, _: &Call<'_>, _: &PlanChange<'_>) -> Result<Vec<PlannedTask>, PluginError> {
        Err(PluginError::Busy)
    }

    fn on_signal(
        &self,
        _: &Call<'_>,
        _: muster_model::ResourceId,
        _: &str,
        _: &Value,
        _: &Account,
    ) -> Result<Account, PluginError> {
        Err(PluginError::Busy)
    }
}

/// A tenant whose plugin retains these attributes of users, and all of groups.
fn bound(retained: &[&str]) -> Bound {
    let core = Registry::core();
    let user = core.get("User").unwrap();
    let retained = retained.iter().map(|text| AttrPath::parse(text, &|urn| user.is_schema(urn)).unwrap()).collect();
    let plan = |kind, retained| ResourcePlan { kind, attributes: Vec::new(), retained, plans_on: EventSet::default() };
    let manifest = Manifest {
        contract: "0.2.0",
        name: "nobody".into(),
        version: "1.0.0".into(),
        base_path: "/scim/v2".into(),
        resources: vec![plan(Kind::User, retained), plan(Kind::Group, Vec::new())],
        declarations: Declarations::default(),
        states: vec!["active".into()],
        adoption: AdoptionPolicy::Refuse,
        config_schema: None,
        wants: Vec::new(),
        calls_per_instance: 1,
    };
    let kinds: Vec<_> =
        manifest.resources.iter().map(|it| (it.kind.resource_type().to_owned(), it.retained.clone())).collect();
    let served = core.narrowed(&kinds).unwrap();
    Bound {
        revision: 1,
        plugin: std::sync::Arc::new(Nobody(manifest)),
        config: std::sync::Arc::new(json!({})),
        settings: HostSettings::default(),
        profile: muster_protocol::dialect::Profile::default(),
        accepted: core,
        announced: served.clone(),
        served,
        on_plugin_failure: muster_model::OnPluginFailure::Refuse,
        breaker: crate::breaker::Breaker::new(std::sync::Arc::new(muster_model::SystemClock)),
        figures: std::sync::Arc::new(crate::figures::Figures::new(muster_model::Timestamp::from_millis(0))),
        own: std::sync::Arc::new(crate::figures::Figures::new(muster_model::Timestamp::from_millis(0))),
        aside: std::sync::atomic::AtomicU64::new(0),
        trial: arc_swap::ArcSwapOption::empty(),
    }
}

fn poggio() -> Bound {
    bound(&["userName", "displayName", "emails.value"])
}

/// What is kept of a body.
fn kept(bound: &Bound, hides_values: bool, method: &str, path: &str, value: &Value) -> Value {
    let (message, endpoint) = Message::of(method, path);
    let mut redactor = Redactor::new(Some(bound), hides_values, []);
    redactor.set_endpoint(endpoint);
    body(&mut redactor, message, value.to_string().as_bytes()).json.unwrap()
}

#[test]
fn of_a_resource_what_the_directory_keeps_is_shown_and_of_the_rest_its_shape() {
    let sent = json!({
        "schemas": [USER],
        "userName": "ada@example.com",
        "DISPLAYNAME": "Ada",
        "name": { "givenName": "Augusta", "familyName": "Byron" },
        "name.formatted": "Augusta Ada Byron",
        "emails": [{ "value": "ada@example.com", "type": "work", "primary": true, "display": "Her office" }],
        "title": "Countess",
        "password": "kitten",
        "active": true,
        "x509Certificates": [{ "value": "TUlJQg==" }],
        "id": ID,
        "meta": { "resourceType": "User", "created": "2026-11-03T14:03:00Z" },
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": { "department": "Analysis", "manager": { "value": "51aa" } },
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:costCenter": "4130",
        "clientSecret": { "value": "s3cr3t" },
        "unknown": { "shoe@size.example": 41, "colours": ["red"] },
        "nothing": null,
    });

    assert_eq!(
        kept(&poggio(), false, "POST", "/Users", &sent),
        json!({
            "schemas": [USER],
            "userName": "ada@example.com",
            "DISPLAYNAME": "Ada",
            "name": { "givenName": "<text of 7 characters>", "familyName": "<text of 5 characters>" },
            "name.formatted": "<text of 17 characters>",
            "emails": [{ "value": "ada@example.com", "type": "work", "primary": true, "display": "<text of 10 characters>" }],
            "title": "<text of 8 characters>",
            "password": "<secret>",
            "active": true,
            "x509Certificates": [{ "value": "<text of 8 characters>" }],
            "id": "<text of 36 characters>",
            "meta": { "resourceType": "<text of 4 characters>", "created": "<text of 20 characters>" },
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": { "department": "<text of 8 characters>", "manager": { "value": "<text of 4 characters>" } },
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:costCenter": "<text of 4 characters>",
            "<name of 12 characters>": "<secret>",
            "<name of 7 characters>": "<object of 2>",
            "<name of 7 characters>'": null,
        })
    );
}

#[test]
fn a_tenant_that_hides_values_shows_the_protocol_the_switch_and_the_ids_of_members() {
    let user = json!({ "schemas": [USER], "userName": "ada", "externalId": "00u1", "active": false, "emails": [{ "value": "a@b", "primary": true }] });
    assert_eq!(
        kept(&poggio(), true, "PUT", &format!("/Users/{ID}"), &user),
        json!({
            "schemas": [USER], "userName": "<text of 3 characters>", "externalId": "<text of 4 characters>", "active": false,
            "emails": [{ "value": "<text of 3 characters>", "primary": "<boolean>" }],
        })
    );
    let group = json!({ "displayName": "Engines", "members": [{ "value": ID, "display": "Ada" }, { "value": "bob@example.com" }] });
    assert_eq!(
        kept(&poggio(), true, "POST", "/Groups", &group),
        json!({
            "displayName": "<text of 7 characters>",
            "members": [{ "value": ID, "display": "<text of 3 characters>" }, { "value": "<text of 15 characters>" }],
        })
    );
    assert_eq!(
        kept(
            &poggio(),
            true,
            "PATCH",
            &format!("/Groups/{ID}"),
            &json!({ "Operations": [{ "op": "remove", "path": format!("members[value eq \"{ID}\"]") }] })
        ),
        json!({ "Operations": [{ "op": "remove", "path": format!("members[value eq \"{ID}\"]") }] })
    );
}

#[test]
fn an_operation_is_redacted_by_the_attribute_that_its_path_leads_to() {
    let sent = json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": [
        { "op": "Replace", "path": "displayName", "value": "Ada" },
        { "op": "replace", "path": "title", "value": "Countess" },
        { "op": "add", "path": "emails[type eq \"work\"].value", "value": "ada@example.com" },
        { "op": "add", "path": "emails[display eq \"Her office\"].value", "value": "ada@example.com" },
        { "op": "add", "path": "phoneNumbers[type eq \"work\"].value", "value": "+44 20" },
        { "op": "add", "value": { "userName": "ada", "title": "Countess", "name.givenName": "Augusta" } },
        { "op": "add", "path": "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User", "value": { "department": "Analysis" } },
        { "op": "add", "path": "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager", "value": "51aa" },
        { "op": "Frobnicate Ada", "path": "no path at all", "value": "Augusta", "extra": "Augusta" },
        "Augusta",
    ] });

    assert_eq!(
        kept(&poggio(), false, "PATCH", &format!("/Users/{ID}"), &sent),
        json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": [
            { "op": "Replace", "path": "displayName", "value": "Ada" },
            { "op": "replace", "path": "title", "value": "<text of 8 characters>" },
            { "op": "add", "path": "emails[type eq \"work\"].value", "value": "ada@example.com" },
            { "op": "add", "path": "emails[display eq \"<text of 10 characters>\"].value", "value": "ada@example.com" },
            { "op": "add", "path": "phoneNumbers[type eq \"<text of 4 characters>\"].value", "value": "<text of 6 characters>" },
            { "op": "add", "value": { "userName": "ada", "title": "<text of 8 characters>", "name.givenName": "<text of 7 characters>" } },
            { "op": "add", "path": "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User", "value": { "department": "<text of 8 characters>" } },
            { "op": "add", "path": "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager", "value": "<text of 4 characters>" },
            { "op": "<text of 14 characters>", "path": "<text of 14 characters>", "value": "<text of 7 characters>", "<name of 5 characters>": "<text of 7 characters>" },
            "<text of 7 characters>",
        ] })
    );
}

#[test]
fn a_bulk_operation_is_redacted_as_if_it_had_been_sent_alone() {
    let sent = json!({ "failOnErrors": 1, "Operations": [
        { "method": "POST", "path": "/Users", "bulkId": "ada@example.com", "data": { "userName": "ada", "title": "Countess" } },
        { "method": "patch", "path": format!("https://scim.example/t/acme/scim/v2/Users/{ID}?x=y"), "version": "W/\"3\"", "data": { "Operations": [{ "op": "add", "path": "title", "value": "Countess" }] } },
        { "method": "DELETE", "path": "/Users/ada@example.com" },
        { "method": "POST", "path": "/Nowhere", "data": { "userName": "ada" } },
    ] });

    assert_eq!(
        kept(&poggio(), false, "POST", "/Bulk", &sent),
        json!({ "failOnErrors": 1, "Operations": [
            { "method": "POST", "path": "/Users", "bulkId": "<text of 15 characters>", "data": { "userName": "ada", "title": "<text of 8 characters>" } },
            { "method": "patch", "path": format!("/Users/{ID}"), "version": "W/\"3\"", "data": { "Operations": [{ "op": "add", "path": "title", "value": "<text of 8 characters>" }] } },
            { "method": "DELETE", "path": "/Users/..." },
            { "method": "POST", "path": "<text of 8 characters>", "data": { "userName": "<text of 3 characters>" } },
        ] })
    );
}

#[test]
fn a_question_is_redacted_wherever_it_stands() {
    let bound = poggio();
    let asked = |query: &str| {
        let mut redactor = Redactor::new(Some(&bound), false, []);
        redactor.set_endpoint(Some("Users"));
        question(&mut redactor, query).into_iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>()
    };
    assert_eq!(asked("filter=userName+eq+%22ada%22"), ["filter=userName eq \"ada\""]);
    assert_eq!(asked("filter=userName eq ada&count=10"), ["filter=userName eq \"ada\"", "count=10"]);
    assert_eq!(
        asked("Filter=title eq \"Countess\" and active eq true"),
        ["Filter=title eq \"<text of 8 characters>\" and active eq true"]
    );
    assert_eq!(asked("filter=password eq \"kitten\""), ["filter=password eq \"<secret>\""]);
    assert_eq!(asked("filter=userName eq \"mst_00\""), ["filter=userName eq \"<secret>\""]);
    assert_eq!(asked("filter=this is (no filter"), ["filter=<text of 18 characters>"]);
    assert_eq!(
        asked("attributes=userName,ada@example.com&sortBy=title"),
        ["attributes=userName,<text of 15 characters>", "sortBy=title"]
    );
    assert_eq!(
        asked("access_token=mst_00&who=ada&ada@example.com"),
        ["access_token=<secret>", "<text of 3 characters>=<text of 3 characters>", "<text of 15 characters>="]
    );
    assert_eq!(
        asked("count=ten&startIndex=-1&sortOrder=Ada&cursor=abc"),
        [
            "count=<text of 3 characters>",
            "startIndex=-1",
            "sortOrder=<text of 3 characters>",
            "cursor=<text of 3 characters>"
        ]
    );
    assert_eq!(asked("aadOptscim062020&"), ["aadOptscim062020="]);

    let search = json!({ "schemas": ["urn:x"], "filter": "title eq \"Countess\"", "attributes": ["userName", "no such"], "count": 3, "other": "Ada" });
    assert_eq!(
        kept(&bound, false, "POST", "/Users/.search", &search),
        json!({ "schemas": ["<text of 5 characters>"], "filter": "title eq \"<text of 8 characters>\"", "attributes": ["userName", "<text of 7 characters>"], "count": 3, "<name of 5 characters>": "<text of 3 characters>" })
    );
}

#[test]
fn what_was_asked_of_all_kinds_is_shown_where_all_of_them_keep_it() {
    let bound = bound(&["userName"]);
    let mut redactor = Redactor::new(Some(&bound), false, []);
    redactor.set_endpoint(None);
    assert_eq!(
        redactor.filter_text("displayName eq \"x\" or externalId eq \"y\""),
        "displayName eq \"<text of 1 character>\" or externalId eq \"y\""
    );
}

#[test]
fn without_a_plugin_nothing_is_known_and_nothing_is_shown() {
    let mut redactor = Redactor::new(None, false, []);
    redactor.set_endpoint(Some("Users"));
    let told = body(&mut redactor, Message::Resource, br#"{"userName":"ada","password":"kitten","schemas":["urn:x"]}"#);
    assert_eq!(
        told.json.unwrap(),
        json!({ "userName": "<text of 3 characters>", "password": "<secret>", "schemas": ["<text of 5 characters>"] })
    );
}

/// A sentence about a request with this body.
fn scrubbed(path: &str, body_of: &Value, sentence: &str) -> String {
    let bound = poggio();
    let mut redactor = Redactor::new(Some(&bound), false, [sentence]);
    let (message, endpoint) = Message::of("POST", path);
    redactor.set_endpoint(endpoint);
    body(&mut redactor, message, body_of.to_string().as_bytes());
    redactor.unsaid.scrub(sentence)
}

#[test]
fn a_sentence_repeats_nothing_that_is_not_kept() {
    let long = "x".repeat(100);
    let user = json!({ "title": "Countess", "nickName": long, "userName": "ada", "locale": "no", "timezone": "\u{1F600}\u{1F600}" });
    let scrubbed_of_user = |sentence: &str| scrubbed("/Users", &user, sentence);
    assert_eq!(scrubbed_of_user("the title Countess is taken, ada"), "the title <...> is taken, ada");
    assert_eq!(
        scrubbed_of_user("Countessa has nothing, there is no other"),
        "Countessa has nothing, there is <...> other"
    );
    assert_eq!(scrubbed_of_user(&format!("Resource {} not found", &long[..64])), "Resource <...> not found");
    assert_eq!(scrubbed_of_user(&format!("Resource {long} not found")), "Resource <...> not found");
    assert_eq!(scrubbed_of_user("\u{1F600}\u{1F600} is wrong"), "<...> is wrong");
    assert_eq!(scrubbed_of_user("see mst_0123"), "<secret>");
    let long = json!({ ["\u{1F600}".repeat(200).as_str(), "title"].join(" "): 1 });
    let sentence = format!("{} is not an attribute", "\u{1F600}".repeat(100));
    assert_eq!(scrubbed("/Users", &long, &sentence), "<...> is not an attribute");
}

#[test]
fn a_sentence_repeats_nothing_of_what_there_was_no_room_for() {
    let operation = |number: usize| json!({ "method": "DELETE", "path": format!("/Users/{number}%40example.com") });
    let bulk = json!({ "Operations": (0..1000).map(operation).collect::<Vec<_>>() });
    assert_eq!(scrubbed("/Bulk", &bulk, "Resource 3@example.com not found"), "Resource <...> not found");
    assert_eq!(scrubbed("/Bulk", &bulk, "Resource 999@example.com not found"), "Resource <...> not found");
    let patch =
        |number: usize| json!({ "op": "remove", "path": format!("emails[MARK{number} eq \"x\"].other{number}") });
    let data = json!({ "Operations": (0..60).map(patch).collect::<Vec<_>>() });
    let patches = json!({ "Operations": [{ "method": "PATCH", "path": "/Users/1", "data": data }] });
    assert_eq!(scrubbed("/Bulk", &patches, "emails.MARK56.other56"), "emails.<...>.<...>");
    let emails: Vec<Value> = (0..400).map(|number| json!({ "type": format!("type {number}") })).collect();
    assert_eq!(scrubbed("/Users", &json!({ "emails": emails }), "type 377 is wrong"), "<...> is wrong");
    // More than can be compared: better no sentence than one too many.
    let marks: Vec<String> = (2..1200).map(|number| "!".repeat(number)).collect();
    assert_eq!(scrubbed("/Users", &json!({ "title": marks }), "wrong"), "<text of 5 characters>");
}

#[test]
fn a_body_that_is_no_json_is_told_by_its_length_and_its_mistake() {
    let bound = poggio();
    let told = body(&mut Redactor::new(Some(&bound), false, []), Message::Resource, b"userName=ada&password=kitten");
    assert_eq!((told.bytes, told.json), (28, None));
    assert_eq!(told.problem.unwrap(), "the body is not acceptable JSON: expected value at line 1 column 1");

    let twice = br#"{"ada@example.com":1,"ADA@example.com":2}"#;
    let sentence = muster_protocol::json::parse(twice).unwrap_err().detail;
    let told = body(&mut Redactor::new(Some(&bound), false, [sentence.as_str()]), Message::Resource, twice);
    assert!(!told.problem.unwrap().contains("example.com"), "{sentence}");
}

#[test]
fn however_large_a_body_is_little_of_it_is_kept() {
    let bound = poggio();
    let members: Vec<Value> = (0..10_000).map(|number| json!({ "value": format!("{number}") })).collect();
    let group =
        kept(&bound, false, "PUT", &format!("/Groups/{ID}"), &json!({ "members": members, "displayName": "Engines" }));
    assert_eq!(group["members"].as_array().unwrap().len(), 51);
    assert_eq!(group["members"][50], "<9950 more>");
    assert_eq!(group["displayName"], "Engines");

    let user = kept(
        &bound,
        false,
        "POST",
        "/Users",
        &json!({ "userName": "a".repeat(1_000), "displayName": "a".repeat(1_000_000) }),
    );
    assert_eq!(user["userName"].as_str().unwrap(), format!("{}... <1000 characters>", "a".repeat(100)));
    assert_eq!(user["displayName"], "<text of 1000000 characters>", "it is refused");

    let text = "\u{1}".repeat(200);
    let elements: Vec<Value> = (0..50).map(|_| json!({ "value": text, "type": text, "display": text })).collect();
    let operations: Vec<Value> =
        (0..1000).map(|_| json!({ "op": "add", "path": "emails", "value": elements })).collect();
    let patch = kept(&bound, false, "PATCH", &format!("/Users/{ID}"), &json!({ "Operations": operations }));
    // What is begun is finished: a text of 200 control characters takes six bytes for each.
    assert!(patch.to_string().len() <= MAX_JSON_KEPT_BYTES + 3000, "{}", patch.to_string().len());
}

#[test]
fn what_redaction_costs() {
    let bound = poggio();
    let user = json!({
        "schemas": [USER], "userName": "ada@example.com", "displayName": "Ada", "active": true, "externalId": "00u1",
        "name": { "givenName": "Augusta", "familyName": "Byron", "formatted": "Augusta Ada Byron" },
        "emails": [{ "value": "ada@example.com", "type": "work", "primary": true }], "title": "Countess",
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": { "department": "Analysis" },
    });
    let bytes = user.to_string().into_bytes();
    let rounds = 2_000;
    let began = Instant::now();
    for _ in 0..rounds {
        let mut redactor = Redactor::new(Some(&bound), false, []);
        redactor.set_endpoint(Some("Users"));
        assert!(body(&mut redactor, Message::Resource, &bytes).json.is_some());
    }
    println!(
        "a user of {} bytes is read and redacted in {:?}, off the request path",
        bytes.len(),
        began.elapsed() / rounds
    );
}
