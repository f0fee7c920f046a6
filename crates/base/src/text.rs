//! Strings that C can read: UTF-8 with a terminating NUL.

use std::borrow::Cow;
use std::ffi::CStr;
use std::fmt;
use std::sync::Arc;

/// Texts shorter than this are composed on the stack, so that they cost one allocation.
const SHORT: usize = 128;

/// An immutable string, readable as `&str` and as a C string. Cheap to clone.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Text(Option<Arc<str>>);

impl Text {
    /// Copies the text up to its first NUL, because C cannot read beyond it.
    pub fn new(text: &str) -> Text {
        let text = text.split('\0').next().unwrap_or_default();
        if text.is_empty() {
            return Text(None);
        }
        let mut short = [0; SHORT];
        if let Some(copy) = short.get_mut(..text.len())
            && text.len() < SHORT
        {
            copy.copy_from_slice(text.as_bytes());
            // With the NUL. It is UTF-8, because the text is.
            if let Ok(copied) = std::str::from_utf8(&short[..text.len() + 1]) {
                return Text(Some(copied.into()));
            }
        }
        let mut owned = String::with_capacity(text.len() + 1);
        owned.push_str(text);
        owned.push('\0');
        Text(Some(owned.into()))
    }

    /// Concatenates the parts. Allocates the text once: growing a string frees a block, and then
    /// the allocator may consolidate its arena, which takes 100 us.
    pub fn joined(parts: &[&str]) -> Text {
        let mut text = String::with_capacity(parts.iter().map(|part| part.len()).sum());
        parts.iter().for_each(|part| text.push_str(part));
        Text::new(&text)
    }

    // Inlined, because another package builds long lists of texts.
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

/// Makes a text from the host safe for one line of a log: escapes line breaks and control
/// characters, which could end the line or control a terminal.
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

/// Shortens a text to about `most` bytes: its beginning, an ellipsis and its end.
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
    fn a_text_is_readable_from_rust_and_from_c() {
        let text = Text::new("Grüße");
        assert_eq!(text.as_str(), "Grüße");
        assert_eq!(text.as_cstr().to_bytes(), "Grüße".as_bytes());
        assert_eq!(Text::default().as_cstr(), c"");
        assert!(Text::new("").is_empty());
        for length in [1, SHORT - 2, SHORT - 1, SHORT, SHORT + 1, 3 * SHORT] {
            let long = "x".repeat(length);
            assert_eq!(Text::new(&long).as_str(), long);
            assert_eq!(Text::new(&long).as_cstr().to_bytes(), long.as_bytes());
        }
    }

    #[test]
    fn joined_concatenates_the_parts() {
        assert_eq!(Text::joined(&["a/", "", "b", ".wav"]), Text::new("a/b.wav"));
        assert!(Text::joined(&[]).is_empty());
    }

    #[test]
    fn a_text_ends_at_its_first_nul() {
        assert_eq!(Text::new("a\0b").as_str(), "a");
        assert!(Text::new("\0b").is_empty());
    }

    #[test]
    fn an_abbreviated_text_keeps_both_ends() {
        assert_eq!(abbreviate("short", 5), "short");
        assert_eq!(abbreviate("a beginning and its end", 8), "a be… end");
        let wide = "ü".repeat(100);
        assert!(abbreviate(&wide, 41).len() < 50, "{}", abbreviate(&wide, 41));
    }

    #[test]
    fn line_breaks_and_control_characters_are_escaped() {
        assert_eq!(one_line("Grüße, \\ and all"), "Grüße, \\ and all");
        let forged = "a\nERROR\r\u{85}\u{2028}\u{1b}[2J\0";
        assert_eq!(one_line(forged), "a\\nERROR\\r\\u{85}\\u{2028}\\u{1b}[2J\\u{0}");
    }
}
