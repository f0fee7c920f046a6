//! What control sends to a call's audio.

use std::sync::Arc;

use uuid::Uuid;

use super::call::CallInfo;
use crate::types::EndReason;

/// What control sends to a call's audio, in the order of the registry's
/// decisions; called under its lock, must not wait.
pub trait MediaControl: Send + Sync {
    /// The call is this from here on; the first time at its beginning.
    fn set_info(&self, info: &Arc<CallInfo>);
    fn pause(&self, id: Uuid);
    fn resume(&self, id: Uuid);
    fn stop(&self, id: Uuid, reason: EndReason);
    fn end(&self, reason: EndReason);
    /// Coarse time of the last packet, at first of the call's beginning.
    fn last_media_ns(&self) -> u64;
}
