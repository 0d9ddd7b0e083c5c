//! Paths and filters as clients write them, without what is not known to be harmless: names that no attribute has, and literals by the
//! attribute that they are compared with.

use muster_protocol::filter::{Filter, Literal};
use muster_protocol::path::{AttrPath, PatchPath};
use serde_json::Value;

use super::redact::{At, Level, Redactor, name_of};
use super::unsaid::is_common;

impl Redactor<'_> {
    /// The path of a PATCH operation, and where its value stands then.
    pub(super) fn path<'v>(&mut self, text: &'v str) -> (String, At<'v>) {
        let unknown = At { level: Level::Unknown, names: vec![text] };
        let path = PatchPath::parse(text, &|urn| self.is_schema(urn));
        let Some(path) = path.ok().filter(|path| self.is_known(&path.attr)) else {
            return (self.hide(text), unknown);
        };
        let mut shown = path.attr.to_string();
        if let Some(filter) = &path.filter {
            shown = format!("{shown}[{}]", self.filter(filter, Some(&path.attr)));
        }
        let mut attr = path.attr;
        if let Some(sub) = path.sub {
            attr.sub = Some(sub.clone());
            if !self.is_known(&attr) {
                self.unsaid.note(&sub);
                return (self.sentence(format!("{shown}.{}", name_of(&sub))), unknown);
            }
            shown = format!("{shown}.{sub}");
        }
        let level = match &attr {
            AttrPath { urn: Some(urn), name, .. } if name.is_empty() => Level::Extension(urn.clone()),
            _ => Level::Attribute(attr),
        };
        (self.sentence(shown), At { level, names: vec![text] })
    }

    /// A filter as a client wrote it, without what it compares with where that is not kept.
    pub(super) fn filter_text(&mut self, text: &str) -> String {
        let profile = self.profile();
        match Filter::parse(text, &|urn| self.is_schema(urn), &profile) {
            Ok((filter, _)) => {
                let shown = self.filter(&filter, None).to_string();
                self.sentence(shown)
            }
            Err(_) => self.hide(text),
        }
    }

    /// The name of an attribute as a client wrote it, if the tenant has such a one.
    pub(super) fn attribute_name(&mut self, text: &str) -> String {
        let path = AttrPath::parse(text, &|urn| self.is_schema(urn));
        if path.is_ok_and(|path| self.is_known(&path)) { text.to_owned() } else { self.hide(text) }
    }

    /// Whether it leads to an attribute, or is the URN of an extension.
    fn is_known(&self, path: &AttrPath) -> bool {
        match &path.urn {
            Some(urn) if path.name.is_empty() => self.is_schema(urn),
            Some(_) | None => self.has(path),
        }
    }

    /// `within`: what the filter is about the elements of.
    fn filter(&mut self, filter: &Filter, within: Option<&AttrPath>) -> Filter {
        match filter {
            Filter::And(all) => Filter::And(all.iter().map(|one| self.filter(one, within)).collect()),
            Filter::Or(any) => Filter::Or(any.iter().map(|one| self.filter(one, within)).collect()),
            Filter::Not(one) => Filter::Not(Box::new(self.filter(one, within))),
            Filter::Present(path) => Filter::Present(self.told(path, within)),
            Filter::Element { path, filter } => {
                let told = self.told(path, within);
                Filter::Element { path: told, filter: Box::new(self.filter(filter, Some(path))) }
            }
            Filter::Compare { path, op, literal } => {
                let literal = self.literal(path, within, literal);
                Filter::Compare { path: self.told(path, within), op: *op, literal }
            }
        }
    }

    /// What a path means: between brackets it is a sub-attribute of what stands before them, and has none of its own.
    fn meant(&self, path: &AttrPath, within: Option<&AttrPath>) -> Option<AttrPath> {
        let meant = match within {
            Some(list) if path.urn.is_none() && path.sub.is_none() && list.sub.is_none() => {
                AttrPath { sub: Some(path.name.clone()), ..list.clone() }
            }
            Some(_) => return None,
            None => path.clone(),
        };
        self.is_known(&meant).then_some(meant)
    }

    /// A path in a filter. Of one that no attribute has nothing but its length is kept.
    fn told(&mut self, path: &AttrPath, within: Option<&AttrPath>) -> AttrPath {
        let is_common = path.urn.is_none() && is_common(&path.name) && path.sub.as_deref().is_none_or(is_common);
        if is_common || self.meant(path, within).is_some() {
            return path.clone();
        }
        let text = path.to_string();
        for part in [text.as_str(), &path.name].into_iter().chain(path.sub.as_deref()).chain(path.urn.as_deref()) {
            self.unsaid.note(part);
        }
        AttrPath { urn: None, name: name_of(&text), sub: None }
    }

    fn literal(&mut self, path: &AttrPath, within: Option<&AttrPath>, literal: &Literal) -> Literal {
        let value = match literal {
            Literal::Text(text) => Value::String(text.clone()),
            Literal::Number(number) => Value::Number(number.clone()),
            Literal::Boolean(boolean) => Value::Bool(*boolean),
            Literal::Null => return Literal::Null,
        };
        let level = self.meant(path, within).map_or(Level::Unknown, Level::Attribute);
        let paths = within.into_iter().chain([path]);
        let names = paths.flat_map(|path| [Some(path.name.as_str()), path.sub.as_deref()]).flatten().collect();
        match self.simple(&At { level, names }, &value) {
            Value::String(text) => Literal::Text(text),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => literal.clone(),
        }
    }
}
