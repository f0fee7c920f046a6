//! From when on a call's audio may be in a recording that begins earlier than it is started.

use super::call::CallInfo;
use super::consent::ConsentState;
use super::registry_state::CallEntry;
use super::rules;
use crate::clock::NS_PER_MS;
use crate::media::PACKET_NS;

impl CallEntry {
    /// Follows a start, a pause, a resume, an end or a change of the call. What was said before or
    /// during a pause of any recording, while the call was private, or on a line that is not
    /// monitorable, is not kept.
    pub fn follow_interruptions(&mut self, now_ns: u64) {
        let paused = self.live.iter().filter(|live| live.lifecycle.lock().paused);
        // An automatic recording that failed while it was paused is replaced by a paused one. Until
        // then the media know of no pause.
        let forbids_past = self.line_forbids_past || self.automatic.paused;
        if forbids_past != self.media_forbid_past {
            self.media_forbid_past = forbids_past;
            self.media.keep_past(!forbids_past);
        }
        let others = [
            self.info.forbids_past(),
            self.line_forbids_past,
            self.automatic.paused,
        ];
        let interruptions = paused.count() + others.into_iter().filter(|is_one| *is_one).count();
        if interruptions > self.interruptions {
            self.interrupted_ns = Some(now_ns);
        }
        self.interruptions = interruptions;
        if interruptions > 0 {
            self.kept_since_ns = None;
        } else if self.kept_since_ns.is_none() {
            // An interruption may begin with the end of a packet, and does not end before that.
            let begun_ns = self.interrupted_ns.map_or(0, |ns| ns + PACKET_NS);
            self.kept_since_ns = Some(now_ns.max(begun_ns));
        }
    }

    /// Follows a change of the call's line or of the flags of its policy.
    pub fn follow_line(&mut self, flags: u32, now_ns: u64) {
        self.line_forbids_past = flags & rules::NOT_MONITORABLE != 0;
        self.follow_interruptions(now_ns);
    }

    /// Follows a change of consent, which may not reach back to all that is kept.
    pub fn follow_consent(&mut self, before: &CallInfo, now_ms: i64, now_ns: u64) {
        let Some(age_ns) = self.info.consent.begins_before_ns(before, now_ms) else {
            return;
        };
        let from_ns = now_ns.saturating_sub(age_ns);
        self.kept_since_ns = self.kept_since_ns.map(|since_ns| since_ns.max(from_ns));
    }

    /// The earliest time, at most `most_ms` ago, from which on the call's audio is kept. `None` if
    /// none is.
    pub fn kept_from_ns(&self, most_ms: u32, now_ns: u64) -> Option<u64> {
        let is_given = most_ms > 0 && !self.info.forbids_audio();
        let held_ns = self.media.kept_from_ns().filter(|_| is_given)?;
        let most_ns = match most_ms {
            u32::MAX => u64::MAX,
            ms => u64::from(ms) * NS_PER_MS,
        };
        let from_ns = now_ns.saturating_sub(most_ns);
        let from_ns = from_ns.max(self.kept_since_ns?).max(held_ns);
        (from_ns < now_ns).then_some(from_ns)
    }
}

impl super::consent::Consent {
    /// If a consent has been given or its time has changed: how long before `now_ms` it begins.
    pub fn begins_before_ns(&self, before: &CallInfo, now_ms: i64) -> Option<u64> {
        let is_new = (self.state, self.from_ms) != (before.consent.state, before.consent.from_ms);
        let age_ms = now_ms.saturating_sub(self.from_ms).max(0) as u64;
        (is_new && self.state == ConsentState::Given).then(|| age_ms.saturating_mul(NS_PER_MS))
    }
}
