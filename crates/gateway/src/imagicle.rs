//! Imagicle's Call Recording WebAPI.

pub mod active;
#[cfg(feature = "server")]
mod api;
mod config;

use callrec_core::keys::{KeyDescription, names_of, set_key};
use callrec_core::types::Result;

use crate::registration::{Availability, Registration};
pub use config::ImagicleConfig;

impl Registration for ImagicleConfig {
    fn name(&self) -> &'static str {
        "imagicle"
    }

    fn availability(&self) -> Availability {
        Availability::ByDefault
    }

    fn described_keys() -> Vec<KeyDescription> {
        ImagicleConfig::described()
    }

    fn key_names(&self) -> Vec<&'static str> {
        names_of(ImagicleConfig::KEYS)
    }

    fn set_known(&mut self, name: &str, value: &str) -> Option<Result<()>> {
        set_key(self, ImagicleConfig::KEYS, name, value)
    }

    fn boxed(&self) -> Box<dyn Registration> {
        Box::new(self.clone())
    }

    #[cfg(feature = "server")]
    fn open(&self, gateway: &std::sync::Arc<crate::Gateway>) -> Vec<Box<dyn crate::HttpApi>> {
        vec![Box::new(api::Imagicle::new(gateway, self))]
    }
}
