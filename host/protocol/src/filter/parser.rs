use serde_json::Number;

use super::lexer::{Lexer, Token};
use super::{Filter, Literal, MAX_FILTER_BYTES, MAX_FILTER_DEPTH, MAX_FILTER_TERMS, Op, invalid};
use crate::dialect::{Profile, Rewrite, Rule, Tolerance};
use crate::error::{Invalid, ScimType};
use crate::path::{AttrPath, is_name};

impl Filter {
    /// Reads a filter, and answers what that needed; `is_schema` tells whether a URN, in any case, is a schema of the resource type.
    ///
    /// Beyond the grammar of RFC 7644 §3.4.2.2 it reads what identity providers send, as far as `profile` tolerates it: bare
    /// words as text, a comparison after a value path (`emails[type eq "work"].value eq "x"`), `not` without parentheses.
    pub fn parse(
        text: &str,
        is_schema: &dyn Fn(&str) -> bool,
        profile: &Profile,
    ) -> Result<(Self, Vec<Rewrite>), Invalid> {
        let mut tolerance = Tolerance::new(profile);
        let mut parser = Parser::new(text, 0, is_schema, &mut tolerance)?;
        let filter = parser.any_of()?;
        match parser.token {
            Token::End => Ok((filter, tolerance.rewrites)),
            _ => Err(parser.expected("'and', 'or' or the end of the filter")),
        }
    }

    /// Reads the filter that the bracket at byte `bracket` opens; also says at which byte the text goes on after it.
    pub(crate) fn parse_brackets(
        text: &str,
        bracket: usize,
        is_schema: &dyn Fn(&str) -> bool,
        tolerance: &mut Tolerance<'_>,
    ) -> Result<(Self, usize), Invalid> {
        let mut parser = Parser::new(text, bracket + 1, is_schema, tolerance)?;
        parser.inside_element = true;
        let filter = parser.any_of()?;
        match parser.token {
            Token::CloseElement => Ok((filter, parser.at + 1)),
            _ => Err(parser.expected("'and', 'or' or ']'")),
        }
    }
}

/// Recursive descent, one token ahead. What recurses passes [`Parser::deeper`] first.
struct Parser<'a, 't> {
    text: &'a str,
    lexer: Lexer<'a>,
    token: Token<'a>,
    /// The byte at which `token` starts.
    at: usize,
    is_schema: &'a dyn Fn(&str) -> bool,
    tolerance: &'a mut Tolerance<'t>,
    depth: usize,
    terms: usize,
    inside_element: bool,
}

impl<'a, 't> Parser<'a, 't> {
    fn new(
        text: &'a str,
        start: usize,
        is_schema: &'a dyn Fn(&str) -> bool,
        tolerance: &'a mut Tolerance<'t>,
    ) -> Result<Self, Invalid> {
        if text.len() - start > MAX_FILTER_BYTES {
            return Err(too_large(&format!("is longer than {MAX_FILTER_BYTES} bytes")));
        }
        let mut lexer = Lexer::new(text, start);
        let (token, at) = lexer.next()?;
        Ok(Self { text, lexer, token, at, is_schema, tolerance, depth: 0, terms: 0, inside_element: false })
    }

    /// `or` binds loosest.
    fn any_of(&mut self) -> Result<Filter, Invalid> {
        let mut filters = vec![self.all_of()?];
        while self.take("or")? {
            self.forgive(Rule::BeyondEqAnd, "or")?;
            filters.push(self.all_of()?);
        }
        Ok(single(filters).unwrap_or_else(Filter::Or))
    }

    fn all_of(&mut self) -> Result<Filter, Invalid> {
        let mut filters = vec![self.operand()?];
        while self.take("and")? {
            filters.push(self.operand()?);
        }
        Ok(single(filters).unwrap_or_else(Filter::And))
    }

    fn operand(&mut self) -> Result<Filter, Invalid> {
        if self.take("not")? {
            self.forgive(Rule::BeyondEqAnd, "not")?;
            // The parentheses that the grammar wants after `not` are no level of their own.
            let negated = if self.token == Token::OpenGroup {
                self.group()?
            } else {
                self.forgive(Rule::NotWithoutParentheses, "not")?;
                self.deeper(Self::operand)?
            };
            return Ok(Filter::Not(Box::new(negated)));
        }
        match self.token {
            Token::OpenGroup => self.group(),
            Token::Word(word) => self.attribute(word),
            _ => Err(self.expected("an attribute, 'not' or '('")),
        }
    }

    fn group(&mut self) -> Result<Filter, Invalid> {
        self.advance()?;
        let filter = self.deeper(Self::any_of)?;
        match self.token {
            Token::CloseGroup => self.advance()?,
            _ => return Err(self.expected("'and', 'or' or ')'")),
        }
        Ok(filter)
    }

    fn attribute(&mut self, word: &'a str) -> Result<Filter, Invalid> {
        let path = AttrPath::read(word, self.is_schema)
            .map_err(|rule| invalid(self.text, self.at, &format!("found an attribute path that {rule}")))?;
        if path.urn.as_ref().is_some_and(|urn| word.as_bytes().get(urn.len()) == Some(&b'.')) {
            self.forgive(Rule::LegacyDot, &path.to_string())?;
        }
        self.advance()?;
        if self.token == Token::OpenElement { self.element(path) } else { self.comparison(path) }
    }

    fn element(&mut self, path: AttrPath) -> Result<Filter, Invalid> {
        if self.inside_element {
            return Err(invalid(self.text, self.at, "found a value path inside a value path"));
        }
        self.advance()?;
        self.inside_element = true;
        let mut filter = self.deeper(Self::any_of)?;
        self.inside_element = false;
        match self.token {
            Token::CloseElement => self.advance()?,
            _ => return Err(self.expected("'and', 'or' or ']'")),
        }

        // `emails[type eq "work"].value eq "x"` (Entra; not in the grammar): the same element must satisfy both.
        if let Token::Word(word) = self.token
            && let Some(sub) = word.strip_prefix('.')
        {
            if !is_name(sub) {
                return Err(self.expected("the name of a sub-attribute after '.'"));
            }
            self.forgive(Rule::ValuePathContinued, &format!("{path}.{sub}"))?;
            self.advance()?;
            let after = self.comparison(AttrPath { urn: None, name: sub.to_owned(), sub: None })?;
            filter = match filter {
                Filter::And(mut filters) => {
                    filters.push(after);
                    Filter::And(filters)
                }
                other => Filter::And(vec![other, after]),
            };
        }
        Ok(Filter::Element { path, filter: Box::new(filter) })
    }

    fn comparison(&mut self, path: AttrPath) -> Result<Filter, Invalid> {
        self.terms += 1;
        if self.terms > MAX_FILTER_TERMS {
            return Err(too_large(&format!("has more than {MAX_FILTER_TERMS} comparisons")));
        }
        if self.take("pr")? {
            self.forgive(Rule::BeyondEqAnd, "pr")?;
            return Ok(Filter::Present(path));
        }
        let Token::Word(word) = self.token else { return Err(self.expected(OPERATOR)) };
        let Some(op) = Op::from_word(word) else { return Err(self.expected(OPERATOR)) };
        if word != op.as_str() {
            self.tolerance.apply_to_word(Rule::KeywordCase, "filter", word)?;
        }
        if op != Op::Eq {
            self.forgive(Rule::BeyondEqAnd, op.as_str())?;
        }
        self.advance()?;

        let literal = match std::mem::replace(&mut self.token, Token::End) {
            Token::Text(text) => Literal::Text(text),
            Token::Word(word) => {
                let (literal, as_written) = bare(word);
                if !as_written {
                    self.forgive(Rule::BareValue, &path.to_string())?;
                }
                literal
            }
            other => {
                self.token = other;
                return Err(self.expected("a value"));
            }
        };
        self.advance()?;
        Ok(Filter::Compare { path, op, literal })
    }

    /// Goes one level down, if there is one.
    fn deeper(&mut self, read: impl FnOnce(&mut Self) -> Result<Filter, Invalid>) -> Result<Filter, Invalid> {
        if self.depth == MAX_FILTER_DEPTH {
            return Err(too_large(&format!("is nested more than {MAX_FILTER_DEPTH} levels deep")));
        }
        self.depth += 1;
        let filter = read(self)?;
        self.depth -= 1;
        Ok(filter)
    }

    fn advance(&mut self) -> Result<(), Invalid> {
        (self.token, self.at) = self.lexer.next()?;
        Ok(())
    }

    fn take(&mut self, keyword: &str) -> Result<bool, Invalid> {
        let Token::Word(word) = self.token else { return Ok(false) };
        if !word.eq_ignore_ascii_case(keyword) {
            return Ok(false);
        }
        if word != keyword {
            self.tolerance.apply_to_word(Rule::KeywordCase, "filter", word)?;
        }
        self.advance()?;
        Ok(true)
    }

    /// Notes that the filter needs a rule here, or says where it breaks it.
    fn forgive(&mut self, rule: Rule, path: &str) -> Result<(), Invalid> {
        if let Some((_, sentence)) = self.tolerance.refusal(rule) {
            return Err(invalid(self.text, self.at, sentence));
        }
        // What the grammar has is no leniency to tell of: only few profiles do not serve it.
        if rule != Rule::BeyondEqAnd {
            self.tolerance.note(rule, path);
        }
        Ok(())
    }

    fn expected(&self, what: &str) -> Invalid {
        invalid(self.text, self.at, &format!("expected {what}"))
    }
}

const OPERATOR: &str = "an operator (eq, ne, co, sw, ew, gt, ge, lt, le or pr)";

fn too_large(rule: &str) -> Invalid {
    Invalid::new(ScimType::InvalidFilter, format!("the filter {rule}"))
}

/// The only filter of a list of one.
fn single(mut filters: Vec<Filter>) -> Result<Filter, Vec<Filter>> {
    match filters.pop() {
        Some(filter) if filters.is_empty() => Ok(filter),
        Some(filter) => {
            filters.push(filter);
            Err(filters)
        }
        None => Err(filters),
    }
}

/// A value without quotes: a keyword, a number, or text; and whether JSON writes it so.
///
/// A number is one only if it prints as it was written. `007`, `1e5` or an id of thirty digits stay text, which loses
/// nothing: the evaluator reads text as a number where the attribute is one.
fn bare(word: &str) -> (Literal, bool) {
    let is = |keyword: &str| word.eq_ignore_ascii_case(keyword);
    let as_written = |keyword: &str| word == keyword;
    if is("true") {
        (Literal::Boolean(true), as_written("true"))
    } else if is("false") {
        (Literal::Boolean(false), as_written("false"))
    } else if is("null") {
        (Literal::Null, as_written("null"))
    } else {
        match serde_json::from_str::<Number>(word) {
            Ok(number) if number.to_string() == word => (Literal::Number(number), true),
            Ok(_) => (Literal::Text(word.to_owned()), true),
            Err(_) => (Literal::Text(word.to_owned()), false),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::USER;

    fn parse(text: &str) -> Result<Filter, Invalid> {
        Filter::parse(text, &|urn| urn.eq_ignore_ascii_case(USER), &Profile::default()).map(|(filter, _)| filter)
    }

    fn canonical(text: &str) -> String {
        let filter = parse(text).unwrap();
        let printed = filter.to_string();
        assert_eq!(parse(&printed).unwrap(), filter, "{text}");
        printed
    }

    fn refused(text: &str) -> String {
        let invalid = parse(text).unwrap_err();
        assert_eq!(invalid.scim_type, ScimType::InvalidFilter);
        invalid.detail
    }

    #[test]
    fn every_example_of_rfc_7644_is_read_and_prints_as_it_stands() {
        for text in [
            r#"userName eq "bjensen""#,
            r#"name.familyName co "O'Malley""#,
            r#"urn:ietf:params:scim:schemas:core:2.0:User:userName sw "J""#,
            "title pr",
            r#"meta.lastModified gt "2011-05-13T04:42:34Z""#,
            r#"title pr and userType eq "Employee""#,
            r#"title pr or userType eq "Intern""#,
            r#"schemas eq "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User""#,
            r#"userType eq "Employee" and (emails co "example.com" or emails.value co "example.org")"#,
            r#"userType ne "Employee" and not (emails co "example.com" or emails.value co "example.org")"#,
            r#"userType eq "Employee" and (emails.type eq "work")"#,
            r#"userType eq "Employee" and emails[type eq "work" and value co "@example.com"]"#,
            r#"emails[type eq "work" and value co "@example.com"] or ims[type eq "xmpp" and value co "@foo.com"]"#,
        ] {
            assert_eq!(canonical(text).replace(['(', ')'], ""), text.replace(['(', ')'], ""));
        }
    }

    #[test]
    fn not_binds_before_and_and_and_before_or() {
        assert_eq!(canonical("a pr or b pr and not c pr"), "a pr or b pr and not (c pr)");
        assert_eq!(canonical("(a pr or b pr) and c pr"), "(a pr or b pr) and c pr");
        assert_eq!(canonical("not a pr and b pr"), "not (a pr) and b pr");
        assert_eq!(canonical("not (a pr and b pr)"), "not (a pr and b pr)");
        assert_eq!(canonical("not not(not a[b pr])"), "not (not (not (a[b pr])))");
        assert_eq!(canonical("((a pr))"), "a pr");
        let Filter::Or(branches) = parse("a pr and b pr or c pr and d pr or e pr").unwrap() else { panic!() };
        assert_eq!(branches.len(), 3);
    }

    #[test]
    fn keywords_are_read_in_any_case() {
        assert_eq!(
            canonical(r#"UserName Eq "A" AND NOT (active EQ TRUE Or email Co "x") and title PR and x ne NULL"#),
            r#"UserName eq "A" and not (active eq true or email co "x") and title pr and x ne null"#
        );
    }

    #[test]
    fn what_entra_writes_after_a_value_path_becomes_part_of_it() {
        assert_eq!(
            canonical(r#"emails[type eq "work"].value eq "ada@example.com""#),
            r#"emails[type eq "work" and value eq "ada@example.com"]"#
        );
        assert_eq!(
            canonical(r#"emails[type eq "a" or type eq "b"].value pr and active eq true"#),
            r#"emails[(type eq "a" or type eq "b") and value pr] and active eq true"#
        );
        assert_eq!(
            canonical(r"emails[type eq work and primary eq true].value sw a"),
            r#"emails[type eq "work" and primary eq true and value sw "a"]"#
        );
    }

    #[test]
    fn bare_words_dates_and_addresses_are_text() {
        assert_eq!(canonical("userName eq ada"), r#"userName eq "ada""#);
        assert_eq!(canonical("externalId eq 0f1c9d2e-2a3b"), r#"externalId eq "0f1c9d2e-2a3b""#);
        assert_eq!(canonical("userName eq o'brien+x@example.com"), r#"userName eq "o'brien+x@example.com""#);
        assert_eq!(
            canonical("meta.Created gt 2015-10-10T14:38:21.8617979-07:00"),
            r#"meta.Created gt "2015-10-10T14:38:21.8617979-07:00""#
        );
        assert_eq!(
            canonical("name.FamilyName eq Employee and (emails.Value co example.com or emails.Value co test.com)"),
            r#"name.FamilyName eq "Employee" and (emails.Value co "example.com" or emails.Value co "test.com")"#
        );
    }

    #[test]
    fn a_bare_number_is_a_number_unless_that_would_change_it() {
        let literal = |text: &str| match parse(&format!("a eq {text}")).unwrap() {
            Filter::Compare { literal, .. } => literal,
            other => panic!("{other}"),
        };
        assert_eq!(literal("42"), Literal::Number(42.into()));
        assert_eq!(literal("-0.5"), Literal::Number(Number::from_f64(-0.5).unwrap()));
        for text in ["007", "1e5", "123456789012345678901234567890", "1.50", "+1"] {
            assert_eq!(literal(text), Literal::Text(text.into()));
        }
    }

    #[test]
    fn a_refusal_says_what_was_expected_and_where() {
        for (text, detail) in [
            ("", "expected an attribute, 'not' or '(' at character 1"),
            ("é", "found an attribute path that is not an attribute"),
            ("userName", "expected an operator (eq, ne, co, sw, ew, gt, ge, lt, le or pr) at character 9"),
            ("userName is \"ada\"", "expected an operator (eq, ne, co, sw, ew, gt, ge, lt, le or pr) at character 10"),
            ("userName eq", "expected a value at character 12"),
            ("userName eq (", "expected a value at character 13"),
            ("displayName eq Ada Byron", "expected 'and', 'or' or the end of the filter at character 20"),
            ("name.givenName eq \"Zoë\" )", "expected 'and', 'or' or the end of the filter at character 25"),
            ("(title pr", "expected 'and', 'or' or ')' at character 10"),
            ("title pr and", "expected an attribute, 'not' or '(' at character 13"),
            ("emails[type eq \"work\"", "expected 'and', 'or' or ']' at character 22"),
            ("emails[]", "expected an attribute, 'not' or '(' at character 8"),
            ("emails[type pr].1 pr", "expected the name of a sub-attribute after '.' at character 16"),
            (
                "emails[type pr].value",
                "expected an operator (eq, ne, co, sw, ew, gt, ge, lt, le or pr) at character 22",
            ),
            ("emails[a[b pr]]", "found a value path inside a value path at character 9"),
            ("a[b pr]c pr", "expected 'and', 'or' or the end of the filter at character 8"),
            ("\"userName\" eq \"ada\"", "expected an attribute, 'not' or '(' at character 1"),
            ("a..b pr", "found an attribute path that is not an attribute"),
            ("a eq x\u{1}", "found a control character at character 6"),
        ] {
            let refused = refused(text);
            assert!(refused.starts_with(&format!("the filter is not valid: {detail}")), "{text}: {refused}");
        }
    }

    #[test]
    fn a_filter_has_a_longest_length() {
        let filter = |length: usize| format!("userName eq {}", "x".repeat(length - 12));
        assert!(parse(&filter(MAX_FILTER_BYTES)).is_ok());
        assert_eq!(refused(&filter(MAX_FILTER_BYTES + 1)), "the filter is longer than 8192 bytes");
        refused(&"(".repeat(100_000));
    }

    #[test]
    fn nesting_ends_at_the_limit_however_it_is_written() {
        let nested =
            |open: &str, close: &str, depth: usize| format!("{}a pr{}", open.repeat(depth), close.repeat(depth));
        for (open, close) in [("(", ")"), ("not ", ""), ("not(", ")")] {
            assert!(parse(&nested(open, close, MAX_FILTER_DEPTH)).is_ok(), "{open}");
            assert_eq!(
                refused(&nested(open, close, MAX_FILTER_DEPTH + 1)),
                "the filter is nested more than 16 levels deep",
                "{open}"
            );
            refused(&nested(open, close, 1500));
        }
        assert!(parse(&nested("(", ")", MAX_FILTER_DEPTH - 1).replace("a pr", "a[b pr]")).is_ok());
        assert!(parse(&nested("(", ")", MAX_FILTER_DEPTH).replace("a pr", "a[b pr]")).is_err());
        refused(&"a[".repeat(4000));
        refused(&"a pr and (".repeat(800));
    }

    #[test]
    fn what_is_hostile_is_refused_before_it_costs_anything() {
        let began = std::time::Instant::now();
        for piece in
            ["(", "not(", "not ", "a pr and ", "a pr or ", "a[", "a[b pr].c pr and ", "\"\\", "a:", "a.", "eq ", "é"]
        {
            let endless = piece.repeat(100_000);
            refused(&endless);
            for fits in [MAX_FILTER_BYTES / piece.len(), MAX_FILTER_BYTES / piece.len() - 1] {
                refused(&piece.repeat(fits));
            }
        }
        // Thirty-six filters as long as they may be; a whole second only because other tests run beside this one.
        assert!(began.elapsed() < std::time::Duration::from_secs(1), "{:?}", began.elapsed());
    }

    #[test]
    fn the_number_of_comparisons_ends_at_the_limit() {
        let filter = |terms: usize| vec!["a pr"; terms].join(" or ");
        assert!(parse(&filter(MAX_FILTER_TERMS)).is_ok());
        assert_eq!(refused(&filter(MAX_FILTER_TERMS + 1)), "the filter has more than 128 comparisons");
        assert!(parse(&format!("a[{}].c pr", filter(MAX_FILTER_TERMS - 1))).is_ok());
        assert!(parse(&format!("a[{}].c pr", filter(MAX_FILTER_TERMS))).is_err());
    }
}
