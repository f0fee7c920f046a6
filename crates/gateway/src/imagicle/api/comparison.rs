//! The published "RHS colon" form of a filter's value: `after:2018-11-01T00:00:00Z`.

/// A filter's operator and its operand, without escapes.
#[derive(Debug, PartialEq)]
pub enum Comparison {
    /// `equals:` or no operator.
    Equals(String),
    Contains(String),
    After(String),
    Before(String),
    /// The limits between semicolons. Exactly two are valid.
    Between(Vec<String>),
}

impl Comparison {
    pub fn parse(value: &str) -> Comparison {
        let (operator, text) = value.split_once(':').unwrap_or(("", value));
        match operator.to_ascii_lowercase().as_str() {
            "equals" => Comparison::Equals(unescaped(text)),
            "contains" => Comparison::Contains(unescaped(text)),
            "after" => Comparison::After(unescaped(text)),
            "before" => Comparison::Before(unescaped(text)),
            "between" => Comparison::Between(limits(text)),
            _ => Comparison::Equals(unescaped(value)),
        }
    }
}

/// A plain character, or one that a backslash escapes.
enum UnescapedChar {
    Plain(char),
    Escaped(char),
}

/// A backslash before anything but `;` and `\` is literal, since user names contain backslashes.
fn characters_of(text: &str) -> impl Iterator<Item = UnescapedChar> {
    let mut characters = text.chars().peekable();
    std::iter::from_fn(move || {
        let character = characters.next()?;
        let escaped = match character {
            '\\' => characters.next_if(|next| matches!(next, ';' | '\\')),
            _ => None,
        };
        Some(escaped.map_or(UnescapedChar::Plain(character), UnescapedChar::Escaped))
    })
}

/// Replaces `\;` by `;` and `\\` by `\`.
fn unescaped(text: &str) -> String {
    let unescape = |character| match character {
        UnescapedChar::Plain(character) | UnescapedChar::Escaped(character) => character,
    };
    characters_of(text).map(unescape).collect()
}

/// Splits at semicolons that are not escaped.
fn limits(text: &str) -> Vec<String> {
    let mut limits = vec![String::new()];
    for character in characters_of(text) {
        match (character, limits.last_mut()) {
            (UnescapedChar::Plain(';'), _) => limits.push(String::new()),
            (UnescapedChar::Plain(character) | UnescapedChar::Escaped(character), Some(limit)) => {
                limit.push(character)
            }
            (_, None) => {}
        }
    }
    limits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operators_ignore_case_and_the_default_is_equals() {
        let text = || "a".to_owned();
        for (value, expected) in [
            ("a", Comparison::Equals(text())),
            ("equals:a", Comparison::Equals(text())),
            ("CONTAINS:a", Comparison::Contains(text())),
            ("After:a", Comparison::After(text())),
            ("before:a", Comparison::Before(text())),
            ("between:a;a", Comparison::Between(vec![text(), text()])),
            ("equals:after:a", Comparison::Equals("after:a".into())),
            ("since:a", Comparison::Equals("since:a".into())),
            ("", Comparison::Equals(String::new())),
            (
                "\u{e4}\u{e4}\u{e4}\u{e4}",
                Comparison::Equals("\u{e4}\u{e4}\u{e4}\u{e4}".into()),
            ),
        ] {
            assert_eq!(Comparison::parse(value), expected, "{value}");
        }
    }

    #[test]
    fn a_semicolon_and_a_backslash_are_escaped_in_every_value() {
        for (value, expected) in [
            (r"a\;b", "a;b"),
            (r"a\\b", r"a\b"),
            (r"a\\;b", r"a\;b"),
            (r"a\\\;b", r"a\;b"),
            (r"DOMAIN\user", r"DOMAIN\user"),
            (r"a\", r"a\"),
            ("a;b", "a;b"),
        ] {
            let text = || expected.to_owned();
            assert_eq!(Comparison::parse(value), Comparison::Equals(text()), "{value}");
            for (operator, expected) in [
                ("equals:", Comparison::Equals(text())),
                ("contains:", Comparison::Contains(text())),
                ("after:", Comparison::After(text())),
                ("before:", Comparison::Before(text())),
            ] {
                let value = format!("{operator}{value}");
                assert_eq!(Comparison::parse(&value), expected, "{value}");
            }
        }
    }

    #[test]
    fn limits_are_separated_by_unescaped_semicolons() {
        for (text, expected) in [
            ("a;b", vec!["a", "b"]),
            (r"a\;b;c", vec!["a;b", "c"]),
            (r"a\\;b", vec![r"a\", "b"]),
            ("a", vec!["a"]),
            ("a;", vec!["a", ""]),
            ("a;b;c", vec!["a", "b", "c"]),
            ("", vec![""]),
        ] {
            assert_eq!(limits(text), expected, "{text}");
        }
    }
}
