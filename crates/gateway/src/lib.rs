//! The published HTTP APIs over the engine: Imagicle's, Genesys's with its CometD, and
//! Vobiz's. Each vendor is one folder, which implements [`Registration`] (a name and keys)
//! and `HttpApi` (from a request to an answer), and one line of [`apis`]. `server` puts
//! sockets around them, `rec_http_handle` does without, and neither knows any of them.
//!
//! Without the feature `server` this is what every build of callrec knows of them: their
//! keys and their placeholders in names ([`GatewaySettings`]), and Imagicle's form of a list
//! of recordings ([`imagicle::active`]).

#![forbid(unsafe_code)]

pub mod apis;
pub mod config;
pub mod genesys;
pub mod imagicle;
mod registration;
mod settings;
pub mod vobiz;

#[cfg(feature = "server")]
mod api;
#[cfg(feature = "server")]
mod audited;
#[cfg(feature = "server")]
mod auth;
#[cfg(feature = "server")]
mod callbacks;
#[cfg(feature = "server")]
mod compress;
#[cfg(feature = "server")]
mod cors;
#[cfg(feature = "server")]
mod files;
#[cfg(feature = "server")]
mod gateway;
#[cfg(feature = "server")]
mod head;
#[cfg(feature = "server")]
mod host;
#[cfg(feature = "server")]
pub mod http;
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
mod places;
#[cfg(feature = "server")]
mod ranges;
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
mod signed_url;
#[cfg(feature = "server")]
mod source;
#[cfg(feature = "server")]
mod start;
#[cfg(feature = "server")]
mod throttle;

#[cfg(feature = "server")]
pub use api::{Answering, ApiGauge, ApiWork, HttpApi, PageHeaders};
#[cfg(feature = "server")]
pub use auth::{Credentials, Doorkeeper, Identity, Refused, Scheme};
#[cfg(feature = "server")]
pub use gateway::Gateway;
#[cfg(feature = "server")]
pub use logins::Logins;
pub use registration::{Offered, Registration};
#[cfg(feature = "server")]
pub use route::Router;
pub use settings::GatewaySettings;
#[cfg(feature = "server")]
pub use start::{Options, start};
#[cfg(feature = "server")]
pub use vobiz::callback_of_host;
