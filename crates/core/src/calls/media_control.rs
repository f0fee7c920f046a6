//! The commands from the registry to a call's media.

use std::sync::Arc;

use uuid::Uuid;

use super::call::CallInfo;
use crate::types::EndReason;

/// Commands to a call's media, in the order of the registry's decisions. They are called under
/// the registry's lock and must not wait.
pub trait MediaControl: Send + Sync {
    /// The call's description from now on. First called when the call begins.
    fn set_info(&self, info: &Arc<CallInfo>);
    fn pause(&self, id: Uuid);
    fn resume(&self, id: Uuid);
    fn stop(&self, id: Uuid, reason: EndReason);
    fn end(&self, reason: EndReason);
    /// Whether audio may be kept for recordings that begin earlier. First called if it may not.
    fn keep_past(&self, _on: bool) {}
    /// Coarse time of the latest packet, or of the call's beginning if there was none.
    fn last_media_ns(&self) -> u64;
    /// The coarse time from which on the call's audio is kept in memory, if nothing interrupted the
    /// call since. `None` if nothing is kept.
    fn kept_from_ns(&self) -> Option<u64> {
        None
    }
}
