//! What every build knows of an API, even without the feature `server`: its name, its keys and its
//! placeholders for file names.

use std::fmt::Debug;
#[cfg(feature = "server")]
use std::sync::Arc;

use callrec_core::keys::KeyDescription;
use callrec_core::storage::Placeholders;
use callrec_core::types::Result;

#[cfg(feature = "server")]
use super::api::HttpApi;
#[cfg(feature = "server")]
use super::gateway::Gateway;

/// Whether an API is offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Availability {
    /// Offered unless `gateway.apis` omits it.
    ByDefault,
    /// Offered if `gateway.apis` lists it.
    WhenNamed,
    /// Not selected by `gateway.apis`; the API itself decides which requests it claims.
    Always,
}

/// One API with its keys, before a gateway is started. A vendor's module implements this, and one
/// line of `apis.rs` registers it.
pub trait Registration: Debug + Send + Sync {
    /// The API's name in `gateway.apis`.
    fn name(&self) -> &'static str;

    fn availability(&self) -> Availability;

    /// What the documents say of its keys, in their order.
    // Not part of the vtable, so that a library does not contain it.
    fn described_keys() -> Vec<KeyDescription>
    where
        Self: Sized;

    /// The names of its keys, in the order of the documents.
    fn key_names(&self) -> Vec<&'static str>;

    /// Sets one of its keys. Returns `None` if the key is not its own.
    fn set_known(&mut self, name: &str, value: &str) -> Option<Result<()>>;

    /// Adds the API's placeholders for `storage.name`.
    fn placeholders(&self, known: Placeholders) -> Placeholders {
        known
    }

    /// A copy of the registration with its current settings.
    fn boxed(&self) -> Box<dyn Registration>;

    /// Creates the API for one gateway. A vendor with several protocols creates several, each with
    /// its own paths, error responses and metrics.
    #[cfg(feature = "server")]
    fn open(&self, gateway: &Arc<Gateway>) -> Vec<Box<dyn HttpApi>>;
}

impl Clone for Box<dyn Registration> {
    fn clone(&self) -> Box<dyn Registration> {
        self.boxed()
    }
}
