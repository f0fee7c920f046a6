//! What the APIs add to the names of recordings.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use callrec_core::storage::{Placeholders, Template};

use crate::config::GatewayConfig;

/// The published form of Genesys' `GSIP_REC_FN`.
const GSIP_REC_FN: &str = "{call_id}_{number}_{ani}_{dnis}_{date}_{time}_{gsip_host}__{contact_center}";

/// What stands as it is in a percent-encoded value.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// The placeholders that `storage.name` may contain beside the engine's own.
pub fn placeholders(config: &GatewayConfig) -> Placeholders {
    let contact_center = utf8_percent_encode(&config.genesys_contact_center, PLAIN);
    Placeholders::new()
        .template("gsip_rec_fn", GSIP_REC_FN)
        .derived("gsip_host", |fields| fields.host.replace('.', "-dot-"))
        .text("contact_center", contact_center.to_string())
}

/// Genesys' attribute: the very name that a file of the template `{gsip_rec_fn}` has.
pub fn gsip_rec_fn(config: &GatewayConfig) -> Template {
    Template::with(GSIP_REC_FN, &placeholders(config)).unwrap_or_default()
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
        let config = GatewayConfig::default();
        let named = Template::with("{gsip_rec_fn}", &placeholders(&config)).expect("a template");
        assert_eq!(
            named.render(&fields).path(""),
            "01RCC3N118B1V0SL8O7GK2LAES00000V_15000_15000_15001_2015-10-16_14-26-23_\
             hpe-voicevm-70-dot-genesyslab-dot-com__%3Ccont_center_id%3E"
        );
        assert_eq!(gsip_rec_fn(&config), named);
    }

    #[test]
    fn tricks_stay_inside() {
        for trick in [
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
            let config = GatewayConfig {
                genesys_contact_center: trick.to_owned(),
                ..GatewayConfig::default()
            };
            for template in [
                "{contact_center}",
                "{gsip_host}",
                "a/{gsip_host}{contact_center}",
                "{gsip_rec_fn}",
            ] {
                let parsed = Template::with(template, &placeholders(&config)).expect("a template");
                let path = parsed.render(&fields(trick, &|_| None)).path("");
                assert!(
                    RecordingName::from_path(&path, "").is_some(),
                    "{template} of {trick:?}: {path:?}"
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
