//! Strings that C may look at: UTF-8 with a NUL behind.

use std::borrow::Cow;
use std::ffi::CStr;
use std::fmt;
use std::sync::Arc;

/// An immutable string, readable as `&str` and as a C string. Cheap to clone.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Text(Option<Arc<str>>);

impl Text {
    /// Cut at the first NUL, if there is one: C could not see what follows.
    pub fn new(text: &str) -> Text {
        let text = text.split('\0').next().unwrap_or_default();
        if text.is_empty() {
            return Text(None);
        }
        let mut owned = String::with_capacity(text.len() + 1);
        owned.push_str(text);
        owned.push('\0');
        Text(Some(owned.into()))
    }

    /// The parts one after the other. In one piece: a string that grows is a block that
    /// is given back, after which the allocator may tidy up all its arena (100 us).
    pub fn joined(parts: &[&str]) -> Text {
        let mut text = String::with_capacity(parts.iter().map(|part| part.len()).sum());
        parts.iter().for_each(|part| text.push_str(part));
        Text::new(&text)
    }

    // Long lists are made of texts in another package.
    #[inline]
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Some(text) => &text[..text.len() - 1],
            None => "",
        }
    }

    pub fn as_cstr(&self) -> &CStr {
        match &self.0 {
            Some(text) => CStr::from_bytes_with_nul(text.as_bytes()).unwrap_or_default(),
            None => c"",
        }
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Text {
        Text::new(text)
    }
}

impl From<String> for Text {
    fn from(text: String) -> Text {
        Text::new(&text)
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What may contain a host's text, as one line of a log: what would end the line or
/// command a terminal is written out.
pub fn one_line(text: &str) -> Cow<'_, str> {
    let plain = |c: char| !c.is_control() && !matches!(c, '\u{2028}' | '\u{2029}');
    if text.chars().all(plain) {
        return Cow::Borrowed(text);
    }
    let mut line = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if plain(c) {
            line.push(c);
        } else {
            line.extend(c.escape_default());
        }
    }
    Cow::Owned(line)
}

/// At most some `most` bytes of what may be long: its beginning and its end.
pub fn abbreviate(text: &str, most: usize) -> Cow<'_, str> {
    if text.len() <= most {
        return Cow::Borrowed(text);
    }
    let starts = || text.char_indices().map(|(at, _)| at);
    let head = starts().find(|at| *at >= most / 2).unwrap_or_default();
    let tail = starts().find(|at| *at >= text.len() - most / 2);
    let tail = tail.unwrap_or(text.len());
    Cow::Owned(format!("{}…{}", &text[..head], &text[tail..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_both_faces() {
        let text = Text::new("Grüße");
        assert_eq!(text.as_str(), "Grüße");
        assert_eq!(text.as_cstr().to_bytes(), "Grüße".as_bytes());
        assert_eq!(Text::default().as_cstr(), c"");
        assert!(Text::new("").is_empty());
    }

    #[test]
    fn parts_are_joined() {
        assert_eq!(Text::joined(&["a/", "", "b", ".wav"]), Text::new("a/b.wav"));
        assert!(Text::joined(&[]).is_empty());
    }

    #[test]
    fn ends_at_a_nul() {
        assert_eq!(Text::new("a\0b").as_str(), "a");
        assert!(Text::new("\0b").is_empty());
    }

    #[test]
    fn what_is_long_keeps_both_ends() {
        assert_eq!(abbreviate("short", 5), "short");
        assert_eq!(abbreviate("a beginning and its end", 8), "a be… end");
        let wide = "ü".repeat(100);
        assert!(abbreviate(&wide, 41).len() < 50, "{}", abbreviate(&wide, 41));
    }

    #[test]
    fn a_line_stays_one() {
        assert_eq!(one_line("Grüße, \\ and all"), "Grüße, \\ and all");
        let forged = "a\nERROR\r\u{85}\u{2028}\u{1b}[2J\0";
        assert_eq!(one_line(forged), "a\\nERROR\\r\\u{85}\\u{2028}\\u{1b}[2J\\u{0}");
    }
}
