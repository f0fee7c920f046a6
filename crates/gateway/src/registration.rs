//! What every build knows of an API, also one without the feature `server`: its name, its
//! keys and what it adds to the names of recordings.

use std::fmt::Debug;
#[cfg(feature = "server")]
use std::sync::Arc;

use callrec_core::keys::KeyDescription;
use callrec_core::storage::Placeholders;
use callrec_core::words::Result;

#[cfg(feature = "server")]
use super::api::HttpApi;
#[cfg(feature = "server")]
use super::gateway::Gateway;

/// Whether an API is offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Availability {
    /// Unless `gateway.apis` leaves it out.
    ByDefault,
    /// If `gateway.apis` names it.
    WhenNamed,
    /// `gateway.apis` does not know it: which requests it claims is its own decision.
    Always,
}

/// One API with its keys, before a gateway has been started. A vendor's folder implements
/// this, and one line of `apis.rs` registers it.
pub trait Registration: Debug + Send + Sync {
    /// The name of the API in `gateway.apis`.
    fn name(&self) -> &'static str;

    fn availability(&self) -> Availability;

    /// Its keys, in the order of the documents.
    fn keys(&self) -> Vec<KeyDescription>;

    /// Sets one of its keys. Returns `None` if it is none of them.
    fn set_known(&mut self, name: &str, value: &str) -> Option<Result<()>>;

    /// Adds what `storage.name` may contain because of this API.
    fn placeholders(&self, known: Placeholders) -> Placeholders {
        known
    }

    /// A copy of it, with its keys as they are.
    fn boxed(&self) -> Box<dyn Registration>;

    /// Makes the API for one gateway. A vendor that publishes several protocols makes
    /// several, each with paths, a form of refusals and a row of metrics of its own.
    #[cfg(feature = "server")]
    fn open(&self, gateway: &Arc<Gateway>) -> Vec<Box<dyn HttpApi>>;
}

impl Clone for Box<dyn Registration> {
    fn clone(&self) -> Box<dyn Registration> {
        self.boxed()
    }
}
