//! Configurations as operators write them. What is only written is shown as a word, and whoever writes back what he has read means what
//! stood there, and not the word.

use muster_model::{Binding, PluginDigest};
use muster_plugin::{HIDDEN, Problem};
use serde_json::Value;

use crate::{AdminError, Service};

/// How many places are told where the word stands for nothing.
const MAX_TOLD: usize = 20;

/// What is said of each.
const NOTHING_KEPT: &str =
    "must be the value itself; (hidden) stands for one that is kept already, and none is kept here";

/// What is said where another plugin would show what is hidden, and nobody has written a configuration for it.
const WOULD_BE_SHOWN: &str =
    "is hidden by the present plugin and would be shown by this one; give the configuration that this one is to have";

/// A place in a configuration where the word stands.
#[derive(Debug, PartialEq, Eq)]
struct Word {
    pointer: String,
    /// The entry of a list that it is in; of lists within lists the outermost.
    entry: Option<String>,
}

impl Service {
    /// The configuration that is meant for this plugin. Where it hides a value, the word for it stands for what the present binding has hidden
    /// at that very place; anywhere else it is refused: it is nobody's value.
    pub(crate) async fn meant(
        &self,
        plugin: &PluginDigest,
        written: Value,
        present: Option<&Binding>,
    ) -> Result<Value, AdminError> {
        let mut words = Vec::new();
        find(&written, &mut String::new(), None, &mut words);
        if words.is_empty() {
            return Ok(written);
        }
        let plugin = self.plugin(plugin).await?;
        // Without the words it is seen where the plugin puts them.
        let mut without = written.clone();
        for word in &words {
            put(&mut without, &word.pointer, Value::Null);
        }
        let hides = plugin.shown_config(&without);
        let present = present.map(|binding| (&binding.config, self.shown_config(&binding.plugin, &binding.config)));
        let mut meant = written.clone();
        let mut problems = Vec::new();
        for word in words {
            let kept = present.as_ref().and_then(|(kept, shown)| value_of(&word, &written, kept, shown));
            match kept.filter(|_| is_word(hides.pointer(&word.pointer))) {
                Some(kept) => put(&mut meant, &word.pointer, kept.clone()),
                None => problems.push(Problem { pointer: word.pointer, message: NOTHING_KEPT.to_owned() }),
            }
        }
        problems.truncate(MAX_TOLD);
        if problems.is_empty() { Ok(meant) } else { Err(AdminError::Config(problems)) }
    }

    /// The present configuration, for a plugin that is to decide with it. Refused where this one would show what the present one hides: of
    /// a present plugin that cannot be loaded that is all of it.
    pub(crate) async fn carried_over(&self, plugin: &PluginDigest, present: &Binding) -> Result<Value, AdminError> {
        let kept = &present.config;
        if *plugin == present.plugin {
            return Ok(kept.clone());
        }
        // Only what is loaded says what it hides; without it all of it is hidden.
        let _ = self.plugin(&present.plugin).await;
        let hidden = hidden_in(kept, &self.shown_config(&present.plugin, kept));
        if hidden.is_empty() {
            return Ok(kept.clone());
        }
        let problems = shown_of(&hidden, &self.plugin(plugin).await?.shown_config(kept));
        if problems.is_empty() { Ok(kept.clone()) } else { Err(AdminError::Config(problems)) }
    }
}

/// The places of a configuration that are hidden where it is shown so.
fn hidden_in(kept: &Value, shown: &Value) -> Vec<String> {
    let mut words = Vec::new();
    find(shown, &mut String::new(), None, &mut words);
    // The word itself, kept by mistake, is no secret.
    words.into_iter().map(|word| word.pointer).filter(|place| !is_word(kept.pointer(place))).collect()
}

/// Those of the places that are not hidden where the configuration is shown so: neither they nor what they are within.
fn shown_of(hidden: &[String], shown: &Value) -> Vec<Problem> {
    let is_hidden = |place: &&String| {
        let around = place.match_indices('/').filter_map(|(end, _)| place.get(..end));
        around.chain([place.as_str()]).any(|place| is_word(shown.pointer(place)))
    };
    let told = hidden.iter().filter(|place| !is_hidden(place)).take(MAX_TOLD);
    told.map(|place| Problem { pointer: place.clone(), message: WOULD_BE_SHOWN.to_owned() }).collect()
}

/// What a word stands for, in a configuration that is shown so.
fn value_of<'k>(word: &Word, written: &Value, kept: &'k Value, shown: &Value) -> Option<&'k Value> {
    // Of a list in which something was moved nobody knows which entry this one was.
    if let Some(entry) = &word.entry
        && written.pointer(entry) != shown.pointer(entry)
    {
        return None;
    }
    let value = kept.pointer(&word.pointer).filter(|_| is_word(shown.pointer(&word.pointer)));
    value.filter(|value| !is_word(Some(value)))
}

fn is_word(value: Option<&Value>) -> bool {
    value.and_then(Value::as_str) == Some(HIDDEN)
}

fn put(config: &mut Value, pointer: &str, value: Value) {
    if let Some(place) = config.pointer_mut(pointer) {
        *place = value;
    }
}

/// All places where the word stands.
fn find(config: &Value, pointer: &mut String, entry: Option<&str>, words: &mut Vec<Word>) {
    let end = pointer.len();
    match config {
        Value::String(text) if text == HIDDEN => {
            words.push(Word { pointer: pointer.clone(), entry: entry.map(str::to_owned) });
        }
        Value::Array(entries) => {
            for (index, value) in entries.iter().enumerate() {
                pointer.push('/');
                pointer.push_str(&index.to_string());
                let own = pointer.clone();
                find(value, pointer, entry.or(Some(&own)), words);
                pointer.truncate(end);
            }
        }
        Value::Object(members) => {
            for (name, value) in members {
                pointer.push('/');
                pointer.push_str(&name.replace('~', "~0").replace('/', "~1"));
                find(value, pointer, entry, words);
                pointer.truncate(end);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// What each word of `written` stands for, where `kept` is shown as `shown`.
    fn stand_for(written: &Value, kept: &Value, shown: &Value) -> Vec<Option<Value>> {
        let mut words = Vec::new();
        find(written, &mut String::new(), None, &mut words);
        words.iter().map(|word| value_of(word, written, kept, shown).cloned()).collect()
    }

    #[test]
    fn a_word_stands_for_what_is_hidden_at_that_very_place() {
        let kept = json!({ "a/b": { "c~d": "one" }, "region": "eu" });
        let shown = json!({ "a/b": { "c~d": HIDDEN }, "region": "eu" });
        assert_eq!(stand_for(&shown, &kept, &shown), [Some(json!("one"))]);
        let elsewhere = json!({ "a/b": HIDDEN, "region": HIDDEN, "other": HIDDEN });
        assert_eq!(stand_for(&elsewhere, &kept, &shown), [None, None, None]);
    }

    #[test]
    fn a_word_that_was_kept_by_mistake_is_no_value() {
        let shown = json!({ "key": HIDDEN });
        assert_eq!(stand_for(&shown, &shown, &shown), [None]);
    }

    #[test]
    fn what_is_hidden_is_carried_over_to_where_it_is_hidden_and_to_nowhere_else() {
        let kept = json!({ "api": { "key": "one", "url": "two" }, "pin": HIDDEN, "region": "eu" });
        let hidden =
            hidden_in(&kept, &json!({ "api": { "key": HIDDEN, "url": "two" }, "pin": HIDDEN, "region": "eu" }));
        assert_eq!(hidden, ["/api/key"], "a word that was kept by mistake is no secret");
        let places = |shown: Value| shown_of(&hidden, &shown).into_iter().map(|it| it.pointer).collect::<Vec<_>>();
        assert_eq!(places(json!({ "api": { "key": HIDDEN, "url": "two" } })), [""; 0]);
        assert_eq!(places(json!({ "api": HIDDEN, "region": "eu" })), [""; 0], "what is around it is hidden");
        assert_eq!(places(json!({ "api": { "key": "one", "url": HIDDEN } })), ["/api/key"]);
        assert_eq!(hidden_in(&kept, &muster_plugin::all_hidden(&kept)), ["/api", "/region"]);
    }

    #[test]
    fn in_a_list_it_stands_for_something_only_as_long_as_its_entry_is_the_same_one() {
        let kept = json!({ "of": [{ "name": "a", "key": "one" }, { "name": "b", "key": "two" }] });
        let shown = json!({ "of": [{ "name": "a", "key": HIDDEN }, { "name": "b", "key": HIDDEN }] });
        let longer = json!({ "of": [{ "name": "a", "key": HIDDEN }, { "name": "b", "key": HIDDEN }, { "name": "c" }] });
        assert_eq!(stand_for(&longer, &kept, &shown), [Some(json!("one")), Some(json!("two"))]);
        let without_the_first = json!({ "of": [{ "name": "b", "key": HIDDEN }] });
        assert_eq!(stand_for(&without_the_first, &kept, &shown), [None]);
    }
}
