//! How hosts begin recordings earlier than they start them, and ask for consent.

use callrec_core::calls::{CallUpdate, ConsentState, ConsentUpdate};
use uuid::Uuid;

use super::host::Hosts;
use super::kept_past::{EarlierBeginning, PAUSE_REACH_MS};
use super::model::AudioPolicy;
use super::patterns::PACKET_MS;

/// How much of the latest audio is kept.
pub const KEPT_MS: u64 = 4000;
/// A call that was not visited for a while may still have this much.
const KEPT_MOST_MS: u64 = 6500;
/// What hosts ask for. The largest is `REC_LOOKBACK_ALL`, as with `rec_call_keep`.
const LOOKBACKS_MS: [u32; 8] = [20, 200, 500, 1234, 3999, 60_000, u32::MAX, u32::MAX];

impl Hosts {
    /// How much audio from before its start a recording is to have, in milliseconds.
    pub fn lookback_of_start(&mut self) -> u32 {
        let Some(rng) = &mut self.past_rng else {
            return 0;
        };
        match rng.chance(70) {
            true => rng.pick(&LOOKBACKS_MS),
            false => 0,
        }
    }

    /// Notes what later recordings of the call may have from now on.
    pub fn follow_past(&self, index: usize) {
        let call = &self.calls[index];
        let mut guard = self.model.lock();
        let state = &mut *guard;
        let tick = state.tick;
        let past = &mut state.calls[call.number].past;
        let is_paused = |id: &&Uuid| {
            let of = state.recordings.get(id);
            of.is_some_and(|of| of.is_live && of.is_paused)
        };
        past.paused.extend(call.recordings.iter().filter(is_paused));
        let forbids = call.private || call.consent == ConsentState::Refused;
        let paused = call.recordings.iter().filter(is_paused).count();
        let interruptions = usize::from(forbids) + paused;
        let policy = match interruptions {
            0 if call.held && self.hold_is_silence => AudioPolicy::Silence,
            0 => AudioPolicy::Keep,
            _ => AudioPolicy::Omit,
        };
        let failed = |id: &Uuid| state.recordings.get(id).is_some_and(|of| of.failed_itself);
        let is_unclear = past.paused.iter().any(failed);
        past.follow(tick, policy, interruptions, is_unclear);
        if policy != AudioPolicy::Omit {
            past.paused.clear();
        }
    }

    /// Notes a recording that was started with a look-back, and checks how much it was given.
    pub fn began_earlier(&mut self, index: usize, id: Uuid, lookback_ms: u32) {
        self.follow_past(index);
        let views = self.listed(index);
        let Some(view) = views.iter().find(|view| view.id == id) else {
            return self
                .model
                .lock()
                .fault(format!("recording {id} is not listed after its start"));
        };
        let given_ms = u64::from(view.spec.lookback_ms);
        let forbids = self.calls[index].forbids_audio(self.needs_consent);
        let mut state = self.model.lock();
        state.note(format!(
            "recording {id}: {lookback_ms} ms wanted, {given_ms} ms given"
        ));
        let (start, conceals) = (state.tick, state.conceals);
        let past = &state.calls[self.calls[index].number].past;
        let there_ms = match forbids || past.is_interrupted() {
            true => 0,
            false => (start * PACKET_MS).saturating_sub(past.since_ms),
        };
        let most_ms = there_ms.min(lookback_ms.into());
        let is_given = (most_ms.min(KEPT_MS)..=most_ms.min(KEPT_MOST_MS)).contains(&given_ms);
        // Its interruption may have begun earlier, and end with a resume that changes no recording.
        let is_unclear = !is_given && past.may_be_interrupted && given_ms <= most_ms + PAUSE_REACH_MS;
        let is_given = is_given || is_unclear;
        let is_given = is_given || !self.disk_is_sound && given_ms <= lookback_ms.into();
        let mut before = past.policies.clone();
        if past.is_interrupted()
            && let Some(last) = before.last_mut().filter(|_| given_ms > 0)
        {
            // A paused recording has failed, and no event has said so yet.
            last.1 = AudioPolicy::Unclear;
        }
        if is_unclear {
            let kept = before
                .iter_mut()
                .filter(|(_, policy)| *policy != AudioPolicy::Omit);
            kept.for_each(|(_, policy)| *policy = AudioPolicy::Unclear);
        }
        if !is_given {
            state.fault(format!(
                "recording {id}: {given_ms} ms are given of {lookback_ms}, and {there_ms} were there"
            ));
        }
        if let Some(recording) = state.recordings.get_mut(&id).filter(|_| given_ms > 0) {
            let own = std::mem::replace(&mut recording.policies, before);
            own.into_iter()
                .for_each(|(tick, policy)| recording.set_policy(tick, policy));
            recording.earlier = Some(EarlierBeginning {
                start,
                given_ms,
                is_exact: given_ms == u64::from(lookback_ms),
                may_lack: !self.disk_is_sound,
                conceals,
            });
        }
    }

    /// The parties of a call agree that it is recorded, or refuse.
    pub fn ask_for_consent(&mut self, index: usize) {
        let Some(rng) = &mut self.past_rng else { return };
        let state = match rng.below(8) {
            0 => ConsentState::Refused,
            1 => ConsentState::Unknown,
            _ => ConsentState::Given,
        };
        let age_ms = rng.pick(&[0, 0, 20, 333, 1000, 3000, 60_000]);
        let before = self.calls[index].consent;
        let from_ms = self.engine.unix_ms() - age_ms as i64;
        let update = CallUpdate {
            consent: ConsentUpdate {
                state: Some(state),
                from_ms: (age_ms > 0).then_some(from_ms),
                ..ConsentUpdate::default()
            },
            ..CallUpdate::default()
        };
        if self.calls[index].call.update(&update).is_err() {
            return;
        }
        let line = format!(
            "call {}: consent {state:?}, {age_ms} ms ago",
            self.calls[index].call_id
        );
        self.trace(line);
        let forbade = self.calls[index].forbids_audio(self.needs_consent);
        self.calls[index].consent = state;
        if state == ConsentState::Refused {
            let mut model = self.model.lock();
            let past = &mut model.calls[self.calls[index].number].past;
            past.may_be_interrupted |= !past.paused.is_empty();
            drop(model);
            self.refused(index);
        } else if forbade && !self.calls[index].forbids_audio(self.needs_consent) {
            self.note_pauses(index);
        }
        self.changed(index);
        // A repetition without a time changes nothing.
        if state == ConsentState::Given && (before != state || age_ms > 0) {
            let mut model = self.model.lock();
            let tick = model.tick;
            let past = &mut model.calls[self.calls[index].number].past;
            past.forget_before(tick, age_ms);
        }
    }
}
