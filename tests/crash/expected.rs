//! What a file of a recording may contain.

/// One sample that the file may contain.
#[derive(Clone, Copy)]
pub struct Expected {
    pub value: i32,
    /// May be missing, together with the samples before it.
    pub is_optional: bool,
    /// Possibly written before the kill, but not reported.
    pub is_unreported: bool,
    /// At the end of the file, so many optional samples may be missing without a loss.
    pub allowed_in_a_row: u64,
}

impl Expected {
    pub fn due(value: i32) -> Expected {
        Expected {
            value,
            is_optional: false,
            is_unreported: false,
            allowed_in_a_row: 0,
        }
    }

    pub fn is_due(&self) -> bool {
        !self.is_optional && !self.is_unreported
    }
}
