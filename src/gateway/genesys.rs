//! Genesys Web Services' voice API, as far as it is about recording.

use std::sync::Arc;

use http::StatusCode;

use super::Gateway;
use super::http::{Answer, Asked, empty};
use crate::engine::Engine;

/// What the Genesys API knows beyond the engine.
pub struct Desk {}

impl Desk {
    pub fn new(_engine: &Arc<Engine>) -> Desk {
        Desk {}
    }

    /// From here on the desk hears of every recording.
    pub fn attach(_gateway: &Arc<Gateway>) {}

    /// CometD sessions.
    pub fn sessions(&self) -> u64 {
        0
    }
}

pub async fn answer(_gateway: &Arc<Gateway>, _asked: &Asked, _rest: &str) -> Answer {
    empty(StatusCode::NOT_FOUND)
}
