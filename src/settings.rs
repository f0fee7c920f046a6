//! The settings of `rec_config_set`: the keys of the engine, of uploads, of the gateway and of the cluster.

use crate::cluster::ClusterSettings;
use crate::cluster::settings::END_JOB;
use crate::config::Config;
use crate::gateway::GatewaySettings;
use crate::keys::{self, KeyDescription};
use crate::storage::JobSpec;
use crate::thread_hooks::ThreadHooks;
use crate::types::Result;
use crate::upload::UploadSettings;

/// The settings of one engine, its uploads, its gateways and its cluster.
#[derive(Clone, Debug)]
pub struct Settings {
    engine: Config,
    upload: UploadSettings,
    gateway: GatewaySettings,
    cluster: ClusterSettings,
}

impl Default for Settings {
    fn default() -> Settings {
        crate::lame::provide();
        let gateway = GatewaySettings::default();
        let mut engine = Config::default();
        engine.storage.placeholders = gateway.placeholders();
        let upload = UploadSettings {
            placeholders: gateway.placeholders(),
            ..UploadSettings::default()
        };
        let cluster = ClusterSettings::default();
        Settings {
            engine,
            upload,
            gateway,
            cluster,
        }
    }
}

impl Settings {
    /// All keys, in the order in which they are documented.
    pub fn keys() -> impl Iterator<Item = KeyDescription> {
        let Settings { engine, gateway, .. } = Settings::default();
        let all = Config::keys()
            .chain(UploadSettings::keys())
            .chain(gateway.keys())
            .chain(ClusterSettings::keys());
        let listed = engine.storage.placeholders.listed();
        all.map(move |mut key| {
            key.meaning = key.meaning.replace("{placeholders}", &listed);
            key
        })
    }

    pub fn set(&mut self, name: &str, value: &str) -> Result<()> {
        let known = self.engine.set_known(name, value);
        let known = known.or_else(|| self.upload.set_known(name, value));
        let known = known.or_else(|| self.gateway.set_known(name, value));
        let known = known.or_else(|| self.cluster.set_known(name, value));
        known.unwrap_or_else(|| Err(keys::no_such_key(name, Settings::keys())))
    }

    /// Sets keys from a JSON object, flat or nested. On an error nothing changes.
    pub fn load(&mut self, json: &str) -> Result<()> {
        keys::load_json(self, json, Settings::set)
    }

    pub fn set_thread_hooks(&mut self, hooks: ThreadHooks) {
        self.engine.thread_hooks = hooks;
    }

    /// The settings of the engine's part in a cluster.
    pub fn cluster(&self) -> &ClusterSettings {
        &self.cluster
    }

    /// Splits the settings into those of the engine, of its uploads and of its gateways.
    pub fn into_parts(self) -> (Config, UploadSettings, GatewaySettings) {
        let Settings {
            mut engine,
            mut upload,
            gateway,
            cluster,
        } = self;
        engine.storage.placeholders = gateway.placeholders();
        upload.placeholders = gateway.placeholders();
        if cluster.is_enabled() {
            engine.storage.end_jobs.push(JobSpec::new(END_JOB, &()));
        }
        (engine, upload, gateway)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::checks::Accepts;
    use crate::storage::Template;

    fn set(name: &str, value: &str) -> Result<()> {
        Settings::default().set(name, value)
    }

    #[test]
    fn the_default_text_of_every_key_gives_the_default_settings() {
        for key in Settings::keys() {
            let mut settings = Settings::default();
            assert_eq!(settings.set(key.name, &key.default), Ok(()), "{}", key.name);
            let unset = Settings::default();
            assert_eq!(format!("{settings:?}"), format!("{unset:?}"), "{}", key.name);
        }
    }

    #[test]
    fn every_number_is_checked_against_its_bounds() {
        let mut numbers = 0;
        for key in Settings::keys() {
            let Accepts::Number(low, high) = key.accepts else {
                continue;
            };
            numbers += 1;
            for within in [low, high] {
                assert_eq!(
                    set(key.name, &within.to_string()),
                    Ok(()),
                    "{} {within}",
                    key.name
                );
            }
            let (below, above) = (i128::from(low) - 1, i128::from(high) + 1);
            for outside in [below.to_string(), above.to_string(), String::new(), "1.5".into()] {
                assert!(set(key.name, &outside).is_err(), "{} {outside}", key.name);
            }
        }
        assert!(numbers > 35, "{numbers}");
    }

    #[test]
    fn every_text_is_checked_against_its_length() {
        for key in Settings::keys() {
            let Accepts::Bytes(low, high) = key.accepts else {
                continue;
            };
            assert!(set(key.name, &"/".repeat(high + 1)).is_err(), "{}", key.name);
            assert_eq!(set(key.name, "").is_ok(), low == 0, "{}", key.name);
        }
    }

    #[test]
    fn every_documented_choice_is_accepted() {
        for key in Settings::keys() {
            let Accepts::OneOf(words) = key.accepts else {
                continue;
            };
            assert!(words.contains(&key.default.as_str()), "{}", key.name);
            for word in words {
                assert_eq!(set(key.name, word), Ok(()), "{} {word}", key.name);
            }
            assert!(set(key.name, "sundial").is_err(), "{}", key.name);
        }
    }

    #[test]
    fn each_key_is_declared_once_and_its_meaning_has_no_placeholder_left() {
        let mut names: Vec<&str> = Settings::keys().map(|key| key.name).collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
        for key in Settings::keys() {
            for marker in ["{range}", "{most}", "{choices}", "{placeholders}"] {
                assert!(!key.meaning.contains(marker), "{}: {}", key.name, key.meaning);
            }
        }
    }

    #[test]
    fn an_error_message_fits_into_a_rec_error() {
        let good = "https://example.com,".repeat(30);
        let long = "\n".repeat(600);
        for (name, value, why) in [
            (
                "callbacks.allow",
                format!("{good}nonsense"),
                "\"nonsense\": scheme://",
            ),
            (
                "callbacks.allow",
                format!("http://{long}"),
                "scheme://host:port is needed",
            ),
            ("recording.format", long.clone(), "are known"),
            (long.as_str(), String::new(), "no such key"),
        ] {
            let error = set(name, &value).expect_err("it is wrong");
            assert!(error.message.len() < 440, "{}", error.message);
            assert!(error.message.contains(why), "{}", error.message);
        }
    }

    #[test]
    fn loading_keys_of_engine_and_gateway_changes_nothing_on_an_error() {
        let mut settings = Settings::default();
        let json = r#"{"media": {"reorder_ms": 70}, "gateway": {"threads": 3}}"#;
        assert_eq!(settings.load(json), Ok(()));
        let wrong = r#"{"media": {"reorder_ms": 80}, "gateway": {"threads": 4, "typo": 1}}"#;
        assert!(settings.load(wrong).is_err());
        let (engine, _, gateway) = settings.into_parts();
        assert_eq!((engine.reorder_ms, gateway.config().threads), (70, 3));
    }

    #[test]
    fn a_name_template_accepts_placeholders_of_the_apis() {
        let mut settings = Settings::default();
        assert_eq!(
            settings.set("storage.name", "{gsip_rec_fn}/{contact_center}"),
            Ok(())
        );
        assert_eq!(settings.set("genesys.contact_center_id", "a b"), Ok(()));
        let (engine, ..) = settings.into_parts();
        // This also holds if the key is set after the name.
        let named = Template::with("{contact_center}", &engine.storage.placeholders);
        assert_eq!(named, Template::parse("a%20b"));
    }
}
