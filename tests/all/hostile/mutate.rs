//! Changes to a request: to its JSON as a tree and as bytes, to its filters word by word and byte by byte, to its path, query, headers,
//! verb and token.

use serde_json::{Map, Value, json};

use super::client::{Body, Request, Token};
use super::dice::Dice;
use super::words::{HEADERS, METHODS, NAMES, SEGMENTS, TEXTS, WORDS};

/// Changes one thing.
pub(super) fn mutate(request: &mut Request, dice: &mut Dice) {
    match dice.below(20) {
        0..8 => body(request, dice),
        8..13 => query(request, dice),
        13..15 => path(request, dice),
        15..17 => header(request, dice),
        17 => dice.pick(METHODS).clone_into_string(&mut request.method),
        18 => request.body = whole(dice),
        _ => match dice.below(6) {
            0 => request.token = *dice.pick(&[Token::None, Token::User, Token::Tenant]),
            1 => request.raw_query = Some(garbage(dice)),
            _ => request.query.push((dice.pick(NAMES).to_string(), dice.pick(TEXTS).to_string())),
        },
    }
}

trait CloneIntoString {
    fn clone_into_string(&self, target: &mut String);
}

impl CloneIntoString for &str {
    fn clone_into_string(&self, target: &mut String) {
        (*self).clone_into(target);
    }
}

/// A body that has nothing to do with what was there.
fn whole(dice: &mut Dice) -> Body {
    match dice.below(6) {
        0 => Body::None,
        1 => Body::Bytes(garbage(dice).into_bytes()),
        2 => Body::Bytes("[".repeat(1 + dice.below(20_000)).into_bytes()),
        3 => Body::Bytes(r#"{"a":"#.repeat(1 + dice.below(5_000)).into_bytes()),
        4 if dice.once_in(8) => Body::Bytes(vec![b' '; (128 << 10) + dice.below(3)]),
        _ => Body::Json(value(dice)),
    }
}

fn body(request: &mut Request, dice: &mut Dice) {
    match &mut request.body {
        Body::None => {
            if dice.once_in(4) {
                request.body = whole(dice);
            } else {
                query(request, dice);
            }
        }
        Body::Json(json) if dice.once_in(4) => {
            let mut bytes = json.to_string().into_bytes();
            change_bytes(&mut bytes, dice);
            request.body = Body::Bytes(bytes);
        }
        Body::Json(json) => {
            let nodes = count(json);
            let mut chosen = dice.below(nodes);
            change_node(json, &mut chosen, dice);
        }
        Body::Bytes(bytes) => change_bytes(bytes, dice),
    }
}

fn count(json: &Value) -> usize {
    1 + match json {
        Value::Array(elements) => elements.iter().map(count).sum(),
        Value::Object(members) => members.values().map(count).sum::<usize>(),
        _ => 0,
    }
}

/// Changes the node of this number, counted from the root.
fn change_node(json: &mut Value, number: &mut usize, dice: &mut Dice) -> bool {
    if *number == 0 {
        change(json, dice);
        return true;
    }
    *number -= 1;
    match json {
        Value::Array(elements) => elements.iter_mut().any(|element| change_node(element, number, dice)),
        Value::Object(members) => members.values_mut().any(|member| change_node(member, number, dice)),
        _ => false,
    }
}

fn change(json: &mut Value, dice: &mut Dice) {
    match (dice.below(10), &mut *json) {
        (0, _) => *json = value(dice),
        (1, _) => *json = json!([json.clone()]),
        (2, _) => *json = json!({ *dice.pick(NAMES): json.clone() }),
        (3, _) => {
            for _ in 0..dice.below(40) {
                *json = json!([json.clone()]);
            }
        }
        (4 | 5, Value::Object(members)) => {
            let names: Vec<String> = members.keys().cloned().collect();
            if let Some(value) = names.get(dice.below(names.len())).and_then(|name| members.remove(name))
                && dice.once_in(2)
            {
                members.insert(dice.pick(NAMES).to_string(), value);
            }
        }
        (6, Value::Object(members)) => _ = members.insert(dice.pick(NAMES).to_string(), value(dice)),
        (4..7, Value::Array(elements)) => match elements.get(dice.below(elements.len())).cloned() {
            Some(element) if dice.once_in(2) => elements.extend(std::iter::repeat_n(element, dice.below(30))),
            Some(_) => _ = elements.pop(),
            None => elements.push(value(dice)),
        },
        (_, Value::String(text)) => change_text(text, dice),
        (_, Value::Bool(boolean)) => *json = if *boolean { json!("False") } else { json!(1) },
        (_, Value::Number(number)) => *json = json!(number.to_string()),
        (..) => *json = value(dice),
    }
}

/// Any value.
fn value(dice: &mut Dice) -> Value {
    match dice.below(14) {
        0 => Value::Null,
        1 => Value::Bool(dice.once_in(2)),
        2 => json!(0),
        3 => json!(-1),
        4 => json!(i64::MAX),
        5 => json!(1.5e300),
        6 => json!([]),
        7 => json!({}),
        8 => json!("x".repeat(dice.below(3000))),
        9 => json!(dice.pick(TEXTS).repeat(1 + dice.below(40))),
        10 => Value::Array((0..dice.below(6)).map(|_| json!(dice.pick(TEXTS))).collect()),
        11 => {
            let members = (0..dice.below(4)).map(|_| (dice.pick(NAMES).to_string(), json!(dice.pick(TEXTS))));
            Value::Object(members.collect::<Map<_, _>>())
        }
        12 => json!(filter(dice)),
        _ => json!(dice.pick(TEXTS)),
    }
}

/// A text, word by word or letter by letter.
fn change_text(text: &mut String, dice: &mut Dice) {
    if dice.once_in(2) {
        let mut words: Vec<String> = text.split(' ').map(str::to_owned).collect();
        for _ in 0..=dice.below(3) {
            let place = dice.below(words.len());
            match dice.below(4) {
                0 => _ = words.remove(place),
                1 => words.insert(place, dice.pick(WORDS).to_string()),
                2 => words[place] = dice.pick(WORDS).to_string(),
                _ => words.push(words[place].clone()),
            }
            if words.is_empty() {
                break;
            }
        }
        *text = words.join(" ");
        return;
    }
    let mut letters: Vec<char> = text.chars().collect();
    let place = dice.below(letters.len());
    match dice.below(5) {
        0 if !letters.is_empty() => _ = letters.remove(place),
        1 => {
            let more: Vec<char> = dice.pick(TEXTS).chars().collect();
            letters.splice(place..place, more);
        }
        2 => letters = letters.iter().flat_map(|c| c.to_uppercase()).collect(),
        3 => letters.truncate(place),
        _ => {
            let part: Vec<char> = letters[place..].to_vec();
            letters.extend((0..dice.below(20)).flat_map(|_| part.iter()));
        }
    }
    *text = letters.into_iter().collect();
}

fn change_bytes(bytes: &mut Vec<u8>, dice: &mut Dice) {
    let place = dice.below(bytes.len());
    let pieces: [&[u8]; 12] = [
        b"\xff",
        b"\xed\xa0\x80",
        b"\"",
        b"\\",
        b"{",
        b"}",
        b"[",
        b",",
        b"\\ud800",
        b"\\u0000",
        b"1e999",
        b"123456789012345678901234567890",
    ];
    match dice.below(7) {
        0 => bytes.truncate(place),
        1 => _ = bytes.splice(place..place, dice.pick(&pieces).iter().copied()).count(),
        2 if !bytes.is_empty() => bytes[place] = u8::try_from(dice.below(256)).unwrap(),
        3 if !bytes.is_empty() => _ = bytes.remove(place),
        4 => {
            let end = place + dice.below(40).min(bytes.len() - place);
            let part = bytes[place..end].to_vec();
            bytes.splice(place..place, part);
        }
        // A member twice, also in another case.
        5 => {
            let name = *dice.pick(NAMES);
            let twice = format!("{{\"{name}\":1,\"{}\":2,", name.to_lowercase());
            if bytes.first() == Some(&b'{') {
                bytes.splice(0..1, twice.bytes());
            }
        }
        _ => bytes.extend_from_slice(dice.pick(TEXTS).as_bytes()),
    }
}

/// A filter of words that may or may not fit together.
fn filter(dice: &mut Dice) -> String {
    (0..1 + dice.below(14)).map(|_| *dice.pick(WORDS)).collect::<Vec<_>>().join(" ")
}

fn query(request: &mut Request, dice: &mut Dice) {
    let names = [
        "filter",
        "attributes",
        "excludedAttributes",
        "startIndex",
        "count",
        "cursor",
        "sortBy",
        "sortOrder",
        "Filter",
    ];
    if request.query.is_empty() || dice.once_in(4) {
        let value = if dice.once_in(2) { filter(dice) } else { dice.pick(TEXTS).to_string() };
        request.query.push((dice.pick(&names).to_string(), value));
        return;
    }
    let place = dice.below(request.query.len());
    match dice.below(8) {
        0 => _ = request.query.remove(place),
        1 => request.query[place].0 = dice.pick(&names).to_string(),
        2 => request.query.push(request.query[place].clone()),
        3 => request.query[place].1 = "(".repeat(dice.below(3000)),
        _ => change_text(&mut request.query[place].1, dice),
    }
}

fn path(request: &mut Request, dice: &mut Dice) {
    let mut segments: Vec<String> = request.path.split('/').map(str::to_owned).collect();
    // The first is empty: a path begins with a slash.
    let place = 1 + dice.below(segments.len() - 1);
    match dice.below(5) {
        0 => segments[place] = dice.pick(SEGMENTS).to_string(),
        1 => segments.insert(place, dice.pick(SEGMENTS).to_string()),
        2 => segments.push(dice.pick(SEGMENTS).to_string()),
        3 if segments.len() > 2 => _ = segments.remove(place),
        _ => change_text(&mut segments[place], dice),
    }
    request.path = segments.join("/");
    if !request.path.starts_with('/') {
        request.path.insert(0, '/');
    }
    // A question mark in a path would begin the query.
    request.path = request.path.replace('?', "%3F");
}

fn header(request: &mut Request, dice: &mut Dice) {
    if let (false, true) = (request.headers.is_empty(), dice.once_in(3)) {
        let place = dice.below(request.headers.len());
        let again = request.headers[place].clone();
        request.headers.push(again);
        return;
    }
    let (name, value) = *dice.pick(HEADERS);
    request.headers.push((name.to_owned(), value.to_vec()));
}

fn garbage(dice: &mut Dice) -> String {
    (0..dice.below(60)).filter_map(|_| char::from_u32(u32::try_from(dice.below(0x3000)).unwrap())).collect()
}
