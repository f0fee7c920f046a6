//! The recording part of Genesys Web Services' voice API, and its CometD notifications.

#[cfg(feature = "server")]
mod api;
#[cfg(feature = "server")]
mod comet;
mod config;
#[cfg(feature = "server")]
mod cookie;
mod names;

use callrec_core::keys::{KeyDescription, names_of, set_key};
use callrec_core::storage::Placeholders;
use callrec_core::types::Result;

use crate::registration::{Availability, Registration};
pub use config::GenesysConfig;

/// One name in `gateway.apis` stands for both protocols.
impl Registration for GenesysConfig {
    fn name(&self) -> &'static str {
        "genesys"
    }

    fn availability(&self) -> Availability {
        Availability::ByDefault
    }

    fn described_keys() -> Vec<KeyDescription> {
        GenesysConfig::described()
    }

    fn key_names(&self) -> Vec<&'static str> {
        names_of(GenesysConfig::KEYS)
    }

    fn set_known(&mut self, name: &str, value: &str) -> Option<Result<()>> {
        set_key(self, GenesysConfig::KEYS, name, value)
    }

    fn placeholders(&self, known: Placeholders) -> Placeholders {
        names::placeholders(self, known)
    }

    fn boxed(&self) -> Box<dyn Registration> {
        Box::new(self.clone())
    }

    #[cfg(feature = "server")]
    fn open(&self, gateway: &std::sync::Arc<crate::Gateway>) -> Vec<Box<dyn crate::HttpApi>> {
        let genesys = api::Genesys::new(gateway, self);
        let comet = comet::Comet::new(gateway, genesys.sessions());
        vec![Box::new(comet), Box::new(api::GenesysApi::new(genesys))]
    }
}
