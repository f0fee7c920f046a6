//! The results of commands.

use redis::Value;

/// The result of a command. The error is the server's text.
pub type RedisReply = Result<Value, String>;

pub fn text(value: &str) -> Value {
    Value::BulkString(value.as_bytes().to_vec())
}

pub fn int(value: usize) -> Value {
    Value::Int(value as i64)
}

pub fn texts<'a>(values: impl IntoIterator<Item = &'a String>) -> Value {
    Value::Array(values.into_iter().map(|value| text(value)).collect())
}

/// The members of a list; none of anything else.
pub fn members(value: &Value) -> &[Value] {
    match value {
        Value::Array(values) => values,
        _ => &[],
    }
}

/// A text; empty for anything else.
pub fn text_of(value: &Value) -> String {
    match value {
        Value::BulkString(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        _ => String::new(),
    }
}
