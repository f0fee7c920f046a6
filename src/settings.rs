//! The settings of `rec_config_set`: the keys of the engine, of uploads, of the gateway and of the cluster.

use crate::cluster::ClusterSettings;
use crate::config::Config;
use crate::gateway::GatewaySettings;
use crate::keys::{self, KeyDescription};
use crate::text::{abbreviate, one_line};
use crate::thread_hooks::ThreadHooks;
use crate::types::{Error, Result, Status};
use crate::upload::UploadSettings;

/// The settings of one engine, its uploads, its gateways and its cluster.
#[derive(Clone, Debug)]
pub struct Settings {
    pub engine: Config,
    #[cfg(feature = "upload")]
    pub upload: UploadSettings,
    pub gateway: GatewaySettings,
    #[cfg(feature = "cluster")]
    pub cluster: ClusterSettings,
}

/// The first words of the keys that this build refuses, and the features of cargo that it lacks.
const MISSING: &[(&str, &str)] = &[
    #[cfg(not(feature = "upload"))]
    ("upload.", "upload"),
    #[cfg(not(feature = "cluster"))]
    ("cluster.", "cluster"),
];

impl Default for Settings {
    fn default() -> Settings {
        crate::lame::provide();
        let gateway = GatewaySettings::default();
        let mut engine = Config::default();
        engine.storage.placeholders = gateway.placeholders();
        Settings {
            engine,
            #[cfg(feature = "upload")]
            upload: UploadSettings {
                placeholders: gateway.placeholders(),
                ..UploadSettings::default()
            },
            gateway,
            #[cfg(feature = "cluster")]
            cluster: ClusterSettings::default(),
        }
    }
}

impl Settings {
    /// All keys of a build with all features, in the order in which they are documented.
    pub fn keys() -> impl Iterator<Item = KeyDescription> {
        let Settings { engine, gateway, .. } = Settings::default();
        let all = Config::keys()
            .chain(UploadSettings::keys())
            .chain(gateway.described_keys())
            .chain(ClusterSettings::keys());
        let listed = engine.storage.placeholders.listed();
        all.map(move |mut key| {
            key.meaning = key.meaning.replace("{placeholders}", &listed);
            key
        })
    }

    /// The names of the keys of this build.
    fn own_names() -> impl Iterator<Item = &'static str> {
        let names = Config::key_names().chain(GatewaySettings::default().key_names());
        #[cfg(feature = "upload")]
        let names = names.chain(UploadSettings::KEYS.iter().map(|key| key.name));
        #[cfg(feature = "cluster")]
        let names = names.chain(ClusterSettings::KEYS.iter().map(|key| key.name));
        names
    }

    pub fn set(&mut self, name: &str, value: &str) -> Result<()> {
        let known = self.engine.set_known(name, value);
        let known = known.or_else(|| self.gateway.set_known(name, value));
        #[cfg(feature = "upload")]
        let known = known.or_else(|| self.upload.set_known(name, value));
        #[cfg(feature = "cluster")]
        let known = known.or_else(|| self.cluster.set_known(name, value));
        known.unwrap_or_else(|| Err(unknown(name)))
    }

    /// Sets keys from a JSON object, flat or nested. On an error nothing changes.
    pub fn load(&mut self, json: &str) -> Result<()> {
        keys::load_json(self, json, Settings::set)
    }

    pub fn set_thread_hooks(&mut self, hooks: ThreadHooks) {
        self.engine.thread_hooks = hooks;
    }

    /// Gives each part what it needs of the others.
    #[must_use]
    pub fn completed(self) -> Settings {
        let mut all = self;
        all.engine.storage.placeholders = all.gateway.placeholders();
        #[cfg(feature = "upload")]
        {
            all.upload.placeholders = all.gateway.placeholders();
        }
        #[cfg(feature = "cluster")]
        if all.cluster.is_enabled() {
            use crate::storage::{END_JOB, JobSpec};

            all.engine.storage.end_jobs.push(JobSpec::new(END_JOB, &()));
        }
        all
    }
}

/// The error for a key that this build does not know.
fn unknown(name: &str) -> Error {
    let missing = MISSING.iter().find(|(prefix, _)| name.starts_with(prefix));
    let Some((_, feature)) = missing else {
        return keys::no_such_key(name, &mut Settings::own_names());
    };
    let name = one_line(name);
    let message = format!(
        "key \"{}\": this build has no feature \"{feature}\"",
        abbreviate(&name, 100)
    );
    Error::new(Status::Unsupported, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::checks::Accepts;
    use crate::storage::Template;

    fn set(name: &str, value: &str) -> Result<()> {
        Settings::default().set(name, value)
    }

    fn own_keys() -> Vec<KeyDescription> {
        let names: Vec<_> = Settings::own_names().collect();
        Settings::keys().filter(|key| names.contains(&key.name)).collect()
    }

    #[test]
    fn the_default_text_of_every_key_gives_the_default_settings() {
        for key in own_keys() {
            let mut settings = Settings::default();
            assert_eq!(settings.set(key.name, &key.default), Ok(()), "{}", key.name);
            let unset = Settings::default();
            assert_eq!(format!("{settings:?}"), format!("{unset:?}"), "{}", key.name);
        }
    }

    #[test]
    fn every_number_is_checked_against_its_bounds() {
        let mut numbers = 0;
        for key in own_keys() {
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
        for key in own_keys() {
            let Accepts::Bytes(low, high) = key.accepts else {
                continue;
            };
            assert!(set(key.name, &"/".repeat(high + 1)).is_err(), "{}", key.name);
            assert_eq!(set(key.name, "").is_ok(), low == 0, "{}", key.name);
        }
    }

    #[test]
    fn every_documented_choice_is_accepted() {
        for key in own_keys() {
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
        let Settings { engine, gateway, .. } = settings.completed();
        assert_eq!((engine.reorder_ms, gateway.config().threads), (70, 3));
    }

    #[test]
    fn a_key_of_a_feature_that_this_build_lacks_is_refused() {
        for (prefix, feature) in MISSING {
            for key in Settings::keys().filter(|key| key.name.starts_with(prefix)) {
                let error = set(key.name, &key.default).expect_err("it is refused");
                assert_eq!(error.status, Status::Unsupported);
                assert!(
                    error.message.contains(&format!("\"{feature}\"")),
                    "{}",
                    error.message
                );
            }
        }
        assert!(set("uploads.url", "").is_err_and(|error| error.message.contains("no such key")));
    }

    #[test]
    fn a_name_template_accepts_placeholders_of_the_apis() {
        let mut settings = Settings::default();
        assert_eq!(
            settings.set("storage.name", "{gsip_rec_fn}/{contact_center}"),
            Ok(())
        );
        assert_eq!(settings.set("genesys.contact_center_id", "a b"), Ok(()));
        let engine = settings.completed().engine;
        // This also holds if the key is set after the name.
        let named = Template::with("{contact_center}", &engine.storage.placeholders);
        assert_eq!(named, Template::parse("a%20b"));
    }
}
