//! What must be true of a simulation, told without knowing how the library works.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use callrec_core::events::event::FLAG_REPEATED;
use callrec_core::events::{Event, Kind, Listener, LogLevel, LogListener};
use callrec_core::words::{EndReason, State};
use uuid::Uuid;

use super::disk::SimDisk;

/// A packet that somebody said.
#[derive(Clone, Debug)]
pub struct ModelPacket {
    pub mark: i16,
    pub leg: usize,
    /// Which of the leg's streams.
    pub stream: u32,
    /// The tick at which it was said.
    pub said: u64,
    /// The tick at which the host handed it in.
    pub handed: Option<u64>,
    /// It says when it was said. Until its sender is silent for once it may stand so many
    /// ticks later: by what the network delayed the stream's first packet, and behind another
    /// stream. `None`: it says nothing.
    pub late: Option<u64>,
    /// It may stand so many ticks earlier: a write after a short silence goes on where the
    /// one before it ended.
    pub early: u64,
}

/// What a recording is to do with what is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AudioPolicy {
    Keep,
    Leave,
    /// The call is held, and what is said then is not kept.
    Silence,
}

#[derive(Debug)]
pub struct ModelCall {
    /// The host never stalls in this call, so that every packet is heard when it is handed in.
    pub steady: bool,
    /// What is said on this leg may be dropped without a host or a disk being at fault.
    pub disturbed: [bool; 2],
    pub packets: Vec<ModelPacket>,
    pub recordings: Vec<Uuid>,
}

/// One end of a recording, as an event told it.
#[derive(Clone, Debug)]
pub struct ReportedEnd {
    pub process: usize,
    pub state: State,
    pub reason: Option<EndReason>,
    pub repeated: bool,
    pub path: String,
    /// The disk had refused to sync a directory before, in the same process.
    pub names_refused: bool,
}

/// A recording that was accepted.
#[derive(Clone, Debug, Default)]
pub struct ModelRecording {
    /// The process that began it.
    pub process: usize,
    pub call: Option<usize>,
    /// An event has told its start.
    pub started: bool,
    /// An event has told that it could not be made, and what was made of it could be removed.
    pub start_failed: bool,
    pub ends: Vec<ReportedEnd>,
    /// What it is to do from behind these ticks on, in order.
    pub wants: Vec<(u64, AudioPolicy)>,
    /// A discard was accepted.
    pub discarded: bool,
    pub is_live: bool,
    pub is_paused: bool,
}

/// How a process came to its end, where it did not close.
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
    /// MarkSource that belong into no recording.
    pub secret: BTreeSet<i16>,
    pub deaths: BTreeMap<usize, ProcessDeath>,
    pub process: usize,
    pub tick: u64,
    /// A process had nobody who listened to its events.
    pub somebody_was_deaf: bool,
    pub trace: Vec<String>,
    pub wrong: Vec<String>,
}

/// Shared by the hosts, who say what they do, and the engine's listener.
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
        let mut known = self.model.lock();
        let Some(view) = event.subject.recording() else {
            return;
        };
        let line = format!("event {} {} flags {}", event.kind.text(), view.id, event.flags);
        known.note(line);
        let (process, tick) = (known.process, known.tick);
        let recording = known.recordings.entry(view.id).or_default();
        match event.kind {
            Kind::Started => recording.started = true,
            Kind::Finished | Kind::Failed => {
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
            Kind::StartFailed => {
                recording.start_failed = !self.disk.has_refused_removal() && !self.disk.has_refused_names();
                recording.end(tick);
            }
            _ => {}
        }
    }
}

impl ModelRecording {
    /// From behind this tick on.
    pub fn want(&mut self, tick: u64, want: AudioPolicy) {
        if self.wants.last().is_none_or(|(_, last)| *last != want) {
            self.wants.push((tick, want));
        }
    }

    pub fn end(&mut self, tick: u64) {
        if self.is_live {
            self.is_live = false;
            self.want(tick, AudioPolicy::Leave);
        }
    }
}

impl ModelState {
    pub fn begin_call(&mut self, steady: bool) -> usize {
        self.calls.push(ModelCall {
            steady,
            disturbed: [false; 2],
            packets: Vec::new(),
            recordings: Vec::new(),
        });
        self.calls.len() - 1
    }

    /// A recording of this call was accepted behind this tick.
    pub fn record(&mut self, id: Uuid, call: usize, tick: u64, want: AudioPolicy) {
        let process = self.process;
        self.calls[call].recordings.push(id);
        // The event of its start may have come first.
        let recording = self.recordings.entry(id).or_default();
        (recording.process, recording.call, recording.is_live) = (process, Some(call), true);
        recording.want(tick, want);
    }

    /// Somebody says something; answers its number in the call.
    pub fn say(&mut self, call: usize, packet: ModelPacket) -> usize {
        let packets = &mut self.calls[call].packets;
        packets.push(packet);
        packets.len() - 1
    }

    /// The host has handed it in, perhaps once more.
    pub fn hand_in(&mut self, call: usize, number: usize) {
        let tick = self.tick;
        self.calls[call].packets[number].handed.get_or_insert(tick);
    }

    /// Whether a power cut may undo an end that was told: the disk has refused to sync the
    /// names of what was published, which is logged and not told.
    pub fn may_be_undone(&self, end: &ReportedEnd) -> bool {
        let mut deaths = self.deaths.range(end.process..);
        end.names_refused && deaths.any(|(_, death)| death.by_power)
    }

    /// Nothing of that process is live any more.
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

    /// Something has happened.
    pub fn note(&mut self, words: String) {
        let line = format!("{} {words}", self.tick);
        self.trace.push(line);
    }

    pub fn fault(&mut self, words: String) {
        self.wrong.push(words);
    }
}
