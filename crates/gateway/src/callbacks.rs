//! Delivery of callbacks: which URLs are allowed, and one request to a receiver. The vendor defines
//! the content.

mod callback_url;
mod client;

pub use callback_url::{CallbackUrl, check_allowed};
pub use client::CallbackClient;
