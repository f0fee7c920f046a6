//! The published HTTP APIs of Imagicle, Genesys (with CometD) and Vobiz, on top of the engine. Each
//! vendor is one module that implements [`Registration`] (a name and its keys) and `HttpApi` (a
//! handler from request to response), and has one line in [`apis`]. `server` serves them on
//! sockets, and `rec_http_handle` without. Neither depends on a particular vendor.
//!
//! Without the feature `server`, the crate provides what every build of callrec needs: the keys and
//! the placeholders for file names ([`GatewaySettings`]), and Imagicle's format of a list of
//! recordings ([`imagicle::active`]).

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
mod archive_error;
#[cfg(feature = "server")]
mod archive_search;
#[cfg(feature = "server")]
mod archive_service;
#[cfg(feature = "server")]
mod audio_backend;
#[cfg(feature = "server")]
mod auth;
#[cfg(feature = "server")]
mod callbacks;
#[cfg(feature = "server")]
mod client_address;
#[cfg(feature = "server")]
mod compress;
#[cfg(feature = "server")]
mod cors;
#[cfg(feature = "server")]
mod gateway;
#[cfg(feature = "server")]
mod guarded_authenticator;
#[cfg(feature = "server")]
mod head;
#[cfg(feature = "server")]
mod host_header;
#[cfg(feature = "server")]
pub mod http;
#[cfg(feature = "server")]
mod lifecycle;
#[cfg(feature = "server")]
mod login_throttle;
#[cfg(feature = "server")]
mod logins;
#[cfg(feature = "server")]
mod metrics;
#[cfg(feature = "server")]
mod permit_pool;
#[cfg(feature = "server")]
mod ranges;
#[cfg(feature = "server")]
mod recording_url;
#[cfg(feature = "server")]
mod request_audit;
#[cfg(feature = "server")]
mod request_counters;
#[cfg(feature = "server")]
mod router;
#[cfg(feature = "server")]
mod runtime_threads;
#[cfg(feature = "server")]
mod server;
#[cfg(feature = "server")]
mod signed_url;
#[cfg(feature = "server")]
mod start;

#[cfg(feature = "server")]
pub use api::{ApiGauge, BackgroundTask, CorsHeaders, HttpApi, ResponseFuture};
#[cfg(feature = "server")]
pub use auth::{AuthError, AuthenticatedUser, Authenticator, Credentials, Scheme};
#[cfg(feature = "server")]
pub use gateway::Gateway;
#[cfg(feature = "server")]
pub use logins::Logins;
pub use registration::{Availability, Registration};
#[cfg(feature = "server")]
pub use router::Router;
pub use settings::GatewaySettings;
#[cfg(feature = "server")]
pub use start::{Options, start};
#[cfg(feature = "server")]
pub use vobiz::callback_of_host;
