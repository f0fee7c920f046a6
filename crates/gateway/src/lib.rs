//! The published HTTP APIs over the engine: Imagicle's, Genesys's with its CometD, and
//! Vobiz's. Each vendor is one function from a request to an answer; `server` puts
//! sockets around it, `rec_http_handle` does without.

#![forbid(unsafe_code)]

mod auth;
mod comet;
mod files;
mod gateway;
mod genesys;
pub mod http;
mod imagicle;
mod life;
mod logins;
mod meters;
mod metrics;
mod missing;
mod outbox;
mod places;
mod recording_url;
mod route;
mod search;
mod sent_audio;
mod server;
mod source;
mod start;
mod throttle;
mod vobiz;

pub use auth::{Credentials, Doorkeeper, Identity, Scheme};
pub use gateway::Gateway;
pub use outbox::permitted;
pub use route::Router;
pub use start::{Options, start};
