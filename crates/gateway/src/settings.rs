//! All configuration keys of a gateway: its own, and those of the registered APIs.

#[cfg(feature = "server")]
use std::sync::Arc;

use super::apis;
use super::config::GatewayConfig;
use super::registration::{Availability, Registration};
use callrec_core::keys::checks::{Accepts, Check, choice, list};
use callrec_core::keys::{ConfigKey, KeyDescription, names_of, set_key};
use callrec_core::storage::Placeholders;
use callrec_core::types;

#[cfg(feature = "server")]
use super::api::HttpApi;
#[cfg(feature = "server")]
use super::gateway::Gateway;

/// The settings that a gateway is started with.
#[derive(Clone, Debug)]
pub struct GatewaySettings {
    config: GatewayConfig,
    apis: Vec<Box<dyn Registration>>,
}

/// Separate from `GatewayConfig`, since the accepted names depend on the registrations.
const APIS: &[ConfigKey<GatewaySettings>] = &[ConfigKey {
    name: "gateway.apis",
    set: GatewaySettings::offer,
}];

/// All registered APIs with their defaults.
impl Default for GatewaySettings {
    fn default() -> GatewaySettings {
        GatewaySettings::with(apis::registered())
    }
}

impl GatewaySettings {
    /// Only these APIs.
    pub fn with(apis: Vec<Box<dyn Registration>>) -> GatewaySettings {
        let mut config = GatewayConfig::default();
        let default = apis
            .iter()
            .filter(|api| api.availability() == Availability::ByDefault);
        config.apis = default.map(|api| api.name()).collect();
        GatewaySettings { config, apis }
    }

    /// The gateway's own settings.
    pub fn config(&self) -> &GatewayConfig {
        &self.config
    }

    /// What the documents say of the keys, in their order: `gateway.apis`, the gateway's own, and
    /// those of the APIs of this crate.
    pub fn described_keys(&self) -> Vec<KeyDescription> {
        let offered = GatewaySettings::with(self.apis.clone()).config.apis;
        let meaning = format!(
            "The published HTTP APIs that are offered, separated by commas: {}.",
            self.names().join(", ")
        );
        let named = APIS
            .iter()
            .map(|key| KeyDescription::new(key.name, &offered.join(","), &meaning, Accepts::Other));
        named
            .chain(GatewayConfig::described())
            .chain(apis::described_keys())
            .collect()
    }

    /// The names of all keys.
    pub fn key_names(&self) -> Vec<&'static str> {
        let mut names = names_of(APIS);
        names.extend(names_of(GatewayConfig::KEYS));
        names.extend(self.apis.iter().flat_map(|api| api.key_names()));
        names
    }

    /// Sets a key. Returns `None` if it is not a key of the gateway or of one of its APIs.
    // A part of a C function would be compiled for speed.
    #[inline(never)]
    pub fn set_known(&mut self, name: &str, value: &str) -> Option<types::Result<()>> {
        set_key(self, APIS, name, value)
            .or_else(|| set_key(&mut self.config, GatewayConfig::KEYS, name, value))
            .or_else(|| self.apis.iter_mut().find_map(|api| api.set_known(name, value)))
    }

    /// The placeholders that the APIs add to `storage.name`.
    pub fn placeholders(&self) -> Placeholders {
        let apis = self.apis.iter();
        apis.fold(Placeholders::new(), |known, api| api.placeholders(known))
    }

    /// The names that `gateway.apis` accepts.
    fn names(&self) -> Vec<&'static str> {
        let named = self
            .apis
            .iter()
            .filter(|api| api.availability() != Availability::Always);
        named.map(|api| api.name()).collect()
    }

    fn offer(&mut self, names: &str) -> Result<(), String> {
        let mut known = self.names();
        let named = list(|name| Ok(name.to_owned())).parse(names)?;
        let words: Vec<_> = known.iter().map(|name| (*name, ())).collect();
        for name in &named {
            choice(&words).parse(name)?;
        }
        known.retain(|known| named.iter().any(|name| name == known));
        self.config.apis = known;
        Ok(())
    }

    /// The offered APIs, in the order of registration.
    #[cfg(feature = "server")]
    pub(crate) fn open(&self, gateway: &Arc<Gateway>) -> Vec<Box<dyn HttpApi>> {
        let offered = self
            .apis
            .iter()
            .filter(|api| api.availability() == Availability::Always || self.config.offers(api.name()));
        offered.flat_map(|api| api.open(gateway)).collect()
    }
}
