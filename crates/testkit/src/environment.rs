//! Numbers from environment variables.

/// The number in an environment variable; `None` if the variable is not set.
pub fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    let number = text.parse();
    Some(number.unwrap_or_else(|_| panic!("{variable}: {text:?} is not a number")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_that_is_not_set_has_no_number() {
        assert_eq!(number("CALLREC_TESTKIT_NOT_SET"), None);
    }

    #[test]
    #[should_panic(expected = "CARGO_PKG_NAME: \"callrec-testkit\" is not a number")]
    fn a_text_is_not_a_number() {
        number("CARGO_PKG_NAME");
    }
}
