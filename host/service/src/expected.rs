use muster_model::Version;

use crate::ScimError;

/// Under which conditions a client wants its request carried out: `If-Match` and `If-None-Match` (RFC 7644 §3.14, RFC 9110 §13).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Expected {
    /// Only if the resource has one of these tags.
    pub if_match: Option<Tags>,
    /// Only if it has none of these.
    pub if_none_match: Option<Tags>,
}

/// The entity tags of a condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tags {
    /// `*`: whatever there is.
    Any,
    /// What stands between the quotes of each. SCIM's tags are weak, and compared as such (RFC 7644 §3.14 has them in `If-Match`).
    OneOf(Vec<String>),
}

impl Expected {
    /// The same as the one header `If-Match`: what `version` of an operation in bulk means (RFC 7644 §3.7).
    pub fn version(tag: &str) -> Self {
        Self { if_match: Tags::read([Some(tag)]), if_none_match: None }
    }

    /// Whether there must be a resource already.
    pub(crate) const fn wants_one(&self) -> bool {
        self.if_match.is_some()
    }

    /// Whether that must not change between the check and the write. `*` is content with any version, and a version that `If-None-Match`
    /// refuses never comes back.
    pub(crate) const fn names_versions(&self) -> bool {
        matches!(self.if_match, Some(Tags::OneOf(_)))
    }

    /// 412 if a resource of this version is not one that the client would have changed, or deleted.
    ///
    /// A tag also tells which groups a user is shown with; these are not what is written, so the version decides. For the members of a
    /// group there is [`Self::check_members`].
    pub(crate) fn check(&self, version: Version) -> Result<(), ScimError> {
        let has = |tags: &Tags| tags.has(&|tag| Version::of_tag(tag) == Some(version));
        if self.if_match.as_ref().is_some_and(|tags| !has(tags)) || self.if_none_match.as_ref().is_some_and(has) {
            return Err(ScimError::PreconditionFailed);
        }
        Ok(())
    }

    /// 412 if the client has been shown other members of a group than it would be shown now, by a tag that tells so: what it writes of the
    /// whole group is about those, and would remove who shows since. A tag that tells no members is left to the version.
    pub(crate) fn check_members(&self, version: Version, etag: &str) -> Result<(), ScimError> {
        let Some(Tags::OneOf(tags)) = &self.if_match else { return Ok(()) };
        let is_so = |tag: &String| tag == inner(etag) || !tag.contains('.') && Version::of_tag(tag) == Some(version);
        if tags.iter().any(is_so) { Ok(()) } else { Err(ScimError::PreconditionFailed) }
    }

    /// What the conditions make of a read: whether the client has this representation already, or 412.
    pub(crate) fn check_read(&self, version: Version, etag: &str) -> Result<bool, ScimError> {
        Self { if_match: self.if_match.clone(), if_none_match: None }.check(version)?;
        let own = inner(etag);
        Ok(self.if_none_match.as_ref().is_some_and(|tags| tags.has(&|tag| tag == own)))
    }
}

impl Tags {
    /// Reads the lines of a header; `None` if there is none. What is no tag matches nothing, and says so by being there: `None` in `lines`
    /// is a line that is no text.
    pub fn read<'v>(lines: impl IntoIterator<Item = Option<&'v str>>) -> Option<Self> {
        let mut lines = lines.into_iter().peekable();
        lines.peek()?;
        let lines: Vec<&str> = lines.map(Option::unwrap_or_default).collect();
        if let [only] = lines.as_slice()
            && only.trim() == "*"
        {
            return Some(Self::Any);
        }
        Some(Self::OneOf(lines.into_iter().flat_map(listed).collect()))
    }

    fn has(&self, is: &dyn Fn(&str) -> bool) -> bool {
        match self {
            Self::Any => true,
            Self::OneOf(tags) => tags.iter().any(|tag| is(tag)),
        }
    }
}

/// The tags of one line. A comma within quotes belongs to the tag (RFC 9110 §8.8.3); quotes that a client forgot are forgiven.
fn listed(line: &str) -> Vec<String> {
    let (mut tags, mut quoted) = (vec![String::new()], false);
    for c in line.chars() {
        if c == ',' && !quoted {
            tags.push(String::new());
            continue;
        }
        quoted ^= c == '"';
        tags.last_mut().into_iter().for_each(|tag| tag.push(c));
    }
    tags.iter().map(|tag| inner(tag.trim()).to_owned()).filter(|tag| !tag.is_empty()).collect()
}

fn inner(tag: &str) -> &str {
    let tag = tag.strip_prefix("W/").unwrap_or(tag);
    tag.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn if_match(lines: &[&str]) -> Expected {
        Expected { if_match: Tags::read(lines.iter().copied().map(Some)), if_none_match: None }
    }

    fn if_none_match(lines: &[&str]) -> Expected {
        Expected { if_none_match: Tags::read(lines.iter().copied().map(Some)), if_match: None }
    }

    fn holds(expected: &Expected, version: u64) -> bool {
        expected.check(Version(version)).is_ok()
    }

    #[test]
    fn if_match_reads_weak_and_strong_tags_and_lists() {
        assert!(holds(&Expected::default(), 3));
        for lines in [
            &["*"][..],
            &["W/\"3\""],
            &["\"3\""],
            &["3"],
            &["\"2\", W/\"3\""],
            &["\"2\",\"3\""],
            &["\"2\"", " W/\"3\" "],
            &["W/\"3.9f86d081884c7d65\""],
            &["\"a,b\", \"3\""],
        ] {
            assert!(holds(&if_match(lines), 3), "{lines:?}");
        }
    }

    #[test]
    fn what_is_no_tag_of_this_version_matches_nothing() {
        for line in [
            "", " ", "W/\"4\"", "W/\"03\"", "W/\"+3\"", "\"3", "3\"", "w/\"3\"", "*, \"4\"", "\"*\"", "\"a,3\"", ",,,",
            "W/",
        ] {
            assert!(!holds(&if_match(&[line]), 3), "{line:?}");
        }
        let no_text = Expected { if_match: Tags::read([None]), if_none_match: None };
        assert!(!holds(&no_text, 3));
    }

    #[test]
    fn what_is_written_of_all_members_is_about_those_whom_the_tag_was_told_with() {
        let (shown, others) = ("W/\"3.9f86d081884c7d65\"", "W/\"3.0123456789abcdef\"");
        let holds = |expected: &Expected| expected.check_members(Version(3), shown).is_ok();

        for lines in [&[shown][..], &["\"3.9f86d081884c7d65\""], &["*"], &["W/\"3\""], &[others, shown]] {
            assert!(holds(&if_match(lines)), "{lines:?}");
        }
        assert!(holds(&Expected::default()) && holds(&if_none_match(&[others])));
        for tag in [others, "W/\"2\"", "W/\"2.9f86d081884c7d65\"", "garbage"] {
            assert!(!holds(&if_match(&[tag])), "{tag}");
        }
    }

    #[test]
    fn if_none_match_refuses_a_write_where_the_tag_is_there() {
        assert!(!holds(&if_none_match(&["*"]), 3));
        assert!(!holds(&if_none_match(&["W/\"3\""]), 3));
        assert!(holds(&if_none_match(&["W/\"2\""]), 3));
        assert!(holds(&if_none_match(&["garbage"]), 3));
    }

    #[test]
    fn a_read_is_not_modified_only_where_the_whole_tag_is_the_same() {
        let etag = Version(3).etag();
        let known = |expected: &Expected| expected.check_read(Version(3), &etag).unwrap();

        assert!(known(&if_none_match(&["W/\"3\""])));
        assert!(known(&if_none_match(&["*"])));
        assert!(!known(&if_none_match(&["W/\"3.9f86d081884c7d65\""])));
        assert!(!known(&Expected::default()));
        assert!(if_match(&["\"4\""]).check_read(Version(3), &etag).is_err());
    }
}
