//! The way to the receivers of callbacks: where a callback may go, and one request to it.
//! What a callback says is its vendor's.

mod callback_url;
mod client;

pub use callback_url::{CallbackUrl, check_allowed};
pub use client::CallbackClient;
