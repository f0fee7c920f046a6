//! The page `callrec-configuration(5)`: every key.

use callrec::settings::Settings;

use crate::ManualPage;
use crate::mdoc::MdocText;

const EXAMPLE: &str = "{\n    \"storage\": {\"directory\": \"/var/lib/callrec\", \"durability\": \"power\"},\n    \"recording.format\": \"flac\"\n}\n";

pub fn configuration() -> ManualPage {
    let name = "callrec-configuration";
    let mut page = MdocText::begin(name, 5, "the configuration of an engine of callrec");
    page.section("DESCRIPTION");
    page.text(
        "`rec_config_set` sets one key. `rec_config_load` reads keys from a file with one JSON object, whose members are keys, \
         or objects with the parts of keys. `callrec record --set KEY=VALUE` sets one, too. An unknown key and an invalid value \
         are errors.",
    );
    let keys: Vec<(String, String)> = Settings::keys()
        .map(|key| {
            let default = match key.default.as_str() {
                "" => "It has no default.".to_owned(),
                default => format!("Default: \"{default}\"."),
            };
            (key.name.to_owned(), format!("{} {default}", key.meaning))
        })
        .collect();
    page.terms(keys.iter().map(|(name, text)| (name.as_str(), text.as_str())));
    page.section("EXAMPLES");
    page.code(EXAMPLE);
    page.section("SEE ALSO");
    page.macro_line("Xr", "callrec 1 ,");
    page.macro_line("Xr", "callrec 3 ,");
    page.macro_line("Xr", "rec_config_load 3 ,");
    page.macro_line("Xr", "rec_config_set 3");
    ManualPage {
        name: name.to_owned(),
        section: 5,
        text: page.finish(),
    }
}
