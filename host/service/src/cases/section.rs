//! Cases inside a component: one custom section, so that they travel with it. What is read back is as untrusted as the rest of the bytes.

use serde_json::{Map, Value};

use super::case::{Case, CaseError, parse};
use super::{MAX_CASES, MAX_SECTION_BYTES};

/// The name of the section.
pub const SECTION: &str = "muster:cases";

/// The preamble of a component: magic, version and layer.
const PREAMBLE_BYTES: usize = 8;
/// The id of a custom section.
const CUSTOM: u8 = 0;

/// The component with these cases in it, by the names of their files, in place of those that it has. Each is checked first.
pub fn embed(component: &[u8], cases: &[(String, Vec<u8>)]) -> Result<Vec<u8>, CaseError> {
    let mut whole = without(component)?;
    let mut all = Map::new();
    for (file, text) in cases {
        parse(text).map_err(|error| CaseError::new(format_args!("{file}: {error}")))?;
        let value: Value = serde_json::from_slice(text).map_err(CaseError::new)?;
        all.insert(file.clone(), value);
    }
    let content = Value::Object(all).to_string();
    // What was embedded can be read: the same limits hold.
    read(content.as_bytes())?;
    let mut body = Vec::with_capacity(content.len() + SECTION.len() + 1);
    put_length(&mut body, SECTION.len());
    body.extend_from_slice(SECTION.as_bytes());
    body.extend_from_slice(content.as_bytes());
    whole.push(CUSTOM);
    put_length(&mut whole, body.len());
    whole.extend_from_slice(&body);
    Ok(whole)
}

/// The cases in a component, by the names of their files; none if it has no such section. What cannot be read is refused by its name.
pub fn embedded(component: &[u8]) -> Result<Vec<(String, Case)>, CaseError> {
    find(component)?.map_or_else(|| Ok(Vec::new()), read)
}

fn read(content: &[u8]) -> Result<Vec<(String, Case)>, CaseError> {
    if content.len() > MAX_SECTION_BYTES {
        return Err(CaseError::new(format_args!(
            "the cases have {} bytes, more than {MAX_SECTION_BYTES}",
            content.len()
        )));
    }
    let all: Map<String, Value> = serde_json::from_slice(content)
        .map_err(|error| CaseError::new(format_args!("the section {SECTION} is no JSON object of cases: {error}")))?;
    if all.len() > MAX_CASES {
        return Err(CaseError::new(format_args!("there are {} cases, more than {MAX_CASES}", all.len())));
    }
    let one = |(file, value): (String, Value)| match parse(value.to_string().as_bytes()) {
        Ok(case) => Ok((file, case)),
        Err(error) => Err(CaseError::new(format_args!("{file}: {error}"))),
    };
    all.into_iter().map(one).collect()
}

/// What stands in the section, if the component has it: once, and not inside of one of its parts.
fn find(component: &[u8]) -> Result<Option<&[u8]>, CaseError> {
    let mut found = None;
    for section in sections(component) {
        if let Some(content) = section?.cases
            && found.replace(content).is_some()
        {
            return Err(CaseError::new(format_args!("the component has more than one section {SECTION}")));
        }
    }
    Ok(found)
}

/// The component without any such section.
fn without(component: &[u8]) -> Result<Vec<u8>, CaseError> {
    let mut whole = component.get(..PREAMBLE_BYTES).unwrap_or_default().to_vec();
    for section in sections(component) {
        let section = section?;
        if section.cases.is_none() {
            whole.extend_from_slice(section.whole);
        }
    }
    Ok(whole)
}

/// A section of a component.
struct Section<'c> {
    /// All its bytes.
    whole: &'c [u8],
    /// What stands in it, if it is the one of cases.
    cases: Option<&'c [u8]>,
}

/// The sections one after the other: there can be millions, so they are never all held.
fn sections(component: &[u8]) -> impl Iterator<Item = Result<Section<'_>, CaseError>> {
    let mut rest = component.get(PREAMBLE_BYTES..);
    std::iter::from_fn(move || {
        let from = match rest {
            Some([]) => return None,
            Some(from) => from,
            None => &[],
        };
        let section = section(from);
        // Behind what cannot be read stands nothing that could.
        rest = Some(section.as_ref().and_then(|section| from.get(section.whole.len()..)).unwrap_or_default());
        let broken = || CaseError::new("its sections cannot be read: they do not end where they say");
        Some(section.ok_or_else(broken))
    })
}

/// The section that these bytes begin with.
fn section(bytes: &[u8]) -> Option<Section<'_>> {
    let (id, behind) = bytes.split_first()?;
    let (body_length, behind) = length(behind)?;
    let (body, next) = behind.split_at_checked(body_length)?;
    let whole = bytes.get(..bytes.len() - next.len())?;
    let mut cases = None;
    if *id == CUSTOM {
        let (name_length, named) = length(body)?;
        let (name, content) = named.split_at_checked(name_length)?;
        cases = (name == SECTION.as_bytes()).then_some(content);
    }
    Some(Section { whole, cases })
}

/// An unsigned LEB128 number of at most 32 bits, and what stands behind it.
fn length(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let mut value: u32 = 0;
    for (n, byte) in bytes.iter().take(5).enumerate() {
        let part = u32::from(byte & 0x7f);
        let shift = u32::try_from(n * 7).ok()?;
        // The fifth byte has room for four bits.
        if shift == 28 && part > 0x0f {
            return None;
        }
        value |= part << shift;
        if byte & 0x80 == 0 {
            return Some((usize::try_from(value).ok()?, bytes.get(n + 1..)?));
        }
    }
    None
}

fn put_length(to: &mut Vec<u8>, length: usize) {
    let mut left = length;
    loop {
        let low = u8::try_from(left & 0x7f).unwrap_or_default();
        left >>= 7;
        if left == 0 {
            to.push(low);
            return;
        }
        to.push(low | 0x80);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    const EMPTY: &[u8] = b"\0asm\x0d\0\x01\0";

    fn case(name: &str) -> Vec<u8> {
        let request = json!({ "method": "POST", "path": "/Users", "body": { "userName": "ada" } });
        json!({ "name": name, "request": request, "expect": {} }).to_string().into_bytes()
    }

    fn files(names: &[&str]) -> Vec<(String, Vec<u8>)> {
        names.iter().map(|name| (format!("{name}.json"), case(name))).collect()
    }

    /// A component with a section of this name and content.
    fn with_section(component: &[u8], name: &str, content: &[u8]) -> Vec<u8> {
        let mut body = Vec::new();
        put_length(&mut body, name.len());
        body.extend_from_slice(name.as_bytes());
        body.extend_from_slice(content);
        let mut whole = component.to_vec();
        whole.push(CUSTOM);
        put_length(&mut whole, body.len());
        whole.extend(body);
        whole
    }

    #[test]
    fn what_was_embedded_is_read_back_in_its_order() {
        let component = with_section(EMPTY, "name", b"anything");
        assert_eq!(embedded(&component).unwrap(), []);
        let whole = embed(&component, &files(&["b", "a"])).unwrap();
        assert!(whole.starts_with(&component), "nothing but the section was added");
        let names: Vec<_> = embedded(&whole).unwrap().into_iter().map(|(file, case)| (file, case.name)).collect();
        assert_eq!(names, [("b.json".to_owned(), "b".to_owned()), ("a.json".to_owned(), "a".to_owned())]);
    }

    #[test]
    fn cases_that_are_embedded_again_take_the_place_of_the_earlier_ones() {
        let once = embed(&with_section(EMPTY, "name", b"anything"), &files(&["a"])).unwrap();
        let later = with_section(&once, "producers", b"somebody");
        let twice = embed(&later, &files(&["b"])).unwrap();
        let names: Vec<_> = embedded(&twice).unwrap().into_iter().map(|(file, _)| file).collect();
        assert_eq!(names, ["b.json"]);
        let nothing_else = with_section(&with_section(EMPTY, "name", b"anything"), "producers", b"somebody");
        assert_eq!(without(&twice).unwrap(), nothing_else);
    }

    #[test]
    fn a_case_that_cannot_be_read_is_told_by_its_file() {
        let told = embed(EMPTY, &[("bad.json".to_owned(), b"{\"nam\": 1}".to_vec())]).unwrap_err().to_string();
        assert!(told.starts_with("bad.json: nam: unknown field `nam`"), "{told}");
        assert!(told.ends_with("(line 1, column 6)"), "{told}");
        let told = embedded(&with_section(EMPTY, SECTION, br#"{"bad.json":{"nam":1}}"#)).unwrap_err().to_string();
        assert!(told.starts_with("bad.json: nam: unknown field `nam`"), "{told}");
    }

    #[test]
    fn a_section_that_is_none_is_refused() {
        let told = |content: &[u8]| embedded(&with_section(EMPTY, SECTION, content)).unwrap_err().to_string();
        assert!(told(b"[]").contains("no JSON object of cases"));
        assert!(told(b"{").contains("no JSON object of cases"));
        assert!(told(&vec![b' '; MAX_SECTION_BYTES + 1]).contains("more than 1048576"));
        let twice = with_section(&with_section(EMPTY, SECTION, b"{}"), SECTION, b"{}");
        assert!(embedded(&twice).unwrap_err().to_string().contains("more than one section"));
        assert!(embedded(b"\0asm").unwrap_err().to_string().contains("cannot be read"));
    }

    #[test]
    fn there_is_a_most_of_cases() {
        let names: Vec<String> = (0..=MAX_CASES).map(|n| n.to_string()).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        assert_eq!(embedded(&embed(EMPTY, &files(&names[..MAX_CASES])).unwrap()).unwrap().len(), MAX_CASES);
        assert!(embed(EMPTY, &files(&names)).unwrap_err().to_string().contains("201 cases, more than 200"));
    }

    proptest! {
        #[test]
        fn no_bytes_bring_the_reader_down(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = embedded(&bytes);
            let _ = embedded(&[EMPTY, &bytes].concat());
        }

        #[test]
        fn a_length_is_read_as_it_was_written(length in 0..u32::MAX as usize) {
            let mut bytes = Vec::new();
            put_length(&mut bytes, length);
            prop_assert_eq!(super::length(&bytes), Some((length, &[][..])));
        }
    }
}
