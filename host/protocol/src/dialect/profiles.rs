use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use super::Rule;

/// Which rules a tenant's requests may need: the dialect of one identity provider, or of the RFCs alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Profile {
    /// What an operator sets.
    pub name: &'static str,
    /// Whose dialect it is.
    pub title: &'static str,
    /// Where that is told: sections of the notes on identity providers' traffic, RFCs, drafts.
    pub source: &'static str,
    /// What it forgives, beside what every profile does.
    pub tolerates: Rules,
}

/// A set of rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rules(u128);

const _: () = assert!(Rule::ALL.len() <= u128::BITS as usize, "a rule is a bit of a set");

impl Rules {
    /// Whether the rule is one of them.
    pub const fn contains(self, rule: Rule) -> bool {
        self.0 & (1 << rule as u32) != 0
    }

    /// Each of them, in the order of the table.
    pub fn iter(self) -> impl Iterator<Item = Rule> {
        Rule::ALL.iter().copied().filter(move |rule| self.contains(*rule))
    }
}

impl FromIterator<Rule> for Rules {
    fn from_iter<I: IntoIterator<Item = Rule>>(rules: I) -> Self {
        Self(rules.into_iter().fold(0, |set, rule| set | (1 << rule as u32)))
    }
}

impl Serialize for Rules {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

/// A profile as the data file has it.
#[derive(Debug, Deserialize)]
struct Entry {
    name: &'static str,
    title: &'static str,
    source: &'static str,
    tolerates: Tolerates,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Tolerates {
    Every(Every),
    These(Vec<Rule>),
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Every {
    All,
}

static PROFILES: LazyLock<Vec<Profile>> = LazyLock::new(|| {
    let read = |Entry { name, title, source, tolerates }| {
        let tolerates = match tolerates {
            Tolerates::Every(Every::All) => Rule::ALL.iter().copied().collect(),
            Tolerates::These(rules) => rules.into_iter().collect(),
        };
        Profile { name, title, source, tolerates }
    };
    entries().into_iter().map(read).collect()
});

#[expect(clippy::expect_used, reason = "compiled in, and read by every test")]
fn entries() -> Vec<Entry> {
    serde_json::from_str(include_str!("profiles.json")).expect("profiles.json is a list of profiles")
}

/// What a tenant has when nobody chose: everything is forgiven.
const DEFAULT: &str = "default";
const STRICT: &str = "strict-rfc";

impl Default for Profile {
    fn default() -> Self {
        let everything =
            || Self { name: DEFAULT, title: "Everybody", source: "", tolerates: Rule::ALL.iter().copied().collect() };
        Self::named(DEFAULT).copied().unwrap_or_else(everything)
    }
}

impl Profile {
    /// The profile of this name.
    pub fn named(name: &str) -> Option<&'static Self> {
        Self::all().find(|profile| profile.name == name)
    }

    /// Every profile, the default first.
    pub fn all() -> impl Iterator<Item = &'static Self> {
        PROFILES.iter()
    }

    /// Forgives only what the RFCs ask for, or what costs nothing.
    pub fn strict() -> Self {
        Self::named(STRICT).copied().unwrap_or(Self {
            name: STRICT,
            title: STRICT,
            source: "",
            tolerates: Rules::default(),
        })
    }

    /// Whether a request may need this rule.
    pub const fn tolerates(&self, rule: Rule) -> bool {
        !rule.is_refusable() || self.tolerates.contains(rule)
    }
}
