//! What must be true of a simulation, told without knowing how the library works.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use callrec_core::calls::View;
use callrec_core::events::event::FLAG_REPEATED;
use callrec_core::events::{Event, Kind, Listener};
use callrec_core::words::{EndReason, State};
use uuid::Uuid;

use super::disk::SimDisk;

/// Samples of one packet; all of them are its mark.
pub const PACKET_SAMPLES: usize = 160;

/// How many packets can be told apart.
pub const MARKS: u16 = 127 * 128;

/// The mark of a packet. Read with its bytes in the wrong order, it is none.
pub fn mark_of(packet: u16) -> i16 {
    let (high, low) = (1 + (packet / 128) % 127, 0x80 | (packet % 128));
    ((high << 8) | low) as i16
}

/// A packet that was handed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Said {
    pub mark: i16,
    /// The tick at which it was said: the host may have handed it in later.
    pub tick: u64,
    /// It was said before the recording was started or resumed, and handed in afterwards: it
    /// may be kept or not.
    pub may_miss: bool,
}

/// One end of a recording, as an event told it.
#[derive(Clone, Debug)]
pub struct ToldEnd {
    pub process: usize,
    pub state: State,
    pub reason: Option<EndReason>,
    pub repeated: bool,
    pub path: String,
    pub lost_ms: u64,
}

/// A recording that was accepted.
#[derive(Clone, Debug, Default)]
pub struct KnownRecording {
    /// The process that began it.
    pub process: usize,
    /// An event has told its start.
    pub started: bool,
    pub ends: Vec<ToldEnd>,
    /// The marks that were handed in while it was live and nothing paused it, by leg.
    pub said: [Vec<Said>; 2],
    /// The tick of its start, or of what the call's control has last changed of it.
    pub changed: u64,
    /// A discard was accepted.
    pub discarded: bool,
    pub is_live: bool,
    pub is_paused: bool,
}

/// A burst after a stall is placed no further from where it was said, in ticks.
const BURST_TICKS: u64 = 60;

impl KnownRecording {
    /// It is started, paused, resumed or ended at this tick. What a host that stalls has
    /// handed in shortly before may be heard, by its place in time, before or after that.
    pub fn change(&mut self, tick: u64, steady: bool) {
        self.changed = tick;
        let near = |said: &&mut Said| !steady && said.tick + BURST_TICKS >= tick;
        for said in self.said.iter_mut().flatten().filter(near) {
            said.may_miss = true;
        }
    }
}

#[derive(Default)]
pub struct Known {
    pub recordings: BTreeMap<Uuid, KnownRecording>,
    /// Marks that belong into no recording.
    pub secret: BTreeSet<i16>,
    /// Marks that belong into a recording that may not have been kept.
    pub spoken: BTreeSet<i16>,
    pub process: usize,
    pub trace: Vec<String>,
    pub wrong: Vec<String>,
}

/// Shared by the hosts, who say what they do, and the engine's listener.
#[derive(Clone, Default)]
pub struct Model(Arc<Mutex<Known>>);

impl Model {
    pub fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn listener(&self, disk: &SimDisk) -> Arc<dyn Listener> {
        Arc::new(ModelListener {
            model: self.clone(),
            disk: disk.clone(),
        })
    }
}

struct ModelListener {
    model: Model,
    disk: SimDisk,
}

impl Listener for ModelListener {
    fn event(&self, event: &Event, _: u64) {
        if self.disk.has_died() {
            return;
        }
        let mut known = self.model.lock();
        let Some(view) = &event.subject else { return };
        let line = format!("event {} {} flags {}", event.kind.text(), view.id, event.flags);
        known.trace.push(line);
        let process = known.process;
        let recording = known.recordings.entry(view.id).or_default();
        match event.kind {
            Kind::Started => recording.started = true,
            Kind::Finished | Kind::Failed => {
                recording.is_live = false;
                recording.ends.push(told_end(process, event, view));
            }
            Kind::StartFailed => recording.is_live = false,
            _ => {}
        }
    }
}

fn told_end(process: usize, event: &Event, view: &View) -> ToldEnd {
    ToldEnd {
        process,
        state: view.state,
        reason: view.end_reason,
        repeated: event.flags & FLAG_REPEATED != 0,
        path: view.path.to_string(),
        lost_ms: view.readings.lost_ms,
    }
}

impl Known {
    /// A packet was taken: it belongs into every recording that is live and not paused.
    pub fn said(&mut self, live: &[Uuid], private: bool, leg: usize, mark: i16, tick: u64) {
        let mut is_kept = false;
        for id in live {
            if let Some(recording) = self.recordings.get_mut(id)
                && recording.is_live
                && !recording.is_paused
                && !private
            {
                let may_miss = tick < recording.changed;
                recording.said[leg].push(Said { mark, tick, may_miss });
                is_kept = true;
            }
        }
        match is_kept {
            true => self.spoken.insert(mark),
            false => self.secret.insert(mark),
        };
    }

    /// Nothing of that process is live any more.
    pub fn process_died(&mut self, process: usize) {
        let all = self.recordings.values_mut();
        for recording in all.filter(|recording| recording.process == process) {
            recording.is_live = false;
        }
    }

    pub fn fault(&mut self, words: String) {
        self.wrong.push(words);
    }
}
