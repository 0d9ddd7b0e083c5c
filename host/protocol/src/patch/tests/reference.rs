//! The interpreter against a second one that is too simple to be wrong: attributes are flat keys, lists are lists of maps, and
//! every operation does what RFC 7644 §3.5.2 says about it, one sentence a line.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

/// Single values, by their full path.
const SINGLES: [&str; 6] = [
    "title",
    "nickName",
    "name.givenName",
    "name.familyName",
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department",
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:division",
];
const LISTS: [&str; 2] = ["emails", "roles"];
/// Sub-attributes with text; `primary` is beside them.
const PARTS: [&str; 3] = ["value", "type", "display"];
const TEXTS: [&str; 3] = ["a", "b", "ab"];

type Element = BTreeMap<&'static str, Value>;

/// A condition between brackets.
#[derive(Debug, Clone)]
enum Where {
    Is(&'static str, &'static str),
    Begins(&'static str, &'static str),
    Primary,
    Both(Box<Where>, Box<Where>),
    Either(Box<Where>, Box<Where>),
    Not(Box<Where>),
}

impl Where {
    fn text(&self) -> String {
        match self {
            Self::Is(part, text) => format!("{part} eq \"{text}\""),
            Self::Begins(part, text) => format!("{part} sw \"{text}\""),
            Self::Primary => "primary eq true".into(),
            Self::Both(one, other) => format!("({}) and ({})", one.text(), other.text()),
            Self::Either(one, other) => format!("({}) or ({})", one.text(), other.text()),
            Self::Not(it) => format!("not ({})", it.text()),
        }
    }

    fn holds(&self, element: &Element) -> bool {
        let text = |part: &str| element.get(part).and_then(Value::as_str);
        match self {
            Self::Is(part, wanted) => text(part) == Some(wanted),
            Self::Begins(part, wanted) => text(part).is_some_and(|text| text.starts_with(wanted)),
            Self::Primary => element.get("primary") == Some(&json!(true)),
            Self::Both(one, other) => one.holds(element) && other.holds(element),
            Self::Either(one, other) => one.holds(element) || other.holds(element),
            Self::Not(it) => !it.holds(element),
        }
    }

    /// The element that it asks for, if it asks for one.
    fn asks_for(&self) -> Option<Element> {
        match self {
            Self::Is(part, text) => Some(Element::from([(*part, json!(text))])),
            Self::Primary => Some(Element::from([("primary", json!(true))])),
            Self::Both(one, other) => {
                let mut both = one.asks_for()?;
                both.extend(other.asks_for()?);
                Some(both)
            }
            Self::Begins(..) | Self::Either(..) | Self::Not(_) => None,
        }
    }
}

/// An operation in the canonical dialect.
#[derive(Debug, Clone)]
enum Do {
    /// `add` or `replace` of a single value, with a path or without.
    Set {
        op: &'static str,
        path: &'static str,
        text: &'static str,
        with_path: bool,
    },
    /// `remove` of a single value, of `name`, or of the extension.
    Unset {
        path: &'static str,
    },
    AddElements {
        list: &'static str,
        elements: Vec<Element>,
        with_path: bool,
    },
    ReplaceList {
        list: &'static str,
        elements: Vec<Element>,
        with_path: bool,
    },
    RemoveList {
        list: &'static str,
    },
    /// `list[filter].part`
    SetPart {
        op: &'static str,
        list: &'static str,
        of: Where,
        part: &'static str,
        value: Value,
    },
    /// `list[filter]`
    SetElement {
        op: &'static str,
        list: &'static str,
        of: Where,
        element: Element,
    },
    RemoveElement {
        list: &'static str,
        of: Where,
    },
    RemovePart {
        list: &'static str,
        of: Where,
        part: &'static str,
    },
    /// `list.part`
    SetEvery {
        op: &'static str,
        list: &'static str,
        part: &'static str,
        value: Value,
    },
    RemoveEvery {
        list: &'static str,
        part: &'static str,
    },
}

impl Do {
    fn operation(&self) -> Value {
        let at = |op: &str, path: String, value: Value| json!({"op":op,"path":path,"value":value});
        let whole = |op: &str, with_path: bool, path: &str, value: Value| {
            if with_path { at(op, path.to_owned(), value) } else { json!({"op":op,"value":{path:value}}) }
        };
        match self {
            Self::Set { op, path, text, with_path } => match (path.split_once('.'), with_path) {
                (Some((name, part)), false) if !path.starts_with("urn") => {
                    json!({"op":op,"value":{name:{part:text}}})
                }
                _ => whole(op, *with_path, path, json!(text)),
            },
            Self::Unset { path } => json!({"op":"remove","path":path}),
            Self::AddElements { list, elements, with_path } => whole("add", *with_path, list, json!(elements)),
            Self::ReplaceList { list, elements, with_path } => whole("replace", *with_path, list, json!(elements)),
            Self::RemoveList { list } => json!({"op":"remove","path":list}),
            Self::SetPart { op, list, of, part, value } => {
                at(op, format!("{list}[{}].{part}", of.text()), value.clone())
            }
            Self::SetElement { op, list, of, element } => at(op, format!("{list}[{}]", of.text()), json!(element)),
            Self::RemoveElement { list, of } => json!({"op":"remove","path":format!("{list}[{}]", of.text())}),
            Self::RemovePart { list, of, part } => {
                json!({"op":"remove","path":format!("{list}[{}].{part}", of.text())})
            }
            Self::SetEvery { op, list, part, value } => at(op, format!("{list}.{part}"), value.clone()),
            Self::RemoveEvery { list, part } => json!({"op":"remove","path":format!("{list}.{part}")}),
        }
    }
}

/// A user, flat.
#[derive(Debug, Clone, Default, PartialEq)]
struct Flat {
    singles: BTreeMap<&'static str, &'static str>,
    lists: BTreeMap<&'static str, Vec<Element>>,
}

/// RFC 7644 §3.5.2.3: no record match was made, and the filter does not tell of a record to make.
#[derive(Debug, PartialEq)]
struct NoTarget;

impl Flat {
    fn perform(&mut self, it: &Do) -> Result<(), NoTarget> {
        match it {
            Do::Set { path, text, .. } => _ = self.singles.insert(path, text),
            Do::Unset { path } => self.singles.retain(|key, _| key != path && !is_part_of(key, path)),
            Do::AddElements { list, elements, .. } => {
                for element in canonical(elements) {
                    add(self.list(list), element);
                }
                unrepeated(self.list(list));
            }
            Do::ReplaceList { list, elements, .. } => *self.list(list) = canonical(elements),
            Do::RemoveList { list } => self.list(list).clear(),
            Do::SetPart { list, of, part, value, .. } => {
                let new = Element::from([(*part, value.clone())]);
                change(self.list(list), of, |element| element.extend(new.clone()), &new)?;
            }
            Do::SetElement { op: "add", list, of, element: new } => {
                change(self.list(list), of, |element| element.extend(new.clone()), new)?;
            }
            Do::SetElement { list, of, element: new, .. } => {
                let mut whole = of.asks_for().unwrap_or_default();
                whole.extend(new.clone());
                change(self.list(list), of, |element| *element = whole.clone(), new)?;
            }
            Do::RemoveElement { list, of } => self.list(list).retain(|element| !of.holds(element)),
            Do::RemovePart { list, of, part } => remove_part(self.list(list), |element| of.holds(element), part),
            Do::SetEvery { list, part, value, .. } => {
                let list = self.list(list);
                if list.is_empty() {
                    list.push(Element::new());
                }
                for (index, element) in list.iter_mut().enumerate() {
                    let second = *part == "primary" && index > 0;
                    element.insert(part, if second { json!(false) } else { value.clone() });
                }
                unrepeated(list);
            }
            Do::RemoveEvery { list, part } => remove_part(self.list(list), |_| true, part),
        }
        Ok(())
    }

    fn list(&mut self, name: &'static str) -> &mut Vec<Element> {
        self.lists.entry(name).or_default()
    }

    fn document(&self) -> Value {
        let mut document = json!({"userName":"ada"});
        for (path, text) in &self.singles {
            if let Some(attribute) = path.strip_prefix(&format!("{ENTERPRISE_USER}:")) {
                document[ENTERPRISE_USER][attribute] = json!(text);
            } else if let Some((name, part)) = path.split_once('.') {
                document[name][part] = json!(text);
            } else {
                document[*path] = json!(text);
            }
        }
        for (name, list) in self.lists.iter().filter(|(_, list)| !list.is_empty()) {
            document[*name] = json!(list);
        }
        document
    }
}

/// `name.givenName` of `name`, `urn:...:User:department` of `urn:...:User`.
fn is_part_of(key: &str, path: &str) -> bool {
    key.strip_prefix(path).is_some_and(|rest| rest.starts_with(['.', ':']))
}

/// A list as it is sent: nothing twice, the first primary stays.
fn canonical(elements: &[Element]) -> Vec<Element> {
    let mut list = elements.to_vec();
    unrepeated(&mut list);
    if let Some(first) = list.iter().position(|element| Where::Primary.holds(element)) {
        only_primary(&mut list, first);
        unrepeated(&mut list);
    }
    list
}

fn unrepeated(list: &mut Vec<Element>) {
    let before = std::mem::take(list);
    for element in before {
        if !list.contains(&element) {
            list.push(element);
        }
    }
}

fn only_primary(list: &mut [Element], keep: usize) {
    for (index, element) in list.iter_mut().enumerate() {
        if index != keep && Where::Primary.holds(element) {
            element.insert("primary", json!(false));
        }
    }
}

/// The same `value` and `type` are the same element; so is one that holds everything that is added.
fn add(list: &mut Vec<Element>, new: Element) {
    let same = |old: &Element| {
        let alike = |part| old.get(part) == new.get(part);
        (new.contains_key("value") && alike("value") && alike("type")) || new.keys().all(|part| alike(part))
    };
    let index = list.iter().position(same).unwrap_or_else(|| {
        list.push(Element::new());
        list.len() - 1
    });
    let primary = Where::Primary.holds(&new);
    list[index].extend(new);
    if primary {
        only_primary(list, index);
    }
}

fn change(list: &mut Vec<Element>, of: &Where, change: impl Fn(&mut Element), new: &Element) -> Result<(), NoTarget> {
    let chosen: Vec<usize> = (0..list.len()).filter(|index| of.holds(&list[*index])).collect();
    if chosen.is_empty() {
        let mut element = of.asks_for().ok_or(NoTarget)?;
        element.extend(new.clone());
        add(list, element);
        unrepeated(list);
        return Ok(());
    }
    for index in &chosen {
        change(&mut list[*index]);
    }
    if let Some(first) = chosen.iter().find(|index| Where::Primary.holds(&list[**index])) {
        only_primary(list, *first);
    }
    unrepeated(list);
    Ok(())
}

fn remove_part(list: &mut Vec<Element>, holds: impl Fn(&Element) -> bool, part: &str) {
    list.retain_mut(|element| {
        let has_lost = holds(element) && element.remove(part).is_some();
        !(has_lost && element.keys().all(|left| ["type", "primary"].contains(left)))
    });
    unrepeated(list);
}

fn text() -> impl Strategy<Value = &'static str> {
    prop::sample::select(&TEXTS[..])
}

fn condition() -> impl Strategy<Value = Where> {
    let simple = prop_oneof![
        4 => (prop::sample::select(&PARTS[..]), text()).prop_map(|(part, text)| Where::Is(part, text)),
        1 => (prop::sample::select(&PARTS[..]), text()).prop_map(|(part, text)| Where::Begins(part, text)),
        1 => Just(Where::Primary),
    ];
    simple.prop_recursive(2, 4, 2, |inner| {
        let two = || (inner.clone(), inner.clone());
        prop_oneof![
            2 => two().prop_map(|(one, other)| Where::Both(Box::new(one), Box::new(other))),
            1 => two().prop_map(|(one, other)| Where::Either(Box::new(one), Box::new(other))),
            1 => inner.prop_map(|it| Where::Not(Box::new(it))),
        ]
    })
}

fn element() -> impl Strategy<Value = Element> {
    let parts =
        prop::collection::btree_map(prop::sample::select(&PARTS[..]), text().prop_map(|text| json!(text)), 1..4);
    (parts, prop::option::weighted(0.4, any::<bool>())).prop_map(|(mut parts, primary)| {
        parts.extend(primary.map(|primary| ("primary", json!(primary))));
        parts
    })
}

fn part() -> impl Strategy<Value = (&'static str, Value)> {
    prop_oneof![
        3 => (prop::sample::select(&PARTS[..]), text()).prop_map(|(part, text)| (part, json!(text))),
        1 => any::<bool>().prop_map(|primary| ("primary", json!(primary))),
    ]
}

fn step() -> impl Strategy<Value = Do> {
    let op = || prop::sample::select(&["add", "replace"][..]);
    let list = || prop::sample::select(&LISTS[..]);
    let elements = || prop::collection::vec(element(), 1..4);
    let single = prop::sample::select(&SINGLES[..]);
    let unset = prop_oneof![3 => single.clone(), 1 => prop::sample::select(&["name", ENTERPRISE_USER][..])];
    prop_oneof![
        (op(), single, text(), any::<bool>()).prop_map(|(op, path, text, with_path)| Do::Set {
            op,
            path,
            text,
            with_path
        }),
        unset.prop_map(|path| Do::Unset { path }),
        (list(), elements(), any::<bool>()).prop_map(|(list, elements, with_path)| Do::AddElements {
            list,
            elements,
            with_path
        }),
        (list(), elements(), any::<bool>()).prop_map(|(list, elements, with_path)| Do::ReplaceList {
            list,
            elements,
            with_path
        }),
        list().prop_map(|list| Do::RemoveList { list }),
        (op(), list(), condition(), part()).prop_map(|(op, list, of, (part, value))| Do::SetPart {
            op,
            list,
            of,
            part,
            value
        }),
        (op(), list(), condition(), element()).prop_map(|(op, list, of, element)| Do::SetElement {
            op,
            list,
            of,
            element
        }),
        (list(), condition()).prop_map(|(list, of)| Do::RemoveElement { list, of }),
        (list(), condition(), part()).prop_map(|(list, of, (part, _))| Do::RemovePart { list, of, part }),
        (op(), list(), part()).prop_map(|(op, list, (part, value))| Do::SetEvery { op, list, part, value }),
        (list(), part()).prop_map(|(list, (part, _))| Do::RemoveEvery { list, part }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn both_interpreters_come_to_the_same(requests in prop::collection::vec(prop::collection::vec(step(), 1..4), 1..5)) {
        let mut flat = Flat::default();
        for request in requests {
            let operations: Value = request.iter().map(Do::operation).collect();
            let mut next = flat.clone();
            let expected = request.iter().try_for_each(|step| next.perform(step));
            match (patched("User", &flat.document(), &operations), expected) {
                (Ok(patched), Ok(())) => {
                    prop_assert_eq!(Value::Object(patched.document.0), next.document(), "{}", operations);
                    flat = next;
                }
                // None of its operations was applied: the next request starts where this one did.
                (Err(invalid), Err(NoTarget)) => prop_assert_eq!(invalid.scim_type, ScimType::NoTarget),
                (Ok(_), Err(NoTarget)) => prop_assert!(false, "should have no target: {operations}"),
                (Err(invalid), Ok(())) => prop_assert!(false, "{invalid}: {operations}"),
            }
        }
    }
}
