//! Changes of a live call.

use std::sync::Arc;

use super::call::{CallUpdate, LineStay};
use super::registry::{FollowUp, Registry, call_ended};
use super::successor::SuccessorStart;
use crate::types::{Error, Result, Status};

/// Number of lines and owners that a call's manifest lists.
const LINES_MAX: usize = 256;

/// Number of ids that a call has besides its own.
const RELATED_MAX: usize = 16;

impl Registry {
    /// Changes a call. `successors`: how recordings begin that follow others at a transfer.
    pub fn update(
        &self,
        number: u64,
        update: &CallUpdate,
        now_ms: i64,
        successors: &SuccessorStart<'_>,
    ) -> Result<FollowUp> {
        let mut inner = self.lock();
        let Some(call) = inner.calls.get(&number) else {
            return Err(call_ended());
        };
        let before = call.info.clone();
        if let Some(call_id) = &update.call_id
            && *call_id != before.call_id
        {
            return Err(Error::new(
                Status::InvalidArgument,
                format!(
                    "call_id \"{call_id}\": the id of a call cannot change (\"{}\")",
                    before.call_id
                ),
            ));
        }
        let after = Arc::new(update.apply(&before, now_ms));
        let moved = !after.same_line(&before);
        let related = after.related_ids.len();
        if related > RELATED_MAX {
            return Err(Error::new(
                Status::Limit,
                format!("related_call_id: a call has at most {RELATED_MAX}"),
            ));
        }
        if moved || related != before.related_ids.len() {
            inner.refuse_duplicate(&after, Some(number))?;
        }
        inner.grow_indexes(&after)?;
        let mut transferred = match moved {
            // A refusal decides about the recordings, not the transfer that comes with it.
            true if !after.consent.is_refused() => self.end_transferred(&mut inner, number, now_ms),
            _ => Vec::new(),
        };
        inner.reindex(number, &before, &after);
        let Some(call) = inner.calls.get_mut(&number) else {
            return Err(call_ended());
        };
        call.info = after.clone();
        // Before the media learn of the refusal, so that the recordings end rather than pause.
        let refused = match after.consent.is_refused() {
            true => self.end_refused(&mut inner, number, now_ms),
            false => Vec::new(),
        };
        let line_flags = inner.policies.of(&after);
        let Some(call) = inner.calls.get_mut(&number) else {
            return Err(call_ended());
        };
        call.media.set_info(&after);
        let now_ns = self.now_ns();
        call.follow_interruptions(now_ns);
        call.follow_line(line_flags, now_ns);
        call.follow_consent(&before, now_ms, now_ns);
        if moved || after.username != before.username {
            // Keeps the first and the latest ones if a host changes them very often.
            let lines = Arc::make_mut(&mut call.lines);
            if lines.len() >= LINES_MAX {
                lines.remove(LINES_MAX / 2);
            }
            lines.push(LineStay::of(&after, now_ms));
        }
        for recording in &call.live {
            recording.update_call(&after, &call.lines);
        }
        if !call.live.is_empty() {
            self.note_live_change();
        }
        self.start_successors(&mut inner, number, &mut transferred, successors);
        if moved && let Some(call) = inner.calls.get_mut(&number) {
            call.automatic.has_begun = call.has_automatic();
        }
        if before.state != after.state {
            inner.note_connected(number);
        }
        let automatic = inner.request_automatic(number, self.now_ns());
        Ok(FollowUp {
            automatic,
            refused,
            transferred,
        })
    }
}
