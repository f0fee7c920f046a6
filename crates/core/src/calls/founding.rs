//! What the registry says of a recording that begins.

use std::sync::Arc;

use uuid::Uuid;

use super::call::{CallInfo, LineStay};

/// What a new recording is made of.
pub struct Founding<'a> {
    pub order: u64,
    pub call: u64,
    /// The call's newest before this one.
    pub previous: Option<(u64, Uuid)>,
    pub info: &'a Arc<CallInfo>,
    pub lines: &'a Arc<Vec<LineStay>>,
    /// It is paused from its first moment.
    pub paused: bool,
}
