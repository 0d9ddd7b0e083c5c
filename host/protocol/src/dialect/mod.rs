//! What identity providers send that the RFCs do not foresee, one [`Rule`] a leniency.
//!
//! Every rule that was needed for a request is told as a [`Rewrite`], so that an administrator can see what their identity
//! provider really sends; a [`Profile`] says which of them a tenant forgives. Start with the table in `rules.rs`; `profiles.json`
//! has a profile for each identity provider, and `coerce` is where values are bent into their schema.

pub(crate) mod coerce;
pub(crate) mod list;
mod profiles;
mod rules;
#[cfg(test)]
mod tests;

pub use coerce::{MAX_IDENTIFIER_BYTES, MAX_TEXT_BYTES, accepts};
pub use list::MAX_ELEMENTS;
pub use profiles::{Profile, Rules};
pub use rules::{About, Rule};
use serde::{Deserialize, Serialize};

use crate::error::{Invalid, ScimType};

/// One leniency that one request needed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rewrite {
    /// What was tolerated.
    pub rule: Rule,
    /// Where: the attribute, never its value.
    pub path: String,
    /// The word that was sent, where there are only a few that it can be: `False`, `Replace`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub word: Option<String>,
}

impl Rewrite {
    /// The rule that was needed at this path.
    pub fn new(rule: Rule, path: &str) -> Self {
        Self { rule, path: shown(path), word: None }
    }

    /// As a sentence: `Entra by default: active "False", text read as boolean`.
    pub fn says(&self) -> String {
        let About { who, says, .. } = self.rule.about();
        match &self.word {
            Some(word) => format!("{who}: {} \"{word}\", {says}", self.path),
            None => format!("{who}: {}, {says}", self.path),
        }
    }
}

/// The most leniencies that are told of one request; what comes after is tolerated all the same.
pub const MAX_REWRITES: usize = 100;

/// The most characters that are told of a path: an unknown name can be of any length.
const MAX_PATH: usize = 200;

/// A path without what its filters compare with, which can be anybody's address: `emails[...].value`.
fn shown(path: &str) -> String {
    let (mut told, mut depth) = (String::new(), 0_usize);
    for c in path.chars().take(MAX_PATH) {
        match c {
            '[' => {
                if depth == 0 {
                    told.push_str("[...]");
                }
                depth += 1;
            }
            ']' => depth = depth.saturating_sub(1),
            _ if depth == 0 => told.push(c),
            _ => {}
        }
    }
    told
}

/// What was tolerated so far in one request.
#[derive(Debug)]
pub(crate) struct Tolerance<'a> {
    profile: &'a Profile,
    pub(crate) rewrites: Vec<Rewrite>,
}

impl<'a> Tolerance<'a> {
    pub(crate) fn new(profile: &'a Profile) -> Self {
        Self { profile, rewrites: Vec::new() }
    }

    /// Notes that `rule` is needed at `path`; in a profile that does not tolerate it that is a refusal instead.
    pub(crate) fn apply(&mut self, rule: Rule, path: &str) -> Result<(), Invalid> {
        if let Some((scim_type, sentence)) = self.refusal(rule) {
            return Err(Invalid::new(scim_type, format!("{} {sentence}", shown(path))));
        }
        self.note(rule, path);
        Ok(())
    }

    /// As [`Self::apply`], in a filter: whatever is wrong with one is [`ScimType::InvalidFilter`].
    pub(crate) fn apply_in_filter(&mut self, rule: Rule, path: &str) -> Result<(), Invalid> {
        self.apply(rule, path).map_err(|invalid| Invalid { scim_type: ScimType::InvalidFilter, ..invalid })
    }

    /// As [`Self::apply`], with the word that was sent: one of a few that the rule is about, so that it tells nothing else.
    pub(crate) fn apply_to_word(&mut self, rule: Rule, path: &str, word: &str) -> Result<(), Invalid> {
        self.apply(rule, path)?;
        let path = shown(path);
        if let Some(last) = self.rewrites.iter_mut().find(|it| it.rule == rule && it.word.is_none() && it.path == path)
        {
            last.word = Some(word.to_owned());
        }
        Ok(())
    }

    /// What is answered if this rule is needed and not tolerated.
    pub(crate) fn refusal(&self, rule: Rule) -> Option<(ScimType, &'static str)> {
        if self.profile.tolerates(rule) { None } else { rule.about().refusal }
    }

    /// Notes a rule that every profile tolerates; the same rule at the same place counts once.
    pub(crate) fn note(&mut self, rule: Rule, path: &str) {
        self.tell(Rewrite::new(rule, path));
    }

    /// Notes what another reader needed.
    pub(crate) fn tell(&mut self, rewrite: Rewrite) {
        let is_told = self.rewrites.iter().any(|told| told.rule == rewrite.rule && told.path == rewrite.path);
        if self.rewrites.len() < MAX_REWRITES && !is_told {
            self.rewrites.push(rewrite);
        }
    }
}
