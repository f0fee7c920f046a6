//! Names of recordings: the template, and the name that comes of it.

use super::safe;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use time::OffsetDateTime;
use time::macros::format_description;
use uuid::Uuid;

pub const DEFAULT_TEMPLATE: &str = "{date}_{time}_{id}";

const GSIP_REC_FN: &str = "{call_id}_{number}_{ani}_{dnis}_{date}_{time}_{gsip_host}__{contact_center}";

/// What stands as it is in a percent-encoded value.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

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
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
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
    GsipHost,
    ContactCenter,
    Layout,
}

/// What the placeholders stand for in one recording.
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
    pub contact_center: &'a str,
    pub layout: &'a str,
    pub started_at_ms: i64,
    /// An attribute of the call by its key.
    pub attribute: &'a dyn Fn(&str) -> Option<String>,
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
    pub fn parse(text: &str) -> Result<Template, String> {
        // The published form is a template itself.
        let text = text.replace("{gsip_rec_fn}", GSIP_REC_FN);
        let components = text.split('/').map(parse_component).collect::<Result<_, _>>()?;
        Ok(Template { components })
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
                }
            }
            safe::component(&text)
        });
        RecordingName {
            components: components.collect(),
        }
    }
}

fn parse_component(text: &str) -> Result<Vec<Piece>, String> {
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
        pieces.push(parse_placeholder(&rest[open + 1..open + close])?);
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

fn parse_placeholder(name: &str) -> Result<Piece, String> {
    let field = match name {
        "id" => Field::Id,
        "call_id" => Field::CallId,
        "device" => Field::Device,
        "number" => Field::Number,
        "user" => Field::User,
        "remote" => Field::Remote,
        "ani" => Field::Ani,
        "dnis" => Field::Dnis,
        "date" => Field::Date,
        "time" => Field::Time,
        "host" => Field::Host,
        "gsip_host" => Field::GsipHost,
        "contact_center" => Field::ContactCenter,
        "layout" => Field::Layout,
        _ => {
            return match name.strip_prefix("attr:") {
                Some(key) if !key.is_empty() => Ok(Piece::Attribute(key.to_owned())),
                _ => Err(format!("\"{{{name}}}\": no such placeholder")),
            };
        }
    };
    Ok(Piece::Field(field))
}

impl Field {
    fn text(self, fields: &NameFields<'_>) -> String {
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
            Field::GsipHost => fields.host.replace('.', "-dot-"),
            Field::ContactCenter => utf8_percent_encode(fields.contact_center, PLAIN).to_string(),
            Field::Layout => fields.layout.to_owned(),
        }
    }
}

/// Genesys' attribute: the very name that a file of the template `{gsip_rec_fn}` has.
pub fn gsip_rec_fn(fields: &NameFields<'_>) -> String {
    let template = Template::parse(GSIP_REC_FN).unwrap_or_default();
    template.render(fields).path("")
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
            contact_center: value,
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
    fn published_gsip_rec_fn() {
        let mut fields = fields("15000", &|_| None);
        fields.call_id = "01RCC3N118B1V0SL8O7GK2LAES00000V";
        fields.dnis = "15001";
        fields.host = "hpe-voicevm-70.genesyslab.com";
        fields.contact_center = "<cont_center_id>";
        assert_eq!(
            render("{gsip_rec_fn}", &fields),
            "01RCC3N118B1V0SL8O7GK2LAES00000V_15000_15000_15001_2015-10-16_14-26-23_\
             hpe-voicevm-70-dot-genesyslab-dot-com__%3Ccont_center_id%3E"
        );
        assert_eq!(gsip_rec_fn(&fields), render("{gsip_rec_fn}", &fields));
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
            "id",
            "call_id",
            "device",
            "number",
            "user",
            "remote",
            "ani",
            "dnis",
            "host",
            "contact_center",
            "layout",
            "attr:k",
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
