//! From a resource to the values that cross: only what the manifest declares, by slot.

use muster_protocol::Document;
use muster_protocol::path::AttrPath;
use muster_protocol::schema::ResourceTypeDef;
use serde_json::{Map, Value};

/// Where one declared attribute stands in a document: its path with canonical names.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Slot {
    extension: Option<String>,
    /// `None`: the whole extension.
    attribute: Option<String>,
    sub: Option<String>,
}

/// One value that crosses.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Crossing<'a> {
    pub(crate) slot: u16,
    /// Which element of a multi-valued attribute it belongs to; 0 for the others.
    pub(crate) element: u16,
    pub(crate) leaf: Leaf<'a>,
}

/// A value as the contract has it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Leaf<'a> {
    Boolean(bool),
    Integer(i64),
    Decimal(f64),
    Text(&'a str),
    /// A whole complex attribute, or what is deeper than a sub-attribute.
    Json(String),
}

impl Slot {
    /// `None` if the path leads nowhere in this kind of resource.
    pub(crate) fn resolve(def: &ResourceTypeDef, path: &AttrPath) -> Option<Self> {
        let resolved = def.resolve(path)?;
        Some(Self {
            extension: resolved.extension.map(|schema| schema.id.clone()),
            attribute: resolved.attribute.map(|attribute| attribute.name.clone()),
            sub: resolved.sub.map(|sub| sub.name.clone()),
        })
    }
}

impl Slot {
    /// The name of the attribute, if it is not one of an extension.
    pub(crate) fn core_attribute(&self) -> Option<&str> {
        if self.extension.is_none() { self.attribute.as_deref() } else { None }
    }
}

/// The values of a document that stand in these slots; what is absent does not cross.
pub(crate) fn flatten<'a>(slots: &[Slot], document: &'a Document) -> Vec<Crossing<'a>> {
    let mut crossings = Vec::with_capacity(slots.len());
    for (number, slot) in (0..=u16::MAX).zip(slots) {
        cross(number, slot, &document.0, &mut crossings);
    }
    crossings
}

fn cross<'a>(number: u16, slot: &Slot, document: &'a Map<String, Value>, crossings: &mut Vec<Crossing<'a>>) {
    let mut crossed = |element, value| {
        if let Some(leaf) = leaf(value) {
            crossings.push(Crossing { slot: number, element, leaf });
        }
    };
    let holder = match &slot.extension {
        None => document,
        Some(extension) => match (document.get(extension), &slot.attribute) {
            (Some(Value::Object(holder)), Some(_)) => holder,
            (Some(whole), None) => return crossed(0, whole),
            (_, _) => return,
        },
    };
    let Some(value) = slot.attribute.as_ref().and_then(|attribute| holder.get(attribute)) else { return };
    let elements = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
    for (element, value) in (0..=u16::MAX).zip(elements) {
        let value = match &slot.sub {
            Some(sub) => value.get(sub),
            None => Some(value),
        };
        if let Some(value) = value {
            crossed(element, value);
        }
    }
}

fn leaf(value: &Value) -> Option<Leaf<'_>> {
    Some(match value {
        Value::Null => return None,
        Value::Bool(boolean) => Leaf::Boolean(*boolean),
        Value::Number(number) => match number.as_i64() {
            Some(integer) => Leaf::Integer(integer),
            None => Leaf::Decimal(number.as_f64()?),
        },
        Value::String(text) => Leaf::Text(text),
        Value::Array(_) | Value::Object(_) => Leaf::Json(value.to_string()),
    })
}

#[cfg(test)]
mod tests {
    use muster_protocol::ENTERPRISE_USER;
    use muster_protocol::schema::Registry;
    use serde_json::json;

    use super::*;

    fn user() -> Document {
        let Value::Object(map) = json!({
            "userName": "ada",
            "active": false,
            "title": "Countess",
            "name": { "givenName": "Ada", "familyName": "Byron" },
            "emails": [
                { "value": "ada@home.example", "type": "home" },
                { "value": "ada@example.com", "type": "work", "primary": true },
            ],
            ENTERPRISE_USER: { "department": "Engines", "manager": { "value": "42" } },
        }) else {
            unreachable!()
        };
        Document(map)
    }

    /// The crossings of `user()` for one path, as text: `element:value`.
    fn crossings(path: &str) -> Vec<String> {
        let registry = Registry::core();
        let def = registry.get("User").unwrap();
        let path = AttrPath::parse(path, &|urn| def.is_schema(urn)).unwrap();
        let slots = [Slot::resolve(def, &path).unwrap()];
        let document = user();
        let shown = |crossing: Crossing<'_>| {
            assert_eq!(crossing.slot, 0);
            match crossing.leaf {
                Leaf::Boolean(boolean) => format!("{}:{boolean}", crossing.element),
                Leaf::Integer(integer) => format!("{}:{integer}", crossing.element),
                Leaf::Decimal(decimal) => format!("{}:{decimal}", crossing.element),
                Leaf::Text(text) => format!("{}:{text}", crossing.element),
                Leaf::Json(json) => format!("{}:json {json}", crossing.element),
            }
        };
        flatten(&slots, &document).into_iter().map(shown).collect()
    }

    #[test]
    fn single_values_cross_as_what_they_are() {
        assert_eq!(crossings("username"), ["0:ada"]);
        assert_eq!(crossings("active"), ["0:false"]);
        assert_eq!(crossings("name.GIVENNAME"), ["0:Ada"]);
    }

    #[test]
    fn sub_attributes_of_one_element_share_its_number() {
        assert_eq!(crossings("emails.value"), ["0:ada@home.example", "1:ada@example.com"]);
        assert_eq!(crossings("emails.primary"), ["1:true"]);
    }

    #[test]
    fn whole_complex_attributes_cross_as_json() {
        assert_eq!(crossings("name"), [r#"0:json {"givenName":"Ada","familyName":"Byron"}"#]);
        assert_eq!(crossings("emails")[1], r#"1:json {"value":"ada@example.com","type":"work","primary":true}"#);
    }

    #[test]
    fn extensions_cross_by_path_or_whole() {
        assert_eq!(crossings(&format!("{ENTERPRISE_USER}:department")), ["0:Engines"]);
        assert_eq!(crossings(&format!("{ENTERPRISE_USER}:manager.value")), ["0:42"]);
        assert_eq!(crossings(&format!("{ENTERPRISE_USER}:manager")), [r#"0:json {"value":"42"}"#]);
        assert_eq!(crossings(ENTERPRISE_USER), [r#"0:json {"department":"Engines","manager":{"value":"42"}}"#]);
    }

    #[test]
    fn what_is_absent_does_not_cross() {
        assert_eq!(crossings("displayName"), [""; 0]);
        assert_eq!(crossings("phoneNumbers.value"), [""; 0]);
        assert_eq!(crossings(&format!("{ENTERPRISE_USER}:costCenter")), [""; 0]);
    }

    #[test]
    fn numbers_cross_as_integers_and_decimals() {
        assert_eq!(leaf(&json!(7)), Some(Leaf::Integer(7)));
        assert_eq!(leaf(&json!(-1.5)), Some(Leaf::Decimal(-1.5)));
        assert_eq!(leaf(&json!(u64::MAX)), Some(Leaf::Decimal(18_446_744_073_709_551_615.0)));
        assert_eq!(leaf(&Value::Null), None);
    }

    #[test]
    fn slots_are_numbered_as_declared() {
        let slot = |name: &str| Slot { extension: None, attribute: Some(name.to_owned()), sub: None };
        let document = user();
        let numbers: Vec<u16> = flatten(&[slot("title"), slot("nickName"), slot("userName")], &document)
            .iter()
            .map(|crossing| crossing.slot)
            .collect();
        assert_eq!(numbers, [0, 2]);
    }
}
