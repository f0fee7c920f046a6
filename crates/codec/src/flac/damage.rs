//! Why a frame cannot be read.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameDamage {
    /// The bytes end before the frame does.
    Cut,
    /// There is no frame, or not one that this library has written.
    Invalid,
}

impl FrameDamage {
    pub fn check(is_valid: bool) -> Result<(), FrameDamage> {
        match is_valid {
            true => Ok(()),
            false => Err(FrameDamage::Invalid),
        }
    }
}
