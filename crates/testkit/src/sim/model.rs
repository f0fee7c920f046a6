//! The model of a simulation, which does not know how the library works.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use callrec_core::events::event::FLAG_REPEATED;
use callrec_core::events::{Event, EventKind, Listener, LogLevel, LogListener};
use callrec_core::types::{EndReason, RecordingState};
use uuid::Uuid;

use super::disk::SimDisk;
pub use super::kept_past::AudioPolicy;
use super::kept_past::{EarlierBeginning, KeptPast};
use super::known_call::KnownCall;

/// A packet that a sender has sent.
#[derive(Clone, Debug)]
pub struct ModelPacket {
    pub pattern: i16,
    pub leg: usize,
    /// The number of the leg's stream.
    pub stream: u32,
    /// The tick at which it was sent.
    pub sent: u64,
    /// The tick at which the host wrote it.
    pub written: Option<u64>,
    /// The tick at which it wrote the last of its copies.
    pub last_written: Option<u64>,
    /// For a packet whose timestamp shows its time: how many ticks later it may be placed, because
    /// of the delay of the stream's first packet, and behind another stream. `None`: the packet does
    /// not show its time.
    pub late: Option<u64>,
    /// How many ticks earlier it may be placed: a write after a short silence continues where the
    /// previous one ended.
    pub early: u64,
    /// A recording that begins earlier may lack it, without a loss in its ledger.
    pub may_lack: bool,
}

#[derive(Debug)]
pub struct ModelCall {
    /// The host never stalls in this call.
    pub steady: bool,
    /// Per leg: audio may be dropped without a fault of the host or the disk.
    pub disturbed: [bool; 2],
    pub packets: Vec<ModelPacket>,
    pub recordings: Vec<Uuid>,
    pub past: KeptPast,
    pub known: KnownCall,
    /// Audio may be masked until this tick.
    pub masked_until: u64,
}

/// One end of a recording, as an event reports it.
#[derive(Clone, Debug)]
pub struct ReportedEnd {
    pub process: usize,
    pub state: RecordingState,
    pub reason: Option<EndReason>,
    pub repeated: bool,
    pub path: String,
    /// The disk had refused to sync a directory before, in the same process.
    pub names_refused: bool,
}

/// A recording that was accepted.
#[derive(Clone, Debug, Default)]
pub struct ModelRecording {
    /// The process that has begun it.
    pub process: usize,
    pub call: Option<usize>,
    /// Its start is reported.
    pub started: bool,
    /// A failed start is reported, and its files could be removed.
    pub start_failed: bool,
    pub ends: Vec<ReportedEnd>,
    /// The audio policies, each with the tick after which it applies, in order.
    pub policies: Vec<(u64, AudioPolicy)>,
    /// A discard was accepted.
    pub discarded: bool,
    pub is_live: bool,
    pub is_paused: bool,
    /// Whether it is paused shows only when its call may be recorded: it replaces one that a refusal
    /// has ended.
    pub may_be_paused: bool,
    /// A transfer of its call has ended it.
    pub transferred: bool,
    /// What follows after that.
    pub succession: Option<Succession>,
    /// The tick of the transfer after which it follows another one.
    pub follows_at: Option<u64>,
    /// Its call when a host has ended it.
    pub known_at_end: Option<KnownCall>,
    /// It ended, and no host has ended it.
    pub failed_itself: bool,
    /// It begins before its start.
    pub earlier: Option<EarlierBeginning>,
}

/// What follows a recording that a transfer has ended.
#[derive(Clone, Debug, Default)]
pub struct Succession {
    /// The tick after which the transfer took place.
    pub at: u64,
    /// The recordings that may be the one that follows.
    pub followers: Vec<Uuid>,
    /// The recording as if it had gone on, with the pauses of those that follow.
    pub continued: Option<Box<ModelRecording>>,
}

/// The end of a process that did not close.
#[derive(Clone, Copy, Debug)]
pub struct ProcessDeath {
    pub tick: u64,
    /// The power was cut.
    pub by_power: bool,
}

#[derive(Default)]
pub struct ModelState {
    pub calls: Vec<ModelCall>,
    pub recordings: BTreeMap<Uuid, ModelRecording>,
    /// Patterns that must be in no recording.
    pub secret: BTreeSet<i16>,
    pub deaths: BTreeMap<usize, ProcessDeath>,
    pub process: usize,
    pub tick: u64,
    pub masks_dtmf: bool,
    /// Gaps are concealed, and senders describe their silences.
    pub conceals: bool,
    /// A process had no subscriber.
    pub had_no_subscriber: bool,
    pub trace: Vec<String>,
    pub wrong: Vec<String>,
}

/// The model, shared by the hosts and the engine's listener.
#[derive(Clone, Default)]
pub struct SharedModel(Arc<Mutex<ModelState>>);

impl SharedModel {
    pub fn lock(&self) -> MutexGuard<'_, ModelState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn listener(&self, disk: &SimDisk) -> Arc<ModelListener> {
        Arc::new(ModelListener {
            model: self.clone(),
            disk: disk.clone(),
        })
    }
}

pub struct ModelListener {
    model: SharedModel,
    disk: SimDisk,
}

impl LogListener for ModelListener {
    fn log(&self, _: LogLevel, message: &str) {
        if !self.disk.has_died() {
            self.model.lock().note(format!("log: {message}"));
        }
    }
}

impl Listener for ModelListener {
    fn event(&self, event: &Event, _: u64) {
        if self.disk.has_died() {
            return;
        }
        let mut state = self.model.lock();
        let Some(view) = event.subject.recording() else {
            return;
        };
        let line = format!("event {} {} flags {}", event.kind.text(), view.id, event.flags);
        state.note(line);
        let (process, tick) = (state.process, state.tick);
        let recording = state.recordings.entry(view.id).or_default();
        let is_end = matches!(
            event.kind,
            EventKind::Finished | EventKind::Failed | EventKind::StartFailed
        );
        recording.failed_itself |= is_end && recording.is_live;
        match event.kind {
            EventKind::Started => recording.started = true,
            EventKind::Finished | EventKind::Failed => {
                recording.end(tick);
                let names_refused = self.disk.has_refused_names();
                recording.ends.push(ReportedEnd {
                    process,
                    state: view.state,
                    reason: view.end_reason,
                    repeated: event.flags & FLAG_REPEATED != 0,
                    path: view.path.to_string(),
                    names_refused,
                });
            }
            EventKind::StartFailed => {
                recording.start_failed = !self.disk.has_refused_removal() && !self.disk.has_refused_names();
                recording.end(tick);
            }
            _ => {}
        }
    }
}

impl ModelRecording {
    /// Sets the policy after this tick.
    pub fn set_policy(&mut self, tick: u64, policy: AudioPolicy) {
        if self.policies.last().is_none_or(|(_, last)| *last != policy) {
            self.policies.push((tick, policy));
        }
    }

    /// Only later processes have reported its end.
    pub fn is_recovered(&self) -> bool {
        self.ends.iter().all(|end| end.process != self.process)
    }

    /// A host ends it, whose call is this one.
    pub fn end_known(&mut self, tick: u64, known: &KnownCall) {
        if self.is_live {
            self.known_at_end = Some(known.clone());
        }
        self.end(tick);
    }

    pub fn end(&mut self, tick: u64) {
        if self.is_live {
            self.is_live = false;
            self.set_policy(tick, AudioPolicy::Omit);
        }
    }
}

impl ModelState {
    pub fn begin_call(&mut self, steady: bool, device: &str) -> usize {
        let past = KeptPast::of_call(self.tick);
        self.calls.push(ModelCall {
            steady,
            disturbed: [false; 2],
            packets: Vec::new(),
            recordings: Vec::new(),
            past,
            known: KnownCall::of_device(device),
            masked_until: 0,
        });
        self.calls.len() - 1
    }

    /// Notes a recording that was accepted after this tick.
    pub fn record(&mut self, id: Uuid, call: usize, tick: u64, policy: AudioPolicy) {
        let process = self.process;
        self.calls[call].recordings.push(id);
        // The event of its start may have been reported first.
        let recording = self.recordings.entry(id).or_default();
        (recording.process, recording.call, recording.is_live) = (process, Some(call), true);
        recording.set_policy(tick, policy);
    }

    /// Notes a sent packet. Returns its number in the call.
    pub fn note_sent(&mut self, call: usize, packet: ModelPacket) -> usize {
        let packets = &mut self.calls[call].packets;
        packets.push(packet);
        packets.len() - 1
    }

    /// Notes that the host has written a packet, possibly again.
    pub fn note_written(&mut self, call: usize, number: usize) {
        let tick = self.tick;
        let packet = &mut self.calls[call].packets[number];
        packet.written.get_or_insert(tick);
        packet.last_written = Some(tick);
    }

    /// Whether a power cut may undo a reported end: the disk has refused to sync the published
    /// names, which is only logged.
    pub fn may_be_undone(&self, end: &ReportedEnd) -> bool {
        let mut deaths = self.deaths.range(end.process..);
        end.names_refused && deaths.any(|(_, death)| death.by_power)
    }

    /// Whether a power cut may have lost a part of a recording: the process that began it has died,
    /// and before another one could recover it, the power was cut.
    pub fn may_be_torn(&self, recording: &ModelRecording) -> bool {
        let recovered = recording.ends.iter().map(|end| end.process).min();
        let until = recovered.unwrap_or(recording.process).max(recording.process);
        let mut deaths = self.deaths.range(recording.process..until);
        recording.is_recovered() && deaths.any(|(_, death)| death.by_power)
    }

    /// Ends the recordings of a process that has ended.
    pub fn process_ended(&mut self, process: usize, death: Option<ProcessDeath>) {
        let tick = self.tick;
        let all = self.recordings.values_mut();
        for recording in all.filter(|recording| recording.process == process) {
            recording.end(tick);
        }
        if let Some(death) = death {
            self.deaths.insert(process, death);
        }
    }

    /// Adds a line to the trace.
    pub fn note(&mut self, text: String) {
        let line = format!("{} {text}", self.tick);
        self.trace.push(line);
    }

    pub fn fault(&mut self, text: String) {
        self.wrong.push(text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn may_be_torn(deaths: &[(usize, bool)], recovered_by: usize) -> bool {
        let end = ReportedEnd {
            process: recovered_by,
            state: RecordingState::Finished,
            reason: Some(EndReason::Recovered),
            repeated: false,
            path: String::new(),
            names_refused: false,
        };
        let recording = ModelRecording {
            process: 1,
            ends: vec![end],
            ..ModelRecording::default()
        };
        let death = |(process, by_power): &(usize, bool)| {
            let by_power = *by_power;
            (*process, ProcessDeath { tick: 0, by_power })
        };
        let state = ModelState {
            deaths: deaths.iter().map(death).collect(),
            ..ModelState::default()
        };
        state.may_be_torn(&recording)
    }

    #[test]
    fn only_a_power_cut_before_the_recovery_tears_a_recording() {
        assert!(!may_be_torn(&[(1, false)], 2), "a kill");
        assert!(may_be_torn(&[(1, true)], 2), "a power cut");
        assert!(
            may_be_torn(&[(1, false), (2, true)], 3),
            "between a kill and the recovery"
        );
        assert!(!may_be_torn(&[(1, false), (2, true)], 2), "after the recovery");
    }
}
