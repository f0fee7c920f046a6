//! Simulated hosts: calls that come and go, are recorded, paused, made private and ended.

use std::sync::{Arc, Mutex, PoisonError};

use callrec_core::calls::{CallInfo, Caller, Filter, Operation, RecordingSpec};
use callrec_core::engine::{Call, Engine, FeedSlot, OpenFeed};
use callrec_core::text::Text;
use callrec_core::words::{
    AudioSpec, Codec, FeedFormat, FeedOptions, Format, Layout, Leg, PauseMode, Status, parse_format,
};
use uuid::Uuid;

use super::model::{KnownRecording, MARKS, Model, PACKET_SAMPLES, mark_of};
use crate::random::Dice;

/// Where the host keeps an open feed.
#[derive(Clone, Default)]
struct Slot(Arc<Mutex<Option<OpenFeed>>>);

impl Slot {
    fn with<T>(&self, act: impl FnOnce(&mut OpenFeed) -> T) -> Option<T> {
        let mut feed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        feed.as_mut().map(act)
    }
}

impl FeedSlot for Slot {
    fn take(&self) -> Option<OpenFeed> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

struct LiveCall {
    call: Arc<Call>,
    call_id: String,
    feeds: [Slot; 2],
    recordings: Vec<Uuid>,
    private: bool,
    /// The host never stalls in this call, so that every packet is heard when it is handed in.
    steady: bool,
    /// The host's thread is held up for so many ticks, and then hands in what has come.
    stalled: u64,
    waiting: u64,
}

/// The hosts of one process.
pub struct Hosts {
    engine: Arc<Engine>,
    model: Model,
    dice: Dice,
    calls: Vec<LiveCall>,
    begun: u64,
    ticks: u64,
    process: usize,
    /// Every packet has a number of its own.
    next_packet: u16,
}

/// Milliseconds of a packet.
pub const PACKET_MS: u64 = 20;
const CALLS_MAX: usize = 4;

fn format() -> FeedFormat {
    FeedFormat {
        codec: Codec::Pcm16,
        rate: 8000,
    }
}

impl Hosts {
    pub fn new(engine: &Arc<Engine>, model: &Model, process: usize, first_packet: u16, dice: Dice) -> Hosts {
        Hosts {
            engine: engine.clone(),
            model: model.clone(),
            dice,
            calls: Vec::new(),
            begun: 0,
            ticks: 0,
            process,
            next_packet: first_packet,
        }
    }

    pub fn next_packet(&self) -> u16 {
        self.next_packet
    }

    /// One packet's time goes by.
    pub fn tick(&mut self, now_ns: u64) {
        self.ticks += 1;
        if self.calls.len() < CALLS_MAX && self.dice.chance(4) {
            self.begin_call();
        }
        for index in 0..self.calls.len() {
            self.hand_in(index, now_ns);
            if self.dice.chance(8) {
                self.control(index);
            }
        }
        if !self.calls.is_empty() && self.dice.chance(1) {
            let call = self.calls.swap_remove(self.dice.index(self.calls.len()));
            self.end(call);
        }
    }

    pub fn live_calls(&self) -> usize {
        self.calls.len()
    }

    fn trace(&self, line: String) {
        self.model.lock().trace.push(line);
    }

    fn begin_call(&mut self) {
        self.begun += 1;
        let call_id = format!("{}-{}", self.process, self.begun);
        let info = CallInfo {
            call_id: Text::new(&call_id),
            ..CallInfo::default()
        };
        let Ok(call) = self.engine.begin_call(info) else {
            return;
        };
        self.trace(format!("call {call_id} begins"));
        let feeds = [Leg::Local, Leg::Remote].map(|leg| {
            let options = FeedOptions {
                format: format(),
                ahead_ms: 0,
                channels: 1,
            };
            let slot = Slot::default();
            let placed = call.open_feed(leg, options, |open| {
                *slot.0.lock().unwrap_or_else(PoisonError::into_inner) = open.take();
                Some(slot.clone())
            });
            if let Err(error) = placed {
                self.model
                    .lock()
                    .fault(format!("a feed cannot be opened: {}", error.message));
            }
            slot
        });
        self.calls.push(LiveCall {
            call,
            call_id,
            feeds,
            recordings: Vec::new(),
            private: false,
            steady: self.dice.chance(50),
            stalled: 0,
            waiting: 0,
        });
    }

    fn hand_in(&mut self, index: usize, now_ns: u64) {
        let call = &mut self.calls[index];
        if call.stalled == 0 && !call.steady && self.dice.chance(1) {
            call.stalled = self.dice.between(1, 30);
        }
        call.waiting += 1;
        call.stalled = call.stalled.saturating_sub(1);
        if call.stalled > 0 {
            return;
        }
        let waiting = std::mem::take(&mut call.waiting);
        for back in (0..waiting).rev() {
            let tick = self.ticks - back;
            for leg in 0..2 {
                if self.next_packet == MARKS {
                    return;
                }
                let mark = mark_of(self.next_packet);
                self.next_packet += 1;
                let bytes = mark.to_ne_bytes().repeat(PACKET_SAMPLES);
                let status = call.feeds[leg].with(|open| open.feed.write(&bytes, 1_000_000_000_000 + now_ns));
                if status == Some(Status::Ok) {
                    self.model
                        .lock()
                        .said(&call.recordings, call.private, leg, mark, tick);
                }
            }
        }
    }

    fn control(&mut self, index: usize) {
        match self.dice.below(8) {
            0..=2 => self.start(index),
            3 | 4 => self.operate(index, Operation::Pause),
            5 => self.operate(index, Operation::Resume),
            6 => {
                let operation = match self.dice.chance(70) {
                    true => Operation::Stop,
                    false => Operation::Discard,
                };
                self.operate(index, operation);
            }
            _ => {
                let call = &mut self.calls[index];
                let private = !call.private;
                if call.call.set_private(private).is_ok() {
                    call.private = private;
                    let mut known = self.model.lock();
                    for id in &call.recordings {
                        if let Some(recording) = known.recordings.get_mut(id) {
                            recording.change(self.ticks, call.steady);
                        }
                    }
                    drop(known);
                    self.trace(format!("call {} private {private}", self.calls[index].call_id));
                }
            }
        }
    }

    fn start(&mut self, index: usize) {
        if self.calls[index].recordings.len() >= 3 {
            return;
        }
        let formats: Vec<Format> = ["wav", "au"]
            .iter()
            .filter_map(|name| parse_format(name).ok())
            .collect();
        let spec = RecordingSpec::new(AudioSpec {
            layout: Layout::Stereo,
            format: self.dice.pick(&formats),
            pause_mode: self.dice.pick(&[PauseMode::Silence, PauseMode::Skip]),
            max_duration_ms: 0,
            rate: 0,
        });
        let target = Filter {
            call_id: Text::new(&self.calls[index].call_id),
            ..Filter::default()
        };
        let Ok(id) = self.engine.start(&Caller::Host, &target, Ok(spec)) else {
            return;
        };
        self.trace(format!("recording {id} of call {}", self.calls[index].call_id));
        self.calls[index].recordings.push(id);
        let mut known = self.model.lock();
        let recording = KnownRecording {
            process: self.process,
            is_live: true,
            changed: self.ticks,
            ..KnownRecording::default()
        };
        known.recordings.insert(id, recording);
    }

    fn operate(&mut self, index: usize, operation: Operation) {
        if self.calls[index].recordings.is_empty() {
            return;
        }
        let of = self.dice.index(self.calls[index].recordings.len());
        let id = self.calls[index].recordings[of];
        let text = super::world::text_of(id);
        let done = self.engine.control_by_id(&Caller::Host, operation, &text);
        self.trace(format!(
            "{operation:?} {id}: {:?}",
            done.as_ref().map_err(|error| error.status)
        ));
        if done.is_err() {
            return;
        }
        let mut known = self.model.lock();
        let Some(recording) = known.recordings.get_mut(&id) else {
            return;
        };
        recording.change(self.ticks, self.calls[index].steady);
        match operation {
            Operation::Pause => recording.is_paused = true,
            Operation::Resume => recording.is_paused = false,
            Operation::Stop => recording.is_live = false,
            Operation::Discard => {
                recording.is_live = false;
                recording.discarded = true;
            }
        }
        if !recording.is_live {
            self.calls[index].recordings.swap_remove(of);
        }
    }

    fn end(&mut self, call: LiveCall) {
        let ended = call.call.end();
        self.trace(format!("call {} ends: {}", call.call_id, ended.is_ok()));
        let mut known = self.model.lock();
        for id in &call.recordings {
            if let Some(recording) = known.recordings.get_mut(id) {
                recording.change(self.ticks, call.steady);
                recording.is_live = false;
            }
        }
    }
}
