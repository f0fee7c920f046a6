//! Vobiz's recording API, Plivo's (on which it is modelled), and the audio of recordings under the
//! URLs that both return.

#[cfg(feature = "server")]
mod api;
mod config;

use callrec_core::keys::{KeyDescription, names_of, set_key};
use callrec_core::types::Result;

use crate::registration::{Availability, Registration};
#[cfg(feature = "server")]
pub use api::callback_of_host;
pub use config::{PlivoConfig, SignatureConfig, SignatureV3, VobizConfig};

impl Registration for VobizConfig {
    fn name(&self) -> &'static str {
        "vobiz"
    }

    fn availability(&self) -> Availability {
        Availability::ByDefault
    }

    fn described_keys() -> Vec<KeyDescription> {
        VobizConfig::described()
    }

    fn key_names(&self) -> Vec<&'static str> {
        names_of(VobizConfig::KEYS)
    }

    fn set_known(&mut self, name: &str, value: &str) -> Option<Result<()>> {
        set_key(self, VobizConfig::KEYS, name, value)
    }

    fn boxed(&self) -> Box<dyn Registration> {
        Box::new(self.clone())
    }

    #[cfg(feature = "server")]
    fn open(&self, gateway: &std::sync::Arc<crate::Gateway>) -> Vec<Box<dyn crate::HttpApi>> {
        vec![Box::new(api::VobizApi::new(
            gateway,
            &self.path,
            &self.cors_origins,
            api::Dialect::Vobiz,
        ))]
    }
}

impl Registration for PlivoConfig {
    fn name(&self) -> &'static str {
        "plivo"
    }

    fn availability(&self) -> Availability {
        Availability::WhenNamed
    }

    fn described_keys() -> Vec<KeyDescription> {
        PlivoConfig::described()
    }

    fn key_names(&self) -> Vec<&'static str> {
        names_of(PlivoConfig::KEYS)
    }

    fn set_known(&mut self, name: &str, value: &str) -> Option<Result<()>> {
        set_key(self, PlivoConfig::KEYS, name, value)
    }

    fn boxed(&self) -> Box<dyn Registration> {
        Box::new(self.clone())
    }

    #[cfg(feature = "server")]
    fn open(&self, gateway: &std::sync::Arc<crate::Gateway>) -> Vec<Box<dyn crate::HttpApi>> {
        vec![Box::new(api::VobizApi::new(
            gateway,
            &self.path,
            &self.cors_origins,
            api::Dialect::Plivo,
        ))]
    }
}

/// The audio and the callbacks. They are available even if neither API is offered, since a start by
/// the host may name a receiver.
#[derive(Clone, Debug, Default)]
pub struct AudioRegistration {
    signatures: SignatureConfig,
}

impl Registration for AudioRegistration {
    fn name(&self) -> &'static str {
        "audio"
    }

    fn availability(&self) -> Availability {
        Availability::Always
    }

    fn described_keys() -> Vec<KeyDescription> {
        SignatureConfig::described()
    }

    fn key_names(&self) -> Vec<&'static str> {
        names_of(SignatureConfig::KEYS)
    }

    fn set_known(&mut self, name: &str, value: &str) -> Option<Result<()>> {
        set_key(&mut self.signatures, SignatureConfig::KEYS, name, value)
    }

    fn boxed(&self) -> Box<dyn Registration> {
        Box::new(self.clone())
    }

    #[cfg(feature = "server")]
    fn open(&self, gateway: &std::sync::Arc<crate::Gateway>) -> Vec<Box<dyn crate::HttpApi>> {
        vec![Box::new(api::AudioApi::new(gateway, &self.signatures))]
    }
}
