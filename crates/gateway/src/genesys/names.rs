//! Genesys' placeholders for file names.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use callrec_core::storage::Placeholders;
#[cfg(any(feature = "server", test))]
use callrec_core::storage::Template;

use super::GenesysConfig;

/// The published format of Genesys' `GSIP_REC_FN`.
const GSIP_REC_FN: &str = "{call_id}_{number}_{ani}_{dnis}_{date}_{time}_{gsip_host}__{contact_center}";

/// Characters that are not percent-encoded.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Adds the placeholders that Genesys publishes.
pub fn placeholders(config: &GenesysConfig, known: Placeholders) -> Placeholders {
    let contact_center = utf8_percent_encode(&config.contact_center, PLAIN);
    known
        .template("gsip_rec_fn", GSIP_REC_FN)
        .derived("gsip_host", |fields| fields.host.replace('.', "-dot-"))
        .text("contact_center", contact_center.to_string())
}

/// The template of Genesys' attribute. It gives the same name as a file named by `{gsip_rec_fn}`.
#[cfg(any(feature = "server", test))]
pub fn gsip_rec_fn(config: &GenesysConfig) -> Template {
    Template::with(GSIP_REC_FN, &placeholders(config, Placeholders::new())).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use callrec_core::storage::{NameFields, RecordingName};

    fn fields<'a>(value: &'a str, attribute: &'a dyn Fn(&str) -> Option<String>) -> NameFields<'a> {
        NameFields {
            id: uuid::Uuid::nil(),
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

    #[test]
    fn published_gsip_rec_fn() {
        let mut fields = fields("15000", &|_| None);
        fields.call_id = "01RCC3N118B1V0SL8O7GK2LAES00000V";
        fields.dnis = "15001";
        fields.host = "hpe-voicevm-70.genesyslab.com";
        let config = GenesysConfig::default();
        let named =
            Template::with("{gsip_rec_fn}", &placeholders(&config, Placeholders::new())).expect("a template");
        assert_eq!(
            named.render(&fields).path(""),
            "01RCC3N118B1V0SL8O7GK2LAES00000V_15000_15000_15001_2015-10-16_14-26-23_\
             hpe-voicevm-70-dot-genesyslab-dot-com__%3Ccont_center_id%3E"
        );
        assert_eq!(gsip_rec_fn(&config), named);
    }

    #[test]
    fn a_malicious_value_stays_inside_the_directory() {
        for value in [
            "..",
            "",
            "/",
            "../../x",
            "..\\..\\x",
            ".callrec",
            "con",
            "a\0b",
            "a\nb",
            "C:\\x",
        ] {
            let config = GenesysConfig {
                contact_center: value.to_owned(),
                ..GenesysConfig::default()
            };
            for template in [
                "{contact_center}",
                "{gsip_host}",
                "a/{gsip_host}{contact_center}",
                "{gsip_rec_fn}",
            ] {
                let parsed = Template::with(template, &placeholders(&config, Placeholders::new()))
                    .expect("a template");
                let path = parsed.render(&fields(value, &|_| None)).path("");
                assert!(
                    RecordingName::from_path(&path, "").is_some(),
                    "{template} of {value:?}: {path:?}"
                );
                assert_eq!(
                    path.matches('/').count(),
                    template.matches('/').count(),
                    "{path:?}"
                );
            }
        }
    }
}
