//! The operations of simulated hosts on their calls and recordings.

use callrec_core::calls::spec::ADDITIONAL;
use callrec_core::calls::{
    CallState, CallUpdate, Caller, ControlCounts, ControlOperation, Filter, RecordingSpec, RefusalAction,
};
use callrec_core::recorder::Recorder;
use callrec_core::text::Text;
use callrec_core::types::{AudioSpec, Format, KeepRaw, Layout, PauseMode, Result, parse_format};
use uuid::Uuid;

use super::host::Hosts;
use super::known_call::KnownCall;
use super::model::ModelRecording;
use super::run_frames::RUN_FORMAT;

const RECORDINGS_MAX: usize = 4;

/// The formats that the model can read; of Opus, the length. Without the feature `faults`
/// the first one replaces the third one.
const FORMATS: [&str; 6] = [
    "wav",
    "au",
    "test-paged",
    "flac;level=0",
    "opus;complexity=0",
    RUN_FORMAT,
];

/// Formats with the containers of the first two, which keep a pattern only as a byte that others have
/// too: the model knows their length.
const LAW_FORMATS: [[&str; 2]; 2] = [["wav-ulaw", "wav-alaw"], ["au-ulaw;tags=1", "au-alaw"]];

impl Hosts {
    pub fn control(&mut self, index: usize) {
        match self.rng.below(18) {
            0..=4 => self.start(index),
            5 | 6 => self.by_id(index, ControlOperation::Pause),
            7 | 8 => self.by_id(index, ControlOperation::Resume),
            9 | 10 => {
                let operation = self.ending();
                self.by_id(index, operation);
            }
            11 => self.by_line_or_call(index),
            12 => self.change_sender(index),
            13 => self.transfer(index),
            14 => self.hold(index),
            15 => self.relate(index),
            16 => self.name_parties(index),
            _ => self.make_private(index),
        }
    }

    fn ending(&mut self) -> ControlOperation {
        match self.rng.chance(70) {
            true => ControlOperation::Stop,
            false => ControlOperation::Discard,
        }
    }

    fn start(&mut self, index: usize) {
        if self.calls[index].recordings.len() >= RECORDINGS_MAX {
            return;
        }
        let Some(format) = self.format(index) else {
            return;
        };
        let keeps_raw = (index + self.calls[index].recordings.len()).is_multiple_of(2);
        let audio = AudioSpec {
            layout: Layout::Stereo,
            format,
            pause_mode: self.rng.pick(&[PauseMode::Silence, PauseMode::Skip]),
            max_duration_ms: 0,
            rate: 0,
        };
        let lookback_ms = self.lookback_of_start();
        let spec = RecordingSpec {
            lookback_ms,
            flags: if self.rng.chance(30) { ADDITIONAL } else { 0 },
            keep_raw: if keeps_raw {
                KeepRaw::Always
            } else {
                KeepRaw::Never
            },
            ..RecordingSpec::new(audio)
        };
        let target = Filter {
            call_id: Text::new(&self.any_id(index)),
            ..Filter::default()
        };
        if let Ok(id) = self.engine.start(&Caller::Host, &target, Ok(spec)) {
            let tick = self.model.lock().tick;
            self.begun(index, id, tick, false);
            if lookback_ms > 0 {
                self.began_earlier(index, id, lookback_ms);
            }
        }
    }

    /// The format of the call's next recording. Every other file of WAV or AU is one of G.711, which
    /// changes nothing else in the simulation of a seed.
    fn format(&mut self, index: usize) -> Option<Format> {
        let name = self.rng.pick(&FORMATS);
        let number = index + self.calls[index].recordings.len();
        let container = FORMATS.iter().position(|format| *format == name);
        let of_law = container.and_then(|container| LAW_FORMATS.get(container));
        let name = match of_law {
            Some(names) if !number.is_multiple_of(2) => names[number / 2 % 2],
            _ => name,
        };
        parse_format(name).or_else(|_| parse_format(FORMATS[0])).ok()
    }

    fn by_id(&mut self, index: usize, operation: ControlOperation) {
        if self.calls[index].recordings.is_empty() {
            return;
        }
        let of = self.rng.index(self.calls[index].recordings.len());
        let id = self.calls[index].recordings[of];
        let text = super::process::text_of(id);
        let done = self.engine.control_by_id(&Caller::Host, operation, &text);
        let status = done.as_ref().map_err(|error| error.status);
        self.trace(format!("{operation:?} {id}: {status:?}"));
        if done.is_ok() {
            self.operated(index, operation, |state| state == id);
        }
    }

    /// Operates on every recording of a device or of a call.
    fn by_line_or_call(&mut self, index: usize) {
        let operation = match self.rng.below(4) {
            0 => self.ending(),
            1 => ControlOperation::Resume,
            _ => ControlOperation::Pause,
        };
        let (device, call_id) = (self.calls[index].device, self.any_id(index));
        let (engine, host) = (self.engine.clone(), Caller::Host);
        if self.rng.chance(50) {
            let done = engine.control_by_call(&host, operation, &Text::new(&call_id), None);
            self.counted(operation, &format!("call {call_id}"), done, &[index]);
            return;
        }
        // A call that has moved to the line in this tick has a recording already.
        let tick = self.model.lock().tick;
        (0..self.calls.len()).for_each(|index| self.find_automatic(index, tick));
        let done = engine.control_by_line(&host, operation, &Text::new(device), &Text::default());
        let of_it = (0..self.calls.len()).filter(|index| self.calls[*index].device == device);
        let of_it: Vec<usize> = of_it.collect();
        self.counted(operation, device, done, &of_it);
    }

    fn counted(
        &mut self,
        operation: ControlOperation,
        of: &str,
        done: Result<ControlCounts>,
        calls: &[usize],
    ) {
        let reported = match done {
            Ok(counts) => counts.changed,
            Err(error) => return self.trace(format!("{operation:?} of {of}: {:?}", error.status)),
        };
        self.trace(format!("{operation:?} of {of}: {reported} changed"));
        let unclear: u32 = calls.iter().map(|index| self.unclear_pauses(*index)).sum();
        let changed: u32 = calls
            .iter()
            .map(|index| self.operated(*index, operation, |_| true))
            .sum();
        if self.disk_is_sound && changed.abs_diff(reported) > unclear {
            let text = format!("{operation:?} of {of} changed {changed} recordings, but reports {reported}");
            self.model.lock().fault(text);
        }
    }

    /// The recordings of a call that may be paused.
    fn unclear_pauses(&self, index: usize) -> u32 {
        let state = self.model.lock();
        let recordings = self.calls[index].recordings.iter();
        let of_it = recordings.filter_map(|id| state.recordings.get(id));
        of_it.filter(|recording| recording.may_be_paused).count() as u32
    }

    /// Notes an operation on those recordings of a call that `which` chooses. Returns how many it
    /// has changed.
    fn operated(&mut self, index: usize, operation: ControlOperation, which: impl Fn(Uuid) -> bool) -> u32 {
        let mut changed = 0;
        {
            let mut state = self.model.lock();
            let tick = state.tick;
            let known = state.calls[self.calls[index].number].known.clone();
            for id in &self.calls[index].recordings {
                if let Some(recording) = state.recordings.get_mut(id)
                    && which(*id)
                    && recording.is_live
                    && operate(recording, operation, tick, &known)
                {
                    changed += 1;
                }
            }
            let calls = &mut self.calls[index].recordings;
            calls.retain(|id| state.recordings.get(id).is_none_or(|state| state.is_live));
        }
        self.changed(index);
        changed
    }

    fn hold(&mut self, index: usize) {
        let held = !self.calls[index].held;
        let update = CallUpdate {
            state: Some(if held {
                CallState::Held
            } else {
                CallState::Connected
            }),
            ..CallUpdate::default()
        };
        if self.calls[index].call.update(&update).is_ok() {
            self.calls[index].held = held;
            self.changed(index);
            let line = format!("call {} held {held}", self.calls[index].call_id);
            self.trace(line);
        }
    }

    /// The refusal of consent ends the recordings of a call.
    pub fn refused(&mut self, index: usize) {
        let operation = match self.on_refusal {
            RefusalAction::Stop => ControlOperation::Stop,
            RefusalAction::Discard => ControlOperation::Discard,
        };
        self.operated(index, operation, |_| true);
    }

    fn make_private(&mut self, index: usize) {
        let private = !self.calls[index].private;
        if self.calls[index].call.set_private(private).is_ok() {
            self.calls[index].private = private;
            if !self.calls[index].forbids_audio(self.needs_consent) {
                self.note_pauses(index);
            }
            self.changed(index);
            let line = format!("call {} private {private}", self.calls[index].call_id);
            self.trace(line);
        }
    }
}

/// Notes an operation on a recording. Returns whether it has changed the recording.
fn operate(
    recording: &mut ModelRecording,
    operation: ControlOperation,
    tick: u64,
    known: &KnownCall,
) -> bool {
    let was_paused = recording.is_paused;
    match operation {
        ControlOperation::Pause => recording.is_paused = true,
        ControlOperation::Resume => recording.is_paused = false,
        ControlOperation::Stop | ControlOperation::Discard => {
            recording.discarded |= operation == ControlOperation::Discard;
            recording.end_known(tick, known);
            return true;
        }
    }
    was_paused != recording.is_paused
}
