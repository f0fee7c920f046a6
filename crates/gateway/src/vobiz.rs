//! Vobiz's recording API, and Plivo's which it is modelled on.

#[cfg(feature = "server")]
pub(crate) mod api;
