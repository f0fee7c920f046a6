//! Configuration keys: how they are declared, checked and set.

pub mod checks;
mod similar;

use serde_json::Value;

use crate::json;
use crate::text::{abbreviate, one_line};
use crate::types::{Error, Result, Status};
use checks::{Accepts, Check};
use similar::similar;

/// One key of the settings `S`, declared by [`config_keys!`](crate::config_keys).
// What only the documentation needs is apart: a library has none of it.
pub struct ConfigKey<S> {
    pub name: &'static str,
    pub set: fn(&mut S, &str) -> std::result::Result<(), String>,
}

/// A key as documentation and tests use it.
#[derive(Clone, Debug)]
pub struct KeyDescription {
    pub name: &'static str,
    pub default: String,
    /// What the key is for.
    pub meaning: String,
    pub accepts: Accepts,
}

impl KeyDescription {
    /// `{range}`, `{most}` and `{choices}` in the meaning are replaced with what the key accepts.
    pub fn new(name: &'static str, default: &str, meaning: &str, accepts: Accepts) -> KeyDescription {
        let meaning = meaning
            .replace("{range}", &accepts.range())
            .replace("{most}", &accepts.most())
            .replace("{choices}", &accepts.choices());
        KeyDescription {
            name,
            default: default.to_owned(),
            meaning,
            accepts,
        }
    }
}

/// Declares a struct of settings in which each field has a key.
///
/// One entry declares one key: its name and default, the field and its type, the [`Check`] that
/// parses a text into the field's value, and the meaning that the documentation shows. The
/// meaning may contain `{range}`, `{most}` and `{choices}`, which are replaced with what the
/// check accepts. `provided` names a function that gets the current settings and the text, and
/// can refuse the text before the check parses it.
///
/// ```
/// use callrec_core::keys::checks::{choice, number};
///
/// callrec_core::config_keys! {
///     /// The settings of a server.
///     pub struct ServerSettings {
///         "server.threads" = "4" => threads: u32, number(1..=64),
///             "Number of threads, {range}.";
///         "server.gzip" = "false" => is_gzip_on: bool, choice(&[("false", false), ("true", true)]),
///             "Whether responses are compressed: {choices}.";
///     }
///     without key {
///         /// The name in log lines.
///         name: String = "server".to_owned();
///     }
/// }
///
/// assert_eq!((ServerSettings::default().threads, ServerSettings::KEYS.len()), (4, 2));
/// assert_eq!(ServerSettings::described()[0].meaning, "Number of threads, 1 to 64.");
/// ```
///
/// The struct implements `Clone`, `Debug` and `Default`, has the list `KEYS`, and describes them
/// with `described`.
#[macro_export]
macro_rules! config_keys {
    (
        $(#[$about:meta])*
        pub struct $settings:ident {
            $(
                $(#[$about_field:meta])*
                $key:literal = $default:expr => $field:ident: $type:ty, $check:expr,
                    $meaning:literal $(, provided $condition:expr)?;
            )*
        }
        $(without key {
            $(
                $(#[doc = $about_other:literal])*
                $(#[cfg($present:meta)])?
                $other:ident: $other_type:ty = $value:expr;
            )*
        })?
    ) => {
        $(#[$about])*
        #[derive(Clone, Debug)]
        pub struct $settings {
            $(
                $(#[$about_field])*
                #[doc = concat!("`", $key, "`")]
                pub $field: $type,
            )*
            $($(
                $(#[doc = $about_other])*
                $(#[cfg($present)])?
                pub $other: $other_type,
            )*)?
        }

        impl Default for $settings {
            fn default() -> $settings {
                $settings {
                    $($field: $crate::keys::default_of($key, $default, &$check),)*
                    $($(
                        $(#[cfg($present)])?
                        $other: $value,
                    )*)?
                }
            }
        }

        impl $settings {
            /// All keys, in the order in which they are documented.
            pub const KEYS: &'static [$crate::keys::ConfigKey<$settings>] = &[$(
                $crate::keys::ConfigKey {
                    name: $key,
                    set: |settings, text| {
                        $($condition(settings, text)?;)?
                        settings.$field = $crate::keys::checks::Check::<$type>::parse(&$check, text)?;
                        Ok(())
                    },
                },
            )*];

            /// What the documentation says of the keys, in their order.
            pub fn described() -> Vec<$crate::keys::KeyDescription> {
                vec![$(
                    $crate::keys::KeyDescription::new(
                        $key,
                        $default,
                        $meaning,
                        $crate::keys::checks::Check::<$type>::accepts(&$check),
                    ),
                )*]
            }
        }
    };
}

/// The value of a field whose key has not been set.
///
/// # Panics
/// If the check refuses the key's own default. A test sets every key to its default.
// A function of its own, since there are some hundred calls.
#[inline(never)]
pub fn default_of<T>(key: &str, default: &str, check: &impl Check<T>) -> T {
    match check.parse(default) {
        Ok(value) => value,
        Err(why) => refused(key, default, &why),
    }
}

#[cold]
fn refused(key: &str, default: &str, why: &str) -> ! {
    panic!("key \"{key}\": the default \"{default}\" is refused: {why}")
}

/// The names of keys, in their order.
pub fn names_of<S>(keys: &[ConfigKey<S>]) -> Vec<&'static str> {
    keys.iter().map(|key| key.name).collect()
}

/// Sets the key of this name. Returns `None` if `keys` has no such key.
pub fn set_key<S>(settings: &mut S, keys: &[ConfigKey<S>], name: &str, value: &str) -> Option<Result<()>> {
    let key = keys.iter().find(|key| key.name == name)?;
    Some((key.set)(settings, value).map_err(|why| refused_value(name, value, &why)))
}

// No part of `set_key`, of which there is one for each struct of settings.
#[cold]
#[inline(never)]
fn refused_value(name: &str, value: &str, why: &str) -> Error {
    // A reason may quote the value, so both are made safe for a log line.
    let (why, value) = (one_line(why), one_line(value));
    let why = format!("{} (value \"{}\")", abbreviate(&why, 220), abbreviate(&value, 80));
    wrong(name, &why)
}

/// The error for a key that is none of those with these names.
pub fn no_such_key(name: &str, names: &mut dyn Iterator<Item = &'static str>) -> Error {
    match similar(name, names) {
        Some(meant) => wrong(name, &format!("no such key; \"{meant}\" is one")),
        None => wrong(name, "no such key"),
    }
}

/// No key has as many parts. The parser recurses, and its caller's stack may be small.
const JSON_DEPTH: u32 = 16;

/// Sets the keys of a JSON object, flat (`{"media.clock": "stream"}`) or nested
/// (`{"media": {"clock": "stream"}}`). On an error, `settings` does not change.
pub fn load_json<S: Clone>(
    settings: &mut S,
    text: &str,
    set: fn(&mut S, &str, &str) -> Result<()>,
) -> Result<()> {
    let values = read_json(text)?;
    set_all(settings, &values, set)
}

/// Sets all of these keys, or none. Apart from the parser, which recurses: the copy is large, and the
/// host's stack may be small.
#[inline(never)]
fn set_all<S: Clone>(
    settings: &mut S,
    values: &[(String, String)],
    set: fn(&mut S, &str, &str) -> Result<()>,
) -> Result<()> {
    let mut next = settings.clone();
    for (name, value) in values {
        set(&mut next, name, value)?;
    }
    *settings = next;
    Ok(())
}

/// The names and values in such an object.
fn read_json(text: &str) -> Result<Vec<(String, String)>> {
    if json::nesting(text.as_bytes()) > JSON_DEPTH {
        return Err(Error::new(
            Status::Config,
            format!("the configuration is nested deeper than {JSON_DEPTH}"),
        ));
    }
    let value: Value = serde_json::from_str(text)
        .map_err(|e| Error::new(Status::Config, format!("the configuration is not JSON: {e}")))?;
    let Value::Object(members) = value else {
        return Err(Error::new(
            Status::Config,
            "the configuration is not a JSON object",
        ));
    };
    let mut found = Vec::new();
    for (name, value) in &members {
        read_member(name, value, 0, &mut found)?;
    }
    Ok(found)
}

fn read_member(name: &str, value: &Value, depth: u32, found: &mut Vec<(String, String)>) -> Result<()> {
    match value {
        Value::Object(members) if depth < 4 => {
            for (inner, value) in members {
                read_member(&format!("{name}.{inner}"), value, depth + 1, found)?;
            }
        }
        Value::String(text) => found.push((name.to_owned(), text.clone())),
        Value::Number(_) | Value::Bool(_) => found.push((name.to_owned(), value.to_string())),
        _ => return Err(wrong(name, "the value must be a string, a number, true or false")),
    }
    Ok(())
}

/// The message is short enough for a `rec_error`, which holds at most 511 bytes.
fn wrong(name: &str, why: &str) -> Error {
    let name = one_line(name);
    Error::new(
        Status::Config,
        format!("key \"{}\": {why}", abbreviate(&name, 60)),
    )
}
