//! What a file of a recording may contain.

/// One sample that the file may contain.
#[derive(Clone, Copy)]
pub struct Expected {
    pub value: i32,
    /// May be missing, together with the samples before it.
    pub is_optional: bool,
    /// Possibly written before the kill, but not reported.
    pub is_unreported: bool,
}

impl Expected {
    pub fn due(value: i32) -> Expected {
        Expected {
            value,
            is_optional: false,
            is_unreported: false,
        }
    }

    pub fn is_due(&self) -> bool {
        !self.is_optional && !self.is_unreported
    }
}
