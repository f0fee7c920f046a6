//! The published HTTP APIs over the engine: Imagicle's, Genesys's with its CometD, and
//! Vobiz's. Each vendor is one function from a request to an answer; `server` puts
//! sockets around it, `rec_http_handle` does without.
//!
//! Without the feature `server` this is what every build of callrec knows of them: their
//! keys ([`config`]), their placeholders in names ([`names`]) and Imagicle's form of a
//! list of recordings ([`active`]).

#![forbid(unsafe_code)]

pub mod active;
pub mod config;
pub mod names;

#[cfg(feature = "server")]
mod audited;
#[cfg(feature = "server")]
mod auth;
#[cfg(feature = "server")]
mod comet;
#[cfg(feature = "server")]
mod files;
#[cfg(feature = "server")]
mod gateway;
#[cfg(feature = "server")]
mod genesys;
#[cfg(feature = "server")]
pub mod http;
#[cfg(feature = "server")]
mod imagicle;
#[cfg(feature = "server")]
mod life;
#[cfg(feature = "server")]
mod logins;
#[cfg(feature = "server")]
mod meters;
#[cfg(feature = "server")]
mod metrics;
#[cfg(feature = "server")]
mod missing;
#[cfg(feature = "server")]
mod outbox;
#[cfg(feature = "server")]
mod places;
#[cfg(feature = "server")]
mod recording_url;
#[cfg(feature = "server")]
mod route;
#[cfg(feature = "server")]
mod search;
#[cfg(feature = "server")]
mod sent_audio;
#[cfg(feature = "server")]
mod server;
#[cfg(feature = "server")]
mod source;
#[cfg(feature = "server")]
mod start;
#[cfg(feature = "server")]
mod throttle;
#[cfg(feature = "server")]
mod vobiz;

#[cfg(feature = "server")]
pub use auth::{Credentials, Doorkeeper, Identity, Scheme};
#[cfg(feature = "server")]
pub use gateway::Gateway;
#[cfg(feature = "server")]
pub use outbox::permitted;
#[cfg(feature = "server")]
pub use route::Router;
#[cfg(feature = "server")]
pub use start::{Options, start};
