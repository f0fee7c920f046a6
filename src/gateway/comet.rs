//! CometD: Bayeux over long polling.

use std::sync::Arc;

use http::StatusCode;

use super::Gateway;
use super::http::{Answer, Asked, empty};

pub async fn answer(_gateway: &Arc<Gateway>, _asked: &Asked, _rest: &str) -> Answer {
    empty(StatusCode::NOT_FOUND)
}
