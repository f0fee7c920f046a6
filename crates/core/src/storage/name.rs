//! Names of recordings: the template, and the name rendered from it.

use super::placeholders::{DerivedValue, FIELDS, Field, NameFields, PlaceholderValue, Placeholders};
use super::safe_name;

pub const DEFAULT_TEMPLATE: &str = "{date}_{time}_{id}";

/// A valid value of `storage.name`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    components: Vec<Vec<TemplatePart>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum TemplatePart {
    Text(String),
    Field(Field),
    Attribute(String),
    Derived(DerivedValue),
}

impl Default for Template {
    fn default() -> Template {
        Template {
            components: vec![vec![
                TemplatePart::Field(Field::Date),
                TemplatePart::Text("_".to_owned()),
                TemplatePart::Field(Field::Time),
                TemplatePart::Text("_".to_owned()),
                TemplatePart::Field(Field::Id),
            ]],
        }
    }
}

impl Template {
    /// Parses a template with the engine's own placeholders.
    pub fn parse(text: &str) -> Result<Template, String> {
        Template::with(text, &Placeholders::new())
    }

    /// Parses a template that may also contain the placeholders `added`.
    pub fn with(text: &str, added: &Placeholders) -> Result<Template, String> {
        let text = added.expand(text);
        let components = text.split('/').map(|component| parse_component(component, added));
        Ok(Template {
            components: components.collect::<Result<_, _>>()?,
        })
    }

    /// Renders the name of one recording. Values that would lead out of the directory are made
    /// harmless.
    pub fn render(&self, fields: &NameFields<'_>) -> RecordingName {
        let components = self.components.iter().map(|pieces| {
            let mut text = String::new();
            for piece in pieces {
                match piece {
                    TemplatePart::Text(literal) => text.push_str(literal),
                    TemplatePart::Field(field) => text.push_str(&safe_name::value(&field.text(fields))),
                    TemplatePart::Attribute(key) => {
                        let value = (fields.attribute)(key).unwrap_or_default();
                        text.push_str(&safe_name::value(&value));
                    }
                    TemplatePart::Derived(DerivedValue(value)) => {
                        text.push_str(&safe_name::value(&value(fields)))
                    }
                }
            }
            safe_name::component(&text)
        });
        RecordingName {
            components: components.collect(),
        }
    }
}

fn parse_component(text: &str, added: &Placeholders) -> Result<Vec<TemplatePart>, String> {
    if text.is_empty() {
        return Err("a component of the path is empty".to_owned());
    }
    if text.starts_with('.') {
        return Err(format!(
            "\"{text}\": no component of the path may begin with a dot"
        ));
    }
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(open) = rest.find('{') {
        push_text(&mut pieces, &rest[..open])?;
        let close = rest[open..]
            .find('}')
            .ok_or_else(|| format!("\"{rest}\": \"{{\" without \"}}\""))?;
        pieces.push(parse_placeholder(&rest[open + 1..open + close], added)?);
        rest = &rest[open + close + 1..];
    }
    push_text(&mut pieces, rest)?;
    Ok(pieces)
}

fn push_text(pieces: &mut Vec<TemplatePart>, text: &str) -> Result<(), String> {
    if text.contains('}') {
        return Err(format!("\"{text}\": \"}}\" without \"{{\""));
    }
    if text != safe_text(text) {
        return Err(format!(
            "\"{}\": not allowed in a file's name",
            text.escape_debug()
        ));
    }
    if !text.is_empty() {
        pieces.push(TemplatePart::Text(text.to_owned()));
    }
    Ok(())
}

/// Replaces unsafe characters as in a value, but does not limit the length.
fn safe_text(text: &str) -> String {
    text.chars()
        .map(|c| safe_name::value(c.encode_utf8(&mut [0; 4])))
        .collect()
}

fn parse_placeholder(name: &str, added: &Placeholders) -> Result<TemplatePart, String> {
    if let Some((_, field)) = FIELDS.iter().find(|(own, _)| *own == name) {
        return Ok(TemplatePart::Field(*field));
    }
    match added.find(name) {
        Some(PlaceholderValue::Text(value)) => return Ok(TemplatePart::Text(safe_name::value(value))),
        Some(PlaceholderValue::Derived(derived)) => return Ok(TemplatePart::Derived(*derived)),
        // Expanded before, unless it refers to itself.
        Some(PlaceholderValue::Template(_)) | None => {}
    }
    match name.strip_prefix("attr:") {
        Some(key) if !key.is_empty() => Ok(TemplatePart::Attribute(key.to_owned())),
        _ => Err(format!(
            "\"{{{name}}}\": unknown placeholder; {} are known",
            added.listed()
        )),
    }
}

/// The path of a recording in the storage directory, without an extension.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordingName {
    components: Vec<String>,
}

impl RecordingName {
    /// Parses the relative path of a file from a manifest. Returns `None` for a path that callrec
    /// would not use.
    pub fn from_path(path: &str, suffix: &str) -> Option<RecordingName> {
        let stem = path.strip_suffix(suffix)?;
        let components: Vec<String> = stem.split('/').map(str::to_owned).collect();
        let fine = components
            .iter()
            .all(|component| safe_name::is_component(component));
        (fine && components.len() <= 32).then_some(RecordingName { components })
    }

    /// The directories of the path, outermost first.
    pub fn directories(&self) -> &[String] {
        self.components
            .split_last()
            .map_or(&[], |(_, directories)| directories)
    }

    /// Whether one of its components contains `text`.
    pub fn contains(&self, text: &str) -> bool {
        self.components.iter().any(|component| component.contains(text))
    }

    /// The last component, with a number from 2 on.
    pub fn stem(&self, number: u32) -> String {
        let stem = self.components.last().map_or("_", String::as_str);
        if number <= 1 {
            stem.to_owned()
        } else {
            format!("{stem}-{number}")
        }
    }

    /// This name with the number.
    pub fn numbered(&self, number: u32) -> RecordingName {
        let mut components = self.directories().to_vec();
        components.push(self.stem(number));
        RecordingName { components }
    }

    /// The relative path of the recording's file with this suffix.
    pub fn path(&self, suffix: &str) -> String {
        let mut path = self.components.join("/");
        path.push_str(suffix);
        path
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn fields<'a>(value: &'a str, attribute: &'a dyn Fn(&str) -> Option<String>) -> NameFields<'a> {
        NameFields {
            id: Uuid::nil(),
            call_id: value,
            device: value,
            number: value,
            user: value,
            remote: value,
            ani: value,
            dnis: value,
            host: value,
            layout: value,
            started_at_ms: 1_445_005_583_000,
            attribute,
        }
    }

    fn render(template: &str, fields: &NameFields<'_>) -> String {
        Template::parse(template)
            .expect("a template")
            .render(fields)
            .path("")
    }

    #[test]
    fn default_template() {
        let name = Template::default().render(&fields("", &|_| None)).path(".wav");
        assert_eq!(
            name,
            "2015-10-16_14-26-23_00000000-0000-0000-0000-000000000000.wav"
        );
        assert_eq!(Template::parse(DEFAULT_TEMPLATE), Ok(Template::default()));
    }

    #[test]
    fn added_placeholders() {
        let added = Placeholders::new()
            .template("whole", "{user}@{site}/{short_host}")
            .text("site", "north/west")
            .derived("short_host", |fields| fields.host.replace('.', ""));
        let mut fields = fields("15000", &|_| None);
        fields.host = "a.b/c";
        let rendered = |text| Template::with(text, &added).map(|template| template.render(&fields).path(""));
        assert_eq!(
            rendered("{whole}_{layout}"),
            Ok("15000@north_west/ab_c_15000".into())
        );
        assert!(rendered("{site}{nope}").is_err());
        assert!(
            Template::parse("{site}").is_err(),
            "the placeholder was not added"
        );
        let itself = Placeholders::new().template("whole", "{whole}");
        assert!(Template::with("{whole}", &itself).is_err());
    }

    #[test]
    fn sub_directories_and_attributes() {
        let attribute = |key: &str| (key == "team").then(|| "a/../b".to_owned());
        let fields = fields("x", &attribute);
        assert_eq!(
            render("{date}/{attr:team}/{user}{attr:none}", &fields),
            "2015-10-16/a_.._b/x"
        );
    }

    #[test]
    fn hostile_field_values_stay_inside_the_directory() {
        let names = [
            "id", "call_id", "device", "number", "user", "remote", "ani", "dnis", "host", "layout", "attr:k",
        ];
        let hostile = [
            "..",
            ".",
            "",
            "/",
            "../../x",
            "..\\..\\x",
            "/etc/passwd",
            ".callrec",
            "con",
            "a\0b",
            "\u{202e}",
            "a\nb",
            " ",
            "...",
            "C:\\x",
            "~",
            "-rf",
            "%2e%2e%2f",
            "x\u{0}/../y",
        ];
        for value in hostile
            .into_iter()
            .map(str::to_owned)
            .chain([".".repeat(4000), "/".repeat(4000)])
        {
            let attribute = |_: &str| Some(value.clone());
            let fields = fields(&value, &attribute);
            for name in names {
                for template in [
                    format!("{{{name}}}"),
                    format!("{{{name}}}/{{{name}}}"),
                    format!("a/{{{name}}}."),
                ] {
                    let path = render(&template, &fields);
                    for component in path.split('/') {
                        assert!(
                            safe_name::is_component(component),
                            "{template} of {value:?}: {path:?}"
                        );
                        assert!(component.len() <= 202 && !component.ends_with(['.', ' ']));
                    }
                    assert_eq!(path.matches('/').count(), template.matches('/').count());
                }
            }
        }
    }

    #[test]
    fn invalid_templates_are_refused() {
        for bad in [
            "", "/a", "a//b", "a/", "..", "../{id}", ".hidden", "{nope}", "{id", "id}", "a\\b", "a\nb",
            "{attr:}", "{}",
        ] {
            assert!(Template::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn paths_read_back() {
        let name = RecordingName::from_path("a/b.wav.part", ".wav.part").expect("ours");
        assert_eq!(name.directories(), ["a"]);
        assert_eq!(name.numbered(3).path(".wav"), "a/b-3.wav");
        for bad in [
            "/etc/passwd.wav",
            "../x.wav",
            "a/../x.wav",
            ".callrec/x.wav",
            "a//x.wav",
            ".wav",
            "x.txt",
        ] {
            assert_eq!(RecordingName::from_path(bad, ".wav"), None, "{bad}");
        }
    }
}
