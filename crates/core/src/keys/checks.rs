//! The checks that declarations of keys use to parse a key's text.

use std::ops::RangeInclusive;

/// Parses the text of a key into the value of its field.
pub trait Check<T> {
    /// Returns the value, or why the text is refused.
    fn parse(&self, text: &str) -> Result<T, String>;

    /// What the check accepts, for the documentation.
    fn accepts(&self) -> Accepts {
        Accepts::Other
    }
}

/// What a key accepts. The key's documentation and the tests of its bounds use this.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Accepts {
    /// A whole number from the first to the second. `u64::MAX` stands for no upper bound.
    Number(u64, u64),
    /// Text with a length in bytes from the first to the second number.
    Bytes(usize, usize),
    /// One of these words.
    OneOf(Vec<&'static str>),
    /// Values that the other variants cannot describe.
    Other,
}

impl Accepts {
    /// The bounds in words: "100 to 10000", "at least 1048576".
    pub fn range(&self) -> String {
        match self {
            Accepts::Number(low, u64::MAX) => format!("at least {low}"),
            Accepts::Number(low, high) => format!("{low} to {high}"),
            Accepts::Bytes(low, high) => format!("{low} to {high}"),
            Accepts::OneOf(_) | Accepts::Other => String::new(),
        }
    }

    /// The upper bound in words.
    pub fn most(&self) -> String {
        match self {
            Accepts::Number(_, high) => high.to_string(),
            Accepts::Bytes(_, high) => high.to_string(),
            Accepts::OneOf(_) | Accepts::Other => String::new(),
        }
    }

    /// The words that can be chosen: `"a" or "b"`, `"a", "b", "c"`.
    pub fn choices(&self) -> String {
        let Accepts::OneOf(words) = self else {
            return String::new();
        };
        let quoted: Vec<String> = words.iter().map(|word| format!("\"{word}\"")).collect();
        quoted.join(if quoted.len() == 2 { " or " } else { ", " })
    }
}

/// A whole number within bounds, for a field of any integer type that holds them.
pub struct Number {
    range: RangeInclusive<u64>,
}

/// A whole number within `range`. A range that ends at `u64::MAX` has no upper bound.
pub fn number(range: RangeInclusive<u64>) -> Number {
    Number { range }
}

impl Number {
    /// The number, if the text is one within the range.
    fn within(&self, text: &str) -> Option<u64> {
        text.parse().ok().filter(|number| self.range.contains(number))
    }

    fn needed(&self) -> String {
        match (self.range.start(), *self.range.end()) {
            (low, u64::MAX) => format!("a whole number of at least {low} is needed"),
            (low, high) => format!("a whole number from {low} to {high} is needed"),
        }
    }
}

impl<T: TryFrom<u64>> Check<T> for Number {
    fn parse(&self, text: &str) -> Result<T, String> {
        let number = self.within(text).and_then(|number| T::try_from(number).ok());
        number.ok_or_else(|| self.needed())
    }

    fn accepts(&self) -> Accepts {
        Accepts::Number(*self.range.start(), *self.range.end())
    }
}

/// As [`Number`], and also 0, which has a special meaning.
pub struct ZeroOrNumber {
    range: RangeInclusive<u64>,
}

/// 0, or a whole number within `range`.
pub fn zero_or(range: RangeInclusive<u64>) -> ZeroOrNumber {
    ZeroOrNumber { range }
}

impl Check<u32> for ZeroOrNumber {
    fn parse(&self, text: &str) -> Result<u32, String> {
        let (low, high) = (*self.range.start(), *self.range.end());
        let found = number(0..=high).parse(text).ok();
        found
            .filter(|found| *found == 0 || u64::from(*found) >= low)
            .ok_or_else(|| format!("0 or a whole number from {low} to {high} is needed"))
    }

    fn accepts(&self) -> Accepts {
        Accepts::Number(*self.range.start(), *self.range.end())
    }
}

/// Text with a length within bounds.
pub struct BoundedText {
    bytes: RangeInclusive<usize>,
}

/// Text with a length in bytes within `bytes`, without NUL.
pub fn text(bytes: RangeInclusive<usize>) -> BoundedText {
    BoundedText { bytes }
}

impl Check<String> for BoundedText {
    fn parse(&self, text: &str) -> Result<String, String> {
        if self.bytes.contains(&text.len()) && !text.contains('\0') {
            return Ok(text.to_owned());
        }
        let (low, high) = (self.bytes.start(), self.bytes.end());
        Err(format!("{low} to {high} bytes of text are needed"))
    }

    fn accepts(&self) -> Accepts {
        Accepts::Bytes(*self.bytes.start(), *self.bytes.end())
    }
}

/// One of several words, each of which has a value.
pub struct Choice<T> {
    words: Vec<(&'static str, T)>,
}

/// One of `words`.
pub fn choice<T: Copy>(words: &[(&'static str, T)]) -> Choice<T> {
    Choice {
        words: words.to_vec(),
    }
}

/// The text of one of `values`.
pub fn text_of<T: Copy>(values: &[T], text: fn(T) -> &'static str) -> Choice<T> {
    Choice {
        words: values.iter().map(|value| (text(*value), *value)).collect(),
    }
}

impl<T: Copy> Choice<T> {
    fn words(&self) -> Vec<&'static str> {
        self.words.iter().map(|(word, _)| *word).collect()
    }
}

fn one_is_needed(words: &[&str]) -> String {
    format!("one of {} is needed", words.join(", "))
}

impl<T: Copy> Check<T> for Choice<T> {
    fn parse(&self, text: &str) -> Result<T, String> {
        let chosen = self.words.iter().find(|(word, _)| *word == text);
        chosen
            .map(|(_, value)| *value)
            .ok_or_else(|| one_is_needed(&self.words()))
    }

    fn accepts(&self) -> Accepts {
        Accepts::OneOf(self.words())
    }
}

/// A comma-separated list in which each entry is checked.
pub struct CommaList<T> {
    most_bytes: Option<usize>,
    entry: fn(&str) -> Result<T, String>,
}

/// Any number of entries. Spaces around an entry and empty entries are ignored.
pub fn list<T>(entry: fn(&str) -> Result<T, String>) -> CommaList<T> {
    CommaList {
        most_bytes: None,
        entry,
    }
}

impl<T> CommaList<T> {
    /// Limits the length of the whole list.
    pub fn within(self, bytes: usize) -> CommaList<T> {
        CommaList {
            most_bytes: Some(bytes),
            ..self
        }
    }
}

impl<T> Check<Vec<T>> for CommaList<T> {
    fn parse(&self, list: &str) -> Result<Vec<T>, String> {
        if let Some(most) = self.most_bytes {
            text(0..=most).parse(list)?;
        }
        let entries = list.split(',').map(str::trim);
        entries
            .filter(|entry| !entry.is_empty())
            .map(self.entry)
            .collect()
    }

    fn accepts(&self) -> Accepts {
        self.most_bytes
            .map_or(Accepts::Other, |most| Accepts::Bytes(0, most))
    }
}

/// A check that only one key needs.
pub struct CustomCheck<T> {
    check: fn(&str) -> Result<T, String>,
    words: Option<fn() -> Vec<&'static str>>,
}

/// Accepts what `check` accepts.
pub fn checked_by<T>(check: fn(&str) -> Result<T, String>) -> CustomCheck<T> {
    CustomCheck { check, words: None }
}

impl<T> CustomCheck<T> {
    /// Sets the words that the documentation lists. The check may accept others as well.
    pub fn listing(self, words: fn() -> Vec<&'static str>) -> CustomCheck<T> {
        CustomCheck {
            words: Some(words),
            ..self
        }
    }
}

impl<T> Check<T> for CustomCheck<T> {
    fn parse(&self, text: &str) -> Result<T, String> {
        (self.check)(text)
    }

    fn accepts(&self) -> Accepts {
        self.words.map_or(Accepts::Other, |words| Accepts::OneOf(words()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_whole_and_within_their_bounds() {
        let small = number(10..=300);
        let parsed = |text| Check::<u32>::parse(&small, text);
        assert_eq!((parsed("10"), parsed("300")), (Ok(10), Ok(300)));
        for wrong in ["9", "301", "", "-1", "1.5", "0x10", " 10", "18446744073709551616"] {
            let refused = Err("a whole number from 10 to 300 is needed".to_owned());
            assert_eq!(parsed(wrong), refused, "{wrong}");
        }
        let large = number(5..=u64::MAX);
        assert_eq!(large.parse("18446744073709551615"), Ok(u64::MAX));
        let refused = Err("a whole number of at least 5 is needed".to_owned());
        assert_eq!(Check::<u64>::parse(&large, "4"), refused);
        assert!(
            Check::<u8>::parse(&small, "256").is_err(),
            "a value that the field cannot hold"
        );
    }

    #[test]
    fn zero_is_accepted_outside_the_bounds() {
        let rate = zero_or(8000..=48_000);
        assert_eq!((rate.parse("0"), rate.parse("8000")), (Ok(0), Ok(8000)));
        let refused = "0 or a whole number from 8000 to 48000 is needed".to_owned();
        for text in ["7999", "48001", "-1", "x", ""] {
            assert_eq!(rate.parse(text), Err(refused.clone()), "{text}");
        }
        assert_eq!(rate.accepts().range(), "8000 to 48000");
    }

    #[test]
    fn text_length_is_counted_in_bytes() {
        let name = text(1..=3);
        assert_eq!(name.parse("äb"), Ok("äb".to_owned()));
        for wrong in ["", "äöü", "a\0"] {
            let refused = Err("1 to 3 bytes of text are needed".to_owned());
            assert_eq!(name.parse(wrong), refused, "{wrong:?}");
        }
    }

    #[test]
    fn a_choice_accepts_only_its_words() {
        let words = choice(&[("no", false), ("yes", true)]);
        assert_eq!((words.parse("no"), words.parse("yes")), (Ok(false), Ok(true)));
        assert_eq!(words.parse("Yes"), Err("one of no, yes is needed".to_owned()));
        let digits = text_of(&[1, 2, 3], |digit| ["one", "two", "three"][digit - 1]);
        assert_eq!(digits.parse("two"), Ok(2));
        assert_eq!(digits.accepts().choices(), "\"one\", \"two\", \"three\"");
        assert_eq!(words.accepts().choices(), "\"no\" or \"yes\"");
    }

    #[test]
    fn entries_of_a_list_are_checked_one_by_one() {
        let numbers = list(|entry| Check::<u32>::parse(&number(1..=9), entry)).within(8);
        assert_eq!(
            numbers.parse(" 1,,2 , 3"),
            Err("0 to 8 bytes of text are needed".to_owned())
        );
        assert_eq!(numbers.parse("1,, 2 ,"), Ok(vec![1, 2]));
        assert_eq!(numbers.parse(""), Ok(Vec::new()));
        assert!(numbers.parse("1,10").is_err());
    }

    #[test]
    fn bounds_are_formatted_for_documentation() {
        let range = |accepts: Accepts| (accepts.range(), accepts.most());
        assert_eq!(range(Accepts::Number(1, 64)), ("1 to 64".into(), "64".into()));
        assert_eq!(range(Accepts::Bytes(0, 255)), ("0 to 255".into(), "255".into()));
        assert_eq!(Accepts::Number(5, u64::MAX).range(), "at least 5");
    }
}
