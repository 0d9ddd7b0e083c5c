//! Properties of the parser, the printer and the evaluator, each against something that is not them.

use std::str::FromStr;

use proptest::prelude::*;
use serde_json::{Map, Number, Value, json};

use super::tests::{Fake, def};
use super::{Filter, Literal, Op};
use crate::dialect::Profile;
use crate::path::AttrPath;
use crate::time::Timestamp;
use crate::{ENTERPRISE_USER, USER, text};

fn is_schema(urn: &str) -> bool {
    urn.eq_ignore_ascii_case(USER) || urn.eq_ignore_ascii_case(ENTERPRISE_USER)
}

fn parse(text: &str) -> Result<Filter, crate::Invalid> {
    Filter::parse(text, &is_schema, &Profile::default()).map(|(filter, _)| filter)
}

// --- any filter at all ---

fn name() -> impl Strategy<Value = String> {
    prop_oneof!["[a-zA-Z][a-zA-Z0-9_-]{0,6}", Just("or".to_owned()), Just("eq".to_owned())]
        .prop_filter("a keyword where an attribute may stand", |name| !name.eq_ignore_ascii_case("not"))
}

fn any_path() -> impl Strategy<Value = AttrPath> {
    let urn = prop_oneof![
        3 => Just(None),
        1 => prop_oneof![Just(USER), Just(ENTERPRISE_USER), Just("urn:acme:1.0:User")].prop_map(|urn| Some(urn.to_owned())),
    ];
    (urn, name(), proptest::option::of(name())).prop_map(|(urn, name, sub)| AttrPath { urn, name, sub })
}

fn any_op() -> impl Strategy<Value = Op> {
    proptest::sample::select(Op::ALL.to_vec())
}

fn any_literal() -> impl Strategy<Value = Literal> {
    prop_oneof![
        "[^\u{0}]{0,8}".prop_map(Literal::Text),
        proptest::sample::select(vec!["true", "null", "7", "1e5", "not", "a\"b\\", ""])
            .prop_map(|t| Literal::Text(t.into())),
        any::<i32>().prop_map(|n| Literal::Number(n.into())),
        // Eighths: with more digits `serde_json` reads some floats as their neighbours.
        any::<i16>().prop_filter_map("finite", |n| Number::from_f64(f64::from(n) / 8.0)).prop_map(Literal::Number),
        any::<bool>().prop_map(Literal::Boolean),
        Just(Literal::Null),
    ]
}

fn term(
    path: impl Strategy<Value = AttrPath> + Clone,
    literal: impl Strategy<Value = Literal>,
) -> impl Strategy<Value = Filter> {
    prop_oneof![
        3 => (path.clone(), any_op(), literal).prop_map(|(path, op, literal)| Filter::Compare { path, op, literal }),
        1 => path.prop_map(Filter::Present),
    ]
}

fn combined(terms: BoxedStrategy<Filter>) -> BoxedStrategy<Filter> {
    terms
        .prop_recursive(3, 16, 3, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 2..4).prop_map(Filter::And),
                proptest::collection::vec(inner.clone(), 2..4).prop_map(Filter::Or),
                inner.prop_map(|filter| Filter::Not(Box::new(filter))),
            ]
        })
        .boxed()
}

fn any_filter() -> BoxedStrategy<Filter> {
    let path = any_path().boxed();
    let term = term(path.clone(), any_literal()).boxed();
    let element =
        (path, combined(term.clone())).prop_map(|(path, filter)| Filter::Element { path, filter: Box::new(filter) });
    combined(prop_oneof![4 => term, 1 => element].boxed())
}

/// `(a and b) and c` is `a and b and c`: the oracle keeps no parentheses that change nothing.
fn flat(filter: Filter) -> Filter {
    fn all(filters: Vec<Filter>, inner: fn(Filter) -> Result<Vec<Filter>, Filter>) -> Vec<Filter> {
        filters.into_iter().flat_map(|filter| inner(flat(filter)).unwrap_or_else(|other| vec![other])).collect()
    }
    match filter {
        Filter::And(filters) => Filter::And(all(filters, |f| if let Filter::And(v) = f { Ok(v) } else { Err(f) })),
        Filter::Or(filters) => Filter::Or(all(filters, |f| if let Filter::Or(v) = f { Ok(v) } else { Err(f) })),
        Filter::Not(filter) => Filter::Not(Box::new(flat(*filter))),
        Filter::Element { path, filter } => Filter::Element { path, filter: Box::new(flat(*filter)) },
        // A bare number that would not print as it was written is text to us.
        Filter::Compare { path, op, literal: Literal::Text(text) } => {
            let literal = text.parse().map_or(Literal::Text(text), Literal::Number);
            Filter::Compare { path, op, literal }
        }
        Filter::Compare { .. } | Filter::Present(_) => filter,
    }
}

/// Whatever the oracle reads we read too, and as the same filter.
///
/// Like the oracle we know no schemas here. Where we do, rubbish after a known URN is refused; to the oracle it is another URN.
fn agrees_with_oracle(text: &str) -> Result<bool, TestCaseError> {
    let parse = |text: &str| {
        Filter::parse(text, &|_| false, &Profile::default())
            .map(|(filter, _)| filter)
            .map_err(|invalid| TestCaseError::fail(format!("{text:?}: {invalid}")))
    };
    let Ok(theirs) = scim_v2::filter::Filter::from_str(text) else { return Ok(false) };
    prop_assert_eq!(flat(parse(text)?), flat(parse(&theirs.to_string())?), "{:?}", text);
    Ok(true)
}

#[test]
fn these_forms_we_read_and_the_rfc_does_not() {
    for text in [
        "userName eq ada",
        r#"emails[type eq "work"].value eq "x""#,
        "not title pr",
        "active eq TRUE",
        r#"members[$ref eq "x"]"#,
        r#"userName eq"ada""#,
        "urn:acme:1.0 pr",
        &format!("{ENTERPRISE_USER}.department pr"),
    ] {
        assert!(parse(text).is_ok(), "{text}");
    }
    for text in [
        "userName eq ada",
        r#"emails[type eq "work"].value eq "x""#,
        "not title pr",
        "active eq TRUE",
        r#"members[$ref eq "x"]"#,
        r#"userName eq"ada""#,
    ] {
        assert!(scim_v2::filter::Filter::from_str(text).is_err(), "the oracle reads it too: {text}");
    }
}

proptest! {
    #[test]
    fn what_is_printed_is_read_back_as_the_same_filter(filter in any_filter()) {
        prop_assert_eq!(parse(&filter.to_string()).unwrap(), filter);
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in r#"([ab.:"\\()\[\] é]|not |and | or | eq | pr |urn:){0,16}"#) {
        if let Ok(filter) = parse(&text) {
            prop_assert_eq!(parse(&filter.to_string()).unwrap(), filter);
        }
    }

    #[test]
    fn filters_of_the_rfc_are_read_as_the_oracle_reads_them(filter in any_filter(), shout in any::<bool>()) {
        let mut text = filter.to_string();
        if shout {
            for word in ["and", "or", "eq", "not", "pr", "gt"] {
                text = text.replace(&format!(" {word} "), &format!("  {} ", word.to_uppercase()));
            }
        }
        prop_assert!(agrees_with_oracle(&text)?, "the oracle refuses {text:?}");
    }

    #[test]
    fn what_the_oracle_still_reads_after_a_typing_error_we_read_too(
        filter in any_filter(),
        at in any::<prop::sample::Index>(),
        typed in proptest::option::of(proptest::sample::select(vec!['(', ')', '[', ']', '"', '\\', ' ', '.', ':', 'a', '1', '-'])),
    ) {
        let mut text: Vec<char> = filter.to_string().chars().collect();
        let at = at.index(text.len());
        match typed {
            Some(typed) => text.insert(at, typed),
            None => { text.remove(at); }
        }
        agrees_with_oracle(&text.into_iter().collect::<String>())?;
    }
}

// --- the evaluator against a naive one ---

/// What the naive evaluator knows of one path: where it leads on the wire, and how its values compare.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Folded,
    Exact,
    Boolean,
    Date,
}

/// As it stands on the wire: the extension is an object around it.
const DEPARTMENT: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User.department";

const KNOWN: [(&str, &str, Kind); 12] = [
    ("id", "id", Kind::Exact),
    ("userName", "userName", Kind::Folded),
    ("externalId", "externalId", Kind::Exact),
    ("title", "title", Kind::Folded),
    ("active", "active", Kind::Boolean),
    ("name.familyName", "name.familyName", Kind::Folded),
    ("emails", "emails.value", Kind::Folded),
    ("emails.value", "emails.value", Kind::Folded),
    ("emails.type", "emails.type", Kind::Folded),
    ("emails.primary", "emails.primary", Kind::Boolean),
    ("meta.created", "meta.created", Kind::Date),
    (DEPARTMENT, DEPARTMENT, Kind::Folded),
];

/// The naive evaluator's name for a path.
fn wired_name(inside: &str, path: &AttrPath) -> String {
    format!("{inside}{path}").replace(":department", ".department")
}

fn known_path(names: Vec<&'static str>) -> BoxedStrategy<AttrPath> {
    proptest::sample::select(names).prop_map(|text| AttrPath::parse(text, &is_schema).unwrap()).boxed()
}

fn small_literal() -> BoxedStrategy<Literal> {
    let texts = [
        "a",
        "A",
        "b",
        "ab",
        "7b2e",
        "True",
        "2026-10-01T10:00:00+02:00",
        "2026-10-01T08:00:00.000Z",
        "2027-01-01T00:00:00Z",
    ];
    prop_oneof![
        4 => proptest::sample::select(texts.to_vec()).prop_map(|text| Literal::Text(text.into())),
        1 => any::<bool>().prop_map(Literal::Boolean),
        1 => proptest::sample::select(vec![0, 1, 7]).prop_map(|number| Literal::Number(number.into())),
        1 => Just(Literal::Null),
    ]
    .boxed()
}

fn small_filter() -> BoxedStrategy<Filter> {
    let names = KNOWN.iter().map(|(name, ..)| *name).chain(["noSuchThing", "emails.noSuchThing"]).collect();
    let whole = term(known_path(names), small_literal()).boxed();
    let part = term(known_path(vec!["value", "type", "primary", "noSuchThing"]), small_literal()).boxed();
    let element = combined(part).prop_map(|filter| Filter::Element {
        path: AttrPath { urn: None, name: "Emails".into(), sub: None },
        filter: Box::new(filter),
    });
    combined(prop_oneof![4 => whole, 1 => element].boxed())
}

fn small_text() -> impl Strategy<Value = Option<Value>> {
    proptest::option::of(proptest::sample::select(vec!["a", "A", "b", "ab", "AB"]).prop_map(Value::from))
}

fn small_subject() -> impl Strategy<Value = Fake> {
    let boolean = || proptest::option::of(any::<bool>().prop_map(Value::Bool));
    let email = (small_text(), small_text(), boolean())
        .prop_map(|(value, kind, primary)| object([("value", value), ("type", kind), ("primary", primary)]))
        .prop_filter("no empty objects are stored", |email| email != &json!({}));
    let emails =
        proptest::collection::vec(email, 0..3).prop_map(|emails| (!emails.is_empty()).then_some(Value::Array(emails)));
    let family = small_text().prop_map(|family| family.map(|family| json!({"familyName": family})));
    let extension = small_text().prop_map(|department| department.map(|department| json!({"department": department})));
    (small_text(), small_text(), small_text(), boolean(), family, emails, extension).prop_map(
        |(user, external, title, active, name, emails, extension)| {
            Fake::of(object([
                ("userName", user),
                ("externalId", external),
                ("title", title),
                ("active", active),
                ("name", name),
                ("emails", emails),
                (ENTERPRISE_USER, extension),
            ]))
        },
    )
}

fn object<const N: usize>(members: [(&str, Option<Value>); N]) -> Value {
    let members = members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    Value::Object(members.collect::<Map<_, _>>())
}

/// Every value on the wire with its path: `emails.value` twice for two addresses.
fn wire(value: &Value, path: &str, found: &mut Vec<(String, Value)>) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                wire(value, &format!("{path}.{name}"), found);
            }
        }
        Value::Array(elements) => elements.iter().for_each(|element| wire(element, path, found)),
        leaf => found.push((path.trim_start_matches('.').to_owned(), leaf.clone())),
    }
}

fn naive(filter: &Filter, wired: &[(String, Value)], inside: &str, emails: &[Value]) -> bool {
    match filter {
        Filter::And(filters) => !filters.iter().any(|filter| !naive(filter, wired, inside, emails)),
        Filter::Or(filters) => filters.iter().filter(|filter| naive(filter, wired, inside, emails)).count() > 0,
        Filter::Not(filter) => !naive(filter, wired, inside, emails),
        Filter::Element { filter, .. } => emails.iter().any(|email| {
            let mut wired = Vec::new();
            wire(&json!({"emails": email}), "", &mut wired);
            naive(filter, &wired, "emails.", std::slice::from_ref(email))
        }),
        Filter::Present(path) => {
            let path = wired_name(inside, path);
            wired.iter().any(|(at, _)| *at == path || at.starts_with(&format!("{path}.")))
        }
        Filter::Compare { path, op, literal } => {
            let path = wired_name(inside, path);
            let there = naive(&Filter::Present(path_of(&path)), wired, "", emails);
            match (op, literal) {
                (Op::Eq, Literal::Null) => return !there,
                (Op::Ne, Literal::Null) => return there,
                _ => {}
            }
            let Some((_, leads_to, kind)) = KNOWN.iter().find(|(name, ..)| *name == path) else { return *op == Op::Ne };
            let mut values: Vec<Value> =
                wired.iter().filter(|(at, _)| at == leads_to).map(|(_, value)| value.clone()).collect();
            if path == "emails.primary" {
                values.extend(emails.iter().filter(|email| email.get("primary").is_none()).map(|_| Value::Bool(false)));
            }
            match op {
                Op::Ne => values.iter().all(|value| !one(value, Op::Eq, literal, *kind)),
                op => values.iter().any(|value| one(value, *op, literal, *kind)),
            }
        }
    }
}

fn path_of(text: &str) -> AttrPath {
    AttrPath::parse(text, &is_schema).unwrap()
}

fn one(value: &Value, op: Op, literal: &Literal, kind: Kind) -> bool {
    let told = match literal {
        Literal::Text(text) => text.clone(),
        Literal::Boolean(boolean) => boolean.to_string(),
        Literal::Number(number) => number.to_string(),
        Literal::Null => return false,
    };
    let (value, told) = match (kind, value) {
        (Kind::Exact, Value::String(value)) => (value.clone(), told),
        (Kind::Folded, Value::String(value)) => (text::fold(value), text::fold(&told)),
        (Kind::Boolean, Value::Bool(value)) => {
            let told = match literal {
                Literal::Number(_) => told.replace('1', "true").replace('0', "false"),
                Literal::Text(_) | Literal::Boolean(_) | Literal::Null => told.to_lowercase(),
            };
            return op == Op::Eq && told == value.to_string();
        }
        // Printed in UTC with three digits, instants sort as text.
        (Kind::Date, Value::String(value)) => match Timestamp::parse(&told) {
            Some(time) if !matches!(op, Op::Co | Op::Sw | Op::Ew) => (value.clone(), time.to_string()),
            _ => (text::fold(value), text::fold(&told)),
        },
        _ => return false,
    };
    match op {
        Op::Eq => value == told,
        Op::Ne => value != told,
        Op::Co => value.contains(&told),
        Op::Sw => value.starts_with(&told),
        Op::Ew => value.ends_with(&told),
        Op::Gt => value > told,
        Op::Ge => value >= told,
        Op::Lt => value < told,
        Op::Le => value <= told,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn the_evaluator_agrees_with_a_naive_one(filter in small_filter(), subject in small_subject()) {
        let def = def("User");
        if filter.check(std::slice::from_ref(&def), &Profile::default()).is_err() {
            return Ok(());
        }
        let mut whole = serde_json::to_value(&subject.document).unwrap();
        let emails = whole.get("emails").and_then(Value::as_array).cloned().unwrap_or_default();
        whole["id"] = json!("7b2e");
        whole["meta"] = json!({"created": "2026-10-01T08:00:00.000Z"});
        let mut wired = Vec::new();
        wire(&whole, "", &mut wired);
        prop_assert_eq!(filter.matches(&def, &subject), naive(&filter, &wired, "", &emails), "{}", filter);
    }

    #[test]
    fn a_selected_resource_satisfies_each_equality(filter in small_filter(), subject in small_subject()) {
        let def = def("User");
        if !filter.matches(&def, &subject) {
            return Ok(());
        }
        for (path, literal) in filter.equalities() {
            let alone = Filter::Compare { path, op: Op::Eq, literal };
            prop_assert!(alone.matches(&def, &subject), "{} of {}", alone, filter);
        }
    }
}
