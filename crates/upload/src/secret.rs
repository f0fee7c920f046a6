//! Text that is neither logged nor shown.

use std::fmt;

use callrec_core::keys::checks::{Accepts, Check, text};

/// A credential.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    pub fn new(text: impl Into<String>) -> Secret {
        Secret(text.into())
    }

    /// The text itself, for the request that needs it.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(if self.is_empty() { "none" } else { "hidden" })
    }
}

/// Accepts a credential of at most 8192 bytes.
pub struct SecretText;

impl SecretText {
    const BYTES_MAX: usize = 8192;
}

impl Check<Secret> for SecretText {
    fn parse(&self, given: &str) -> Result<Secret, String> {
        text(0..=SecretText::BYTES_MAX).parse(given).map(Secret)
    }

    fn accepts(&self) -> Accepts {
        Accepts::Bytes(0, SecretText::BYTES_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_output_does_not_show_the_text() {
        assert_eq!(format!("{:?}", Secret::new("abc")), "hidden");
        assert_eq!(format!("{:?}", Secret::default()), "none");
    }
}
