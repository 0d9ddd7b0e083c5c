use std::collections::HashSet;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::error::Category;
use serde_json::{Map, Value};

use super::names::{is_name, names_in, texts};
use super::{MAX_CASE_BYTES, MAX_GIVEN};
use crate::words::of_json;

/// One story: what came before, a request, and what must become of it.
///
/// In any text of it `{ada}` stands for the id of the resource that the given request with `"as": "ada"` made, and `{id}` for the id of the
/// one that `request` is about. The time is always [`super::NOW`].
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// What it says, as a sentence.
    pub name: String,
    /// The tenant's configuration of the plugin.
    #[serde(default)]
    pub config: Map<String, Value>,
    /// Which departures from the RFCs the tenant forgives, by the name of a profile; without it, the default.
    #[serde(default)]
    pub profile: Option<String>,
    /// What happened before; all of it must succeed.
    #[serde(default)]
    pub given: Vec<Request>,
    /// What the case is about.
    pub request: Request,
    /// What must become of it.
    pub expect: Expect,
}

/// A request of the tenant's identity provider.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// A name for the resource that it is about.
    #[serde(default, rename = "as")]
    pub named: Option<String>,
    /// What is done.
    pub method: Method,
    /// Behind the base path: `/Users`, `/Users/{ada}`.
    pub path: String,
    /// For GET of a list: which resources.
    #[serde(default)]
    pub filter: Option<String>,
    /// What is sent.
    #[serde(default)]
    pub body: Option<Map<String, Value>>,
}

/// What a request can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// Reads one, or a list.
    Get,
    /// Adds one.
    Post,
    /// Replaces one.
    Put,
    /// Changes parts of one.
    Patch,
    /// Removes one.
    Delete,
}

/// What must become of a request. What is not named is not looked at; what is named is compared whole. Without `error` and `status`, the
/// request must succeed.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    /// The status of the answer.
    #[serde(default)]
    pub status: Option<u16>,
    /// The account that the resource has become.
    #[serde(default)]
    pub account: Option<AccountExpected>,
    /// The names under which the account is found, by attribute: a text, or a list of them.
    #[serde(default)]
    pub keys: Option<Map<String, Value>>,
    /// The resource as it is stored: what the plugin retains of it.
    #[serde(default)]
    pub resource: Option<Map<String, Value>>,
    /// The members of the group, in any order.
    #[serde(default)]
    pub members: Option<Vec<String>>,
    /// For GET of a list: the ids of the resources that are found, in any order.
    #[serde(default)]
    pub found: Option<Vec<String>>,
    /// The tasks that follow, in order.
    #[serde(default)]
    pub tasks: Option<Vec<TaskExpected>>,
    /// How it is refused.
    #[serde(default)]
    pub error: Option<ErrorExpected>,
}

/// An account that is expected.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccountExpected {
    /// Where it stands.
    #[serde(default)]
    pub state: Option<String>,
    /// Whether the product lists it.
    #[serde(default)]
    pub listed: Option<bool>,
    /// Its fields, by name.
    #[serde(default)]
    pub fields: Option<Map<String, Value>>,
}

/// A task that is expected.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaskExpected {
    /// What is to be done.
    pub action: String,
    /// With what, by name.
    #[serde(default)]
    pub arguments: Option<Map<String, Value>>,
    /// Whether the brake may hold it.
    #[serde(default)]
    pub destructive: Option<bool>,
    /// The key under which it is never done twice.
    #[serde(default, rename = "idempotencyKey")]
    pub idempotency_key: Option<String>,
}

/// A refusal that is expected.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ErrorExpected {
    /// RFC 7644 table 9.
    #[serde(default, rename = "scimType")]
    pub scim_type: Option<String>,
    /// The sentence.
    #[serde(default)]
    pub detail: Option<String>,
}

/// Why something is no case.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct CaseError(String);

impl CaseError {
    pub(super) fn new(problem: impl fmt::Display) -> Self {
        // What is wrong can be repeated in it: an author's own words, but not a page of them.
        let mut text: String = problem.to_string().chars().filter(|c| !c.is_control()).collect();
        if let Some((end, _)) = text.char_indices().nth(MAX_PROBLEM_CHARS) {
            text.truncate(end);
            text.push('…');
        }
        Self(text)
    }
}

/// Characters of a sentence about a case that cannot be read.
const MAX_PROBLEM_CHARS: usize = 400;

/// Reads one case. What is not known is refused by its name, with its place.
pub fn parse(text: &[u8]) -> Result<Case, CaseError> {
    if text.len() > MAX_CASE_BYTES {
        return Err(CaseError::new(format_args!("it has {} bytes; a case has at most {MAX_CASE_BYTES}", text.len())));
    }
    let mut reader = serde_json::Deserializer::from_slice(text);
    let case: Result<Case, _> = serde_path_to_error::deserialize(&mut reader);
    let case = case.map_err(|error| {
        let place = error.path().to_string();
        let problem = error.into_inner();
        let says = of_json(&problem.to_string());
        match (problem.classify(), place.as_str()) {
            (Category::Eof, _) => CaseError::new(format_args!("it is no JSON, because it ends too early: {says}")),
            (Category::Syntax | Category::Io, _) => CaseError::new(format_args!("it is no JSON: {says}")),
            (Category::Data, ".") => CaseError::new(says),
            (Category::Data, place) => CaseError::new(format_args!("{place}: {says}")),
        }
    })?;
    reader.end().map_err(|_| CaseError::new("something stands behind the case; a file has one"))?;
    case.check()?;
    Ok(case)
}

impl Case {
    /// That it makes sense by itself.
    pub(super) fn check(&self) -> Result<(), CaseError> {
        if self.name.trim().is_empty() {
            return Err(CaseError::new("name: a case says what it is about"));
        }
        if self.given.len() > MAX_GIVEN {
            return Err(CaseError::new(format_args!(
                "given: there are {} requests, more than {MAX_GIVEN}",
                self.given.len()
            )));
        }
        let mut known: HashSet<&str> = HashSet::new();
        for (n, request) in self.given.iter().enumerate() {
            let place = format!("given[{n}]");
            request.check(&place, &known)?;
            self.check_names(&place, request, &known)?;
            let Some(name) = &request.named else { continue };
            if !is_name(name) || name == "id" || !known.insert(name) {
                return Err(CaseError::new(format_args!(
                    "{place}.as: a name is of letters, digits, `-` and `_`, is not `id`, and is given once"
                )));
            }
        }
        self.request.check("request", &known)?;
        self.check_names("request", &self.request, &known)?;
        known.insert("id");
        for (place, ids) in [("expect.members", &self.expect.members), ("expect.found", &self.expect.found)] {
            let names = ids.iter().flatten().flat_map(|id| names_in(id));
            self.check_known(place, names, &known)?;
        }
        if self.request.named.is_some() {
            return Err(CaseError::new("request.as: what the request is about is called `id`"));
        }
        let is_list = self.request.method == Method::Get && self.request.segments().1.is_none();
        if self.expect.found.is_some() != is_list {
            return Err(CaseError::new("expect.found: it goes with GET of a list, and GET of a list with it"));
        }
        Ok(())
    }

    /// That every name which the request is sent with stands for something: what nobody has given would be sent as it is written.
    fn check_names(&self, place: &str, request: &Request, known: &HashSet<&str>) -> Result<(), CaseError> {
        let filter = request.filter.iter().map(String::as_str).flat_map(names_in);
        self.check_known(&format!("{place}.filter"), filter, known)?;
        let sent = request.body.iter().flat_map(Map::values).flat_map(texts).flat_map(names_in);
        self.check_known(&format!("{place}.body"), sent, known)
    }

    fn check_known<'n>(
        &self,
        place: &str,
        mut names: impl Iterator<Item = &'n str>,
        known: &HashSet<&str>,
    ) -> Result<(), CaseError> {
        match names.find(|name| is_name(name) && !known.contains(name)) {
            None => Ok(()),
            Some(name) => Err(CaseError::new(format_args!(
                "{place}: {{{name}}} stands for nothing in the case {:?}: no request before it has \"as\": {name:?}",
                self.name
            ))),
        }
    }
}

impl Request {
    /// The endpoint and the id in the path.
    pub(super) fn segments(&self) -> (&str, Option<&str>) {
        let path = self.path.strip_prefix('/').unwrap_or(&self.path);
        path.split_once('/').map_or((path, None), |(endpoint, id)| (endpoint, Some(id)))
    }

    fn check(&self, place: &str, known: &HashSet<&str>) -> Result<(), CaseError> {
        let problem = |what: &str| Err(CaseError::new(format_args!("{place}.{what}")));
        let (endpoint, id) = self.segments();
        let is_plain = |segment: &str| !segment.is_empty() && !segment.contains(['/', '?', '#', '%']);
        if !self.path.starts_with('/') || !is_plain(endpoint) || !id.is_none_or(is_plain) {
            return problem("path: it is `/Users`, or `/Users/` and an id; what to look for is told by `filter`");
        }
        for name in names_in(&self.path) {
            if !known.contains(name) {
                return problem(&format!("path: no request before it has \"as\": {name:?}"));
            }
        }
        match (self.method, id) {
            (Method::Post, Some(_)) => return problem("path: POST adds a resource, whose id the server makes"),
            (Method::Put | Method::Patch | Method::Delete, None) => {
                return problem("path: the id is missing: `/Users/{name}`");
            }
            (Method::Get, _) | (Method::Post, None) | (Method::Put | Method::Patch | Method::Delete, Some(_)) => {}
        }
        match (self.method, &self.body) {
            (Method::Get | Method::Delete, Some(_)) => problem("body: this request has none"),
            (Method::Post | Method::Put | Method::Patch, None) => problem("body: it is missing"),
            (Method::Get | Method::Delete, None) | (Method::Post | Method::Put | Method::Patch, Some(_)) => {
                if self.filter.is_some() && (self.method != Method::Get || id.is_some()) {
                    return problem("filter: it goes with GET of a list");
                }
                Ok(())
            }
        }
    }
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let method = match self.method {
            Method::Get => "GET",
            Method::Post => "POST",
            Method::Put => "PUT",
            Method::Patch => "PATCH",
            Method::Delete => "DELETE",
        };
        write!(f, "{method} {}", self.path)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn with(change: impl FnOnce(&mut Value)) -> Result<Case, CaseError> {
        let mut case = json!({
            "name": "a new user is active",
            "request": { "method": "POST", "path": "/Users", "body": { "userName": "ada" } },
            "expect": { "account": { "state": "active" } },
        });
        change(&mut case);
        parse(case.to_string().as_bytes())
    }

    fn refused(change: impl FnOnce(&mut Value)) -> String {
        with(change).unwrap_err().to_string()
    }

    #[test]
    fn the_shortest_case_is_a_name_a_request_and_an_expectation() {
        let case = with(|_| {}).unwrap();
        assert_eq!((case.request.to_string().as_str(), case.given.len()), ("POST /Users", 0));
        assert_eq!(case.expect.account.unwrap().state.as_deref(), Some("active"));
    }

    #[test]
    fn what_is_not_known_is_refused_by_its_name_and_place() {
        assert!(
            refused(|case| case["expcet"] = json!({})).starts_with("expcet: unknown field `expcet`, expected one of")
        );
        let told = refused(|case| case["expect"]["account"]["sate"] = json!("active"));
        assert!(told.starts_with("expect.account.sate: unknown field `sate`, expected one of `state`"), "{told}");
        let told = refused(|case| case["given"] = json!([{ "method": "SEND", "path": "/Users" }]));
        assert!(told.starts_with("given[0].method: unknown variant `SEND`"), "{told}");
        let told = refused(|case| case["expect"]["status"] = json!("201"));
        assert!(
            told.starts_with("expect.status: it should be a whole number from 0 to 65535, and is a text"),
            "{told}"
        );
        assert!(told.contains("(line 1, column "), "{told}");
        assert!(
            parse(b"{").unwrap_err().to_string().contains("line 1"),
            "JSON that ends too early is told with its line"
        );
        assert_eq!(
            parse(b"{\n  \"name\": \"a\",\n}").unwrap_err().to_string(),
            "it is no JSON: trailing comma (line 3, column 1)"
        );
        assert!(parse(b"{} {}").is_err());
    }

    #[test]
    fn a_name_that_nothing_has_is_told_with_its_case() {
        let body = json!({ "schemas": [], "members": [{ "value": "{bob}" }] });
        let told = refused(|case| case["request"]["body"] = body.clone());
        let says =
            "{bob} stands for nothing in the case \"a new user is active\": no request before it has \"as\": \"bob\"";
        assert_eq!(told, format!("request.body: {says}"));
        let bob = json!({ "as": "bob", "method": "POST", "path": "/Users", "body": { "userName": "bob" } });
        let group = json!({ "method": "POST", "path": "/Groups", "body": body });
        assert_eq!(refused(|case| case["given"] = json!([group, bob])), format!("given[0].body: {says}"));
        assert!(with(|case| case["given"] = json!([bob, group])).is_ok());
        let list = json!({ "method": "GET", "path": "/Users", "filter": "manager eq \"{bob}\"" });
        let told = refused(|case| {
            case["request"] = list.clone();
            case["expect"] = json!({ "found": [] });
        });
        assert_eq!(told, format!("request.filter: {says}"));
        assert_eq!(
            refused(|case| case["expect"]["members"] = json!(["{id}", "{bob}"])),
            format!("expect.members: {says}")
        );
        assert!(with(|case| case["request"]["body"]["displayName"] = json!("{ } {a b} {")).is_ok(), "braces are text");
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let told = refused(|case| case["request"] = json!({ "method": "DELETE", "path": "/Users/{ada}" }));
        assert_eq!(told, "request.path: no request before it has \"as\": \"ada\"");
        assert!(refused(|case| case["request"]["path"] = json!("Users")).starts_with("request.path: it is `/Users`"));
        assert!(refused(|case| case["request"]["path"] = json!("/Users?filter=x")).contains("told by `filter`"));
        assert!(refused(|case| case["request"]["path"] = json!("/Users/1")).contains("POST adds"));
        assert!(refused(|case| case["request"]["method"] = json!("PATCH")).contains("the id is missing"));
        assert!(refused(|case| case["request"]["body"] = json!(null)).contains("body: it is missing"));
        assert!(
            refused(|case| case["request"]["filter"] = json!("active eq true")).contains("goes with GET of a list")
        );
        assert!(refused(|case| case["expect"]["found"] = json!([])).contains("expect.found"));
        assert!(refused(|case| case["name"] = json!(" ")).starts_with("name: "));
        let twice = json!({ "as": "ada", "method": "POST", "path": "/Users", "body": {} });
        assert!(refused(|case| case["given"] = json!([twice, twice])).starts_with("given[1].as: "));
        let named_id = json!({ "as": "id", "method": "POST", "path": "/Users", "body": {} });
        assert!(refused(|case| case["given"] = json!([named_id])).starts_with("given[0].as: "));
        assert!(refused(|case| case["request"]["as"] = json!("ada")).starts_with("request.as: "));
    }

    #[test]
    fn a_case_has_its_limits() {
        let request = json!({ "method": "POST", "path": "/Users", "body": {} });
        assert!(with(|case| case["given"] = json!(vec![&request; MAX_GIVEN])).is_ok());
        assert!(refused(|case| case["given"] = json!(vec![&request; MAX_GIVEN + 1])).contains("more than 20"));
        let long = "x".repeat(MAX_CASE_BYTES);
        assert!(refused(|case| case["name"] = json!(long)).contains("at most 65536"));
    }

    #[test]
    fn a_sentence_about_a_case_is_not_a_page() {
        let long = "x".repeat(10_000);
        let told = refused(|case| case["expect"][&long] = json!(1));
        assert!(told.chars().count() <= MAX_PROBLEM_CHARS + 1);
    }
}
