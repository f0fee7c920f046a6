//! Vobiz's recording API, and Plivo's which it is modelled on.

use std::sync::Arc;

use http::StatusCode;

use super::Gateway;
use super::http::{Answer, Asked, empty};
use crate::engine::Engine;

/// Where the audio of a recording is.
pub const AUDIO_PATH: &str = "/recordings";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    Vobiz,
    Plivo,
}

/// What the Vobiz API knows beyond the engine.
pub struct Desk {}

impl Desk {
    pub fn new(_engine: &Arc<Engine>) -> Desk {
        Desk {}
    }

    pub fn attach(_gateway: &Arc<Gateway>) {}

    pub fn callbacks_waiting(&self) -> u64 {
        0
    }
}

pub async fn answer(_gateway: &Arc<Gateway>, _asked: &Asked, _rest: &str, _dialect: Dialect) -> Answer {
    empty(StatusCode::NOT_FOUND)
}

pub async fn audio(_gateway: &Arc<Gateway>, _asked: &Asked, _rest: &str) -> Answer {
    empty(StatusCode::NOT_FOUND)
}
