//! The way to the receivers of callbacks: where a callback may go, and one request to it.
//! What a callback says is its vendor's.

mod address;
mod client;

pub use address::{Address, permitted};
pub use client::Client;
