//! What identity providers send, as it should be: the beginning of every request here.

use super::client::{Answer, Body, Request, Token};
use super::dice::Dice;

/// A method, a path with its query, and a body. `USER`, `GROUP`, `STRANGER`, `NAME`, `ETAG` and `CURSOR` are put in later.
type Fixture = (&'static str, &'static str, &'static str);

const FIXTURES: &[Fixture] = &[
    // Okta
    ("GET", "/Users?startIndex=1&count=2", ""),
    ("GET", "/Users?filter=userName eq \"NAME\"&startIndex=1&count=100", ""),
    ("GET", "/Groups?startIndex=1&count=100", ""),
    (
        "POST",
        "/Users",
        r#"{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"NAME","name":{"givenName":"Ada","familyName":"Byron"},"emails":[{"primary":true,"value":"NAME@example.com","type":"work"}],"displayName":"Ada Byron","locale":"en-US","externalId":"00u1abcdEFGH2345j5d7","groups":[],"password":"k3Vqz8Rt","active":true}"#,
    ),
    (
        "PUT",
        "/Users/USER",
        r#"{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"id":"USER","meta":{"resourceType":"User","created":"2026-10-01T08:00:00Z","version":"W/\"3\""},"userName":"NAME","name":{"givenName":"Ada","familyName":"Lovelace","formatted":"Ada Byron"},"active":true,"emails":[{"primary":true,"value":"ada@example.com","type":"work"}],"groups":[]}"#,
    ),
    (
        "PATCH",
        "/Users/USER",
        r#"{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","value":{"active":false}}]}"#,
    ),
    (
        "PATCH",
        "/Users/USER",
        r#"{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","value":{"displayName":"Ada Lovelace","name":{"givenName":"Ada","familyName":"Lovelace"}}}]}"#,
    ),
    (
        "POST",
        "/Groups",
        r#"{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":"NAME","members":[{"value":"USER","display":"ada@example.com"},{"value":"USER","display":null}]}"#,
    ),
    (
        "PUT",
        "/Groups/GROUP",
        r#"{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"id":"GROUP","displayName":"NAME","members":[{"value":"USER","display":"ada@example.com"}]}"#,
    ),
    (
        "PATCH",
        "/Groups/GROUP",
        r#"{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"remove","path":"members[value eq \"USER\"]"},{"op":"add","path":"members","value":[{"value":"USER","display":"ada@example.com"}]}]}"#,
    ),
    (
        "PATCH",
        "/Groups/GROUP",
        r#"{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","value":{"id":"GROUP","displayName":"NAME"}}]}"#,
    ),
    ("DELETE", "/Groups/GROUP", ""),
    // Entra
    ("GET", "/Users?filter=emails[type eq \"work\"].value eq \"NAME@example.com\"", ""),
    ("GET", "/Users?filter=externalId eq jyoung", ""),
    ("GET", "/Groups?excludedAttributes=members&filter=displayName eq \"NAME\"", ""),
    ("GET", "/Users?filter=id eq \"USER\" and manager eq \"USER\"&attributes=id", ""),
    ("GET", "/Groups?filter=id eq \"GROUP\" and members eq \"USER\"&attributes=id", ""),
    ("GET", "/Users?aadOptscim062020&filter=userName eq \"NAME\"", ""),
    (
        "POST",
        "/Users",
        r#"{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","urn:ietf:params:scim:schemas:extension:enterprise:2.0User"],"externalId":"ada","userName":"NAME","active":"True","addresses":null,"displayName":null,"emails":[{"Primary":true,"type":"work","value":"ada@example.com"}],"meta":{"resourceType":"User"},"phoneNumbers":null,"title":null,"department":null,"manager":null,"roles":[]}"#,
    ),
    (
        "POST",
        "/Users",
        r#"{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"NAME","urn:ietf:params:scim:schemas:extension:CustomExtensionName:2.0:User":{"tag":"701984"},"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"department":"Analysis","manager":"USER"}}"#,
    ),
    (
        "PATCH",
        "/Users/USER",
        r#"{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"Replace","path":"userName","value":"NAME"},{"op":"Replace","path":"name.familyName","value":"Lovelace"},{"op":"Replace","path":"emails[type eq \"work\"].value","value":"ada.l@example.com"},{"op":"Add","path":"phoneNumbers[type eq \"mobile\"].value","value":"+44 20 7946 0000"},{"op":"Add","path":"addresses[type eq \"work\"].formatted","value":"1 Analytical Way"},{"op":"Add","path":"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department","value":"Analysis"},{"op":"Remove","path":"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber"}]}"#,
    ),
    (
        "PATCH",
        "/Users/USER",
        r#"{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"Replace","path":"roles[primary eq \"True\"].value","value":"Editor"},{"op":"Add","path":"roles[primary eq \"True\"].display","value":"Editor"},{"op":"Replace","path":"addresses[primary EQ \"True\"].locality","value":"London"},{"op":"Replace","path":"active","value":"False"}]}"#,
    ),
    (
        "PATCH",
        "/Users/USER",
        r#"{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","path":"emails[type eq \"work\"].primary","value":true},{"op":"replace","value":{"active":false,"name.givenName":"Ada","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber":"1815"}}]}"#,
    ),
    (
        "PATCH",
        "/Users/USER",
        r#"{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"Add","path":"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager","value":"USER"},{"op":"Replace","path":"manager","value":[{"$ref":null,"value":"USER"}]}]}"#,
    ),
    (
        "POST",
        "/Groups",
        r#"{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group","http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group"],"externalId":"8aa1a0c0","displayName":"NAME","meta":{"resourceType":"Group"}}"#,
    ),
    (
        "PATCH",
        "/Groups/GROUP",
        r#"{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"Add","path":"members","value":[{"$ref":null,"value":"USER"},{"$ref":null,"value":"STRANGER"}]}]}"#,
    ),
    (
        "PATCH",
        "/Groups/GROUP",
        r#"{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"Remove","path":"members","value":[{"$ref":null,"value":"USER"}]}]}"#,
    ),
    ("DELETE", "/Users/USER", ""),
    ("GET", "/Users/USER?attributes=emails[type eq \"work\"],name.familyName", ""),
    (
        "GET",
        "/Users?filter=name.FamilyName eq Employee and (emails.Value co example.com or emails.Value co test.com)",
        "",
    ),
    ("GET", "/Users?filter=meta.Created gt 2015-10-10T14:38:21.8617979-07:00&count=5", ""),
    // Others
    ("GET", "/Users?filter=userName+eq+%22NAME%22&", ""),
    (
        "PUT",
        "/Users/USER?",
        r#"{"schemas":["urn:scim:schemas:core:2.0","urn:scim:schemas:extension:enterprise:2.0"],"userName":"NAME","name":{"familyName":" Byron","givenName":"Ada"},"emails":[{"value":"ada@example.com","type":"work","primary":true}],"urn:scim:schemas:extension:enterprise:2.0":{"department":"Analysis"}}"#,
    ),
    ("GET", "/Users?count=1", ""),
    ("GET", "/Users/USER", ""),
    ("GET", "/Users/STRANGER", ""),
    ("GET", "/Groups/GROUP", ""),
    ("GET", "/Groups/GROUP?excludedAttributes=members", ""),
    (
        "PATCH",
        "/Groups/GROUP",
        r#"{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","path":null,"value":{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"id":"GROUP","externalId":"ak-9","displayName":"NAME"}},{"op":"add","path":"members","value":[{"value":"USER"}]},{"op":"remove","path":"members","value":[{"value":"USER"}]}]}"#,
    ),
    (
        "PATCH",
        "/Groups/GROUP",
        r#"{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","path":"members","value":[]}]}"#,
    ),
    // Discovery
    ("GET", "/ServiceProviderConfig", ""),
    ("GET", "/Schemas", ""),
    ("GET", "/Schemas/urn:ietf:params:scim:schemas:core:2.0:User", ""),
    ("GET", "/ResourceTypes", ""),
    ("GET", "/ResourceTypes/User", ""),
    // The rest of the RFCs
    ("GET", "/?filter=meta.resourceType eq \"User\"&count=3", ""),
    ("GET", "/Users?sortBy=name.familyName&sortOrder=descending&count=7&startIndex=3", ""),
    ("GET", "/Users?cursor&count=5", ""),
    ("GET", "/Users?cursor=CURSOR&count=5", ""),
    (
        "GET",
        "/Users?filter=not (active eq true or title pr) and emails[type eq \"work\" and value co \"@\"]&count=10",
        "",
    ),
    (
        "GET",
        "/Users?filter=urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department sw \"An\" or userName ge \"m\"",
        "",
    ),
    (
        "POST",
        "/.search",
        r#"{"schemas":["urn:ietf:params:scim:api:messages:2.0:SearchRequest"],"attributes":["displayName","userName"],"filter":"displayName sw \"A\"","startIndex":1,"count":10}"#,
    ),
    (
        "POST",
        "/Users/.search",
        r#"{"schemas":["urn:ietf:params:scim:api:messages:2.0:SearchRequest"],"excludedAttributes":["emails"],"filter":"emails.value co \"example\" and active eq true","sortBy":"userName","sortOrder":"descending","cursor":"CURSOR","count":5}"#,
    ),
    (
        "POST",
        "/Bulk",
        r#"{"schemas":["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],"failOnErrors":3,"Operations":[{"method":"POST","path":"/Users","bulkId":"a","data":{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"NAME"}},{"method":"POST","path":"/Groups","bulkId":"b","data":{"displayName":"NAME b","members":[{"value":"bulkId:a"},{"value":"bulkId:c"}]}},{"method":"POST","path":"/Groups","bulkId":"c","data":{"displayName":"NAME c","members":[{"value":"bulkId:b"}]}},{"method":"PATCH","path":"/Groups/GROUP","version":"ETAG","data":{"Operations":[{"op":"remove","path":"members[value eq \"bulkId:a\"]"}]}},{"method":"DELETE","path":"/Groups/bulkId:b"},{"method":"DELETE","path":"/Groups/bulkId:c"}]}"#,
    ),
    (
        "POST",
        "/Bulk",
        r#"{"schemas":["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],"Operations":[{"method":"PUT","path":"/Users/USER","data":{"userName":"NAME","title":"x"}},{"method":"DELETE","path":"/Users/USER","version":"ETAG"}]}"#,
    ),
    ("GET", "/Me", ""),
    ("PATCH", "/Me", r#"{"Operations":[{"op":"replace","path":"title","value":"x"}]}"#),
    ("GET", "/Devices", ""),
    ("GET", "/Users/USER/groups", ""),
];

/// Headers that clients send.
const HEADERS: &[(&str, &str)] = &[
    ("accept", "application/scim+json"),
    ("accept", "application/json"),
    ("user-agent", "Okta SCIM Client 1.0.0"),
    ("content-type", "application/scim+json; charset=utf-8"),
    ("content-type", "application/json"),
    ("if-match", "ETAG"),
    ("if-none-match", "ETAG"),
    ("if-match", "*"),
    ("accept-encoding", "gzip,deflate"),
    ("accept-charset", "utf-8"),
];

/// How many ids of each kind a lane remembers.
const REMEMBERED: usize = 24;

/// What one lane has been told: it asks for what is there as often as for what is not.
pub(super) struct Known {
    lane: usize,
    stranger: String,
    users: Vec<String>,
    groups: Vec<String>,
    etag: String,
    cursor: String,
    answers: usize,
}

impl Known {
    pub(super) fn new(lane: usize, stranger: String) -> Self {
        let etag = "W/\"1\"".to_owned();
        Self { lane, stranger, users: Vec::new(), groups: Vec::new(), etag, cursor: String::new(), answers: 0 }
    }

    /// Remembers what an answer tells of.
    pub(super) fn learn(&mut self, answer: &Answer) {
        self.answers += 1;
        if let Some(etag) = answer.header("etag") {
            etag.clone_into(&mut self.etag);
        }
        if let Some(cursor) = answer.json["nextCursor"].as_str() {
            cursor.clone_into(&mut self.cursor);
        }
        let place = self.answers % REMEMBERED;
        if let (201, Some(id)) = (answer.status, answer.json["id"].as_str()) {
            let is_user = answer.json["schemas"].to_string().contains(":User");
            let ids = if is_user { &mut self.users } else { &mut self.groups };
            if ids.len() < REMEMBERED {
                ids.push(id.to_owned());
            } else {
                id.clone_into(&mut ids[place]);
            }
        }
    }

    fn put_in(&self, text: &str, dice: &mut Dice) -> String {
        let id = |ids: &[String], dice: &mut Dice| {
            if ids.is_empty() || dice.once_in(20) { "7b2e".to_owned() } else { dice.pick(ids).clone() }
        };
        let mut text = text.replace("STRANGER", &self.stranger).replace("ETAG", &self.etag.replace('"', "\\\""));
        text = text.replace("CURSOR", &self.cursor);
        while text.contains("USER") {
            text = text.replacen("USER", &id(&self.users, dice), 1);
        }
        while text.contains("GROUP") {
            text = text.replacen("GROUP", &id(&self.groups, dice), 1);
        }
        text.replace("NAME", &format!("n{}-{}", self.lane, dice.below(60)))
    }
}

/// One of the fixtures, with what is known put in.
pub(super) fn any(dice: &mut Dice, known: &Known) -> Request {
    let (method, target, body) = *dice.pick(FIXTURES);
    let target = known.put_in(target, dice).replace("\\\"", "\"");
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let query = query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (name.to_owned(), value.to_owned())
    });
    let body = match body {
        "" => Body::None,
        json => Body::Json(serde_json::from_str(&known.put_in(json, dice)).expect("a fixture is JSON")),
    };
    let headers = (0..dice.below(3)).map(|_| *dice.pick(HEADERS));
    let headers = headers.map(|(name, value)| (name.to_owned(), value.replace("ETAG", &known.etag).into_bytes()));
    Request {
        method: method.to_owned(),
        path: path.to_owned(),
        query: query.collect(),
        raw_query: None,
        headers: headers.collect(),
        token: if path == "/Me" || dice.once_in(60) { Token::User } else { Token::Tenant },
        body,
    }
}

#[test]
fn every_fixture_is_json_and_can_be_drawn() {
    let mut dice = Dice::new(1, 0);
    let known = Known::new(0, "9c1f".to_owned());
    let mut drawn = std::collections::HashSet::new();
    for _ in 0..20 * FIXTURES.len() {
        let request = any(&mut dice, &known);
        drawn.insert((request.method.clone(), request.path.clone()));
    }
    let all: std::collections::HashSet<_> = FIXTURES
        .iter()
        .map(|(method, target, _)| (method, target.split('?').next().map(|it| it.replace("USER", "7b2e"))))
        .collect();
    assert!(drawn.len() >= all.len() - 5, "{} of {}", drawn.len(), all.len());
}
