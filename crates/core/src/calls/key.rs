//! The fields by which calls are found.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    Device,
    Number,
    User,
    NumericUser,
    Call,
}

impl Key {
    pub const ALL: [Key; 5] = [Key::Device, Key::Number, Key::User, Key::NumericUser, Key::Call];
}
