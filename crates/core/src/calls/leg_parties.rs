//! Sets who is heard on a leg of a call.

use std::sync::Arc;

use super::parties::{Party, after_change};
use super::registry::{Registry, call_ended};
use crate::types::{Leg, Result};

impl Registry {
    /// These parties, and no others, are heard on the leg from now on.
    pub fn set_parties(&self, number: u64, leg: Leg, parties: Vec<Party>, now_ms: i64) -> Result<()> {
        let mut inner = self.lock();
        let call = inner.calls.get_mut(&number).ok_or_else(call_ended)?;
        let next = after_change(&call.info.parties, leg, parties, now_ms);
        if next == *call.info.parties {
            return Ok(());
        }
        let mut info = (*call.info).clone();
        info.parties = Arc::new(next);
        call.info = Arc::new(info);
        call.media.set_info(&call.info);
        for recording in &call.live {
            recording.update_call(&call.info, &call.lines);
        }
        if !call.live.is_empty() {
            self.note_live_change();
        }
        Ok(())
    }
}
