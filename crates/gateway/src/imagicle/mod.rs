//! Imagicle's Call Recording WebAPI.

pub mod active;
#[cfg(feature = "server")]
pub(crate) mod api;
