//! The indexed fields of a call.

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
