//! Simulated hosts: calls that begin and end, and whose audio arrives in time, late or at once.

use std::sync::Arc;

use callrec_core::calls::{
    CallInfo, Caller, ConsentState, Filter, RecordingView, RefusalAction, TransferAction,
};
use callrec_core::engine::{Call, Engine};
use callrec_core::recorder::Recorder;
use callrec_core::text::Text;
use callrec_core::types::{Leg, RecordingState};
use uuid::Uuid;

use super::leg::{STALL_TICKS, SimLeg};
use super::model::{AudioPolicy, ModelState, SharedModel};
use super::patterns::PatternSource;
use crate::random::SeededRng;

pub struct LiveCall {
    pub call: Arc<Call>,
    pub call_id: String,
    /// The call's number in the model.
    pub number: usize,
    pub device: &'static str,
    legs: Vec<SimLeg>,
    /// The recordings that the host knows.
    pub recordings: Vec<Uuid>,
    pub private: bool,
    pub held: bool,
    pub consent: ConsentState,
    steady: bool,
    /// For how many more ticks the host's thread stalls. It writes its backlog then.
    stalled: u64,
}

/// The hosts of one process.
pub struct Hosts {
    pub engine: Arc<Engine>,
    pub model: SharedModel,
    pub rng: SeededRng,
    pub calls: Vec<LiveCall>,
    pub process: usize,
    /// Audio of held calls is not kept.
    pub hold_is_silence: bool,
    /// The disk never fails, so that no recording fails.
    pub disk_is_sound: bool,
    /// Chooses how much audio from before its start a recording has, and asks for consent. `None`:
    /// calls keep no audio.
    pub past_rng: Option<SeededRng>,
    pub needs_consent: bool,
    pub on_refusal: RefusalAction,
    pub on_transfer: TransferAction,
    begun: u64,
}

const CALLS_MAX: usize = 4;

/// A line whose calls are all recorded.
pub const AUTOMATIC_DEVICE: &str = "automatic";
pub const DEVICES: [&str; 3] = ["phone-1", "phone-2", AUTOMATIC_DEVICE];
/// The flag of `rec_line_set` for automatic recordings.
const LINE_IS_AUTOMATIC: u32 = callrec_core::calls::rules::AUTOMATIC;

impl Hosts {
    pub fn new(engine: &Arc<Engine>, model: &SharedModel, process: usize, rng: SeededRng) -> Hosts {
        let (device, nothing) = (Text::new(AUTOMATIC_DEVICE), Text::default());
        if engine.set_line(&device, &nothing, LINE_IS_AUTOMATIC).is_err() {
            model.lock().fault("a line cannot be set".to_owned());
        }
        Hosts {
            engine: engine.clone(),
            model: model.clone(),
            rng,
            calls: Vec::new(),
            process,
            hold_is_silence: false,
            disk_is_sound: false,
            past_rng: None,
            needs_consent: false,
            on_refusal: RefusalAction::Stop,
            on_transfer: TransferAction::Continue,
            begun: 0,
        }
    }

    /// Plays the time of one packet: the senders send, the hosts write the packets that have
    /// arrived, and then operate on their calls.
    pub fn tick(&mut self, now_ns: u64, patterns: &mut PatternSource) {
        self.model.lock().tick += 1;
        let last = self.model.lock().tick - 1;
        if self.calls.len() < CALLS_MAX && self.rng.chance(4) {
            self.begin_call();
        }
        for index in 0..self.calls.len() {
            self.find_automatic(index, last);
            self.write_pending(index, now_ns, patterns);
        }
        for index in 0..self.calls.len() {
            if self.rng.chance(8) {
                self.control(index);
            }
            if let Some(rng) = &mut self.past_rng
                && rng.chance(2)
            {
                self.ask_for_consent(index);
            }
        }
        if !self.calls.is_empty() && self.rng.chance(1) {
            let call = self.calls.swap_remove(self.rng.index(self.calls.len()));
            self.end(call);
        }
    }

    pub fn live_calls(&self) -> usize {
        self.calls.len()
    }

    pub fn trace(&self, line: String) {
        self.model.lock().note(line);
    }

    fn begin_call(&mut self) {
        self.begun += 1;
        let call_id = format!("{}-{}", self.process, self.begun);
        let device = self.rng.pick(&DEVICES);
        let info = CallInfo {
            call_id: Text::new(&call_id),
            device_name: Text::new(device),
            ..CallInfo::default()
        };
        let Ok(call) = self.engine.begin_call(info) else {
            return;
        };
        let mut legs = Vec::new();
        for leg in [Leg::Local, Leg::Remote] {
            match SimLeg::open(&call, leg, &mut self.rng) {
                Ok(open) => legs.push(open),
                Err(text) => self.model.lock().fault(text),
            }
        }
        let steady = self.rng.chance(50);
        let number = self.model.lock().begin_call(steady, device);
        self.trace(format!("call {call_id} of {device} begins, number {number}"));
        self.calls.push(LiveCall {
            call,
            call_id,
            number,
            device,
            legs,
            recordings: Vec::new(),
            private: false,
            held: false,
            consent: ConsentState::Unknown,
            steady,
            stalled: 0,
        });
    }

    fn write_pending(&mut self, index: usize, now_ns: u64, patterns: &mut PatternSource) {
        let call = &mut self.calls[index];
        let mut state = self.model.lock();
        if call.stalled == 0 && !call.steady && self.rng.chance(1) {
            call.stalled = self.rng.between(1, STALL_TICKS);
            let line = format!(
                "call {}: its host stalls for {} ticks",
                call.call_id, call.stalled
            );
            state.note(line);
        }
        call.stalled = call.stalled.saturating_sub(1);
        for leg in &mut call.legs {
            leg.send(&mut state, call.number, patterns, &mut self.rng, call.stalled > 0);
            if call.stalled == 0 {
                leg.write_pending(&mut state, call.number, now_ns);
            }
        }
    }

    pub fn listed(&self, index: usize) -> Vec<RecordingView> {
        let filter = Filter {
            call_id: Text::new(&self.calls[index].call_id),
            ..Filter::default()
        };
        self.engine.list(&Caller::Host, &filter).unwrap_or_default()
    }

    /// Notes automatic recordings, which have begun after this tick.
    pub fn find_automatic(&mut self, index: usize, tick: u64) {
        for view in self.listed(index) {
            if !self.calls[index].recordings.contains(&view.id) {
                let forbids = self.calls[index].forbids_audio(self.needs_consent);
                let paused = view.state == RecordingState::Paused && !forbids;
                self.begun(index, view.id, tick, paused);
                if forbids && let Some(recording) = self.model.lock().recordings.get_mut(&view.id) {
                    recording.may_be_paused = true;
                }
            }
        }
    }

    /// Notes which recordings of a call are paused: a recording that replaces a failed one begins
    /// paused if that was paused, which shows when the call is no longer private.
    pub fn note_pauses(&mut self, index: usize) {
        for view in self.listed(index) {
            let mut state = self.model.lock();
            if let Some(recording) = state.recordings.get_mut(&view.id) {
                recording.is_paused = view.state == RecordingState::Paused;
                recording.may_be_paused = false;
            }
        }
    }

    /// Notes a recording that was accepted after this tick.
    pub fn begun(&mut self, index: usize, id: Uuid, tick: u64, paused: bool) {
        let call = &mut self.calls[index];
        call.recordings.push(id);
        let policy = match paused {
            true => AudioPolicy::Omit,
            false => policy_of(call, self.needs_consent, self.hold_is_silence),
        };
        let mut state = self.model.lock();
        state.record(id, call.number, tick, policy);
        if let Some(recording) = state.recordings.get_mut(&id) {
            recording.is_paused = paused;
        }
        drop(state);
        let line = format!("recording {id} of call {}", call.call_id);
        self.trace(line);
        self.follow_past(index);
    }

    /// Notes that the audio policy of a call's recordings has changed.
    pub fn changed(&mut self, index: usize) {
        {
            let call = &self.calls[index];
            let policy = policy_of(call, self.needs_consent, self.hold_is_silence);
            update_policies(&mut self.model.lock(), call, policy);
        }
        self.follow_past(index);
    }

    /// Changes a sender of the call.
    pub fn change_sender(&mut self, index: usize) {
        let of = self.rng.index(2);
        if let Some(leg) = self.calls[index].legs.get_mut(of)
            && let Some(line) = leg.change(&mut self.rng)
        {
            self.trace(format!("call {}, leg {of}: {line}", self.calls[index].call_id));
        }
    }

    /// Frees the memory of a dead process.
    pub fn forget(self) {
        for call in &self.calls {
            let _ = call.call.end();
        }
    }

    fn end(&mut self, call: LiveCall) {
        let ended = call.call.end();
        self.trace(format!("call {} ends: {}", call.call_id, ended.is_ok()));
        let mut state = self.model.lock();
        let tick = state.tick;
        let known = state.calls[call.number].known.clone();
        for id in &call.recordings {
            if let Some(recording) = state.recordings.get_mut(id) {
                recording.end_known(tick, &known);
            }
        }
    }
}

impl LiveCall {
    /// Whether no audio of the call may be recorded now.
    pub fn forbids_audio(&self, needs_consent: bool) -> bool {
        self.private
            || match self.consent {
                ConsentState::Unknown => needs_consent,
                ConsentState::Given => false,
                ConsentState::Refused => true,
            }
    }
}

/// The audio policy of the call's recordings that are not paused.
fn policy_of(call: &LiveCall, needs_consent: bool, hold_is_silence: bool) -> AudioPolicy {
    match (call.forbids_audio(needs_consent), call.held && hold_is_silence) {
        (true, _) => AudioPolicy::Omit,
        (false, true) => AudioPolicy::Silence,
        (false, false) => AudioPolicy::Keep,
    }
}

fn update_policies(state: &mut ModelState, call: &LiveCall, own: AudioPolicy) {
    let tick = state.tick;
    for id in &call.recordings {
        if let Some(recording) = state.recordings.get_mut(id)
            && recording.is_live
        {
            let policy = match recording.is_paused {
                true => AudioPolicy::Omit,
                false => own,
            };
            recording.set_policy(tick, policy);
        }
    }
}
