//! Text: when two texts are the same, and which characters are not text.

use caseless::Caseless;
use unicode_normalization::UnicodeNormalization;

use crate::error::Invalid;

/// The form in which texts are compared where case does not count: NFKC, default case folding, NFKC.
///
/// One function serves uniqueness, the `eq` of filters and the indexes, so that they cannot disagree. Lower-casing would
/// not do: it leaves full-width letters, ligatures and decomposed accents distinct, and with them a second `ada`.
pub fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    text.nfkc().default_case_fold().nfkc().collect()
}

/// Whether two texts are the same where case does not count: `fold(a) == fold(b)`.
pub fn same(a: &str, b: &str) -> bool {
    if a.is_ascii() && b.is_ascii() { a.eq_ignore_ascii_case(b) } else { fold(a) == fold(b) }
}

/// Refuses characters that no reader can see and that change what is seen around them.
///
/// Tab and line breaks are text (addresses have them). So are the zero-width joiner and non-joiner: Persian and Indic
/// names cannot be written without them.
pub fn check(attribute: &str, text: &str) -> Result<(), Invalid> {
    refuse(attribute, text, |c| match c {
        '\t' | '\n' | '\r' => false,
        c => c.is_control() || is_zero_width(c) || is_bidi_control(c),
    })
}

/// As [`check`], for text that tells one resource from another (`userName`, `externalId`, e-mail addresses): it holds
/// nothing that could make two different texts look alike.
pub fn check_identifier(attribute: &str, text: &str) -> Result<(), Invalid> {
    refuse(attribute, text, |c| {
        c.is_control() || is_zero_width(c) || is_bidi_control(c) || is_joiner(c) || is_invisible(c)
    })
}

/// Whether no reader sees a character, or it changes what is seen around it: for lines that people are shown, whoever wrote them.
pub fn is_unseen(c: char) -> bool {
    c.is_control() || is_zero_width(c) || is_bidi_control(c) || is_invisible(c)
}

fn refuse(attribute: &str, text: &str, is_refused: impl Fn(char) -> bool) -> Result<(), Invalid> {
    match text.chars().find(|c| is_refused(*c)) {
        None => Ok(()),
        // The code point is named and nothing around it: an administrator cannot find the culprit by looking.
        Some(c) => Err(Invalid::value(format!(
            "{attribute} contains the control or invisible character U+{:04X}, which is not allowed",
            u32::from(c)
        ))),
    }
}

const fn is_zero_width(c: char) -> bool {
    matches!(c, '\u{180E}' | '\u{200B}' | '\u{2060}'..='\u{2064}' | '\u{206A}'..='\u{206F}' | '\u{FEFF}')
}

/// The Unicode property `Bidi_Control`: with these, text is shown in another order than it is compared in.
const fn is_bidi_control(c: char) -> bool {
    matches!(c, '\u{061C}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

const fn is_joiner(c: char) -> bool {
    matches!(c, '\u{200C}' | '\u{200D}')
}

/// What else is shown as nothing: soft hyphen, grapheme joiner, fillers, line separators, variation selectors, tags.
const fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{00AD}'
            | '\u{034F}'
            | '\u{115F}'
            | '\u{1160}'
            | '\u{17B4}'
            | '\u{17B5}'
            | '\u{180B}'..='\u{180F}'
            | '\u{2028}'
            | '\u{2029}'
            | '\u{3164}'
            | '\u{FE00}'..='\u{FE0F}'
            | '\u{FFA0}'
            | '\u{E0000}'..='\u{E0FFF}'
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ScimType;

    #[test]
    fn spellings_that_look_alike_fold_to_one() {
        for (a, b) in [
            ("Ada@Example.COM", "ada@example.com"),
            ("\u{FF21}da", "ada"),                // full-width A
            ("cafe\u{301}", "caf\u{E9}"),         // decomposed accent
            ("\u{17F}am", "SAM"),                 // long s
            ("\u{FB01}ona", "FIONA"),             // ligature fi
            ("stra\u{DF}e", "STRASSE"),           // sharp s
            ("\u{3A3}\u{3C2}", "\u{3C3}\u{3C3}"), // final sigma
            ("\u{212A}elvin", "kelvin"),          // Kelvin sign
        ] {
            assert_eq!(fold(a), fold(b), "{a} {b}");
            assert!(same(a, b), "{a} {b}");
        }
        assert!(!same("ada", "adb"));
        assert!(!same("ada", "\u{E4}da"));
    }

    #[test]
    fn folding_any_one_character_twice_changes_nothing_more() {
        for c in (0..=0x0010_FFFF).filter_map(char::from_u32) {
            let once = fold(&c.to_string());
            assert_eq!(fold(&once), once, "U+{:04X}", u32::from(c));
        }
    }

    #[test]
    fn text_may_have_line_breaks_and_the_joiners_that_names_need() {
        check("addresses.formatted", "1 Analytical Way\r\nLondon\t").unwrap();
        check("name.givenName", "علی\u{200C}رضا").unwrap();
        check("displayName", "Ada 👩\u{200D}💻\u{FE0F}").unwrap();
    }

    #[test]
    fn text_with_hidden_characters_is_refused_in_a_sentence_that_names_the_attribute() {
        let invalid = check("displayName", "Ada\u{202E}nimda").unwrap_err();
        assert_eq!(invalid.scim_type, ScimType::InvalidValue);
        assert_eq!(
            invalid.detail,
            "displayName contains the control or invisible character U+202E, which is not allowed"
        );
        for text in
            ["a\0", "a\u{1F}", "a\u{7F}", "\u{85}", "a\u{200B}b", "\u{FEFF}a", "a\u{2060}", "\u{2066}a", "\u{200F}"]
        {
            assert!(check("displayName", text).is_err(), "{text:?}");
            assert!(check_identifier("displayName", text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn identifiers_hold_nothing_invisible_at_all() {
        check_identifier("userName", "Ada Byron+\u{E9}@example.com").unwrap();
        for text in ["a\tb", "a\n", "ad\u{200D}a", "ad\u{200C}a", "ad\u{AD}a", "a\u{3164}", "a\u{FE0F}", "a\u{E0041}"] {
            assert!(check_identifier("userName", text).is_err(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn the_short_cut_for_ascii_changes_no_answer(text in "[ -~]{0,20}") {
            let slow: String = text.nfkc().default_case_fold().nfkc().collect();
            prop_assert_eq!(fold(&text), slow);
        }

        #[test]
        fn same_is_equality_of_folds(a in "[aAsSkK\u{17F}\u{212A}\u{DF}\u{301}]{0,4}", b in "[aAsSkK\u{17F}\u{212A}\u{DF}\u{301}]{0,4}") {
            prop_assert_eq!(same(&a, &b), fold(&a) == fold(&b));
        }
    }
}
