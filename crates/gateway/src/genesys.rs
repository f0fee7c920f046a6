//! Genesys Web Services' voice API, as far as it is about recording, and its CometD.

#[cfg(feature = "server")]
pub(crate) mod api;
#[cfg(feature = "server")]
pub(crate) mod comet;
pub mod names;
