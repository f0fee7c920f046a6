//! The indexed fields of a call.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    Device,
    Number,
    User,
    NumericUser,
    Call,
    SwitchCall,
}

impl Key {
    pub const ALL: [Key; 6] = [
        Key::Device,
        Key::Number,
        Key::User,
        Key::NumericUser,
        Key::Call,
        Key::SwitchCall,
    ];
}
