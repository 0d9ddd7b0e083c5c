use super::invalid;
use crate::error::Invalid;

/// One piece of a filter.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token<'a> {
    OpenGroup,
    CloseGroup,
    OpenElement,
    CloseElement,
    /// A JSON string, unescaped.
    Text(String),
    /// Anything else up to a blank, bracket or quote: a path, an operator, a number, a bare value (Entra's `externalId eq ada`).
    Word(&'a str),
    End,
}

/// Cuts a filter into tokens, one at a time.
#[derive(Debug)]
pub(super) struct Lexer<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Lexer<'a> {
    pub(super) const fn new(text: &'a str, at: usize) -> Self {
        Self { text, at }
    }

    /// The next token and the byte at which it starts.
    pub(super) fn next(&mut self) -> Result<(Token<'a>, usize), Invalid> {
        let rest = self.text[self.at..].trim_start();
        let start = self.text.len() - rest.len();
        let (token, length) = match rest.chars().next() {
            None => (Token::End, 0),
            Some('(') => (Token::OpenGroup, 1),
            Some(')') => (Token::CloseGroup, 1),
            Some('[') => (Token::OpenElement, 1),
            Some(']') => (Token::CloseElement, 1),
            Some('"') => self.text(rest, start)?,
            Some(_) => {
                let word = rest.split(|c: char| c.is_whitespace() || "()[]\"".contains(c)).next().unwrap_or(rest);
                if word.contains(char::is_control) {
                    return Err(invalid(self.text, start, "found a control character"));
                }
                (Token::Word(word), word.len())
            }
        };
        self.at = start + length;
        Ok((token, start))
    }

    fn text(&self, rest: &'a str, start: usize) -> Result<(Token<'a>, usize), Invalid> {
        let mut escaped = false;
        let closing = rest.bytes().skip(1).position(|byte| {
            let closes = byte == b'"' && !escaped;
            escaped = byte == b'\\' && !escaped;
            closes
        });
        let Some(length) = closing.map(|at| at + 2) else {
            return Err(invalid(self.text, start, "found a string without its closing quote"));
        };
        match serde_json::from_str::<String>(&rest[..length]) {
            Ok(text) if !text.contains('\0') => Ok((Token::Text(text), length)),
            Ok(_) | Err(_) => Err(invalid(self.text, start, "found a string that is not a JSON string without NUL")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(text: &str) -> Vec<Token<'_>> {
        let mut lexer = Lexer::new(text, 0);
        std::iter::from_fn(|| Some(lexer.next().unwrap().0).filter(|token| *token != Token::End)).collect()
    }

    #[test]
    fn brackets_and_quotes_need_no_blanks_around_them() {
        use Token::{CloseElement, CloseGroup, OpenElement, OpenGroup, Text, Word};
        assert_eq!(
            tokens("not(a[b\u{A0}eq\"x y\"].c\t eq 2015-10-10T14:38:21.86-07:00)"),
            [
                Word("not"),
                OpenGroup,
                Word("a"),
                OpenElement,
                Word("b"),
                Word("eq"),
                Text("x y".into()),
                CloseElement,
                Word(".c"),
                Word("eq"),
                Word("2015-10-10T14:38:21.86-07:00"),
                CloseGroup,
            ]
        );
    }

    #[test]
    fn strings_have_all_the_escapes_of_json() {
        assert_eq!(
            tokens(r#""a\"b\\" "\u00e9\ud83d\ude00\n\/" "Zoë""#),
            [Token::Text("a\"b\\".into()), Token::Text("é😀\n/".into()), Token::Text("Zoë".into())]
        );
    }

    #[test]
    fn broken_strings_are_refused_where_they_start() {
        for text in [r#"é "abc"#, r#"é "abc\""#, r#"é "\x""#, r#"é "\ud800""#, "é \"a\nb\"", r#"é "\u0000""#] {
            let mut lexer = Lexer::new(text, 0);
            assert_eq!(lexer.next().unwrap().0, Token::Word("é"));
            assert!(lexer.next().unwrap_err().detail.ends_with("at character 3"), "{text}");
        }
    }
}
