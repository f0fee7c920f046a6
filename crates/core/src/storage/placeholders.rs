//! The placeholders of name templates: the engine's own, and those that the engine's user adds.

use time::OffsetDateTime;
use time::macros::format_description;
use uuid::Uuid;

/// A placeholder of the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    Id,
    CallId,
    Device,
    Number,
    User,
    Remote,
    Ani,
    Dnis,
    Date,
    Time,
    Host,
    Layout,
}

/// All placeholders of the engine, in the order of the documentation.
pub(super) const FIELDS: &[(&str, Field)] = &[
    ("id", Field::Id),
    ("call_id", Field::CallId),
    ("device", Field::Device),
    ("number", Field::Number),
    ("user", Field::User),
    ("remote", Field::Remote),
    ("ani", Field::Ani),
    ("dnis", Field::Dnis),
    ("date", Field::Date),
    ("time", Field::Time),
    ("host", Field::Host),
    ("layout", Field::Layout),
];

/// The values of the placeholders for one recording.
pub struct NameFields<'a> {
    pub id: Uuid,
    pub call_id: &'a str,
    pub device: &'a str,
    pub number: &'a str,
    pub user: &'a str,
    pub remote: &'a str,
    pub ani: &'a str,
    pub dnis: &'a str,
    pub host: &'a str,
    pub layout: &'a str,
    pub started_at_ms: i64,
    /// Returns an attribute of the call by its key.
    pub attribute: &'a dyn Fn(&str) -> Option<String>,
}

impl Field {
    pub(super) fn text(self, fields: &NameFields<'_>) -> String {
        match self {
            Field::Id => fields.id.as_hyphenated().to_string(),
            Field::CallId => fields.call_id.to_owned(),
            Field::Device => fields.device.to_owned(),
            Field::Number => fields.number.to_owned(),
            Field::User => fields.user.to_owned(),
            Field::Remote => fields.remote.to_owned(),
            Field::Ani => fields.ani.to_owned(),
            Field::Dnis => fields.dnis.to_owned(),
            Field::Date => date(fields.started_at_ms),
            Field::Time => time(fields.started_at_ms),
            Field::Host => fields.host.to_owned(),
            Field::Layout => fields.layout.to_owned(),
        }
    }
}

fn utc(unix_ms: i64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(unix_ms.div_euclid(1000)).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

fn date(unix_ms: i64) -> String {
    utc(unix_ms)
        .format(format_description!("[year]-[month]-[day]"))
        .unwrap_or_default()
}

fn time(unix_ms: i64) -> String {
    utc(unix_ms)
        .format(format_description!("[hour]-[minute]-[second]"))
        .unwrap_or_default()
}

/// Added placeholders: names and values.
#[derive(Clone, Debug, Default)]
pub struct Placeholders {
    added: Vec<(&'static str, PlaceholderValue)>,
}

#[derive(Clone, Debug)]
pub(super) enum PlaceholderValue {
    /// The same text in every name.
    Text(String),
    /// Another template.
    Template(&'static str),
    Derived(DerivedValue),
}

/// Derives a value from a recording's fields.
#[derive(Clone, Copy, Debug)]
pub(super) struct DerivedValue(pub fn(&NameFields<'_>) -> String);

impl PartialEq for DerivedValue {
    fn eq(&self, other: &DerivedValue) -> bool {
        std::ptr::fn_addr_eq(self.0, other.0)
    }
}

impl Eq for DerivedValue {}

impl Placeholders {
    pub fn new() -> Placeholders {
        Placeholders::default()
    }

    /// Adds `{name}` with a value that is the same in every name.
    pub fn text(self, name: &'static str, value: impl Into<String>) -> Placeholders {
        self.with(name, PlaceholderValue::Text(value.into()))
    }

    /// Adds `{name}` as a template of the engine's own placeholders and of those that are added
    /// after this one.
    pub fn template(self, name: &'static str, template: &'static str) -> Placeholders {
        self.with(name, PlaceholderValue::Template(template))
    }

    /// Adds `{name}` with a value that is derived from a recording's fields.
    pub fn derived(self, name: &'static str, value: fn(&NameFields<'_>) -> String) -> Placeholders {
        self.with(name, PlaceholderValue::Derived(DerivedValue(value)))
    }

    fn with(mut self, name: &'static str, value: PlaceholderValue) -> Placeholders {
        self.added.push((name, value));
        self
    }

    pub(super) fn find(&self, name: &str) -> Option<&PlaceholderValue> {
        let found = self.added.iter().find(|(added, _)| *added == name);
        found.map(|(_, value)| value)
    }

    /// Replaces placeholders by their templates.
    pub(super) fn expand(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (name, value) in &self.added {
            if let PlaceholderValue::Template(template) = value {
                text = text.replace(&braced(name), template);
            }
        }
        text
    }

    /// All placeholders in the order of the documentation: the call's fields, then constant texts,
    /// then the recording's fields, then derived values.
    pub fn listed(&self) -> String {
        let mut listed = Vec::new();
        for (name, field) in FIELDS {
            listed.push(braced(name));
            if *field == Field::Host {
                listed.extend(self.names(|value| matches!(value, PlaceholderValue::Text(_))));
            }
        }
        listed.push(braced("attr:KEY"));
        listed.extend(self.names(|value| !matches!(value, PlaceholderValue::Text(_))));
        listed.join(" ")
    }

    fn names(&self, is_selected: fn(&PlaceholderValue) -> bool) -> impl Iterator<Item = String> {
        let found = self.added.iter().filter(move |(_, value)| is_selected(value));
        found.map(|(name, _)| braced(name))
    }
}

fn braced(name: &str) -> String {
    format!("{{{name}}}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_placeholder_is_listed() {
        let own = "{id} {call_id} {device} {number} {user} {remote} {ani} {dnis} {date} {time} {host}";
        assert_eq!(
            Placeholders::new().listed(),
            format!("{own} {{layout}} {{attr:KEY}}")
        );
        let more = Placeholders::new()
            .template("whole", "{site}_{short}")
            .derived("short", |fields| fields.device.to_owned())
            .text("site", "north");
        assert_eq!(
            more.listed(),
            format!("{own} {{site}} {{layout}} {{attr:KEY}} {{whole}} {{short}}")
        );
    }
}
