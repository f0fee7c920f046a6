//! Names of recordings: the template, and the name that comes of it.

use super::placeholders::{Derived, FIELDS, Field, NameFields, Placeholders, StandsFor};
use super::safe;

pub const DEFAULT_TEMPLATE: &str = "{date}_{time}_{id}";

/// What `storage.name` says, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    components: Vec<Vec<Piece>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    Field(Field),
    Attribute(String),
    Derived(Derived),
}

impl Default for Template {
    fn default() -> Template {
        Template {
            components: vec![vec![
                Piece::Field(Field::Date),
                Piece::Text("_".to_owned()),
                Piece::Field(Field::Time),
                Piece::Text("_".to_owned()),
                Piece::Field(Field::Id),
            ]],
        }
    }
}

impl Template {
    /// A template of the engine's own placeholders.
    pub fn parse(text: &str) -> Result<Template, String> {
        Template::with(text, &Placeholders::new())
    }

    /// A template that may contain `added` placeholders, too.
    pub fn with(text: &str, added: &Placeholders) -> Result<Template, String> {
        let text = added.expand(text);
        let components = text.split('/').map(|component| parse_component(component, added));
        Ok(Template {
            components: components.collect::<Result<_, _>>()?,
        })
    }

    /// The name of one recording; what leads out of the directory is made harmless.
    pub fn render(&self, fields: &NameFields<'_>) -> RecordingName {
        let components = self.components.iter().map(|pieces| {
            let mut text = String::new();
            for piece in pieces {
                match piece {
                    Piece::Text(literal) => text.push_str(literal),
                    Piece::Field(field) => text.push_str(&safe::value(&field.text(fields))),
                    Piece::Attribute(key) => {
                        let value = (fields.attribute)(key).unwrap_or_default();
                        text.push_str(&safe::value(&value));
                    }
                    Piece::Derived(Derived(value)) => text.push_str(&safe::value(&value(fields))),
                }
            }
            safe::component(&text)
        });
        RecordingName {
            components: components.collect(),
        }
    }
}

fn parse_component(text: &str, added: &Placeholders) -> Result<Vec<Piece>, String> {
    if text.is_empty() {
        return Err("a part of the path between \"/\" is empty".to_owned());
    }
    if text.starts_with('.') {
        return Err(format!("\"{text}\": no part of the path may begin with a dot"));
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

fn push_text(pieces: &mut Vec<Piece>, text: &str) -> Result<(), String> {
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
        pieces.push(Piece::Text(text.to_owned()));
    }
    Ok(())
}

/// Literal text of any length, otherwise as strict as a value.
fn safe_text(text: &str) -> String {
    text.chars()
        .map(|c| safe::value(c.encode_utf8(&mut [0; 4])))
        .collect()
}

fn parse_placeholder(name: &str, added: &Placeholders) -> Result<Piece, String> {
    if let Some((_, field)) = FIELDS.iter().find(|(own, _)| *own == name) {
        return Ok(Piece::Field(*field));
    }
    match added.find(name) {
        Some(StandsFor::Text(value)) => return Ok(Piece::Text(safe::value(value))),
        Some(StandsFor::Derived(derived)) => return Ok(Piece::Derived(*derived)),
        // It has been expanded, unless it names itself.
        Some(StandsFor::Template(_)) | None => {}
    }
    match name.strip_prefix("attr:") {
        Some(key) if !key.is_empty() => Ok(Piece::Attribute(key.to_owned())),
        _ => Err(format!("\"{{{name}}}\": no such placeholder")),
    }
}

/// Where a recording lies in the directory, without its extension.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordingName {
    components: Vec<String>,
}

impl RecordingName {
    /// Reads the relative path of a file back, as a manifest has it; `None` unless
    /// it could be one of ours.
    pub fn from_path(path: &str, ending: &str) -> Option<RecordingName> {
        let stem = path.strip_suffix(ending)?;
        let components: Vec<String> = stem.split('/').map(str::to_owned).collect();
        let fine = components.iter().all(|component| safe::is_component(component));
        (fine && components.len() <= 32).then_some(RecordingName { components })
    }

    /// The directories on the way, outermost first.
    pub fn directories(&self) -> &[String] {
        self.components
            .split_last()
            .map_or(&[], |(_, directories)| directories)
    }

    /// The last component, with a number if it is not the first of its name.
    pub fn stem(&self, number: u32) -> String {
        let stem = self.components.last().map_or("_", String::as_str);
        if number <= 1 {
            stem.to_owned()
        } else {
            format!("{stem}-{number}")
        }
    }

    /// The same name with that number in it.
    pub fn numbered(&self, number: u32) -> RecordingName {
        let mut components = self.directories().to_vec();
        components.push(self.stem(number));
        RecordingName { components }
    }

    /// The relative path of one of the recording's files.
    pub fn path(&self, ending: &str) -> String {
        let mut path = self.components.join("/");
        path.push_str(ending);
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
        assert!(Template::parse("{site}").is_err(), "nobody has added it");
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
    fn tricks_in_every_field_stay_inside() {
        let names = [
            "id", "call_id", "device", "number", "user", "remote", "ani", "dnis", "host", "layout", "attr:k",
        ];
        let tricks = [
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
        for trick in tricks
            .into_iter()
            .map(str::to_owned)
            .chain([".".repeat(4000), "/".repeat(4000)])
        {
            let attribute = |_: &str| Some(trick.clone());
            let fields = fields(&trick, &attribute);
            for name in names {
                for template in [
                    format!("{{{name}}}"),
                    format!("{{{name}}}/{{{name}}}"),
                    format!("a/{{{name}}}."),
                ] {
                    let path = render(&template, &fields);
                    for component in path.split('/') {
                        assert!(safe::is_component(component), "{template} of {trick:?}: {path:?}");
                        assert!(component.len() <= 202 && !component.ends_with(['.', ' ']));
                    }
                    assert_eq!(path.matches('/').count(), template.matches('/').count());
                }
            }
        }
    }

    #[test]
    fn bad_templates_are_named() {
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
